"""Keras: a model and `fit`, with its defaults, or with jit_compile and an epoch's steps per execution."""

import keras
import numpy as np
import tensorflow as tf

from tests.perf.peers.tf_loop import notebook_sign, sign
from tests.perf.problems import ADAM, ALPHA, BATCH, BATCH_NORM_EPSILON, BETA


@tf.custom_gradient
def spike(x):
    """1 from zero on, else 0; the sigmoid's derivative backward."""
    return tf.cast(x >= 0, x.dtype), lambda up: up * tf.sigmoid(x) * tf.sigmoid(-x)


class HardDense(keras.layers.Layer):
    """A product with the signs of its weights."""

    def __init__(self, units):
        super().__init__()
        self.units = units

    def build(self, shape):
        self.latent = self.add_weight(shape=(shape[-1], self.units))

    def call(self, x):
        return tf.matmul(x, sign(tf.convert_to_tensor(self.latent)))


class HardConvolution(keras.layers.Layer):
    """A convolution with the signs of its filters."""

    def __init__(self, filters):
        super().__init__()
        self.filters = filters

    def build(self, shape):
        self.latent = self.add_weight(shape=(3, 3, shape[-1], self.filters))

    def call(self, x):
        return tf.nn.conv2d(x, sign(tf.convert_to_tensor(self.latent)), 1, "SAME")


class HardActivation(keras.layers.Layer):
    """The sign of every number."""

    def call(self, x):
        return sign(x)


class Leaky(keras.layers.Layer):
    """A cell of leaky neurons, in which every product is done before: their potentials."""

    def __init__(self, units):
        super().__init__()
        self.state_size, self.output_size = [units, units], units

    def call(self, arriving, states):
        v, i = states
        v, i = BETA * v + i, ALPHA * i + arriving
        return v, [v, i]


class Spiking(Leaky):
    """A cell of those that spike, and are reset: their spikes."""

    def call(self, arriving, states):
        fired = spike(states[0] - 1)
        _, [v, i] = super().call(arriving, states)
        return fired, [v * (1 - tf.stop_gradient(fired)), i]


class Scalars(keras.layers.Layer):
    """The notebook's scalars, of which the model's input tells nothing."""

    def __init__(self, count):
        super().__init__()
        self.scalars = self.add_weight(shape=(count,), initializer=keras.initializers.Constant(-1.0))

    def call(self, x):
        return notebook_sign(tf.convert_to_tensor(self.scalars))[None] + 0 * x


class Network:
    """The binarized MLP, the binarized network of convolutions, or the network that spikes."""

    def __init__(self, case):
        keras.config.set_floatx(case.precision)
        keras.config.set_dtype_policy(case.precision)
        self.unit = len(case.x) // BATCH
        used = self.unit * BATCH  # whole batches
        self.x, self.y = case.x.astype(case.precision), case.y
        self.epoch = self.x[:used], self.y[:used]
        layers = spiking(case) if case.problem.duration else binarized(case)
        self.model = keras.Sequential([keras.Input(self.x.shape[1:]), *layers])
        for variable, value in zip(self.model.trainable_variables, sum(case.layers(), ()), strict=True):
            variable.assign(value[0])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self.model.compile(adam(case), loss, **execution(case, self.unit))

    def train(self, units):
        """Whole epochs, each in a new order."""
        self.model.fit(*self.epoch, batch_size=BATCH, epochs=units, verbose=0)

    def follow(self, batches):
        """These batches: `fit` in the order that is given."""
        picks = batches[:, 0].reshape(-1)
        self.model.fit(self.x[picks], self.y[picks], batch_size=BATCH, shuffle=False, verbose=0)

    def losses(self, batches):
        """One loss, with the batch's statistics."""
        outputs = self.model(self.x[batches[0]], training=True)
        return [float(self.model.loss(self.y[batches[0]], outputs))]


def binarized(case):
    """The layers of what has hard weights."""
    layers, filters = [], len(case.problem.hidden)
    pooled = range(filters - (case.problem.pools or 0), filters)
    for i, (weights, _, _) in enumerate(case.layers()):
        if weights.ndim == 5:  # a filter for each replica
            layers += [] if i else [keras.layers.Reshape([28, 28, 1])]
            layers += [HardConvolution(weights.shape[-1])]
            layers += [keras.layers.MaxPooling2D()] if i in pooled else []
        else:
            layers += [] if case.problem.pools is None else [keras.layers.Flatten()]
            layers += [HardDense(weights.shape[2])]
        layers += [keras.layers.BatchNormalization(epsilon=BATCH_NORM_EPSILON), HardActivation()]
    return layers[:-1]


def spiking(case):
    """The layers of what spikes, read out by the largest potential over time; the padding is that of the begin."""
    layers = []
    for units, cell in zip(case.problem.widths[1:], (Spiking, Leaky), strict=True):
        layers += [keras.layers.Dense(units, use_bias=False), keras.layers.RNN(cell(units), return_sequences=True)]
    return [*layers, keras.layers.ZeroPadding1D((1, 0)), keras.layers.GlobalMaxPooling1D()]


class Notebook:
    """The scalars, as one layer; an example is a step."""

    unit = 1000

    def __init__(self, case):
        keras.config.set_floatx(case.precision)
        keras.config.set_dtype_policy(case.precision)
        self.examples = np.zeros([self.unit, 1], case.precision)
        self.model = keras.Sequential([keras.Input([1]), Scalars(case.replicas)])
        self.model.compile(adam(case), lambda y, out: tf.reduce_sum(0.5 * tf.square(out - 1)), **execution(case, 100))

    def train(self, units):
        """Steps."""
        self.model.fit(self.examples, self.examples, batch_size=1, epochs=units, verbose=0)

    def follow(self, batches):
        """As many steps: there are no batches."""
        count = len(batches)
        self.model.fit(self.examples[:count], self.examples[:count], batch_size=1, verbose=0)

    def losses(self, _batches):
        """Each replica's loss."""
        return (0.5 * tf.square(self.model(self.examples[:1])[0] - 1)).numpy().tolist()


def adam(case):
    """Keras' own."""
    return keras.optimizers.Adam(case.problem.rate, **ADAM)


def execution(case, steps):
    """What `compile` is told: nothing, or to jit, and to run so many steps at a time."""
    return {"jit_compile": True, "steps_per_execution": steps} if case.variant == "steps" else {}
