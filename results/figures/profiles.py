"""Performance profiles: which share of each estimator's trainings is at least so good, for every value of so good."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from results.analysis import comparison, lookup
from results.analysis.comparison import ANY, Group
from results.drawing import layout, style
from results.records.result_set import ResultSet
from results.statistics import resampling

RESAMPLES, SEED = 1_000, 0
POINTS = 200  # thresholds at most


def draw(results: ResultSet, columns: int = 2) -> Figure:
    """A row a task, a column an optimizer; each estimator at its chosen setting, with a band that covers its curve.

    Controls take no part, and bounds are lines at their means. A training that diverged is at least as good as
    nothing: its curve does not reach 1. Tasks have measures that cannot be laid over one another, so none is averaged.

    Args:
        results: what it is drawn of.
        columns: 1 or 2, of a page.

    Returns:
        The figure, not yet saved.

    Raises:
        RecordError: for incomplete results, and as comparison.groups does.
    """
    results.complete()
    groups = [group.without_controls for group in comparison.groups(results) if group.optimizer != ANY]
    bounds, marks = comparison.bounds(results), lookup.bound_methods(results)
    chance = np.random.default_rng(SEED)
    with style.context(columns):
        tasks, optimizers, handles = layout.sides(groups, bounds, marks, results.plan)
        figure, panels = layout.grid(tasks, optimizers, list(handles), 1.8, columns, sharey=True, sharex="row")
        drawn: set[str] = set()
        for task, row in zip(tasks, panels, strict=True):
            here = {group.optimizer: group for group in groups if group.task_label == task}
            values = np.concatenate([group.values().ravel() for group in here.values()])
            finite, reports = np.unique(values[np.isfinite(values)]), next(iter(here.values())).reports
            measure = layout.error_of(pd.Series(finite), reports)
            error = measure is not reports
            for optimizer, axes in zip(optimizers, row, strict=True):
                axes.set(xlabel=measure.title, ylim=(-0.04, 1.04))
                if optimizer not in here:
                    layout.note(axes, "not run")
                elif not finite.size:
                    layout.note(axes, "diverged")
                elif not here[optimizer].methods:
                    layout.note(axes, "controls only")
                else:
                    _panel(axes, here[optimizer], _thresholds(finite), error, handles, chance)
                    if finite.size == 1 and np.isfinite(values).all():  # one point, on which all curves lie
                        layout.note(axes, f"all: {1 - finite[0] if error else finite[0]:g}")
            layout.scale(row[0], pd.Series(1 - finite if error else finite), measure, horizontal=True)
            for optimizer, axes in zip(optimizers, row, strict=True):
                if optimizer in here and here[optimizer].methods:
                    beside = [group for group in bounds if (group.task_label, group.optimizer) == (task, optimizer)]
                    drawn |= layout.levels(axes, beside, handles, horizontal=True, error=error)
            layout.ylabel(row, f"share of {_unit(groups)}s\nat least as good")
        handles, bounds = layout.seen(handles, bounds, drawn)
        layout.legend(figure, list(handles.values()), list(handles))
        layout.caption(figure, _caption(groups) + layout.bounds_sentence(*comparison.counts(bounds)), results)
    return figure


def _thresholds(values: np.ndarray) -> np.ndarray:
    """The values themselves, or some of them that lie evenly among them."""
    at = np.unique(np.linspace(0, values.size - 1, min(POINTS, values.size)).round().astype(int))
    return values[at]


def _panel(
    axes: Axes, group: Group, thresholds: np.ndarray, error: bool, handles: dict[str, Line2D], rng: np.random.Generator
) -> None:
    """Draws one panel. error: its horizontal axis has 1 minus each threshold."""
    sign = -group.reports.sign  # of a score, of which the largest is the best
    # At least as good is more than the next smaller number.
    limits = np.nextafter(sign * thresholds, -np.inf)
    picks = resampling.draw(rng, RESAMPLES, 1, len(group.seeds))
    shares, lows, highs = resampling.profile(sign * group.values()[None], limits, picks)
    x, where = thresholds, "pre" if group.reports.better == "higher" else "post"
    if error:  # from the left again, where a curve keeps each value up to the next threshold
        x, where = 1 - thresholds[::-1], "post"
        shares, lows, highs = (part[:, ::-1] for part in (shares, lows, highs))
    for method, share, low, high in zip(group.methods, shares, lows, highs, strict=True):
        line = handles[method]
        look = layout.strokes(line)
        if np.isfinite(low).all():
            axes.fill_between(x, low, high, step=where, color=line.get_color(), alpha=0.12, linewidth=0)
        axes.step(x, share, where=where, **look)
        inner = np.flatnonzero((share > 0) & (share < 1))  # marks stand where the curve falls
        marks = inner[:: max(1, len(inner) // 4)] if len(inner) else np.array([len(x) // 2])
        axes.plot(x[marks], share[marks], linestyle="", **layout.marks(line))


def _unit(groups: list[Group]) -> str:
    return layout.unit(*comparison.counts(groups))


def _caption(groups: list[Group]) -> str:
    many, several = layout.common_seeds(groups)
    text = f"Share of {many} whose last value is at least as good as the one on the axis, at the chosen settings."
    if several:
        text += f" Bands cover the whole curve with 95 %, from {RESAMPLES:,} resamples of the {_unit(groups)}s."
    if any(lost.any() for group in groups for lost in group.diverged):
        text += f" A {_unit(groups)} that diverged counts as the worst possible."
    return text
