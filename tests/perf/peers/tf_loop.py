"""TensorFlow: the loop over an epoch's batches within one tf.function; and the notebook's own eager loop."""

import keras
import tensorflow as tf

from tests.perf.problems import ADAM, BATCH, BATCH_NORM_EPSILON

tf.config.experimental.enable_tensor_float_32_execution(False)


@tf.custom_gradient
def sign(x):
    """Sign forward with sign(0) = +1, the sigmoid's derivative backward."""
    return tf.where(x >= 0, tf.ones_like(x), -tf.ones_like(x)), lambda up: up * tf.sigmoid(x) * tf.sigmoid(-x)


@tf.custom_gradient
def notebook_sign(x):
    """The same with sign(0) = −1."""
    return tf.where(x > 0, tf.ones_like(x), -tf.ones_like(x)), lambda up: up * tf.sigmoid(x) * tf.sigmoid(-x)


class Network:
    """The binarized MLP."""

    def __init__(self, case):
        self.x, self.y = tf.constant(case.x, case.precision), tf.constant(case.y)
        self.unit = len(case.x) // BATCH
        self.layers = [tuple(tf.Variable(part[0]) for part in layer) for layer in case.layers()]
        self.variables = [v for layer in self.layers for v in layer]
        self.optimizer = adam(case, self.variables)

    def loss(self, x, y):
        """The cross-entropy at a batch, with its statistics."""
        for i, (weights, scale, shift) in enumerate(self.layers):
            h = x @ sign(tf.convert_to_tensor(weights))
            h = tf.nn.batch_normalization(h, *tf.nn.moments(h, 0), shift, scale, BATCH_NORM_EPSILON)
            x = sign(h) if i < len(self.layers) - 1 else h
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, x))

    @tf.function
    def follow(self, batches):
        """These batches."""
        for picks in tf.convert_to_tensor(batches)[:, 0]:
            self._step(tf.gather(self.x, picks), tf.gather(self.y, picks))

    @tf.function
    def _epoch(self):
        order = tf.random.shuffle(tf.range(len(self.x)))[: self.unit * BATCH]
        for picks in tf.reshape(order, [self.unit, BATCH]):
            self._step(tf.gather(self.x, picks), tf.gather(self.y, picks))

    def _step(self, x, y):
        with tf.GradientTape() as tape:
            loss = self.loss(x, y)
        self.optimizer.apply_gradients(zip(tape.gradient(loss, self.variables), self.variables, strict=True))

    def train(self, units):
        """Whole epochs, each in a new order."""
        for _ in range(units):
            self._epoch()
        self.variables[0].numpy()

    def losses(self, batches):
        """One loss."""
        return [float(self.loss(tf.gather(self.x, batches[0]), tf.gather(self.y, batches[0])))]


class Notebook:
    """The scalars, as one vector; or the notebook's own: one scalar, eagerly."""

    def __init__(self, case):
        self.eager = case.variant == "eager"
        self.unit = 100 if self.eager else 1000
        self.x = tf.Variable(tf.fill([] if self.eager else [case.replicas], tf.constant(-1.0, case.precision)))
        self.optimizer = adam(case, [self.x])

    def loss(self):
        """Summed over the scalars, which do not interact."""
        return tf.nn.l2_loss(notebook_sign(tf.convert_to_tensor(self.x)) - 1)

    def _step(self):
        with tf.GradientTape() as tape:
            loss = self.loss()
        self.optimizer.apply_gradients([(tape.gradient(loss, self.x), self.x)])

    @tf.function
    def _steps(self, count):
        for _ in tf.range(count):
            self._step()

    def _go(self, count):
        if self.eager:
            for _ in range(count):
                self._step()
        else:
            self._steps(tf.constant(count))

    def train(self, units):
        """Steps."""
        self._go(units * self.unit)
        self.x.numpy()

    def follow(self, batches):
        """As many steps: there are no batches."""
        self._go(len(batches))

    def losses(self, _batches):
        """Each replica's loss."""
        return (0.5 * tf.square(notebook_sign(tf.reshape(self.x, [-1])) - 1)).numpy().tolist()


def adam(case, variables):
    """Keras' Adam, ready for these variables."""
    optimizer = keras.optimizers.Adam(case.problem.rate, **ADAM)
    optimizer.build(variables)
    return optimizer
