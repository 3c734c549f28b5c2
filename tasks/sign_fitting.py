"""Fit signs: the smallest task with a hard function, and the one that this project started from."""

import math

import numpy as np
import tensorflow as tf

from tasks import arguments
from tasks.base import Measure, Task

SCALAR = {"x": "x", "y": "sign(x)", "gradient": "Gradient by x"}  # what the notebook prints, where x is a scalar


def sign_fitting(
    *,
    dim: int = 64,
    mixing: str = "gaussian",
    rows: int = 40,
    start: float | None = None,
    target: float | None = None,
    instance_seed: int = 0,
    dtype: str = "float32",
) -> Task:
    """Minimise ½‖A·sign(x) − b‖² over x; the smallest possible loss is 0.

    mixing="identity": A is the identity and every b is `target`, so that coordinates do not interact. The notebook's
    case is dim=1, start=−1, target=+1. There is nothing to hold out: settings are chosen by the training loss.

    mixing="gaussian": A is [rows, dim] with independent N(0, 1/rows) entries (to 2⁻¹²) and b = A·s for random signs s,
    all from `instance_seed` and shared by every replica; x = s, whatever its length, is a solution. As many rows again
    are held out for validation, and as many for testing.

    Args:
        dim: coordinates of x.
        mixing: `identity` or `gaussian`.
        rows: of A, where it is drawn.
        start: every coordinate's first value; None draws them from N(0, 1) with the replica's own chance.
        target: 1 or −1 with the identity, else None.
        instance_seed: of A and s.
        dtype: of x, A and b: `float32` or `float64`.

    Returns:
        The task. It reports `test_loss`, or with the identity `train_loss`, and has arrived where no sign is wrong.

    Raises:
        UserError: for arguments that make no task.
    """
    arguments.sign_fitting(dim=dim, mixing=mixing, rows=rows, target=target, instance_seed=instance_seed)
    if mixing == "identity":
        parts = [(np.eye(dim), np.full(dim, target))] * 3
        signs = np.sign(np.full(dim, target))
    else:
        draw = np.random.Generator(np.random.PCG64([instance_seed, dim, rows]))
        signs = draw.choice([-1.0, 1.0], dim)
        # Multiples of 2⁻¹²: sums of signs times these are exact in float32, so that a solution's loss is exactly 0.
        matrices = [np.round(draw.normal(0, 1 / math.sqrt(rows), [rows, dim]) * 4096) / 4096 for _ in range(3)]
        parts = [(a, a @ signs) for a in matrices]
    (train, validation, test) = [tuple(tf.constant(v, dtype) for v in part) for part in parts]
    held_out = mixing != "identity"

    def begin(chance):
        x = chance.normal([dim]) if start is None else tf.fill([dim], tf.constant(float(start), dtype))
        return {"x": tf.cast(x, dtype)}

    def half_square(y, part):
        a, b = part
        return 0.5 * tf.reduce_sum(tf.square(tf.linalg.matvec(a, y) - b))

    def loss(parameters, batch, hard, chance):
        return half_square(hard(parameters["x"], at="x/weights"), train), {}

    def judge(parameters, hard):
        y = hard(parameters["x"], at="x/weights")
        wrong = tf.reduce_mean(tf.cast(y != tf.constant(signs, dtype), dtype))
        measures = {"wrong_signs": wrong}
        if held_out:
            measures |= {"validation_loss": half_square(y, validation), "test_loss": half_square(y, test)}
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
    )
