"""The analysis `orders`: do methods stand in the same order on another net, on other data, with another optimizer?"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
from scipy import stats

from results.analysis import comparison, same_functions
from results.analysis.comparison import ANY, Group
from results.records.result_set import ResultSet
from results.statistics import reliability, resampling

RESAMPLES, SEED = 2_000, 0
COLUMNS = {  # of orders(): name and what it holds
    "task": "name of the task that both are cases of",
    "one": "one of them, as it is printed: the task, and where these are the same the optimizer",
    "other": "the other",
    "methods": "how many methods both have",
    "draws": "how many draws of the problem each has; of several, the fewer",
    "rho": "Spearman's correlation of the methods' means at the last step, each at the setting that it chose",
    "low": "lower end of the 95 % of resamples of the draws in the middle",
    "high": "upper end",
    "ceiling": "what it would be if only the draws' noise parted the two orders (statistics.reliability.ceiling)",
    "corrected": "rho over its ceiling, where that is above statistics.reliability.LEAST",
    "best": "the best method of the one",
    "place": "its place in the other, among the methods of both",
}


def orders(results: ResultSet) -> pd.DataFrame:
    """Two cases of a task beside each other: nets of two sizes, two data sets, two optimizers. Controls and bounds take
    no part, and a function under several names is one method.

    Draws of equal numbers are resampled together where both cases have the same ones: they may share their noise. A
    resampled order is noisier than the order itself, so that the interval lies low, if anything.

    Args:
        results: complete ones.

    Returns:
        A row for each pair of cases with three methods in common or more (columns: COLUMNS), in the order of
        comparison.groups.

    Raises:
        RecordError: for incomplete results, and as comparison.groups does.
    """
    results.complete()
    groups = [group for group in comparison.groups(same_functions.merged(results)) if group.optimizer != ANY]
    groups = [group.without_controls for group in groups]
    rows = []
    for one, other in itertools.combinations(groups, 2):
        common = [name for name in one.methods if name in other.methods]
        if one.task == other.task and len(common) > 2:
            rows.append(_row(one, other, common))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _row(one: Group, other: Group, common: list[str]) -> dict:
    sides = [_costs(group, common) for group in (one, other)]
    means = [costs.mean(1) for costs in sides]
    rho = float(reliability.spearman(*(side[None] for side in means))[0])
    chance = np.random.default_rng(SEED)
    drawn = [resampling.draw(chance, RESAMPLES, 1, costs.shape[1])[:, 0] for costs in sides]
    if one.seeds == other.seeds:
        drawn[1] = drawn[0]
    found = reliability.spearman(*(costs[:, at].mean(-1).T for costs, at in zip(sides, drawn, strict=True)))
    low, high = np.nanquantile(found, [0.025, 0.975]) if np.isfinite(found).any() else (math.nan, math.nan)
    halves = [
        reliability.half_correlation(costs, reliability.split_halves(np.random.default_rng(SEED), costs.shape[1]))
        for costs in sides
    ]
    ceiling, first = reliability.ceiling(*halves), int(means[0].argmin())
    names = [group.task_label for group in (one, other)]
    if names[0] == names[1]:
        names = [group.optimizer for group in (one, other)]
    return {
        "task": one.task,
        "one": names[0],
        "other": names[1],
        "methods": len(common),
        "draws": min(len(one.seeds), len(other.seeds)),
        "rho": rho,
        "low": low,
        "high": high,
        "ceiling": ceiling,
        "corrected": reliability.corrected(rho, ceiling),
        "best": common[first],
        "place": float(stats.rankdata(means[1])[first]),
    }


def _costs(group: Group, common: list[str]) -> np.ndarray:
    """What these methods reached, the smaller the better, float64 [methods, draws]; the worst possible as a number."""
    values = group.reports.sign * group.values()[[group.methods.index(name) for name in common]]
    return np.nan_to_num(values, posinf=float(np.finfo("float32").max))
