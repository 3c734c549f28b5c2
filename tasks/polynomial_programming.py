"""Polynomial programming over drawn choices: each variable should be near a number that no choice has."""

from __future__ import annotations

import math

import tensorflow as tf

from tasks import arguments
from tasks.base import Measure, Task
from tasks.drawn import mean_of


def polynomial_programming(
    *,
    variables: int = 128,
    choices: int = 2,
    power: float = 2.0,
    target: float = 0.45,
    batch: int = 64,
    start: float = 0.01,
    dtype: str = "float32",
) -> Task:
    """Minimise E 1/L · Σ_i |X_i − target|^power over the logits of L variables, each one of K equally spaced values
    from 0 to 1 (Liu et al. 2023, arXiv:2304.08612: L = 128, K = 2, target 0.45, powers 1.5, 2 and 3, logits that start
    uniform in ±0.01).

    A step draws the variables `batch` times. Expected loss and optimum are closed forms: the variables are independent,
    and the best of each is the value that is nearest to the target. With two values and target 0.45 the expected loss
    starts at 0.354880, 0.2525 and 0.128750 for the three powers, and its optimum is 0.301869, 0.2025 and 0.091125.

    Args:
        variables: L, at least 1.
        choices: K, at least 2.
        power: a number of at least 1.
        target: from 0 to 1.
        batch: draws of a step, at least 1.
        start: the logits start uniform in ± this, a number of at least 0.
        dtype: of all tensors: `float32` or `float64`.

    Returns:
        The task. `expected_loss` is exact, `excess` is how far it is above the optimum, and what is reported; it has
        arrived at a hundredth of what equal probabilities have. `best_probability` is the mean probability of the value
        that is best.

    Raises:
        UserError: for arguments that make no task.
    """
    arguments.polynomial_programming(
        variables=variables, choices=choices, power=power, target=target, batch=batch, start=start
    )
    values = [k / (choices - 1) for k in range(choices)]
    costs = [abs(value - target) ** power for value in values]
    best, equal = min(costs), sum(costs) / choices

    def begin(chance, problem):
        return {"logits": tf.cast(start * (2 * chance.open_uniform([variables, choices]) - 1), dtype)}

    def losses(parameters, examples, hard, chance, problem):
        logits = tf.tile(parameters["logits"][None], [batch, 1, 1])
        x = tf.reduce_sum(hard(logits, at="variables/activations") * tf.constant(values, dtype), -1)
        return tf.reduce_mean(tf.abs(x - target) ** power, -1), {}

    def judge(parameters, hard, problem):
        p = tf.nn.softmax(parameters["logits"])
        above = tf.constant([cost - best for cost in costs], dtype)
        excess = tf.reduce_mean(tf.reduce_sum(p * above, -1))
        share = tf.reduce_mean(p[:, costs.index(best)])
        return {"expected_loss": best + excess, "excess": excess, "best_probability": share}

    return Task(
        name="polynomial_programming",
        label=f"Polynomial programming (power {power:g}, {choices} values)",
        start=begin,
        loss=mean_of(losses),
        losses=losses,
        judge=judge,
        measures={
            "expected_loss": Measure("Expected loss", "1", "lower", (0.0, math.inf)),
            "excess": Measure("Expected loss above the optimum", "1", "lower", (0.0, math.inf)),
            "best_probability": Measure("Probability of the best value", "1", "higher", (0.0, 1.0)),
        },
        selects="expected_loss",
        reports="excess",
        target=("excess", (equal - best) / 100),
        sizes={"logits": (variables, choices)},
        flops=12.0 * batch * variables * choices,
        optimum=best,
        forwards=("categorical",),
    )
