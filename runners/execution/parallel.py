"""Blocks of one run that are trained at the same time, one per core, with the numbers that each has alone.

The operations of a single block leave much of a second core idle: each is cut in two, and most are too short for that.
Two blocks in two threads share the compiled program and nothing else.
"""

from __future__ import annotations

import os
import queue
import threading
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
    """Trains blocks, several at a time: whoever is free takes the next one.

    Args:
        blocks: in the order in which they are taken.
        parallel: how many are trained at the same time, at most.
        train: train(block, thread, sharing): a number from 0 that no other block has that is trained at the same time,
            and how many those are when it begins, as long as none of them ends.

    Yields:
        What `train` returns, block by block as they are done.

    Raises:
        Exception: that of a block that failed: no other is begun then, and what those that were under way came to has
            been handed out before.
    """
    most = max(1, min(parallel, len(blocks)))
    free: queue.SimpleQueue[int] = queue.SimpleQueue()
    for thread in range(most):
        free.put(thread)
    unfinished, counting, given_up = len(blocks), threading.Lock(), threading.Event()

    def train_next(block: Block) -> list[Result]:
        nonlocal unfinished
        if given_up.is_set():
            return []
        thread = free.get()
        try:
            return [train(block, thread, min(most, unfinished))]
        except BaseException:
            given_up.set()
            raise
        finally:
            with counting:
                unfinished -= 1
            free.put(thread)

    faults = []
    with ThreadPoolExecutor(most) as pool:
        try:
            for future in as_completed([pool.submit(train_next, block) for block in blocks]):
                if future.exception():
                    faults.append(future.exception())
                else:
                    yield from future.result()
        finally:
            given_up.set()  # also where whoever takes the results has given up
    if faults:
        raise faults[0]
