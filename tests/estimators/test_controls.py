"""Controls that are learned, draws that avoid each other, and differences: formulas in NumPy, and less variance."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special

import estimators
from estimators import controls
from estimators.contract import objectives
from estimators.estimate import estimate, estimate_with_memory
from estimators.laws import BERNOULLI, CATEGORICAL, LAWS, Site
from runners.fidelity.moments import moments
from steeplechase.random import Chance, inverse_normal, key

LOGITS = np.random.default_rng(1).normal(size=6)
OBJECTIVE = objectives.objective(BERNOULLI, (6,))
ROWS = 20_000


def chance(number=0):
    return Chance(tf.constant(key(9))).at(number)


def site_of(logits, number=0, law=BERNOULLI):
    noise = law.noise(chance(number).of("noise"), logits.shape, tf.float64)
    return Site(law, tf.constant(logits), noise, chance(number).of("estimate"))


def found_of(name, number=0, samples=None, **chosen):
    page = estimators.find(name).with_samples(samples) if samples else estimators.find(name)
    return estimate(page, BERNOULLI, tf.constant(LOGITS), OBJECTIVE, chance(number), **chosen).numpy()


@pytest.mark.parametrize("law", LAWS.values(), ids=[*LAWS])
def test_noise_that_is_drawn_again_decides_the_same_and_is_distributed_as_the_first(law):
    """Of 20,000 draws each: always the same value, and no quantile of z̃ is further from that of z than five standard
    errors of a median allow (1.25/√n of the spread, doubled for both)."""
    event = objectives.EVENTS[law.name]
    logits = tf.constant(np.broadcast_to(np.random.default_rng(1).normal(size=event), (ROWS, *event)))
    noise = law.noise(chance().of("noise"), logits.shape, tf.float64)
    drawn = law.decide(logits + noise)
    again = law.given(logits, drawn, tf.cast(chance().of("u").open_uniform(logits.shape), tf.float64))
    np.testing.assert_array_equal(law.decide(again), drawn)
    shift = tf.reduce_logsumexp(logits, -1, keepdims=True) if law is CATEGORICAL else 0.0
    first = (logits - shift + noise).numpy()
    for share in (0.25, 0.5, 0.75):
        apart = np.quantile(again.numpy(), share, 0) - np.quantile(first, share, 0)
        assert np.abs(apart).max() < 5 * 2 * 1.6 * first.std() / np.sqrt(ROWS), share


@pytest.mark.parametrize("number", range(3))
def test_arms_of_two_draws_is_disarm(number):
    np.testing.assert_allclose(found_of("arms", number, samples=2), found_of("disarm", number), atol=1e-9)


@pytest.mark.parametrize("samples", [2, 3, 5])
def test_draws_that_avoid_each_other_have_the_probabilities_that_the_weights_make_up_for(samples):
    """Restated with a Dirichlet distribution of NumPy's: two draws share the rarer value as often as r says (400,000
    tries, within 4.5 standard errors), and the weight is p(1 − p)/(p − P(both)) of the paper."""
    draw = np.random.default_rng(3)
    for q in (0.1, 0.35, 0.5):
        shares = draw.dirichlet(np.ones(samples), 400_000)
        rare = (1 - shares) ** (samples - 1) < q
        r = max(2 * q ** (1 / (samples - 1)) - 1, 0) ** (samples - 1)
        for event, p in ((rare[:, 0], q), (rare[:, 1], q), (rare[:, 0] & rare[:, 1], r)):
            assert abs(event.mean() - p) < 4.5 * np.sqrt(p * (1 - p) / len(rare)) + 1e-12
        assert (1 - q) / (1 - r / q) == pytest.approx(q * (1 - q) / (q - r))


@pytest.mark.long
def test_arms_has_less_variance_than_leave_one_out_of_independent_draws():
    """Of four draws, 40,000 calls: the paper's point, here of some 7 %, where the error of the ratio is near 1 %."""
    logits = tf.zeros([6])
    found = {
        name: np.trace(
            moments(
                lambda c, page=estimators.find(name): estimate(
                    page, BERNOULLI, logits, lambda b: tf.reduce_sum(b * tf.range(1.0, 7.0), -1), c
                ),
                40_000,
            ).covariance
        )
        for name in ("arms", "leave_one_out")
    }
    assert found["arms"] < 0.96 * found["leave_one_out"], found


def f(bits):
    return float(OBJECTIVE(tf.constant(bits)))


def hard(logits, noise):
    return (logits + noise > 0).astype(float)


def test_differences_are_what_they_say():
    site = site_of(LOGITS, 2)
    z = site.noise.numpy()
    steps = 0.7 * np.eye(6)
    known = [(f(hard(LOGITS + step, z)) - f(hard(LOGITS - step, z))) / 1.4 for step in steps]
    np.testing.assert_allclose(found_of("finite_difference", 2, spacing=0.7), known, atol=1e-12)
    delta = np.where(site.chance.of("signs").open_uniform([6]).numpy() > 0.5, 1.0, -1.0)
    known = (f(hard(LOGITS + 0.7 * delta, z)) - f(hard(LOGITS - 0.7 * delta, z))) / 1.4 * delta
    np.testing.assert_allclose(found_of("spsa", 2, spacing=0.7), known, atol=1e-12)
    normal = inverse_normal(tf.cast(site.chance.of("steps").open_uniform([3, 6]), tf.float64)).numpy()
    pairs = [(f(hard(LOGITS + 0.7 * e, z)) - f(hard(LOGITS - 0.7 * e, z))) / 1.4 * e for e in normal]
    np.testing.assert_allclose(found_of("evolution_strategy", 2, samples=3, spread=0.7), np.mean(pairs, 0), atol=1e-12)


def test_finite_differences_have_the_slope_over_the_distance_as_their_mean():
    """Of one bit and f(b) = b: (σ(φ + h) − σ(φ − h))/2h, within 4.5 standard errors of 100,000 calls."""
    page, phi = estimators.find("finite_difference"), 0.4
    found = moments(
        lambda c: estimate(page, BERNOULLI, tf.constant([phi]), lambda b: b[..., 0], c, spacing=0.8), 100_000
    )
    known = (special.expit(phi + 0.8) - special.expit(phi - 0.8)) / 1.6
    assert abs(found.mean[0] - known) < 4.5 * np.sqrt(found.covariance[0, 0] / found.calls)
    assert abs(known - special.expit(phi) * special.expit(-phi)) > 10 * np.sqrt(found.covariance[0, 0] / found.calls)


def test_numbers_are_learned_by_adam_as_keras_has_it():
    draw = np.random.default_rng(5)
    slopes = draw.normal(size=[4, 3])
    variable = keras.Variable(np.zeros(3), dtype="float64")
    adam = keras.optimizers.Adam(0.03, epsilon=1e-8)
    memory = {name: tf.zeros(shape, tf.float64) for name, shape in controls.learned_memory(3).items()}
    for slope in slopes:
        adam.apply([tf.constant(slope)], [variable])
        with tf.GradientTape() as tape:
            learned = tf.identity(memory["learned"])
            tape.watch(learned)
            found = tf.sqrt(
                tf.reduce_sum(slope * (learned - tf.stop_gradient(learned))) + 1.0
            )  # `slope` its square has
            memory = controls.learn(memory, learned, found, tape, tf.constant(0.03, tf.float64))
    np.testing.assert_allclose(memory["learned"], variable.numpy(), rtol=3e-5)  # Keras' rate is single


def variance_after(name, updates, calls=20_000, **chosen):
    """The trace of the covariance at what is remembered after so many updates, and the mean."""
    page, logits = estimators.find(name), tf.zeros([1])

    def toy(b):
        return tf.square(b[..., 0] - 0.45)

    def remembered(c):
        memory = page.memory_of(site_of(np.zeros(1))) if page.memory else {}
        memory = {n: tf.cast(m, tf.float32) for n, m in memory.items()}

        def update(i, memory):
            return i + 1, estimate_with_memory(page, BERNOULLI, logits, toy, c.of("before").at(i), memory, **chosen)[1]

        return tf.while_loop(lambda i, _: i < updates, update, (tf.constant(0), memory))[1]

    memory = tf.function(remembered, jit_compile=True, autograph=False)(chance()) if page.memory else None
    found = moments(lambda c: estimate_with_memory(page, BERNOULLI, logits, toy, c, memory, **chosen)[0], calls)
    return np.trace(found.covariance), found.mean, found.calls


@pytest.mark.long
def test_what_is_learned_lowers_the_variance_and_leaves_the_mean():
    """On the toy (b − 0.45)², whose gradient at 0 is 0.025, by 500 updates: the mean stays within 4.5 standard errors.
    A control that is learned whole comes to less than a tenth of REINFORCE's variance. The relaxed objective says
    little of this one, and REBAR learns to take less of it."""
    plain, _, _ = variance_after("reinforce", 0)
    before, _, _ = variance_after("rebar", 0)
    for name, most in (("rebar", 0.85 * before), ("relax", 0.1 * plain)):
        after, mean, calls = variance_after(name, 500)
        assert after < most, (name, before, after, plain)
        assert abs(mean[0] - 0.025) < 4.5 * np.sqrt(after / calls), name
