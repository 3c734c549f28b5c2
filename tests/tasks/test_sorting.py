"""Sorting against NumPy, its teacher, and what noise leaves of it."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

import tasks
from estimators.function import functions
from steeplechase.errors import UserError
from tests.helpers.tasks import problem_of


def value(x, *, at):
    return functions["step"].value(x)


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_against_numpy(noise):
    """Loss, accuracy and pairs at random keys, by ranks and Kendall's τ of scipy."""
    task = tasks.registry["sorting"](numbers=5, features=7, examples=60, noise=noise, dtype="float64")
    problem = problem_of(task, 3)
    w = np.random.default_rng(1).normal(0, 1, 7)
    loss, _ = task.loss({"w": tf.constant(w)}, (), value, None, problem)
    judged = task.judge({"w": tf.constant(w)}, value, problem)
    for part, got in (("train", loss), ("test", judged["test_loss"])):
        ranks = stats.rankdata(problem[f"{part}/x"].numpy() @ w, axis=1) - 1
        np.testing.assert_allclose(got, np.mean((ranks - problem[f"{part}/ranks"]) ** 2), rtol=1e-12)
    right = problem["test/ranks"].numpy()
    assert sorted(right[0]) == [0, 1, 2, 3, 4]
    np.testing.assert_allclose(judged["test_accuracy"], (ranks == right).all(1).mean())
    tau = [stats.kendalltau(*pair).statistic for pair in zip(ranks, right, strict=True)]
    np.testing.assert_allclose(judged["wrong_pairs"], (1 - np.mean(tau)) / 2, rtol=1e-9)


def test_the_teacher_sorts_without_a_mistake_where_there_is_no_noise():
    task = tasks.registry["sorting"](noise=0.0, examples=64, dtype="float64")
    problem = problem_of(task, 5)
    taught = {"w": 3 * problem["direction"][:, 0]}
    judged = task.judge(taught, value, problem)
    assert judged["test_accuracy"] == judged["validation_accuracy"] == judged["teacher_accuracy"] == 1
    assert judged["wrong_pairs"] == judged["test_loss"] == task.loss(taught, (), value, None, problem)[0] == 0


def test_noise_costs_the_teacher_what_two_keys_that_differ_little_make_of_it():
    """A pair is turned with probability arctan(noise)/π: over 12 draws of 256 lists within 4 standard errors."""
    task, noise = tasks.registry["sorting"](noise=0.2, dtype="float64"), 0.2
    problems = [problem_of(task, draw) for draw in range(12)]
    wrong = [task.judge({"w": p["direction"][:, 0]}, value, p)["wrong_pairs"].numpy() for p in problems]
    assert abs(np.mean(wrong) - np.arctan(noise) / np.pi) < 4 * stats.sem(wrong)
    assert np.ptp([float(p["direction"][0, 0]) for p in problems]) > 0.1, "each draw has keys of its own"


@pytest.mark.parametrize(
    "arguments, said",
    [
        ({"numbers": 1}, "task.numbers is 1, but must be a whole number of at least 2"),
        ({"noise": -0.1}, "task.noise is -0.1, but must be a finite number of at least 0"),
        ({"examples": 0}, "task.examples is 0"),
    ],
)
def test_what_makes_no_task_is_refused(arguments, said):
    with pytest.raises(UserError, match=said):
        tasks.registry["sorting"](**arguments)
