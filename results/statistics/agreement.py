"""How well estimates agree with a reference: bias, variance and direction, with standard errors, from batch means."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from results.statistics.bias import radius

ALIKE = 1e-5  # of the reference's length: what single precision makes of sums


@dataclass(frozen=True)
class Agreement:
    """What many calls say of an estimator beside a reference.

    Attributes:
        truth: the length of the reference; NaN where it cannot be told from 0.
        truth_error: its standard error, as a share of it.
        square: an unbiased estimate of the squared bias, as a share of the squared length; it may be negative.
        square_error: its standard error.
        variance: of one call, summed over all elements, as a share of the squared length.
        cosine: of the mean with the reference; NaN where one of them cannot be told from 0.
        cosine_error: its standard error.
        bound: an upper confidence bound of the bias, as a share of the length.
        p: of the mean being the reference: the smallest of several directions, corrected for their number.
        needed: with how many calls an unbiased estimator of this variance would be called unbiased up to `delta`.
    """

    truth: float
    truth_error: float
    square: float
    square_error: float
    variance: float
    cosine: float
    cosine_error: float
    bound: float
    p: float
    needed: float


@dataclass(frozen=True, eq=False)
class Sums:
    """What many calls came to.

    Attributes:
        calls: how many.
        means: of equally many calls each, float64 [batches, size]; of one batch alone nothing varies.
        square: the mean squared length of one call.
        along: the mean of one call along fixed directions of length 1, [directions].
        along_square: the mean of its square.
    """

    calls: int
    means: np.ndarray
    square: float
    along: np.ndarray
    along_square: np.ndarray

    @classmethod
    def of_means(cls, means: np.ndarray, against: np.ndarray | None = None) -> Sums:
        """What is known of a reference by the means of its batches alone, each of which counts as one call.

        Args:
            means: [batches, size].
            against: directions of length 1, [directions, size]; None: none.

        Returns:
            The sums, whose error is that of the mean of these.
        """
        mean, along = means.mean(0), means[:, :0] if against is None else means @ against.T
        spread = means.var(0, ddof=1).sum() / len(means) if len(means) > 1 else 0.0
        square = float(mean @ mean) + spread * (len(means) - 1)
        return cls(len(means), means, square, along.mean(0), (along**2).mean(0))

    @property
    def mean(self) -> np.ndarray:
        """Of all calls, [size]."""
        return self.means.mean(0)

    @property
    def trace(self) -> float:
        """The squared standard error of the mean, summed over its elements."""
        if len(self.means) == 1:
            return 0.0
        return max(0.0, (self.square - float(self.mean @ self.mean)) / (self.calls - 1))


def agreement(
    estimate: Sums, reference: Sums, *, delta: float, alpha: float = 0.05, against: np.ndarray | None = None
) -> Agreement:
    """Holds the mean of independent calls against a reference that is itself such a mean, or exact.

    Squared lengths are unbiased: of two means of independent calls, each taken as the mean product of different
    batches. Standard errors are by the jackknife over batches; that of a squared bias near 0 is too large by half. The
    bound is the length of the error plus a radius, as in `bias`; the sum of squared eigenvalues that it needs is
    estimated from products of differences of batches.

    Args:
        estimate: of the estimator.
        reference: of the reference, along the same directions. Calls of both are independent.
        delta: what of the reference's length counts as a bias.
        alpha: of the bound, and of the test.
        against: the directions, [directions, size]; None: none is tested.

    Returns:
        What they say.
    """
    squared = _statistics(estimate.means, reference.means)
    length = math.sqrt(squared[1]) if squared[1] > 0 else math.nan
    error_of_truth = math.sqrt(reference.trace)
    if not squared[1] > 2 * math.sqrt(2 * _squares(reference)):  # twice the standard error of the squared length of 0
        length = math.nan
    jackknifed = _jackknife(estimate.means, reference.means)
    trace = estimate.trace + reference.trace
    roots = math.sqrt(_squares(estimate)) + math.sqrt(_squares(reference))
    squares = min(max(roots**2, trace**2 / max(1, estimate.means.shape[1])), trace**2)
    apart = float(np.linalg.norm(estimate.mean - reference.mean))
    own = _squares(estimate)
    wide = radius(estimate.trace, own, alpha) + radius(estimate.trace, own, 0.1)
    return Agreement(
        truth=length,
        truth_error=error_of_truth / length,
        square=squared[2] / squared[1] if length > 0 else math.nan,
        square_error=jackknifed[0],
        variance=estimate.trace * estimate.calls / length**2,
        cosine=squared[3],
        cosine_error=jackknifed[1],
        bound=(apart + radius(trace, squares, alpha)) / length,
        p=math.nan if against is None else _smallest_p(estimate, reference, against, length),
        needed=max(2.0, estimate.calls * (wide / (delta * length)) ** 2),
    )


def _square(means: np.ndarray, total: np.ndarray, inner: float) -> float:
    """The squared length of the expectation, without bias: the mean product of different batches."""
    count = len(means)
    return float(total @ total) if count == 1 else (float(total @ total) - inner) / (count * (count - 1))


def _together(one: float, other: float, product: float) -> tuple[float, float, float, float]:
    """(squared lengths of both, of their difference, their cosine)."""
    cosine = product / math.sqrt(one * other) if one > 0 and other > 0 else math.nan
    return one, other, one + other - 2 * product, min(1.0, max(-1.0, cosine)) if cosine == cosine else cosine


def _statistics(means: np.ndarray, truths: np.ndarray) -> tuple[float, float, float, float]:
    sums, inners = [m.sum(0) for m in (means, truths)], [float((m * m).sum()) for m in (means, truths)]
    product = float(sums[0] @ sums[1]) / (len(means) * len(truths))
    return _together(_square(means, sums[0], inners[0]), _square(truths, sums[1], inners[1]), product)


def _jackknife(means: np.ndarray, truths: np.ndarray) -> tuple[float, float]:
    """Standard errors of the relative squared bias, and of the cosine."""
    sums, inners = [m.sum(0) for m in (means, truths)], [float((m * m).sum()) for m in (means, truths)]
    whole = [_square(m, s, i) for m, s, i in zip((means, truths), sums, inners, strict=True)]
    variances = np.zeros(2)
    for side, own in enumerate((means, truths)):
        count, other = len(own), 1 - side
        if count < 3:
            continue
        found = []
        for left in own:
            rest, inner = sums[side] - left, inners[side] - float(left @ left)
            square = (float(rest @ rest) - inner) / ((count - 1) * (count - 2))
            product = float(rest @ sums[other]) / ((count - 1) * len((means, truths)[other]))
            pair = (square, whole[1]) if side == 0 else (whole[0], square)
            _, truth, apart, cosine = _together(*pair, product)
            found.append((apart / truth if truth > 0 else math.nan, cosine))
        values = np.array(found)
        variances += (count - 1) / count * ((values - values.mean(0)) ** 2).sum(0)
    return math.sqrt(variances[0]), math.sqrt(variances[1])


def _squares(sums: Sums) -> float:
    """The sum of squared eigenvalues of the covariance of the mean: by products of independent differences."""
    count, size, trace = len(sums.means) // 2, sums.means.shape[1], sums.trace
    if count < 2 or trace == 0:
        return 0.0
    apart = (sums.means[0 : 2 * count : 2] - sums.means[1 : 2 * count : 2]) / math.sqrt(2)
    products = apart @ apart.T / len(sums.means)
    pairs = products[np.triu_indices(count, 1)] ** 2
    return float(min(max(pairs.mean(), trace**2 / size), trace**2))


def _smallest_p(estimate: Sums, reference: Sums, against: np.ndarray, length: float) -> float:
    """The smallest p over directions, times their number: Holm's first step, which decides whether any differs."""
    own = (estimate.along_square - estimate.along**2).clip(0) / max(1, estimate.calls - 1)
    others = reference.means @ against.T
    batches = len(reference.means)
    other = others.var(0, ddof=1) / batches if batches > 1 else np.zeros(len(against))
    if len(estimate.means) == 1:
        own = np.zeros(len(against))
    error, apart = np.sqrt(own + other), np.abs(estimate.along - others.mean(0))
    alike = ALIKE * length
    with np.errstate(divide="ignore", invalid="ignore"):
        degrees = (own + other) ** 2 / (other**2 / max(1, batches - 1) + own**2 / max(1, estimate.calls - 1))
        p = 2 * stats.t.sf(apart / error, degrees)
    p = np.where(error > alike / 10, p, np.where(apart > alike, 0.0, 1.0))
    return float(min(1.0, len(p) * p.min()))
