"""The analysis `sensitivity`: what each method reaches at every value of a number that is compared."""

from __future__ import annotations

import pandas as pd

from results.analysis import compared, comparison, lookup
from results.analysis.comparison import ANY
from results.records.result_set import ResultSet
from results.statistics import intervals
from steeplechase.errors import RecordError

COLUMNS = {  # of sensitivity(): name and what it holds
    "task_label": "the task as it is printed",
    "optimizer_label": "the optimizer as it is printed",
    "key": "the number, by the name that rows have",
    "estimator": "name of the estimator",
    "method": "the estimator as it is printed, and its other compared numbers",
    "value": "of the number: a float, or a schedule in words",
    "mean": "of the reported measure over common seeds at the last step; all else was chosen by validation",
    "low": "lower end of its 95 % t interval",
    "high": "upper end",
}


def sensitivity(results: ResultSet) -> pd.DataFrame:
    """What is reached at each value of each compared number; methods without the number are left out.

    Args:
        results: of `compared.apart`.

    Returns:
        One row per task, optimizer, number, method and value (columns: COLUMNS), values in their order, words last.

    Raises:
        RecordError: where nothing is compared, and as comparison.groups does.
    """
    values, named = compared.values(results), lookup.run_labels(results)
    if values.empty or not len(values.columns):
        raise RecordError("sensitivity is of numbers that are compared, and none is: add compare=[KEY] to the sweep")
    named["entry"], plain = lookup.methods(named), lookup.run_labels(results, renamed=False).set_index("run")
    where = zip(named["task_label"], named["optimizer_label"], named["entry"], strict=True)
    by_method, found = dict(zip(where, named.to_dict("records"), strict=True)), []
    for group in comparison.groups(results):
        for m, (method, name) in enumerate(zip(group.methods, group.names, strict=True)):
            if group.optimizer == ANY:
                continue
            run = by_method[group.task_label, group.optimizer, method]
            label, variant = plain.loc[run["run"], ["estimator_label", "variant"]]
            for key, value in values.loc[run["run"]].dropna().items():
                rest = variant.replace(f"{key}={lookup.format_value(value)}", "", 1)
                rest = lookup.short_names(rest.replace(", , ", ", ").strip(", "))
                line = label + (f" ({rest})" if rest else "")
                ends = intervals.t_interval(group.values()[m])
                found.append((group.task_label, group.optimizer, key, name, line, value, *ends))
    table = pd.DataFrame(found, columns=list(COLUMNS))
    return table.sort_values(
        ["task_label", "optimizer_label", "key", "method", "value"],
        key=lambda c: c.map(_order) if c.name == "value" else c,
        ignore_index=True,
    )


def baselines(results: ResultSet) -> pd.DataFrame:
    """What the methods reach that do not have a number that is compared.

    Args:
        results: of `compared.apart`.

    Returns:
        One row per task, optimizer, number and method without it, where some method has it (columns: COLUMNS; `value`
        is missing). Bounds are left out.

    Raises:
        RecordError: as comparison.groups does.
    """
    values, named = compared.values(results), lookup.run_labels(results)
    named["entry"] = lookup.methods(named)
    run_of = named.set_index(["task_label", "optimizer_label", "entry"])["run"].to_dict()
    found = []
    for group in comparison.groups(results):
        if group.optimizer == ANY:
            continue
        runs = [run_of[group.task_label, group.optimizer, method] for method in group.methods]
        for key in values.columns[values.loc[runs].notna().any()]:
            for m, (method, name) in enumerate(zip(group.methods, group.names, strict=True)):
                if pd.isna(values.loc[runs[m], key]):
                    ends = intervals.t_interval(group.values()[m])
                    found.append((group.task_label, group.optimizer, key, name, method, None, *ends))
    return pd.DataFrame(found, columns=list(COLUMNS))


def _order(value: object) -> tuple[int, float, str]:
    """Numbers by size, then words."""
    return (1, 0.0, value) if isinstance(value, str) else (0, float(value), "")  # type: ignore[arg-type]
