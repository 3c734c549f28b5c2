"""Digests of slopes: two estimators that are one function, by whatever formula and name, have the same."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import numpy as np
import tensorflow as tf

from estimators.function import HardFunction, as_hard_function
from estimators.parameters import as_constant
from estimators.surrogate import Surrogate

DIGITS = 6  # significant ones in which slopes must agree
VANISHING = 1e-30  # of the largest slope: what lies below is zero, since far tails end where float64 does
# Dense near zero and over the usual thresholds, then far enough for any tail. No point is a round number: neither zero
# nor the edge of a jump is among them, since what a slope is at a single point decides nothing.
_SIDE = np.sort(np.concatenate([np.geomspace(1e-4, 1e6, 401), np.linspace(0, 4, 402)[1:]])) * (1 + 1e-7 * math.e)
GRID = np.concatenate([-_SIDE[::-1], _SIDE])


def digest(
    surrogate: Surrogate,
    *,
    forward: str | HardFunction = "sign",
    normalize: str = "none",
    stretch: float | None = None,
    learned_step: bool = False,
    **parameters: float,
) -> str:
    """What the slope is on a grid, as a short word; and what the sign of the gradient from above adds to it.

    Args:
        surrogate: whose slope it is.
        forward: the hard function, or its name.
        normalize: one of NORMALIZATIONS. Slopes that differ by a positive factor are one once they are normalised.
        stretch: how many times as wide the slope is made (Surrogate.slope); None: it is as it is.
        learned_step: whether a quantizer's step is learned, so that the page's rule for that counts, too.
        **parameters: plain numbers; those not given have the surrogate's defaults.

    Returns:
        16 hexadecimal digits, equal where slopes agree to DIGITS digits at each point of GRID; "" of a slope that is no
        function of x alone: it is random, or depends on other elements, or the hard function mixes them.

    Raises:
        UserError: as Surrogate.slope.
        Unsupported: as there.
    """
    if surrogate.random or not surrogate.elementwise or as_hard_function(forward).mixes:
        return ""
    given: dict[str, Any] = {"forward": forward, "normalize": normalize, "stretch": stretch, **parameters}
    with tf.device("cpu:0"):
        x = tf.constant(GRID, tf.float64)
        found = [slope := surrogate.slope(x, **given)]
        signed = surrogate.signed_slope(x, **given)
        found += [] if signed is None else [signed]
        found += _of_its_step(surrogate, x, slope, as_hard_function(forward), parameters) if learned_step else []
    numbers = []
    for m in (each.numpy() for each in found):
        m = np.where(np.abs(m) < VANISHING * np.abs(m).max(), 0.0, m)
        # Times π, or a slope that is a round number would lie where digits are rounded up or down by its last bit.
        numbers += [f"{value:z.{DIGITS - 1}e}" for value in m * math.pi]
    return hashlib.sha256(" ".join(numbers).encode()).hexdigest()[:16]


def _of_its_step(surrogate, x, m, function, parameters):
    """The numbers of the page's rule for a step: where it starts, how long it is, its gradient, factor and decay."""
    rule = surrogate.step_size
    values = {k: as_constant(v, tf.float64) for k, v in {**surrogate.parameters, **parameters}.items()}
    small, large = (rule.begin(scale * x[::40], (), function, **values) for scale in (1e-6, 1e-3))
    factor = as_constant(rule.factor(100, function, **values), tf.float64)
    ends = [small, large, *(tf.reshape(rule.value(x, of, function), []) for of in (small, large))]
    alone = tf.stack([*ends, factor, as_constant(rule.decay(**values), tf.float64)])
    return [alone, rule.slope(x, function.value(x), m, function)]
