"""How cost grows: the exponent of seconds against size, and whether that is worse than linear. Numbers alone."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence

import numpy as np

from tests.perf.contest import interval

NEAR = 1.05  # an exponent up to which growth counts as linear, whatever its interval


def upper_half(x: Sequence[float]) -> list[int]:
    """Where the sizes stand that lie in the upper half, on a logarithmic scale: below it fixed costs weigh most."""
    middle = (math.log(min(x)) + math.log(max(x))) / 2
    return [i for i, size in enumerate(x) if math.log(size) > middle - 1e-9]


def exponent(x: Sequence[float], rounds: Sequence[Sequence[float]]) -> tuple[float, float, float]:
    """The slope of log seconds on log x over the upper half: its mean over the rounds, with a 95 % t interval.

    rounds: of each round the seconds at every x. A machine drifts from round to round, so each has a slope of its own;
    from one round alone no interval can be had, and it is unbounded.
    """
    from scipy import stats

    at = upper_half(x)
    slopes = [np.polyfit(np.log(np.take(x, at)), np.log(np.take(seconds, at)), 1)[0] for seconds in rounds]
    mean = float(np.mean(slopes))
    reach = float(stats.t.ppf(0.975, len(slopes) - 1) * stats.sem(slopes)) if len(slopes) > 1 else math.inf
    return mean, mean - reach, mean + reach


def linear(mean: float, low: float) -> bool:
    """Whether an exponent with this lower end is not worse than 1."""
    return low <= 1 or mean <= NEAR


def describe(x: Sequence[float], rounds: Sequence[Sequence[float]]) -> dict:
    """A series as numbers: x, medians of the seconds with their intervals, exponent, constant and verdict.

    constant: seconds for each unit of x, at the largest x.
    """
    middles, lows, highs = zip(*(interval(seconds) for seconds in zip(*rounds, strict=True)), strict=True)
    mean, low, high = exponent(x, rounds)
    return {
        "x": list(x),
        "seconds": list(middles),
        "low": [_known(value) for value in lows],
        "high": [_known(value) for value in highs],
        "exponent": mean,
        "exponent_low": _known(low),
        "exponent_high": _known(high),
        "constant": statistics.median(seconds[-1] for seconds in rounds) / x[-1],
        "linear": linear(mean, low),
    }


def worse(series: Sequence[Mapping]) -> list[str]:
    """The names of the series that grow faster than linearly."""
    return [one["name"] for one in series if not one["linear"]]


def _known(value: float) -> float | None:
    return value if math.isfinite(value) and value else None  # JSON has no infinity
