"""Whether an estimator is biased, or closer to the truth than counts: tests of a mean of independent calls."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

BELOW, BIASED, UNDECIDED = "bias below δ", "biased", "undecided"


@dataclass(frozen=True)
class Bias:
    """What many calls say of an estimator's bias.

    Attributes:
        verdict: BELOW, BIASED or UNDECIDED.
        relative: the length of the mean's error, as a share of the truth's; the larger, the fewer the calls.
        square: an unbiased estimate of the squared bias, as a share of the squared truth, which may be negative.
        bound: an upper confidence bound of the bias, as a share of the truth.
        p: of the mean being the truth.
        calls: how many there were.
        needed: with how many calls the bias of an unbiased estimator is called below δ in some 90 of 100 tries.
    """

    verdict: str
    relative: float
    square: float
    bound: float
    p: float
    calls: int
    needed: int


def bias(
    mean: np.ndarray, covariance: np.ndarray, calls: int, truth: np.ndarray, *, delta: float, alpha: float = 0.05
) -> Bias:
    """Holds the mean of independent calls against the truth.

    BELOW where a confidence bound of the bias is below δ times the truth's length; else BIASED where a test of all
    elements together rejects that the mean is the truth (Hotelling's, with so many calls a χ² test); else UNDECIDED.
    The bound is the length of the error plus a radius that the error of the mean exceeds with probability alpha alone:
    a sum of squares, whose distribution is taken for the χ² of the same mean and variance (Satterthwaite 1946).

    Args:
        mean: [size] of the calls.
        covariance: [size, size] of one call.
        calls: how many there were.
        truth: [size].
        delta: what counts, as a share of the truth's length.
        alpha: of each of the two tests.

    Returns:
        The verdict, and what it rests on.

    Raises:
        ValueError: for a truth of length 0, of which no share can be told.
    """
    length = float(np.linalg.norm(truth))
    if not length > 0:
        raise ValueError("the truth is 0, and nothing is a share of it.")
    error, spread = mean - truth, covariance / calls
    values, vectors = np.linalg.eigh(spread)
    kept = values > values.max(initial=0) * 1e-10 + length**2 * 1e-24
    along, across = vectors[:, kept].T @ error, vectors[:, ~kept].T @ error
    if np.linalg.norm(across) > 1e-6 * length:  # where no call ever varies, any error is a bias
        p = 0.0
    else:
        p = float(stats.chi2.sf((along**2 / values[kept]).sum(), kept.sum())) if kept.any() else 1.0
    trace, squares = values.clip(0).sum(), (values**2).sum()
    relative = float(np.linalg.norm(error)) / length
    bound = relative + radius(trace, squares, alpha) / length
    verdict = BELOW if bound < delta else BIASED if p < alpha else UNDECIDED
    return Bias(
        verdict,
        relative,
        (relative**2 - trace / length**2),
        bound,
        p,
        calls,
        # the bound of an unbiased estimator stays below radius and error together in 90 of 100 tries
        max(
            2,
            math.ceil(calls * ((radius(trace, squares, alpha) + radius(trace, squares, 0.1)) / (delta * length)) ** 2),
        ),
    )


def radius(trace: float, squares: float, alpha: float) -> float:
    """What the length of a normal error exceeds with this probability, nearly (Satterthwaite 1946).

    Args:
        trace: of its covariance.
        squares: the sum of the squared eigenvalues of that.
        alpha: the probability.

    Returns:
        A length; 0 where nothing varies.
    """
    return math.sqrt(squares / trace * stats.chi2.isf(alpha, trace**2 / squares)) if trace > 0 else 0.0
