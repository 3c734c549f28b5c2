"""What the contract measures with: grids, corners, integrals, and how two arrays are held together."""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf
from scipy import integrate

from estimators.surrogate import Surrogate
from steeplechase.random import Chance, key

FLOATS = ("float16", "bfloat16", "float32", "float64")
EXTREMES = (0.0, 1e-30, 1e4, 3e38, math.inf)
ROLES = ("height", "width", "tail")
_SIDE = np.array([*np.geomspace(1e-4, 60, 160), 1e3, 1e6])
GRID = np.concatenate([-_SIDE[::-1], [0.0], _SIDE])  # dense where slopes are narrow, and far enough for their tails


class ContractError(AssertionError):
    """A promise that a page does not keep, in one sentence."""


class Unbounded(ContractError):
    """The slope is infinite somewhere."""


def over_grid(page: Surrogate) -> np.ndarray:
    """The slope at the points of the contract's grid, float64."""
    return slope_at(page, GRID)


# What they share


def contract_stream(seed: int = 0) -> Chance:
    """The stream that random slopes draw from while the contract is held against them."""
    return Chance(key(seed)).of("contract")


def parameters_as(page, dtype, **chosen):
    """The page's parameters as tensors of this dtype, the chosen ones in place of the defaults."""
    own = {name: tf.constant(value, dtype) for name, value in {**page.parameters, **chosen}.items()}
    return {**own, "chance": contract_stream()} if page.random else own


def slope_at(page, x, **chosen):
    """The slope in float64."""
    return page.slope(tf.constant(x, tf.float64), chance=contract_stream(), **chosen).numpy()


def corners_of(page, chosen):
    """Where the slope may jump or bend: as declared, and at the ends of its support; and zero."""
    reach = float(page.trait("support", **chosen))
    ends = [-reach, reach] if math.isfinite(reach) else []
    return np.array([0.0, *ends, *(float(x) for x in page.trait("corners", **chosen))])


def away_from(corners, share):
    """The grid without what lies so near to a corner, as a share of itself."""
    near = share * np.maximum(np.abs(GRID), 1e-3)
    return GRID[np.abs(GRID[:, None] - corners).min(1, initial=math.inf) > near]


def integral_over(page, lows, highs, chosen):
    """Over these pieces, together."""
    return integrate.tanhsinh(lambda x: slope_at(page, x, **chosen), np.array(lows), np.array(highs)).integral.sum()


def largest_slope(page, chosen):
    """The largest value, also where it is only approached: next to a corner."""
    corners = corners_of(page, chosen)
    near = [corners, *(corners + sign * 1e-9 * np.maximum(np.abs(corners), 1e-3) for sign in (-1, 1))]
    x = np.unique(np.concatenate([GRID, *near]))
    for _ in range(2):
        m = slope_at(page, x, **chosen)
        at = m.argmax()
        x = np.unique([*x, *np.linspace(x[max(at - 1, 0)], x[min(at + 1, len(x) - 1)], 2001)])
    return slope_at(page, x, **chosen).max()


def half_width(page, chosen):
    """How wide the slope is at half its peak, in x; never exactly zero."""
    x = np.linspace(0, 60, 60001) if page.even else np.linspace(-60, 60, 60001)
    x = np.unique([*x, *np.geomspace(1e-5, 60, 4001)])
    m = np.abs(slope_at(page, x, **chosen))
    wide = x[m >= m.max() / 2]
    return float(wide.max() - wide.min()) + 1e-12


def four_values(page, name):
    """Four values that a parameter may have."""
    allowed = [chosen[name] for chosen in page.example_parameters() if name in chosen]
    return np.resize([page.parameters[name], *allowed], 4)


def check_close(values, expected, tolerance, what, x=None):
    """Holds two arrays together, to a share of the largest value; else says where they part."""
    values, expected = np.asarray(values, np.float64), np.asarray(expected, np.float64)
    values, expected = np.broadcast_arrays(values, expected)
    largest = np.abs(expected).max(initial=0, where=np.isfinite(expected))
    allowed = tolerance * max(largest, 1e-300) + 1e-300
    with np.errstate(invalid="ignore"):
        gap = np.where(values == expected, 0.0, np.abs(values - expected))  # infinity is itself, though ∞ − ∞ is NaN
    apart = ~(gap <= allowed)
    if apart.any():
        at = np.unravel_index(np.argmax(np.where(np.isnan(gap), math.inf, gap)), gap.shape)
        where = "" if x is None else f" at x = {np.broadcast_to(x, values.shape)[at]:g}"
        shown = [f"{value[at]:.10g}" for value in (values, expected)]
        if shown[0] == shown[1]:  # they part in later digits
            shown = [f"{value[at]:.17g}" for value in (values, expected)]
        raise ContractError(f"{what}: {shown[0]} instead of {shown[1]}{where}.")


def format_parameters(chosen):
    """Parameters as they are printed after a name: "(scale=2)", or ""."""
    return f"({', '.join(f'{name}={value:g}' for name, value in chosen.items())})" if chosen else ""
