"""Flow: how large the gradient is that each hard site hands on over training, and how many of its slopes are zero."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from results import wording
from results.analysis import draws, gradient_flow, lookup, selection
from results.drawing import layout, style
from results.records.result_set import ResultSet
from results.statistics import intervals

SHOWN = {"downstream_norm": "norm of the\ngradient handed on", "saturation": "share of slopes\nthat are zero"}


def draw(results: ResultSet, columns: int = 2) -> Figure:
    """Two rows for each task and optimizer, a column a site (in one column of a page the other way round); of each
    estimator at its chosen setting the mean over seeds with its 95 % t interval, of the norms the geometric mean.

    Args:
        results: what it is drawn of.
        columns: 1 or 2, of a page.

    Returns:
        The figure, not yet saved.

    Raises:
        RecordError: for incomplete results, and where nothing was recorded of layers.
    """
    results.complete()
    found, settings = gradient_flow.gradient_flow(results), selection.chosen_settings(results)
    settings["entry"] = lookup.methods(settings)
    found = found[found["replica"].isin(settings["replicas"].explode())]
    found["draw"] = found["replica"].map(draws.by_replica(results.rows))
    found = found.merge(settings[["run", "task_label", "optimizer_label", "entry"]], on="run")
    groups = list(found.groupby(["task_label", "optimizer_label"], sort=True))
    sites = max(own["site"].nunique() for _, own in groups)
    with style.context(columns):
        handles = layout.lines(zip(settings["estimator"], settings["entry"], strict=True), plan=results.plan)
        narrow = columns == 1
        width = style.figure_width(columns, max(4.6, 0.6 + 1.35 * sites))
        lines = layout.legend_lines(width, list(handles))
        down = layout.lines_down(2 * len(groups), sites, columns)
        panels_tall = style.row_factor() * (1.1 if narrow else 1.45) * down
        size = (width, panels_tall + (1.1 + 0.14 * lines if narrow else 0.9 + 0.17 * max(0, lines - 3)))
        figure = Figure(figsize=size, layout="constrained")
        panels = layout.place(figure, 2 * len(groups), sites, columns, sharex=True, sharey="row")
        for ((task, optimizer), own), rows in zip(groups, panels.reshape(len(groups), 2, sites), strict=True):
            for (statistic, words), row in zip(SHOWN.items(), rows, strict=True):
                layout.ylabel(row, words)
                for site, axes in zip(sorted(own["site"].unique()), row, strict=False):
                    if statistic == "downstream_norm":
                        axes.set_title(
                            f"{task if axes is row[0] else ''}\n{optimizer if axes is row[0] else ''}\n", loc="left"
                        )
                        axes.set_title(site)
                    _panel(axes, own[own["site"] == site], statistic, handles)
                for axes in row[own["site"].nunique() :]:
                    axes.set_axis_off()
                if narrow:
                    row[own["site"].nunique() - 1].set_xlabel("step (updates)")
            rows[1][0].set_ylim(-0.04, 1.04)
        for axes in () if narrow else panels[-1]:
            axes.set_xlabel("step (updates)")
        figure.align_ylabels()
        layout.legend(figure, list(handles.values()), list(handles))
        layout.caption(figure, _caption(settings), results)
    return figure


def _panel(axes: Axes, rows: pd.DataFrame, statistic: str, handles: dict[str, Line2D]) -> None:
    logarithmic = statistic.endswith("norm")
    if statistic not in rows or not rows[statistic].notna().any():
        layout.note(axes, "no slope")
        return
    for entry, line in handles.items():
        own = rows[rows["entry"] == entry]
        curves = own.pivot(index="step", columns="replica", values=statistic)
        if curves.empty:
            continue
        values = curves.to_numpy("float64")
        if logarithmic:
            with np.errstate(divide="ignore"):
                values = np.log10(values)
        met = own.drop_duplicates("replica").set_index("replica")["draw"][curves.columns].to_numpy()
        values = draws.averaged(values, met)
        mean, low, high = np.array([intervals.t_interval(row) for row in values]).T
        if logarithmic:
            mean, low, high = 10.0**mean, 10.0**low, 10.0**high
        steps, colour = curves.index.to_numpy("float64"), line.get_color()
        axes.fill_between(steps, low, high, color=colour, alpha=0.15, linewidth=0)
        every = max(1, len(steps) // 4)
        axes.plot(steps, mean, **{**layout.strokes(line), **layout.marks(line)}, markevery=every, markersize=3.5)
    if logarithmic and (rows[statistic] > 0).any():
        axes.set_yscale("log", nonpositive="mask")


def _caption(settings: pd.DataFrame) -> str:
    many = wording.units(settings["replicas"].map(len), settings["draws"])
    return (
        f"At the chosen settings, {many}: of the norms the geometric mean with its 95 % t "
        "interval, of the shares the mean. A norm of exactly zero at any seed, or a diverged seed, leaves a gap."
    )
