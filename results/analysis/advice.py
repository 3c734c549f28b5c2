"""The analysis `advice`: which method and setting to start from on each task, and which others are not told from it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from results.analysis import comparison, contrasts, fairness, lookup, same_functions, selection
from results.analysis.comparison import ANY, Group
from results.records import schema
from results.records.result_set import ResultSet
from results.statistics import intervals, paired
from results.statistics.paired import Contrast

COLUMNS = {  # of advice(): name and what it holds
    "task": "name of the task",
    "task_label": "the task as it is printed",
    "optimizer": "name of the optimizer",
    "optimizer_label": "the optimizer as it is printed",
    "functions": "names of the hard functions of what is compared, as a tuple",
    "bits": "their bits, as a tuple; empty for functions without",
    "method": "the method with the best mean, as it is printed",
    "setting": "what it chose",
    "edge": "low or high where its rate is the smallest or largest of those tried",
    "measure_label": "what is compared, as it is printed",
    "unit": "its unit; empty for a pure number",
    "mean": "mean over seeds at the last step",
    "low": "lower end of its 95 % t interval",
    "high": "upper end",
    "level": "the methods that are not told from it, the better mean first, as a tuple",
    "worse": "those that are worse, with how much, as a tuple of (method, difference)",
    "detectable": "the difference that would be told in 80 of 100 such comparisons, the median over the others",
    "methods": "how many are compared",
    "seeds": "how many seeds all of them have",
    "draws": "how many draws of the problem these met: the unit of all that is said",
    "estimand": "what the seeds are draws of, in half a sentence",
}


def advice(results: ResultSet) -> pd.DataFrame:
    """The best method of each task with each optimizer, and what cannot be told from it.

    It was the data that chose the best, so that every pair counts: p values are corrected by Holm for all pairs of
    methods, whatever reference the plan declares. Where draws split the same examples again, the tests speak of new
    examples (paired.paired). Controls and bounds take no part, and a function under several names is one method.

    Args:
        results: complete ones.

    Returns:
        A row for each task and optimizer with two methods or more (columns: COLUMNS), in the order of
        comparison.groups.

    Raises:
        RecordError: for incomplete results, and as comparison.groups and fairness.check do.
    """
    results.complete()
    fairness.check(results)
    results = same_functions.merged(results)
    groups = [group.without_controls for group in comparison.groups(results) if group.optimizer != ANY]
    return of_groups(results, [group for group in groups if len(group.methods) > 1])


def of_groups(results: ResultSet, groups: Sequence[Group]) -> pd.DataFrame:
    """The same of single groups; of one over all optimizers the setting begins with the optimizer.

    Args:
        results: whose groups these are.
        groups: without controls, each of a method or more.

    Returns:
        A row for each (columns: COLUMNS), in their order.
    """
    rows = []
    settings = selection.chosen_settings(results)
    settings["method"] = lookup.methods(settings)
    for group in groups:
        places = contrasts.order(group)
        words = group.settings[places[0]][group.choose()[places[0]]]
        optimizer = words.partition(", ")[0] if group.optimizer == ANY else group.optimizer
        of_task = settings[(settings["task_label"] == group.task_label) & settings["method"].isin(group.methods)]
        with_it = of_task[of_task["optimizer_label"] == optimizer].set_index("method")
        first, own = with_it.loc[group.methods[places[0]]], results.rows[results.rows["run"].isin(of_task["run"])]
        mean, low, high = intervals.t_interval(group.values()[places[0]])
        rows.append(
            {
                "task": group.task,
                "task_label": group.task_label,
                "optimizer": first["optimizer"],
                "optimizer_label": group.optimizer,
                **functions_of(own),
                "method": group.methods[places[0]],
                "setting": _setting(words, own[own["run"] == first["run"]]),
                "edge": first["edge"],
                "measure_label": group.reports.label,
                "unit": group.reports.unit,
                "mean": mean,
                "low": low,
                "high": high,
                **held_together(group, places),
                "methods": len(places),
                **group.counts,
                "estimand": group.estimand.text,
            }
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _setting(chosen: str, rows: pd.DataFrame) -> str:
    """The words of a setting, and what makes the slope of a run that was trained at one alone: width or parameters."""

    width = [schema.WIDTH] if schema.WIDTH in rows and rows[schema.WIDTH].notna().any() else []
    columns = width or [column for column in map(str, rows.columns) if column.startswith("estimator.")]
    alone = [c for c in columns if c not in chosen and rows[c].notna().all() and rows[c].nunique() == 1]
    return ", ".join([chosen, *(f"{column}={lookup.format_value(rows[column].iloc[0])}" for column in alone)])


def functions_of(rows: pd.DataFrame) -> dict[str, tuple]:
    """The hard functions of rows.

    Args:
        rows: of a result set.

    Returns:
        The columns `functions` and `bits`, sorted.
    """
    names = {"functions": "forward", "bits": "function.bits"}
    return {key: tuple(sorted(rows[name].dropna().unique())) if name in rows else () for key, name in names.items()}


def pairs_of(group: Group, places: Sequence[int]) -> dict[tuple[int, int], tuple[Contrast, float]]:
    """Every pair of these methods, tested for new examples where draws split the same ones again.

    Args:
        group: of comparison.groups.
        places: of its methods.

    Returns:
        By where two of the places stand in the list, the earlier first: their contrast, and its p, corrected by Holm
        for all pairs.
    """
    values, overlap = group.values()[list(places)], _overlap(group)
    pairs = list(itertools.combinations(range(len(places)), 2))
    contrasts = [paired.paired(values[i], values[j], overlap=overlap) for i, j in pairs]
    corrected = paired.holm([contrast.p for contrast in contrasts]).tolist()
    return dict(zip(pairs, zip(contrasts, corrected, strict=True), strict=True))


def _overlap(group: Group) -> float:
    """As paired.paired takes it."""
    return group.estimand.overlap if group.estimand.resplits else 0.0


def held_together(group: Group, places: list[int]) -> dict[str, object]:
    """The methods that are not told from the first of these places, and those that are.

    Args:
        group: of comparison.groups.
        places: of its methods, the best mean first.

    Returns:
        The columns `level`, `worse` and `detectable`.
    """
    values, overlap, pairs = group.values()[places], _overlap(group), pairs_of(group, places)
    level, worse, errors = [], [], []
    for j in range(1, len(places)):
        name, (contrast, p) = group.methods[places[j]], pairs[0, j]
        if p < paired.LEVEL:
            worse.append((name, abs(contrast.difference)))
        else:
            level.append(name)
        if np.isfinite(values[[0, j]]).all() and not paired.without_spread(values[0], values[j]):
            errors.append(intervals.standard_error(values[0] - values[j], overlap))
    detectable = math.nan
    if errors and len(group.seeds) > 1:
        detectable = paired.detectable(float(np.median(errors)), len(group.seeds), len(pairs))
    return {"level": tuple(level), "worse": tuple(worse), "detectable": detectable}
