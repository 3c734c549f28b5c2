"""The analysis `best`: which runs are the best of their task and optimizer, by verdict and not by the mean alone."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from results.analysis import lookup, same_functions
from results.analysis.comparison import ANY
from results.analysis.verdicts import verdicts
from results.records.result_set import ResultSet


@dataclass(frozen=True)
class Best:
    """The best, and what cannot be told from it.

    Attributes:
        runs: of each task with each optimizer the run with the best mean, and those that the verdicts do not call worse
            than it; all runs of one function under several names.
        every_pair: whether each method has a contrast with the best; else one that has none is not among the runs.
    """

    runs: frozenset[str]
    every_pair: bool


def best(results: ResultSet) -> Best:
    """The best run of each task with each optimizer, and those that the contrasts (analysis/contrasts.py) do not find
    worse. Controls and bounds take no part.

    Returns:
        The runs by name.

    Raises:
        RecordError: as `verdicts` does.
    """
    decided, merged = verdicts(results), same_functions.merged(results)
    named = lookup.run_labels(merged)
    keys = zip(named["task_label"], named["optimizer_label"], lookup.methods(named), strict=True)
    run_of = dict(zip(keys, named["run"], strict=True))
    twins = {run: group.runs for group in same_functions.same_functions(results) for run in group.runs}
    runs, every_pair = set[str](), True
    for (task, optimizer), order in decided.orders.items():
        if optimizer == ANY or not order:
            continue
        rows = decided.rows
        rows = rows[(rows["task_label"] == task) & (rows["optimizer_label"] == optimizer)]
        compared, level = _compared(rows, order[0])
        every_pair = every_pair and compared >= {*order[1:]}
        for method in (order[0], *level):
            run = run_of[task, optimizer, method]
            runs.update(twins.get(run, (run,)))
    return Best(frozenset(runs), every_pair)


def _compared(rows: pd.DataFrame, first: str) -> tuple[set[str], set[str]]:
    """Which methods have a contrast with the first, and which of them are not worse by it."""
    ahead, behind = rows[rows["method"] == first], rows[rows["other"] == first]
    level = {*ahead.loc[ahead["verdict"] != "better", "other"], *behind.loc[behind["verdict"] != "worse", "method"]}
    return {*ahead["other"], *behind["method"]}, level
