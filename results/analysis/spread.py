"""The analysis `spread`: how much of the surrogates' differences is left once they are tuned, and without whom."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from results.analysis.surrogates import PAIR, Rankings, Reference, joined
from results.statistics import reliability
from results.statistics.variance import (
    most_influential,
    noise_variance,
    rank_correlation,
    share_left,
    share_left_interval,
    shares_without_each,
    variance_between,
)

SEED = 0  # of the random halves of seeds

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
    "share_of_default": "its square over that of the condition that is not tuned (`default_condition`): the share "
    "of the variance that is left",
    "share_low": "lower end of its 95 % interval, given these estimators: jackknife over seeds, of its logarithm; "
    "rates stay as chosen",
    "share_high": "upper end",
    "influential": "the estimator whose absence changes the share most (in the condition default the spread), as it is "
    "printed",
    "spread_without": "the spread without it",
    "share_without": "the share without it in both conditions",
    "share_without_low": "lower end of its 95 % interval",
    "share_without_high": "upper end",
    "without": "by each estimator, as it is printed, the share without it and the ends of its interval",
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
    "halves": "Spearman's correlation of their means over one half of the seeds with those over the other half, "
    "averaged over random halves",
    "ceiling": "what rho would be if only the seeds' noise parted the two orders (statistics.reliability.ceiling)",
    "rho_corrected": "rho over its ceiling, where that is above statistics.reliability.LEAST",
    "ceiling_tuned": "what rho_tuned would be",
    "rho_tuned_corrected": "rho_tuned over that",
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
    twins = set(rankings.twins[["task", "optimizer", "estimator_label"]].itertuples(index=False, name=None))
    every = joined(rankings)
    for pair, rows in every[every["outside_spread"] == ""].groupby(PAIR, sort=False):
        conditions = list(dict.fromkeys(rows["condition"]))
        usable = rows[~rows["control"] & rows["mean"].notna()]
        counts = usable.groupby("estimator_label")["condition"].nunique()
        shared = sorted(counts.index[counts == len(conditions)])
        others = sorted(set(rows.loc[~rows["control"], "estimator_label"]) - set(shared))
        left_out += [(label, f"{pair[1]}, {pair[3]}") for label in others if (pair[0], pair[2], label) not in twins]
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
    texts = {"task", "task_label", "optimizer", "optimizer_label", "condition", "measure", "unit", "best"}
    numbers = [name for name in SPREAD if name not in {*counted, *texts, "influential", "without"}]
    out = out.astype({**dict.fromkeys(counted, "Int64"), **dict.fromkeys(numbers, "float64")})
    return Spread(out, rankings.reference, left_out)


def default_condition(conditions: Collection[str]) -> str:
    """The condition that the others are held against: where rates and widths are not tuned.

    Args:
        conditions: of one task and optimizer, names in CONDITIONS.

    Returns:
        `default`; where all slopes have one area, `area_default`; "" where neither was trained.
    """
    if "default" in conditions:
        return "default"
    return "area_default" if "area_default" in conditions and "tuned" not in conditions else ""


def tuned_condition(conditions: Collection[str]) -> str:
    """The condition that orders estimators: where rates and widths are tuned.

    Args:
        conditions: of one task and optimizer, names in CONDITIONS.

    Returns:
        `tuned`; where all slopes have one area, `area_tuned`.
    """
    return "area_tuned" if default_condition(conditions) == "area_default" else "tuned"


def _spread(condition: str, by: Mapping[str, pd.DataFrame]) -> dict:
    """The numbers of one row of spread(); by: for each condition the rows of the same estimators in the same order."""
    rows, higher = by[condition], by[condition]["better"].iloc[0] == "higher"
    means, common = rows["mean"], _common(rows)
    values, before = common.to_numpy(), np.full(common.shape, math.nan)
    share_low = share_high = math.nan
    shares = np.full((len(rows), 3), math.nan)
    default = default_condition(by)
    if default:
        first = _common(by[default])
        before = first.to_numpy()
        if condition != default and list(first.columns) == list(common.columns):
            share_low, share_high = share_left_interval(values, before)
            shares = shares_without_each(values, before)
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
        "rho": rank_correlation(means, by[default]["mean"]) if default else math.nan,
        "rho_tuned": rank_correlation(means, by["tuned"]["mean"]) if "tuned" in by else math.nan,
        "halves": _half_correlation(common),
        "without": dict(zip(rows.index, shares.tolist(), strict=True)) if condition != default else {},
    }
    out |= _without_the_most_influential(list(rows.index), values, out, shares)
    for other, suffix in ((default, ""), ("tuned", "_tuned")):
        if other in by and other != condition:
            highest = reliability.ceiling(out["halves"], _half_correlation(_common(by[other])))
            out[f"ceiling{suffix}"] = highest
            out[f"rho{suffix}_corrected"] = reliability.corrected(out[f"rho{suffix}"], highest)
    verdicts = rows["verdict"][rows["verdict"] != "reference"]
    if (verdicts == "").any():
        return out
    better, worse = int((verdicts == "better").sum()), int((verdicts == "worse").sum())
    return out | {"contrasts": len(verdicts), "decided": better + worse, "better": better, "worse": worse}


def _without_the_most_influential(labels: list[str], values: np.ndarray, whole: Mapping, shares: np.ndarray) -> dict:
    """The columns of one row that say what is found without one of its estimators.

    Args:
        labels: of the estimators.
        values: [estimators, seeds].
        whole: the row's columns of all estimators.
        shares: [estimators, 3], of shares_without_each; NaN where there are none.

    Returns:
        None of these columns where nothing tells which one that is.
    """
    spreads = np.full(len(labels), math.nan)
    if len(labels) > 2:
        spreads = np.array([math.sqrt(variance_between(np.delete(values, i, 0))) for i in range(len(labels))])
    at = most_influential(whole["share_of_default"], shares[:, 0])
    if at is None:  # the condition default, or one without it
        at = most_influential(whole["spread"], spreads)
    if at is None:
        return {}
    names = ("share_without", "share_without_low", "share_without_high")
    return {
        "influential": labels[at],
        "spread_without": spreads[at],
        **dict(zip(names, shares[at].tolist(), strict=True)),
    }


def _half_correlation(values: pd.DataFrame) -> float:
    """Of a row an estimator, a column a seed."""
    halves = reliability.split_halves(np.random.default_rng(SEED), values.shape[1])
    return reliability.half_correlation(values.to_numpy(), halves)


def _common(rows: pd.DataFrame) -> pd.DataFrame:
    """The values of the seeds that all have, a row an estimator, a column a seed."""
    return pd.DataFrame(list(rows["values"])).dropna(axis="columns")
