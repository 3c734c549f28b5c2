"""How wide a slope is: how far it reaches at half its height, found on a grid and refined."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

_SIZES = np.concatenate([[0.0], np.geomspace(1e-9, 1e9, 18001)])  # a thousand points a decade
_FOREVER = 1e8  # what is half as high out here is so for good: constant on one side at least, or periodic


def half_width(slope: Callable[[np.ndarray], np.ndarray], corners: Sequence[float] | np.ndarray = ()) -> float:
    """The largest |x| at which |m| is at least half of its largest value.

    Args:
        slope: m of an array, float64.
        corners: the x at which m may jump or bend: what lies next to them is looked at.

    Returns:
        To 12 digits or more. Infinite where m does not fall for good, and 0 of a slope that is zero everywhere.
    """

    def heights(sizes):
        return np.abs(slope(np.stack([sizes, -sizes]))).max(0)

    bends = np.abs([corner for corner in corners if math.isfinite(corner)])
    sizes = np.unique([*_SIZES, *bends, *(bends * (1 - 1e-9)), *(bends * (1 + 1e-9) + 1e-15)])
    height = heights(sizes)
    top, between = height.max(), _around(sizes, height.argmax())
    for _ in range(3):
        finer = heights(between)
        top, between = max(top, finer.max()), _around(between, finer.argmax())
    if top == 0:
        return 0.0
    last = np.flatnonzero(height >= top / 2).max()
    if sizes[last] > _FOREVER:
        return math.inf
    low, high = sizes[last], sizes[last + 1]
    for _ in range(5):
        between = np.linspace(low, high, 1001)
        last = np.flatnonzero(heights(between) >= top / 2).max()
        if last == len(between) - 1:
            break
        low, high = between[last], between[last + 1]
    return float(low)


def _around(sizes: np.ndarray, at: np.integer) -> np.ndarray:
    """A finer grid from the point before to the point after this one."""
    return np.linspace(sizes[max(at - 1, 0)], sizes[min(at + 1, len(sizes) - 1)], 2001)
