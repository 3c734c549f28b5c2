"""One figure a module: draw(table) -> figure, a pure function of a complete table."""

from __future__ import annotations

import itertools
import math
import textwrap
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from results import schema, statistics, style
from results.comparison import Group

DASHES = ("-", "--", ":", "-.")  # of variants of one estimator: they share its colour and marker


def complete(table: pd.DataFrame) -> None:
    """Raises schema.RecordError, naming what is missing, unless the table holds every replica that its plan wants."""
    missing = table.attrs.get("missing")
    if missing:
        named = [f"{count} of {run}" for run, count in sorted(missing.items())]
        more = f" and {len(named) - 3} more runs" if len(named) > 3 else ""
        raise schema.RecordError(f"the table lacks {sum(missing.values())} replicas: {', '.join(named[:3])}{more}.")
    if table.empty:
        raise schema.RecordError("the table is empty: nothing has been recorded yet.")
    if missing is None:
        raise schema.RecordError("the table does not say whether it is complete; take it from results.load as it is.")
    statistics.accounts(table)


def lines(methods: Iterable[tuple[str, str]]) -> dict[str, Line2D]:
    """For each method the line that stands for it, by what the legend says. methods: (estimator's name, its text)."""
    ordered = sorted(dict.fromkeys(methods))
    looks, found, variants = style.looks(name for name, _ in ordered), {}, {}
    for name, text in ordered:
        colour, marker = looks[name]
        dash = DASHES[variants.setdefault(name, 0) % len(DASHES)]
        variants[name] += 1
        found[text] = Line2D([], [], color=colour, marker=marker, linestyle=dash, markeredgecolor="white", mew=0.4)
    return found


def sides(groups: Sequence[Group]) -> tuple[list[str], list[str], dict[str, Line2D]]:
    """(tasks, optimizers, the line of each method) of these groups: the sides of a grid, and its legend.

    A line takes the settings in force when it is made: ask within style.context.
    """
    tasks, optimizers = (sorted({getattr(group, key) for group in groups}) for key in ("task_label", "optimizer"))
    return tasks, optimizers, lines(pair for g in groups for pair in zip(g.names, g.methods, strict=True))


def common_seeds(groups: Sequence[Group]) -> tuple[str, bool]:
    """How many seeds the methods of these groups have in common, in words, and whether it is more than one."""
    seeds = sorted({len(group.seeds) for group in groups})
    many = f"{seeds[0]} common seed{'s' * (seeds[0] > 1)}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]} seeds"
    return many, seeds[-1] > 1


def grid(
    tasks: Sequence[str], optimizers: Sequence[str], labels: Sequence[str], tall: float, **shared
) -> tuple[Figure, np.ndarray]:
    """A figure and its panels, [tasks, optimizers]: a row for each task, a column for each optimizer, titled.

    labels: of the legend, which takes room. tall: of a row, in inches. shared: as Figure.subplots has it.
    """
    width = max(4.6, 0.5 + 2.25 * len(optimizers))
    lines = legend_lines(width, labels)
    figure = Figure(figsize=(width, 0.9 + tall * len(tasks) + 0.17 * max(0, lines - 3)), layout="constrained")
    panels = figure.subplots(len(tasks), len(optimizers), squeeze=False, **shared)
    for (task, optimizer), axes in zip(itertools.product(tasks, optimizers), panels.flat, strict=True):
        axes.set_title(f"{task}\n{optimizer}")
    return figure, panels


def scale(axes: Axes, means: pd.Series, measure: statistics.Measure, *, horizontal: bool = False) -> None:
    """The scale of a measure with these values, vertical or horizontal: of a loss that spans a decade or more
    logarithmic, and linear near zero where it reaches zero; else linear."""
    above = means[means > 0]
    if math.isfinite(measure.worst) or measure.better != "lower" or above.empty or means.min() < 0:
        return
    set_scale, set_limits = (axes.set_xscale, axes.set_xlim) if horizontal else (axes.set_yscale, axes.set_ylim)
    if len(above) < len(means):
        smallest = 10.0 ** math.floor(math.log10(above.min()))
        set_scale("symlog", linthresh=smallest, linscale=0.5)
        set_limits(-0.4 * smallest, None)
    elif above.max() >= 10 * above.min():
        set_scale("log", nonpositive="clip")
        set_limits(0.5 * above.min(), None)


def note(axes: Axes, text: str) -> None:
    """Says in the middle of an empty panel why it is empty."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color="#808080")


def legend(figure: Figure, handles: Sequence[Artist], labels: Sequence[str]) -> None:
    """One legend for all panels, along the upper edge: in one line if it fits."""
    figure.legend(handles, labels, loc="outside upper center", ncols=_columns(figure.get_size_inches()[0], labels))


def legend_lines(width: float, labels: Sequence[str]) -> int:
    """How many lines the legend takes of a figure so wide (inches)."""
    return -(-len(labels) // _columns(width, labels))


def _columns(width: float, labels: Sequence[str]) -> int:
    wide = [0.5 + 0.065 * len(label) for label in labels]  # inches
    room = width - 0.2
    return len(labels) if sum(wide) <= room else max(1, int(room / max(wide)))


def caption(figure: Figure, text: str, size: float = 7) -> None:
    """Writes the text along the lower edge, and keeps the panels above it."""
    width, height = figure.get_size_inches()
    lines = textwrap.wrap(text, int((width - 0.2) * 72 / (0.53 * size)))  # a letter is about half as wide as high
    tall = len(lines) * size * 1.35 / 72 + 0.1
    figure.text(0.1 / width, 0.05 / height, "\n".join(lines), va="bottom", ha="left", size=size, color="#404040")
    figure.get_layout_engine().set(rect=(0, tall / height, 1, 1 - tall / height))
