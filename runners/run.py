"""One run: finds what is recorded, trains what is missing, block by block, and records it."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from results.store import Store
from runners import identity, observing, pages, sources
from runners.config import Run
from runners.lanes import count, side_by_side
from runners.progress import Progress
from steeplechase import schedules
from steeplechase.errors import Unsupported, UserError


@dataclass
class Outcome:
    """What became of a run. `error` is empty where all its replicas are recorded."""

    run: str
    words: tuple[str, str, str]
    wanted: int
    found: int = 0  # replicas that were recorded before
    trained: int = 0
    resumed: int = 0  # replicas that went on from a saved state
    diverged: int = 0
    seconds: float = 0.0
    compile_s: float = 0.0
    train_s: float = 0.0
    judge_s: float = 0.0
    memory_bytes: int = 0
    error: str = ""
    declined: str = ""  # why there can be no such run
    remarks: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Wanted:
    """A run with its identity: names, ids in the order of its replicas, and what is recorded already."""

    run: Run
    name: str
    program_hash: str
    fingerprint: str
    covers: dict[str, str]
    ids: tuple[str, ...]

    @property
    def plan(self) -> dict[str, Any]:
        """This run's part of a plan."""
        return {
            "run": self.name,
            "fingerprint": self.fingerprint,
            "sources": self.covers,
            "configuration": identity.configuration(self.run),
            "replicas": list(self.ids),
        }


def identify(run: Run) -> Wanted:
    """Decides what would count as this run's records. Imports no TensorFlow. Raises UserError."""
    name, program_hash = identity.program(run)
    fingerprint, covers = identity.fingerprint(run)
    ids = tuple(identity.replica(program_hash, values) for values in run.replicas)
    return Wanted(run, name, program_hash, fingerprint, covers, ids)


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
        if pages.unobserved([name]) and observing.observed():
            pages.enter(name)
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


def _execute(wanted: Wanted, store: Store, outcome: Outcome, report) -> None:
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

    from tensorflow.errors import ResourceExhaustedError  # TensorFlow from here on

    from runners import block, building, provenance, trainer

    for name in identity.estimators(run):
        pages.enter(name)
    try:
        described = json.dumps(dict(run.program), sort_keys=True)
        task, program = building.build(described, len(run.replicas))
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
    numbers = building.numbers_of_weights(program, run.program)
    seats = {i: block.seat(run.replicas[i], numbers, run.program["normalize"]) for i in missing}
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
        table = block.table(
            values, ids, measures, _columns(wanted, latent), task, block.recorded(steps, rows), heart.program.block
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
            "measures": {name: vars(measure) for name, measure in task.measures.items()},
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
        spent = {clock: getattr(heart, clock) - heart.before[clock] for clock in heart.before}
        return group, table, info, kept, spent

    def settle(group, table, info, kept, spent):
        """Writes a trained block down, if it is what identity says."""
        unknown = used_beyond(wanted)
        if unknown:
            trainer.release()  # or the next run would take what was traced through it, and nobody would see
            building.release()
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
            for trained in side_by_side(_blocks(seats, size), run.lanes or count(run.program["device"]), sit):
                settle(*trained)
        except ResourceExhaustedError:
            if size == 1:
                raise
            size //= 2
            trainer.release()
            outcome.remarks.append(f"a block of {2 * size} replicas was too much for the memory: {size} are trained")


def used_beyond(wanted: Wanted) -> str:
    """What this process has used for the run and its identity does not cover, in one sentence; "" where there is none,
    and in a process that is not observed (runners/observing.py)."""
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


def _columns(wanted: Wanted, latent: bool) -> dict[str, Any]:
    program = identity.configuration(wanted.run)
    weights = program["estimator_weights"] or program["estimator"]
    columns = {
        "run": wanted.name,
        "task": program["task"]["name"],
        "estimator": program["estimator"]["name"],
        "estimator_weights": weights["name"] if latent else None,
        "optimizer": program["optimizer"]["name"],
        "data": program["task"].get("data"),
        **{name: program[name] for name in ("forward", "at_zero", "normalize", "precision", "device")},
    }
    for group in ("task", "optimizer"):
        for name, value in program[group].items():
            if name not in ("name", "data") and value is not None:
                columns[f"{group}.{name}"] = json.dumps(value) if isinstance(value, list) else value
    return columns
