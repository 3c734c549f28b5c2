"""One run: finds what is recorded, trains what is missing, block by block, and records it."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from tensorflow.errors import ResourceExhaustedError

from results.records.account import Account
from results.records.store import Store
from runners.configuration.run import Run
from runners.execution import block, loading, provenance, record_rows
from runners.execution.outcome import Outcome
from runners.execution.parallel import default_parallel_blocks, train_in_parallel
from runners.execution.progress import Progress
from runners.planning import estimator_sources, identity, observing, sources
from runners.planning.identity import PlannedRun, identify
from runners.training import programs, trainer
from steeplechase import schedules
from steeplechase.errors import Unsupported, UserError


def execute(run: Run, report: Callable[[int, int, float], None], expected: tuple[str, str] | None = None) -> Outcome:
    """Trains and records the replicas of this run that are not recorded yet.

    expected: the name and the fingerprint that the caller found for this run. A process that finds others may have
    loaded code or data that changed since, and trains nothing.

    report(replica-steps done, of how many, seconds of training so far) is called after every chunk. A mistake, a full
    disk or a failing program ends this run alone: it is told in the outcome's `error`.
    """
    started = time.perf_counter()
    observing.begin()
    for name in identity.estimators(run):
        if estimator_sources.unobserved([name]) and observing.observed():
            loading.enter(name)
    wanted = identify(run)
    outcome = Outcome(wanted.name, run.words, len(wanted.ids))
    store = Store(run.store)
    try:
        if expected and expected != (wanted.name, wanted.fingerprint):
            raise UserError("code or data changed while the sweep was under way: run it again.")
        store.make_writable()
        _execute(wanted, store, outcome, report)
    except (UserError, OSError) as error:
        outcome.error = str(error)
    outcome.seconds = time.perf_counter() - started
    return outcome


def _execute(wanted: PlannedRun, store: Store, outcome: Outcome, report) -> None:
    run = wanted.run

    def damaged(path, fault):
        aside = store.set_aside(path)
        outcome.remarks.append(
            f"{path.name} does not count: {fault}; it is set aside as {aside.name}, and what it held is trained"
        )

    done = store.done(wanted.name, wanted.fingerprint, damaged, wanted.covers)
    missing = [i for i, name in enumerate(wanted.ids) if name not in done]
    outcome.found = len(wanted.ids) - len(missing)
    if not missing:
        return

    for name in identity.estimators(run):
        loading.enter(name)
    try:
        described = json.dumps(dict(run.program), sort_keys=True)
        task, program = programs.build(described, len(run.replicas))
        outcome.remarks.extend(task.remarks)
    except Unsupported as declined:
        outcome.declined = str(declined)
        store.decline(wanted.name, wanted.fingerprint, outcome.declined)
        return
    if task.checksum != identity.configuration(run).get("data", ""):
        raise UserError(
            "the data changed while the sweep was under way: nothing of this run is recorded; run it again."
        )
    latent = program.hard.weights is not None
    for page, prefix in ((program.hard.activations, "estimator."), (program.hard.weights, "estimator_weights.")):
        for values in run.replicas if page else ():
            own = {name.removeprefix(prefix): value for name, value in values.items() if name.startswith(prefix)}
            for numbers in schedules.combinations(own):
                page.check(**numbers)
    numbers = programs.numbers_of_weights(program, run.program)
    seats = {i: block.replica_of(run.replicas[i], numbers, run.program["normalize"]) for i in missing}
    steps, rows = run.program["steps"], run.program["rows"]
    surroundings = provenance.surroundings(run.program["device"])
    progress = Progress(report, len(missing) * steps)

    def sit(group, lane, sharing):
        """Trains a block in this lane, while `sharing` blocks are trained; returns what becomes of it."""
        began = provenance.now()
        heart = trainer.trainer(replace(program, block=size, scheduled=seats[group[0]].scheduled), lane)
        heart.sharing = sharing
        values, ids = [run.replicas[i] for i in group], [wanted.ids[i] for i in group]
        kept = store.kept(wanted.name, wanted.fingerprint, ids, size, outcome.remarks.append)

        def tell(step):
            progress.tell(group[0], len(group) * step, heart.train_s)

        measures, paces = block.train(heart, [seats[i] for i in group], steps, rows, kept, run.checkpoint, tell)
        table = record_rows.table(
            values,
            ids,
            measures,
            record_rows.constant_columns(wanted, latent),
            task,
            block.recorded(steps, rows),
            heart.program.block,
        )
        info = {
            **surroundings,
            "tf32": program.tf32,
            **provenance.rates(paces, len(group), task.batch, task.flops, surroundings["matrix_product_flops"]),
            "run": wanted.name,
            "fingerprint": wanted.fingerprint,
            "sources": wanted.covers,
            "configuration": identity.configuration(run),
            "replicas": ids,
            "labels": {
                "task": task.label,
                "estimator": program.hard.activations.label,
                "optimizer": run.program["optimizer"]["name"],
            },
            "control": program.hard.activations.trait("peak") == 0,
            "measures": {name: measure.described() for name, measure in task.measures.items()},
            "selects": task.selects,
            "reports": task.reports,
            "target": list(task.target),
            "optimum": task.optimum,
            "parameters": sum(math.prod(shape) for shape in task.sizes.values()),
            "flops_per_step": task.flops,
            "block": heart.program.block,
            "lanes": sharing,
            "compile_s": heart.compile_s,
            "train_s": heart.train_s,
            "judge_s": heart.judge_s,
            "peak_memory_bytes": provenance.peak_memory_bytes(),
            "started": began,
            "ended": provenance.now(),
        }
        info = vars(Account(**info))  # which refuses a key that nobody knows, and one that is left out
        spent = {clock: getattr(heart, clock) - heart.before[clock] for clock in heart.before}
        return group, table, info, kept, spent

    def settle(group, table, info, kept, spent):
        """Writes a trained block down, if it is what identity says."""
        unknown = used_beyond(wanted)
        if unknown:
            trainer.release()  # or the next run would take what was traced through it, and nobody would see
            programs.release()
            raise UserError(unknown)
        store.write(wanted.name, wanted.fingerprint, table, info)
        kept.discard()
        outcome.trained += len(info["replicas"])
        outcome.resumed += len(info["replicas"]) if kept.resumed else 0
        outcome.diverged += int((~table.groupby("replica")["diverged"].last().isna()).sum())
        for clock, seconds in spent.items():
            setattr(outcome, clock, getattr(outcome, clock) + seconds)
        outcome.memory_bytes = info["peak_memory_bytes"]
        for i in group:
            del seats[i]

    size = program.block
    while seats:
        try:
            for trained in train_in_parallel(
                _blocks(seats, size), run.lanes or default_parallel_blocks(run.program["device"]), sit
            ):
                settle(*trained)
        except ResourceExhaustedError:
            if size == 1:
                raise
            size //= 2
            trainer.release()
            outcome.remarks.append(f"a block of {2 * size} replicas was too much for the memory: {size} are trained")


def used_beyond(wanted: PlannedRun) -> str:
    """What this process has used for the run and its identity does not cover, in one sentence; "" where there is none,
    and in a process that is not observed (runners/planning/observing.py)."""
    if not observing.observed():
        return ""
    known = {path.resolve() for path in identity.files(wanted.run).values()}
    beyond = sorted(sources.label(path) for path in observing.ran() - known)
    if beyond:
        return (
            f"this run used {beyond[0]}, which its identity does not cover, because no file of it imports that by a "
            "written name: nothing is recorded; import it so that it can be seen."
        )
    for path in sorted(observing.readers() & known):
        for said, value in observing.reads([path]).items():
            if wanted.covers.get(said) != value:
                return (
                    f"{said}, which was not seen when the run was planned: nothing is recorded; read it where the page "
                    "is loaded, or write the value into the page."
                )
    return ""


def _blocks(seats: Mapping[int, Any], size: int) -> list[list[int]]:
    """The replicas to train as blocks; those with schedules apart, since their program is another one."""
    kinds = [[i for i, seat in seats.items() if seat.scheduled is kind] for kind in (False, True)]
    return [kind[at : at + size] for kind in kinds for at in range(0, len(kind), size)]
