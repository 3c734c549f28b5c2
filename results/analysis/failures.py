"""Failures: trainings that miss their task's target for good, what one costs, and whether equivalence can be shown.

Pure functions of groups of a comparison; no chance anywhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from results.analysis.comparison import Group


def can_fail(group: Group, first: int, second: int) -> bool:
    """Whether failures must be reckoned with where two methods are compared at their chosen settings.

    Args:
        group: that has the methods.
        first: place of a method in it.
        second: that of the other.

    Returns:
        False only where no training of the two failed and the task says that none can. Where the records are older than
        what a task says of that, nobody of the group may have failed.
    """
    chosen = group.choose()
    seen = [bool(group.failed[m][chosen[m]].any()) for m in range(len(group.methods)) if not group.controls[m]]
    if group.can_fail is None:
        return any(seen)
    return group.can_fail or any(group.failed[m][chosen[m]].any() for m in (first, second))


def cost(groups: Sequence[Group]) -> float:
    """What a failure costs on a task: the mean of the reported measure over trainings that failed, less that over those
    that did not, as a cost.

    Trainings at the chosen settings are taken; where none of them failed, those at all settings that ended finite; and
    where still none did, all that the measure can lose, if it is bounded. Controls take no part.

    Args:
        groups: of one task.

    Returns:
        At least 0, in the measure's unit; infinite where a chosen training diverged without bound; NaN where it is not
        known.
    """
    chosen: list[tuple[np.ndarray, np.ndarray]] = []
    every: list[tuple[np.ndarray, np.ndarray]] = []
    for group in groups:
        for m, at in enumerate(group.choose()):
            if not group.controls[m]:
                costs = group.reports.sign * group.reported[m]
                chosen.append((costs[at], group.failed[m][at]))
                every.append((costs.ravel(), group.failed[m].ravel()))
    if not chosen:
        return math.nan
    costs, failed = (np.concatenate(arrays) for arrays in zip(*chosen, strict=True))
    if not failed.any():
        arrived = costs
        costs, failed = (np.concatenate(arrays) for arrays in zip(*every, strict=True))
        failed &= np.isfinite(costs)
    else:
        arrived = costs[~failed]
    if not failed.any() or not arrived.size:
        low, high = groups[0].reports.bounds
        return high - low if groups[0].reports.bounded else math.nan
    return max(float(costs[failed].mean() - arrived.mean()), 0.0)
