"""The table `board`, as it is printed and written."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from results import wording
from results.analysis import lookup
from results.analysis.board import BUDGETS, FEWEST, Board
from results.tables import printing

ORDER = "Rows: by mean rank, the best first."
TASKS_ORDER = "Rows: by task, in the order of the alphabet."


def show(ranking: Board, console: Console) -> list[Table]:
    """Prints the ranks, and what to start from on each task.

    Args:
        ranking: of analysis.board.board.
        console: where they are printed.

    Returns:
        In the order of `parts`.
    """
    return printing.show(parts(ranking), console)


def write(ranking: Board, folder: str | Path) -> list[Path]:
    """Writes board.csv, .md and .tex, board_tasks.csv and board_ranks.csv. Returns their paths.

    Args:
        ranking: of analysis.board.board.
        folder: where they go.

    Returns:
        In this order.
    """
    beside = {
        "board_tasks": ranking.tasks.assign(
            level=ranking.tasks["level"].map(", ".join),
            worse=[", ".join(name for name, _ in own) for own in ranking.tasks["worse"]],
            functions=ranking.tasks["functions"].map(", ".join),
            bits=[", ".join(f"{bits:g}" for bits in own) for own in ranking.tasks["bits"]],
        ),
        "board_ranks": ranking.ranks.rename_axis("method").reset_index(),
    }
    markdown, latex = printing.texts(parts(ranking), "board")
    return printing.write(folder, "board", ranking.methods, markdown, latex, **beside)


def parts(ranking: Board) -> Iterator[printing.Part]:
    """The ranks over all tasks, and of each task what to start from.

    Args:
        ranking: of analysis.board.board.

    Yields:
        Two tables.
    """
    yield printing.Part(
        f"Ranks over {wording.count(len(ranking.tasks), 'task')}", _ranks(ranking), _caption(ranking), ORDER
    )
    yield printing.Part("What to start from", _starts(ranking.tasks), _starts_caption(ranking), TASKS_ORDER)


def _ranks(ranking: Board) -> pd.DataFrame:
    rows = ranking.methods
    return pd.DataFrame(
        {
            "method": rows["method"],
            "mean rank": rows["mean_rank"].map("{:.2f}".format),
            "place": rows["place"].map("{:g}".format),
            "without one": _range(rows, "place_low", "place_high"),
            "halves": _both(rows, "first_half", "second_half"),
            "75, 95 % budget": _both(rows, *(f"shorter_{100 * share:.0f}" for share in BUDGETS)),
            "better, level, worse": [f"{r.wins}, {r.ties}, {r.losses}" for r in rows.itertuples()],
            "start": rows["starts"].astype(str),
            "time": rows["seconds"].map("{:.2f} ×".format),
        }
    )


def _range(rows: pd.DataFrame, low: str, high: str) -> list[str]:
    return [f"{a:g}–{b:g}" if a < b else f"{a:g}" for a, b in rows[[low, high]].itertuples(index=False)]


def _both(rows: pd.DataFrame, first: str, second: str) -> list[str]:
    return [f"{a:g}, {b:g}" for a, b in rows[[first, second]].itertuples(index=False)]


def _caption(ranking: Board) -> str:
    told = (
        f"Mean ranks that are less than {ranking.critical:.2f} apart are not told apart (Nemenyi, 5 %; Friedman's test "
        f"of all: p = {wording.p_value(ranking.friedman, '–')})."
        if math.isfinite(ranking.critical)
        else f"Mean ranks are not compared: that takes {FEWEST} tasks, {ranking.lacking} more than there are."
    )
    return (
        "Mean over tasks of the rank by the mean at the last step, over "
        f"{wording.how_many(set(ranking.draws), 'draw')} of each. {told} Without one: its place where a task, or all "
        "tasks of one data set, are left out. Halves: by the first and by the other half of the draws. Budget: where "
        "all trainings stop earlier. Better, level, worse: than how many others, over all tasks (Holm over all pairs "
        "of a task, 5 %). Start: on how many tasks it is the best or not told from it. Time: of a step, in that of the "
        "task's median method, as it was measured."
    )


def _starts(tasks: pd.DataFrame) -> pd.DataFrame:
    rows: list[dict] = tasks.to_dict("records")
    return pd.DataFrame(
        {
            "task": [_task(row) for row in rows],
            "start from": tasks["method"],
            "at": tasks["setting"].map(lookup.short_names),
            "reached": [wording.aggregate(r["mean"], r["low"], r["high"], r["unit"]) for r in rows],
            "not told from it": [", ".join(own) or "–" for own in tasks["level"]],
            "would be told": [
                "–"
                if math.isnan(r["detectable"])
                else wording.aggregate(r["detectable"], math.nan, math.nan, r["unit"])
                for r in rows
            ],
        }
    )


def _task(row: Mapping[str, Any]) -> str:
    bits = f", {', '.join(f'{bits:g}' for bits in row['bits'])} bits" if row["bits"] else ""
    return f"{row['task_label']}, {', '.join(row['functions'])}{bits}"


def _starts_caption(ranking: Board) -> str:
    measures = ", ".join(dict.fromkeys(label.lower() for label in ranking.tasks["measure_label"]))
    return (
        f"By the mean at the last step ({measures}), with its 95 % t interval. Not told from it: corrected by "
        "Holm over all pairs of the task, since the draws chose the best. Would be told: a difference that is found in "
        "80 of 100 such comparisons, the median over the others."
    )
