"""Labels: each method apart and called as its plan says, equal labels of two estimators told apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from results.analysis import compared, lookup
from results.records.result_set import ResultSet
from steeplechase.errors import did_you_mean

KINDS = ("task", "estimator", "optimizer")


def labelled(results: ResultSet) -> ResultSet:
    """Results as tables and figures show them: each compared value a run (compared.apart), and every estimator with the
    label that its plan gives it. Bounds that are made with it keep theirs.

    Args:
        results: from `results.load` or a frozen table.

    Returns:
        The same rows; other accounts.
    """
    results = compared.apart(results)
    given = {name: str(of["label"]) for name, of in results.plan.looks.items() if "label" in of}
    if results.rows.empty:
        return results
    if given:
        single, estimators = lookup.single_slope_runs(results), _estimators(results)
        accounts = tuple(
            _called(account, estimator=given.get(estimators.get(account["run"], ""), ""))
            if account["run"] in single or not account.get("bound")
            else account
            for account in results.accounts
        )
        results = replace(results, accounts=accounts)
    return _distinct(results)


def relabelled(results: ResultSet, change: Callable[[str], str]) -> ResultSet:
    """Results whose labels of tasks, estimators, optimizers and methods are changed.

    Args:
        results: of `labelled`.
        change: gives the new label for one.

    Returns:
        The same where no label changes; equal labels of two estimators are told apart.
    """
    accounts = tuple(
        _called(account, **{kind: change(account["labels"].get(kind, "")) for kind in KINDS})
        for account in results.accounts
    )
    looks = {
        change(name): {**of, **({"label": change(of["label"])} if "label" in of else {})}
        for name, of in results.plan.looks.items()
    }
    if accounts == results.accounts and looks == results.plan.looks:
        return results
    return _distinct(replace(results, accounts=accounts, plan=replace(results.plan, looks=looks)))


def unknown_methods(results: ResultSet) -> list[str]:
    """What is said of a method that is given a look and that there is not: an estimator that was not run is none of
    these.

    Args:
        results: from `results.load` or a frozen table.

    Returns:
        A sentence each.
    """
    asked = lookup.method_looks(results.plan)
    if not asked or results.rows.empty:
        return []
    methods = {*lookup.methods(lookup.run_labels(labelled(results), renamed=False))}
    names = (name for name in asked if name not in methods)
    return [f"looks names '{name}', but no method is called so{did_you_mean(name, methods)}" for name in names]


def _called(account: Mapping[str, Any], **labels: str) -> Mapping[str, Any]:
    """The account with these labels in place of its own; an empty one changes nothing."""
    labels = {kind: label for kind, label in labels.items() if label}
    return {**account, "labels": {**account["labels"], **labels}} if labels else account


def _estimators(results: ResultSet) -> dict[str, str]:
    """The name of each run's estimator."""
    first = results.rows.drop_duplicates("run")
    return dict(zip(first["run"], first["estimator"], strict=True))


def _distinct(results: ResultSet) -> ResultSet:
    """The results with the name of the estimator behind a label that another estimator has as well."""
    estimators, names = _estimators(results), dict[str, set[str]]()
    for account in results.accounts:
        if not account.get("bound") and account["run"] in estimators:
            names.setdefault(account["labels"].get("estimator", ""), set()).add(estimators[account["run"]])
    several = {label for label, of in names.items() if label and len(of) > 1}
    if not several:
        return results
    accounts = tuple(
        _called(account, estimator=f"{account['labels']['estimator']} ({estimators[account['run']]})")
        if account["labels"].get("estimator") in several and account["run"] in estimators
        else account
        for account in results.accounts
    )
    return replace(results, accounts=accounts)
