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


def check(estimator: Surrogate) -> Iterator[tuple[str, str]]:
    """Each promise in words, and how the page breaks it, or "" where it keeps it."""
    return surrogate.check_all(estimator, CHECKS)


def require_contract(name: str) -> None:
    """Holds an estimator in a named file to the contract; one of ours or of a package is its authors' to test.

    Args:
        name: of an estimator that is loaded.

    Raises:
        UserError: with the file, the line and the first promise that is broken.
    """
    written = files().get(name)
    if written is None:
        return
    broken = next((fault for _, fault in check(estimators.registry[name]) if fault), "")
    if broken:
        whole = f"`python -m runners.contract {written.path.name}` shows all of it."
        raise UserError(f"{written.place} breaks the contract: {broken} {whole}")


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
