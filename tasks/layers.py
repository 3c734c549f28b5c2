"""What networks are made of: starts of weights, batch norm and losses, for one replica."""

from __future__ import annotations

import math

import tensorflow as tf

from steeplechase.random import Chance

EPSILON = 1e-4  # batch norm, as in BinaryNet's code

Statistics = tuple[tf.Tensor, tf.Tensor]


def glorot_uniform(chance: Chance, shape: tuple[int, ...], scale: float = 1.0) -> tf.Tensor:
    """Weights before training: uniform, of the variance 2/(fan-in + fan-out) times scale².

    Args:
        chance: of this parameter alone.
        shape: (fan-in, fan-out).
        scale: multiplies them.

    Returns:
        float32 of this shape.
    """
    reach = scale * math.sqrt(6 / sum(shape))
    return (chance.uniform(shape) * 2 - 1) * reach


def batch_norm(
    h: tf.Tensor, scale: tf.Tensor, shift: tf.Tensor, statistics: Statistics | None
) -> tuple[tf.Tensor, Statistics]:
    """A product, normalised by its mean and variance over the examples.

    Args:
        h: [examples, units].
        scale: [units].
        shift: [units].
        statistics: mean and variance, [units] each; None: its own.

    Returns:
        (normalised [examples, units], the statistics that were used).
    """
    if statistics is None:
        mean = tf.reduce_mean(h, 0)
        statistics = mean, tf.reduce_mean(tf.square(h - mean), 0)
    mean, variance = statistics
    return (h - mean) * (scale * tf.math.rsqrt(variance + EPSILON)) + shift, statistics


def losses(kind: str, outputs: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """The loss of each example.

    Args:
        kind: `cross_entropy` or `squared_hinge`, with targets ±1 as in BinaryNet.
        outputs: [examples, classes].
        y: int32 [examples].

    Returns:
        [examples].
    """
    if kind == "cross_entropy":
        return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=outputs)
    signs = 2 * tf.one_hot(y, outputs.shape[-1], dtype=outputs.dtype) - 1
    return tf.reduce_mean(tf.square(tf.nn.relu(1 - signs * outputs)), -1)
