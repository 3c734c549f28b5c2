"""Targets: after how many steps each replica reached its task's target, or any other value of its measure.

Pure functions of a result set, of its rows and of a run's account; no chance anywhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from results.analysis import draws, lookup, selection
from results.records.result_set import ResultSet
from results.statistics.survival import Reached


def reached(rows: pd.DataFrame, account: Mapping, target: float | None = None) -> Reached:
    """What the replicas in these rows did.

    Args:
        rows: of a result set.
        account: of a run that has the same target as all that have rows.
        target: another value of the target's measure than the account's own.

    Returns:
        Of each replica, sorted by run and id, when it arrived, and its budget (updates).
    """
    own = account if target is None else {**account, "target": [account["target"][0], target]}
    found = selection.steps_to_target(rows, own)
    budget = rows.groupby(["run", "replica"])["step"].max()
    at = pd.MultiIndex.from_frame(found[["run", "replica"]])
    return Reached(found["steps"].astype("float64").fillna(math.inf).to_numpy(), budget[at].to_numpy("float64"))


def reached_by_run(
    results: ResultSet, settings: pd.DataFrame, targets_of: Callable[[Mapping], Mapping[str, float]]
) -> dict[str, dict[str, Reached]]:
    """By run, what its replicas with the chosen setting did, for each of the targets that are wanted, by their names.

    Where a draw of the problem has several seeds it is what arrives or does not, and has when all of its seeds have.

    Args:
        results: of any runs.
        settings: of selection.chosen_settings.
        targets_of: from a run's account to values of its target's measure.

    Returns:
        {run: {name of the target: `reached` of it}}.
    """
    described, rows = results.runs(), results.rows
    rows = rows[rows["replica"].isin(settings["replicas"].explode())]
    met_by = draws.by_replica(rows)
    found: dict[str, dict[str, Reached]] = {run: {} for run in settings["run"]}
    for account, runs in lookup.group_by_measures(described, settings["run"]):
        own = rows[rows["run"].isin(runs)]
        budget = own.groupby(["run", "replica"])["step"].max().astype("float64")
        measure, ends = account["target"][0], np.cumsum(budget.groupby(level="run").size().to_numpy())[:-1]
        names, budgets = sorted(runs), np.split(budget.to_numpy(), ends)
        met = np.split(met_by[budget.index.get_level_values("replica")].to_numpy(), ends)
        for name, value in targets_of(account).items():
            first = selection.steps_to_target(own, {**account, "target": [measure, value]})
            steps = np.split(first["steps"].astype("float64").fillna(math.inf).to_numpy(), ends)
            for run, of_run, limit, drawn in zip(names, steps, budgets, met, strict=True):
                found[run][name] = Reached(draws.latest(of_run, drawn), draws.latest(limit, drawn))
    return found
