"""The analysis `aggregates`: mean, interquartile mean and median of each method, and how probably it beats another."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from results.analysis import comparison
from results.analysis.comparison import Group
from results.records.result_set import ResultSet
from results.statistics import intervals, resampling

RESAMPLES, SEED = 10_000, 0
OF_RANKS = 2_000  # resamples of an aggregate over tasks, of which a report has thousands
TOGETHER = "All tasks together"
RANK = "Rank at a seed"
WHERE = {
    "task": "name of the task; empty for all together",
    "task_label": "the task as it is printed, or TOGETHER",
    "optimizer_label": "the optimizer as it is printed, or comparison.ANY: each method with the one that it chose",
    "tasks": "over how many tasks",
    "seeds": "how many seeds all methods have, of each task",
    "draws": "how many draws of the problem these met: the unit of all that is said",
    "estimand": "what the seeds are draws of, in half a sentence",
}
COLUMNS = WHERE | {  # of aggregates(): name and what it holds
    "estimator": "name of the method's estimator",
    "method": "the method as it is printed",
    "measure_label": "what is aggregated, as it is printed: a task's reported measure, or RANK",
    "unit": "its unit; empty for a pure number",
    **{
        f"{name}{end}": f"{name} over seeds and tasks{words}"
        for name in intervals.STATISTICS
        for end, words in (("", ""), ("_low", ": lower end of its 95 % interval"), ("_high", ": upper end"))
    },
    "how": "which interval each of the three has, or why none",
}
IMPROVEMENT = WHERE | {  # of improvement(): name and what it holds
    "estimator": "name of the method's estimator",
    "method": "the method as it is printed: of a pair the one with the better mean, or mean rank, or not the reference",
    "other_estimator": "name of the estimator that it is held against",
    "other": "the method that it is held against",
    "probability": "that a training of the method ends better than one of the other, ties counting half; mean of tasks",
    "low": "lower end of its 95 % interval",
    "high": "upper end",
}


class Compared(NamedTuple):
    """Methods that met the same seeds on these groups' tasks.

    Attributes:
        groups: one of each task.
        names: of the methods' estimators.
        methods: as they are printed.
        seeds: those that all methods have on all these tasks, or draws (comparison.Group).
        values: of each task's reported measure, float64 [tasks, methods, seeds].
    """

    groups: Sequence[Group]
    names: Sequence[str]
    methods: Sequence[str]
    seeds: Sequence[int]
    values: np.ndarray

    def costs(self) -> np.ndarray:
        """The values, of which the smallest is the best."""
        signs = [group.reports.sign for group in self.groups]
        return np.array(signs)[:, None, None] * self.values

    def ranks(self) -> np.ndarray:
        """Among the methods at the same seed; 1 is the best, equals share their average."""
        return stats.rankdata(self.costs(), axis=1)

    def where(self) -> dict:
        """The columns WHERE."""
        first = self.groups[0]
        words = (first.task, first.task_label) if len(self.groups) == 1 else ("", TOGETHER)
        estimands = "; ".join(dict.fromkeys(group.estimand.text for group in self.groups))
        counts = (len(self.seeds) * min(group.per_draw for group in self.groups), len(self.seeds))
        values = (*words, first.optimizer, len(self.groups), *counts, estimands)
        return dict(zip(WHERE, values, strict=True))


def aggregates(results: ResultSet) -> pd.DataFrame:
    """One row per method of each task and optimizer, at its chosen setting (columns: COLUMNS); controls take no part.

    Where several tasks were run with an optimizer, one row more a method over all of them: of its rank among the
    methods at each seed, since measures of different tasks have no common mean.

    Returns:
        The groups of comparison.groups in their order, then all tasks together.

    Raises:
        RecordError: as comparison.groups does.
    """
    rows = []
    for one in _gathered(results):
        measure, together = one.groups[0].reports, len(one.groups) > 1
        spanning = {name: _over_tasks(one.ranks(), name) for name in intervals.STATISTICS} if together else {}
        for m, method in enumerate(one.methods):
            row = {**one.where(), "estimator": one.names[m], "method": method}
            if together:
                row |= {"measure_label": RANK, "unit": ""}
                found = {name: of_methods[m] for name, of_methods in spanning.items()}
            else:
                row |= {"measure_label": measure.label, "unit": measure.unit}
                found = {name: of(one.values[0, m], measure.worst) for name, of in intervals.STATISTICS.items()}
            for name, interval in found.items():
                row |= {name: interval.estimate, f"{name}_low": interval.low, f"{name}_high": interval.high}
            row["how"] = ", ".join(f"{name}: {interval.method}" for name, interval in found.items())
            rows.append(row)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def improvement(results: ResultSet) -> pd.DataFrame:
    """One row a pair of methods of each task and optimizer, and over all tasks together (columns: IMPROVEMENT): the
    probability of improvement (Agarwal et al. 2021).

    Its interval: expanded percentiles of resampled seeds, and at least what as many independent pairs of trainings
    would leave open (Clopper and Pearson 1934) where all or none are better, since their resamples do not vary. Pairs
    are those of the table `verdicts`.

    Returns:
        The groups in the order of `aggregates`.

    Raises:
        RecordError: as comparison.groups does.
    """
    rows, chance, reference = [], np.random.default_rng(SEED), results.plan.reference
    for one in _gathered(results):
        costs, (tasks, seeds) = one.costs(), (len(one.groups), len(one.seeds))
        picks = resampling.draw(chance, RESAMPLES, tasks, seeds)
        order = np.argsort((costs if tasks == 1 else one.ranks()).mean((0, 2)), kind="stable").tolist()
        for i, j in comparison.pairs(order, one.names, reference):
            better = resampling.beats(costs[:, i], costs[:, j], higher=False)
            names = {"estimator": one.names[i], "method": one.methods[i]}
            names |= {"other_estimator": one.names[j], "other": one.methods[j]}
            rows.append({**one.where(), **names, **probability_of_improvement(better, picks)})
    return pd.DataFrame(rows, columns=list(IMPROVEMENT))


def probability_of_improvement(better: np.ndarray, resampled_seeds: np.ndarray) -> dict[str, float]:
    """The probability that beats [tasks, seeds, seeds] stand for, with the ends of its interval.

    Args:
        better: how often seed i of the method beats seed j of the other: 1, ½ or 0 (resampling.beats).
        resampled_seeds: places of seeds, int [resamples, tasks, seeds] (resampling.draw).

    Returns:
        `probability`, `low` and `high`, shares; the ends are those of the 95 % interval.
    """
    (tasks, seeds), share = better.shape[:2], float(better.mean())
    low, high = map(float, resampling.percentile_ends(resampling.improvement(better, resampled_seeds), seeds))
    if seeds > 1:
        pairs = tasks * seeds
        if share * pairs > pairs - 1 or share * pairs < 1:  # only there do resamples vary too little
            exact = stats.binomtest(round(share * pairs), pairs).proportion_ci(0.95)
            low, high = min(low, exact.low), max(high, exact.high)
    return {"probability": share, "low": low, "high": high}


def _gathered(results: ResultSet) -> Iterator[Compared]:
    """Each group alone, without its controls; then, for each optimizer with several tasks, theirs together: the methods
    and the seeds that all of them have, with the settings that each has chosen by all of its seeds.

    Yields:
        Only groups with methods; tasks together only where they have two methods and a seed in common.
    """
    groups = [racers for group in comparison.groups(results) if (racers := group.without_controls).methods]
    for group in groups:
        yield Compared([group], group.names, group.methods, group.seeds, group.values()[None])
    for optimizer in dict.fromkeys(group.optimizer for group in groups):
        own = [group for group in groups if group.optimizer == optimizer]
        methods = [m for m in own[0].methods if all(m in group.methods for group in own)]
        seeds = [s for s in own[0].seeds if all(s in group.seeds for group in own)]
        if len(own) > 1 and len(methods) > 1 and seeds:
            parts = [
                group.values()[[group.methods.index(m) for m in methods]][:, [group.seeds.index(s) for s in seeds]]
                for group in own
            ]
            names = [own[0].names[own[0].methods.index(m)] for m in methods]
            yield Compared(own, names, methods, seeds, np.stack(parts))


def _over_tasks(scores: np.ndarray, statistic: str) -> list[intervals.Interval]:
    """An aggregate of each method over tasks and seeds, scores [tasks, methods, seeds], resampled seed by seed."""
    tasks, _, seeds = scores.shape
    [estimates] = resampling.aggregate(scores, statistic, np.broadcast_to(np.arange(seeds), (1, tasks, seeds)))
    if seeds < 2:
        return [intervals.Interval(float(e), math.nan, math.nan, "one seed has no interval") for e in estimates]
    picks = resampling.draw(np.random.default_rng(SEED), OF_RANKS, tasks, seeds)
    found = []
    lows, highs = resampling.percentile_ends(resampling.aggregate(scores, statistic, picks), seeds)
    for ends in zip(estimates.tolist(), lows.tolist(), highs.tolist(), strict=True):
        if ends[1] == ends[2]:
            found.append(intervals.Interval(ends[0], math.nan, math.nan, "all resamples are equal"))
        else:
            found.append(intervals.Interval(*ends, "expanded percentiles of resampled seeds"))
    return found
