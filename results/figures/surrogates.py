"""Contrasts: what every estimator reaches at the default rate, tuned, and tuned after area normalisation."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from results import wording
from results.analysis import measures, surrogates
from results.analysis.spread import default_condition, tuned_condition
from results.drawing import layout, style
from results.records.result_set import ResultSet

# Told apart by marker, filling, and lightness in grey; a control has the markers in grey.
UNTUNED = {"color": style.ORANGE, "marker": "o", "mfc": "white"}
LOOKS = {
    "default": UNTUNED,
    "area_default": UNTUNED,  # in the place of the other, where all slopes have one area
    "tuned": {"color": "black", "marker": "s"},
    "area_tuned": {"color": style.SKY, "marker": "D"},
}
OFFSETS = {1: [0.0], 2: [-0.18, 0.18], 3: [-0.27, 0.0, 0.27]}  # of a row, by how many conditions are shown
ROW = 0.2  # inches


def draw(results: ResultSet, columns: int = 2) -> Figure:
    """A panel a task and optimizer, a row an estimator; mean over seeds and its 95 % t interval in each condition.

    Rows stand in the order of the tuned means, averaged over the task's optimizers. A point that lies far outside the
    others is drawn at the panel's edge as an arrowhead, an unknown mean as a cross at the worse side.

    Args:
        results: what it is drawn of.
        columns: 1 or 2, of a page.

    Returns:
        The figure, not yet saved.

    Raises:
        RecordError: for incomplete results, and as surrogates.rankings does.
    """
    results.complete()
    ranked = surrogates.rankings(results)
    rows, names = ranked.rows, surrogates.other_names(ranked)
    conditions = _conditions(set(rows["condition"]))
    shown = rows[rows["condition"].isin(conditions)]
    pairs = shown[surrogates.PAIR].drop_duplicates()
    count, tasks = shown.groupby("task_label")["estimator"].nunique().max(), pairs["task_label"].nunique()
    with style.context(columns):
        tall = ROW * max(count, 4)
        height = 1.9 + ((0.5 + 0.6 * tall) * tasks if columns == 1 else tall)
        wide = max(4.6, 0.2 + 1.2 * tasks + 1.15 * max(len(pairs), 2 * tasks))
        figure = Figure(figsize=(style.figure_width(columns, wide), height), layout="constrained")
        panels = _panels(figure, pairs, columns)
        said: list[str] = []
        for axes, pair in zip(panels, pairs.itertuples(index=False), strict=True):
            of_task = shown[shown["task_label"] == pair.task_label]
            rows = of_task[of_task["optimizer_label"] == pair.optimizer_label]
            first = pair.optimizer_label == of_task["optimizer_label"].iloc[0]
            measure = _measure(rows, ranked.bounds)
            axes.set_title(pair.optimizer_label)
            axes.set_title(f"{pair.task_label if first else ''}\n", loc="left")  # which runs on over the next panel
            if columns != 1:
                axes.set_xlabel(measure.title, size=7)
            elif first:  # it runs on below the next panel
                axes.set_xlabel(measure.title, size=6, loc="left")
            order = _order(of_task, measure, tuned_condition(conditions))
            said += _panel(axes, rows, measure, order, conditions, _also(names, pair.task))
            estimator_of = of_task.drop_duplicates("estimator_label").set_index("estimator_label")["estimator"]
            layout.emphasise(axes.get_yticklabels(), order["estimator_label"].map(estimator_of), results.plan)
            axes.tick_params(axis="y", labelsize=5 if columns == 1 else 6.5)
            if not first:
                axes.tick_params(labelleft=False)
        handles = [Line2D([], [], linestyle="", **LOOKS[name]) for name in conditions]
        labels = [surrogates.TITLES[name] for name in conditions]
        layout.legend(figure, handles, labels)
        layout.caption(
            figure,
            " ".join(
                [
                    *_caption(shown, ranked.reference.label),
                    *dict.fromkeys(said),
                    *_names_sentence(names),
                    *surrogates.remarks(ranked, noise=False),
                ]
            ),
        )
    return figure


def _also(names: Mapping[tuple[str, str, str], list[str]], task: str | None = None) -> dict[str, list[str]]:
    """What else each estimator is called on a task, or on any, by its label; sorted."""
    found: dict[str, set[str]] = {}
    for (of, _, label), labels in names.items():
        if labels and task in (None, of):
            found.setdefault(label, set()).update(labels)
    return {label: sorted(labels) for label, labels in sorted(found.items())}


def _names_sentence(names: Mapping[tuple[str, str, str], list[str]]) -> list[str]:
    """What the caption says of one function under several names; nothing where there is none."""
    same = [" = ".join([label, *labels]) for label, labels in _also(names).items()]
    return [f"+: one function under more names, which counts once: {'; '.join(same)}."] if same else []


def _conditions(trained: set[str]) -> list[str]:
    """Those that are shown, in this order: one that is not tuned, and those that are."""
    return [name for name in (default_condition(trained), "tuned", "area_tuned") if name in trained]


def _panels(figure: Figure, pairs: pd.DataFrame, columns: int) -> list[Axes]:
    """A panel for each task and optimizer: side by side, or for one column of a page a line for each task."""
    if columns != 1:
        return list(figure.subplots(1, len(pairs), squeeze=False)[0])
    counts = pairs["task_label"].value_counts(sort=False)
    places = figure.subplots(len(counts), counts.max(), squeeze=False)
    for row, count in zip(places, counts, strict=True):
        for axes in row[count:]:
            axes.set_visible(False)
    return [axes for row, count in zip(places, counts, strict=True) for axes in row[:count]]


def _measure(rows: pd.DataFrame, bounds: Mapping[tuple[str, str], tuple[float, float]]) -> measures.Measure:
    first = rows.iloc[0]
    words = first[["measure", "measure_label", "unit", "better"]]
    return measures.Measure(*words, bounds=bounds[first["task"], first["measure"]])


def _order(rows: pd.DataFrame, measure: measures.Measure, by: str) -> pd.DataFrame:
    """One task's `estimator_label, control, outside_spread`, by the mean in this condition, the best first."""
    tuned = rows["mean"].where(rows["condition"] == by)
    means = rows.assign(tuned=tuned).groupby(["estimator_label", "control", "outside_spread"])["tuned"].mean()
    means = means.reset_index().sort_values("estimator_label")
    return means.sort_values("tuned", ascending=measure.better == "lower", kind="stable", ignore_index=True)


def _panel(
    axes: Axes,
    rows: pd.DataFrame,
    measure: measures.Measure,
    order: pd.DataFrame,
    conditions: list[str],
    also: Mapping[str, list[str]],
) -> list[str]:
    """Draws one panel; returns what the caption must say of it. also: the other names of an estimator, by its label."""
    offsets = dict(zip(conditions, OFFSETS[len(conditions)], strict=True))
    place = {label: at for at, label in enumerate(order["estimator_label"])}
    means = rows.loc[~rows["control"] & (rows["outside_spread"] == "") & rows["mean"].notna(), "mean"]
    _scale(axes, means if len(means) else rows["mean"].dropna(), measure)
    low, high = axes.get_xlim()
    said, worse = [], low if measure.better == "higher" else high
    for row in rows.itertuples():
        look = LOOKS[row.condition] | ({"color": style.GREY} if row.control else {})
        at = place[row.estimator_label] + offsets[row.condition]
        if math.isnan(row.mean):
            said.append("×: unknown, since a seed diverged.")
            axes.plot([worse], [at], marker="x", ms=3.5, color=look["color"], clip_on=False, zorder=4)
        elif not low <= row.mean <= high:
            said.append("◂, ▸: outside the panel.")
            outside = {**look, "marker": "<" if row.mean < low else ">"}
            axes.plot([min(max(row.mean, low), high)], [at], ms=3.2, mew=0.6, clip_on=False, zorder=4, **outside)
        else:
            if row.low < low or row.high > high:
                said.append("Intervals are cut off at the edge of a panel.")
            axes.plot([row.low, row.high], [at, at], color=look["color"], lw=0.8, solid_capstyle="butt", zorder=2)
            axes.plot([row.mean], [at], ms=2.8, mew=0.6, zorder=3, **look)
    fixed = rows[(rows["verdict"] == "reference") & (rows["condition"] == tuned_condition(conditions))]["mean"].dropna()
    for value in fixed:  # one or none
        axes.axvline(value, color="#606060", linewidth=0.6, zorder=1)
    ticks = zip(surrogates.marked(order), order["estimator_label"], strict=True)
    names = [f"{text} +{len(also[label])}" if label in also else text for text, label in ticks]
    axes.set_yticks(range(len(order)), names)
    for tick, control in zip(axes.get_yticklabels(), order["control"], strict=True):
        tick.set_color("#808080" if control else "black")
    for edge in range(0, len(order), 2):
        axes.axhspan(edge - 0.5, edge + 0.5, color="#f4f4f4", linewidth=0, zorder=0)
    axes.set_ylim(len(order) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(False, axis="y")
    return said


def _scale(axes: Axes, means: pd.Series, measure: measures.Measure) -> None:
    """Sets scale and limits so that the bulk of the means fills the panel: without those further than three times the
    quartiles' distance beyond the quartiles. A loss that spans a decade is logarithmic, and linear near zero where it
    reaches zero."""
    if means.empty:
        axes.set_xlim(0, 1)
        layout.note(axes, "diverged")
        return
    above = means[means > 0]
    wide = not measure.bounded and means.min() >= 0 and len(above) and above.max() >= 10 * above.min()
    if wide and len(above) == len(means):
        axes.set_xscale("log")
        low, high = (10**end for end in _bulk(np.log10(means)))
        axes.set_xlim(low, high)
    elif wide:
        smallest = 10.0 ** math.floor(math.log10(above.min()))
        axes.set_xscale("symlog", linthresh=smallest, linscale=0.5)
        axes.xaxis.get_major_locator().set_params(numticks=4)
        axes.set_xlim(-0.4 * smallest, 10 ** _bulk(np.log10(above))[1])
    else:
        axes.set_xlim(*_bulk(means))
        axes.xaxis.set_major_locator(MaxNLocator(3, steps=[1, 2, 2.5, 5, 10]))


def _bulk(values: pd.Series) -> tuple[float, float]:
    """The limits of a panel around the values that are not far outside the others."""
    lower, upper = values.quantile([0.25, 0.75])
    reach = 3 * (upper - lower)
    kept = values[values.between(lower - reach, upper + reach)]
    room = 0.06 * (kept.max() - kept.min()) or 0.05 * abs(kept.max()) or 0.05
    return kept.min() - room, kept.max() + room


def _caption(shown: pd.DataFrame, reference: str) -> list[str]:
    several = shown["draws"].max() > 1
    many = wording.units(shown["seeds"], shown["draws"])
    text = [f"Mean over {many} at the last step" + (" with 95 % t interval." if several else ", no interval.")]
    conditions = _conditions(set(shown["condition"]))
    if ((shown["verdict"] == "reference") & (shown["condition"] == tuned_condition(conditions))).any():
        text.append(f"Vertical line: {reference} at its tuned rate.")
    absent = [surrogates.TITLES[name] for name in ("default", "tuned", "area_tuned") if name not in conditions]
    if "area_default" in conditions:
        text.append("All slopes have one area.")
    elif absent:
        text.append(f"Absent: {' and '.join(absent)}.")
    if shown.loc[shown["diverged"] > 0, "unit"].map(wording.is_share).any():
        text.append("A seed without a finite value counts as the worst share.")
    return text
