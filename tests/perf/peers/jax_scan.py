"""JAX: one replica's steps in a scan, replicas by vmap, all of it jitted; Adam is optax's."""

import jax
import jax.numpy as jnp
import optax
from jax import lax

from tests.perf.problems import ADAM, ALPHA, BATCH, BATCH_NORM_EPSILON, BETA

jax.config.update("jax_default_matmul_precision", "highest")  # on a GPU the default is not float32


@jax.custom_vjp
def sign(x):
    """Sign forward with sign(0) = +1, the sigmoid's derivative backward."""
    return jnp.where(x >= 0, 1.0, -1.0).astype(x.dtype)


@jax.custom_vjp
def notebook_sign(x):
    """The same with sign(0) = −1."""
    return jnp.where(x > 0, 1.0, -1.0).astype(x.dtype)


@jax.custom_vjp
def spike(x):
    """1 from zero on, else 0, with the same slope."""
    return (x >= 0).astype(x.dtype)


def slope(x, upstream):
    """The backward pass of all."""
    return (upstream * jax.nn.sigmoid(x) * jax.nn.sigmoid(-x),)


sign.defvjp(lambda x: (sign(x), x), slope)
notebook_sign.defvjp(lambda x: (notebook_sign(x), x), slope)
spike.defvjp(lambda x: (spike(x), x), slope)


def network_loss(layers, x, y):
    """The cross-entropy of the binarized MLP at a batch."""
    for i, (weights, scale, shift) in enumerate(layers):
        h = x @ sign(weights)
        h = (h - h.mean(0)) * lax.rsqrt(h.var(0) + BATCH_NORM_EPSILON) * scale + shift
        x = sign(h) if i < len(layers) - 1 else h
    return optax.softmax_cross_entropy_with_integer_labels(x, y).mean()


def spiking_loss(layers, x, y):
    """The cross-entropy of the network that spikes, read out by the largest potentials over time."""

    def spiking(state, now):
        v, i = state
        fired = spike(v - 1)
        return ((BETA * v + i) * (1 - lax.stop_gradient(fired)), ALPHA * i + now), fired

    def leaking(state, now):
        v, i = state
        return (BETA * v + i, ALPHA * i + now), v

    (first,), (second,) = layers
    arriving = x.swapaxes(0, 1) @ first
    _, fired = lax.scan(spiking, (jnp.zeros_like(arriving[0]),) * 2, arriving)
    arriving = fired @ second
    (last, _), potentials = lax.scan(leaking, (jnp.zeros_like(arriving[0]),) * 2, arriving)
    logits = jnp.concatenate([potentials, last[None]]).max(0)
    return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()


def notebook_loss(x):
    """Of one scalar."""
    return 0.5 * (notebook_sign(x) - 1) ** 2


def steps(loss, optimizer, state, batches, length=None):
    """Steps of one replica: state = (parameters, Adam's moments) after them."""

    def step(state, batch):
        parameters, moments = state
        updates, moments = optimizer.update(jax.grad(loss)(parameters, *batch), moments)
        return (optax.apply_updates(parameters, updates), moments), None

    return lax.scan(step, state, batches, length)[0]


class Network:
    """The binarized MLP, or the network that spikes, `replicas` of them in one program."""

    def __init__(self, case):
        jax.config.update("jax_enable_x64", case.precision == "float64")
        optimizer = adam(case)
        self.x, self.y = jnp.asarray(case.x, case.precision), jnp.asarray(case.y)
        self.unit = unit = len(case.x) // BATCH
        layers = jax.tree.map(jnp.asarray, case.layers())
        self.state = layers, jax.vmap(optimizer.init)(layers)
        self.keys = jax.random.split(jax.random.key(0), case.replicas)
        self.loss = spiking_loss if case.problem.duration else network_loss

        def follow(state, picks, x, y):
            def loss(layers, picks):
                return self.loss(layers, x[picks], y[picks])

            return steps(loss, optimizer, state, (picks,))

        def epoch(state, key, x, y):
            key, draw = jax.random.split(key)
            order = jax.random.permutation(draw, len(x))[: unit * BATCH]
            return follow(state, order.reshape(unit, BATCH), x, y), key

        self._epoch = jax.jit(jax.vmap(epoch, (0, 0, None, None)), donate_argnums=0)
        self._follow = jax.jit(jax.vmap(follow, (0, 1, None, None)))

    def train(self, units):
        """Whole epochs, each in a new order."""
        for _ in range(units):
            self.state, self.keys = self._epoch(self.state, self.keys, self.x, self.y)
        jax.block_until_ready(self.state)

    def follow(self, batches):
        """These batches."""
        self.state = self._follow(self.state, jnp.asarray(batches), self.x, self.y)

    def losses(self, batches):
        """Each replica's loss at its batch."""
        return jax.vmap(self.loss)(self.state[0], self.x[batches], self.y[batches]).tolist()


class Notebook:
    """The scalars."""

    def __init__(self, case):
        jax.config.update("jax_enable_x64", case.precision == "float64")
        self.unit = 100_000 if case.replicas == 1 else 10_000
        optimizer = adam(case)
        x = jnp.full([case.replicas], -1.0, case.precision)
        self.state = x, jax.vmap(optimizer.init)(x)

        def run(state, length):
            return steps(notebook_loss, optimizer, state, (), length)

        self._run = jax.jit(jax.vmap(run, (0, None)), static_argnums=1)

    def train(self, units):
        """Steps."""
        for _ in range(units):
            self.state = self._run(self.state, self.unit)
        jax.block_until_ready(self.state)

    def follow(self, batches):
        """As many steps: there are no batches."""
        self.state = self._run(self.state, len(batches))

    def losses(self, _batches):
        """Each replica's loss."""
        return jax.vmap(notebook_loss)(self.state[0]).tolist()


def adam(case):
    """Optax's own; where it is asked for, with Keras' epsilon, which depends on the step."""
    b1, b2, epsilon = ADAM.values()
    if not case.keras_epsilon:
        return optax.adam(case.problem.rate, b1, b2, epsilon)
    of_step = lambda count: epsilon / jnp.sqrt(1 - b2 ** (count + 1.0))  # noqa: E731
    return optax.inject_hyperparams(optax.adam)(case.problem.rate, b1, b2, of_step)
