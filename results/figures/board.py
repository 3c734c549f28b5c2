"""Board: the rank of each method on each task, who is not told from the best there, and mean ranks over all tasks."""

from __future__ import annotations

import math
import textwrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from results import wording
from results.analysis.board import FEWEST, Board, board
from results.drawing import layout, style
from results.figures.ranking import SHADES
from results.records.result_set import ResultSet

ROW, COLUMN = 0.26, 0.36  # inches
LETTERS = 18  # of a line of a task's name


def draw(results: ResultSet, columns: int = 2) -> Figure:
    """A row a method, the best mean rank first; a column a task, its number and shade the rank there, a frame around
    the best and all that are not told from it. At the right mean ranks, with bars that reach half a critical difference
    to either side, where tasks are enough.

    Args:
        results: what it is drawn of.
        columns: 1 or 2, of a page.

    Returns:
        The figure, not yet saved.

    Raises:
        RecordError: for incomplete results, and as analysis.board.board does.
    """
    found = board(results)
    narrow, many, tasks = columns == 1, len(found.methods), len(found.tasks)
    with style.context(columns):
        width = style.figure_width(columns, max(4.6, 2.9 + COLUMN * tasks))
        names = [textwrap.fill(str(label), LETTERS) for label in found.ranks.columns]
        above = 0.4 + 0.062 * max(map(len, "\n".join(names).split("\n")), default=0)
        figure = Figure(figsize=(width, 1.2 + 0.4 * narrow + above + ROW * max(many, 3)), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True, width_ratios=[max(tasks, 3), 4.5 if narrow else 4])
        left.set_title("Rank on each task")
        right.set_title("Mean rank")
        if not many:
            layout.note(left, "bounds only")
            return figure
        _cells(left, found, names, narrow)
        _means(right, found, results)
        layout.emphasise(left.get_yticklabels(), found.methods["estimator"], results.plan)
        frame = Line2D([], [], linestyle="", marker="s", markersize=7, color="none", markeredgecolor="black")
        layout.legend(figure, [frame], ["best, or not told from it"])
        layout.caption(figure, _caption(found), results)
    return figure


def _cells(axes: Axes, found: Board, names: list[str], narrow: bool) -> None:
    ranks, most = found.ranks.to_numpy(), max(len(found.methods), 2)
    axes.imshow(most - ranks, cmap=SHADES, vmin=0, vmax=1.6 * (most - 1), aspect="auto")
    for (y, x), rank in np.ndenumerate(ranks):
        axes.text(x, y, f"{rank:g}", ha="center", va="center", size=5 if narrow else 6.5)
    for x, (method, level) in enumerate(zip(found.tasks["method"], found.tasks["level"], strict=True)):
        at = [y for y, name in enumerate(found.methods["method"]) if name in (method, *level)]
        axes.plot([x] * len(at), at, "s", markersize=9 if narrow else 13, mfc="none", mec="black", mew=0.8)
    axes.set_xticks(range(len(names)), names, rotation=90, size=5 if narrow else 6)
    axes.xaxis.tick_top()
    axes.set_yticks(range(len(found.methods)), found.methods["method"].map(layout.wrapped))
    axes.tick_params(length=0)
    axes.grid(False)


def _means(axes: Axes, found: Board, results: ResultSet) -> None:
    looks = layout.styles_of_estimators(found.methods["estimator"], results.plan)
    half = 0.0 if math.isnan(found.critical) else found.critical / 2
    for y, (name, mean) in enumerate(zip(found.methods["estimator"], found.methods["mean_rank"], strict=True)):
        look = looks[name]
        if half:
            axes.plot([mean - half, mean + half], [y, y], color=look.colour, linewidth=1.2)
        axes.plot(mean, y, look.marker, color=look.colour, mec="white", mew=0.4, markersize=5)
    axes.set(xlabel="mean rank", xlim=(0.5, max(len(found.methods), 2) + 0.5))
    axes.tick_params(axis="y", length=0, labelleft=False)
    axes.grid(axis="y", visible=False)


def _caption(found: Board) -> str:
    counted = wording.count(len(found.tasks), "task")
    text = (
        f"Rank of each method by its mean at the last step, over {wording.how_many(set(found.draws), 'draw')} of each "
        "task; 1 is the best. Frame: the best, and what is not told from it (Holm over all pairs of the task, 5 %)."
    )
    if math.isnan(found.critical):
        return f"{text} Mean ranks over {counted} are not compared: that takes {FEWEST}."
    return (
        f"{text} Right: mean rank over {counted}; two whose bars do not overlap are told apart (Nemenyi, 5 %: "
        f"{found.critical:.2f} ranks)."
    )
