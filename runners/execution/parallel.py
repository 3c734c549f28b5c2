"""Lanes: blocks of one run that are trained at the same time, one a core, with the numbers that each has alone.

The operations of a single block leave much of a second core idle: each is cut in two, and most are too short for that.
Two blocks in two threads share the compiled program and nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

Block = TypeVar("Block")
Result = TypeVar("Result")


def default_parallel_blocks(device: str) -> int:
    """How many lanes there are where nothing else is said: one for each core that this process may use, one on a GPU.

    joblib tells its processes their part of the cores by OMP_NUM_THREADS.
    """
    if device != "cpu":
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    told = os.environ.get("OMP_NUM_THREADS", "")
    return min(cores, int(told)) if told.isdecimal() and int(told) else cores


def train_in_parallel(
    blocks: Sequence[Block], lanes: int, train: Callable[[Block, int, int], Result]
) -> Iterator[Result]:
    """What `train(block, lane, sharing)` returns, block by block as they are done; sharing: how many are under way.

    Blocks are trained in groups of `lanes`. Where one of a group fails, the results of the others are still handed out
    before its exception is raised.
    """
    with ThreadPoolExecutor(max(1, min(lanes, len(blocks)))) as pool:
        for at in range(0, len(blocks), lanes):
            together = blocks[at : at + lanes]
            futures = [pool.submit(train, block, lane, len(together)) for lane, block in enumerate(together)]
            faults = []
            for future in as_completed(futures):
                if future.exception():
                    faults.append(future.exception())
                else:
                    yield future.result()
            if faults:
                raise faults[0]
