"""The table `orders`, as it is printed and written."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from results import wording
from results.tables import printing

ORDER = "Rows: by task, in the order of the alphabet."


def show(frame: pd.DataFrame, console: Console) -> list[Table]:
    """Prints the table; returns it.

    Args:
        frame: of analysis.orders.orders.
        console: where it is printed.

    Returns:
        One.
    """
    return printing.show(parts(frame), console)


def write(frame: pd.DataFrame, folder: str | Path) -> list[Path]:
    """Writes orders.csv, .md and .tex. Returns their paths.

    Args:
        frame: of analysis.orders.orders.
        folder: where they go.

    Returns:
        In this order.
    """
    return printing.write(folder, "orders", frame, *printing.texts(parts(frame), "orders"))


def parts(frame: pd.DataFrame) -> Iterator[printing.Part]:
    """The pairs of cases, as one would print them.

    Args:
        frame: of analysis.orders.orders.

    Yields:
        One table.
    """
    rows: list[dict] = frame.to_dict("records")
    printed = pd.DataFrame(
        {
            "task": [row["task"] for row in rows],
            "one": [row["one"] for row in rows],
            "other": [row["other"] for row in rows],
            "correlation": [_interval(row["rho"], row["low"], row["high"]) for row in rows],
            "ceiling": [_number(row["ceiling"]) for row in rows],
            "without noise": [_number(row["corrected"]) for row in rows],
            "best of the one": [f"{row['best']}: place {row['place']:g} of {row['methods']}" for row in rows],
        }
    )
    draws = wording.how_many(set(frame["draws"]), "draw") if rows else "no draws"
    caption = (
        f"Spearman's correlation of the methods' means, each at the setting that it chose, over {draws}, with the "
        "middle 95 % of resamples of the draws. Ceiling: what it would be if noise alone parted the orders; without "
        "noise: the correlation over its ceiling. Best of the one: where it stands in the other."
    )
    yield printing.Part("Is the order the same elsewhere?", printed.astype(str), caption, ORDER)


def _interval(rho: float, low: float, high: float) -> str:
    return "–" if math.isnan(rho) else f"{rho:.2f} [{low:.2f}, {high:.2f}]"


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2f}"
