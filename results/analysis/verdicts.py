"""The analysis `verdicts`: who is better than whom on each task, or equivalent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from results import wording
from results.analysis import comparison, contrasts, draws, fairness, same_functions
from results.analysis.comparison import PAIRS, Group, tuned
from results.records.result_set import ResultSet
from results.statistics import resampling

RESAMPLES, SEED = 10_000, 0


@dataclass(frozen=True)
class Verdicts:
    """Who is better than whom.

    Attributes:
        rows: one row per contrast (columns: contrasts.COLUMNS).
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
    """The contrasts (contrasts.contrasts) on each task with each optimizer, and with each method's best one.

    A function under several names is one method, and is contrasted with none of them.

    Returns:
        The groups of comparison.groups in their order.

    Raises:
        RecordError: as comparison.groups and fairness.check do.
    """
    remarks = fairness.check(results)
    results = same_functions.merged(results)
    groups, chance = comparison.groups(results), np.random.default_rng(SEED)
    rows = contrasts.contrasts(groups, results.plan.margins, results.plan.reference)
    orders: dict[tuple[str, str], list[str]] = {}
    firsts: dict[tuple[str, str], dict[str, float]] = {}
    for group in groups:
        key = group.task_label, group.optimizer
        orders[key] = [group.methods[m] for m in contrasts.order(group)]
        firsts[key] = _firsts(group, orders[key], chance)
        own = [row for row in rows if (row["task_label"], row["optimizer_label"]) == key]
        remarks += _remarks(group, own)
    remarks += _failures_remarks(rows)
    frame = pd.DataFrame(rows, columns=list(contrasts.COLUMNS))
    return Verdicts(frame, list(dict.fromkeys(remarks)), orders, firsts)


def _firsts(group: Group, order: list[str], rng: np.random.Generator) -> dict[str, float]:
    """How often each of these methods is first over resampled seeds."""
    if not order:
        return {}
    at = [group.methods.index(method) for method in order]
    costs = tuned(group, resampling.draw(rng, RESAMPLES, 1, len(group.seeds)))[:, at]
    return dict(zip(order, resampling.firsts(costs).tolist(), strict=True))


def _failures_remarks(rows: Sequence[dict]) -> list[str]:
    """Why two methods cannot be called equivalent where trainings can fail, a sentence a task."""
    said: dict[str, str] = {}
    for row in rows:
        if not math.isnan(row["draws_needed"]):
            said.setdefault(
                row["task_label"],
                f"On {row['task_label']} a training that fails costs {row['failure_loss']:.3g}, and "
                f"{wording.count(row['draws'], 'draw')} without a failure leave a difference of "
                f"{row['failure_bound']:.2f} in their shares open: equivalence takes "
                f"{row['draws_needed']:,.0f} draws without a failure.",
            )
    return list(said.values())


def _remarks(group: Group, rows: list[dict]) -> list[str]:
    """What one must know of a group: seeds left out, too few or too many to decide, seeds that diverged."""
    where, said = f"on {group.task_label} with {group.optimizer}", []
    methods = len(group.methods) - sum(group.controls)
    if group.dropped:
        units = "Seeds that only some methods have" if group.per_draw == 1 else "Draws that some methods lack seeds of"
        said.append(f"{units} are left out {where}: {', '.join(map(str, group.dropped))}.")
    if group.left_out:
        said.append(
            f"Not run with every optimizer on {group.task_label}, so not in the last comparison: "
            f"{', '.join(group.left_out)}."
        )
    if len(group.seeds) == 1:
        said.append(f"One {'seed' if group.per_draw == 1 else 'draw'} decides nothing {where}.")
    if group.per_draw > 1:
        words = [
            f"{group.methods[m]} {draws.spread_words(**group.spreads(m))}"
            for m, control in enumerate(group.controls)
            if not control
        ]
        said.append(f"Standard deviations of {group.reports.label.lower()} {where}: {'; '.join(words)}.")
    if methods > PAIRS and not rows:
        said.append(f"{methods} methods make too many pairs {where}: declare a reference that was run there.")
    lost = sum(row["diverged"] > 0 for row in rows)
    if lost:
        of = wording.count(len(rows), "contrast")
        said.append(f"Seeds diverged in {lost} of {of} {where}; they count as the worst possible.")
    return said
