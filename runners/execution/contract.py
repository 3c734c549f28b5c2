"""The contract as runs hold estimators and tasks to it: the checks of the wings, and those that need a runner."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf

import estimators
from estimators.contract import drawn, objectives, surrogate
from estimators.estimate import estimate
from estimators.expectation import Expectation
from estimators.function import as_hard_function
from estimators.laws import Law
from estimators.sampled import Sampled
from estimators.surrogate import Surrogate
from results.records import schema
from results.statistics import bias
from runners.configuration import estimator_files, task_files
from runners.execution import fresh, loading
from runners.fidelity.moments import moments
from runners.planning import estimator_sources
from runners.training import programs, step
from runners.training.gradient import gradient
from runners.training.hard_sites import Estimator
from steeplechase.contract import Check, ContractError
from steeplechase.errors import UserError, first_line
from steeplechase.random import key
from tasks import contract as task_contract
from tasks.base import Task
from tasks.contract import Trial

CALLS, DELTA = 100_000, 0.05  # of an estimator for drawn values, and what of the true gradient's length counts


def check(estimator: Estimator) -> Iterator[Check]:
    """Each promise of an estimator, of whatever kind, and how it is broken."""
    if isinstance(estimator, Surrogate):
        return surrogate.check_all(estimator, CHECKS)
    return drawn.check_all(estimator, DRAWN_CHECKS)


def mean_as_declared(estimator: drawn.Drawn) -> None:
    """Its mean over 100,000 calls is the true gradient of every objective, within 5 % of its length, where it says so;
    where it does not, it is another one; and of polynomials up to the degree that it says, it is the true one.

    Of random objectives of 6 bits and of 3 choices of 4, whose gradients are sums over all states.

    Raises:
        ContractError: with how far the mean is from what was promised.
    """
    for law in drawn.laws_of(estimator):
        event = objectives.EVENTS[law.name]
        degree = estimator.exact_to if isinstance(estimator, Sampled) else 0
        kinds = [(objectives.objective(law, event), isinstance(estimator, Expectation) and estimator.unbiased)]
        kinds += [(objectives.polynomial(law, event, degree), True)] if degree else []
        for values, exact in kinds:
            found = bias_of(estimator, law, values, CALLS, DELTA)
            if exact and found.verdict != bias.BELOW:
                raise ContractError(
                    f"{estimator.name} ({law.name}) has a mean that is off by {found.relative:.1%} of the true "
                    f"gradient, at most {found.bound:.1%}, and promises less than {DELTA:.0%}."
                )
            if not exact and found.verdict != bias.BIASED:
                raise ContractError(f"{estimator.name} ({law.name}) says that it is biased, and is not seen to be.")


def bias_of(
    estimator: drawn.Drawn, law: Law, values: Callable, calls: int, delta: float, **parameters: float
) -> bias.Bias:
    """What many calls say of the bias of an estimator, on one event with fixed logits.

    Args:
        estimator: of either kind.
        law: of what is drawn.
        values: the objective, of [..., event] the values [...].
        calls: how many at least.
        delta: what counts, as a share of the true gradient's length.
        **parameters: of the estimator, in place of the defaults.

    Returns:
        The verdict, and what it rests on. An estimator that promises a multiple of the gradient is held to that.
    """
    logits = np.random.default_rng(1).normal(size=objectives.EVENTS[law.name])
    at_states = values(tf.constant(law.all_states(tuple(logits.shape)))).numpy()
    truth = objectives.gradient(law, logits, at_states).ravel()
    if isinstance(estimator, Expectation):
        truth = truth * estimator.scale
    given = tf.constant(logits, tf.float32)
    found = moments(lambda stream: estimate(estimator, law, given, values, stream, **parameters), calls)
    return bias.bias(found.mean, found.covariance, found.calls, truth, delta=delta)


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
    checked = [(page.place, list(check(estimators.find(name)))) for name, page in estimator_files.files().items()]
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


DRAWN_CHECKS: tuple[Callable[[drawn.Drawn], None], ...] = (*drawn.CHECKS, mean_as_declared)
CHECKS: tuple[Callable[[Surrogate], None], ...] = (*surrogate.CHECKS, same_in_fresh_interpreters)
TASK_CHECKS: tuple[Callable[[Trial], None], ...] = (*task_contract.CHECKS, compiles_for_several)
