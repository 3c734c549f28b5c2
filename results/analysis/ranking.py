"""The analysis `ranking`: which method is first, and whether it still is with other seeds, budgets, targets."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import stats

from results.analysis import comparison, lookup, measures, same_functions, selection, targets
from results.analysis.comparison import Group, tuned
from results.records.result_set import ResultSet
from results.statistics import resampling

RESAMPLES, SEED = 2_000, 0
MOVED = 0.05  # the share by which budget and target are moved
COLUMNS = {  # of stability(): name and what it holds
    "task": "name of the task",
    "task_label": "the task as it is printed",
    "optimizer_label": "the optimizer as it is printed, or comparison.ANY: each method with the one that it chose",
    "estimator": "name of the method's estimator",
    "method": "the method as it is printed",
    "seeds": "how many seeds all methods have",
    "draws": "how many draws of the problem these met: the unit of all that is said",
    "estimand": "what the seeds are draws of, in half a sentence",
    "mean": "mean over seeds of what is reported, at the last step; NaN where a seed diverged without bound",
    "unit": "its unit; empty for a pure number",
    "rank": "of the mean, 1 is the best; equals share their average",
    "rank_low": "lower end of the 95 % of resamples of the seeds in the middle, settings chosen anew in each",
    "rank_high": "upper end",
    "first": "share of these resamples in which it is first; equals share it",
    "shorter": "rank where all trainings are cut at 95 % of their updates, settings chosen anew",
    "fastest": "rank by the expected updates to the target at the chosen setting; missing over all optimizers",
    "easier": "the same for a target that is 5 % easier",
    "harder": "the same for a target that is 5 % harder",
}
ACROSS = {  # of across(): name and what it holds
    "optimizer_label": "the optimizer as it is printed, or comparison.ANY",
    "left_out": "the task that is left out; empty where none is",
    "estimator": "name of the method's estimator",
    "method": "the method as it is printed",
    "tasks": "over how many tasks the mean is taken",
    "mean_rank": "mean over tasks of its rank among the methods that were run on all tasks",
    "rank": "rank of that mean",
}


def stability(results: ResultSet) -> pd.DataFrame:
    """One row per method of each task and optimizer (columns: COLUMNS), the best mean first; controls take no part, and
    a function under several names is one method.

    A longer budget than the one that was trained is not known. A target is moved by 5 % of its value, or of a share of
    1 where it is zero.

    Returns:
        The groups of comparison.groups in their order.

    Raises:
        RecordError: as comparison.groups does.
    """
    results = same_functions.merged(results)
    chance, rows = np.random.default_rng(SEED), []
    cut = {(group.task_label, group.optimizer): group for group in comparison.groups(truncate(results))}
    speeds = _speeds(results)
    for group in (group.without_controls for group in comparison.groups(results)):
        if not group.methods:
            continue
        key, several = (group.task_label, group.optimizer), len(group.seeds) >= resampling.FEWEST
        means = group.values().mean(1)
        ranks = stats.rankdata(group.reports.sign * means)
        drawn = tuned(group, resampling.draw(chance, RESAMPLES, 1, len(group.seeds)))
        low, high = np.quantile(resampling.ranks(drawn), [0.025, 0.975], axis=0, method="inverted_cdf")
        first = resampling.firsts(drawn)
        shorter = stats.rankdata(group.reports.sign * cut[key].without_controls.values().mean(1))
        speed = {name: _ranked(speeds.get(key, {}), group, name) for name in ("fastest", "easier", "harder")}
        for m in np.argsort(ranks, kind="stable"):
            rows.append(
                {
                    "task": group.task,
                    "task_label": group.task_label,
                    "optimizer_label": group.optimizer,
                    "estimator": group.names[m],
                    "method": group.methods[m],
                    **group.counts,
                    "estimand": group.estimand.text,
                    "mean": means[m] if np.isfinite(means[m]) else math.nan,
                    "unit": group.reports.unit,
                    "rank": ranks[m],
                    "rank_low": low[m] if several else math.nan,
                    "rank_high": high[m] if several else math.nan,
                    "first": first[m] if several else math.nan,
                    "shorter": shorter[m],
                    **{name: own[m] for name, own in speed.items()},
                }
            )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def across(ranking: pd.DataFrame) -> pd.DataFrame:
    """How the methods rank over all tasks together, and with each task left out (columns: ACROSS).

    Only methods that were run on all tasks with an optimizer take part. Each task counts the same, whatever its
    measure: only ranks are averaged.

    Args:
        ranking: of `stability`.

    Returns:
        Of each optimizer and left-out task the best mean rank first; nothing of an optimizer with which fewer than two
        tasks were run.
    """
    rows = []
    for optimizer, own in ranking.groupby("optimizer_label", sort=False):
        means = own.pivot_table(index="method", columns="task_label", values="rank").dropna()
        if means.shape[1] < 2 or means.empty:
            continue
        # Ranks among the methods that are compared here: some tasks may have had more.
        ranks, names = means.rank(), own.drop_duplicates("method").set_index("method")["estimator"]
        for left_out in ("", *ranks.columns):
            mean = ranks.drop(columns=left_out, errors="ignore").mean(axis=1)
            for method, place in mean.rank().sort_values(kind="stable").items():
                tasks = ranks.shape[1] - (left_out != "")
                rows.append((optimizer, left_out, names[method], method, tasks, mean[method], place))
    return pd.DataFrame(rows, columns=list(ACROSS))


def truncate(results: ResultSet, share: float = 1 - MOVED) -> ResultSet:
    """The results without what was recorded after this share of each run's updates.

    Args:
        results: of any runs.
        share: from 0 to 1, of the run's last recorded step.

    Returns:
        The same in all else.
    """
    rows = results.rows
    if rows.empty:
        return results
    whole = rows.groupby("run")["step"].transform("max").astype("float64")
    return results.with_rows(rows[(rows["step"].astype("float64") <= share * whole).to_numpy()])


def perturbed_targets(target: float, share: bool, better: str) -> dict[str, float]:
    """The target as it is (`fastest`), and made `easier` and `harder` by 5 % of its value: of a share that is zero by
    0.05, and never beyond what a share can be.

    Args:
        target: in its measure's unit.
        share: whether the measure is one.
        better: `higher` or `lower`, the measure's direction.

    Returns:
        The three targets by these names.
    """
    step = MOVED * (abs(target) or float(share)) * (1 if better == "higher" else -1)
    found = {"fastest": target, "easier": target - step, "harder": target + step}
    return {name: min(max(value, 0.0), 1.0) if share else value for name, value in found.items()}


def _speeds(results: ResultSet) -> dict[tuple[str, str], dict[str, dict[str, float]]]:
    """By task and optimizer, by method: expected updates to the target, as it is, easier and harder."""
    found: dict[tuple[str, str], dict[str, dict[str, float]]] = {}
    if results.rows.empty:
        return found
    settings = selection.chosen_settings(results)

    def targets_of(account: Mapping) -> dict[str, float]:
        name, value = account["target"]
        measure = measures.measure(name, account)
        return perturbed_targets(value, measure.share, measure.better)

    arrived = targets.reached_by_run(results, settings, targets_of)
    for one, method in zip(settings.itertuples(), lookup.methods(settings), strict=True):
        own = {word: reached.expected_steps for word, reached in arrived[str(one.run)].items()}
        found.setdefault((str(one.task_label), str(one.optimizer_label)), {})[method] = own
    return found


def _ranked(speeds: Mapping[str, Mapping[str, float]], group: Group, name: str) -> np.ndarray:
    """The ranks of its methods by one of the speeds; those that never arrive share the last; NaN where unknown."""
    if not speeds:
        return np.full(len(group.methods), math.nan)
    return stats.rankdata([speeds[method][name] for method in group.methods])
