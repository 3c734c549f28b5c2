"""Runs that were planned by another process, maybe on another machine: trained here, if here they are the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from runners.configuration.run import Run
from runners.execution import worker
from runners.execution.outcome import Outcome
from runners.execution.progress import Bar
from runners.planning.identity import identify
from steeplechase.errors import UserError


@dataclass(frozen=True)
class ExpectedRun:
    """A run with the identity that its plan gave it.

    Attributes:
        run: what is to be run.
        name: of the run.
        fingerprint: of code and data.
    """

    run: Run
    name: str
    fingerprint: str


def train(runs: Sequence[ExpectedRun]) -> Iterator[Outcome]:
    """Trains runs one after the other, with progress.

    Args:
        runs: as they were planned.

    Yields:
        What became of each. One that another process trains is left to it.

    Raises:
        UserError: at the first run whose code or data are not what the plan was made by.
    """
    for number, expected in enumerate(runs, 1):
        run = expected.run
        worker.learn(run)
        planned = identify(run)
        if (planned.name, planned.fingerprint) != (expected.name, expected.fingerprint):
            raise UserError("code or data are not those that the plan was made by: make it again, by its command.")
        with Bar(run.names, f"{number}/{len(runs)}") as bar:
            yield worker.train(run, bar)
