"""The table `ranking`, as it is printed and written."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from results import wording
from results.analysis import estimand
from results.analysis.ranking import MOVED, RESAMPLES, across
from results.statistics import resampling
from results.tables import printing

ORDER = "Rows: by optimizer, then by rank, the best first."
ACROSS_ORDER = "Rows: by optimizer, then by mean rank, the best first."


def show(frame: pd.DataFrame, console: Console) -> list[Table]:
    """Prints a table a task, and one over all tasks where there are several; returns the tables.

    Args:
        frame: of analysis.ranking.stability.
        console: where they are printed.

    Returns:
        In the order of `parts`.
    """
    return printing.show(parts(frame), console)


def write(frame: pd.DataFrame, folder: str | Path) -> list[Path]:
    """Writes ranking.csv, .md and .tex, and ranking_tasks.csv with `across`. Returns their paths.

    Args:
        frame: of analysis.ranking.stability.
        folder: where they go.

    Returns:
        In this order; the last only where `across` has rows.
    """
    spanning = across(frame)
    beside = {"ranking_tasks": spanning} if len(spanning) else {}
    return printing.write(folder, "ranking", frame, *printing.texts(parts(frame), "ranking"), **beside)


ACROSS_CAPTION = (
    "Mean rank over tasks by the mean at the last step, among the methods that were run on all of them; in the other "
    "columns the rank of that mean, of all tasks and without one."
)


def parts(frame: pd.DataFrame) -> Iterator[printing.Part]:
    """A table a task, and one over all tasks where there are several, as one would print them."""
    for task, rows in frame.groupby("task_label", sort=False):
        yield printing.Part(f"{task}: rank stability", _printed(rows), _caption(rows), ORDER)
    spanning = across(frame)
    if len(spanning):
        drawn = estimand.sentence(frame["estimand"])
        yield printing.Part("All tasks: rank stability", _spanning(spanning), f"{ACROSS_CAPTION} {drawn}", ACROSS_ORDER)


def _caption(rows: pd.DataFrame) -> str:
    text = "Rank by the mean at the last step"
    if rows["draws"].max() >= resampling.FEWEST:
        many = wording.units(rows["seeds"], rows["draws"])
        text += (
            f", with the range that it has in 95 % of {RESAMPLES:,} resamples of {many}, and how often it is "
            "first in them, settings chosen anew in each"
        )
    return text + (
        f". 95 % budget: its rank where all trainings stop {100 * MOVED:g} % earlier. Fastest: its rank by expected "
        f"updates to the target, and for a target that is {100 * MOVED:g} % easier or harder. "
        f"{estimand.sentence(rows['estimand'])}"
    )


def _printed(rows: pd.DataFrame) -> pd.DataFrame:
    def rank(value):
        return "–" if math.isnan(value) else f"{value:g}"

    return pd.DataFrame(
        {
            "with": list(rows["optimizer_label"]),
            "method": list(rows["method"]),
            "rank": [
                f"{r.rank:g}" + ("" if math.isnan(r.rank_low) else f" [{r.rank_low:g}, {r.rank_high:g}]")
                for r in rows.itertuples()
            ],
            "first": ["–" if math.isnan(share) else f"{share:.0%}" for share in rows["first"]],
            "95 % budget": [rank(value) for value in rows["shorter"]],
            "fastest": [rank(value) for value in rows["fastest"]],
            "easier": [rank(value) for value in rows["easier"]],
            "harder": [rank(value) for value in rows["harder"]],
        }
    )


def _spanning(spanning: pd.DataFrame) -> pd.DataFrame:
    """A row a method and optimizer, a column for all tasks and for each that is left out."""
    printed = []
    for optimizer, own in spanning.groupby("optimizer_label", sort=False):
        whole = own[own["left_out"] == ""]
        for row in whole.itertuples():
            places = own[own["method"] == row.method].set_index("left_out")["rank"]
            words = {"with": optimizer, "method": row.method, "mean rank": f"{row.mean_rank:.3g}"}
            words |= {f"without {task}" if task else "rank": f"{place:g}" for task, place in places.items()}
            printed.append(words)
    return pd.DataFrame(printed).fillna("–")
