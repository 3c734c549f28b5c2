"""What a job of a cluster does: trains the runs of its pack, waits for those that others train, and answers.

A job may be killed at any moment and begun anew, on another node: what it recorded counts, and what it trained it goes
on with from its last checkpoint.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from multiprocessing import resource_tracker

from rich.console import Console

from results.records.store import Store
from results.records.submissions import Submission
from runners import answer
from runners.configuration import named_files, schema
from runners.execution import expected
from runners.execution.expected import ExpectedRun
from runners.execution.outcome import Outcome
from runners.execution.waiting import await_others
from steeplechase.errors import UserError


@dataclass(frozen=True)
class Pack:
    """The runs that one job trains.

    Attributes:
        submission: that the job is of.
        number: of the job in it, from 0.
        runs: in their order.
        files: the arguments that name the user's own files, with their paths.
    """

    submission: Submission
    number: int
    runs: tuple[ExpectedRun, ...]
    files: tuple[str, ...]


class Train:
    """`train(pack)` as submitit calls it: it can be put back into the queue."""

    def __call__(self, pack: Pack) -> None:
        for variable in (schema.SWEEP, answer.ANSWER, answer.PARENT):
            os.environ.pop(variable, None)  # of the command that submitted it, which it outlives
        _keep_what_cleans_up()
        if os.environ.get("SLURM_CPUS_PER_TASK"):  # where SLURM does not confine a job to its cores
            os.environ["OMP_NUM_THREADS"] = os.environ["SLURM_CPUS_PER_TASK"]
        store = Store(pack.runs[0].run.store)
        try:
            named_files.name_files(pack.files)
            outcomes = train(store, pack.runs)
        except UserError as error:
            outcomes = [Outcome(own.name, own.run.names, len(own.run.replicas), error=str(error)) for own in pack.runs]
        pack.submission.answer(store, pack.number, {"outcomes": [asdict(outcome) for outcome in outcomes]})
        for outcome in outcomes:
            print(f"{outcome.run}: {outcome.error or outcome.unsupported or 'recorded'}", flush=True)

    def checkpoint(self, pack: Pack):
        """Called where the job's time is nearly over, before it is put back into the queue.

        Args:
            pack: that it trains.

        Returns:
            What is called when it is begun anew: the same.
        """
        from submitit.core.utils import DelayedSubmission

        for process in multiprocessing.active_children():
            process.kill()  # what it trained since its last checkpoint is trained again
        return DelayedSubmission(self, pack)


def _keep_what_cleans_up() -> None:
    """Starts the process by which Python's multiprocessing cleans up, deaf to the signal at the end of a job's time.

    SLURM sends it to all processes of a job, and ends those that do not know it.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
    resource_tracker.ensure_running()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR2})


def train(store: Store, runs: Sequence[ExpectedRun]) -> list[Outcome]:
    """Trains runs, and waits for those that others train.

    Args:
        store: that they are recorded in.
        runs: as they were planned.

    Returns:
        What became of each, in their order.

    Raises:
        UserError: where code or data are not those of the plan.
    """

    def launch(numbers: Sequence[int]) -> list[Outcome]:
        return list(expected.train([runs[number] for number in numbers]))

    places = [(own.name, own.fingerprint) for own in runs]
    return await_others(Console(file=sys.stderr), store, places, launch(range(len(runs))), launch)
