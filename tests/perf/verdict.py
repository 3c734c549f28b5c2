"""Whether one side is slower than the other: the rule, its threshold, its errors, counters, and the machine's fitness.

Pure functions of numbers. A number is one process's median; a side is as many of them as there were processes. The
process is what is repeated: medians of identical code differ far more between processes than within one.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

LEAST = 0.05  # no threshold is lower: identical code moves a median by so much
MOST = 0.20  # a threshold that would be higher says that the machine is not fit to judge
QUANTILE = 99  # of what A/A shows
SPLITS = 1000  # drawn where there are more
BUSY, STEAL, FREE = 0.15, 0.05, 2 * 2**30  # shares of the cores' time, and bytes


@dataclass(frozen=True)
class Judgement:
    """What was found of a case. ratio, least: ours over BASE's, of medians and of minima over processes.

    word: `same`, `slower`, `faster`, or `unfit` where the threshold would exceed MOST.
    """

    ratio: float
    least: float
    threshold: float
    word: str


def judge(base: Sequence[float], ours: Sequence[float]) -> Judgement:
    """The rule on one case: slower if the ratio of medians is beyond 1 + t, and that of minima beyond 1 + t/2."""
    one, other = np.log([base]), np.log([ours])
    limit = thresholds(one, other)
    slower, faster = beyond(one, other, limit)[0], beyond(other, one, limit)[0]
    word = "unfit" if limit[0] > MOST else "slower" if slower else "faster" if faster else "same"
    ratio, least = np.median(ours) / np.median(base), min(ours) / min(base)
    return Judgement(float(ratio), float(least), float(limit[0]), word)


def thresholds(base: np.ndarray, ours: np.ndarray) -> np.ndarray:
    """From logarithms [trials, n] of both sides, the excess t [trials] that no A/A comparison of n processes reaches.

    A/A out of what was measured: each side less its own median (so that a real difference does not count), both
    together, split into halves of n in every way (in 1,000 ways where there are more). t is the 99th percentile of the
    ratios of the halves' medians, in either direction, and at least 5 %. The logarithm is widened by √(n/(n−1)), since
    numbers lie nearer to their own median than to the true one.
    """
    n = base.shape[1]
    rest = np.concatenate([side - np.median(side, 1, keepdims=True) for side in (base, ours)], 1)
    found = []
    for some in np.array_split(rest, 1 + len(rest) // 100):  # all at once would be gigabytes
        halves = some[:, splits(n)]
        gaps = np.abs(np.median(halves[..., :n], -1) - np.median(halves[..., n:], -1))
        found.append(np.percentile(gaps, QUANTILE, axis=1))
    return np.maximum(LEAST, np.expm1(np.concatenate(found) * math.sqrt(n / (n - 1))))


def beyond(base: np.ndarray, ours: np.ndarray, limit: np.ndarray) -> np.ndarray:
    """Which of the trials [trials, n] of logarithms the rule flags at these thresholds [trials]."""
    ratio = np.median(ours, 1) - np.median(base, 1)
    least = ours.min(1) - base.min(1)
    return (limit <= MOST) & (ratio > np.log1p(limit)) & (least > np.log1p(limit / 2))


@functools.cache
def splits(n):
    """[ways, 2n]: indices whose first n are one half and whose last n the other."""
    every = range(2 * n)
    if math.comb(2 * n, n) <= SPLITS:
        halves = [(*half, *(i for i in every if i not in half)) for half in itertools.combinations(every, n)]
        return np.array(halves)
    return np.argsort(np.random.default_rng(0).random((SPLITS, 2 * n)), 1)


# How often the rule errs


def called(draw: Callable[[int], tuple[np.ndarray, np.ndarray]], n: int) -> dict[str, float]:
    """How often the whole procedure calls ours slower, and the machine unfit, when it is done again and again.

    draw: a number of processes -> logarithms [trials, processes] of both sides. What n processes flag, or cannot
    judge, is measured again with 2n, and that decides.
    """
    one, other = draw(n)
    limit = thresholds(one, other)
    first = beyond(one, other, limit)
    again = first | (limit > MOST)
    slower = unfit = np.zeros(len(one), bool)
    if again.any():
        two, another = draw(2 * n)
        wide = thresholds(two[again], another[again])
        slower, unfit = again.copy(), again.copy()
        slower[again], unfit[again] = beyond(two[again], another[again], wide), wide > MOST
    shares = {"flagged": first, "slower": slower, "unfit": unfit}
    return {name: float(share.mean()) for name, share in shares.items()} | {"threshold": float(np.median(limit))}


def false_alarms(cases: Sequence[tuple[Sequence[float], Sequence[float]]], trials: int = 500) -> float:
    """How many of these cases (BASE's numbers, ours) one expects to be called slower if nothing had changed.

    The procedure is done on numbers drawn from both sides' own, each side less its median and widened as above.
    """
    random, expected = np.random.default_rng(0), 0.0
    for base, ours in cases:
        n = len(base)
        rest = np.concatenate([np.log(side) - np.median(np.log(side)) for side in (base, ours)])
        rest = rest * math.sqrt(n / (n - 1))

        def draw(k, rest=rest):
            return random.choice(rest, (trials, k)), random.choice(rest, (trials, k))

        expected += called(draw, n)["slower"]
    return expected


# Counters


def differing(base: Sequence[Mapping[str, int]], ours: Sequence[Mapping[str, int]]) -> dict[str, tuple[int, int]]:
    """The counters, one mapping a process, that differ between the sides: name -> (BASE's, ours).

    Only what both sides count. What is not the same in all processes of a side is no counter, and left out.
    """
    known = [name for name in base[0] if all(name in one for one in (*base, *ours))] if base and ours else []
    settled = [n for n in known if all(len({one[n] for one in side}) == 1 for side in (base, ours))]
    return {name: (base[0][name], ours[0][name]) for name in settled if base[0][name] != ours[0][name]}


def unsettled(side: Sequence[Mapping[str, int]]) -> list[str]:
    """The counters that were not the same in all processes of a side."""
    return sorted(name for name in set().union(*side) if len({one.get(name) for one in side}) > 1)


# Fitness


@dataclass(frozen=True)
class Machine:
    """Its state. load: the load average; busy: the share of the cores' time that others use; steal: that the host took.

    What the system does not tell is None, and not judged.
    """

    cores: int
    load: float | None = None
    busy: float | None = None
    steal: float | None = None
    free: int | None = None


def unfit(machine: Machine) -> list[str]:
    """Why times of this machine should not be judged, in words; empty where nothing speaks against it.

    A load average outlives its load by minutes, so it counts only where the cores are not seen to be idle.
    """
    found, idle = [], machine.busy is not None and machine.busy <= BUSY
    if machine.load is not None and machine.load > 0.5 * machine.cores and not idle:
        found.append(f"the load average is {machine.load:.1f} on {machine.cores} cores")
    if machine.busy is not None and not idle:
        found.append(f"other processes use {machine.busy:.0%} of its {machine.cores} cores")
    if machine.steal is not None and machine.steal > STEAL:
        found.append(f"its host took {machine.steal:.0%} of the cores' time for others")
    if machine.free is not None and machine.free < FREE:
        found.append(f"only {machine.free / 2**30:.1f} GiB of memory are free")
    return found
