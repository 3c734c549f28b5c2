"""Progress of a run: a bar with rate and remaining time on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable

_QUIET_S = 10.0  # between two plain lines


class Progress:
    """Adds up how far the blocks of a run are that are trained at the same time, and reports the sums."""

    def __init__(self, report: Callable[[int, int, float], None], total: int):
        self._report, self._total, self._lock = report, total, threading.Lock()
        self._done: dict[int, int] = {}
        self._seconds: dict[int, float] = {}

    def update(self, block: int, done: int, seconds: float) -> None:
        """Takes in how far a block is, and reports the sums.

        Args:
            block: its name.
            done: its replica-steps so far.
            seconds: of its training so far.
        """
        with self._lock:
            self._done[block], self._seconds[block] = done, seconds
            self._report(sum(self._done.values()), self._total, sum(self._seconds.values()))


class Bar:
    """Called with (replica-steps done, of how many, seconds of training). A context manager."""

    def __init__(self, names: tuple[str, ...], position: str = ""):
        self._name = " · ".join([*([position] if position else []), *names])
        self._last = time.monotonic()
        self._bar = None

    def __enter__(self) -> Bar:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeRemainingColumn(),
            )
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task(self._name, total=None, rate="compiling")
        return self

    def __call__(self, done: int, total: int, seconds: float) -> None:
        rate = f"{done / seconds:,.0f} replica-steps/s" if seconds else ""
        if self._bar:
            self._bar.update(self._task, completed=done, total=total, rate=rate)
        elif time.monotonic() - self._last > _QUIET_S:
            self._last = time.monotonic()
            left = (total - done) * seconds / done if done else float("nan")
            print(f"{self._name}: {done / total:.0%}, {rate}, about {left:.0f} s left", file=sys.stderr, flush=True)

    def __exit__(self, *_) -> None:
        if self._bar:
            self._bar.stop()
