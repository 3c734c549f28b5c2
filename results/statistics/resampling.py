"""Resampling seeds: how sure an aggregate over tasks is, and how often each method would have been first.

Every function takes its chance as a generator, or the draws that were made with it. All methods have the same seeds in
a resample, as they met the same seeds in training, so that what is compared is compared in pairs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

FEWEST = 3  # seeds that a share of resamples can speak of: two make three different resamples, whatever was trained
AT_ONCE = 2**24  # numbers that are held at a time


def draw(rng: np.random.Generator, resamples: int, tasks: int, seeds: int) -> np.ndarray:
    """Which seeds each resample has, drawn with replacement, for each task anew.

    Args:
        rng: NumPy's, whose chance it is.
        resamples: how many are drawn.
        tasks: how many there are.
        seeds: how many each task has.

    Returns:
        int64 [resamples, tasks, seeds], from 0.
    """
    return rng.integers(seeds, size=(resamples, tasks, seeds))


def percentile_ends(samples: np.ndarray, seeds: int, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Ends of intervals over the first axis, by percentiles that are moved outwards for few seeds.

    The tail Φ(√(n/(n−1))·t(α/2, n−1)) instead of α/2 makes a percentile interval of a mean as wide as Student's
    (Hesterberg 2015, The American Statistician 69, 371: "expanded percentiles").

    Args:
        samples: [resamples, ...], in any unit.
        seeds: that each resample was drawn from.
        level: what the interval covers, a share.

    Returns:
        (lower ends, upper ends), [...] in that unit. One seed has none: NaN.
    """
    if seeds < 2:
        return np.full(samples.shape[1:], math.nan), np.full(samples.shape[1:], math.nan)
    tail = stats.norm.cdf(math.sqrt(seeds / (seeds - 1)) * stats.t.ppf((1 - level) / 2, seeds - 1))
    low, high = np.quantile(samples, [tail, 1 - tail], axis=0)
    return low, high


def aggregate(values: np.ndarray, statistic: str, resampled_seeds: np.ndarray) -> np.ndarray:
    """An aggregate of each resample.

    Args:
        values: scores [tasks, methods, seeds], of which tasks are comparable (normalised, or ranks).
        statistic: `mean`, `median` or `iqm` over all scores of the resample together (Agarwal et al. 2021: tasks are
            strata).
        resampled_seeds: of `draw`.

    Returns:
        float64 [resamples, methods].
    """
    reduce = {
        "mean": lambda x: x.mean(-1),
        "median": lambda x: np.median(x, -1),
        "iqm": lambda x: stats.trim_mean(x, 0.25, axis=-1),
    }[statistic]
    tasks, methods, seeds = values.shape
    out, step = np.empty((len(resampled_seeds), methods)), max(1, AT_ONCE // values.size)
    for at in range(0, len(resampled_seeds), step):
        own = resampled_seeds[at : at + step, :, None, :]
        taken = np.take_along_axis(values[None], np.broadcast_to(own, (len(own), tasks, methods, seeds)), -1)
        out[at : at + step] = reduce(taken.transpose(0, 2, 1, 3).reshape(len(own), methods, -1))
    return out


def improvement(better: np.ndarray, resampled_seeds: np.ndarray) -> np.ndarray:
    """The probability of improvement: that a training of one method beats one of the other, on a task at random
    (Agarwal et al. 2021), ties counting half.

    Args:
        better: [tasks, seeds, seeds], how often seed i of the one beats seed j of the other: 1, ½ or 0 (`beats`).
        resampled_seeds: of `draw`.

    Returns:
        float64 [resamples], from 0 to 1.
    """
    counts = _counts(resampled_seeds, better.shape[-1])
    won = np.einsum("bts,tsr,btr->b", counts, better, counts, optimize=True)
    return won / (len(better) * resampled_seeds.shape[-1] ** 2)


def beats(values: np.ndarray, other: np.ndarray, higher: bool) -> np.ndarray:
    """Which values of one method are better than which of another.

    Args:
        values: [..., seeds] of the one.
        other: [..., seeds] of the other.
        higher: whether higher is better.

    Returns:
        [..., seeds, seeds]: 1 where a value of the one is better than one of the other, ½ where they are equal, else 0.
    """
    above, below = values[..., :, None] > other[..., None, :], values[..., :, None] < other[..., None, :]
    return (1 + (above * 1.0 - below) * (1 if higher else -1)) / 2


def profile(scores: np.ndarray, thresholds: np.ndarray, resampled_seeds: np.ndarray, level: float = 0.95):
    """A performance profile: the share of trainings with a score above each threshold, over all tasks and seeds, with a
    band that covers the whole curve.

    The band is the share plus and minus a multiple of its standard error, the same at every threshold, that holds
    `level` of the resampled curves altogether, widened as in `percentile_ends`. The error is never less than that of a
    share two trainings above and two below the one that was seen (Agresti and Coull 1998), since resamples of a share
    near 0 or 1 hardly vary.

    Args:
        scores: [tasks, methods, seeds], higher is better.
        thresholds: [thresholds], in the unit of the scores.
        resampled_seeds: of `draw`.
        level: what the band covers, a share.

    Returns:
        (share, low, high), float64 [methods, thresholds] each; one seed has no band: NaN.
    """
    above = scores[..., None] > thresholds  # [tasks, methods, seeds, thresholds]
    share, (tasks, _, seeds) = above.mean((0, 2)), scores.shape
    if seeds < 2:
        return share, np.full(share.shape, math.nan), np.full(share.shape, math.nan)
    many = tasks * seeds
    drawn = np.einsum("bts,tmsk->bmk", _counts(resampled_seeds, seeds), above.astype("float64"), optimize=True) / many
    smooth = (share * many + 2) / (many + 4)
    error = np.maximum(drawn.std(0), np.sqrt(smooth * (1 - smooth) / many))
    wider = math.sqrt(seeds / (seeds - 1)) * stats.t.ppf(0.975, seeds - 1) / stats.norm.ppf(0.975)
    reach = np.quantile((np.abs(drawn - share) / error).max(-1), level, axis=0)[:, None] * wider * error
    return share, np.clip(share - reach, 0, 1), np.clip(share + reach, 0, 1)


def firsts(costs: np.ndarray) -> np.ndarray:
    """How often each method is first, a share of resamples [methods]; several equally good ones have a part each."""
    best = costs == costs.min(1, keepdims=True)
    return (best / best.sum(1, keepdims=True)).mean(0)


def ranks(costs: np.ndarray) -> np.ndarray:
    """The rank of each method in each resample, 1 is the best, equals share their average: as costs."""
    return stats.rankdata(costs, axis=1)


def best_of(scores: Sequence[float], costs: Sequence[float]) -> np.ndarray:
    """What tuning reaches with 1, 2, … of these settings drawn at random.

    Exact: the i-th best is the best of k with C(n−i, k−1)/C(n, k).

    Args:
        scores: [settings], by which the best is chosen, the lowest first.
        costs: [settings], what it then costs.

    Returns:
        [settings]: the mean cost of the one with the best score, infinite where that may be infinite.
    """
    order = np.argsort(scores, kind="stable")
    n = len(order)
    chances = np.array([[math.comb(n - i, k - 1) / math.comb(n, k) for i in range(1, n + 1)] for k in range(1, n + 1)])
    with np.errstate(invalid="ignore"):  # of an infinite cost that has no chance
        return np.where(chances > 0, chances * np.asarray(costs, "float64")[order], 0.0).sum(-1)


def _counts(resampled_seeds: np.ndarray, seeds: int) -> np.ndarray:
    """How often each seed is in each resample.

    Of whole numbers sums are exact in any order: so what is made of them is the same wherever it is computed.

    Returns:
        float64 [resamples, tasks, seeds].
    """
    count, tasks, drawn = resampled_seeds.shape
    flat = resampled_seeds.reshape(-1, drawn) + seeds * np.arange(count * tasks)[:, None]
    return np.bincount(flat.ravel(), minlength=count * tasks * seeds).reshape(count, tasks, seeds).astype("float64")
