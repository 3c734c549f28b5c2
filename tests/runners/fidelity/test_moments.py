"""Running moments of many calls, against NumPy's of the same calls."""

import numpy as np
import tensorflow as tf

from runners.fidelity.moments import moments
from steeplechase.random import Chance, key


def call(chance):
    draws = chance.normal([2, 2])
    return draws * tf.constant([[1.0, 2.0], [0.5, 10.0]]) + tf.constant([[0.0, 1e4], [1.0, -1.0]]) + draws[0, 0]


def test_moments_are_those_of_all_calls_together():
    found = moments(call, 700, seed=5, chunk=100)
    calls = tf.vectorized_map(lambda number: call(Chance(tf.constant(key(5))).at(number)), tf.range(700))
    calls = calls.numpy().reshape(700, -1).astype(float)
    assert found.calls == 700
    np.testing.assert_allclose(found.mean, calls.mean(0), rtol=1e-9, atol=1e-7)
    np.testing.assert_allclose(found.covariance, np.cov(calls.T), rtol=1e-5, atol=1e-5)


def test_calls_are_rounded_up_to_whole_chunks_and_follow_the_seed():
    one, same, other = (moments(call, 150, seed=seed, chunk=100) for seed in (0, 0, 1))
    assert one.calls == 200
    np.testing.assert_array_equal(one.mean, same.mean)
    assert (one.mean != other.mean).all()
