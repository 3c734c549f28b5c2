"""Pairings: what each pair of slopes reaches, one at activations and one at weights, as a square of cells."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from results import wording
from results.analysis import comparison, pairings
from results.analysis.comparison import ANY
from results.analysis.measures import Measure
from results.drawing import layout, style
from results.records.result_set import ResultSet

SHADES = LinearSegmentedColormap.from_list("shades", ["white", style.BLUE])
MARKS = {"better": "▲", "worse": "▼"}
NUMBERED = 8  # slopes a side up to which cells have room for numbers


def draw(results: ResultSet, columns: int = 2) -> Figure:
    """A row a task, a column an optimizer. A cell is a pair: its row the slope of activations, its column that of hard
    weights, its shade what it reached. Pairs of one slope are framed.

    Controls and bounds take no part.

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
    pairs = pairings.pairings(results)
    tasks, optimizers = (sorted({key(group) for group in groups}) for key in (_task, _optimizer))
    reported = {(group.task_label, group.optimizer): group.reports for group in groups}
    with style.context(columns):
        handles = [
            Rectangle((0, 0), 1, 1, fill=False, edgecolor="black", linewidth=0.8),
            *(Line2D([], [], linestyle="", color="black", marker=mark, markersize=4) for mark in "^v"),
        ]
        labels = ["one slope at both", "better than its row's framed cell", "worse"]
        figure, panels = layout.grid(tasks, optimizers, labels, 2.6, columns)
        for task, row in zip(tasks, panels, strict=True):
            for optimizer, axes in zip(optimizers, row, strict=True):
                axes.set_title(layout.title(task, optimizer, columns, 16), size=6 if columns == 1 else 7)
                own = pairs[(pairs["task_label"] == task) & (pairs["optimizer_label"] == optimizer)]
                if own.empty:
                    layout.note(axes, "controls only" if (task, optimizer) in reported else "not run")
                    axes.set_axis_off()
                else:
                    down, across = _panel(axes, own, reported[task, optimizer], columns == 1)
                    layout.emphasise(axes.get_yticklabels(), down, results.plan)
                    layout.emphasise(axes.get_xticklabels(), across, results.plan)
        layout.legend(figure, handles, labels)
        layout.caption(figure, _caption(pairs, list(reported.values())), results)
    return figure


def _task(group):
    return group.task_label


def _optimizer(group):
    return group.optimizer


def _panel(axes: Axes, rows: pd.DataFrame, measure: Measure, narrow: bool) -> tuple[list[str], list[str]]:
    """Draws one panel; returns the names of its rows and of its columns. rows: of one task and optimizer."""
    names = dict(zip(rows["estimator"], rows["estimator_label"], strict=True))
    beside = dict(zip(rows["weights"], rows["weights_label"], strict=True))
    down = list(names)
    across = [name for name in down if name in beside] + [name for name in beside if name not in names]
    table = rows.pivot(index="estimator", columns="weights", values="mean").reindex(index=down, columns=across)
    shades = _shades(measure.sign * table.to_numpy("float64"))
    axes.imshow(np.ma.masked_invalid(shades), cmap=SHADES, vmin=0, vmax=1, aspect="auto")
    small = len(down) <= NUMBERED and len(across) <= NUMBERED
    for row in rows.to_dict("records"):
        y, x = down.index(row["estimator"]), across.index(row["weights"])
        if row["estimator"] == row["weights"]:
            axes.add_patch(Rectangle((x - 0.48, y - 0.48), 0.96, 0.96, fill=False, edgecolor="black", linewidth=0.8))
        colour = "white" if shades[y, x] > 0.6 else "black"
        words = (_number(row["mean"], measure) if small else "") + MARKS.get(row["verdict"], "")
        axes.text(x, y, words, ha="center", va="center", size=4.5 if narrow else 5.5, color=colour)
    size = 5 if narrow else 6
    columns = [layout.wrapped(beside[name] or "none") for name in across]
    axes.set_xticks(range(len(across)), columns, rotation=40, ha="right", size=size)
    axes.set_yticks(range(len(down)), [layout.wrapped(label) for label in names.values()], size=size)
    axes.tick_params(length=0)
    axes.grid(False)
    axes.set(xlabel="at weights", ylabel="at activations")
    return down, across


def _shades(costs: np.ndarray) -> np.ndarray:
    """From 1, the best, to 0, the worst that is no outlier, so that a pair that learns nothing leaves others theirs.

    Returns:
        As `costs`; an outlier is beyond the upper quartile by more than 1.5 times the distance of both (Tukey 1977).
    """
    known = costs[np.isfinite(costs)]
    if not known.size:
        return costs
    low, high = np.quantile(known, [0.25, 0.75])
    end = known[known <= high + 1.5 * (high - low)].max()
    return np.clip((end - costs) / ((end - known.min()) or 1), 0, 1)


def _number(mean: float, measure: Measure) -> str:
    """What a cell says: of a share per cent."""
    if not np.isfinite(mean):
        return "–"
    return f"{100 * mean:.1f}" if measure.share else f"{mean:.3g}"


def _caption(pairs: pd.DataFrame, reported: list[Measure]) -> str:
    if pairs.empty:
        return "Nothing but controls."
    words = (f"{m.label.lower()} in per cent" if m.share else m.title.lower() for m in reported)
    what = " or ".join(dict.fromkeys(words))
    many = wording.units(pairs["seeds"], pairs["draws"])
    return (
        f"Number: mean {what} over {many} at the last step, settings chosen on validation; the darker the better, from "
        "the worst that is no outlier on. Marks: paired t test, corrected by Holm for the pairs of a panel."
    )
