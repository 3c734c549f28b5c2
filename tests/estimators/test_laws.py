"""Laws of drawn values: their means, states, noise and derivatives, against scipy and enumerations."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

from estimators.contract import objectives
from estimators.function import functions
from estimators.laws import LAWS, Site
from steeplechase.random import Chance, key, open_unit

LOGITS = {"bernoulli": np.array([-2.0, 0.3, 1.1]), "categorical": np.array([[0.2, -1.0, 1.5], [0.0, 0.1, -0.4]])}
MEANS = {"bernoulli": special.expit, "categorical": lambda x: special.softmax(x, -1)}


@pytest.fixture(params=LAWS, scope="module")
def law(request):
    return LAWS[request.param]


def test_every_law_is_of_a_hard_function_of_its_name(law):
    function = functions[law.name]
    assert function.law is law
    np.testing.assert_array_equal(function.value(LOGITS[law.name]), law.decide(tf.constant(LOGITS[law.name])))
    assert [name for name, other in functions.items() if other.law] == [*LAWS]


def test_the_mean_and_what_it_hands_down(law):
    logits = tf.constant(LOGITS[law.name])
    np.testing.assert_allclose(law.mean(logits), MEANS[law.name](LOGITS[law.name]), atol=1e-12)
    above = tf.constant(np.random.default_rng(0).normal(size=logits.shape))
    with tf.GradientTape() as tape:
        tape.watch(logits)
        mean = law.mean(logits)
    np.testing.assert_allclose(law.pull(mean, above), tape.gradient(mean, logits, output_gradients=above), atol=1e-12)


def test_all_states_are_there_once(law):
    states = law.all_states(LOGITS[law.name].shape)
    choices = [0.0, 1.0] if law.axes == 1 else [tuple(row) for row in np.eye(3)]
    known = np.array(list(itertools.product(choices, repeat=LOGITS[law.name].shape[0])))
    assert {state.tobytes() for state in states} == {state.tobytes() for state in known.reshape(states.shape)}
    assert len(states) == law.states(LOGITS[law.name].shape) == len(known)


def test_states_are_drawn_as_often_as_they_should(law):
    """A χ² test at 1e-3 with 40,000 draws: a single state that is drawn 15 % too often is found in 99 of 100 tries."""
    logits = tf.constant(LOGITS[law.name], tf.float32)
    noise = law.noise(Chance(tf.constant(key(4))), (40_000, *logits.shape), logits.dtype)
    drawn = law.decide(logits + noise).numpy().reshape(40_000, -1)
    states, mean = law.all_states(tuple(logits.shape)), MEANS[law.name](LOGITS[law.name])
    flat = states.reshape(len(states), -1)
    chances = np.prod(np.where(states > 0, mean, 1 - mean) if law.axes == 1 else (states * mean).sum(-1), -1)
    counts = np.array([(drawn == state).all(1).sum() for state in flat])
    assert counts.sum() == 40_000 and stats.chisquare(counts, 40_000 * chances).pvalue > 1e-3
    tilted = chances.copy()
    tilted[chances.argmax()] *= 1.15
    assert stats.chisquare(counts, 40_000 * tilted / tilted.sum()).pvalue < 1e-3, "the test would see it"


def test_noise_is_finite_at_both_ends_of_what_is_drawn(law):
    ends = open_unit(tf.constant([0, 2**32 - 1], tf.uint32))
    assert 0 < ends[0] < ends[1] < 1 and np.isfinite(law.transform(ends)).all()


def test_the_first_of_several_draws_is_the_one_that_goes_forward(law):
    logits = tf.constant(LOGITS[law.name], tf.float32)
    chance = Chance(tf.constant(key(1)))
    site = Site(law, logits, law.noise(chance.of("noise"), logits.shape, logits.dtype), chance.of("estimate"))
    draws = site.draws(50).numpy()
    np.testing.assert_array_equal(draws[0], site.draw())
    assert len({draw.tobytes() for draw in draws}) > 3


def test_the_gradient_of_the_contract_is_that_of_the_expectation(law):
    """The sum over states that contracts are held against, by a tape through the probabilities."""
    event = objectives.EVENTS[law.name]
    logits = np.random.default_rng(5).normal(size=event)
    values = objectives.objective(law, event)(tf.constant(law.all_states(event)))
    states, given = tf.constant(law.all_states(event)), tf.constant(logits)
    with tf.GradientTape() as tape:
        tape.watch(given)
        mean = law.mean(given)
        each = states * mean + (1 - states) * (1 - mean) if law.axes == 1 else tf.reduce_sum(states * mean, -1)
        expected = tf.reduce_sum(tf.reduce_prod(each, -1) * values)
    np.testing.assert_allclose(
        objectives.gradient(law, logits, values.numpy()), tape.gradient(expected, given), atol=1e-12
    )
