"""The contract as runs hold an estimator to it: its own checks, and one that needs fresh interpreters."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import estimators
from estimators.contract import surrogate
from estimators.contract.numerics import ContractError
from estimators.surrogate import Surrogate
from runners.configuration.estimator_files import files
from runners.execution import fresh
from runners.planning import estimator_sources
from steeplechase.errors import UserError


def check(estimator: Surrogate) -> Iterator[surrogate.Check]:
    """Each promise, and how the page breaks it."""
    return surrogate.check_all(estimator, CHECKS)


def require_contract() -> list[str]:
    """Holds the estimators in named files to the contract; one of ours or of a package is its authors' to test. All of
    them are loaded.

    Returns:
        What of their form is not that of the book's pages, a sentence each: it moves no number.

    Raises:
        UserError: with every promise that is broken, of all files.
    """
    faults, remarks = [], []
    for name, written in files().items():
        broken = [promise for promise in check(estimators.registry[name]) if promise.fault]
        remarks += [f"{written.place}: {promise.fault}" for promise in broken if promise.form]
        wrong = [promise.fault for promise in broken if not promise.form]
        if wrong:
            faults.append(f"{written.place} breaks the contract: {' '.join(wrong)}")
    if faults:
        named = " ".join(page.path.name for page in files().values())
        raise UserError(f"{' '.join(faults)} `python -m runners.contract {named}` shows all of it.")
    return remarks


def same_in_fresh_interpreters(estimator: Surrogate) -> None:
    """Two fresh interpreters get the same slope: nothing is drawn, asked of the clock or left to order while it loads.

    A page that only computes, as far as its names say, cannot do otherwise, and is spared them.

    Raises:
        ContractError: where they get different ones.
    """
    if estimator_sources.known(estimator.name) and estimator_sources.may_read(estimator.name):
        first, second = (found[estimator.name] for found in fresh.slopes([estimator.name]))
        if first != second:
            raise ContractError(
                f"{estimator.name} has another slope in each interpreter: it draws or asks the clock as it loads."
            )


CHECKS: tuple[Callable[[Surrogate], None], ...] = (*surrogate.CHECKS, same_in_fresh_interpreters)
