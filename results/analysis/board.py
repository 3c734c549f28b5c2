"""The analysis `board`: how methods rank over many tasks, how surely, and which to start from on each."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from results.analysis import advice, comparison, fairness, lookup, ranking, same_functions
from results.analysis.comparison import Group
from results.records.result_set import ResultSet
from results.statistics import paired
from steeplechase.errors import RecordError

FEWEST = 10  # tasks, below which mean ranks are not compared
BUDGETS = (0.75, 0.95)  # shares of the updates, at which all trainings are cut
COLUMNS = {  # of Board.methods: name and what it holds
    "estimator": "name of the method's estimator",
    "method": "the method as it is printed",
    "mean_rank": "mean over tasks of its rank by the mean at the last step, 1 is the best; equals share their average",
    "place": "rank of that mean",
    "place_low": "smallest place where any one task, or all tasks of one data set, are left out",
    "place_high": "largest",
    "first_half": "its place by the first half of the draws alone",
    "second_half": "by the others",
    "shorter_75": "its place where all trainings are cut at 75 % of their updates",
    "shorter_95": "at 95 %",
    "wins": "over all tasks, how many others it is better than (Holm over all pairs of a task, 5 %)",
    "ties": "how many it is not told from",
    "losses": "how many are better than it",
    "starts": "on how many tasks it is the best or not told from it",
    "seconds": "median over tasks of the seconds of a step and replica, in those of the task's median method",
}


@dataclass(frozen=True)
class Board:
    """How methods rank over tasks.

    Attributes:
        methods: one row per method that was run on all tasks (columns: COLUMNS), the best mean rank first.
        ranks: of each method on each task, in the order of `methods` and of `tasks`.
        tasks: one row per task, the best method and who is not told from it (columns: analysis.advice.COLUMNS, and
            `data`).
        critical: by how much two mean ranks differ where the Nemenyi test tells them apart (5 %); NaN below FEWEST
            tasks.
        friedman: p of all methods being alike (Friedman 1937); NaN there.
        lacking: how many tasks more it takes until mean ranks are compared.
        draws: how many draws each task has.
    """

    methods: pd.DataFrame
    ranks: pd.DataFrame
    tasks: pd.DataFrame
    critical: float
    friedman: float
    lacking: int
    draws: tuple[int, ...]


def critical_difference(methods: int, tasks: int) -> float:
    """By how much two mean ranks must differ to be told apart.

    Nemenyi's test at 5 %: q·√(k (k + 1) / (6 N)), q of the studentized range over √2 (Demšar 2006, Journal of Machine
    Learning Research 7, 1-30).

    Args:
        methods: k, at least 2.
        tasks: N, at least 1.

    Returns:
        In ranks.
    """
    q = stats.studentized_range.ppf(1 - paired.LEVEL, methods, math.inf) / math.sqrt(2)
    return float(q * math.sqrt(methods * (methods + 1) / (6 * tasks)))


def tasks_needed(methods: int, difference: float) -> int:
    """How many tasks it takes until critical_difference is no more than this.

    Args:
        methods: as there.
        difference: above 0, in ranks.

    Returns:
        At least 1.
    """
    return math.ceil((critical_difference(methods, 1) / difference) ** 2)


def board(results: ResultSet) -> Board:
    """How methods rank over tasks, each with its best optimizer where there are several. Only methods that were run on
    every task take part; controls and bounds do not, and a function under several names is one method.

    Args:
        results: complete ones.

    Returns:
        What is known of them.

    Raises:
        RecordError: where no method was run on every task, and as comparison.groups and fairness.check do.
    """
    results.complete()
    fairness.check(results)
    results = same_functions.merged(results)
    groups = _groups(results)
    if not groups:  # bounds alone
        none = pd.DataFrame(columns=list(COLUMNS))
        return Board(none, pd.DataFrame(), advice.of_groups(results, []), math.nan, math.nan, FEWEST, ())
    common = [name for name in groups[0].methods if all(name in group.methods for group in groups)]
    tasks = [group.task_label for group in groups]
    if not common:
        raise RecordError("no method was run on every task, so none can be ranked over them.")
    asked = advice.of_groups(results, groups)
    every = _ranks(groups, common)
    mean = every.mean(axis=1)
    data = _data(results, tasks)
    apart: list[list[str]] = [[], *([task] for task in tasks)]
    apart += [[t for t in tasks if data[t] == name] for name in sorted({*data.values()} - {""})]
    left = pd.DataFrame({at: _places(every.drop(columns=out)) for at, out in enumerate(apart) if len(out) < len(tasks)})
    halves = [_places(_ranks(groups, common, half)) for half in (0, 1)]
    shorter = [_places(_ranks(_groups(ranking.truncate(results, share)), common)) for share in BUDGETS]
    counts = _counts_of(groups, common)
    seconds = _seconds(results, groups, common)
    names = {name: group.names[group.methods.index(name)] for group in groups for name in common}
    level = [{best, *others} for best, others in zip(asked["method"], asked["level"], strict=True)]
    rows = pd.DataFrame(
        {
            "estimator": [names[name] for name in common],
            "method": common,
            "mean_rank": mean.to_numpy(),
            "place": _places(every).to_numpy(),
            "place_low": left.min(axis=1).to_numpy(),
            "place_high": left.max(axis=1).to_numpy(),
            "first_half": halves[0].to_numpy(),
            "second_half": halves[1].to_numpy(),
            **{f"shorter_{100 * share:.0f}": own.to_numpy() for share, own in zip(BUDGETS, shorter, strict=True)},
            **{word: [counts[name][word] for name in common] for word in ("wins", "ties", "losses")},
            "starts": [sum(name in own for own in level) for name in common],
            "seconds": [seconds[name] for name in common],
        },
        columns=list(COLUMNS),
    ).sort_values("mean_rank", kind="stable", ignore_index=True)
    enough = len(tasks) >= FEWEST and len(common) > 2
    return Board(
        rows,
        every.loc[rows["method"]],
        asked.assign(data=asked["task_label"].map(data)),
        critical_difference(len(common), len(tasks)) if enough else math.nan,
        float(stats.friedmanchisquare(*every.T.to_numpy().T).pvalue) if enough else math.nan,
        max(0, FEWEST - len(tasks)),
        tuple(len(group.seeds) for group in groups),
    )


def _groups(results: ResultSet) -> list[Group]:
    """One a task: the last of its groups is that over all optimizers, where there are several."""
    found = {group.task_label: group.without_controls for group in comparison.groups(results)}
    return [group for group in found.values() if group.methods]


def _ranks(groups: list[Group], common: list[str], half: int | None = None) -> pd.DataFrame:
    """Ranks [methods, tasks] by the mean over all draws, or over half of them."""
    columns = {}
    for group in groups:
        values = group.values()[[group.methods.index(name) for name in common]]
        middle = values.shape[1] // 2
        values = values if half is None else values[:, half * middle : (half + 1) * middle]
        means = values.mean(1) if values.size else np.full(len(common), math.nan)
        columns[group.task_label] = stats.rankdata(group.reports.sign * means, nan_policy="propagate")
    return pd.DataFrame(columns, index=common)


def _places(ranks: pd.DataFrame) -> pd.Series:
    return ranks.mean(axis=1).round(9).rank()  # sums of the same ranks in another order are equal


def _data(results: ResultSet, tasks: list[str]) -> dict[str, str]:
    """By task, as it is printed, its data set; "" of one that draws its own."""
    found, accounts = dict.fromkeys(tasks, ""), results.runs()
    rows = results.rows.drop_duplicates("run")
    for run, name in zip(rows["run"], rows["data"], strict=True):
        label = accounts[run]["labels"].get("task")
        if label in found and isinstance(name, str):
            found[label] = name
    return found


def _counts_of(groups: list[Group], common: list[str]) -> dict[str, dict[str, int]]:
    """By method how many others, over all tasks, it is better than, not told from, and worse than."""
    found = {name: {"wins": 0, "ties": 0, "losses": 0} for name in common}
    for group in groups:
        places = [group.methods.index(name) for name in common]
        for (i, j), (contrast, p) in advice.pairs_of(group, places).items():
            better, worse = (i, j) if contrast.larger == (group.reports.better == "higher") else (j, i)
            told = p < paired.LEVEL
            found[common[better]]["wins" if told else "ties"] += 1
            found[common[worse]]["losses" if told else "ties"] += 1
    return found


def _seconds(results: ResultSet, groups: list[Group], common: list[str]) -> dict[str, float]:
    """By method the median over tasks of the seconds of a step, in those of the median method."""
    paces = pd.DataFrame(
        [(one["run"], one["replica_steps_per_s"]) for one in results.accounts], columns=["run", "pace"]
    )
    named = lookup.run_labels(results)
    named = named.assign(
        method=lookup.methods(named), seconds=1 / named["run"].map(paces.groupby("run")["pace"].median())
    )
    table = named[named["method"].isin(common)].pivot_table(index="method", columns="task_label", values="seconds")
    return {str(name): float(own) for name, own in (table / table.median()).median(axis=1).items()}
