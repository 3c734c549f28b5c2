"""The rules of a comparison: what must be the same for all, and what a table says where it is not.

Pure functions of a result set; damaged and stale records are found where records are read.
"""

from __future__ import annotations

import pandas as pd

from results import wording
from results.analysis import lookup, selection
from results.records.result_set import ResultSet
from steeplechase.errors import RecordError


def violations(results: ResultSet) -> list[str]:
    """The rules that a comparison of these results breaks, a sentence each; none where nothing is recorded.

    On each task with each optimizer all methods have the same seeds, number of updates, learning rates, judged measures
    and device class, but for bounds, which may have other seeds, and for rates that are compared themselves; nothing
    that was planned is missing; no chosen rate is the smallest or largest of three or more.

    Returns:
        By task and optimizer, then what is missing, then rates at an edge of their grid.

    Raises:
        RecordError: where settings cannot be chosen (selection.choose).
    """
    if results.rows.empty:
        return []
    described, named = results.runs(), lookup.run_labels(results)
    last, apart = results.final_rows(), lookup.bounds(results)
    own = {
        "seeds differ": last.groupby("run")["seed"].agg(lambda s: str(tuple(sorted({int(x) for x in s})))),
        "number of updates differs": last.groupby("run")["step"].max(),
        "learning rates differ": last.groupby("run")["learning_rate"].agg(
            lambda s: str(tuple(sorted({float(x) for x in s})))
        ),
        "device class differs": last.groupby("run")["device"].first(),
    }
    if "learning_rate" in map(lookup.column_of, results.plan.compare):
        del own["learning rates differ"]
    said = []
    for (task, optimizer), rows in named.groupby(["task_label", "optimizer_label"], sort=True):
        where = f"on {task} with {optimizer}"
        for what, by_run in own.items():
            free = list(apart) if what == "seeds differ" else []
            kinds = by_run[rows.loc[~rows["run"].isin(free), "run"]].map(str)
            if kinds.nunique() > 1:
                odd = kinds[kinds != kinds.mode().iloc[0]].index
                labels = rows.loc[rows["run"].isin(odd), "estimator_label"]
                said.append(f"The {what} {where}: {_some(labels)}.")
        for key, what in (("selects", "chosen by"), ("reports", "judged by")):
            names = {described[run][key] for run in rows["run"]}
            if len(names) > 1:
                said.append(f"Not all are {what} the same measure {where}: {' and '.join(sorted(names))}.")
    if results.missing:
        said.append(wording.missing(results.missing))
    return said + _edges(results)


def check(results: ResultSet) -> list[str]:
    """The same, or, where the plan is strict, RecordError with the first of them.

    Returns:
        As `violations`.

    Raises:
        RecordError: where the plan is strict and a rule is broken, and as `violations` does.
    """
    found = violations(results)
    if found and results.plan.strict:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise RecordError(f"strict=true, and a rule of comparison is broken: {found[0]}{more}")
    return found


def _edges(results: ResultSet) -> list[str]:
    """Where the grid of rates was too narrow. Raises what choosing raises."""
    settings, said = selection.chosen_settings(results), []
    controls = {account["run"] for account in results.accounts if account.get("control")}
    for (task, optimizer), rows in settings[settings["edge"] != ""].groupby(["task_label", "optimizer_label"]):
        labels = rows.loc[~rows["run"].isin(controls), "estimator_label"]  # no rate suits a slope that is zero
        if len(labels):
            where = f"on {task} with {optimizer}"
            said.append(f"The grid of rates was too narrow {where}: the best is at its edge for {_some(labels)}.")
    return said


def _some(labels: pd.Series) -> str:
    names = sorted(set(labels))
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
