"""Contestants: each in a fresh process of its own, working in turn, timed where it works and only there.

Timings of shared machines drift, so nothing is compared across runs: contestants stand ready together and work one
after another in an order that reads the same from both ends (ABBA), the others waiting. A round gives one ratio, from
fresh processes; a table shows the median over rounds and a 95 % t interval on logarithms. It holds from two rounds on,
where an order-statistic interval needs six and a bootstrap of the median covers far too little below ten.
"""

from __future__ import annotations

import contextlib
import importlib
import math
import multiprocessing
import os
import resource
import statistics
import sys
import time
import traceback
from collections.abc import Mapping, Sequence

import numpy as np


class Contestant:
    """An object in a fresh process: `Contestant("package.module:Class", ...)` is built there from these arguments.

    environment: variables set there before anything is imported. Use it in a `with`, which ends the process.
    """

    def __init__(self, target: str, *arguments, environment: Mapping[str, str] | None = None):
        context = multiprocessing.get_context("spawn")
        self._name = f"{target} {arguments[0] if arguments else ''}".strip()
        self._pipe, theirs = context.Pipe()
        words = (target, arguments, dict(environment or {}), theirs)
        self._process = context.Process(target=_serve, args=words, daemon=True)
        self._process.start()
        theirs.close()

    def __enter__(self) -> Contestant:
        return self

    def __exit__(self, *_) -> None:
        with contextlib.suppress(OSError):
            self._pipe.send(None)
        self._process.join(10)
        self._process.kill()
        self._process.join()

    def ask(self, *words):
        """(seconds, result) of one call: the name of a method, then its arguments. Raises RuntimeError if it fails."""
        try:
            self._pipe.send(words)
            seconds, result, error = self._pipe.recv()
        except (EOFError, OSError):
            self._process.join(1)
            raise RuntimeError(
                f"{self._name} died (exit code {self._process.exitcode}) when asked to {words[0]}."
            ) from None
        if error:
            raise RuntimeError(f"{self._name} failed when asked to {words[0]}:\n{error}")
        return seconds, result


def _serve(target, arguments, environment, pipe) -> None:
    os.environ.update(environment)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libraries talk while they start; what fails is sent as a traceback
    try:
        module, _, name = target.partition(":")
        contestant = getattr(importlib.import_module(module), name)(*arguments)
        while (asked := pipe.recv()) is not None:
            name, *words = asked
            started = time.perf_counter()
            result = getattr(contestant, name)(*words)
            pipe.send((time.perf_counter() - started, result, ""))
    except EOFError:
        pass  # whoever asked is gone
    except BaseException:
        with contextlib.suppress(OSError):
            pipe.send((0.0, None, traceback.format_exc()))


def peak_memory_bytes() -> int:
    """The largest resident size that this process has had.

    Linux counts what the process was started from as well, so whoever starts contestants must stay small.
    """
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def turns(entries: Sequence, even: bool) -> list:
    """The order of a round's turns: there and back, beginning at the other end in every second round."""
    there = list(entries) if even else list(entries)[::-1]
    return [*there, *there[::-1]]


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """The median, and a 95 % t interval on the logarithms (0 to infinity where there is one value)."""
    from scipy import stats

    if len(values) < 2:
        return statistics.median(values), 0.0, math.inf
    logs = np.log(values)
    reach = stats.t.ppf(0.975, len(logs) - 1) * stats.sem(logs)
    return statistics.median(values), math.exp(logs.mean() - reach), math.exp(logs.mean() + reach)
