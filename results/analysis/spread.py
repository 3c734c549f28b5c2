"""The analysis `spread`: how much of the surrogates' differences is left once they are tuned."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from results.analysis.surrogates import PAIR, Rankings, Reference
from results.statistics.variance import (
    noise_variance,
    rank_correlation,
    share_left,
    share_left_interval,
    variance_between,
)

SPREAD = {  # of spread(): name and what it holds
    "task": "name of the task",
    "task_label": "the task as it is printed",
    "optimizer": "name of the optimizer",
    "optimizer_label": "the optimizer as it is printed",
    "condition": "name in CONDITIONS",
    "measure": "the measure that is reported",
    "unit": "its unit; empty for a pure number",
    "estimators": "how many are known in every condition of this task and optimizer, and no control: only these count",
    "spread": "standard deviation of their means, less the seeds' noise (the measure's unit)",
    "share_of_default": "its square over that of the condition default: the share of the variance that is left",
    "share_low": "lower end of its 95 % interval: jackknife over seeds, of its logarithm; rates stay as chosen",
    "share_high": "upper end",
    "middle_half": "the upper quartile of their means minus the lower one",
    "noise": "standard error of a mean beside the others, which have the same seeds",
    "range": "best mean minus worst mean, negative where lower is better (the measure's unit)",
    "best": "the estimator with the best mean, as it is printed",
    "contrasts": "how many of them were compared with the reference",
    "decided": "how many of these differ from it",
    "better": "how many are better",
    "worse": "how many are worse",
    "rho": "Spearman's correlation of their means with those of the condition default",
    "rho_tuned": "and with those of the condition tuned",
}


@dataclass(frozen=True)
class Spread:
    """How far estimators lie apart in each condition.

    Attributes:
        rows: one row per task, optimizer and condition (columns: SPREAD), over the same estimators in every condition.
        reference: the estimator that the others were contrasted with.
        left_out: estimators that are not known in every condition, as they are printed, and of which task and
            optimizer.
    """

    rows: pd.DataFrame
    reference: Reference
    left_out: list[tuple[str, str]]


def spread(rankings: Rankings) -> Spread:
    """The spread of the means in each condition, and what is left of the differences at the default rate.

    The seeds' noise is what is left of the values by estimator and seed when both have their means taken off: what all
    estimators have in common at a seed, start and batches, does not part them, and is no noise between them (two-way
    analysis of variance without replication, as in Searle, Casella, McCulloch 1992).

    Returns:
        One seed does not tell noise from spread, which is then NaN.
    """
    found: list[dict] = []
    left_out: list[tuple[str, str]] = []
    for pair, rows in rankings.rows[rankings.rows["outside_spread"] == ""].groupby(PAIR, sort=False):
        conditions = list(dict.fromkeys(rows["condition"]))
        usable = rows[~rows["control"] & rows["mean"].notna()]
        counts = usable.groupby("estimator_label")["condition"].nunique()
        shared = sorted(counts.index[counts == len(conditions)])
        others = sorted(set(rows.loc[~rows["control"], "estimator_label"]) - set(shared))
        left_out += [(label, f"{pair[1]}, {pair[3]}") for label in others]
        by = {
            str(name): own.set_index("estimator_label").loc[shared]
            for name, own in rows[rows["estimator_label"].isin(shared)].groupby("condition")
        }
        for condition in conditions:
            words = rows.iloc[0][["measure", "unit"]]
            found.append({**dict(zip(PAIR, pair, strict=True)), "condition": condition, **words})
            found[-1] |= _spread(condition, by) if len(shared) > 1 else {"estimators": len(shared)}
    out = pd.DataFrame(found, columns=list(SPREAD))
    counted = ["estimators", "contrasts", "decided", "better", "worse"]
    shares = ["share_of_default", "share_low", "share_high"]
    numbers = ["spread", *shares, "middle_half", "noise", "range", "rho", "rho_tuned"]
    out = out.astype({**dict.fromkeys(counted, "Int64"), **dict.fromkeys(numbers, "float64")})
    return Spread(out, rankings.reference, left_out)


def _spread(condition: str, by: Mapping[str, pd.DataFrame]) -> dict:
    """The numbers of one row of spread(); by: for each condition the rows of the same estimators in the same order."""
    rows, higher = by[condition], by[condition]["better"].iloc[0] == "higher"
    means, common = rows["mean"], _common(rows)
    values, before = common.to_numpy(), np.full(common.shape, math.nan)
    share_low = share_high = math.nan
    if "default" in by:
        first = _common(by["default"])
        before = first.to_numpy()
        if condition != "default" and list(first.columns) == list(common.columns):
            share_low, share_high = share_left_interval(values, before)
    out = {
        "estimators": len(rows),
        "spread": math.sqrt(variance_between(values)),
        "share_of_default": share_left(values, before),
        "share_low": share_low,
        "share_high": share_high,
        "middle_half": float(means.quantile(0.75) - means.quantile(0.25)),
        "noise": math.sqrt(noise_variance(values)),
        "range": (means.max() - means.min()) * (1 if higher else -1),
        "best": means.idxmax() if higher else means.idxmin(),
        "rho": rank_correlation(means, by["default"]["mean"]) if "default" in by else math.nan,
        "rho_tuned": rank_correlation(means, by["tuned"]["mean"]) if "tuned" in by else math.nan,
    }
    verdicts = rows["verdict"][rows["verdict"] != "reference"]
    if (verdicts == "").any():
        return out
    better, worse = int((verdicts == "better").sum()), int((verdicts == "worse").sum())
    return out | {"contrasts": len(verdicts), "decided": better + worse, "better": better, "worse": worse}


def _common(rows: pd.DataFrame) -> pd.DataFrame:
    """The values of the seeds that all have, a row an estimator, a column a seed."""
    return pd.DataFrame(list(rows["values"])).dropna(axis="columns")
