"""The analysis `verdicts`: who is better than whom on each task, or equivalent."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from results import wording
from results.analysis import comparison, fairness
from results.analysis.comparison import PAIRS, Group, tuned
from results.records.result_set import ResultSet
from results.statistics import paired, resampling

RESAMPLES, SEED = 10_000, 0
COLUMNS = {  # of verdicts(): name and what it holds
    "task": "name of the task",
    "task_label": "the task as it is printed",
    "optimizer_label": "the optimizer as it is printed, or comparison.ANY: each method with the one that it chose",
    "estimator": "name of the method's estimator",
    "method": "the method as it is printed: of a pair the one with the better mean, or not the reference",
    "setting": "what it chose",
    "other_estimator": "name of the estimator that it is held against",
    "other": "the method that it is held against",
    "other_setting": "what that one chose",
    "measure": "the measure that is compared",
    "measure_label": "the measure as it is printed",
    "unit": "its unit; empty for a pure number",
    "better": "higher or lower",
    "mean": "the method's mean over seeds at the last step; NaN where a seed diverged without bound",
    "other_mean": "that of the other",
    "difference": "mean over seeds of method minus other, seed by seed",
    "low": "lower end of its 95 % t interval",
    "high": "upper end",
    "p": "of no difference, corrected by Holm for the contrasts of the task",
    "margin": "the difference that was declared as one that does not matter; NaN where none was",
    "p_margin": "of a difference of the margin or more, corrected in the same way",
    "test": "how it was tested",
    "seeds": "how many seeds both have",
    "diverged": "how many of the seeds diverged, of both",
    "family": "for how many contrasts of the task the p values are corrected",
    "verdict": "better, worse, equivalent or undecided",
}


@dataclass(frozen=True)
class Verdicts:
    """Who is better than whom.

    Attributes:
        rows: one row per contrast (columns: COLUMNS).
        remarks: what a reader must know, a sentence each.
        orders: for each task and optimizer, as they are printed, the methods, the best mean first.
        firsts: in the same way how often each method is first when seeds are resampled and settings chosen anew, a
            share.
    """

    rows: pd.DataFrame
    remarks: list[str]
    orders: dict[tuple[str, str], list[str]]
    firsts: dict[tuple[str, str], dict[str, float]]


def verdicts(results: ResultSet) -> Verdicts:
    """The contrasts on each task with each optimizer, and with each method's best one.

    Up to PAIRS methods are compared in all pairs, the better mean first; more, with the plan's declared reference.
    Controls, whose slope is zero everywhere, take no part. A task is the family for whose contrasts p is corrected.

    Returns:
        The groups of comparison.groups in their order.

    Raises:
        RecordError: as comparison.groups and fairness.check do.
    """
    remarks = fairness.check(results)
    rows: list[dict] = []
    orders: dict[tuple[str, str], list[str]] = {}
    firsts: dict[tuple[str, str], dict[str, float]] = {}
    chance = np.random.default_rng(SEED)
    for group in comparison.groups(results):
        margin = float(results.plan.margins.get(group.task, math.nan))
        found, order = _contrasts(group, margin, results.plan.reference)
        rows += found
        key = group.task_label, group.optimizer
        orders[key], firsts[key] = order, _firsts(group, order, chance)
        remarks += _remarks(group, found)
    families: dict[str, list[dict]] = {}
    for row in rows:
        families.setdefault(row["task_label"], []).append(row)
    for family in families.values():
        for column in ("p", "p_margin"):
            corrected = paired.holm([row[column] for row in family])
            for row, p in zip(family, corrected, strict=True):
                row[column] = float(p)
        for row in family:
            word = paired.verdict(row.pop("contrast"), row["p"], row["p_margin"], row["better"])
            row |= {"family": len(family), "verdict": word}
    return Verdicts(pd.DataFrame(rows, columns=list(COLUMNS)), list(dict.fromkeys(remarks)), orders, firsts)


def _contrasts(group: Group, margin: float, reference: str) -> tuple[list[dict], list[str]]:
    """The group's rows, p not yet corrected and with the `contrast`, and its methods, the best mean first."""
    values, chosen, sign = group.values(), group.choose(), group.reports.sign
    means = [float(v.mean()) if np.isfinite(v).all() else math.nan for v in values]
    costs = [math.inf if math.isnan(mean) else sign * mean for mean in means]
    order = sorted((i for i, control in enumerate(group.controls) if not control), key=lambda i: costs[i])
    rows = []
    for i, j in comparison.pairs(order, group.names, reference):
        contrast = paired.paired(values[i], values[j], margin)
        rows.append(
            {
                "task": group.task,
                "task_label": group.task_label,
                "optimizer_label": group.optimizer,
                "estimator": group.names[i],
                "method": group.methods[i],
                "setting": group.settings[i][chosen[i]],
                "other_estimator": group.names[j],
                "other": group.methods[j],
                "other_setting": group.settings[j][chosen[j]],
                "measure": group.reports.name,
                "measure_label": group.reports.label,
                "unit": group.reports.unit,
                "better": group.reports.better,
                "mean": means[i],
                "other_mean": means[j],
                "difference": contrast.difference,
                "low": contrast.low,
                "high": contrast.high,
                "p": contrast.p,
                "margin": margin,
                "p_margin": contrast.p_margin,
                "test": contrast.test,
                "seeds": len(group.seeds),
                "diverged": int(group.diverged[i][chosen[i]].sum() + group.diverged[j][chosen[j]].sum()),
                "contrast": contrast,
            }
        )
    return rows, [group.methods[i] for i in order]


def _firsts(group: Group, order: list[str], rng: np.random.Generator) -> dict[str, float]:
    """How often each of these methods is first over resampled seeds."""
    if not order:
        return {}
    at = [group.methods.index(method) for method in order]
    costs = tuned(group, resampling.draw(rng, RESAMPLES, 1, len(group.seeds)))[:, at]
    return dict(zip(order, resampling.firsts(costs).tolist(), strict=True))


def _remarks(group: Group, rows: list[dict]) -> list[str]:
    """What one must know of a group: seeds left out, too few or too many to decide, seeds that diverged."""
    where, said = f"on {group.task_label} with {group.optimizer}", []
    methods = len(group.methods) - sum(group.controls)
    if group.dropped:
        said.append(f"Seeds that only some methods have are left out {where}: {', '.join(map(str, group.dropped))}.")
    if group.left_out:
        said.append(
            f"Not run with every optimizer on {group.task_label}, so not in the last comparison: "
            f"{', '.join(group.left_out)}."
        )
    if len(group.seeds) == 1:
        said.append(f"One seed decides nothing {where}.")
    if methods > PAIRS and not rows:
        said.append(f"{methods} methods make too many pairs {where}: declare a reference that was run there.")
    lost = sum(row["diverged"] > 0 for row in rows)
    if lost:
        of = wording.count(len(rows), "contrast")
        said.append(f"Seeds diverged in {lost} of {of} {where}; they count as the worst possible.")
    return said
