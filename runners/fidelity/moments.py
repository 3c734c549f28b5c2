"""Moments of many independent calls of an estimator, by running sums in one compiled program: memory does not grow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from steeplechase.random import Chance, key

CHUNK = 1000  # calls at once


@dataclass(frozen=True, eq=False)
class Moments:
    """What many calls of an estimator were.

    Attributes:
        calls: how many.
        mean: float64 [size].
        covariance: float64 [size, size], of one call.
    """

    calls: int
    mean: np.ndarray
    covariance: np.ndarray


def moments(call: Callable[[Chance], tf.Tensor], calls: int, *, seed: int = 0, chunk: int = CHUNK) -> Moments:
    """The mean and the covariance of independent calls.

    Chunks of calls are mapped, and merged one after another in float64 by their means and centred products (Chan,
    Golub, LeVeque 1983, doi:10.1080/00031305.1983.10483115).

    Args:
        call: of a stream of chance, one estimate of any shape; it has to vectorise.
        calls: how many at least; they are rounded up to whole chunks.
        seed: of all chance.
        chunk: how many calls at once.

    Returns:
        The moments, the estimates' elements in one row.
    """
    chunks = -(-calls // chunk)

    def one(number):
        return tf.cast(tf.reshape(call(Chance(tf.constant(key(seed))).at(number)), [-1]), tf.float64)

    def add(number, mean, products):
        found = tf.vectorized_map(one, number * chunk + tf.range(chunk), fallback_to_while_loop=False)
        own = tf.reduce_mean(found, 0)
        away = found - own
        apart, before = own - mean, tf.cast(number, tf.float64)
        together = products + tf.matmul(away, away, transpose_a=True)
        together += apart[:, None] * apart[None, :] * chunk * before / (before + 1)
        return number + 1, mean + apart / (before + 1), together

    size = tf.function(one, autograph=False).get_concrete_function(tf.TensorSpec([], tf.int32)).output_shapes[0]

    def run():
        start = tf.constant(0), tf.zeros([size], tf.float64), tf.zeros([size, size], tf.float64)
        return tf.while_loop(lambda number, *_: number < chunks, add, start, parallel_iterations=1)

    _, mean, products = tf.function(run, jit_compile=True, autograph=False)()
    total = chunks * chunk
    return Moments(total, mean.numpy(), products.numpy() / (total - 1))
