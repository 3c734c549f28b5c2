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
    ranking = board(results)
    narrow, many, tasks = columns == 1, len(ranking.methods), len(ranking.tasks)
    with style.context(columns):
        width = style.figure_width(columns, max(4.6, 2.9 + COLUMN * tasks))
        # In one column of a page there is room for one line above each column of cells.
        names = [str(label) if narrow else textwrap.fill(str(label), LETTERS) for label in ranking.ranks.columns]
        above = 0.4 + (0.042 if narrow else 0.062) * max(map(len, "\n".join(names).split("\n")), default=0)
        figure = Figure(figsize=(width, 1.2 + 0.4 * narrow + above + ROW * max(many, 3)), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True, width_ratios=[max(tasks, 3), 4.5 if narrow else 4])
        left.set_title("Rank on each task")
        right.set_title("Mean rank")
        if not many:
            layout.note(left, "bounds only")
            return figure
        _cells(left, ranking, names, narrow)
        _means(right, ranking, results)
        layout.emphasise(left.get_yticklabels(), ranking.methods["estimator"], results.plan)
        frame = Line2D([], [], linestyle="", marker="s", markersize=7, color="none", markeredgecolor="black")
        layout.legend(figure, [frame], ["best, or not told from it"])
        layout.caption(figure, _caption(ranking), results)
    return figure


def _cells(axes: Axes, ranking: Board, names: list[str], narrow: bool) -> None:
    ranks, most = ranking.ranks.to_numpy(), max(len(ranking.methods), 2)
    axes.imshow(most - ranks, cmap=SHADES, vmin=0, vmax=1.6 * (most - 1), aspect="auto")
    for (y, x), rank in np.ndenumerate(ranks):
        axes.text(x, y, f"{rank:g}", ha="center", va="center", size=5 if narrow else 6.5)
    for x, (method, level) in enumerate(zip(ranking.tasks["method"], ranking.tasks["level"], strict=True)):
        at = [y for y, name in enumerate(ranking.methods["method"]) if name in (method, *level)]
        axes.plot([x] * len(at), at, "s", markersize=9 if narrow else 13, mfc="none", mec="black", mew=0.8)
    axes.set_xticks(range(len(names)), names, rotation=90, size=5 if narrow else 6)
    axes.xaxis.tick_top()
    axes.set_yticks(range(len(ranking.methods)), ranking.methods["method"].map(layout.wrapped))
    axes.tick_params(length=0)
    axes.grid(False)


def _means(axes: Axes, ranking: Board, results: ResultSet) -> None:
    looks = layout.styles_of_estimators(ranking.methods["estimator"], results.plan)
    half = 0.0 if math.isnan(ranking.critical) else ranking.critical / 2
    for y, (name, mean) in enumerate(zip(ranking.methods["estimator"], ranking.methods["mean_rank"], strict=True)):
        look = looks[name]
        if half:
            axes.plot([mean - half, mean + half], [y, y], color=look.colour, linewidth=1.2)
        axes.plot(mean, y, look.marker, color=look.colour, mec="white", mew=0.4, markersize=5)
    axes.set(xlabel="mean rank", xlim=(0.5, max(len(ranking.methods), 2) + 0.5))
    axes.tick_params(axis="y", length=0, labelleft=False)
    axes.grid(axis="y", visible=False)


def _caption(ranking: Board) -> str:
    counted = wording.count(len(ranking.tasks), "task")
    text = (
        f"Rank of each method by its mean at the last step, over {wording.how_many(set(ranking.draws), 'draw')} of "
        "each task; 1 is the best. Frame: the best, and what is not told from it (Holm over all pairs of the task, "
        "5 %)."
    )
    if math.isnan(ranking.critical):
        return f"{text} Mean ranks over {counted} are not compared: that takes {FEWEST}."
    return (
        f"{text} Right: mean rank over {counted}; two whose bars do not overlap are told apart (Nemenyi, 5 %: "
        f"{ranking.critical:.2f} ranks)."
    )
