"""Learning rates: what each estimator reaches at every rate of the grid, and which rate was chosen."""

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
from results.statistics import intervals


def draw(results: ResultSet, columns: int = 2) -> Figure:
    """A row a task, a column an optimizer; mean over seeds of what is reported and its 95 % t interval at each rate.

    Where more than the rate was swept, the other numbers are chosen anew at each rate. A rate at which a seed diverged
    without bound has no mean, and is marked at the worse edge.

    Args:
        results: what it is drawn of.
        columns: 1 or 2, of a page.

    Returns:
        The figure, not yet saved.

    Raises:
        RecordError: for incomplete results, and as comparison.groups does.
    """
    results.complete()
    groups = [group for group in comparison.groups(results) if group.optimizer != ANY]
    bounds, marks = comparison.bounds(results), lookup.bound_methods(results)
    with style.context(columns):
        tasks, optimizers, handles = layout.sides(groups, bounds, marks, results.plan)
        figure, panels = layout.grid(tasks, optimizers, list(handles), 1.9, columns, sharey="row")
        cut = False
        for task, row in zip(tasks, panels, strict=True):
            of_task = [group for group in (*groups, *bounds) if group.task_label == task]
            every = pd.concat([_curves(group).assign(optimizer=group.optimizer) for group in of_task])
            every, measure = layout.as_error(every, of_task[0].reports)
            curves = {str(optimizer): own for optimizer, own in every.groupby("optimizer")}
            for optimizer, axes in zip(optimizers, row, strict=True):
                axes.set(xlabel="learning rate", xscale="log")
                if optimizer in curves:
                    if figure.get_size_inches()[0] < layout.CROWDED:
                        layout.name_decades(axes, curves[optimizer]["rate"], horizontal=True)
                    _panel(axes, curves[optimizer], handles)
                else:
                    layout.note(axes, "not run")
            layout.ylabel(row, measure.title)
            layout.scale(row[0], every["mean"].dropna(), measure)
            if measure.bounded:
                layout.within_bounds(row[0], measure)
            low, high = row[0].get_ylim()
            cut = cut or every["low"].min() < low or every["high"].max() > high
            for optimizer, axes in zip(optimizers, row, strict=True):
                if optimizer in curves:
                    layout.mark_unknown(axes, curves[optimizer], "rate", handles, measure)
        figure.align_ylabels()
        layout.legend(figure, list(handles.values()), list(handles))
        layout.caption(
            figure, _caption(groups, bounds) + " Bands are cut off at the edge of a panel." * bool(cut), results
        )
    return figure


def _curves(group: Group) -> pd.DataFrame:
    """`method, rate, mean, low, high, chosen`: at each rate the best of the method's settings with it."""
    found, chosen = [], group.choose()
    for m, method in enumerate(group.methods):
        for rate, best in group.choose_at_rates(m).items():
            values = intervals.t_interval(group.reported[m][best])
            found.append((method, rate, *values, chosen[m] == best))
    return pd.DataFrame(found, columns=["method", "rate", "mean", "low", "high", "chosen"])


def _panel(axes: Axes, curves: pd.DataFrame, handles: dict[str, Line2D]) -> None:
    for method in (m for m in handles if (curves["method"] == m).any()):
        curve, line = curves[curves["method"] == method], handles[method]
        layout.curve(axes, curve["rate"], curve, line)
        if layout.is_bound(line):
            continue
        best = curve[curve["chosen"] & curve["mean"].notna()]
        axes.plot(
            best["rate"], best["mean"], marker="o", markersize=8, mfc="none", mec=line.get_color(), mew=1, linestyle=""
        )


def _caption(groups: list[Group], bounds: list[Group]) -> str:
    many, several = layout.common_seeds(groups)
    text = f"Mean over {many} at the last step" + (" with 95 % t interval." if several else ".")
    chosen = sorted({group.selects.label.lower() for group in groups})
    text += layout.bounds_sentence(*comparison.counts(bounds))
    text += f" Ring: the rate that was chosen, by {' or '.join(chosen)}."
    if any(len(set(rates)) < len(rates) for group in groups for rates in group.rates):
        text += " What else was swept is chosen anew at each rate."
    if any(not np.isfinite(values).all() for group in groups for values in group.reported):
        text += " ×: unknown, since a seed diverged."
    if any(lost.any() for group in groups for lost in group.diverged):
        text += " A seed that diverged counts as the worst possible."
    return text
