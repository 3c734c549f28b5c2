"""Knobs: bias and the deviation of one call over a number of an estimator: its temperature, its samples."""

from __future__ import annotations

import textwrap

import pandas as pd
from matplotlib.figure import Figure

from results import wording
from results.analysis import lookup
from results.analysis.fidelity import fidelity
from results.drawing import layout, style
from results.figures.sensitivity import log_spaced
from results.records.result_set import ResultSet
from steeplechase.errors import RecordError

ROWS = {"bias": "relative bias", "deviation": "relative standard deviation"}


def draw(results: ResultSet, columns: int = 2) -> Figure:
    """Two rows, bias and deviation; a column for each task and number that differs, a line an estimator.

    No line is fitted: neither is monotone in every number.

    Args:
        results: what it is drawn of.
        columns: 1 or 2, of a page.

    Returns:
        The figure, not yet saved.

    Raises:
        RecordError: for incomplete results, where nothing was measured of fidelity, and where no number differs.
    """
    found = fidelity(results)
    numbers = [name for name in map(str, found) if name.startswith("estimator.")]
    if not numbers:
        raise RecordError("no number of an estimator differs: list several, as estimator.temperature=0.5,1,2.")
    steps = sorted(found["step"].unique())
    found = found[found["step"] == steps[len(steps) // 2]]
    places = [
        (task, number)
        for task in dict.fromkeys(found["task_label"])
        for number in numbers
        if found.loc[found["task_label"] == task].groupby("estimator")[number].nunique().max() > 1
    ]
    with style.context(columns):
        methods = found[["estimator", "estimator_label"]].drop_duplicates().itertuples(index=False, name=None)
        handles = layout.lines(methods, plan=results.plan)
        several = found["task_label"].nunique() > 1
        titles = [(f"{task}\n" if several else "") + lookup.short_names(number) for task, number in places]
        figure, panels = layout.grid([*ROWS.values()], titles, list(handles), 1.7, columns)
        for (column, words), row in zip(ROWS.items(), panels, strict=True):
            for (task, number), axes in zip(places, row, strict=True):
                own = found[found["task_label"] == task]
                own = own[own.groupby("estimator_label")[number].transform("nunique") > 1]
                for label, curve in own.groupby("estimator_label"):
                    _curve(axes, curve.sort_values(number), number, column, handles[str(label)])
                values = pd.to_numeric(own[number])
                axes.set(xlabel=lookup.short_names(number), yscale="log")
                axes.margins(x=0.12)  # so that the numbers at its ends stay within
                if log_spaced(values):
                    axes.set_xscale("log")
                    different = sorted(values.unique())
                    axes.set_xticks(different, [f"{value:g}" for value in different])
                    axes.set_xticks([], minor=True)
            layout.ylabel(row, words)
        if columns != 1:
            layout.head_columns(panels, titles)
        for words, row in zip(ROWS.values(), panels, strict=True) if columns == 1 else ():  # rows stand side by side
            for text, axes in zip(titles, row, strict=True):
                axes.set_title("\n".join(textwrap.fill(line, 18) for line in (words, *text.split("\n"))))
        figure.align_ylabels()
        layout.legend(figure, list(handles.values()), list(handles))
        seeds = wording.how_many(found["seeds"].unique(), "seed")
        begin = "" if several else f"{places[0][0]}. "
        text = (
            f"{begin}At step {found['step'].iloc[0]:,} of one training, {found['calls'].max():,.0f} calls, over "
            f"{seeds}, in lengths of the true gradient. Arrow: the bias is below that, at 95 %, and not told from 0."
        )
        layout.caption(figure, text, results)
    return figure


def _curve(axes, rows: pd.DataFrame, number: str, column: str, line) -> None:
    x = rows[number].astype("float64")
    seen = rows["seen"] | (column != "bias")
    y = rows[column].where(seen, rows["bound"])
    axes.plot(x, y, **{**layout.strokes(line), "linewidth": 1.0})
    mark = {**layout.marks(line), "color": line.get_color(), "linestyle": "", "markersize": 4}
    axes.plot(x[seen], y[seen], **mark)
    open_ = {"markerfacecolor": "none", "markeredgecolor": line.get_color(), "markeredgewidth": 0.9}
    axes.plot(x[~seen], y[~seen], **mark | open_)
    axes.plot(x[~seen], layout.ARROW * y[~seen], linestyle="")  # room for the arrows
    for place, height in zip(x[~seen], y[~seen], strict=True):
        layout.below(axes, place, height, line)
