"""The staircase: for each estimator three steps of rounding, the smooth counterpart of its slope, and the slope."""

from __future__ import annotations

import textwrap

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from results.drawing import layout, style
from results.drawing.gallery import HARD, SLOPES, SMOOTH, small_multiples
from steeplechase.errors import RecordError

COLUMNS = ("estimator", "label", "normalised", "x", "value", "counterpart", "slope")
ROOM = 1.15  # of a panel's height, above the highest slope


def draw(steps: pd.DataFrame) -> Figure:
    """A panel an estimator, by name.

    Args:
        steps: a row a point, as runners.docs.shapes.staircase makes them, with COLUMNS.

    Returns:
        The figure.

    Raises:
        RecordError: for any other table.
    """
    if not set(COLUMNS) <= set(steps.columns) or steps.empty:
        raise RecordError("the staircase is no figure of records: `python -m runners.gallery` draws it.")
    with style.context():
        figure, panels = small_multiples(steps)
        for name, axes in panels.items():
            _panel(axes, steps[steps["estimator"] == name], style.style_of(name).colour)
        kinds = {"round(x)": HARD, "smooth counterpart": SMOOTH, "slope": {"color": "#404040", **SLOPES[0]}}
        layout.legend(figure, [Line2D([], [], **look) for look in kinds.values()], list(kinds))
        text = (
            "Two bits: the levels −2, −1, 0 and 1. Each slope stands at the nearest jump, scaled to a mean of 1 over a "
            "step (normalize=period) or, where the panel says so, as it is. Right: its highest value. The counterpart, "
            "whose derivative it is, runs through the middle of each jump."
        )
        layout.caption(figure, text, size=6.5)
    return figure


def _panel(axes: Axes, rows: pd.DataFrame, colour: str) -> None:
    """Draws one estimator: the function's scale on the left, the slope's on the right."""
    low, high = rows["value"].min(), rows["value"].max()
    axes.plot(rows["x"], rows["value"], **HARD)
    axes.plot(rows["x"], rows["counterpart"], **SMOOTH)
    axes.set(xlim=(rows["x"].min(), rows["x"].max()), ylim=(low - 0.4, high + 0.4))
    levels = sorted(rows["value"].unique())
    for set_ticks in (axes.set_xticks, axes.set_yticks):
        set_ticks(levels, [f"{level + 0.0:g}".replace("-", "−") for level in levels])
    beside, top = axes.twinx(), rows["slope"].max()
    beside.plot(rows["x"], rows["slope"], color=colour, **SLOPES[0])
    beside.set_ylim(min(0.0, ROOM * rows["slope"].min()), ROOM * top or 1.0)
    beside.set_yticks([top] if top > 0 else [], [f"{top:.3g}"] if top > 0 else [])
    for each in (axes, beside):
        each.tick_params(labelsize=5.5, length=2, pad=1.5, width=0.5)
    label = str(rows["label"].iloc[0]) + ("" if rows["normalised"].all() else " (as it is)")
    axes.set_title(textwrap.fill(label, 27), fontsize=6.3, pad=2.5, parse_math=False)
