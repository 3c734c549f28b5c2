"""Blocks of one run that are trained at the same time, one per core, with the numbers that each has alone.

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
    """How many blocks are trained at the same time by default.

    Args:
        device: `cpu` or `gpu`.

    Returns:
        One per core that this process may use (joblib tells its processes their part of them by OMP_NUM_THREADS), one
        on a GPU.
    """
    if device != "cpu":
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = os.environ.get("OMP_NUM_THREADS", "")
    return min(cores, int(threads)) if threads.isdecimal() and int(threads) else cores


def train_in_parallel(
    blocks: Sequence[Block], parallel: int, train: Callable[[Block, int, int], Result]
) -> Iterator[Result]:
    """Trains blocks, several at a time.

    Args:
        blocks: in the order in which they are taken.
        parallel: how many are trained at the same time; the next ones wait for all of these.
        train: train(block, thread, sharing): the block's place among those that are trained at the same time, from 0,
            and how many those are.

    Yields:
        What `train` returns, block by block as they are done.

    Raises:
        Exception: that of the first block that failed, after the results of the others of its group were handed out.
    """
    with ThreadPoolExecutor(max(1, min(parallel, len(blocks)))) as pool:
        for start in range(0, len(blocks), parallel):
            group = blocks[start : start + parallel]
            futures = [pool.submit(train, block, thread, len(group)) for thread, block in enumerate(group)]
            faults = []
            for future in as_completed(futures):
                if future.exception():
                    faults.append(future.exception())
                else:
                    yield future.result()
            if faults:
                raise faults[0]
