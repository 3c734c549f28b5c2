"""What was handed to a cluster: which runs each job trains, and what it answered.

    STORE/cluster/NAME/jobs.json         the jobs of a submission, each with its runs; sealed
    STORE/cluster/NAME/answer-000K.json  what became of the runs of job K, from 0; sealed
    STORE/cluster/NAME/queue/            what the cluster is given and writes: the script, the logs

A submission is written before it is handed over, under a name that its jobs have on the cluster: so a command that was
killed in between, and is started again, asks the cluster by that name whether the jobs are there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from results.records import sealed
from results.records.inventory import Place
from results.records.store import Store

VERSION = 1
FOLDER = "cluster"


@dataclass(frozen=True)
class Submission:
    """Jobs that were handed to a cluster together.

    Attributes:
        name: of the jobs on the cluster, and of the folder.
        written: when, UTC.
        jobs: of each the runs that it trains, in their order.
    """

    name: str
    written: str
    jobs: tuple[tuple[Place, ...], ...]

    def answered(self, store: Store, number: int) -> Mapping[str, Any] | None:
        """What a job has answered.

        Args:
            store: that has the submission.
            number: of the job, from 0.

        Returns:
            `outcomes`, a mapping each; or `lost`, why there is and will be none; None where it has not answered yet.

        Raises:
            StoreError: where the folder cannot be read.
        """
        try:
            said = sealed.parsed(sealed.read(self._answer(store, number)), VERSION, "an answer")
        except FileNotFoundError:
            return None
        except sealed.Damaged as fault:
            return {"lost": f"its answer {fault}"}
        whole = {run for run, _ in self.jobs[number]} == {of.get("run") for of in said.get("outcomes", ())}
        return said if whole or "lost" in said else {"lost": "its answer is not of all its runs"}

    def answer(self, store: Store, number: int, what: Mapping[str, Any]) -> None:
        """Writes a job's answer; one that is there stays.

        Args:
            store: that has the submission.
            number: of the job, from 0.
            what: as `answered` returns it.

        Raises:
            OSError: where it cannot be written.
        """
        sealed.publish(self._answer(store, number), sealed.text({"schema": VERSION, **what}))

    def queue(self, store: Store) -> Path:
        """Where the cluster's script and logs are.

        Args:
            store: that has the submission.

        Returns:
            The folder.
        """
        return _folder(store) / self.name / "queue"

    def _answer(self, store: Store, number: int) -> Path:
        return _folder(store) / self.name / f"answer-{number:04d}.json"


def write(store: Store, name: str, written: str, jobs: Sequence[Sequence[Place]]) -> Submission:
    """Writes a submission down, before it is handed over.

    Args:
        store: that the jobs write to.
        name: that nobody else gives.
        written: when, UTC.
        jobs: of each the runs that it trains.

    Returns:
        The submission.

    Raises:
        StoreError: for what cannot be a name.
        OSError: where it cannot be written.
    """
    path = _folder(store) / sealed.named("submission", name) / "jobs.json"
    path.parent.mkdir(parents=True)
    own = [[list(place) for place in job] for job in jobs]
    sealed.publish(path, sealed.text({"schema": VERSION, "name": name, "written": written, "jobs": own}))
    return Submission(name, written, tuple(tuple(job) for job in jobs))


def listed(store: Store) -> list[Submission]:
    """All submissions of a store.

    Args:
        store: that has them.

    Returns:
        The submissions, by name. One that is damaged, or was never written whole, was not handed over, or its runs are
        locked by the jobs that train them: it is left out.

    Raises:
        StoreError: where the folder cannot be read.
    """
    found = []
    for folder in sealed.listed(_folder(store), folders=True):
        try:
            said = sealed.parsed(sealed.read(folder / "jobs.json"), VERSION, "a submission")
            jobs = tuple(tuple((str(run), str(fingerprint)) for run, fingerprint in job) for job in said["jobs"])
            found.append(Submission(folder.name, str(said["written"]), jobs))
        except (FileNotFoundError, sealed.Damaged, KeyError, TypeError, ValueError):
            continue
    return found


def _folder(store: Store) -> Path:
    return store.root / FOLDER
