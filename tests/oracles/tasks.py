"""Tiny tasks that are not in the book: to show what the contract carries, and to break in known ways."""

import dataclasses

import numpy as np
import tensorflow as tf

from tasks.base import Task


def _examples(shape, seed=0):
    draw = np.random.Generator(np.random.PCG64(seed))
    x = draw.normal(0, 1, [48, *shape]).astype(np.float32)
    return x, (x.reshape(48, -1).mean(1) > 0).astype(np.int32)


def _task(name, sizes, weights, logits, x, y, batch=8):
    def start(chance, problem):
        return {name: chance.of(name).normal(shape) * 0.5 for name, shape in sizes.items()}

    def entropy(parameters, x, y, hard):
        out = logits(parameters, x, hard)
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=out)), out

    def loss(parameters, batch, hard, chance, problem):
        return entropy(parameters, *batch, hard)[0], {}

    known = tf.constant(x), tf.constant(y)

    def judge(parameters, hard, problem):
        value, out = entropy(parameters, *known, hard)
        right = tf.reduce_mean(tf.cast(tf.argmax(out, -1, tf.int32) == known[1], tf.float32))
        return {"validation_loss": value, "validation_accuracy": right, "test_loss": value, "test_accuracy": right}

    return Task(
        name=name,
        label=name,
        start=start,
        loss=loss,
        judge=judge,
        measures={},
        selects="validation_accuracy",
        reports="test_accuracy",
        target=("validation_accuracy", 0.9),
        sizes=sizes,
        flops=1.0,
        weights=weights,
        examples=(x, y),
        batch=batch,
    )


def recurrent(steps: int = 6, units: int = 10) -> Task:
    """Spiking units unrolled over time: each fires (hard), its own spike resets it, and the spikes are summed."""
    x, y = _examples([steps, 3])
    sizes = {"in": (3, units), "back": (units, units), "out": (units, 2)}

    def logits(parameters, x, hard):
        voltage = tf.zeros([x.shape[0], units])
        spikes, total = voltage, voltage
        for t in range(steps):
            voltage = 0.9 * voltage * (1 - spikes) + x[:, t] @ parameters["in"] + spikes @ parameters["back"]
            spikes = hard(voltage - 0.5, at=f"step{t}/activations")
            total += spikes
        return total @ parameters["out"]

    return _task("recurrent", sizes, (), logits, x, y)


def convolutional(filters: int = 6) -> Task:
    """One convolution with hard weights and hard activations, as patches and a matrix product."""
    x, y = _examples([6, 6, 1])
    sizes = {"kernel": (9, filters), "out": (filters, 2)}
    corners = np.arange(4)[:, None] * 6 + np.arange(4)  # of the patches, in the flattened image
    pixels = corners.reshape(16, 1) + (np.arange(3)[:, None] * 6 + np.arange(3)).reshape(1, 9)

    def logits(parameters, x, hard):
        patches = tf.gather(tf.reshape(x, [-1, 36]), pixels, axis=1)  # [examples, 16, 9]
        products = tf.reshape(patches, [-1, 9]) @ hard(parameters["kernel"], at="kernel/weights")
        h = tf.reshape(hard(products, at="kernel/activations"), [-1, 16, filters])
        return tf.reduce_mean(h, 1) @ parameters["out"]

    return _task("convolutional", sizes, ("kernel",), logits, x, y)


def one_at_a_time(filters: int = 6) -> Task:
    """The same as `convolutional` by TensorFlow's own convolution, and not mapped over replicas."""
    patches = convolutional(filters)
    x, y = patches.examples

    def logits(parameters, x, hard):
        kernel = tf.reshape(hard(parameters["kernel"], at="kernel/weights"), [3, 3, 1, filters])
        h = hard(tf.nn.conv2d(x, kernel, 1, "VALID"), at="kernel/activations")
        return tf.reduce_mean(h, [1, 2]) @ parameters["out"]

    task = _task("one_at_a_time", patches.sizes, ("kernel",), logits, x, y)
    return dataclasses.replace(task, mapped=False)


def exploding() -> Task:
    """A loss that is finite until x passes 3.5: replicas with a large rate diverge, the others do not."""

    def loss(parameters, batch, hard, chance, problem):
        x = parameters["x"]
        return tf.reduce_sum(0 * tf.sqrt(3.5 - x) - x), {}

    return Task(
        name="exploding",
        label="exploding",
        start=lambda chance, problem: {"x": tf.zeros([1])},
        loss=loss,
        judge=lambda parameters, hard, problem: {"validation_loss": -tf.reduce_sum(parameters["x"])},
        measures={},
        selects="validation_loss",
        reports="validation_loss",
        target=("validation_loss", -10.0),
        sizes={"x": (1,)},
        flops=1.0,
    )
