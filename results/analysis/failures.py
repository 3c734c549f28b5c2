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
    lost = np.asarray(group.failures().any(axis=1))
    if group.can_fail is None:
        return bool(lost[~np.array(group.controls)].any())
    return group.can_fail or bool(lost[first] or lost[second])


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
    of_methods = [(group, m) for group in groups for m, control in enumerate(group.controls) if not control]
    if not of_methods:
        return math.nan
    chosen = [(group.values()[m], group.failures()[m]) for group, m in of_methods]
    values, failed = (np.concatenate(arrays) for arrays in zip(*chosen, strict=True))
    sign = groups[0].reports.sign
    arrived = sign * values[~failed]
    if not failed.any():
        every = [(group.reported[m].ravel(), group.failed[m].ravel()) for group, m in of_methods]
        values, failed = (np.concatenate(arrays) for arrays in zip(*every, strict=True))
        failed &= np.isfinite(values)
    if not failed.any() or not arrived.size:
        low, high = groups[0].reports.bounds
        return high - low if groups[0].reports.bounded else math.nan
    return max(float(sign * values[failed].mean() - arrived.mean()), 0.0)
