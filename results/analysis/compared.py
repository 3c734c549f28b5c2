"""Compared numbers: each value of a swept number as a method of its own, where the plan asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from results.analysis import lookup
from results.records.result_set import ResultSet

SECONDS = ("compile_s", "train_s", "judge_s")  # of a block, which are shared out


def apart(results: ResultSet) -> ResultSet:
    """A result set in which every value of the numbers that its plan compares is a run of its own.

    What chooses settings then chooses within each value, and what compares methods compares the values.

    Args:
        results: from `results.load` or a frozen table.

    Returns:
        The same rows under the names of such runs, `RUN[estimator.scale=2]`; the accounts with the replicas of each,
        and its share of a block's seconds. As it is, where nothing is compared.
    """
    parted = _columns(results)
    if parted.empty:
        return results
    suffix = pd.Series("", index=parted.index)
    for column in parted:
        suffix += ("[" + f"{column}=" + parted[column] + "]").fillna("")
    rows = results.rows.assign(run=results.rows["run"] + suffix)
    of_replica = rows.drop_duplicates("replica").set_index("replica")["run"]
    accounts = [part for account in results.accounts for part in _parts(account, of_replica)]
    rates = {run: results.plan.default_rates.get(run.partition("[")[0]) for run in rows["run"].unique()}
    plan = replace(results.plan, default_rates={run: rate for run, rate in rates.items() if rate is not None})
    return replace(results, rows=rows, accounts=tuple(accounts), plan=plan)


def values(results: ResultSet) -> pd.DataFrame:
    """What the compared numbers are in each run.

    Args:
        results: of `apart`.

    Returns:
        One row a run, its index; a column for each compared number, by the name that rows have: a number, a schedule as
        text, or missing in runs that have none.
    """
    first = results.rows.drop_duplicates("run").set_index("run")
    found: dict[str, pd.Series] = {}
    for column, part, page in _keys(results):
        if column in first:
            own = first[column].where(first[part] == page) if page else first[column]
            found[column] = found[column].fillna(own) if column in found else own
    return pd.DataFrame({column: own.map(lookup.number_of) for column, own in found.items()}, index=first.index)


def _keys(results: ResultSet) -> list[tuple[str, str, str]]:
    """(column, part, page) of each key that is compared: `estimator.tanh_slope.scale` is of one page, "" of any."""
    found = []
    for key in results.plan.compare:
        part, *page, _ = key.split(".") if "." in key else (key, "")
        found.append((lookup.column_of(key), part, "".join(page)))
    return found


def _columns(results: ResultSet) -> pd.DataFrame:
    """In words, row by row, the compared numbers that have several values in the row's run; else missing."""
    rows = results.rows
    found: dict[str, pd.Series] = {}
    for column, part, page in _keys(results):
        if column in rows:
            own = rows.groupby("run")[column].transform(lambda of_run: of_run.nunique(dropna=False)) > 1
            own &= (rows[part] == page) if page else True
            words = found.get(column, pd.Series(np.nan, rows.index, dtype=object))
            found[column] = words.where(~own, rows[column].map(lookup.format_value))
    return pd.DataFrame(found, index=rows.index).dropna(axis="columns", how="all")


def _parts(account: Mapping[str, Any], of_replica: pd.Series) -> list[Mapping[str, Any]]:
    """The account of a block as one for each run that its replicas are now of."""
    runs = of_replica.reindex(account["replicas"]).dropna()
    if set(runs) <= {account["run"]}:
        return [account]
    parts: list[Mapping[str, Any]] = []
    for run, own in runs.groupby(runs, sort=True):
        share = len(own) / len(account["replicas"])
        seconds = {key: account[key] * share for key in SECONDS if key in account}
        parts.append({**account, **seconds, "run": run, "replicas": list(own.index)})
    return parts
