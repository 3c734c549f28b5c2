"""The contract as runs hold estimators and tasks to it: the checks of the wings, and those that need a runner."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf

import estimators
from estimators.contract import surrogate
from estimators.function import as_hard_function
from estimators.surrogate import Surrogate
from results.records import schema
from runners.configuration import estimator_files, task_files
from runners.execution import fresh, loading
from runners.planning import estimator_sources
from runners.training import programs, step
from runners.training.gradient import gradient
from steeplechase.contract import Check, ContractError
from steeplechase.errors import UserError, first_line
from steeplechase.random import key
from tasks import contract as task_contract
from tasks.base import Task
from tasks.contract import Trial


def check(estimator: Surrogate) -> Iterator[Check]:
    """Each promise of an estimator, and how it is broken."""
    return surrogate.check_all(estimator, CHECKS)


def check_task(task: Task, precision: str = "float32") -> Iterator[Check]:
    """Each promise of a task, and how it is broken.

    Args:
        task: as its function returned it.
        precision: `float32` or `float64`.

    Returns:
        As tasks.contract.check_all.
    """
    return task_contract.check_all(trial_of(task, precision), TASK_CHECKS)


def trial_of(task: Task, precision: str = "float32") -> Trial:
    """A task with what it is held to the contract with: the first hard function that it is written for.

    Args:
        task: as its function returned it.
        precision: `float32` or `float64`.

    Returns:
        The trial.
    """
    function = as_hard_function(task.forwards[0])
    bounds = {name: column.bounds for name, column in schema.MEASURES.items()}
    return Trial(task, lambda x, at: function.value(x), bounds, precision)


def require_contract(described: Sequence[tuple[str, str]] = ()) -> list[str]:
    """Holds what named files have to the contract; what is ours or a package's is its authors' to test. All of it is
    loaded.

    Args:
        described: the tasks in such files, each as JSON, with its precision.

    Returns:
        What of their form is not that of the house, a sentence each: it moves no number.

    Raises:
        UserError: with every promise that is broken, of all files.
    """
    checked = [(page.place, list(check(estimators.registry[name]))) for name, page in estimator_files.files().items()]
    checked += [_checked(text, precision) for text, precision in described]
    remarks = [f"{place}: {one.fault}" for place, found in checked for one in found if one.fault and one.form]
    faults = []
    for place, found in checked:
        wrong = [one.fault for one in found if one.fault and not one.form]
        if wrong:
            faults.append(f"{place} breaks the contract: {' '.join(wrong)}")
    if faults:
        files = [page.path.name for page in estimator_files.files().values()]
        again = " ".join([*files, *(task.path.name for task in task_files.files().values())])
        raise UserError(f"{' '.join(faults)} `python -m runners.contract {again}` shows all of it.")
    return list(dict.fromkeys(remarks))


def _checked(text: str, precision: str) -> tuple[str, list[Check]]:
    """A task in a named file: where it stands, and what became of each promise."""
    page = task_files.find(json.loads(text)["name"])
    assert page is not None, "it is of a named file"
    return page.place, check_task_file(page, text, precision)


def check_task_file(file: task_files.TaskFile, text: str, precision: str = "float32") -> list[Check]:
    """Each promise of a task in a named file, and how it is broken.

    Args:
        file: as it was read.
        text: its name and its arguments, as JSON.
        precision: `float32`, `tf32` or `float64`.

    Returns:
        As check_task; one broken promise alone where it cannot even be made.
    """
    precision = "float32" if precision == "tf32" else precision
    try:
        task = programs.task_of(text, precision)
    except UserError as error:
        return [Check(MADE, str(error))]
    except (Exception, SystemExit) as error:  # a user's file can fail in any way: it is told with its place
        return [Check(MADE, f"{loading.place_of(error, file)}: {type(error).__name__}: {first_line(error)}")]
    if task.name != file.name:
        return [Check(MADE, f"{file.name} returns a Task whose name is {task.name}: give it the name of its file.")]
    if "data" in dict(file.arguments) and not task.checksum:
        return [Check(MADE, f"{file.name} takes data, but its Task has no checksum: give that of what was loaded.")]
    return list(check_task(task, precision))


MADE = "Its function makes a Task of its name."


def same_in_fresh_interpreters(estimator: Surrogate) -> None:
    """Two fresh interpreters get the same slope: nothing is drawn, asked of the clock or left to order while it loads.

    A page that only computes, as far as its names say, cannot do otherwise, and is spared them.

    Raises:
        ContractError: where they get different ones.
    """
    if estimator_sources.known(estimator.name) and estimator_sources.reads.may_read(estimator.name):
        first, second = (found[estimator.name] for found in fresh.slopes([estimator.name]))
        if first != second:
            raise ContractError(
                f"{estimator.name} has another slope in each interpreter: it draws or asks the clock as it loads."
            )


def compiles_for_several(trial: Trial) -> None:
    """Its first step can be compiled for several replicas at once.

    Raises:
        ContractError: with what TensorFlow says, where an operation cannot.
    """
    task, examples = trial.task, [tf.constant(array) for array in trial.task.examples]
    replicas = (tf.constant(np.stack([key(0), key(1)])), tf.constant([0, 1]))
    if not task.mapped:
        replicas = tuple(tensor[:1] for tensor in replicas)

    def begin(keys, draw):
        problem = step.problem(task, keys, draw)
        return problem, step.start(task, True, keys, problem)

    def first_step(keys, problem, parameters):
        batch = step.batch_of(examples, step.batch_indices(task, keys, tf.constant(0), problem))
        batch = tuple(tf.cast(array, trial.dtype) if array.dtype.is_floating else array for array in batch)
        gradients, loss, _ = gradient(
            task, parameters, batch, trial.hard, step.loss_stream(keys, tf.constant(0)), problem
        )
        judged = task.judge(parameters, trial.judged, problem)
        return gradients, loss, judged

    def compiled(function):
        mapped = lambda *elements: step.map_replicas(task, lambda each: function(*each), elements)  # noqa: E731
        return tf.function(mapped, jit_compile=True, autograph=False)

    try:  # in two programs, as it is trained: what draws numbers would be fused into all that uses them
        compiled(first_step)(replicas[0], *compiled(begin)(*replicas))
    except Exception as error:  # TensorFlow has many ways to say so, and says it last
        reason = (str(error).strip().splitlines() or ["no reason given"])[-1].strip()
        raise ContractError(
            f"{task.name} cannot be compiled for several replicas at once: {type(error).__name__}: {reason}"
        ) from None


CHECKS: tuple[Callable[[Surrogate], None], ...] = (*surrogate.CHECKS, same_in_fresh_interpreters)
TASK_CHECKS: tuple[Callable[[Trial], None], ...] = (*task_contract.CHECKS, compiles_for_several)
