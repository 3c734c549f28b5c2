"""The numbers of the gallery's figure: each estimator's slope, its counterpart and its hard function."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from runners.docs.estimators_markdown import format_parameters, surrogates_named

POINTS = 401  # of a panel, beside its corners
ENDS = (1, 1.5, 2, 3, 4, 5, 6, 8, 10)  # times a power of ten: where a panel may end
BEYOND = 4  # half widths at half peak that a panel shows, on either side of the peak


def shapes(names: Iterable[str]) -> pd.DataFrame:
    """What the figure shows of these estimators of the book.

    Args:
        names: of estimators.

    Returns:
        A row a point, with the columns estimator and label, the name, and how it is printed; default, the first
        parameter at its default, as "scale=1", or "" where there is none; setting, "" for the defaults, else what
        differs, as "scale=2"; x, the same points at every setting, from −h to h, with both sides of every corner;
        forward, sign(x); counterpart, the smooth function whose derivative the slope is, moved to 0 at x = 0, NaN where
        there is none; and slope, m(x), for a random page one draw.

    Raises:
        UserError: for a name that is none.
    """
    return pd.concat([_shapes(page) for page in surrogates_named(names)], ignore_index=True)


def staircase(names: Iterable[str]) -> pd.DataFrame:
    """Three steps of rounding to two bits, with the slope of each of these estimators at the nearest jump.

    Args:
        names: of estimators; those whose slope is random or depends on the whole tensor are left out.

    Returns:
        A row a point, with the columns estimator and label, the name, and how it is printed; normalised, whether the
        slope has a mean of 1 over a step (normalize=period) or, since it cannot be scaled so, is as it is; x, from the
        lowest level to the highest, with both sides of every jump and every middle; value, round(x); counterpart, the
        smooth function whose derivative the slope is, at a jump in its middle, NaN where there is none; and slope. No
        rows where all are left out.

    Raises:
        UserError: for a name that is none.
    """
    pages = [page for page in surrogates_named(names) if page.elementwise and not page.random]
    return pd.concat([_stairs(page) for page in pages], ignore_index=True) if pages else pd.DataFrame()


# The figures' numbers


def _stairs(surrogate) -> pd.DataFrame:
    """The rows of one page."""
    from estimators.function import floating, functions

    function = functions["round"].fixed(edge="everywhere")
    low, high = function.outputs[0], function.outputs[-1]
    places = np.arange(low, high + 0.25, 0.5)  # levels and jumps in turn
    x = np.unique([*np.linspace(low, high, 200 * int(high - low) + 1), *places[1:] - 1e-9, *places[:-1] + 1e-9])
    normalised = surrogate.unsupported_reason("period", function) is None
    normalize = "period" if normalised else "none"
    away = function.from_jump(floating(x)).numpy()
    gain = float(surrogate.gain(normalize, forward=function))
    return pd.DataFrame(
        {
            "estimator": surrogate.name,
            "label": surrogate.label,
            "normalised": normalised,
            "x": x,
            "value": function.value(x).numpy(),
            "counterpart": x - away + gain * _counterpart(surrogate, away, {}),
            "slope": surrogate.slope(x, forward=function, normalize=normalize).numpy(),
        }
    )


def _shapes(surrogate) -> pd.DataFrame:
    """The rows of one page."""
    from estimators.surrogate import BESIDE

    first = next((name for name in surrogate.parameters if surrogate.roles.get(name) not in BESIDE), "")
    settings = [{}, *(own for own in surrogate.example_parameters() if list(own) == [first])]
    x = _points(surrogate, settings)
    rows = [
        {
            "estimator": surrogate.name,
            "label": surrogate.label,
            "default": format_parameters({first: surrogate.parameters[first]}) if first else "",
            "setting": format_parameters(own),
            "x": x,
            "forward": np.sign(x),
            "counterpart": _counterpart(surrogate, x, own),
            "slope": _slope(surrogate, x, own),
        }
        for own in settings
    ]
    return pd.concat([pd.DataFrame(row) for row in rows], ignore_index=True)


def _points(surrogate, settings: Sequence[Mapping[str, float]]) -> np.ndarray:
    """float64 [points], rising, from −h to h: evenly spaced, and every corner of every setting with its two sides."""
    corners = np.array([float(c) for own in settings for c in surrogate.trait("corners", **own)], "float64")
    end = _end(max(_reach(surrogate), 1.25 * max(abs(corners), default=0.0)))
    side = 1e-9 * end
    x = np.concatenate([np.linspace(-end, end, POINTS), corners - side, corners, corners + side])
    return np.unique(x)


def _reach(surrogate) -> float:
    """How far from zero the defaults' slope is worth showing.

    Returns:
        To some half widths beyond its peak, no further than twice where it ends; 2 if it never falls.
    """
    r = np.logspace(-4, 3, 1401)
    m = np.nan_to_num(np.abs(_slope(surrogate, np.concatenate([-r[::-1], r]), {})))
    m = np.maximum(m[len(r) :], m[: len(r)][::-1])
    top = np.flatnonzero(m >= 0.999 * m.max())[0]  # the first, where it is periodic
    below = np.flatnonzero(m[top:] < m[top] / 2)
    if not below.size:
        return 2.0
    return min(float(r[top] + BEYOND * (r[top + below[0]] - r[top])), 2 * float(surrogate.trait("support")))


def _end(reach: float) -> float:
    """The first of ENDS, times a power of ten, that is no less."""
    power = 10.0 ** math.floor(math.log10(reach))
    return next(float(f"{end * power:.3g}") for end in ENDS if end * power >= reach * (1 - 1e-9))


def _slope(surrogate, x: np.ndarray, parameters: Mapping[str, float]) -> np.ndarray:
    """m at x [points], of one stream of chance where the page is random."""
    from steeplechase.random import Chance, key

    chance = Chance(key(0)).of("gallery") if surrogate.random else None
    return surrogate.slope(x, chance=chance, **parameters).numpy()


def _counterpart(surrogate, x: np.ndarray, parameters: Mapping[str, float]) -> np.ndarray:
    """The counterpart at x [points], less its value at 0 if that is finite; NaN if there is none."""
    import tensorflow as tf

    if surrogate.counterpart is None:
        return np.full(len(x), np.nan)
    values = {name: tf.constant(value, tf.float64) for name, value in {**surrogate.parameters, **parameters}.items()}
    y = surrogate.counterpart(tf.constant(np.append(x, 0.0)), **values).numpy()
    return y[:-1] - (y[-1] if np.isfinite(y[-1]) else 0.0)
