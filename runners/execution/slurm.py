"""Has planned runs trained by jobs of SLURM: submits what is not there yet, waits, and has trained again what is lost.

What a job has done is known by its answer in the store, and whether it is still there by `squeue`, which is asked by
the name that its submission has. So the command that waits may be killed and started again: it submits nothing that is
queued, running or done. A job that has ended, or is not there, and has not answered is lost. No accounting is needed.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from results import wording
from results.records import locks, submissions
from results.records.inventory import Place
from results.records.store import Store
from results.records.submissions import Submission
from runners import command
from runners.configuration import named_files, shell_text
from runners.configuration.job_options import JobOptions
from runners.execution.expected import ExpectedRun
from runners.execution.outcome import Outcome
from runners.execution.pack import Pack, Train
from runners.execution.provenance import now
from runners.planning.plans import PlannedState
from steeplechase.errors import UserError

LARGEST_ARRAY = 1000  # jobs of one submission: SLURM's own bound is 1,001, unless a cluster has another
POLL = 1.0  # seconds between two looks for answers
ASKED = 10.0  # between two questions to SLURM
_QUIET = 30.0  # between two lines that say how far the jobs are
# The states, as squeue prints them, of jobs that will not go on by themselves.
_ENDED = {"BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED"}
_ENDED |= {"TIMEOUT", "REVOKED"}


@dataclass
class _Job:
    """A job that is waited for.

    Attributes:
        submission: that it is of.
        number: in the submission.
        states: of the runs of this sweep that it trains, by the place of each.
        attempts: how many jobs have trained these runs, with this one.
        missed: how often in a row SLURM had it no more.
        state: the last one that SLURM gave it.
    """

    submission: Submission
    number: int
    states: dict[Place, PlannedState]
    attempts: int = 1
    missed: int = 0
    state: str = "PENDING"

    @property
    def ended(self) -> bool:
        """Whether it will not go on by itself."""
        return self.state in _ENDED or self.state == "UNKNOWN"

    @property
    def name(self) -> str:
        """As it is printed."""
        return f"job {self.number} of {self.submission.name}"


@dataclass
class _Waiting:
    """What is waited for, and what has come."""

    store: Store
    options: JobOptions
    jobs: list[_Job] = field(default_factory=list)
    outcomes: dict[Place, Outcome] = field(default_factory=dict)


def train(states: Sequence[PlannedState], options: JobOptions, leave: bool) -> list[Outcome]:
    """Has planned runs trained by jobs.

    Args:
        states: of the runs.
        options: of the jobs.
        leave: whether to return once all is submitted, instead of waiting.

    Returns:
        What became of each run, in their order; with `leave`, which job it is left to.

    Raises:
        UserError: where SLURM is not there, does not take the jobs, or could not train what is asked for.
        KeyboardInterrupt: when it is stopped: the jobs stay.
    """
    _check(states, options)
    runs = {_place(state): state for state in states}
    waiting = _Waiting(Store(states[0].planned.run.store), options)
    waiting.jobs.extend(_adopted(waiting.store, runs))
    adopted = {place for job in waiting.jobs for place in job.states}
    if adopted:
        print(f"{wording.count(len(adopted), 'run')} queued or running already: nothing of it is submitted again.")
    ahead = [state for place, state in runs.items() if place not in adopted]
    size = options.runs_per_job
    waiting.jobs.extend(_submitted(waiting, [ahead[i : i + size] for i in range(0, len(ahead), size)]))
    if leave:
        return [_queued(waiting, place, state) for place, state in runs.items()]
    try:
        _wait(waiting)
    except KeyboardInterrupt:
        names = ",".join(sorted({job.submission.name for job in waiting.jobs}))
        command.say(f"the jobs stay in the queue; `scancel --name={names}` takes them out.")
        raise
    return [waiting.outcomes[place] for place in runs]


def _check(states: Sequence[PlannedState], options: JobOptions) -> None:
    """Refuses what no job could train. Raises UserError."""
    missing = [tool for tool in ("sbatch", "squeue", "srun") if not shutil.which(tool)]
    if missing:
        raise UserError(
            f"there is no {missing[0]} here: hydra/launcher=slurm is for a machine from which SLURM takes jobs."
        )
    if options.gpus_per_node and any(state.planned.run.program["device"] == "cpu" for state in states):
        raise UserError(
            f"hydra.launcher.gpus_per_node is {options.gpus_per_node}, but the runs are planned for a CPU, since this "
            "machine has no GPU: start the command on a node with one, or leave gpus_per_node away."
        )
    if options.signal_delay_s >= 60 * options.timeout_min:
        raise UserError(
            f"hydra.launcher.signal_delay_s is {options.signal_delay_s}, but a job has {options.timeout_min} min: it "
            "would be told to end before it has begun."
        )


def _place(state: PlannedState) -> Place:
    return state.planned.name, state.planned.fingerprint


def _adopted(store: Store, runs: dict[Place, PlannedState]) -> list[_Job]:
    """The jobs of former commands that train some of these runs, and are queued or running. Others are written off."""
    found = []
    for submission in submissions.listed(store):
        for number, places in enumerate(submission.jobs):
            mine = {place: runs[place] for place in places if place in runs}
            if mine and submission.answered(store, number) is None:
                found.append(_Job(submission, number, mine))
    if not found:
        return []
    there = None
    while there is None:
        there = states({job.submission.name for job in found})
        if there is None:
            time.sleep(ASKED)
    kept = []
    for job in found:
        job.state = there.get((job.submission.name, job.number), "UNKNOWN")
        if not job.ended or job.submission.answered(store, job.number):  # it may have answered in the meantime
            kept.append(job)
        else:
            job.submission.answer(store, job.number, {"lost": f"it had ended ({job.state}) before the sweep went on"})
    return kept


def _submitted(waiting: _Waiting, packs: Sequence[Sequence[PlannedState]], attempts: int = 1) -> list[_Job]:
    """Submits packs, a job each.

    Returns:
        The jobs.

    Raises:
        UserError: where SLURM does not take them.
    """
    found = []
    for i in range(0, len(packs), LARGEST_ARRAY):
        found.extend(_submitted_array(waiting, packs[i : i + LARGEST_ARRAY], attempts))
    return found


def _submitted_array(waiting: _Waiting, packs: Sequence[Sequence[PlannedState]], attempts: int) -> list[_Job]:
    import submitit
    from submitit.core.utils import FailedJobError

    store, options = waiting.store, waiting.options
    name = f"{options.name}-{secrets.token_hex(4)}"
    submission = submissions.write(store, name, now(), [[_place(state) for state in pack] for pack in packs])
    typed = shell_text.given()
    executor = submitit.AutoExecutor(
        submission.queue(store),
        cluster="slurm",
        slurm_max_num_timeout=options.max_num_timeout,
        slurm_python=typed.pop("python", None),
    )
    device = packs[0][0].planned.run.program["device"]
    executor.update_parameters(**parameters(options, name, device, typed))
    files = tuple(named_files.trained(whole=True))
    own = [
        Pack(submission, number, tuple(_expected(state, store) for state in pack), files)
        for number, pack in enumerate(packs)
    ]
    try:
        with _outside_of_jobs():
            executor.map_array(Train(), own)
    except (FailedJobError, OSError) as error:
        for number in range(len(packs)):
            submission.answer(store, number, {"lost": "SLURM did not take it"})
        said = " ".join(str(error).split())
        raise UserError(
            f"SLURM did not take the jobs: {said[said.find('sbatch:') :] if 'sbatch:' in said else said}"
        ) from None
    jobs = wording.count(len(packs), "job")
    print(f"Submitted {jobs} to SLURM as {name}, for {wording.count(sum(map(len, packs)), 'run')}.", flush=True)
    return [
        _Job(submission, number, {_place(state): state for state in pack}, attempts)
        for number, pack in enumerate(packs)
    ]


def parameters(options: JobOptions, name: str, device: str, typed: Mapping[str, Any]) -> dict[str, Any]:
    """What jobs are given.

    Args:
        options: of the jobs.
        name: of the submission.
        device: that the runs are planned for: `cpu` or `gpu`.
        typed: what the command says in shell's words (shell_text.given).

    Returns:
        By the names that submitit has for it.
    """
    gpus = options.gpus_per_node if options.gpus_per_node is not None else 1 if device == "gpu" else None
    given = {
        "name": name,
        "timeout_min": options.timeout_min,
        "mem_gb": options.mem_gb,
        "cpus_per_task": options.cpus_per_task,
        "gpus_per_node": gpus,
        "slurm_array_parallelism": options.array_parallelism,
        "slurm_signal_delay_s": options.signal_delay_s,
        **{f"slurm_{key}": getattr(options, key) for key in ("partition", "account", "qos", "constraint", "exclude")},
        "slurm_comment": options.comment,
    }
    besides = typed.get("additional_parameters", {})
    requeue = {} if {"no-requeue", "no_requeue"} & {*besides} else {"requeue": True}
    given["slurm_additional_parameters"] = requeue | besides
    given |= {
        f"slurm_{key}": [str(word) for word in words] for key, words in typed.items() if key in ("setup", "srun_args")
    }
    return {key: value for key, value in given.items() if value is not None}


def _expected(state: PlannedState, store: Store) -> ExpectedRun:
    """A planned run as a job is handed it, which runs in the folder of this command."""
    planned = state.planned
    return ExpectedRun(replace(planned.run, store=str(store.root)), planned.name, planned.fingerprint)


@contextlib.contextmanager
def _outside_of_jobs() -> Iterator[None]:
    """Where this command is in a job itself: what it was given is not what the jobs are given."""
    kept = ("SLURM_CONF", "SLURM_CLUSTERS")
    own = {key for key in os.environ if key.startswith(("SLURM_", "SLURMD_", "SRUN_", "SUBMITIT_")) and key not in kept}
    taken = {key: os.environ.pop(key) for key in own} if "SLURM_JOB_ID" in os.environ else {}
    try:
        yield
    finally:
        os.environ.update(taken)


def _queued(waiting: _Waiting, place: Place, state: PlannedState) -> Outcome:
    job = next(job for job in waiting.jobs if place in job.states)
    return Outcome(place[0], state.planned.run.names, len(state.planned.ids), state.done, queued=job.name)


def _wait(waiting: _Waiting) -> None:
    """Waits until each run has an outcome; has lost jobs submitted again.

    Raises:
        UserError: where SLURM does not take a job again.
    """
    asked, told = time.monotonic(), time.monotonic()
    while waiting.jobs:
        _collect(waiting)
        if time.monotonic() - asked >= ASKED:
            asked = time.monotonic()
            there = states({job.submission.name for job in waiting.jobs})
            if there is not None:
                _collect(waiting)  # what was answered before it was asked
                _replace_lost(waiting, there)
        if waiting.jobs and time.monotonic() - told >= _QUIET:
            told = time.monotonic()
            print(_progress(waiting), file=sys.stderr, flush=True)
        time.sleep(POLL if waiting.jobs else 0)


def _collect(waiting: _Waiting) -> None:
    """Takes what jobs have answered."""
    for job in list(waiting.jobs):
        answered = job.submission.answered(waiting.store, job.number)
        if answered is None or "lost" in answered:
            continue
        waiting.jobs.remove(job)
        outcomes = {said["run"]: Outcome(**{**said, "names": tuple(said["names"])}) for said in answered["outcomes"]}
        for place, state in job.states.items():
            outcome = outcomes[place[0]]
            if not (outcome.error or outcome.unsupported):
                outcome.trained = state.missing  # also what it had trained before it was begun anew
            waiting.outcomes[place] = outcome


def _replace_lost(waiting: _Waiting, there: dict[tuple[str, int], str]) -> None:
    """Submits again what has ended, by two questions in a row. there: the states of jobs, as `states` returns them."""
    lost = []
    for job in list(waiting.jobs):
        job.state = there.get((job.submission.name, job.number), job.state if job.ended else "UNKNOWN")
        job.missed = job.missed + 1 if job.ended else 0
        if job.missed >= 2:
            waiting.jobs.remove(job)
            job.submission.answer(waiting.store, job.number, {"lost": f"it ended ({job.state}) without an answer"})
            lost.append(job)
    for job in lost:
        log = f"SLURM calls it {job.state}; what it printed is in {job.submission.queue(waiting.store)}"
        if job.attempts <= waiting.options.lost_retries:
            command.say(f"{job.name} has ended without an answer, and is submitted again; {log}")
            waiting.jobs.extend(_submitted(waiting, [[*job.states.values()]], job.attempts + 1))
            continue
        why = f"the last of {job.attempts} jobs of SLURM, {job.name}, ended without an answer; {log}"
        for place, state in job.states.items():
            waiting.outcomes[place] = Outcome(place[0], state.planned.run.names, len(state.planned.ids), error=why)


def states(names: Collection[str]) -> dict[tuple[str, int], str] | None:
    """The states of the jobs that SLURM has, or had a moment ago.

    Args:
        names: of submissions.

    Returns:
        As SLURM calls them, by the submission's name and the job's number in it; None where SLURM does not answer,
        which is said.
    """
    line = ["squeue", "--me", "--array", "--noheader", "--states=all", f"--name={','.join(sorted(names))}"]
    line.append("--format=%j|%K|%T")
    try:
        said = subprocess.run(line, capture_output=True, check=True, encoding="utf-8", timeout=60).stdout
    except (subprocess.SubprocessError, OSError) as error:
        why = getattr(error, "stderr", "") or error
        command.say(f"squeue does not answer: {' '.join(str(why).split())}")
        return None
    rows = [row.split("|") for row in said.splitlines()]
    return {(name, int(number) if number.isdecimal() else 0): state for name, number, state in rows}


def _progress(waiting: _Waiting) -> str:
    """How far the jobs are, in one line."""
    states = Counter(job.state.lower() for job in waiting.jobs)
    done = total = 0
    for place in (place for job in waiting.jobs for place in job.states):
        holder = locks.holder(waiting.store.folder(*place))
        if holder and holder.total:
            done, total = done + holder.done, total + holder.total
    share = f"; runs under way are at {done / total:.0%}" if total else ""
    jobs = ", ".join(f"{number} {state}" for state, number in sorted(states.items()))
    return f"SLURM: {jobs}; {wording.count(len(waiting.outcomes), 'run')} done{share}"
