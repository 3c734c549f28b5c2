"""The table `fidelity`, as it is printed and written."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from results import wording
from results.tables import printing

ORDER = "Rows: by step, then by method, in the order of the alphabet."


def show(frame: pd.DataFrame, console: Console) -> list[Table]:
    """Prints a table a task; returns them.

    Args:
        frame: of analysis.fidelity.fidelity.
        console: where they are printed.

    Returns:
        In the order of `parts`.
    """
    return printing.show(parts(frame), console)


def write(frame: pd.DataFrame, folder: str | Path) -> list[Path]:
    """Writes fidelity.csv, .md and .tex. Returns their paths.

    Args:
        frame: of analysis.fidelity.fidelity.
        folder: where they go.

    Returns:
        In this order.
    """
    return printing.write(folder, "fidelity", frame, *printing.texts(parts(frame), "fidelity"))


def parts(frame: pd.DataFrame) -> Iterator[printing.Part]:
    """A table a task, as one would print it.

    Args:
        frame: of analysis.fidelity.fidelity.

    Yields:
        Of each method at each state bias, verdict, deviation, directions and costs.
    """
    for task, rows in frame.groupby("task_label", sort=False):
        smoothed = rows["smoothing"].notna()
        rows = rows.sort_values(["step", "smoothing", "method"])
        printed = pd.DataFrame(
            {
                "method": rows["method"],
                "step": rows["step"].astype(str),
                **({"σ": rows["smoothing"].map("{:g}".format)} if smoothed.any() else {}),
                "bias": [_bias(row) for row in rows.itertuples()],
                "verdict": [f"{row.verdict} ({row.agreeing}/{row.seeds})" for row in rows.itertuples()],
                "deviation": rows["deviation"].map("{:.3g}".format),
                "cosine": rows["cosine"].map(_cosine),
                "of one call": rows["call_cosine"].map(_cosine),
                "evaluations": rows["evaluations"].map("{:,.0f}".format),
                "µs": [f"{1e6 * s:.3g}" if s == s else "–" for s in rows["call_s"]],
            }
        )
        delta, seeds = rows["delta"].iloc[0], wording.count(int(rows["seeds"].max()), "seed")
        caption = (
            f"In lengths of the reference gradient, over {seeds}. Bias: of the mean of {rows['calls'].max():,.0f} "
            "calls; where it cannot be told from 0, what it is below (95 %, median over seeds). Verdict at δ = "
            f"{delta:g}: that of most seeds. Deviation: standard deviation of one call. Cosine: of the mean with the "
            "reference, and mean over calls. µs: of one call, many at once."
        )
        if smoothed.any():
            caption += " Reference: the gradient of the loss, averaged over normal noise of σ around the parameters."
        yield printing.Part(f"{task}: how far estimates are from the gradient", printed.astype(str), caption, ORDER)


def _bias(row) -> str:
    return f"{row.bias:.3g}" if row.bias_low > 0 else f"< {row.bound:.2g}"


def _cosine(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"
