"""A network of two layers on Gaussian inputs: its loss over all inputs is a closed form, as is the true gradient."""

import math

import tensorflow as tf

from tasks import arguments
from tasks.base import Draw, Measure, Task


def two_layer_gaussian(
    *,
    inputs: int = 8,
    units: int = 8,
    batch: int = 64,
    dtype: str = "float32",
) -> Task:
    """Learn a teacher v*, w* by v·hard(Z w): one filter w that looks at every row of Z, and weights v of what it says.

    Z is [units, inputs] of N(0, 1), drawn anew for every example of every step, and the loss of an example is half the
    square of v·hard(Z w) − v*·hard(Z w*) (Yin et al. 2019, arXiv:1903.05662). Its mean over all Z is known, though that
    of any number of them is flat almost everywhere: with θ the angle between w and w*, J = I + 1·1ᵀ and
    T = J − (2θ/π)·I,

        ⅛·(v·J v − 2 v·T v* + v*·J v*)

    which is `population_loss`. It is 0 at the teacher. What each slope puts in the place of its gradient is known for
    the identity, the ReLU's slope (`spike_op`) and the clipped ReLU's, and always points uphill.

    Args:
        inputs: of a row of Z, at least 2.
        units: rows, at least 1.
        batch: examples of a step, at least 1.
        dtype: of all tensors: `float32` or `float64`.

    Returns:
        The task. It reports `population_loss`; `angle` is θ.

    Raises:
        UserError: for arguments that make no task.
    """
    arguments.two_layer_gaussian(inputs=inputs, units=units, batch=batch)

    def problem(chance, draw):
        filter_ = chance.of("filter").normal([inputs])
        teacher = {"w": filter_ / tf.norm(filter_), "v": chance.of("weights").normal([units])}
        return {name: tf.cast(array, dtype) for name, array in teacher.items()}

    def start(chance, problem):
        w = chance.of("w").normal([inputs])
        parameters = {"w": w / tf.norm(w), "v": chance.of("v").normal([units]) / math.sqrt(units)}
        return {name: tf.cast(array, dtype) for name, array in parameters.items()}

    def loss(parameters, _, hard, chance, problem):
        z = tf.cast(chance.normal([batch, units, inputs]), dtype)
        rows = tf.linalg.matvec(z, parameters["w"])
        right = tf.linalg.matvec(tf.cast(tf.linalg.matvec(z, problem["w"]) > 0, dtype), problem["v"])
        off = tf.linalg.matvec(hard(rows, at="units/activations"), parameters["v"]) - right
        return tf.reduce_mean(tf.square(off)) / 2, {}

    def population(parameters, problem):
        return population_loss(parameters["v"], problem["v"], _angle(parameters["w"], problem["w"]))

    def judge(parameters, hard, problem):
        measures = {"population_loss": population(parameters, problem)}
        return measures | {"angle": _angle(parameters["w"], problem["w"])}

    return Task(
        name="two_layer_gaussian",
        label=f"Two layers, Gaussian ({inputs}-{units})",
        start=start,
        loss=loss,
        population=population,
        judge=judge,
        measures={
            "population_loss": Measure("Population loss", "1", "lower", (0.0, math.inf)),
            "angle": Measure("Angle to the teacher's filter", "rad", "lower", (0.0, math.pi)),
        },
        selects="train_loss",
        reports="population_loss",
        target=("population_loss", 0.01),
        sizes={"w": (inputs,), "v": (units,)},
        flops=2.0 * batch * units * (3 * inputs + 3),
        optimum=0.0,
        forwards=("step",),
        problem=problem,
        draw=Draw("instance", None, 0.0),
        spreads={"units/activations": 1.0},
    )


def population_loss(v: tf.Tensor, teacher: tf.Tensor, angle: tf.Tensor) -> tf.Tensor:
    """The loss over all inputs.

    Args:
        v: [units].
        teacher: v*, [units].
        angle: between the filters, in radians, a scalar.

    Returns:
        A scalar, at least 0 but for rounding.
    """
    apart, sums = v - teacher, tf.reduce_sum(v) - tf.reduce_sum(teacher)
    even = tf.reduce_sum(tf.square(apart)) + tf.square(sums)
    return tf.maximum(even / 8 + angle / (2 * math.pi) * tf.reduce_sum(v * teacher), 0)


def _angle(w, teacher):
    """Between w and a direction of length 1, in radians; accurate where it is small."""
    unit = w / tf.norm(w)
    return 2 * tf.atan2(tf.norm(unit - teacher), tf.norm(unit + teacher))
