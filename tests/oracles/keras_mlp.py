"""The binarized MLP once more, in plain Keras: an independent reference that shares nothing but the data with ours."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from tasks.data.sets import load
from tasks.data.split import Splits, split

KNOWN = 2048  # training examples whose statistics replace the moving ones
EPSILON = 1e-4  # of batch norm
SLOPES = {  # from the papers' formulas, with all parameters 1
    "sigmoid_derivative": lambda x: tf.sigmoid(x) * tf.sigmoid(-x),
    "ste": tf.ones_like,
    "tanh_slope": lambda x: 1 - tf.tanh(x) ** 2,
    "ste_clipped": lambda x: tf.cast(tf.abs(x) <= 1, x.dtype),
    "zero": tf.zeros_like,
}


def parts(data: str, labels: str | None) -> Splits:
    """The examples, split as the task's defaults split them."""
    return split(load(data, labels), seed=0, validation=0.2, test=0.2)


def sign(slope: str):
    """The operation: sign with sign(0) = +1 forward, the upstream gradient times the slope backward."""

    @tf.custom_gradient
    def operation(x):
        return tf.where(x >= 0, tf.ones_like(x), -tf.ones_like(x)), lambda upstream: upstream * SLOPES[slope](x)

    return operation


class HardDense(keras.layers.Layer):
    """A product with the signs of its weights; the latent weights start Glorot-uniform."""

    def __init__(self, units: int, slope: str, seed: int):
        super().__init__()
        self.units, self.hard, self.start = units, sign(slope), keras.initializers.GlorotUniform(seed)

    def build(self, shape):
        self.latent = self.add_weight(name="latent", shape=(shape[-1], self.units), initializer=self.start)

    def call(self, x):
        return tf.matmul(x, self.hard(tf.convert_to_tensor(self.latent)))


class HardActivation(keras.layers.Layer):
    """The sign of every number."""

    def __init__(self, slope: str):
        super().__init__()
        self.hard = sign(slope)

    def call(self, x):
        return self.hard(x)


def layers(slope: str, features: int, hidden: Sequence[int], classes: int, seed: int) -> keras.Sequential:
    """Products, batch norm and hard activations in turn; the outputs are normalised as well."""
    found = [keras.Input([features])]
    for i, width in enumerate([*hidden, classes]):
        found += [HardDense(width, slope, 1000 * seed + i), keras.layers.BatchNormalization(epsilon=EPSILON)]
        found += [HardActivation(slope)] if i < len(hidden) else []
    return keras.Sequential(found)


def network(
    slope: str, features: int, hidden: Sequence[int], classes: int, learning_rate: float, seed: int, optimizer: str
) -> keras.Sequential:
    """The compiled model."""
    model = layers(slope, features, hidden, classes, seed)
    model.compile(
        optimizer=keras.optimizers.get({"class_name": optimizer, "config": {"learning_rate": learning_rate}}),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def batches(x: np.ndarray, y: np.ndarray, batch: int, seed: int) -> tf.data.Dataset:
    """Batches without end: every epoch in a new order and without its last, incomplete batch."""
    examples = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(len(y), seed=seed, reshuffle_each_iteration=True)
    return examples.batch(batch, drop_remainder=True).repeat().prefetch(tf.data.AUTOTUNE)


def settle(model: keras.Sequential, known: np.ndarray) -> None:
    """Replaces every layer's moving statistics by those of these examples, layer by layer from the input on."""
    x = known
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            values = np.asarray(x, np.float64)
            layer.moving_mean.assign(values.mean(0))
            layer.moving_variance.assign(values.var(0))
        x = layer(x)  # outside of fit, batch norm uses its moving statistics


def train(
    slope: str,
    data: str,
    labels: str | None,
    hidden: Sequence[int],
    learning_rate: float,
    steps: int,
    batch: int,
    seed: int,
    optimizer: str = "Adam",
) -> float:
    """One training from its start to its end; returns the test accuracy. optimizer: a Keras class name."""
    examples = parts(data, labels)
    x, y = examples.train.x, examples.train.y
    model = network(slope, x.shape[1], hidden, examples.train.classes, learning_rate, seed, optimizer)
    model.fit(batches(x, y, batch, seed), steps_per_epoch=steps, verbose=0, shuffle=False)  # they come shuffled
    settle(model, x[:KNOWN])
    return model.evaluate(examples.test.x, examples.test.y, batch_size=1024, verbose=0, return_dict=True)["accuracy"]
