"""The gradient of a loss that is averaged over noise at its hard sites, against sums over all hard values."""

import itertools
import math

import numpy as np
import pytest
import tensorflow as tf

from estimators import registry
from estimators.function import functions
from runners.fidelity.averages import Average
from runners.training.hard_sites import Hard
from steeplechase.random import Chance, key
from tasks.base import Task

X = np.random.default_rng(5).normal(size=[4, 2])
Y = np.random.default_rng(6).normal(size=4)
CALLS, SPREAD = 40_000, 0.7
SPREADS = {"layer/weights": 1.5, "layer/activations": 0.8}
AT = {"v": [0.6, -0.3], "u": [0.5, -0.8, 0.2]}


def losses_of(bits, u):
    """Of examples, [n], with two bits each, [n, 2]."""
    first, second = bits[..., 0], bits[..., 1]
    return (first + 0.5 * second + u[2] - Y) ** 2 + 0.3 * first * second * u[0]


def network(parameters, _, hard, chance, problem):
    h = tf.linalg.matvec(tf.constant(X), hard(parameters["v"], at="layer/weights"))
    bits = hard(tf.stack([h * parameters["u"][0], h * parameters["u"][1]], -1), at="layer/activations")
    return losses_of(bits, parameters["u"]), {}


def total(*given):
    losses, measures = network(*given)
    return tf.reduce_mean(losses), measures


def task_of(by_example):
    return Task(
        name="network",
        label="Network",
        start=lambda *_: {},
        loss=total,
        losses=network if by_example else None,
        judge=lambda *_: {},
        measures={},
        selects="train_loss",
        reports="train_loss",
        target=("train_loss", 0.0),
        sizes={"v": (2,), "u": (3,)},
        flops=1.0,
        weights=("v",),
        spreads=SPREADS,
    )


def summed():
    """The gradient of the sum over all hard values, by the chance of each."""
    v, u = (tf.constant(AT[name], tf.float64) for name in ("v", "u"))
    with tf.GradientTape() as tape:
        tape.watch([v, u])
        p, mean = tf.sigmoid(v / (SPREAD * SPREADS["layer/weights"])), 0.0
        for signs in itertools.product([-1.0, 1.0], repeat=2):
            weight = tf.reduce_prod(tf.where(np.array(signs) > 0, p, 1 - p))
            h = tf.linalg.matvec(tf.constant(X), tf.constant(signs, tf.float64))
            logits = tf.stack([h * u[0], h * u[1]], -1) / (SPREAD * SPREADS["layer/activations"])
            q = tf.sigmoid(logits)
            for bits in itertools.product([-1.0, 1.0], repeat=2):
                chance = tf.reduce_prod(tf.where(np.array(bits) > 0, q, 1 - q), -1)
                mean += weight * tf.reduce_mean(chance * losses_of(tf.constant(bits, tf.float64)[None], u))
    return np.concatenate([g.numpy() for g in tape.gradient(mean, [v, u])])


@pytest.mark.parametrize("by_example", [True, pytest.param(False, marks=pytest.mark.long)])
def test_noise_at_hard_sites_gives_the_gradient_of_the_sum_over_all_values(by_example):
    """40,000 calls: within 4.5 standard errors of it, five elements: a false alarm in 30,000 runs. The errors are below
    a tenth of it, so that half of it, or the score left out, would be seen."""
    task, average = task_of(by_example), Average("noise", SPREAD)
    hard = Hard(registry["ste"], registry["ste"], functions["sign"])
    average.require(task, hard)
    parameters = {name: tf.constant(own, tf.float64) for name, own in AT.items()}

    @tf.function(jit_compile=True, autograph=False)
    def calls():
        def one(number):
            stream = Chance(tf.constant(key(8))).at(number)
            by_name, loss = average.gradient(task, hard, parameters, (), stream, {})
            return tf.concat([by_name["v"], by_name["u"]], 0), loss

        return tf.vectorized_map(one, tf.range(CALLS), fallback_to_while_loop=False)

    found = calls()[0].numpy()
    error, known = found.std(0, ddof=1) / math.sqrt(CALLS), summed()
    assert (np.abs(found.mean(0) - known) < 4.5 * error).all(), (found.mean(0), known, error)
    assert np.linalg.norm(error) < 0.1 * np.linalg.norm(known)


@pytest.mark.long
def test_the_baseline_of_each_example_is_worth_its_name():
    """Of many examples a loss of all together says little of one: then single losses have less variance."""
    hard = Hard(registry["ste"], registry["ste"], functions["sign"])
    parameters = {name: tf.constant(own, tf.float64) for name, own in AT.items()}

    def spread(by_example):
        @tf.function(jit_compile=True, autograph=False)
        def calls():
            def one(number):
                stream = Chance(tf.constant(key(9))).at(number)
                own = task_of(by_example), hard, parameters, (), stream, {}
                return Average("noise", SPREAD).gradient(*own)[0]["u"]

            return tf.vectorized_map(one, tf.range(4000), fallback_to_while_loop=False)

        return calls().numpy().var(0).sum()

    assert spread(True) < 0.8 * spread(False)
