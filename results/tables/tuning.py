"""The table `tuning`, as it is printed and written."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from results import wording
from results.analysis import estimand
from results.statistics import paired
from results.tables import printing

LATER = "▼"
ORDER = "Rows: by optimizer, then by the estimator's name, in the order of the alphabet; bounds last."
ARRIVALS_ORDER = "Rows: by optimizer, then by method, in the order of the alphabet."


def show(frame: pd.DataFrame, arrived: pd.DataFrame, console: Console) -> list[Table]:
    """Prints two tables a task; returns them.

    Args:
        frame: of analysis.tuning.tuning.
        arrived: of analysis.tuning.success_grid.
        console: where they are printed.

    Returns:
        In the order of `parts`.
    """
    return printing.show(parts(frame, arrived), console)


def write(frame: pd.DataFrame, arrived: pd.DataFrame, folder: str | Path) -> list[Path]:
    """Writes tuning.csv, .md and .tex, and targets.csv. Returns their paths.

    Args:
        frame: of analysis.tuning.tuning.
        arrived: of analysis.tuning.success_grid.
        folder: where they go.

    Returns:
        In this order.
    """
    return printing.write(folder, "tuning", frame, *printing.texts(parts(frame, arrived), "tuning"), targets=arrived)


def parts(frame: pd.DataFrame, arrived: pd.DataFrame) -> Iterator[printing.Part]:
    """Two tables a task, as one would print them.

    Args:
        frame: of analysis.tuning.tuning.
        arrived: of analysis.tuning.success_grid.

    Yields:
        What tuning is worth, then when methods arrive.
    """
    for task, rows in frame.groupby("task_label", sort=False):
        first = rows.iloc[0]
        name, margin = first["measure_label"], first["tolerance"]
        own = arrived[arrived["task_label"] == task]
        parted = bool((own["draws"] < own["seeds"]).any())
        units = "draws" if parted else "seeds"
        text = (
            f"Area: under the curve of {name.lower()} over updates, divided by the budget, mean over {units} with 95 % "
            "t interval. Best of k: mean at the last step of the best of k settings drawn at random, chosen as in the "
            "result table."
        )
        if not math.isnan(margin):
            text += (
                f" Serving: rates whose mean is at most {margin:g} from the chosen one's, and the decades they span."
            )
        drawn = estimand.sentence(rows["estimand"])
        yield printing.Part(f"{task}: tuning", _printed(rows), f"{text} {drawn}", ORDER)
        text = (
            f"Targets of {own['measure_label'].iloc[0].lower()}: expected updates until each is reached, with what was "
            "spent in vain, and how many seeds reached it; of the task's own one also examples, and seconds of one "
            "replica among those of its block."
        )
        if parted:
            text += " The unit is the draw: it has arrived when all of its seeds have, and these are counted."
        if own["p"].notna().any():
            text += (
                f" {LATER}: later than the fastest with this optimizer (log-rank test, p < {paired.LEVEL:g}, "
                "corrected by Holm for all pairs)."
            )
        yield printing.Part(f"{task}: targets", _arrivals(own), f"{text} {drawn}", ARRIVALS_ORDER)


def _printed(rows: pd.DataFrame) -> pd.DataFrame:
    def number(value, unit):
        return "unknown" if math.isnan(value) else wording.aggregate(value, math.nan, math.nan, unit)

    printed = {
        "with": list(rows["optimizer_label"]),
        "method": list(rows["method"]),
        "area": [wording.aggregate(r.auc, r.auc_low, r.auc_high, r.unit) for r in rows.itertuples()],
        **{
            f"best of {k}": [
                "–" if k > settings else number(value, unit)
                for value, settings, unit in zip(rows[f"best_of_{k}"], rows["settings"], rows["unit"], strict=True)
            ]
            for k in (1, 2, 3)
        },
        "best of all": [f"{number(r.best, r.unit)} ({r.settings})" for r in rows.itertuples()],
    }
    if rows["tolerance"].notna().any():
        printed["serving"] = [
            "–" if math.isnan(r.serving) else f"{r.serving:.0%}, {0 if math.isnan(r.decades) else r.decades:.1f}"
            for r in rows.itertuples()
        ]
    return pd.DataFrame(printed)


def _arrivals(rows: pd.DataFrame) -> pd.DataFrame:
    """A row a method, a column a target; of the task's own one examples and seconds, too."""
    printed: dict[tuple[str, str], dict[str, str]] = {}
    for one in rows.itertuples():
        key = one.optimizer_label, one.method
        words = printed.setdefault(key, dict(zip(("with", "method"), key, strict=True)))
        mark = f" {LATER}" * one.later
        words[f"{one.target:g}{' (own)' if one.own else ''}"] = (
            f"{_amount(one.steps)} ({one.reached}/{one.draws}){mark}"
        )
    for one in rows[rows["own"]].itertuples():
        words = {"own: examples": _amount(one.examples), "own: seconds": _amount(one.seconds)}
        printed[one.optimizer_label, one.method] |= words
    return pd.DataFrame(list(printed.values())).fillna("–")


def _amount(value: float) -> str:
    if math.isinf(value):
        return "never"
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"
