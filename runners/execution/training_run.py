"""One run: finds what is recorded, trains what is missing, block by block, and records it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from tensorflow.errors import OpError, ResourceExhaustedError

from estimators.digest import digest
from estimators.surrogate import Surrogate
from results.records import locks
from results.records.checkpoint import Checkpoint
from results.records.store import Store
from runners.configuration.run import Run
from runners.execution import block, fidelity_run, loading, provenance, record_rows
from runners.execution.accounts import Accounts, Clocks
from runners.execution.outcome import Outcome
from runners.execution.parallel import default_parallel_blocks, train_in_parallel
from runners.execution.progress import Progress
from runners.fidelity import calls, next_step
from runners.planning import estimator_sources, identity, observing, references, sources
from runners.planning.identity import PlannedRun, identify
from runners.training import programs
from runners.training import trainer as trainers
from runners.training.asking import asked_sites, evaluations
from runners.training.programs import Program, Replica
from steeplechase.errors import Unsupported, UserError
from tasks.base import Task

POLL = 0.5  # seconds between two looks at a run that another process has


def execute(run: Run, report: Callable[[int, int, float], None], expected: tuple[str, str] | None = None) -> Outcome:
    """Trains and records the replicas of this run that are not recorded yet.

    Args:
        run: to be trained.
        report: report(replica-steps done, of how many, seconds of training so far) is called after every chunk.
        expected: the name and the fingerprint that the caller found for this run. A process that finds others may have
            loaded code or data that changed since, and trains nothing. None: any will do.

    Returns:
        The outcome. What a user got wrong and a full disk end this run alone: they are told in its `error`.

    Raises:
        UserError: for a run that cannot be identified.
        Exception: that of a program that fails in any other way.
    """
    started = time.perf_counter()
    observing.begin()
    if observing.observed():
        for name in estimator_sources.reads.unobserved(identity.estimators(run)):
            loading.register(name)
    planned = identify(run)
    outcome = Outcome(planned.name, run.names, len(planned.ids))
    store = Store(run.store)
    try:
        if expected and expected != (planned.name, planned.fingerprint):
            raise UserError("code or data changed while the sweep was under way: run it again.")
        store.make_writable()
        found = locks.acquire(store.folder(planned.name, planned.fingerprint), {"run": planned.name})
        if isinstance(found, locks.Holder):
            outcome.held = found.name
        else:
            with found:
                _execute(planned, store, outcome, report, found)
    except locks.LostLock as lost:
        outcome.held = str(lost)
    except (UserError, OSError) as error:
        outcome.error = str(error)
    outcome.seconds = time.perf_counter() - started
    return outcome


def _execute(
    planned: PlannedRun, store: Store, outcome: Outcome, report: Callable[[int, int, float], None], lock: locks.Lock
) -> None:
    """The same of a run whose lock is held. Raises LostLock where it is lost."""
    run = planned.run
    missing = _missing(planned, store, outcome)
    if not missing:
        return
    for needed in references.needed(run):
        reason = _have(needed, store, outcome, report)
        if reason:
            outcome.record_unsupported(reason, store, planned.fingerprint, lock)
            return

    for name in identity.estimators(run):
        loading.register(name)
    loading.register_task(run.program["task"]["name"])
    try:
        described = json.dumps(dict(run.program), sort_keys=True)
        task, program = programs.build(described, len(run.replicas))
        outcome.remarks.extend(task.remarks)
    except programs.NotListed as declined:  # no record may say so: it is part of no identity
        outcome.unsupported = str(declined)
        return
    except Unsupported as declined:
        outcome.record_unsupported(str(declined), store, planned.fingerprint, lock)
        return
    if task.checksum != identity.configuration(run).get("data", ""):
        raise UserError(
            "the data changed while the sweep was under way: nothing of this run is recorded; run it again."
        )
    if run.seeds_per_draw > 1 and not task.problem:
        raise UserError(
            f"seeds_per_draw is {run.seeds_per_draw}, but all seeds meet one problem of {task.name}: leave it at 1."
        )
    require_covered(planned)  # what building the task has used: told now, and not after hours of training
    block.check_parameters(run, program)
    every = [block.replica_of(values, run, program) for values in run.replicas]
    replicas = {i: every[i] for i in missing}
    if references.measures_fidelity(run):
        fidelity_run.measure(planned, store, outcome, task, program, replicas, report, lock, require_covered)
        return
    _Training(planned, store, outcome, task, program, replicas, slopes(program, every), report, lock).train()


def _have(needed: Run, store: Store, outcome: Outcome, report: Callable[[int, int, float], None]) -> str:
    """Sees to it that a run is recorded on which another rests: whoever has it, it is waited for, else it is run here.

    Args:
        needed: the run.
        store: that has it then.
        outcome: of the run that rests on it, to which its seconds and remarks are added.
        report: as in `execute`.

    Returns:
        Why there can be no such run; "" where it is recorded.

    Raises:
        UserError: where it fails.
    """
    planned = identify(needed)
    damaged: list[tuple] = []
    store.states_of(planned.name, planned.fingerprint, lambda *fault: damaged.append(fault), planned.covers)
    for path, fault in damaged:
        outcome.remarks.append(f"{path.name} does not count: {fault}; it is set aside as {store.set_aside(path).name}")
    while True:
        own = execute(needed, report)
        outcome.spend(own.compile_s, own.train_s, own.judge_s)
        outcome.remarks.extend(own.remarks)
        if own.error:
            raise UserError(f"{own.run}, on which this rests, could not be run: {own.error}")
        if own.unsupported or not own.held:
            return own.unsupported
        watch = locks.Watch(store.folder(planned.name, planned.fingerprint))
        while watch.holder() is not None:
            time.sleep(POLL)


def _missing(planned: PlannedRun, store: Store, outcome: Outcome) -> list[int]:
    """Which replicas of the run are not recorded yet. Damaged records are set aside, with a remark."""

    def damaged(path, fault):
        aside = store.set_aside(path)
        outcome.remarks.append(
            f"{path.name} does not count: {fault}; it is set aside as {aside.name}, and what it held is trained"
        )

    done = store.done(planned.name, planned.fingerprint, damaged, planned.covers)
    missing = [i for i, name in enumerate(planned.ids) if name not in done]
    outcome.recorded = len(planned.ids) - len(missing)
    return missing


@dataclass(frozen=True)
class _TrainedBlock:
    """What a trained block leaves to be recorded.

    Attributes:
        indices: of its replicas in the run.
        table: its rows.
        account: what is recorded beside them.
        checkpoint: where its state was saved.
        seconds: by the name of a clock, those of this process alone.
        states: that were asked for (block.train).
    """

    indices: list[int]
    table: pd.DataFrame
    account: dict[str, Any]
    checkpoint: Checkpoint
    seconds: dict[str, float]
    states: dict[str, np.ndarray]


class _Training:
    """Trains replicas of a run block by block, several blocks at a time, and records each block once it is trained.

    Attributes:
        replicas: those that are still to be trained, by their index in the run.
    """

    def __init__(
        self,
        planned: PlannedRun,
        store: Store,
        outcome: Outcome,
        task: Task,
        program: Program,
        replicas: dict[int, Replica],
        slopes: dict[str, str],
        report: Callable[[int, int, float], None],
        lock: locks.Lock,
    ):
        run = planned.run
        steps, rows = run.program["steps"], run.program["record_points"]
        self.planned, self.store, self.outcome, self.lock = planned, store, outcome, lock
        self.task, self.program, self.replicas = task, program, replicas
        self.steps, self.rows = steps, rows

        def report_both(done: int, total: int, seconds: float) -> None:
            lock.report(done, total, seconds)
            report(done, total, seconds)

        self.progress = Progress(report_both, len(replicas) * steps)
        self.accounts = Accounts(planned, task, program, slopes)
        self.keep = tuple(run.program.get("keep", ()))

    def train(self) -> None:
        """Trains and records all replicas, in smaller blocks where the memory is too small, down to two.

        Raises:
            UserError: where the memory is too small for that.
            Exception: whatever else fails.
        """
        run, program = self.planned.run, self.program
        parallel = run.parallel_blocks or default_parallel_blocks(run.program["device"])
        size = program.block
        while self.replicas:
            try:
                blocks = _blocks(self.replicas, size)
                for trained in train_in_parallel(blocks, parallel, partial(self.train_block, size)):
                    self.record_block(trained)
            except ResourceExhaustedError:
                trainers.release()
                if size == 1:
                    raise UserError("one replica alone is too much for the memory.") from None
                if size == 2:  # a block of one is another program: nobody is given its numbers unasked
                    raise UserError(
                        "two replicas at a time are too much for the memory: block=1 trains one at a time, by another "
                        "program, whose numbers differ in their last digits."
                    ) from None
                self.outcome.remarks.append(
                    f"a block of {size} replicas was too much for the memory: {max(2, size // 2)} are trained"
                )
                size = max(2, size // 2)

    def train_block(self, size: int, indices: list[int], thread: int, sharing: int) -> _TrainedBlock:
        """Trains these replicas as a block of this size in this thread, while `sharing` blocks are trained."""
        planned, run, program = self.planned, self.planned.run, self.program
        began = provenance.now()
        replicas, ids = [self.replicas[i] for i in indices], [planned.ids[i] for i in indices]
        kind = {"scheduled": replicas[0].scheduled, "stretched": replicas[0].stretched}
        trainer = trainers.trainer(replace(program, block=size, **kind), thread)
        trainer.sharing = sharing
        remark, allowed = self.outcome.remarks.append, self.lock.require
        checkpoint = self.store.checkpoint(planned.name, planned.fingerprint, ids, size, remark, allowed)

        def report(step):
            self.progress.update(indices[0], len(indices) * step, trainer.train_s)

        measures, seconds_per_step, states = block.train(
            trainer, replicas, self.steps, self.rows, checkpoint, run.checkpoint, report, self.keep
        )
        table = record_rows.table(
            run,
            [run.replicas[i] for i in indices],
            ids,
            measures,
            record_rows.constant_columns(planned, latent=program.hard.weights is not None),
            self.task,
            block.recorded(self.steps, self.rows, self.keep),
            size,
            evaluations(asked_sites(self.task, program.hard)),
        )
        clocks = Clocks(trainer.compile_s, trainer.train_s, trainer.judge_s, began, seconds_per_step, sharing)
        account = self.accounts.account(ids, clocks, trainer.program.block)
        seconds = {clock: getattr(trainer, clock) - trainer.before[clock] for clock in trainer.before}
        return _TrainedBlock(indices, table, account, checkpoint, seconds, states)

    def record_block(self, trained: _TrainedBlock) -> None:
        """Writes a trained block down.

        Raises:
            UserError: where it used anything that the run's identity does not cover.
        """
        planned, outcome = self.planned, self.outcome
        require_covered(planned)
        self.lock.require()
        self.store.write(planned.name, planned.fingerprint, trained.table, trained.account, trained.states)
        trained.checkpoint.discard()
        outcome.trained += len(trained.indices)
        outcome.resumed += len(trained.indices) if trained.checkpoint.resumed else 0
        outcome.diverged += int((~trained.table.groupby("replica")["diverged"].last().isna()).sum())
        outcome.spend(**trained.seconds)
        outcome.memory_bytes = trained.account["peak_memory_bytes"]
        for i in trained.indices:
            del self.replicas[i]


def slopes(program: Program, replicas: Sequence[Replica]) -> dict[str, str]:
    """Which functions stand for derivatives in a run, so that tables know one function by several names.

    Args:
        program: the run's.
        replicas: all of the run.

    Returns:
        The digest of the slope (estimators/digest.py) of activations, and of weights where these are latent. Empty
        where replicas have different slopes, or a slope is scheduled, random, or no function of x alone.
    """
    hard, found = program.hard, {}
    for site in ("activations", "weights"):
        surrogate, settings = hard.at(f"/{site}"), [getattr(replica, site) for replica in replicas]
        if surrogate is None:
            continue
        if not isinstance(surrogate, Surrogate):
            return {}
        if any(own != settings[0] for own in settings) or any(isinstance(of, Mapping) for of in settings[0].values()):
            return {}
        function = hard.function_at(f"/{site}")
        scaled = "none" if function.exact else replicas[0].normalize
        try:
            # What a width makes as wide as asked is one function if it is one at a half-width of 1.
            stretched = replicas[0].stretch and surrogate.has_width and not function.exact
            wide = surrogate.half_width(**settings[0]) if stretched else None
            stretch = None if wide is None else 1 / wide
            learned = not function.exact and any(own.endswith(f"/{site}") for own in program.task.step_sizes)
            given = {"forward": function, "normalize": scaled, "stretch": stretch, "learned_step": learned}
            found[site] = digest(surrogate, **given, **settings[0])
        except (UserError, TypeError, ValueError, OpError):  # it is written for the run's precision alone
            return {}
    return found if all(found.values()) else {}


def require_covered(planned: PlannedRun) -> None:
    """Lets nothing be recorded where this process has used what a run's identity does not cover.

    Args:
        planned: the run.

    Raises:
        UserError: as `used_beyond` says it. What was traced is let go of, or the next run would take it, and nobody
            would see.
    """
    unknown = used_beyond(planned)
    if unknown:
        trainers.release()
        calls.release()
        next_step.release()
        programs.release()
        raise UserError(unknown)


def used_beyond(planned: PlannedRun) -> str:
    """What this process has used for a run and its identity does not cover.

    Args:
        planned: the run.

    Returns:
        One sentence; "" where there is none, and in a process that is not observed (runners/planning/observing.py).
    """
    if not observing.observed():
        return ""
    known = {path.resolve() for path in identity.files(planned.run).values()}
    beyond = sorted(sources.label(path) for path in observing.ran() - known)
    if beyond:
        return (
            f"this run used {beyond[0]}, which its identity does not cover, because no file of it imports that by a "
            "written name: nothing is recorded; import it so that it can be seen."
        )
    for path in sorted(observing.readers() & known):
        for said, value in observing.reads([path]).items():
            if planned.covers.get(said) != value:
                return (
                    f"{said}, which was not seen when the run was planned: nothing is recorded; read it where the page "
                    "is loaded, or write the value into the page."
                )
    return ""


def _blocks(replicas: Mapping[int, Replica], size: int) -> list[list[int]]:
    """The replicas to train as blocks, those apart whose program is another one."""
    kinds: dict[tuple, list[int]] = {}
    for i, replica in replicas.items():
        kinds.setdefault((replica.scheduled, replica.stretched), []).append(i)
    return [kinds[kind][at : at + size] for kind in sorted(kinds) for at in range(0, len(kinds[kind]), size)]
