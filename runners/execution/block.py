"""Trains one block from its start, or from where it was left, to its end, and makes the record's rows of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from results.records import schema
from results.records.checkpoint import Checkpoint
from runners.configuration.run import ReplicaValues, Run, Values
from runners.training.programs import Program, Replica
from runners.training.trainer import Trainer
from steeplechase import schedules
from steeplechase.errors import UserError
from tasks.base import Task

FIRST = 200  # steps of a training whose speed is not known yet
SHARE = 0.02  # of the time of training, the most that saving its state may take


def recorded(steps: int, rows: int, keep: Sequence[int] = ()) -> list[int]:
    """The steps at which rows are taken.

    Args:
        steps: the length of the training, in updates.
        rows: how many rows there are after the start.
        keep: steps whose states are kept.

    Returns:
        0, and `rows` more up to the last, evenly spread; and those that are kept.
    """
    return [int(step) for step in np.unique([*np.round(np.linspace(0, steps, rows + 1)), *keep])]


def check_parameters(run: Run, program: Program) -> None:
    """Refuses values that an estimator cannot take at one of its sites, in any replica, at any time of a schedule.

    Args:
        run: the run, with all of its replicas.
        program: its program, built.

    Raises:
        UserError: as Surrogate.check; and where the slope would not be the derivative of a real function.
    """
    hard = program.hard
    given = {
        "/activations": [values.estimator for values in run.replicas],
        "/weights": [_at_weights(values, run) for values in run.replicas],
    }
    for site, settings in given.items():
        surrogate, function = hard.at(site), hard.function_at(site)
        if surrogate is None:
            continue
        for setting in settings:
            for numbers in schedules.combinations(setting):
                surrogate.check(**numbers)
                if function.exact and {**surrogate.parameters, **numbers} != surrogate.parameters:
                    raise UserError(
                        f"{surrogate.name} is the derivative of {function.name} with its defaults alone: leave its "
                        "parameters out."
                    )


def replica_of(values: ReplicaValues, run: Run, program: Program) -> Replica:
    """A replica of the trainer from a run's.

    Args:
        values: the replica's, in the run.
        run: the run.
        program: its program, built. Hard weights with latent ones take the numbers of the estimator that is chosen for
            them, else those of the activations'.

    Returns:
        The trainer's replica.

    Raises:
        UserError: for a width that cannot be (Hard.stretches).
    """
    described, weights = run.program, _at_weights(values, run)
    hard, spreads = program.hard, program.task.spreads
    return Replica(
        seed=values.seed,
        learning_rate=decayed(values.learning_rate, described["decay"]),
        activations=values.estimator,
        weights=weights if hard.weights is not None else {},
        optimizer=values.optimizer,
        normalize=described["normalize"],
        stretch=hard.stretches(values.width, spreads, values.estimator, weights),
        draw=run.draw(values),
    )


def _at_weights(values: ReplicaValues, run: Run) -> Values:
    """The numbers of the estimator at hard weights: its own where one is chosen for them."""
    return values.estimator_weights if run.program["estimator_weights"] else values.estimator


def decayed(rate: float | Mapping[str, Any], decay: str) -> float | Mapping[str, Any]:
    """The learning rate as it is trained with.

    Args:
        rate: as it was given. A schedule is taken as it is.
        decay: the shape of the schedule that takes a number to 0 over the training; `constant`: it stays.

    Returns:
        A number or a schedule.
    """
    if isinstance(rate, Mapping) or decay == "constant":
        return rate
    return {"shape": decay, "from": rate, "to": 0.0}


def train(
    trainer: Trainer,
    replicas: Sequence[Replica],
    steps: int,
    rows: int,
    checkpoint: Checkpoint,
    checkpoint_interval: float,
    report: Callable[[int], None],
    keep: Sequence[int] = (),
) -> tuple[dict[str, np.ndarray], list[float], dict[str, np.ndarray]]:
    """Trains a block to its end, from its start or from where it was saved.

    Args:
        trainer: of the block's program.
        replicas: at most a block of them.
        steps: the length of the training, in updates.
        rows: how many rows are recorded after the start.
        checkpoint: where the state is saved, and looked for at the start; numbers do not depend on when it was saved.
        checkpoint_interval: seconds after which it is saved, also between two rows; later where saving itself takes
            long (SHARE). 0: after every row.
        report: report(steps done) is called after every row, and whenever the training is looked at between two.
        keep: steps whose states are kept.

    Returns:
        (measures {name: [rows + 1, replicas]}, seconds per step of each chunk, states {STEP/NAME: [replicas, ...]}),
        with `train_s` among the measures.

    Raises:
        OSError: what `checkpoint` raises where it cannot be read or written.
        UserError: where the task measures what it does not declare.
    """
    marks = recorded(steps, rows, keep)
    history, seconds_per_step = _restore(trainer, replicas, steps, checkpoint)
    if not history:
        trainer.begin(replicas, steps)
        history, seconds_per_step = [_row(trainer, len(replicas), keep)], []
        check_declared(history[0], trainer.program.task)
    saving = Saving(checkpoint_interval)
    for mark in marks[len(history) :]:
        began, seconds = trainer.step, 0.0
        while trainer.step < mark:
            started, before = trainer.step, time.perf_counter()
            seconds += trainer.advance(saving.next_step(started, mark))
            saving.trained(trainer.step - started, time.perf_counter() - before)
            if trainer.step == mark:
                seconds_per_step.append(seconds / (mark - began))
                history.append(_row(trainer, len(replicas), keep))
            if saving.due and trainer.step < steps:
                saving.save(lambda: _save(trainer, history, seconds_per_step, checkpoint))
            report(trainer.step)
    states = {f"{mark}/{name}": a for mark, row in zip(marks, history, strict=True) for name, a in _states(row).items()}
    names = sorted({name for row in history for name in row if not name.startswith(_KEPT)})
    missing = np.full(len(replicas), np.nan)
    measures = {name: np.stack([row.get(name, missing) for row in history]) for name in names}
    return measures, seconds_per_step, states


class Saving:
    """When a training is interrupted to save its state: by the clock, which moves no number."""

    def __init__(self, interval: float):
        """interval: seconds after which it is saved; 0: after every row."""
        self._interval, self._wanted = interval, interval
        self._unsaved, self._per_step = 0.0, 0.0

    @property
    def due(self) -> bool:
        """Whether it is time to save."""
        return self._unsaved >= self._wanted

    def next_step(self, step: int, mark: int) -> int:
        """Up to which step training goes on before it is looked at again.

        Args:
            step: at which it is.
            mark: of the next row.

        Returns:
            A later step, at most the mark.
        """
        if not self._interval:
            return mark
        ahead = max(self._wanted - self._unsaved, self._interval / 10)
        return min(mark, step + (max(1, int(ahead / self._per_step)) if self._per_step else FIRST))

    def trained(self, steps: int, seconds: float) -> None:
        """Takes in how long steps took.

        Args:
            steps: how many.
            seconds: that they took.
        """
        self._unsaved += seconds
        self._per_step = seconds / steps

    def save(self, save: Callable[[], None]) -> None:
        """Has the state saved, and makes the next time late enough for it to cost no more than SHARE.

        Args:
            save: saves it.
        """
        started = time.perf_counter()
        save()
        self._unsaved = 0.0
        self._wanted = max(self._interval, (time.perf_counter() - started) / SHARE) if self._interval else 0.0


def check_declared(measures: Iterable[str], task: Task) -> None:
    """Refuses what a record has no column for, before anything is trained for it.

    Args:
        measures: the names of what was measured at the start.
        task: that measured it.

    Raises:
        UserError: for the first name that nobody declared.
    """
    for name in measures:
        if name not in schema.COLUMNS and name not in task.measures and not name.startswith((schema.SITE, _KEPT)):
            raise UserError(
                f"{task.name} measures '{name}', which it does not declare among its measures, and which is none "
                f"of {', '.join(schema.MEASURES)}."
            )


_KEPT = "kept/"  # of a row what is no measure: the state there


def _row(trainer, replicas, keep):
    states = {f"{_KEPT}{name}": array for name, array in trainer.snapshot().items()} if trainer.step in keep else {}
    return trainer.evaluate() | {"train_s": np.full(replicas, trainer.train_s / replicas)} | states


def _states(row):
    return {name.removeprefix(_KEPT): array for name, array in row.items() if name.startswith(_KEPT)}


def _save(trainer, history, seconds_per_step, checkpoint):
    state = {f"state/{name}": array for name, array in trainer.state().items()}
    rows = {f"history/{i}/{name}": array for i, row in enumerate(history) for name, array in row.items()}
    checkpoint.save({"seconds_per_step": np.array(seconds_per_step), **state, **rows})


def _restore(trainer, replicas, steps, checkpoint):
    """What is taken up of a state that was saved: a state that is not whole is trained again.

    Returns:
        (history, seconds per step) of the state, or two empty lists.
    """
    arrays = checkpoint.load()
    if arrays is None:
        return [], []
    trainer.restore(replicas, steps, {k.removeprefix("state/"): a for k, a in arrays.items() if k.startswith("state/")})
    history: list[dict] = []
    for name, array in arrays.items():
        if name.startswith("history/"):
            _, i, measure = name.split("/", 2)
            history.extend({} for _ in range(int(i) + 1 - len(history)))
            history[int(i)][measure] = array
    return history, list(arrays["seconds_per_step"])
