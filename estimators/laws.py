"""Laws of hard values that are drawn: what noise decides them, their mean, and all that may be drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from steeplechase.random import Chance


@dataclass(frozen=True)
class Law:
    """How a hard value is drawn: noise is added to the logits, and a hard function decides.

    Attributes:
        name: the field's word.
        axes: how many of the last axes are drawn at once, and so belong to one value of an objective: 1 of bits
            [..., bits], 2 of choices [..., variables, choices].
        transform: what makes the noise of uniform numbers strictly between 0 and 1.
        decide: the hard value of logits with noise; of logits alone it is the likeliest.
        mean: the mean of the hard value, a function of the logits.
        pull: pull(mean, G): the gradient by the logits of what has the gradient G by this mean.
        given: given(logits, drawn, u): logits with noise, drawn again by uniform numbers u among those that decide as
            they did; of choices less the logarithm of the sum of exp(logits). Differentiable by the logits.
        states: how many there are for the shape of the last `axes` axes.
        state: the states of such a shape by their numbers from 0, int32 [n] -> [n, shape], of a dtype.
    """

    name: str
    axes: int
    transform: Callable[[tf.Tensor], tf.Tensor]
    decide: Callable[[tf.Tensor], tf.Tensor]
    mean: Callable[[tf.Tensor], tf.Tensor]
    pull: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    given: Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]
    states: Callable[[tuple[int, ...]], int]
    state: Callable[[tf.Tensor, tuple[int, ...], tf.DType], tf.Tensor]

    def noise(self, chance: Chance, shape: Iterable[int], dtype: tf.DType) -> tf.Tensor:
        """What decides draws, independent for every element.

        Args:
            chance: what it is drawn from.
            shape: of the logits, which are added.
            dtype: of the logits.

        Returns:
            Finite noise.
        """
        return self.transform(tf.cast(chance.open_uniform(tuple(shape)), dtype))

    def event(self, shape) -> tuple[int, ...]:
        """The last axes of a shape, which are drawn at once."""
        return tuple(shape)[-self.axes :]

    def values(self, shape) -> tuple[int, ...]:
        """The other axes: those of the values of an objective."""
        return tuple(shape)[: -self.axes]

    def all_states(self, shape: tuple[int, ...]) -> np.ndarray:
        """Every hard value of these last axes, float64 [states, shape], in the order of `state`."""
        return self.state(tf.range(self.states(shape)), shape, tf.float64).numpy()

    def times(self, values: tf.Tensor, of_each: tf.Tensor) -> tf.Tensor:
        """A value for each draw times what stands at each of its elements.

        Args:
            values: [...].
            of_each: [..., event].

        Returns:
            The shape of `of_each`.
        """
        return tf.reshape(values, [*values.shape, *[1] * self.axes]) * of_each


def first_largest(x: tf.Tensor) -> tf.Tensor:
    """One-hot: 1 at the first of the largest of the last axis, 0 elsewhere; the shape and dtype of x."""
    return tf.one_hot(tf.argmax(x, -1, tf.int32), x.shape[-1], dtype=x.dtype)


def _bits_given(logits, drawn, u):
    """By logarithms of what is small, so that nothing rounds to infinity."""
    half = tf.fill(drawn.shape, tf.constant(0.5, logits.dtype))  # where the other formula holds
    p, q = tf.where(drawn > 0, tf.sigmoid(logits), half), tf.where(drawn > 0, half, tf.sigmoid(-logits))
    above = tf.math.log1p(-p * (1 - u)) - tf.math.log(p * (1 - u))
    below = tf.math.log(u * q) - tf.math.log1p(-u * q)
    return logits + tf.where(drawn > 0, above, below)


def _choices_given(logits, drawn, u):
    """With E of exponential numbers and Z = 1: −log E_b at the choice b, and −log(E_i/exp(φ_i) + E_b) elsewhere."""
    log = tf.math.log(-tf.math.log(u))
    chosen = tf.reduce_sum(drawn * log, -1, keepdims=True)
    others = chosen + tf.math.softplus(log - tf.nn.log_softmax(logits) - chosen)
    return -tf.where(drawn > 0, chosen, others)


def _state_of_bits(number, shape, dtype):
    [bits] = shape
    places = tf.range(bits - 1, -1, -1)
    return tf.cast(tf.bitwise.bitwise_and(tf.bitwise.right_shift(number[:, None], places), 1), dtype)


def _state_of_choices(number, shape, dtype):
    variables, choices = shape
    digits = [number // choices ** (variables - 1 - place) % choices for place in range(variables)]
    return tf.one_hot(tf.stack(digits, -1), choices, dtype=dtype)


BERNOULLI = Law(
    name="bernoulli",
    axes=1,
    transform=lambda u: tf.math.log(u) - tf.math.log1p(-u),  # logistic
    decide=lambda x: tf.where(x > 0, tf.ones_like(x), tf.zeros_like(x)),
    mean=tf.sigmoid,
    pull=lambda mean, upstream: mean * (1 - mean) * upstream,
    given=_bits_given,
    states=lambda shape: 2 ** shape[0],
    state=_state_of_bits,
)
CATEGORICAL = Law(
    name="categorical",
    axes=2,
    transform=lambda u: -tf.math.log(-tf.math.log(u)),  # Gumbel's
    decide=first_largest,
    mean=tf.nn.softmax,
    pull=lambda mean, upstream: mean * (upstream - tf.reduce_sum(mean * upstream, -1, keepdims=True)),
    given=_choices_given,
    states=lambda shape: shape[1] ** shape[0],
    state=_state_of_choices,
)
LAWS = {law.name: law for law in (BERNOULLI, CATEGORICAL)}


@dataclass(frozen=True, eq=False)
class Site:
    """What an estimator is given of a place where values are drawn: the logits, and what to draw from.

    Attributes:
        law: of what is drawn.
        logits: [..., event].
        noise: what decides the draw that goes forward, of the shape of the logits. Whoever asks for the objective there
            asks for what the network has computed anyway.
        chance: a stream of the estimator's own, for all further draws (steeplechase.random.Chance).
    """

    law: Law
    logits: tf.Tensor
    noise: tf.Tensor
    chance: Chance

    @property
    def mean(self) -> tf.Tensor:
        """The mean of what is drawn, of the shape of the logits."""
        return self.law.mean(self.logits)

    def draw(self) -> tf.Tensor:
        """The draw that goes forward, of the shape of the logits."""
        return self.law.decide(self.logits + self.noise)

    def draws(self, count: int) -> tf.Tensor:
        """Independent draws, [count, ..., event]; the first of them is `draw`."""
        shape = (count - 1, *self.logits.shape)
        others = self.law.noise(self.chance.of("draws"), shape, self.logits.dtype)
        return tf.concat([self.draw()[None], self.law.decide(self.logits + others)], 0)

    def score(self, drawn: tf.Tensor) -> tf.Tensor:
        """The derivative of the log-probability of what was drawn by the logits: drawn − mean."""
        return drawn - self.mean

    def uniform(self) -> tf.Tensor:
        """Of bits the uniform numbers u that decide the draw: it is 1 where u > σ(−logits)."""
        return tf.sigmoid(self.noise)
