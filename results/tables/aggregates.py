"""The table `aggregates`, as it is printed and written."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from results import wording
from results.analysis import estimand
from results.analysis.aggregates import RESAMPLES, TOGETHER
from results.statistics import intervals
from results.tables import printing

ORDER = "Rows: by optimizer, then by the estimator's name, in the order of the alphabet."
PAIRS_ORDER = "Rows: by optimizer, then by mean: of a pair the better method first."


def show(frame: pd.DataFrame, improved: pd.DataFrame, console: Console) -> list[Table]:
    """Prints the two tables of each task, and of all together; returns them.

    Args:
        frame: of analysis.aggregates.aggregates.
        improved: of analysis.aggregates.improvement.
        console: where they are printed.

    Returns:
        In the order of `parts`.
    """
    return printing.show(parts(frame, improved), console)


def write(frame: pd.DataFrame, improved: pd.DataFrame, folder: str | Path) -> list[Path]:
    """Writes aggregates.csv, .md and .tex, and improvement.csv. Returns their paths.

    Args:
        frame: of analysis.aggregates.aggregates.
        improved: of analysis.aggregates.improvement.
        folder: where they go.

    Returns:
        In this order.
    """
    texts = printing.texts(parts(frame, improved), "aggregates")
    return printing.write(folder, "aggregates", frame, *texts, improvement=improved)


def parts(frame: pd.DataFrame, improved: pd.DataFrame) -> Iterator[printing.Part]:
    """For each task, and for all together, its aggregates and its probabilities, as one would print them.

    Args:
        frame: of analysis.aggregates.aggregates.
        improved: of analysis.aggregates.improvement.

    Yields:
        The aggregates, then the probabilities, where there are pairs.
    """
    for task, rows in frame.groupby("task_label", sort=False):
        yield printing.Part(f"{task}: aggregates", _printed(rows), _caption(rows), ORDER)
        pairs = improved[improved["task_label"] == task]
        if len(pairs):
            yield printing.Part(
                f"{task}: probability of improvement", _paired(pairs), _pairs_caption(pairs), PAIRS_ORDER
            )


def _printed(rows: pd.DataFrame) -> pd.DataFrame:
    printed = {"with": list(rows["optimizer_label"]), "method": list(rows["method"])}
    for name in intervals.STATISTICS:
        ends = zip(rows[name], rows[f"{name}_low"], rows[f"{name}_high"], rows["unit"], strict=True)
        printed[name.replace("iqm", "interquartile mean")] = [
            wording.aggregate(mean if math.isfinite(mean) else math.nan, low, high, unit)
            for mean, low, high, unit in ends
        ]
    return pd.DataFrame(printed)


def _caption(rows: pd.DataFrame) -> str:
    first = rows.iloc[0]
    many = wording.units(rows["seeds"], rows["draws"])
    text = f"{first.measure_label} at the last step, at the chosen settings, over {many}"
    if first.task_label == TOGETHER:
        tasks = wording.how_many(rows["tasks"], "task")
        text += f" and {tasks}: 1 is the best that met this seed, equals share their average"
    text += f".{_parted(rows)} 95 % intervals: {'; or '.join(dict.fromkeys(rows['how']))}."
    return f"{text} {estimand.sentence(rows['estimand'])}"


def _paired(rows: pd.DataFrame) -> pd.DataFrame:
    ends = zip(rows["probability"], rows["low"], rows["high"], strict=True)
    return pd.DataFrame(
        {
            "with": list(rows["optimizer_label"]),
            "method": list(rows["method"]),
            "other": list(rows["other"]),
            "probability": [wording.aggregate(*own, "share") for own in ends],
        }
    )


def _pairs_caption(rows: pd.DataFrame) -> str:
    text = (
        "How probably a training of the method ends better than one of the other, at the chosen settings and each with "
        f"a seed of its own, ties counting half: over {wording.units(rows['seeds'], rows['draws'])}"
    )
    if rows["task_label"].iloc[0] == TOGETHER:
        text += f", mean over {wording.how_many(rows['tasks'], 'task')}"
    return text + (
        f"; 95 % intervals: expanded percentiles of {RESAMPLES:,} resamples, where all or none are better Clopper and "
        f"Pearson's. At 0.5 neither is better.{_parted(rows)} "
        f"{estimand.sentence(rows['estimand'])}"
    )


def _parted(rows: pd.DataFrame) -> str:
    """What must be said where draws have several seeds."""
    if (rows["draws"] == rows["seeds"]).all():
        return ""
    return " A draw counts by the mean over its seeds, where a seed or a training is spoken of."
