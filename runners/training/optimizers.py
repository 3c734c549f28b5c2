"""Optimizers on stacked variables: Keras' own where they are element-wise, and Bop.

Every parameter is one variable [replicas, size]. An optimizer that works element by element then trains each row as if
it were alone; one that looks at a whole tensor would mix the replicas without any error, and is refused.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from runners.optimizer_traits import check_class
from steeplechase.errors import UserError, did_you_mean

_WHOLE_ARGUMENTS = {
    "clipnorm": "it clips by the norm of a whole tensor (clipvalue is element-wise)",
    "global_clipnorm": "it clips by the norm of all tensors (clipvalue is element-wise)",
    "use_ema": "it keeps a second set of weights that judging would not see",
    "gradient_accumulation_steps": "it makes a step that is not an update",
    "loss_scale_factor": "the trainer does not scale the loss",
    "name": "names are given by conf/optimizer",
}


class Bop(keras.optimizers.Adam):
    """Binary optimizer: flips hard weights where a running gradient asks for it; the other parameters get Adam.

    m ← (1 − γ)·m + γ·g;  w ← −w where |m| > τ and sign(m) = sign(w), strictly: at τ = 0 a zero gradient flips nothing.
    Source: Helwegen et al. 2019, arXiv:1906.02107.

    Attributes:
        adaptivity: γ.
        threshold: τ.
        flips: the names of the variables that are hard weights; they must start at ±1.
    """

    def __init__(self, learning_rate=0.001, adaptivity=1e-4, threshold=1e-8, flips=(), **arguments):
        super().__init__(learning_rate, **arguments)
        self.adaptivity, self.threshold, self.flips = adaptivity, threshold, flips

    def build(self, variables):
        super().build(variables)
        self.flipping = [variable.name in self.flips for variable in variables]

    def update_step(self, gradient, variable, learning_rate):
        """One variable's update, as Keras calls it.

        Args:
            gradient: of the shape of the variable.
            variable: [replicas, size]: hard weights, where it is named in `flips`.
            learning_rate: Adam's; hard weights have none.
        """  # noqa: DOC201 (Adam's returns nothing either)
        index = self._get_variable_index(variable)
        if not self.flipping[index]:
            return super().update_step(gradient, variable, learning_rate)
        momentum = self._momentums[index]
        rate, threshold = (tf.cast(number, variable.dtype) for number in (self.adaptivity, self.threshold))
        mean = (1 - rate) * momentum + rate * gradient
        w = tf.convert_to_tensor(variable)
        self.assign(momentum, mean)
        self.assign(variable, tf.where(w * mean > threshold, -w, w))


class WideNadam(keras.optimizers.Nadam):
    """Keras' Nadam, operation by operation, but with its constant 0.96 in the variable's precision.

    Keras takes it by way of float32. For float64 only; a test holds it to Keras' own in float32, to the bit.
    """

    def update_step(self, gradient, variable, learning_rate):
        """One variable's update, as Keras calls it.

        Args:
            gradient: of the shape of the variable.
            variable: [replicas, size].
            learning_rate: a scalar, or [replicas, 1].
        """
        index, kind = self._get_variable_index(variable), variable.dtype
        gradient, rate = ops.cast(gradient, kind), ops.cast(learning_rate, kind)
        m, v = self._momentums[index], self._velocities[index]
        beta_1, beta_2, decay = (tf.constant(n, kind) for n in (self.beta_1, self.beta_2, 0.96))
        step, after = (ops.cast(self.iterations + n, kind) for n in (1, 2))
        u, u_after = (beta_1 * (1.0 - 0.5 * ops.power(decay, n)) for n in (step, after))
        product = ops.cast(self._u_product, kind)
        self.assign_add(m, (gradient - m) * (1 - beta_1))
        self.assign_add(v, (ops.square(gradient) - v) * (1 - beta_2))
        mean = u_after * m / (1 - product * u_after) + (1 - u) * gradient / (1 - product)
        self.assign_sub(variable, mean * rate / (ops.sqrt(v / (1 - ops.power(beta_2, step))) + self.epsilon))


ADDED = {kind.__name__: kind for kind in (Bop,)}  # beside those that Keras has


def check(keras_name: str, arguments: Mapping[str, object]) -> type:
    """The optimizer's class.

    Args:
        keras_name: of a class that Keras has, or that is added here.
        arguments: by name, what it is going to be built with.

    Returns:
        The class, which works element by element.

    Raises:
        UserError: where rows would not stay apart, or for a class or an argument that is not known.
    """
    check_class(keras_name)
    kind = ADDED.get(keras_name) or getattr(keras.optimizers, keras_name)
    known = set(inspect.signature(keras.optimizers.Adam).parameters) if kind is Bop else set()
    known = (known | set(inspect.signature(kind).parameters)) - {"kwargs", "arguments", "flips", "learning_rate"}
    known -= {"weight_decay"} if kind is Bop else set()  # it would shrink the hard weights
    for name, value in arguments.items():
        if name in _WHOLE_ARGUMENTS and value not in (None, False):
            raise UserError(f"optimizer.{name} is refused, replicas would mix: {_WHOLE_ARGUMENTS[name]}.")
        if name not in known:
            raise UserError(f"{keras_name} has no argument '{name}'{did_you_mean(name, known)}")
    return kind


def build(keras_name: str, arguments: Mapping[str, object], rate, variables, weights=(), per_replica: Mapping = {}):
    """A Keras optimizer, built on stacked variables. All numbers enter in the precision of the variables.

    Args:
        keras_name: of a class that `check` accepts.
        arguments: those that are the same for all replicas.
        rate: a callable that returns the learning rates [replicas, 1].
        variables: Keras variables [replicas, size].
        weights: names of the variables that are hard weights (Bop flips those).
        per_replica: arguments with one value per replica, as tensors [replicas, 1].

    Returns:
        The optimizer, at its start.

    Raises:
        UserError: as `check` does.
    """
    kind = check(keras_name, {**arguments, **per_replica})
    wide = variables[0].dtype == "float64"
    kind = WideNadam if wide and kind is keras.optimizers.Nadam else kind
    optimizer = kind(rate, **arguments, **({"flips": tuple(weights)} if kind is Bop else {}))
    # Keras casts a Python number by way of float32 where it casts, but not where it calculates; NumPy's number is cast
    # as it is, but cannot stand before a variable in a product, as Adadelta's rho does.
    for name, value in list(vars(optimizer).items()) if wide else ():
        if type(value) is float and name != "rho":
            setattr(optimizer, name, np.float64(value))
    for name, value in per_replica.items():
        setattr(optimizer, name, value)
    optimizer.build(variables)
    return optimizer
