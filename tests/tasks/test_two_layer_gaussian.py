"""The network on Gaussian inputs: population loss, its gradient, and the coarse gradients, against closed forms."""

import math

import numpy as np
import pytest
import tensorflow as tf
from scipy import integrate

import tasks
from estimators import registry
from estimators.function import functions
from estimators.surrogate import Surrogate
from runners.training.hard_sites import Hard
from steeplechase.errors import UserError
from steeplechase.random import Chance, key
from tasks.two_layer_gaussian import population_loss

UNITS, INPUTS, CHUNK, CHUNKS = 4, 5, 50_000, 20
DRAW = np.random.default_rng(11)
V, TAUGHT_V = DRAW.normal(0, 1, UNITS), DRAW.normal(0, 1, UNITS)
W = DRAW.normal(0, 1, INPUTS)
TAUGHT_W = W + DRAW.normal(0, 0.8, INPUTS)
TAUGHT_W /= np.linalg.norm(TAUGHT_W)
UNIT, NORM = W / np.linalg.norm(W), np.linalg.norm(W)
ANGLE = np.arccos(UNIT @ TAUGHT_W)
BOTH = (UNIT + TAUGHT_W) / np.linalg.norm(UNIT + TAUGHT_W)
ASIDE = (TAUGHT_W - UNIT @ TAUGHT_W * UNIT) / np.linalg.norm(TAUGHT_W - UNIT @ TAUGHT_W * UNIT)
J = np.eye(UNITS) + 1
T = J - 2 * ANGLE / np.pi * np.eye(UNITS)
CLIPPED = Surrogate(
    name="clipped_relu",
    label="Clipped ReLU",
    rule=lambda x: tf.cast((x > 0) & (x < 1), x.dtype),
    source="Yin et al. 2019",
)


def population(v, w):
    angle = tf.acos(tf.tensordot(w, TAUGHT_W, 1) / tf.norm(w))
    return population_loss(v, tf.constant(TAUGHT_V), angle)


def test_the_population_loss_and_its_gradient_are_the_papers():
    v, w = tf.constant(V), tf.constant(W)
    with tf.GradientTape() as tape:
        tape.watch([v, w])
        loss = population(v, w)
    by_v, by_w = tape.gradient(loss, [v, w])
    np.testing.assert_allclose(loss, (V @ J @ V - 2 * V @ T @ TAUGHT_V + TAUGHT_V @ J @ TAUGHT_V) / 8, rtol=1e-12)
    np.testing.assert_allclose(by_v, (J @ V - T @ TAUGHT_V) / 4, rtol=1e-9)
    np.testing.assert_allclose(by_w, -(V @ TAUGHT_V) / (2 * np.pi * NORM) * ASIDE, rtol=1e-9)
    assert population(tf.constant(TAUGHT_V), tf.constant(3 * TAUGHT_W)) < 1e-8


def _relu():
    h = V @ V + V.sum() ** 2 - V.sum() * TAUGHT_V.sum() + V @ TAUGHT_V
    return h / (2 * math.sqrt(2 * np.pi)) * UNIT - math.cos(ANGLE / 2) * (V @ TAUGHT_V) / math.sqrt(2 * np.pi) * BOTH


def _identity():
    return (V @ V * UNIT - V @ TAUGHT_V * TAUGHT_W) / math.sqrt(2 * np.pi)


def _clipped():
    def xi(a):
        return integrate.quad(lambda r: r**2 * math.exp(-(r**2) / 2), 0, min(a, 40.0))[0]

    def part(of, t):
        integrand = lambda f: of(f) * xi(1 / (NORM * math.cos(f)))  # noqa: E731
        return integrate.quad(integrand, -np.pi / 2 + t, np.pi / 2)[0] / (2 * np.pi)

    h = V @ V + V.sum() ** 2 - V.sum() * TAUGHT_V.sum() + V @ TAUGHT_V
    p, q, half = part(math.cos, ANGLE), part(math.sin, ANGLE), ANGLE / 2
    aside = (V @ TAUGHT_V) * (q / math.sin(half) * BOTH + (p - q / math.tan(half)) * UNIT)
    return part(math.cos, 0.0) * h / 2 * UNIT - aside


# The slope, the coarse gradient by the filter, and its product with the true gradient: how much uphill it points.
COARSE = {
    "identity": (registry["ste"], _identity, lambda: 2 * _uphill()),
    "ReLU": (registry["spike_op"], _relu, lambda: _uphill()),
    "clipped ReLU": (CLIPPED, _clipped, None),
}


def _uphill():
    return math.sin(ANGLE) * (V @ TAUGHT_V) ** 2 / (2 * (2 * np.pi) ** 1.5 * NORM)


@pytest.mark.parametrize("name", COARSE)
def test_the_coarse_gradient_is_the_papers(name):
    """10⁶ examples, within 1 % of its length: five standard errors of the largest or more."""
    page, closed, uphill = COARSE[name]
    task = tasks.registry["two_layer_gaussian"](inputs=INPUTS, units=UNITS, batch=CHUNK, dtype="float64")
    problem = {"v": tf.constant(TAUGHT_V), "w": tf.constant(TAUGHT_W)}
    hard = Hard(page, page, functions["step"]).operation(
        {"activations": {}, "weights": {}, "normalize": "none"}, Chance(key(0))
    )

    @tf.function(autograph=False)
    def coarse(at):
        parameters = {"v": tf.constant(V), "w": tf.constant(W)}
        with tf.GradientTape() as tape:
            tape.watch(parameters)
            loss, _ = task.loss(parameters, (), hard, Chance(key(7)).at(at), problem)
        return loss, tape.gradient(loss, parameters)

    losses, gradients = zip(*(coarse(tf.constant(at)) for at in range(CHUNKS)), strict=True)
    found, wanted = np.mean([g["w"] for g in gradients], 0), closed()
    assert np.linalg.norm(found - wanted) < 0.01 * np.linalg.norm(wanted)
    assert np.mean(losses) == pytest.approx(float(population(tf.constant(V), tf.constant(W))), rel=0.01)
    by_v = np.mean([g["v"] for g in gradients], 0)
    assert np.linalg.norm(by_v - (J @ V - T @ TAUGHT_V) / 4) < 0.01 * np.linalg.norm(by_v)
    true = -(V @ TAUGHT_V) / (2 * np.pi * NORM) * ASIDE
    assert wanted @ true > 0, "it points uphill"
    if uphill:
        assert wanted @ true == pytest.approx(uphill(), rel=1e-9)


def test_it_is_judged_by_the_loss_over_all_inputs():
    task = tasks.registry["two_layer_gaussian"](inputs=INPUTS, units=UNITS, dtype="float64")
    problem = {"v": tf.constant(TAUGHT_V), "w": tf.constant(TAUGHT_W)}
    judged = task.judge({"v": tf.constant(V), "w": tf.constant(W)}, None, problem)
    np.testing.assert_allclose(judged["population_loss"], population(tf.constant(V), tf.constant(W)), rtol=1e-9)
    np.testing.assert_allclose(judged["angle"], ANGLE, rtol=1e-9)
    taught = task.judge({"v": tf.constant(TAUGHT_V), "w": tf.constant(0.2 * TAUGHT_W)}, None, problem)
    assert taught["population_loss"] < 1e-12 and taught["angle"] < 1e-12


@pytest.mark.parametrize("name", ["inputs", "units", "batch"])
def test_what_makes_no_task_is_refused(name):
    with pytest.raises(UserError, match=f"task.{name} is 0, but must be a whole number of at least"):
        tasks.registry["two_layer_gaussian"](**{name: 0})
