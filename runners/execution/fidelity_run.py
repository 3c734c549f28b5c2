"""One run that measures fidelity: many calls of an estimator at the states of a training, held against the truth."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from estimators.surrogate import NORMALIZATIONS
from results.records import locks
from results.records.store import Store
from results.statistics.agreement import Agreement, Sums, agreement
from runners.configuration.run import ReplicaValues
from runners.execution import provenance, record_rows
from runners.execution.accounts import Accounts, Clocks
from runners.execution.outcome import Outcome
from runners.fidelity import calls
from runners.fidelity.averages import Average
from runners.fidelity.calls import Caller, CallSums, State
from runners.fidelity.next_step import stepper
from runners.planning import identity, references
from runners.planning.identity import PlannedRun, identify
from runners.training.asking import asked_sites, evaluations
from runners.training.probes import judgement
from runners.training.programs import Program, Replica
from steeplechase.errors import Unsupported, UserError
from steeplechase.random import key
from tasks.base import Task

KEPT = "truth"  # of a state the batch means of the reference gradient, [batches, size]


def measure(
    planned: PlannedRun,
    store: Store,
    outcome: Outcome,
    task: Task,
    program: Program,
    replicas: Mapping[int, Replica],
    report: Callable[[int, int, float], None],
    lock: locks.Lock,
    require_covered: Callable[[PlannedRun], None],
) -> None:
    """Measures and records the replicas of this run that are not recorded yet, one after another.

    Args:
        planned: the run, whose needed runs are recorded.
        store: that has them, and gets the records.
        outcome: in which it is told.
        task: that was built for it.
        program: likewise.
        replicas: those that are missing, by their index in the run.
        report: report(replica-steps done, of how many, seconds so far) is called after every state.
        lock: of the run.
        require_covered: raises UserError where this process has used what the run's identity does not cover.

    Raises:
        UserError: as require_covered, for numbers that are schedules, and where the states are not there.
        LostLock: where the lock is lost.
    """
    run, measured = planned.run, planned.run.program["fidelity"]
    average = None
    if references.averaged(measured):
        average = Average(measured["truth"], float(measured.get("smoothing", 0.0)))
        try:
            average.require(task, program.hard)
        except Unsupported as declined:
            outcome.record_unsupported(str(declined), store, planned.fingerprint, lock)
            return
    began, steps = provenance.now(), run.program["steps"]
    is_truth = measured["role"] == references.TRUTH
    given = average if is_truth else None
    own = calls.caller(task, program.hard, program.precision, program.device, average=given, of=measured["role"])
    steps_of = stepper(task, program) if average and not is_truth else None  # of networks that draw nothing
    needed = [(needed, *_states(needed, store)) for needed in references.needed(run)]
    judge = judgement(task, program.hard.values(task), 1, program.tf32)
    accounts = Accounts(planned, task, program, {})
    asked = evaluations(asked_sites(task, program.hard))
    total, spent = len(replicas) * len(measured["at"]), 0.0
    done = 0
    for i, replica in replicas.items():
        values, rows, kept, clocks = run.replicas[i], [], {}, np.zeros(3)
        for step in measured["at"]:
            trained = _of(values, needed[0])
            state = _state(task, program, replica, trained, step)
            started = time.perf_counter()
            judged = judge(
                {name: tf.reshape(p, [1, -1]) for name, p in state.parameters.items()},
                {name: tensor[None] for name, tensor in state.problem.items()},
            )
            row = {name: float(tensor.numpy()[0]) for name, tensor in judged.items()}
            clocks[2] += time.perf_counter() - started
            truth = None if is_truth else Sums.of_means(_of(values, needed[1])[f"{step}/{KEPT}"])
            reference = None if truth is None else truth.mean
            found = own.call(state, _numbers(replica, program), measured["calls"], measured["warm_up"], reference)
            row |= _row(found, own, truth, measured.get("delta"))
            if steps_of:
                before, progress = steps_of.loss(state), step / max(1, steps)
                own_numbers = replica.learning_rate, replica.optimizer, progress
                moved = steps_of.after(state, _optimizer(trained, step), *own_numbers, found.whole.mean)
                row |= {"full_loss": before, "step_change": steps_of.loss(moved) - before}
            if is_truth:
                kept[f"{step}/{KEPT}"] = found.whole.means[None]
            rows.append({**row, "evaluations": float(asked)})
            clocks += [found.compile_s, found.seconds, 0.0]
            spent, done = spent + found.seconds, done + 1
            report(done * max(1, steps), total * max(1, steps), spent)
        names = sorted({name for row in rows for name in row})
        measures = {name: np.array([[row.get(name, np.nan)] for row in rows]) for name in names}
        measures |= {"train_s": np.full([len(rows), 1], clocks[1]), "diverged": np.full([len(rows), 1], np.nan)}
        ids = [planned.ids[i]]
        table = record_rows.table(
            run,
            [values],
            ids,
            measures,
            record_rows.constant_columns(planned, latent=program.hard.weights is not None),
            task,
            measured["at"],
            1,
            asked,
        )
        per_call = max(1e-9, clocks[1]) / max(1, measured["calls"] * len(rows))
        compile_s, train_s, judge_s = map(float, clocks)
        account = accounts.account(ids, Clocks(compile_s, train_s, judge_s, began, [per_call]), 1)
        require_covered(planned)
        lock.require()
        store.write(planned.name, planned.fingerprint, table, account, kept or None)
        outcome.trained += 1
        outcome.spend(compile_s, train_s, judge_s)
        outcome.memory_bytes = account["peak_memory_bytes"]


def _states(needed, store: Store) -> tuple[PlannedRun, dict[str, dict[str, np.ndarray]]]:
    """A run that is needed, and by the ids of its replicas what it keeps."""
    planned = identify(needed)
    return planned, store.states_of(planned.name, planned.fingerprint, lambda *_: None, planned.covers)


def _of(values: ReplicaValues, needed) -> dict[str, np.ndarray]:
    """What the replica of a needed run keeps on which these values rest. Raises UserError where it is not there."""
    run, planned, kept = needed
    name = identity.replica(planned.program_hash, references.basis(values, run))
    if name not in kept:
        raise UserError(f"{planned.name}, on which this rests, keeps no states of seed {values.seed}: run it again.")
    return kept[name]


def _state(task: Task, program: Program, replica: Replica, states: Mapping[str, np.ndarray], step: int) -> State:
    prefix = f"{step}/"
    own = {name.removeprefix(prefix): array for name, array in states.items() if name.startswith(prefix)}
    parameters = {name: tf.constant(own[name].reshape(shape), program.precision) for name, shape in task.sizes.items()}
    problem = {n.removeprefix("problem/"): tf.constant(a) for n, a in own.items() if n.startswith("problem/")}
    return State(parameters, problem, tf.constant(key(replica.seed)), tf.constant(step))


def _optimizer(states: Mapping[str, np.ndarray], step: int) -> list[np.ndarray]:
    """The optimizer's variables of this step, in its own order."""
    prefix = f"{step}/optimizer/"
    own = {int(name.removeprefix(prefix)): array for name, array in states.items() if name.startswith(prefix)}
    return [own[i] for i in sorted(own)]


def _numbers(replica: Replica, program: Program) -> dict[str, Any]:
    """The replica's numbers as tensors. Raises UserError for schedules."""
    if any(name != "learning_rate" for name in replica.scheduled):
        raise UserError("a schedule has no one value to be measured at: give fidelity.calls numbers alone.")

    def constants(numbers):
        return {name: tf.constant(number, program.precision) for name, number in numbers.items()}

    numbers = {part: constants(getattr(replica, part)) for part in ("activations", "weights")}
    return {**numbers, "normalize": tf.constant(NORMALIZATIONS.index(replica.normalize), program.precision)}


def _row(sums: CallSums, caller: Caller, truth: Sums | None, delta: float | None) -> dict[str, float]:
    """What is recorded of the calls at one state."""
    whole = sums.whole
    row = {"calls": whole.calls, "train_loss": sums.loss, "gradient_norm": float(np.linalg.norm(whole.mean))}
    row["call_s"] = sums.seconds / whole.calls if sums.seconds else np.nan
    if truth is None or delta is None:
        alone = agreement(whole, whole, delta=1.0)
        return row | {"truth_norm": alone.truth, "truth_error": alone.truth_error}
    told = agreement(whole, truth, delta=delta, against=caller.against(truth.mean))
    row |= _columns(told) | {"call_cosine": sums.cosine}
    for name, part in caller.slices.items():
        of_part = _columns(agreement(sums.parts[name], Sums.of_means(truth.means[:, part]), delta=delta))
        row |= {f"site.{measure}.{name}": of_part[measure] for measure in ("bias_square", "variance", "cosine")}
    return row


def _columns(of: Agreement) -> dict[str, float]:
    """The columns of an agreement."""
    return {
        "truth_norm": of.truth,
        "truth_error": of.truth_error,
        "bias_square": of.square,
        "bias_square_se": of.square_error,
        "bias_bound": of.bound,
        "bias_p": of.p,
        "calls_needed": of.needed,
        "variance": of.variance,
        "cosine": of.cosine,
        "cosine_se": of.cosine_error,
    }
