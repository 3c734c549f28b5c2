"""Least squares with quantized weights, few enough that the best of all is known: every choice is tried."""

from __future__ import annotations

import functools
import itertools
import math

import numpy as np
import tensorflow as tf

from tasks import arguments, enumerated
from tasks.base import Draw, Measure, Task

FIXED = {"easy": (0.0, 1.6), "medium": (0.8, 1.2), "hard": (1.5, 1.6)}  # of each its correlation, and its size
TWO_BITS = (-2.0, -1.0, 0.0, 1.0)


def quantized_regression(
    *,
    dim: int = 8,
    equations: int = 24,
    correlation: float = 0.8,
    size: float = 1.2,
    noise: float = 0.3,
    start: float = 0.3,
    instance: str = "drawn",
    dtype: str = "float32",
) -> Task:
    """Minimise ½·mean (A·q − b)² over q = hard(x) of [dim], each element one of few levels.

    How good an answer is, is known: all levels^dim choices are enumerated, and what is reported is how far the loss is
    above the least of them. It is measured on the equations that train, since it is their optimum that is known; what
    could be held out would ask another question.

    instance="drawn": each draw has its own. A is [equations, dim] of N(0, 1) and, the same in each element of a row, of
    `correlation` times N(0, 1); b = A·w + `noise`·N(0, 1) for real weights w of N(0, size²).

    instance="easy", "medium" or "hard": the same for all, from sines, with correlation and size of their own, for which
    rounding the least-squares solution gives the second, the 30th and the 122nd best of 65,536.

    Each x starts at `start`·N(0, 1), in units of a step of the hard function. The default lies within what two bits
    reach: a weight that starts beyond stays there for good where no gradient passes (`function.edge`).

    Args:
        dim: weights.
        equations: rows of A.
        correlation: of the columns of a drawn A, at least 0.
        size: of the weights that a drawn b is made with, above 0.
        noise: of a drawn b, at least 0.
        start: how far the weights spread at the start, above 0.
        instance: `drawn`, `easy`, `medium` or `hard`.
        dtype: of x, A and b: `float32` or `float64`.

    Returns:
        The task, for weights of −2, −1, 0 and 1; `for_levels` makes it for others, and refuses too many. It reports
        `excess` and has arrived where no weight is wrong.

    Raises:
        UserError: for arguments that make no task.
    """
    arguments.quantized_regression(
        dim=dim, equations=equations, correlation=correlation, size=size, noise=noise, start=start, instance=instance
    )

    def for_levels(levels: tuple[float, ...]) -> Task:
        arguments.choices(len(levels), dim)
        return make(levels)

    def make(levels: tuple[float, ...]) -> Task:
        def posed(matrix, target):
            """The equations, the best choice of all, and how far above it rounded least squares come."""
            gram, moment = _quadratic(matrix, target)
            best = _best(levels, gram, moment)
            nearest = _nearest(levels, tf.linalg.matvec(tf.linalg.inv(gram), moment), dtype)
            rounded = _excess(nearest, best, gram, moment)
            return {"matrix": matrix, "target": target, "best": best, "rounded": rounded}

        def problem(chance, draw):
            common = correlation * chance.of("common").normal([equations, 1])
            matrix = tf.cast(chance.of("matrix").normal([equations, dim]) + common, dtype)
            weights = tf.cast(size * chance.of("weights").normal([dim]), dtype)
            disturbed = tf.cast(noise * chance.of("noise").normal([equations]), dtype)
            return posed(matrix, tf.linalg.matvec(matrix, weights) + disturbed)

        shared = None
        if instance != "drawn":
            shared = posed(*(tf.constant(array, dtype) for array in _of_sines(*FIXED[instance])))

        def begin(chance, problem):
            return {"x": tf.cast(start * chance.normal([dim]), dtype)}

        def loss(parameters, batch, hard, chance, problem):
            here = shared or problem
            off = tf.linalg.matvec(here["matrix"], hard(parameters["x"], at="x/weights")) - here["target"]
            return tf.reduce_mean(tf.square(off)) / 2, {}

        def judge(parameters, hard, problem):
            here = shared or problem
            q, best = hard(parameters["x"], at="x/weights"), here["best"]
            gram, moment = _quadratic(here["matrix"], here["target"])
            excess = _excess(q, best, gram, moment)
            first, second = _halves(levels, dim, dtype)
            losses = _losses(first, second, gram, moment)
            place = enumerated.place(losses, excess)
            wrong = tf.reduce_mean(tf.cast(q != best, dtype))
            return {"excess": excess, "wrong_weights": wrong, "place": place, "rounded_excess": here["rounded"]}

        return Task(
            name="quantized_regression",
            label=f"Quantized regression ({dim} weights)" + (f", {instance}" if shared else ""),
            start=begin,
            loss=loss,
            judge=judge,
            measures={
                "excess": Measure("Loss above the optimum", "1", "lower", (0.0, math.inf)),
                "wrong_weights": Measure("Wrong weights", "share of weights", "lower", (0.0, 1.0)),
                "place": Measure("Better choices", "choices", "lower", (0.0, float(len(levels) ** dim))),
                "rounded_excess": Measure("Rounded least squares above the optimum", "1", "", (0.0, math.inf)),
            },
            selects="train_loss",
            reports="excess",
            target=("wrong_weights", 0.0),
            sizes={"x": (dim,)},
            flops=float(4 * equations * dim),  # the product with A, and with its transpose
            weights=("x",),
            forwards=("round", "ternary", "midrise", "sign", "step"),
            problem=None if shared else problem,
            draw=Draw() if shared else Draw("instance", None, 0.0),
            for_levels=for_levels,
            spreads={"x/weights": start},
        )

    return make(TWO_BITS)


def _halves(levels, dim, dtype):
    """All choices of the first half of the weights, and of the second: [choices, weights] each."""
    return tuple(tf.constant(_choices(levels, count), dtype) for count in (dim // 2, dim - dim // 2))


@functools.cache
def _choices(levels, count):
    """All choices of so many weights, float64 [choices, weights]."""
    return np.array(list(itertools.product(levels, repeat=count)))


def _quadratic(matrix, target):
    """G and c of ½·mean (A·q − b)² = ½·qᵀGq − cᵀq + a constant."""
    count, transposed = float(matrix.shape[0]), tf.transpose(matrix)
    return tf.matmul(transposed, matrix) / count, tf.linalg.matvec(transposed, target) / count


def _losses(first, second, gram, moment):
    """½·qᵀGq − cᵀq of all choices q, as two halves and what is between them.

    Returns:
        [choices of the first half, choices of the second].
    """
    cut = first.shape[1]
    one = tf.reduce_sum(first * (tf.matmul(first, gram[:cut, :cut]) / 2 - moment[:cut]), 1)
    other = tf.reduce_sum(second * (tf.matmul(second, gram[cut:, cut:]) / 2 - moment[cut:]), 1)
    return one[:, None] + other + tf.matmul(tf.matmul(first, gram[:cut, cut:]), second, transpose_b=True)


def _best(levels, gram, moment):
    """The choice with the smallest loss."""
    first, second = _halves(levels, gram.shape[0], gram.dtype)
    at = tf.argmin(tf.reshape(_losses(first, second, gram, moment), [-1]), output_type=tf.int32)
    count = second.shape[0]
    return tf.concat([tf.gather(first, at // count), tf.gather(second, at % count)], 0)


def _excess(q, best, gram, moment):
    """How far the loss at q is above that of the best: exactly 0 there, since it is a product with what differs."""
    apart = q - best
    return tf.maximum(tf.reduce_sum(apart * (tf.linalg.matvec(gram, q + best) / 2 - moment)), 0)


def _nearest(levels, x, dtype):
    """Each element's nearest level."""
    levels = tf.constant(levels, dtype)
    return tf.gather(levels, tf.argmin(tf.abs(x[:, None] - levels), 1))


def _of_sines(correlation, size):
    """A of [24, 8] and b of an instance that no generator of random numbers is needed for."""
    i, j = np.arange(1, 25.0)[:, None], np.arange(1, 9.0)
    matrix = np.sin(1.7 * i + 2.3 * j + 0.9 * i * j) + correlation * np.cos(2.7 * i)
    return matrix, matrix @ (size * np.cos(1.3 * j**2)) + 0.3 * np.sin(5.1 * i[:, 0])
