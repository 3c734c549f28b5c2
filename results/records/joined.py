"""Several plans as one, so that they are drawn together, where their rules agree; and two result sets as one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from results.records import schema
from results.records.plan import Plan
from results.records.result_set import ResultSet
from steeplechase.errors import UserError

_RULES: dict[str, Callable[[Plan], Any]] = {
    "reference": lambda plan: plan.reference or "none",
    "strict": lambda plan: str(plan.strict).lower(),
    "compare": lambda plan: ", ".join(plan.compare) or "nothing",
}


def joined(name: str, plans: Sequence[Plan], command: str, written: str) -> Plan:
    """One plan that wants what all of these want.

    Args:
        name: of it.
        plans: one or more; a run that several of them have is wanted with the replicas of all.
        command: that asks for it, as one line.
        written: when, as in Plan.

    Returns:
        The plan; its figures and tables are those of all.

    Raises:
        UserError: where the plans' rules differ, or one run was recorded by other code.
    """
    runs: dict[str, Mapping[str, Any]] = {}
    margins: dict[str, float | None] = {}  # of the tasks that were met
    looks: dict[str, Mapping[str, Any]] = {}
    first = plans[0]
    for plan in plans:
        differ = [
            f"{rule} is {said(first)} in the one and {said(plan)} in the other"
            for rule, said in _RULES.items()
            if said(plan) != said(first)
        ]
        for task in _tasks(plan):
            before, here = margins.setdefault(task, plan.margins.get(task)), plan.margins.get(task)
            if before != here:
                differ.append(f"margins.{task} is {before or 'none'} before and {here or 'none'} in the last")
        differ += [
            f"looks.{name} is another in each"
            for name, look in plan.looks.items()
            if looks.setdefault(name, look) != look
        ]
        for run in plan.runs:
            known = runs.setdefault(run["run"], run)
            if known["fingerprint"] != run["fingerprint"]:
                differ.append(f"{run['run']} was recorded by other code: run both sweeps again")
            replicas = list(dict.fromkeys([*known["replicas"], *run["replicas"]]))
            runs[run["run"]] = {**known, "replicas": replicas}
        if differ:
            raise UserError(f"{first.name} and {plan.name} cannot be drawn as one: {'; '.join(differ)}.")
    return Plan(
        name,
        command,
        written,
        tuple(runs.values()),
        tuple(dict.fromkeys(figure for plan in plans for figure in plan.figures)),
        tuple(dict.fromkeys(table for plan in plans for table in plan.tables)),
        tuple({one["run"]: one for plan in plans for one in plan.declined if one["run"] not in runs}.values()),
        first.reference,
        {task: margin for task, margin in margins.items() if margin is not None},
        first.strict,
        first.compare,
        looks,
        tuple(sorted({name for plan in plans for name in plan.user_estimators})),
    )


def together(results: ResultSet, others: ResultSet) -> ResultSet:
    """The rows and accounts of two result sets that have no run in common, under what the first one's plan declared.

    Args:
        results: the first.
        others: whose estimators of users are brought out as well.

    Returns:
        Both.

    Raises:
        RecordError: for a column that neither of them declares.
    """
    accounts = (*results.accounts, *others.accounts)
    declared = {name: one for account in accounts for name, one in account["measures"].items()}
    rows = schema.check(pd.concat([results.rows, others.rows], ignore_index=True), declared)
    users = dict.fromkeys([*results.plan.user_estimators, *others.plan.user_estimators])
    plan = replace(
        results.plan,
        user_estimators=tuple(users),
        default_rates={**results.plan.default_rates, **others.plan.default_rates},
        unsupported=(*results.plan.unsupported, *others.plan.unsupported),
    )
    return ResultSet(rows, accounts, {**results.missing, **others.missing}, plan)


def _tasks(plan: Plan) -> list[str]:
    """The tasks of a plan's runs, and those that it has margins for."""
    chosen = [run["configuration"].get("task") or {} for run in plan.runs]
    return list(dict.fromkeys([*(task["name"] for task in chosen if "name" in task), *plan.margins]))
