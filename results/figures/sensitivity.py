"""Sensitivity: what each method reaches at every value of a number that is compared."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from results.analysis import compared, comparison, lookup
from results.analysis.comparison import ANY
from results.analysis.sensitivity import baselines, sensitivity
from results.drawing import layout, style
from results.records.result_set import ResultSet


def draw(results: ResultSet, columns: int = 2) -> Figure:
    """A row a task and compared number, a column an optimizer; mean over seeds and its 95 % t interval at each value.

    The axis of a number is logarithmic where its values lie more evenly so; schedules are categories. Where the plan
    compares no number, it is the learning rate.

    Args:
        results: of which it is drawn, its compared numbers apart (analysis/compared.py).
        columns: 1 or 2, of a page.

    Returns:
        The figure, not yet saved.

    Raises:
        RecordError: for incomplete results, and as analysis.sensitivity does.
    """
    results.complete()
    if not results.plan.compare:
        results = compared.apart(replace(results, plan=replace(results.plan, compare=("optimizer.learning_rate",))))
    table, beside_them = sensitivity(results), baselines(results)
    groups = {(g.task_label, g.optimizer): g for g in comparison.groups(results) if g.optimizer != ANY}
    tasks, optimizers = (sorted({where[at] for where in groups}) for at in (0, 1))
    keys = {task: list(table.loc[table["task_label"] == task, "key"].unique()) or [""] for task in tasks}
    rows = [(task, key) for task in tasks for key in keys[task]]
    bounds, marks = comparison.bounds(results), lookup.bound_methods(results)
    with style.context(columns):
        beside = (pair for group in bounds for pair in zip(group.names, group.methods, strict=True))
        every = pd.concat([table.assign(level=False), beside_them.assign(level=True)], ignore_index=True)
        every = every.astype({"mean": "float64", "low": "float64", "high": "float64"})
        methods = every[["estimator", "method"]].itertuples(index=False, name=None)
        handles = layout.lines([*methods, *beside], marks, results.plan)
        drawn: set[str] = set()
        figure, panels = layout.grid([task for task, _ in rows], optimizers, list(handles), 1.9, columns, sharey="row")
        for (task, key), row in zip(rows, panels, strict=True):
            own = every[(every["task_label"] == task) & (every["key"] == key)]
            reports = next(group.reports for (of, _), group in groups.items() if of == task)
            own, measure = layout.as_error(own, reports)
            levels, own = own[own["level"]], own[~own["level"]]
            places, names = _places(own["value"])
            own = own.assign(place=own["value"].map(places))
            for optimizer, axes in zip(optimizers, row, strict=True):
                curves = own[own["optimizer_label"] == optimizer]
                axes.set_xlabel(lookup.short_names(key))
                if curves.empty:
                    layout.note(axes, "bounds only" if (task, optimizer) in groups else "not run")
                else:
                    _panel(axes, curves, handles)
                    _levels(axes, levels[levels["optimizer_label"] == optimizer], handles)
                _set_axis(axes, own["value"], names)
            layout.ylabel(row, measure.title)
            layout.scale(row[0], pd.concat([own["mean"], levels["mean"]]).dropna(), measure)
            if measure.bounded:
                layout.within_bounds(row[0], measure)
            for optimizer, axes in zip(optimizers, row, strict=True):
                here = [group for group in bounds if (group.task_label, group.optimizer) == (task, optimizer)]
                drawn |= layout.levels(axes, here if len(own) else (), handles, error=measure is not reports)
                layout.mark_unknown(axes, own[own["optimizer_label"] == optimizer], "place", handles, measure)
        figure.align_ylabels()
        handles, bounds = layout.seen(handles, bounds, drawn)
        layout.legend(figure, list(handles.values()), list(handles))
        many, several = layout.common_seeds(list(groups.values()))
        text = f"Mean over {many} at the last step" + (" with 95 % t interval" if several else "")
        text += "; what else was swept is chosen at each value by validation."
        text += " Level lines: methods without the number." if len(beside_them) else ""
        text += " ×: unknown, since a seed diverged." if table["mean"].isna().any() else ""
        layout.caption(figure, text + layout.bounds_sentence(*comparison.counts(bounds)), results)
    return figure


def log_spaced(values: Iterable[float]) -> bool:
    """Whether numbers lie more evenly on a logarithmic axis than on a linear one.

    Args:
        values: finite numbers.

    Returns:
        False for less than three different ones, unless these are a decade apart, and for any that is not above 0.
    """
    different = np.unique(np.array([*values], float))
    if len(different) < 2 or different[0] <= 0:
        return False
    if len(different) == 2:
        return bool(different[1] >= 10 * different[0])
    steps = [np.diff(scale) for scale in (np.log(different), different)]
    log, linear = (step.std() / step.mean() for step in steps)
    return bool(log < linear)


def _places(values: pd.Series) -> tuple[dict, list[str]]:
    """Where each value stands on the axis; and their words, where it is one of categories."""
    different = list(dict.fromkeys(values))
    if any(isinstance(value, str) for value in different):
        return {value: at for at, value in enumerate(different)}, [lookup.format_value(value) for value in different]
    return {value: float(value) for value in different}, []


def _set_axis(axes: Axes, values: pd.Series, names: list[str]) -> None:
    if names:
        axes.set_xticks(range(len(names)), names)
        axes.set_xlim(-0.5, len(names) - 0.5)
        return
    different = sorted({float(value) for value in values})
    if log_spaced(different):
        axes.set_xscale("log")
    if len(different) <= 8:
        axes.set_xticks(different, [f"{value:g}" for value in different])
        axes.set_xticks([], minor=True)


def _panel(axes: Axes, curves: pd.DataFrame, handles: dict[str, Line2D]) -> None:
    for method, curve in curves.groupby("method", sort=False):
        layout.curve(axes, curve["place"], curve, handles[str(method)])


def _levels(axes: Axes, rows: pd.DataFrame, handles: dict[str, Line2D]) -> None:
    """Draws methods without the number across a panel, each with its interval."""
    for row in rows[np.isfinite(rows["mean"].to_numpy("float64"))].itertuples():
        line = handles[row.method]
        axes.axhspan(row.low, row.high, color=line.get_color(), alpha=0.08, linewidth=0)
        axes.axhline(row.mean, **{**layout.strokes(line), "zorder": 1})
