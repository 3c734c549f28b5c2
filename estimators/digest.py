"""Digests of slopes: two estimators that are one function, by whatever formula and name, have the same."""

from __future__ import annotations

import hashlib
import math

import numpy as np
import tensorflow as tf

from estimators.function import HardFunction
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
    **parameters: float,
) -> str:
    """What the slope is on a grid, as a short word.

    Args:
        surrogate: whose slope it is.
        forward: the hard function, or its name.
        normalize: one of NORMALIZATIONS. Slopes that differ by a positive factor are one once they are normalised.
        stretch: how many times as wide the slope is made (Surrogate.slope); None: it is as it is.
        **parameters: plain numbers; those not given have the surrogate's defaults.

    Returns:
        16 hexadecimal digits, equal where slopes agree to DIGITS digits at each point of GRID; "" of a slope that is no
        function of x alone: it is random, or depends on other elements.

    Raises:
        UserError: as Surrogate.slope.
        Unsupported: as there.
    """
    if surrogate.random or not surrogate.elementwise:
        return ""
    with tf.device("cpu:0"):
        x = tf.constant(GRID, tf.float64)
        m = surrogate.slope(x, forward=forward, normalize=normalize, stretch=stretch, **parameters).numpy()
    m = np.where(np.abs(m) < VANISHING * np.abs(m).max(), 0.0, m)
    # Times π, or a slope that is a round number would lie where digits are rounded up or down by its last bit.
    return hashlib.sha256(" ".join(f"{value:z.{DIGITS - 1}e}" for value in m * math.pi).encode()).hexdigest()[:16]
