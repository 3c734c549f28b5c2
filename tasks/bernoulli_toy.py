"""The toy of drawn bits: each should be nearer to a number that is almost one half."""

from __future__ import annotations

import tensorflow as tf

from tasks import arguments
from tasks.base import Measure, Task
from tasks.drawn import mean_of


def bernoulli_toy(
    *, dim: int = 1, target: float = 0.45, start: float = 0.0, spread: float = 0.0, dtype: str = "float32"
) -> Task:
    """Minimise the mean over coordinates of E (b − target)², b ~ Bernoulli(σ(φ)), over the logits φ.

    The toy of REBAR (Tucker et al. 2017, arXiv:1703.07370: one coordinate, target 0.45) and RELAX (Grathwohl et al.
    2018, arXiv:1711.00123: target 0.499). For a target below one half b = 0 is better, but by 1 − 2·target alone: with
    p = σ(φ) the expected loss of a coordinate is target² + p·(1 − 2·target), and its gradient p·(1 − p)·(1 − 2·target).
    All coordinates share one objective: an estimator that asks for it is told nothing of a coordinate alone.

    Args:
        dim: coordinates, at least 1.
        target: above 0 and below 1, and not one half.
        start: where the logits start.
        spread: times N(0, 1) is added to it, with the replica's own chance; at least 0.
        dtype: of all tensors: `float32` or `float64`.

    Returns:
        The task. `expected_loss` is exact, `excess` is how far it is above the optimum, and what is reported; it has
        arrived at a hundredth of what equal probabilities have. `probability` is the mean of p.

    Raises:
        UserError: for arguments that make no task.
    """
    arguments.bernoulli_toy(dim=dim, target=target, start=start, spread=spread)
    costs = (target**2, (1 - target) ** 2)
    best, equal = min(costs), sum(costs) / 2

    def begin(chance, problem):
        return {"logits": tf.cast(start + spread * chance.normal([dim]), dtype)}

    def losses(parameters, batch, hard, chance, problem):
        drawn = hard(parameters["logits"], at="bits/activations")
        return tf.reduce_mean(tf.square(drawn - target)), {}

    def judge(parameters, hard, problem):
        p = tf.sigmoid(parameters["logits"])
        expected = tf.reduce_mean((1 - p) * costs[0] + p * costs[1])
        wrong = p if costs[0] < costs[1] else 1 - p
        excess = tf.reduce_mean(wrong) * abs(costs[1] - costs[0])
        return {"expected_loss": expected, "excess": excess, "probability": tf.reduce_mean(p)}

    return Task(
        name="bernoulli_toy",
        label=f"Bernoulli toy ({f'{dim} × ' if dim > 1 else ''}{target:g})",
        start=begin,
        loss=mean_of(losses),
        losses=losses,
        judge=judge,
        measures={
            "expected_loss": Measure("Expected loss", "1", "lower", (0.0, 1.0)),
            "excess": Measure("Expected loss above the optimum", "1", "lower", (0.0, 1.0)),
            "probability": Measure("Mean probability", "1", "", (0.0, 1.0)),
        },
        selects="expected_loss",
        reports="excess",
        target=("excess", (equal - best) / 100),
        sizes={"logits": (dim,)},
        flops=8.0 * dim,
        optimum=best,
        forwards=("bernoulli",),
    )
