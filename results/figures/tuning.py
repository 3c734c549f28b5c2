"""Tuning: what each estimator reaches when only so many of its settings are tried, drawn at random."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from results.analysis import comparison, lookup, tuning
from results.analysis.comparison import ANY, Group
from results.drawing import layout, style
from results.records.result_set import ResultSet
from results.statistics import resampling

RESAMPLES, SEED = 400, 0


def draw(results: ResultSet, columns: int = 2) -> Figure:
    """A row a task, a column an optimizer: the expected mean of the best of k settings, with 95 % bands over seeds.

    Controls take no part, and bounds are lines at their means. Where one of the settings diverged without bound,
    the expectation of fewer settings than are sure to avoid it is unknown, and the curve begins later.

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
        figure, panels = layout.grid(tasks, optimizers, list(handles), 1.8, columns, sharey="row")
        drawn: set[str] = set()
        for task, row in zip(tasks, panels, strict=True):
            here = {group.optimizer: group for group in groups if group.task_label == task}
            every = pd.concat([_curves(group, chance).assign(optimizer=group.optimizer) for group in here.values()])
            reports = next(iter(here.values())).reports
            every, measure = layout.as_error(every, reports)
            for optimizer, axes in zip(optimizers, row, strict=True):
                axes.set_xlabel("settings tried")
                axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
                if optimizer in here:
                    _panel(axes, every[every["optimizer"] == optimizer], handles)
                else:
                    layout.note(axes, "not run")
            known = every["mean"].dropna()
            layout.scale(row[0], known, measure)
            for optimizer, axes in zip(optimizers, row, strict=True) if len(known) else ():
                beside = [group for group in bounds if (group.task_label, group.optimizer) == (task, optimizer)]
                drawn |= layout.levels(axes, beside, handles, error=measure is not reports)
            layout.ylabel(row, measure.title)
        figure.align_ylabels()
        handles, bounds = layout.seen(handles, bounds, drawn)
        layout.legend(figure, list(handles.values()), list(handles))
        layout.caption(figure, _caption(groups) + layout.bounds_sentence(*comparison.counts(bounds)), results)
    return figure


def _curves(group: Group, rng: np.random.Generator) -> pd.DataFrame:
    """`method, tried, mean, low, high` of each method: NaN where it is unknown, and ends where nothing says them."""
    picks, found = resampling.draw(rng, RESAMPLES, 1, len(group.seeds)), []
    for m, method in enumerate(group.methods):
        mean = tuning.best_of(group, m)
        mean[~np.isfinite(mean)] = np.nan
        ends, known = np.full((2, len(mean)), np.nan), np.isfinite(mean)
        if len(group.seeds) > 1 and known.any():
            ends[:, known] = resampling.percentile_ends(tuning.best_of(group, m, picks)[:, known], len(group.seeds))
        tried = np.arange(1, len(mean) + 1)
        found.append(pd.DataFrame({"method": method, "tried": tried, "mean": mean, "low": ends[0], "high": ends[1]}))
    return (
        pd.concat(found) if found else pd.DataFrame(columns=["method", "tried", "mean", "low", "high"], dtype="float64")
    )


def _panel(axes: Axes, curves: pd.DataFrame, handles: dict[str, Line2D]) -> None:
    """Draws one panel of `_curves`."""
    for method, curve in curves.groupby("method", sort=False):
        line = handles[str(method)]
        look = {**layout.strokes(line), **layout.marks(line)}
        axes.plot(curve["tried"], curve["mean"], **look, markersize=3.5)
        known = curve[curve["low"].notna()]
        if len(known):
            band = known["tried"], known["low"], known["high"]
            axes.fill_between(*band, color=line.get_color(), alpha=0.15, linewidth=0)
    if not curves["mean"].notna().any():
        layout.note(axes, "diverged" if len(curves) else "controls only")


def _caption(groups: list[Group]) -> str:
    many, several = layout.common_seeds(groups)
    chosen = sorted({group.selects.label.lower() for group in groups})
    text = (
        f"Expected mean over {many} at the last step of the best of so many settings of the grid, drawn at random and "
        f"chosen by {' or '.join(chosen)}."
    )
    if several:
        text += f" Bands: 95 %, expanded percentiles of {RESAMPLES} resamples of the seeds."
    if any(not np.isfinite(values).all() for group in groups for values in group.reported):
        text += " A curve begins where a setting that diverged without bound is sure to be avoided."
    return text
