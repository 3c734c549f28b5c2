"""The gallery: for each estimator the hard function, its smooth counterpart, and the slope at three settings."""

from __future__ import annotations

import math
import textwrap
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D

from results.drawing import layout, style
from steeplechase.errors import RecordError

COLUMNS = ("estimator", "label", "default", "setting", "x", "forward", "counterpart", "slope")
ACROSS = 6  # panels
HEIGHT = 8.6  # inches of all panels together, at most: with caption and legend a page
HARD: dict[str, Any] = {"color": "#9a9a9a", "linewidth": 0.8, "linestyle": "-", "zorder": 2}
SMOOTH: dict[str, Any] = {"color": "#202020", "linewidth": 0.8, "linestyle": (0, (4, 1.6)), "zorder": 3}
SLOPES: tuple[dict[str, Any], ...] = (  # at the defaults, then at the other settings
    {"linewidth": 1.9, "linestyle": "-", "solid_capstyle": "butt", "zorder": 2.5},
    {"linewidth": 0.8, "linestyle": (0, (1, 1)), "zorder": 2.6},
    {"linewidth": 0.8, "linestyle": (0, (5, 1, 1, 1)), "zorder": 2.7},
)
TOP = 1.3  # how much higher the highest slope stands than sign's 1
CUT = 4.0  # times its highest value at the defaults: what is higher at another setting is cut off


def draw(shapes: pd.DataFrame) -> Figure:
    """A panel an estimator, by name.

    Args:
        shapes: a row a point, as `python -m runners.gallery` makes them, with COLUMNS.

    Returns:
        The figure.

    Raises:
        RecordError: for any other table.
    """
    if not set(COLUMNS) <= set(shapes.columns) or shapes.empty:
        raise RecordError("the gallery is no figure of records: `python -m runners.gallery` draws it.")
    with style.context():
        figure, panels = small_multiples(shapes)
        cut = False
        for name, axes in panels.items():
            cut |= _panel(axes, shapes[shapes["estimator"] == name], style.style_of(name).colour)
        layout.legend(figure, *_lines())
        layout.caption(figure, _caption(shapes) + " Slopes are cut off at the edge of a panel." * cut, size=6.5)
    return figure


def small_multiples(shapes: pd.DataFrame) -> tuple[Figure, dict[str, Axes]]:
    """An empty panel for each estimator, by name, so many abreast that they fit a page.

    Args:
        shapes: a row a point, with the column estimator.

    Returns:
        (the figure, its panels by the estimator's name).
    """
    names = sorted(shapes["estimator"].unique())
    across = min(ACROSS, len(names))
    down = math.ceil(len(names) / across)
    size = (max(4.4, 1.2 * across), 0.95 + min(1.21, HEIGHT / down) * down)
    figure = Figure(figsize=size, layout=ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02, hspace=0.03, wspace=0.02))
    panels = figure.subplots(down, across, squeeze=False).ravel()
    for axes in panels[len(names) :]:
        axes.set_axis_off()
    return figure, dict(zip(names, panels, strict=False))


def _lines() -> tuple[list[Line2D], list[str]]:
    """What the shared legend says of the kinds of line."""
    kinds = {
        "forward: sign(x)": HARD,
        "smooth counterpart": SMOOTH,
        "slope at the defaults": {"color": "#404040", **SLOPES[0]},
        "at two other settings": {"color": "#404040", **SLOPES[1]},
    }
    return [Line2D([], [], **look) for look in kinds.values()], list(kinds)


def _panel(axes: Axes, rows: pd.DataFrame, colour: str) -> bool:
    """Draws one estimator; returns whether a slope leaves the panel."""
    settings = list(dict.fromkeys(["", *rows["setting"]]))
    slopes = {setting: rows[rows["setting"] == setting] for setting in settings}
    own = slopes[""]
    peak, highest = own["slope"].max(), rows["slope"].abs().max()
    limit = min(highest, CUT * own["slope"].abs().max()) or highest or 1.0
    one = limit / TOP  # how high a function's 1 stands, on the slope's scale
    axes.plot(own["x"], one * own["forward"], **HARD)
    axes.plot(own["x"], one * own["counterpart"], **SMOOTH)
    lines = {
        setting: axes.plot(part["x"], part["slope"], color=colour, **look)[0]
        for (setting, part), look in zip(slopes.items(), SLOPES, strict=False)
    }
    end = own["x"].max()
    axes.set(xlim=(-end, end), ylim=(-1.4 * one, (TOP + 0.15) * one))
    axes.set_xticks([-end, 0, end], [f"−{end:g}", "0", f"{end:g}"])
    ticks = [0.0, peak] if peak > 0 else [0.0]
    axes.set_yticks(ticks, [_tick_label(tick) for tick in ticks])
    axes.tick_params(labelsize=5.5, length=2, pad=1.5, width=0.5)
    for label, place in zip(axes.get_xticklabels(), ("left", "center", "right"), strict=True):
        label.set_horizontalalignment(place)  # within the panel, so that neighbours do not meet
    label = textwrap.fill(str(own["label"].iloc[0]), 27)
    axes.set_title(label, fontsize=6.3, pad=2.5, parse_math=False)
    if own["default"].iloc[0]:
        _values(axes, own["default"].iloc[0], lines)
    return bool(highest > limit * 1.0001)


def _values(axes: Axes, default: str, lines: dict[str, Line2D]) -> None:
    """Writes below the curves, where the forward function is not, what parameter has which value in which line."""
    parameter = default.partition("=")[0]
    values = {float((setting or default).partition("=")[2]): line for setting, line in lines.items()}
    legend = axes.legend(
        [values[value] for value in sorted(values)],
        [f"{value:g}" for value in sorted(values)],
        title=parameter,
        title_fontsize=5.3,
        fontsize=5.3,
        loc="lower right",
        handlelength=1.9,
        handletextpad=0.4,
        labelspacing=0.12,
        borderpad=0.1,
        borderaxespad=0.15,
        alignment="left",
        frameon=True,  # where a slope swings below zero, the words stay legible
        facecolor="white",
        edgecolor="none",
        framealpha=0.8,
    )
    legend.set_zorder(4)


def _tick_label(number: float) -> str:
    return "0" if number == 0 else np.format_float_positional(number, 3, fractional=False, trim="-")


def _caption(shapes: pd.DataFrame) -> str:
    text = (
        "Slopes have a scale of their own in each panel, whose upper tick is the highest value at the defaults; x has "
        "a range of its own. Forward and counterpart share one scale: sign runs from −1 to 1."
    )
    if shapes["counterpart"].notna().any():
        text += (
            " The counterpart, whose derivative the slope is, is drawn at the defaults and as it is, but moved to 0 at "
            "x = 0."
        )
    if (shapes["setting"] != "").any():
        text += (
            " In each panel the values of the first parameter, all others being at their defaults; solid is the "
            "default."
        )
    return text + " A slope that is random, or depends on the whole tensor, is shown as it is for these x."
