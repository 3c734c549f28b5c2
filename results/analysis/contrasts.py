"""Contrasts: pairs of methods at their settings, what the draws say of each, and what may be said of a task's at once.

Pure functions of groups of a comparison; no chance anywhere.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from results.analysis import comparison, failures
from results.analysis.comparison import Group
from results.statistics import paired
from results.statistics.paired import Contrast

COLUMNS = {  # of contrasts(): name and what it holds
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
    "estimand": "what the seeds are draws of, in half a sentence",
    "mean": "the method's mean over seeds at the last step; NaN where a seed diverged without bound",
    "other_mean": "that of the other",
    "difference": "mean over seeds of method minus other, seed by seed",
    "low": "lower end of its 95 % t interval",
    "high": "upper end",
    "p": "of no difference, corrected by Holm for the family",
    "margin": "the difference that was declared as one that does not matter; NaN where none was",
    "p_margin": "of a difference of the margin or more, corrected in the same way; NaN where that cannot be tested",
    "test": "how it was tested",
    "seeds": "how many seeds both have",
    "draws": "how many draws of the problem these met: the unit of all that is said",
    "diverged": "how many of the draws have a seed that diverged, of both",
    "failed": "how many of the method's draws have a training that missed the task's target",
    "other_failed": "how many of the other's",
    "failure_bound": "exact 95 % bound on the difference of the shares of failures",
    "failure_loss": "what a failure costs, in the measure's unit; NaN where trainings do not fail, or it is not known",
    "draws_needed": "how many draws without a failure it takes to show equivalence; NaN where these are enough, where "
    "failures were seen, and where nothing says what they cost",
    "new_low": "lower end of the 95 % interval that speaks of new examples; NaN where the draws do not share examples",
    "new_high": "upper end",
    "new_verdict": "the verdict that speaks of new examples; empty where the draws do not share any",
    "family": "for how many p values of the task the correction is made: differences and margins together, a contrast "
    "that repeats another counted once",
    "verdict": "better, worse, equivalent or undecided",
}


def contrasts(groups: Sequence[Group], margins: Mapping[str, float], reference: str) -> list[dict]:
    """The contrasts within each of these groups, decided.

    Methods are compared with the reference where it was run; else up to comparison.PAIRS in all pairs, the better mean
    first. Controls take no part. All p values of a task are one family, those of differences and those of margins;
    where a method's best optimizer is the one that both have, the contrast is the one that stands there already, and
    counts once.

    Where trainings can fail, two methods are equivalent only if, beside the two one-sided tests, the shares of their
    failures surely differ by less than the margin divided by what a failure costs.

    Args:
        groups: of comparison.groups.
        margins: by task, the difference that does not matter; nothing of a task without one.
        reference: the declared estimator, or "".

    Returns:
        A row a contrast (columns: COLUMNS), in the order of the groups within each task.
    """
    rows: list[dict] = []
    for task in dict.fromkeys(group.task_label for group in groups):
        own = [group for group in groups if group.task_label == task]
        margin, cost = float(margins.get(own[0].task, math.nan)), failures.cost(own)
        family = [pair for group in own for pair in _pairs(group, margin, reference, cost)]
        rows += _decided(family) if family else []
    return rows


def order(group: Group) -> list[int]:
    """Places of the group's methods but controls, the best mean first; unknown means are last."""
    means = _means(group.values())
    costs = [math.inf if math.isnan(mean) else group.reports.sign * mean for mean in means]
    return sorted((i for i, control in enumerate(group.controls) if not control), key=lambda i: costs[i])


def _means(values: np.ndarray) -> list[float]:
    return [float(v.mean()) if np.isfinite(v).all() else math.nan for v in values]


@dataclass(frozen=True)
class _Pair:
    """Two methods, and what the draws say of them before any correction.

    Attributes:
        row: the columns that need no correction.
        same: equal for pairs that repeat each other: both methods at the same settings with the same values.
        contrast: of the draws as they are; its p_margin is that of the whole claim of equivalence, failures included.
        new: the same for new examples; None where the draws do not share examples.
        open_share: the share of failures that more draws would have to exclude; NaN where that would not be enough.
    """

    row: dict
    same: frozenset
    contrast: Contrast
    new: Contrast | None
    open_share: float


def _decided(pairs: Sequence[_Pair]) -> list[dict]:
    """The rows of a task's pairs, p values corrected as one family."""
    tested, family = _corrected({pair.same: pair.contrast for pair in pairs}, pairs[0].row["margin"])
    new, _ = _corrected({pair.same: pair.new for pair in pairs if pair.new}, pairs[0].row["margin"])
    rows = []
    for pair in pairs:
        p, p_margin = tested[pair.same]
        word = paired.verdict(pair.contrast, p, p_margin, pair.row["better"])
        row = pair.row | {"p": p, "p_margin": p_margin, "family": family, "verdict": word, "new_verdict": ""}
        row["draws_needed"] = _draws_needed(pair, family)
        if pair.new:
            row["new_verdict"] = paired.verdict(pair.new, *new[pair.same], pair.row["better"])
        rows.append(row)
    return rows


def _corrected(
    contrasts: Mapping[frozenset, Contrast], margin: float
) -> tuple[dict[frozenset, tuple[float, float]], int]:
    """(p and p_margin of each, corrected together; for how many). Without a margin only differences are tested."""
    raw = [contrast.p for contrast in contrasts.values()]
    raw += [] if math.isnan(margin) else [contrast.p_margin for contrast in contrasts.values()]
    every = paired.holm(raw).tolist()
    unknown = [math.nan] * len(contrasts)
    ends = zip(every[: len(contrasts)], every[len(contrasts) :] or unknown, strict=True)
    return dict(zip(contrasts, ends, strict=True)), len(raw)


def _pairs(group: Group, margin: float, reference: str, cost: float) -> list[_Pair]:
    """The group's pairs. cost: of a failure."""
    values, lost, chosen = group.values(), group.failures(), group.choose()
    means, found = _means(values), []
    for i, j in comparison.pairs(order(group), group.names, reference):
        contrast, new = paired.paired(values[i], values[j], margin), None
        if group.estimand.resplits:
            new = paired.paired(values[i], values[j], margin, group.estimand.overlap)
        failed, other_failed = lost[i], lost[j]
        loss = math.nan
        if failures.can_fail(group, i, j):
            loss = cost
            p = _failures_within(failed, other_failed, margin, cost)
            contrast, new = _with_failures(contrast, p, margin), new and _with_failures(new, p, margin)
        row = {
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
            "estimand": group.estimand.text,
            "mean": means[i],
            "other_mean": means[j],
            "difference": contrast.difference,
            "low": contrast.low,
            "high": contrast.high,
            "margin": margin,
            "test": contrast.test,
            **group.counts,
            "diverged": int(group.diverged[i][chosen[i]].sum() + group.diverged[j][chosen[j]].sum()),
            "failed": int(failed.sum()),
            "other_failed": int(other_failed.sum()),
            "failure_bound": paired.failure_bound(failed, other_failed),
            "failure_loss": loss,
            "new_low": new.low if new else math.nan,
            "new_high": new.high if new else math.nan,
        }
        both = ((*_where(group, m, chosen[m]), values[m].tobytes()) for m in (i, j))
        share = _open_share(contrast, failed, other_failed, margin, loss)
        found.append(_Pair(row, frozenset([*both, group.seeds]), contrast, new, share))
    return found


def _where(group: Group, method: int, setting: int) -> tuple[str, str]:
    """A method and its setting, the optimizer among it: a group over all optimizers says it in the setting's words."""
    words = group.settings[method][setting]
    return group.methods[method], words if group.optimizer == comparison.ANY else f"{group.optimizer}, {words}"


def _failures_within(failed: np.ndarray, other_failed: np.ndarray, margin: float, cost: float) -> float:
    """The p value of failures whose difference in shares costs the margin or more; NaN where the cost is not known."""
    if math.isnan(margin) or math.isnan(cost):
        return math.nan
    return paired.failure_p(failed, other_failed, margin / cost if cost > 0 else math.inf)


def _with_failures(contrast: Contrast, p: float, margin: float) -> Contrast:
    """A contrast with the p value of failures, too.

    Returns:
        Its p_margin is the larger one, that of both conditions together; of differences without spread only failures
        are known.
    """
    if contrast.test == paired.SIGN_TEST and abs(contrast.difference) < margin:
        return replace(contrast, p_margin=p)
    return replace(contrast, p_margin=math.nan if math.isnan(p) else max(contrast.p_margin, p))


def _open_share(contrast: Contrast, failed: np.ndarray, other_failed: np.ndarray, margin: float, loss: float) -> float:
    """The share of _Pair: failures have parted the methods in no draw, and differ by less than this in an equivalence.

    Returns:
        NaN where something else is in the way.
    """
    if not 0 < margin < math.inf or not 0 < loss < math.inf or (failed != other_failed).any():
        return math.nan
    return margin / loss if abs(contrast.difference) < margin else math.nan


def _draws_needed(pair: _Pair, family: int) -> float:
    """The column `draws_needed`."""
    if math.isnan(pair.open_share):
        return math.nan
    needed = paired.draws_without_failure(pair.open_share, 1 - paired.LEVEL / family)
    return float(needed) if needed > pair.row["draws"] else math.nan
