"""Spins in a random field of couplings: the state of least energy, among all of them, by drawn bits."""

from __future__ import annotations

import functools
import itertools
import math

import numpy as np
import tensorflow as tf

from tasks import arguments, enumerated
from tasks.base import Draw, Measure, Task
from tasks.drawn import mean_of


def ising(
    *, spins: int = 10, couplings: str = "gaussian", batch: int = 1, start: float = 0.1, dtype: str = "float32"
) -> Task:
    """Minimise the expected energy E −1/√n · Σ_{i<j} J_ij·s_i·s_j of independent spins s = 2b − 1, b ~ Bernoulli(σ(φ)).

    couplings="gaussian": J of N(0, 1), the model of Sherrington and Kirkpatrick (1975). couplings="cut": J_ij is −1
    with probability one half, else 0: a state of least energy is a largest cut of that graph. Each draw has couplings
    of its own, and all 2^n states of it are tried. The expected energy is a closed form, since the spins are
    independent: that of their means.

    Args:
        spins: n, 2 to 16.
        couplings: `gaussian` or `cut`.
        batch: draws of a step, at least 1.
        start: how far the logits spread at the start, a number of at least 0.
        dtype: of all tensors: `float32` or `float64`.

    Returns:
        The task. It is chosen by `expected_energy` and reports `excess`, how far the energy of the likeliest state is
        above the least, and has arrived at 0. `place` is how many states are better.

    Raises:
        UserError: for arguments that make no task.
    """
    arguments.ising(spins=spins, couplings=couplings, batch=batch, start=start)

    def energy(s, matrix):
        """Of states [..., n]."""
        return -tf.reduce_sum(tf.linalg.matmul(s, matrix) * s, -1) / (2 * math.sqrt(spins))

    def problem(chance, draw):
        stream = chance.of("couplings")
        drawn = stream.normal([spins, spins]) if couplings == "gaussian" else -tf.round(stream.uniform([spins, spins]))
        upper = tf.linalg.band_part(tf.cast(drawn, dtype), 0, -1)
        upper -= tf.linalg.band_part(upper, 0, 0)
        matrix = upper + tf.transpose(upper)
        return {"matrix": matrix, "energies": energy(tf.constant(_states(spins), dtype), matrix)}

    def begin(chance, problem):
        return {"logits": tf.cast(start * chance.normal([spins]), dtype)}

    def losses(parameters, examples, hard, chance, problem):
        logits = tf.tile(parameters["logits"][None], [batch, 1])
        return energy(2 * hard(logits, at="spins/activations") - 1, problem["matrix"]), {}

    def judge(parameters, hard, problem):
        logits = parameters["logits"]
        likeliest = 2 * hard(logits, at="spins/activations") - 1
        expected = energy((2 * tf.sigmoid(logits) - 1)[None], problem["matrix"])[0]
        least = tf.reduce_min(problem["energies"])
        excess = tf.maximum(energy(likeliest[None], problem["matrix"])[0] - least, 0)
        place = enumerated.place(problem["energies"], excess)
        return {"expected_energy": expected - least, "excess": excess, "place": place}

    return Task(
        name="ising",
        label=f"Ising ({spins} spins{', cuts' if couplings == 'cut' else ''})",
        start=begin,
        loss=mean_of(losses),
        losses=losses,
        judge=judge,
        measures={
            "expected_energy": Measure("Expected energy above the least", "1", "lower", (-1e-3, math.inf)),
            "excess": Measure("Energy above the least", "1", "lower", (0.0, math.inf)),
            "place": Measure("Better states", "states", "lower", (0.0, 2.0**spins)),
        },
        selects="expected_energy",
        reports="excess",
        target=("place", 0.0),
        sizes={"logits": (spins,)},
        flops=6.0 * batch * spins**2,
        forwards=("bernoulli",),
        problem=problem,
        draw=Draw("instance", None, 0.0),
    )


@functools.cache
def _states(spins):
    """All of them, float64 [states, spins], of −1 and 1."""
    return np.array(list(itertools.product([-1.0, 1.0], repeat=spins)))
