"""What networks are made of: starts of weights, batch norm and losses, for one replica."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import tensorflow as tf

from steeplechase.random import Chance

EPSILON = 1e-4  # batch norm, as in BinaryNet's code

Statistics = tuple[tf.Tensor, tf.Tensor]


def glorot_uniform(chance: Chance, shape: tuple[int, ...], scale: float = 1.0) -> tf.Tensor:
    """Weights before training: uniform, of the variance 2/(fan-in + fan-out) times scale².

    Args:
        chance: of this parameter alone.
        shape: (inputs, outputs), or of a filter (height, width, inputs, outputs).
        scale: multiplies them.

    Returns:
        float32 of this shape.
    """
    reach = scale * math.sqrt(6 / fans(shape))
    return (chance.uniform(shape) * 2 - 1) * reach


def fans(shape: tuple[int, ...]) -> int:
    """Fan-in and fan-out of weights together.

    Args:
        shape: (inputs, outputs), or of a filter (height, width, inputs, outputs).

    Returns:
        Their sum.
    """
    return math.prod(shape[:-2]) * sum(shape[-2:])


def start(chance: Chance, sizes: Mapping[str, tuple[int, ...]], dtype: str, scale: float = 1.0) -> dict[str, tf.Tensor]:
    """Parameters before training: weights as `glorot_uniform` has them, shifts at 0, all others at 1.

    Args:
        chance: each parameter has a stream of its own name.
        sizes: their shapes; the name of weights ends with `weights`, that of a shift with `shift`.
        dtype: of the tensors.
        scale: multiplies the weights.

    Returns:
        By name.
    """
    parameters = {}
    for name, shape in sizes.items():
        if name.endswith("weights"):
            parameters[name] = tf.cast(glorot_uniform(chance.of(name), shape, scale), dtype)
        else:
            parameters[name] = (tf.zeros if name.endswith("shift") else tf.ones)(shape, dtype)
    return parameters


def step_flops(batch: int, kernels: Sequence[tuple[int, ...]]) -> float:
    """Operations of a training step: three products a layer, two in the first, whose input needs no gradient.

    Args:
        batch: examples of a step.
        kernels: the shapes of the weights, the first layer's first; of a filter with the places that it looks at in
            front.

    Returns:
        Multiplications and additions.
    """
    return 2.0 * batch * (3 * sum(map(math.prod, kernels)) - math.prod(kernels[0]))


def batch_norm(
    h: tf.Tensor, scale: tf.Tensor, shift: tf.Tensor, statistics: Statistics | None
) -> tuple[tf.Tensor, Statistics]:
    """A product, normalised by its mean and variance over the examples, and over places where it is of images.

    Args:
        h: [examples, units] or [examples, height, width, units].
        scale: [units].
        shift: [units].
        statistics: mean and variance, [units] each; None: its own.

    Returns:
        (normalised, of the shape of h; the statistics that were used).
    """
    if statistics is None:
        axes = list(range(h.shape.rank - 1))
        mean = tf.reduce_mean(h, axes)
        statistics = mean, tf.reduce_mean(tf.square(h - mean), axes)
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
