"""JAX: one replica's steps in a scan, replicas by vmap, all of it jitted; Adam is optax's."""

import jax
import jax.numpy as jnp
import optax
from jax import lax

from tests.perf.problems import ADAM, BATCH, BATCH_NORM_EPSILON

jax.config.update("jax_default_matmul_precision", "highest")  # on a GPU the default is not float32


@jax.custom_vjp
def sign(x):
    """Sign forward with sign(0) = +1, the sigmoid's derivative backward."""
    return jnp.where(x >= 0, 1.0, -1.0).astype(x.dtype)


@jax.custom_vjp
def notebook_sign(x):
    """The same with sign(0) = −1."""
    return jnp.where(x > 0, 1.0, -1.0).astype(x.dtype)


def slope(x, upstream):
    """The backward pass of both."""
    return (upstream * jax.nn.sigmoid(x) * jax.nn.sigmoid(-x),)


sign.defvjp(lambda x: (sign(x), x), slope)
notebook_sign.defvjp(lambda x: (notebook_sign(x), x), slope)


def network_loss(layers, x, y):
    """The cross-entropy of the binarized MLP at a batch."""
    for i, (weights, scale, shift) in enumerate(layers):
        h = x @ sign(weights)
        h = (h - h.mean(0)) * lax.rsqrt(h.var(0) + BATCH_NORM_EPSILON) * scale + shift
        x = sign(h) if i < len(layers) - 1 else h
    return optax.softmax_cross_entropy_with_integer_labels(x, y).mean()


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
    """The binarized MLP, `replicas` of them in one program."""

    def __init__(self, case):
        jax.config.update("jax_enable_x64", case.precision == "float64")
        optimizer = adam(case)
        self.x, self.y = jnp.asarray(case.x, case.precision), jnp.asarray(case.y)
        self.unit = unit = len(case.x) // BATCH
        layers = jax.tree.map(jnp.asarray, case.layers())
        self.state = layers, jax.vmap(optimizer.init)(layers)
        self.keys = jax.random.split(jax.random.key(0), case.replicas)

        def follow(state, picks, x, y):
            def loss(layers, picks):
                return network_loss(layers, x[picks], y[picks])

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
        return jax.vmap(network_loss)(self.state[0], self.x[batches], self.y[batches]).tolist()


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
    if not case.keras_epsilon:
        return optax.adam(case.problem.rate, eps=ADAM["epsilon"])
    epsilon = lambda count: ADAM["epsilon"] / jnp.sqrt(1 - ADAM["beta_2"] ** (count + 1.0))  # noqa: E731
    return optax.inject_hyperparams(optax.adam)(case.problem.rate, eps=epsilon)
