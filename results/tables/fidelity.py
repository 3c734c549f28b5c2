"""The table `fidelity`: its parts, as they are printed and written."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd

from results import wording
from results.analysis.fidelity import NOISES, SMOOTHED
from results.tables import printing

NEXT = ["next_step", "next_step_low", "next_step_high"]
ORDER = "Rows: by step, then by method, in the order of the alphabet."


def parts(frame: pd.DataFrame) -> Iterator[printing.Part]:
    """A table a task, as one would print it.

    Args:
        frame: of analysis.fidelity.fidelity.

    Yields:
        Of each method at each state bias, verdict, deviation, directions and costs.
    """
    for task, rows in frame.groupby("task_label", sort=False):
        rows = rows.sort_values(["step", "smoothing", "method"])
        printed, caption = (_smoothed if rows["smoothing"].notna().any() else _whole)(rows)
        if rows["next_step"].notna().any():
            printed["next step"] = [_share(*own) for own in rows[NEXT].itertuples(index=False)]
            caption += (
                " Next step: what the optimizer's next step by the mean estimate does to the loss over all that is "
                "trained on, as a share of that; mean with 95 % t interval."
            )
        yield printing.Part(f"{task}: how far estimates are from the gradient", printed.astype(str), caption, ORDER)


def _whole(rows: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Beside a reference that the mean of an estimator may be."""
    printed = pd.DataFrame(
        {
            "method": rows["method"],
            "step": rows["step"],
            "bias": [_bias(row) for row in rows.itertuples()],
            "verdict": [f"{row.verdict} ({row.agreeing}/{row.seeds})" for row in rows.itertuples()],
            "deviation": rows["deviation"].map("{:.3g}".format),
            "cosine": rows["cosine"].map(_cosine),
            "of one call": rows["call_cosine"].map(_cosine),
            "evaluations": rows["evaluations"].map("{:,.0f}".format),
            "µs": [f"{1e6 * s:.3g}" if s == s else "–" for s in rows["call_s"]],
        }
    )
    calls, seeds = wording.count(int(rows["calls"].max()), "call"), _seeds(rows)
    caption = (
        f"In lengths of the true gradient, over {seeds}. Bias: of the mean of {calls}; where it cannot be told from 0, "
        "what it is below (95 %, median over seeds). Verdict at δ = "
        f"{rows['delta'].iloc[0]:g}: that of most seeds. Deviation: standard deviation of one call. Cosine: of the "
        "mean with the true gradient, and mean over calls. µs: of one call, many at once."
    )
    return printed, caption


def _smoothed(rows: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Beside the gradient of an averaged loss, which no slope is meant to be: directions and lengths."""
    printed = pd.DataFrame(
        {
            "method": rows["method"],
            "step": rows["step"],
            "smoothing": rows["smoothing"].map("{:g}".format),
            "cosine": [
                wording.aggregate(mean, low, high, "share")
                for mean, low, high in zip(rows["cosine"], rows["cosine_low"], rows["cosine_high"], strict=True)
            ],
            "length": [f"{own:.3g}" if own == own else "–" for own in rows["length"]],
        }
    )
    caption = (
        f"Beside the gradient of the loss, averaged over {NOISES.get(rows['truth'].iloc[0], NOISES[SMOOTHED])}; mean "
        f"over {_seeds(rows)} with 95 % t interval. Length: in lengths of that gradient, geometric mean; –: of one of "
        "them that is not sure to be above 0."
    )
    return printed, caption


def _seeds(rows: pd.DataFrame) -> str:
    return wording.count(int(rows["seeds"].max()), "seed")


def _share(mean: float, low: float, high: float) -> str:
    ends = "" if math.isnan(low) else f" [{low:+.1%}, {high:+.1%}]"
    return "–" if math.isnan(mean) else f"{mean:+.1%}{ends}"


def _bias(row) -> str:
    return f"{row.bias:.3g}" if row.seen else f"< {row.bound:.2g}"


def _cosine(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"
