"""Quantized regression: its optimum against every choice tried in NumPy, and what training reaches of it."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

import tasks
from estimators.function import functions
from steeplechase.errors import UserError
from tests.helpers.tasks import problem_of

TASK, ROUND = tasks.registry["quantized_regression"], functions["round"]

# Of the instances from sines: the best of all 4⁸ choices, its loss, the next one's, that of rounded least squares, and
# how many choices are better than that. Known from another program than this one.
KNOWN = {
    "easy": ([0, 1, 1, 0, 1, -2, 1, 0], 0.174773, 0.196255, 0.196255, 1),
    "medium": ([0, 1, 1, -1, 1, -1, 1, 0], 0.250824, 0.257010, 0.406526, 29),
    "hard": ([0, 1, 1, 0, 1, -2, 1, 0], 0.168768, 0.204704, 0.911022, 121),
}


def value(x, *, at):
    return ROUND.value(x)


def every_loss(matrix, target, levels):
    """½·mean (A·q − b)² of every choice q, and the choices."""
    choices = np.array([*itertools.product(levels, repeat=matrix.shape[1])])
    return ((choices @ matrix.T - target) ** 2).mean(1) / 2, choices


def of_sines(correlation, size):
    """The equations, by their definition, element by element."""
    matrix = np.empty((24, 8))
    for i, j in itertools.product(range(1, 25), range(1, 9)):
        matrix[i - 1, j - 1] = np.sin(1.7 * i + 2.3 * j + 0.9 * i * j) + correlation * np.cos(2.7 * i)
    weights = [size * np.cos(1.3 * j * j) for j in range(1, 9)]
    return matrix, matrix @ weights + [0.3 * np.sin(5.1 * i) for i in range(1, 25)]


@pytest.mark.parametrize("instance, made", [("easy", (0, 1.6)), ("medium", (0.8, 1.2)), ("hard", (1.5, 1.6))])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_instances_have_their_known_optimum(instance, made, dtype):
    best, loss, following, rounded, better = KNOWN[instance]
    matrix, target = of_sines(*made)
    losses, choices = every_loss(matrix, target, (-2, -1, 0, 1))
    ordered = np.sort(losses)
    assert choices[losses.argmin()].tolist() == best
    np.testing.assert_allclose(ordered[:2], [loss, following], atol=5e-7)
    task = TASK(instance=instance, dtype=dtype)

    def judged(x):
        return task.judge({"x": tf.constant(x, dtype)}, value, {})

    there = judged(best)
    assert there["excess"] == there["wrong_weights"] == there["place"] == 0
    np.testing.assert_allclose(there["rounded_excess"], rounded - loss, atol=2e-6)
    np.testing.assert_allclose(task.loss({"x": tf.constant(best, dtype)}, (), value, None, {})[0], loss, atol=2e-6)
    least_squares = judged(np.linalg.lstsq(matrix, target, rcond=None)[0])
    np.testing.assert_allclose(least_squares["excess"], there["rounded_excess"], rtol=1e-4)
    assert least_squares["place"] == better
    worst = judged(choices[losses.argmax()])
    assert worst["place"] == len(losses) - 1 and float(worst["excess"]) == pytest.approx(
        ordered[-1] - ordered[0], rel=1e-4
    )


@pytest.mark.parametrize("levels", [(-2.0, -1.0, 0.0, 1.0), (-1.0, 0.0, 1.0), (-1.0, 1.0), (0.0, 1.0, 2.0, 3.0)])
def test_a_drawn_instance_has_the_optimum_of_all_choices(levels):
    """For the levels of any hard function, an odd number of weights among them; each draw with its own equations."""
    task = TASK(dim=5, equations=9, dtype="float64").for_levels(levels)
    problems = [problem_of(task, draw) for draw in range(3)]
    for problem in problems:
        losses, choices = every_loss(problem["matrix"].numpy(), problem["target"].numpy(), levels)
        np.testing.assert_array_equal(problem["best"], choices[losses.argmin()])
        rng = np.random.default_rng(0)
        for q in rng.choice(levels, [5, 5]):
            judged = task.judge({"x": tf.constant(q)}, lambda x, at: x, problem)
            excess = ((problem["matrix"] @ q[:, None])[:, 0] - problem["target"]).numpy()
            excess = (excess**2).mean() / 2 - losses.min()
            np.testing.assert_allclose(judged["excess"], excess, atol=1e-12)
            assert judged["place"] == (losses - losses.min() < excess - 1e-5).sum()
            assert judged["wrong_weights"] == np.mean(q != problem["best"])
    assert len({problem["matrix"].numpy().tobytes() for problem in problems}) == 3
    again = problem_of(task, 1)
    assert all((again[name].numpy() == problems[1][name].numpy()).all() for name in again)


def test_drawn_equations_have_the_law_that_is_stated():
    """Variance 1 + ρ², covariance ρ² of two columns, over 400 draws of 24 rows: within 5 standard errors."""
    task = TASK(correlation=0.8, noise=0.3)
    drawn = tf.vectorized_map(lambda draw: task.problem(key_stream(draw), draw), tf.range(400))
    matrix = drawn["matrix"].numpy().reshape(-1, 8).astype(np.float64)
    covariance = matrix.T @ matrix / len(matrix)
    wanted = np.eye(8) + 0.64
    error = np.sqrt((np.outer(np.diag(wanted), np.diag(wanted)) + wanted**2) / len(matrix))
    assert (np.abs(covariance - wanted) < 5 * error).all() and abs(matrix.mean()) < 5 * np.sqrt(0.77 / len(matrix))


def key_stream(draw):
    from steeplechase.random import Chance

    return Chance(tf.stack([tf.cast(draw, tf.uint32), tf.constant(7, tf.uint32)]))


def test_nothing_finite_is_reported_of_what_diverged():
    task = TASK(dim=4, equations=6)
    judged = task.judge({"x": tf.constant([0.1, np.nan, 1.0, 0.0])}, value, problem_of(task))
    assert np.isnan(judged["excess"]) and np.isnan(judged["place"]) and judged["wrong_weights"] > 0


@pytest.mark.parametrize(
    "change, said",
    [
        ({"dim": 1}, "task.dim is 1, but must be a whole number of at least 2"),
        ({"equations": 7}, "task.equations is 7, but must be a whole number of at least 8"),
        ({"correlation": -0.1}, "task.correlation is -0.1, but must be a finite number of at least 0"),
        ({"size": 0.0}, "task.size is 0.0, but must be a finite number above 0"),
        ({"noise": float("nan")}, "task.noise is nan"),
        ({"start": 0}, "task.start is 0, but must be a finite number above 0"),
        ({"instance": "harder"}, "did you mean 'hard'"),
        ({"instance": "easy", "dim": 6}, "task.instance is easy, which has 8 weights and 24 equations, not 6 and 24"),
    ],
)
def test_bad_arguments_are_one_sentence(change, said):
    with pytest.raises(UserError) as caught:
        TASK(**change)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_more_choices_than_are_tried_are_refused_for_the_levels_that_there_are():
    task = TASK(dim=10)
    assert task.for_levels((-1.0, 0.0, 1.0)).measures["place"].bounds == (0.0, 3.0**10)
    with pytest.raises(UserError, match="^10 weights of 4 levels each are 1,048,576 choices, but 262,144 are the most"):
        task.for_levels((-2.0, -1.0, 0.0, 1.0))
