"""Throughput: how many replica-steps a second each run trained."""

from __future__ import annotations

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.markers import MarkerStyle
from matplotlib.ticker import EngFormatter

from results import wording
from results.analysis import lookup
from results.drawing import layout, style
from results.records.result_set import ResultSet

SMALL = {"size": 3, "edgecolor": "white", "linewidth": 0.4, "zorder": 4}


def draw(results: ResultSet, columns: int = 2) -> Figure:
    """A panel a task, a row an optimizer; a small point is one recorded part, the large one a run's median. Bounds are
    left out: with real functions they compute something else.

    Args:
        results: what it is drawn of.
        columns: 1 or 2, of a page.

    Returns:
        The figure, not yet saved.

    Raises:
        RecordError: for incomplete results.
    """
    results.complete()
    rates, apart = _rates(results), list(lookup.bounds(results))
    rates = rates if rates["run"].isin(apart).all() else rates[~rates["run"].isin(apart)]
    tasks = sorted(rates["task_label"].unique())
    looks = layout.styles_of_estimators(rates["estimator"], results.plan)
    labels = rates.groupby("estimator")["estimator_label"].first()[[*looks]]
    parts = rates.groupby("run").size()
    with style.context(columns):
        across = 1 if columns == 1 else min(len(tasks), 3)
        rows = -(-len(tasks) // across)
        height = 0.55 + 0.11 * len(labels) * rates["optimizer_label"].nunique()
        width = style.figure_width(columns, max(4.6, 0.6 + 3.0 * across))
        room = 1.2 if columns == 1 or style.for_journal() else 0.65  # a caption has more lines there
        lines = layout.legend_lines(width, list(labels))
        figure = Figure(figsize=(width, room + 0.17 * lines + rows * max(1.1, height)), layout="constrained")
        panels = figure.subplots(rows, across, squeeze=False).flat
        for axes, task in zip(panels, tasks, strict=False):
            _panel(axes, task, rates[rates["task_label"] == task], looks)
        for axes in list(panels)[len(tasks) :]:
            axes.set_visible(False)
        handles = [
            Line2D([], [], linestyle="", color=looks[n].colour, marker=looks[n].marker, ms=6) for n in labels.index
        ]
        layout.legend(figure, handles, list(labels))
        counted = wording.spanning(parts.min(), parts.max())
        spread = (
            "One part each: no spread shown." if parts.max() == 1 else "Lines: from the slowest part to the fastest."
        )
        layout.caption(
            figure,
            f"Small points: recorded parts, {counted} a run; a part's rate is its replicas divided by the median time "
            "of a step, over the chunks after the first, without compiling and judging. Large points: their medians. "
            f"{spread}",
        )
    return figure


def _rates(results: ResultSet) -> pd.DataFrame:
    """One row per part: the columns of `lookup.run_labels`, `device`, `block`, `rate` (1/s, NaN if unknown)."""
    parts = [
        {"run": a["run"], "device": a["device"], "block": a["block"], "rate": a.get("replica_steps_per_s")}
        for a in results.accounts
    ]
    found = lookup.run_labels(results).merge(pd.DataFrame(parts), on="run", validate="one_to_many")
    return found.assign(rate=found["rate"].astype("float64"))


def _panel(axes: Axes, task: str, rates: pd.DataFrame, line_styles: dict[str, style.LineStyle]) -> None:
    # A row of the panel is an optimizer; a device or block of its own makes another one.
    several = rates[["device", "block"]].drop_duplicates().shape[0] > 1
    where = rates["device"].astype(str) + ", block " + rates["block"].astype(str)
    rates = rates.assign(row=rates["optimizer_label"] + (" (" + where + ")" if several else ""))
    order = sorted(rates["row"].unique())
    names = [name for name in line_styles if name in {*rates["estimator"]}]
    axes.set_title(task if several else f"{task}\n{where.iloc[0]}")
    known = rates[np.isfinite(rates["rate"]) & (rates["rate"] > 0)]
    shared = {
        "x": "rate",
        "y": "row",
        "order": order,
        "hue": "estimator",
        "hue_order": names,
        "legend": False,
        "ax": axes,
    }
    palette = {name: line_styles[name].colour for name in names}
    if len(known):
        sns.stripplot(known, **shared, palette=palette, dodge=len(names) > 1, jitter=False, **SMALL)
        sns.pointplot(
            known,
            **shared,
            palette=palette,
            markers=[line_styles[name].marker for name in names],
            dodge=0.8 - 0.8 / len(names) if len(names) > 1 else False,
            estimator="median",
            errorbar=("pi", 100),  # all of them
            err_kws={"linewidth": 0.8},
            linestyle="none",
            markersize=6,
            markeredgewidth=0 if all(MarkerStyle(line_styles[name].marker).is_filled() for name in names) else 1,
        )
        _axis(axes, known["rate"])
    else:
        layout.note(axes, "not measured")
        axes.set_yticks(range(len(order)), order)
    for edge in range(1, len(order)):
        axes.axhline(edge - 0.5, color="#e4e4e4", linewidth=0.5)
    axes.set_ylim(len(order) - 0.5, -0.5)
    axes.grid(False, axis="y")
    axes.set(xlabel="replica-steps/s", ylabel="")


def _axis(axes: Axes, rates: pd.Series) -> None:
    """From zero where the rates lie within a factor of ten, else logarithmic."""
    if rates.max() < 10 * rates.min():
        axes.set_xlim(0, 1.08 * rates.max())
    else:
        axes.set_xscale("log")
    axes.xaxis.set_major_formatter(EngFormatter())
