"""Parity of a few bits by a network with one hidden layer: every input is known, and every mistake is counted."""

import itertools
import math

import numpy as np
import tensorflow as tf

from tasks import arguments
from tasks.base import Measure, Task
from tasks.drawn import mean_of


def parity(*, bits: int = 5, hidden: int = 16, dtype: str = "float32") -> Task:
    """Learn whether an odd number of `bits` inputs of ±1 are 1, from all 2^bits of them, through hidden hard units.

    out = v·hard(Wx/√bits + c) + d, the loss log(1 + exp(−y·out)) with y = ±1. W, v are N(0, 1) at the start, v divided
    by √hidden, c and d are 0. No input alone says anything of the answer: a network that has learned nothing is right
    in half of the cases, and so is one that counts some of the bits. `bits` threshold units suffice for no mistake
    (unit k says whether more than k inputs are 1), so that 0 mistakes are known to be possible.

    Args:
        bits: of an input, 2 to 12.
        hidden: units, at least as many as bits.
        dtype: of all tensors: `float32` or `float64`.

    Returns:
        The task. It is judged without noise on all inputs: it is chosen by `judged_loss`, reports `accuracy`, the share
        of inputs that are answered rightly, and has arrived where all are.

    Raises:
        UserError: for arguments that make no task.
    """
    arguments.parity(bits=bits, hidden=hidden)
    inputs = np.array(list(itertools.product([-1.0, 1.0], repeat=bits)))
    answers = np.where((inputs > 0).sum(1) % 2, 1.0, -1.0)
    sizes = {"first": (bits, hidden), "first_shift": (hidden,), "second": (hidden,), "second_shift": ()}

    def start(chance, problem):
        made = {
            "first": chance.of("first").normal([bits, hidden]),
            "second": chance.of("second").normal([hidden]) / math.sqrt(hidden),
        }
        return {name: tf.cast(made.get(name, tf.zeros(shape)), dtype) for name, shape in sizes.items()}

    def outputs(parameters, hard):
        x = tf.constant(inputs / math.sqrt(bits), dtype)
        units = hard(tf.matmul(x, parameters["first"]) + parameters["first_shift"], at="hidden/activations")
        return tf.linalg.matvec(units, parameters["second"]) + parameters["second_shift"]

    def losses(parameters, batch, hard, chance, problem):
        return tf.math.softplus(-tf.constant(answers, dtype) * outputs(parameters, hard)), {}

    def judge(parameters, hard, problem):
        towards = tf.constant(answers, dtype) * outputs(parameters, hard)
        right = tf.reduce_mean(tf.cast(towards > 0, dtype))
        finite = tf.reduce_all(tf.math.is_finite(towards))
        right = tf.where(finite, right, tf.constant(np.nan, dtype))
        return {"judged_loss": tf.reduce_mean(tf.math.softplus(-towards)), "accuracy": right}

    return Task(
        name="parity",
        label=f"Parity ({bits} bits, {hidden} units)",
        start=start,
        loss=mean_of(losses),
        losses=losses,
        judge=judge,
        measures={
            "judged_loss": Measure("Loss without noise", "1", "lower", (0.0, math.inf)),
            "accuracy": Measure("Inputs answered rightly", "share of inputs", "higher", (0.0, 1.0)),
        },
        selects="judged_loss",
        reports="accuracy",
        target=("accuracy", 1.0),
        sizes=sizes,
        flops=6.0 * 2**bits * hidden * (bits + 1),
        forwards=("sign", "step", "bernoulli"),
        spreads={"hidden/activations": 1.0},
    )
