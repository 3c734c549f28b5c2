"""The generator: its published answer, its distribution, and that its bits are the same everywhere."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from steeplechase.random import Chance, inverse_normal, key, open_unit, threefry


def test_published_answers():
    """The known-answer vectors of Random123 1.14.0 for threefry2x32 with 20 rounds."""
    ones = 0xFFFFFFFF
    vectors = [
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((ones, ones), (ones, ones), (0x1CB996FC, 0xBB002BE7)),
        ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
    ]
    for k, x, answer in vectors:
        got = threefry(*(tf.constant([v], tf.uint32)[0] for v in (*k, *x)))
        assert tuple(int(v) for v in got) == answer


def draws(k):
    chance = Chance(k).of("weights").at(7)
    return chance.bits([3, 5]), chance.uniform([40]), chance.open_uniform([40]), chance.permutation(50)


def test_by_loops_the_bits_are_the_same():
    stream = Chance(tf.constant(key(5))).at(3)
    for one in (stream, stream.of("a", 1)):
        looped = Chance(one.key, looped=True)
        np.testing.assert_array_equal(looped.bits([7, 31]), one.bits([7, 31]))
        np.testing.assert_array_equal(looped.of("b").at(2).key, one.of("b").at(2).key)
        assert looped.of("b").looped and not one.of("b").looped


def test_the_same_bits_in_eager_graph_xla_and_vectorized():
    keys = tf.constant(np.stack([key(seed) for seed in range(4)]))
    mapped = tf.vectorized_map(draws, keys, fallback_to_while_loop=False)
    for i in range(4):
        for way in (draws, tf.function(draws), tf.function(draws, jit_compile=True)):
            for one, all_of_them in zip(way(keys[i]), mapped, strict=True):
                np.testing.assert_array_equal(one, all_of_them[i])


@pytest.mark.parametrize(
    "draw, law", [("uniform", stats.uniform), ("open_uniform", stats.uniform), ("normal", stats.norm)]
)
def test_distribution(draw, law):
    """Kolmogorov-Smirnov on 20,000 draws: it sees a shift of 0.03 standard deviations nine times in ten."""
    x = getattr(Chance(key(3)).of("x"), draw)([20_000]).numpy()
    assert stats.kstest(x, law.cdf).pvalue > 1e-3
    assert stats.kstest(x + 0.03 * law.std(), law.cdf).pvalue < 1e-3, "the test must be able to fail"


def test_permutation_is_one_and_every_place_is_as_likely():
    orders = np.stack([Chance(key(seed)).permutation(12).numpy() for seed in range(600)])
    assert (np.sort(orders, 1) == np.arange(12)).all()
    counts = np.stack([np.bincount(orders[:, place], minlength=12) for place in range(12)])
    assert stats.chisquare(counts.ravel()).pvalue > 1e-3


def test_streams_differ_by_seed_word_and_step_and_nothing_is_used_up():
    base = Chance(key(0)).of("a")
    streams = [base, Chance(key(1)).of("a"), Chance(key(0)).of("b"), base.at(0), base.at(1), base.of("a")]
    first = [tuple(s.bits([4]).numpy()) for s in streams]
    assert len(set(first)) == len(streams)
    assert [tuple(s.bits([4]).numpy()) for s in streams] == first


def test_the_open_interval_is_exact_and_its_normal_is_finite_and_symmetric():
    """Over all 2²³ draws that there are."""
    u = open_unit(tf.constant(np.arange(2**23, dtype=np.uint32) * 512 + 511))
    np.testing.assert_array_equal(u.numpy().astype(np.float64), (np.arange(2**23) + 0.5) / 2**23)
    for call in (inverse_normal, tf.function(inverse_normal, jit_compile=True)):
        x = call(u).numpy()
        assert np.isfinite(x).all() and 5.2 < x.max() < 5.3
        np.testing.assert_array_equal(x, -x[::-1])


def test_the_draw_that_was_infinite():
    """Seed 1861 draws the largest number that there is, as coordinate 1854 of its start."""
    chance = Chance(Chance(tf.constant(key(1861))).of("start").key)
    assert chance.bits([4096])[1854].numpy() >> 8 == 2**24 - 1
    x = chance.normal([4096]).numpy()
    assert np.isfinite(x).all() and x.argmax() == 1854
