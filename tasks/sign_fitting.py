"""Fit signs: the smallest task with a hard function, and the one that this project started from."""

import math

import numpy as np
import tensorflow as tf

from tasks import arguments
from tasks.base import Draw, Measure, Task

PARTS = ("train", "validation", "test")  # what trains, chooses and reports has rows of A of its own
SCALAR = {"x": "x", "y": "sign(x)", "gradient": "Gradient by x"}  # what the notebook prints, where x is a scalar


def sign_fitting(
    *,
    dim: int = 64,
    mixing: str = "gaussian",
    rows: int = 40,
    start: float | None = None,
    target: float | None = None,
    instance_seed: int | None = None,
    dtype: str = "float32",
) -> Task:
    """Minimise ½‖A·sign(x) − b‖² over x; the smallest possible loss is 0.

    mixing="identity": A is the identity and every b is `target`, so that coordinates do not interact. The notebook's
    case is dim=1, start=−1, target=+1. There is nothing to hold out: settings are chosen by the training loss.

    mixing="gaussian": A is [rows, dim] with independent N(0, 1/rows) entries (to 2⁻¹²) and b = A·s for random signs s;
    x = s, whatever its length, is a solution. As many rows again are held out for validation, and as many for testing.

    What training can reach here at most is known: a loss of 0. A real x in the place of its signs would be
    no bound of that: 40 equations leave 64 numbers open, so held-out rows are not fitted. What it reaches at least
    is where it starts, which is what `estimator=zero` does.

    Args:
        dim: coordinates of x.
        mixing: `identity` or `gaussian`.
        rows: of A, where it is drawn.
        start: every coordinate's first value; None draws them from N(0, 1) with the replica's own chance.
        target: 1 or −1 with the identity, else None.
        instance_seed: of A and s, which all replicas then share. None: each replica has the one of its draw.
        dtype: of x, A and b: `float32` or `float64`.

    Returns:
        The task. It reports `test_loss`, or with the identity `train_loss`, and has arrived where no sign is wrong.

    Raises:
        UserError: for arguments that make no task.
    """
    arguments.sign_fitting(dim=dim, mixing=mixing, rows=rows, target=target, instance_seed=instance_seed)
    held_out, own = mixing != "identity", mixing == "gaussian" and instance_seed is None
    if mixing == "identity":
        shared = {"signs": np.sign(np.full(dim, target)), **dict.fromkeys(PARTS, np.eye(dim))}
    elif instance_seed is not None:
        draw = np.random.Generator(np.random.PCG64([instance_seed, dim, rows]))
        shared = {"signs": draw.choice([-1.0, 1.0], dim)}
        shared |= {part: rounded(draw.normal(0, 1 / math.sqrt(rows), [rows, dim])) for part in PARTS}
    fixed = {} if own else {name: tf.constant(array, dtype) for name, array in shared.items()}

    def problem(chance, draw):
        signs = tf.where(chance.of("signs").uniform([dim]) < 0.5, -1.0, 1.0)
        matrices = {part: rounded(chance.of(part).normal([rows, dim]) / math.sqrt(rows)) for part in PARTS}
        return {name: tf.cast(array, dtype) for name, array in {"signs": signs, **matrices}.items()}

    def begin(chance, problem):
        x = chance.normal([dim]) if start is None else tf.fill([dim], tf.constant(float(start), dtype))
        return {"x": tf.cast(x, dtype)}

    def half_square(y, part, problem):
        here = problem if own else fixed
        return 0.5 * tf.reduce_sum(tf.square(tf.linalg.matvec(here[part], y - here["signs"])))

    def loss(parameters, batch, hard, chance, problem):
        return half_square(hard(parameters["x"], at="x/weights"), "train", problem), {}

    def judge(parameters, hard, problem):
        y = hard(parameters["x"], at="x/weights")
        signs = (problem if own else fixed)["signs"]
        measures = {"wrong_signs": tf.reduce_mean(tf.cast(y != signs, dtype))}
        if held_out:
            measures |= {f"{part}_loss": half_square(y, part, problem) for part in PARTS[1:]}
        if dim == 1:
            measures |= {"x": parameters["x"][0], "y": y[0]}
        return measures

    declared = {"wrong_signs": Measure("Wrong signs", "share of coordinates", "lower", (0.0, 1.0))}
    if dim == 1:
        declared |= {name: Measure(label, "1", "") for name, label in SCALAR.items()}
    return Task(
        name="sign_fitting",
        label=f"Sign fitting ({mixing}, {dim})",
        start=begin,
        loss=loss,
        judge=judge,
        measures=declared,
        selects="validation_loss" if held_out else "train_loss",
        reports="test_loss" if held_out else "train_loss",
        target=("wrong_signs", 0.0),
        sizes={"x": (dim,)},
        flops=float(4 * rows * dim if held_out else 4 * dim),  # the product with A, and with its transpose
        weights=("x",),
        optimum=0.0,
        forwards=("sign",),
        problem=problem if own else None,
        draw=Draw("instance", instance_seed, 0.0) if held_out else Draw(),
        spreads={"x/weights": spread} if (spread := 1.0 if start is None else abs(start)) else {},
    )


def rounded(matrix):
    """A to multiples of 2⁻¹²: signs times these add up exactly in float32, so that a solution's loss is exactly 0."""
    round_off = tf.round if tf.is_tensor(matrix) else np.round
    return round_off(matrix * 4096) / 4096
