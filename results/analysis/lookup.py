"""Runs: what they are called, in what they differ, and where their rows stand.

Pure functions of a result set, of its rows and of a run's account; no chance anywhere.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from results.records import schema
from results.records.plan import PlanFacts
from results.records.result_set import ResultSet
from steeplechase.errors import RecordError


def run_labels(results: ResultSet, renamed: bool = True) -> pd.DataFrame:
    """How runs are called.

    Args:
        results: any.
        renamed: a method that the plan gives a label (method_looks) has that, and no variant.

    Returns:
        One row per run: `run, task, estimator, optimizer` (names), `task_label, estimator_label, optimizer_label`, and
        `variant`: in what it differs from other runs of the same three labels, as "normalize=peak"; "" where there is
        none.

    Raises:
        RecordError: as ResultSet.runs does.
    """
    described, table = results.runs(), results.rows
    columns = ["run", "task", "estimator", "optimizer"]
    out = table[columns].drop_duplicates("run").sort_values(columns[1:] + ["run"]).reset_index(drop=True)
    for kind in ("task", "estimator", "optimizer"):
        labels = [described[run]["labels"].get(kind) or name for run, name in zip(out["run"], out[kind], strict=True)]
        out[f"{kind}_label"] = pd.Series(labels, dtype="string")
    out["variant"] = pd.Series("", index=out.index, dtype="string")
    own = set(columns) | {"replica", "seed", "draw"} | ({"learning_rate"} - {*map(column_of, results.plan.compare)})
    traits = [c for c in table.columns if (c in schema.IDENTITY or schema.is_parameter(c)) and c not in own]
    labels = ["task_label", "estimator_label", "optimizer_label"]
    twins = out[out.duplicated(labels, keep=False)]
    if twins.empty:
        return _renamed(out, results) if renamed else out
    values = _ones(table[table["run"].isin(twins["run"])], traits)
    variants = {}
    for _, group in twins.groupby(labels, dropna=False)["run"]:
        differing = [c for c in traits if len({values[name][c] for name in group}) > 1]
        differing = [c for c in differing if not _follows(c, differing, [values[name] for name in group])]
        for name in group:
            words = [f"{c}={values[name][c]}" for c in differing if values[name][c] is not None]
            words = [word for word in words if not word.endswith("=none")] or words  # what its page does not have
            variants[name] = ", ".join(words) or f"run {name[-8:]}"
    out["variant"] = out["run"].map(variants).fillna("").astype("string")
    return _renamed(out, results) if renamed else out


def method_looks(plan: PlanFacts) -> dict[str, Mapping[str, Any]]:
    """What a plan gives single methods, by what they are called where nothing is given: not to an estimator's all."""
    return {name: given for name, given in plan.looks.items() if not name.isidentifier()}


def _renamed(named: pd.DataFrame, results: ResultSet) -> pd.DataFrame:
    """The runs of `run_labels` under the labels that methods are given."""
    given = {name: of["label"] for name, of in method_looks(results.plan).items() if "label" in of}
    if not given:
        return named
    labels = methods(named).map(given)
    kept = labels.isna()
    return named.assign(
        estimator_label=named["estimator_label"].where(kept, labels), variant=named["variant"].where(kept, "")
    )


def column_of(key: str) -> str:
    """The column of a number.

    Args:
        key: as an override has it, `estimator.scale`, or of one page, `estimator.tanh_slope.scale`.

    Returns:
        Its name in rows.
    """
    first, dot, rest = key.partition(".")
    plain = f"{first}.{rest.rpartition('.')[2]}" if dot else key
    return "learning_rate" if plain == "optimizer.learning_rate" else plain


def methods(labels: pd.DataFrame) -> pd.Series:
    """How each run of `run_labels` is called: by its estimator, and its variant where there are several."""
    return labels["estimator_label"] + labels["variant"].map(lambda v: f" ({short_names(v)})" if v else "")


def short_names(parameters: str) -> str:
    """The parameters of a setting without the groups' names, for where there is little room: "scale=2"."""
    # An estimator's own `width` has its group's name, since the key `width` is another.
    return re.sub(r"estimator\.(?!width\b)|optimizer\.", "", parameters)


def bounds(results: ResultSet) -> dict[str, str]:
    """The runs that are bounds of what is compared (`bound` in an account).

    Returns:
        "upper" or "lower" by run. A record of before is none: its controls are drawn and counted as they were.

    Raises:
        RecordError: as ResultSet.runs does.
    """
    return {run: str(account["bound"]) for run, account in results.runs().items() if account.get("bound")}


def single_slope_runs(results: ResultSet) -> set[str]:
    """The runs in which an estimator's slope stands at all hard sites: what is said of the estimator is said of these.

    Returns:
        All but those with another estimator at weights, and upper bounds.

    Raises:
        RecordError: as ResultSet.runs does.
    """
    upper, rows = {run for run, bound in bounds(results).items() if bound == "upper"}, results.rows
    other = rows["estimator_weights"].notna() & (rows["estimator_weights"] != rows["estimator"])
    return {*rows["run"].unique()} - {*rows.loc[other, "run"].unique()} - upper


def bound_methods(results: ResultSet) -> dict[str, str]:
    """The same by what the runs are called (`methods`).

    Returns:
        "upper" or "lower" by method.

    Raises:
        RecordError: as ResultSet.runs does.
    """
    apart, labels = bounds(results), run_labels(results)
    return {method: apart[run] for run, method in zip(labels["run"], methods(labels), strict=True) if run in apart}


def group_by_measures(
    described: Mapping[str, Mapping[str, Any]], runs: Iterable[str]
) -> list[tuple[Mapping[str, Any], list[str]]]:
    """An account, and the runs whose accounts ask for the same measures: what a table of them is asked at once.

    Args:
        described: the account of each run (ResultSet.runs).
        runs: those that are asked about.

    Returns:
        (account, runs) in the order in which the runs come.
    """
    found: dict[str, tuple[Mapping, list[str]]] = {}
    for run in runs:
        account = described[run]
        asked = [account.get(key) for key in ("selects", "reports", "target", "measures")]
        found.setdefault(json.dumps(asked, sort_keys=True), (account, []))[1].append(run)
    return list(found.values())


def only_columns(rows: pd.DataFrame, *measures: str) -> pd.DataFrame:
    """The columns that say which row it is, and these; the rows numbered from 0.

    Args:
        rows: of a result set.
        *measures: names of columns; one that is not there is passed over.

    Returns:
        Of `run, replica, step`, the measures and `diverged` those that are there, each once.
    """
    kept = dict.fromkeys(["run", "replica", "step", *measures, "diverged"])
    return rows.reset_index(drop=True)[[name for name in kept if name in rows]]


def recorded(rows: pd.DataFrame, name: str) -> pd.Series:
    """A measure's column. A replica that diverged may lack every value of it, but then its run says that it did.

    Args:
        rows: of a result set.
        name: of the measure.

    Returns:
        The column as it was recorded, missing values among it.

    Raises:
        RecordError: where a value is missing otherwise.
    """
    known = rows[name].notna() if name in rows else pd.Series(False, rows.index)
    if not known.all():
        told = known | rows["diverged"].notna() if "diverged" in rows else known
        told = told.groupby(rows["run"]).any()
        if name not in rows or not told.all():
            raise RecordError(f"run {told.idxmin()} has no '{name}', which its account speaks of.")
    return rows[name]


def rows_by_run(rows: pd.DataFrame) -> list[np.ndarray]:
    """Where the rows of each run stand, the runs in the order of their names."""
    codes, _ = pd.factorize(rows["run"], sort=True)
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)


def varies_within(rows: pd.DataFrame, columns: Sequence[str], groups: Sequence[np.ndarray]) -> pd.DataFrame:
    """Whether each of these columns has more than one value in each of these groups of rows; missing is a value.

    Args:
        rows: of a result set.
        columns: names of some of its columns.
        groups: where the rows of each group stand (rows_by_run), none of them empty.

    Returns:
        bool, a row for each group and a column for each of these.
    """
    order, starts = np.concatenate(groups), np.cumsum([0, *map(len, groups[:-1])])
    found = {}
    for column in columns:
        codes = pd.factorize(rows[column])[0][order]
        found[column] = np.minimum.reduceat(codes, starts) != np.maximum.reduceat(codes, starts)
    return pd.DataFrame(found, columns=list(columns), index=range(len(groups)))


def _follows(column: str, differing: Sequence[str], runs: Sequence[Mapping[str, str | None]]) -> bool:
    """Whether a parameter of the estimator at weights says nothing that its name does not say."""
    if not column.startswith("estimator_weights.") or "estimator_weights" not in differing:
        return False
    of_name: dict[str | None, set[str | None]] = {}
    for run in runs:
        of_name.setdefault(run["estimator_weights"], set()).add(run[column])
    return all(len(found) == 1 for found in of_name.values())


def _ones(rows: pd.DataFrame, columns: Sequence[str]) -> dict[str, dict[str, str | None]]:
    """By run, the one value that it has of each column, as a word; None where it has several: then it was swept."""
    groups = rows_by_run(rows)
    several, firsts = varies_within(rows, columns, groups), [at[0] for at in groups]
    words = {
        c: [
            None if swept else format_value(value)
            for value, swept in zip(rows[c].iloc[firsts], several[c], strict=True)
        ]
        for c in columns
    }
    return {run: {c: words[c][i] for c in columns} for i, run in enumerate(rows["run"].iloc[firsts])}


def number_of(value):
    """A parameter as a number where it is one: a column that also holds schedules has its numbers as text."""
    with contextlib.suppress(TypeError, ValueError):
        value = float(value)
    return math.nan if pd.isna(value) else value  # always the same one: no other NaN equals it


def format_value(value) -> str:
    """A parameter as it is printed; a schedule, which rows have as JSON, in words."""
    value = number_of(value) if isinstance(value, str) else value
    if pd.isna(value):
        return "none"
    if isinstance(value, str) and value.startswith("{"):
        return _schedule_words(value)
    return f"{value:g}" if isinstance(value, (float, np.floating)) else str(value)


def _schedule_words(text: str) -> str:
    """A schedule as "0.1 → 10, log", or its plateaus as "0.1 → 0.01, steps"; what is none as it stands."""
    try:
        given = json.loads(text)
        numbers = given["values"] if given["shape"] == "steps" else (given["from"], given["to"])
        return f"{' → '.join(f'{number:g}' for number in numbers)}, {given['shape']}"
    except (KeyError, TypeError, ValueError):
        return text
