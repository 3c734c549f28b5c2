"""The table `orders`: its parts, as they are printed and written."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd

from results import wording
from results.tables import printing

ORDER = "Rows: by task, in the order of the alphabet."


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
