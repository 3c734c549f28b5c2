"""Estimators as Keras layers: a hard activation, and dense and convolutional layers with hard weights.

    from steeplechase.keras import HardActivation, HardConv2D, HardDense

Importing it registers them with Keras, so that a saved model is loaded again.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from estimators.function import HardFunction, as_hard_function
from estimators.parameters import one_number
from estimators.surrogate import NORMALIZATIONS, Surrogate, registry
from steeplechase.errors import UnknownName, UserError, did_you_mean

_OF_LAYERS = ("activity_regularizer", "autocast", "dtype", "input_dim", "input_shape", "name", "trainable")
_PACKAGE = "steeplechase"


class _Stream:
    """What a random slope draws from in one call. The seed is taken going forward, so that going backward, which may be
    compiled apart, has no state."""

    def __init__(self, seed, like: tf.Tensor):
        self._seed, self._like, self._drawn = seed, like, 0

    def uniform(self, shape) -> tf.Tensor:
        """float32 in [0, 1), of this shape; where it is not known yet, of that of the input."""
        self._drawn += 1
        seed = tf.random.experimental.stateless_fold_in(tf.cast(self._seed, tf.int32), self._drawn)
        known = tf.TensorShape(shape).is_fully_defined()
        return tf.random.stateless_uniform(shape if known else tf.shape(self._like), seed)


class _Ours:
    """A layer that is loaded, or refused, in our own words: Keras would put its own around them, twice."""

    @classmethod
    def from_config(cls, config: dict[str, Any]):
        """The layer of a configuration.

        Args:
            config: of `get_config`.

        Returns:
            A new layer.

        Raises:
            UserError: for an estimator or a parameter that this version does not have.
        """
        dtype = config.get("dtype")
        return cls(**config | {"dtype": keras.dtype_policies.deserialize(dtype) if isinstance(dtype, dict) else dtype})


@keras.saving.register_keras_serializable(_PACKAGE)
class HardActivation(_Ours, keras.layers.Layer):
    """A hard function in the forward pass, an estimator's slope in the backward pass; elementwise, any shape.

    It is the operation that is raced: `estimators.registry[NAME].hard`. Its parameters are numbers and are not trained.
    It is saved with the model by the names of its estimator and of its function.
    """

    def __init__(
        self,
        estimator: str | Surrogate,
        *,
        function: str | HardFunction | Mapping[str, Any] = "sign",
        at_zero: int | None = None,
        normalize: str = "none",
        half_width: float | None = None,
        seed: int | None = None,
        **settings: Any,
    ):
        """A layer.

        Args:
            estimator: name of an estimator, or the estimator itself.
            function: the hard function or its name: `sign`, `step`, `round`, `ternary`, or a real one; or a mapping
                with its parameters, as {"name": "round", "bits": 4}.
            at_zero: the sign that zero is given; None: the function's own.
            normalize: none, peak, area or period, as in Surrogate.gain.
            half_width: how far the slope reaches at half its height, in units of what arrives; None: as far as its
                parameters say. A sweep's `width` is this, in units of the spread of what arrives.
            seed: of an estimator whose slope is random.
            **settings: parameters of the estimator, as `scale=2.0`; those not given have its defaults. And what any
                Keras layer takes: name, dtype, trainable.

        Raises:
            UserError: for a name or a number that cannot be, and where Keras computes with something else than
                TensorFlow.
            Unsupported: for a normalisation that cannot be.
        """
        super().__init__(**{key: settings.pop(key) for key in _OF_LAYERS if key in settings})
        if keras.backend.backend() != "tensorflow":
            raise UserError(f"Keras computes with {keras.backend.backend()} here, but these layers need tensorflow.")
        self.estimator = _estimator(estimator)
        if "forward" in settings:
            raise UserError("there is no forward here: the hard function of a layer is its function.")
        self.function = as_hard_function(function, "function")
        if at_zero is not None:
            self.function = self.function.fixed(at_zero=at_zero)
        self.normalize, self.seed = normalize, seed
        self.half_width = None if half_width is None else _above_zero("half_width", half_width)
        self.parameters = _numbers(self.estimator, settings)
        if normalize not in NORMALIZATIONS:
            raise UserError(f"normalize is {normalize!r}, but must be one of: {', '.join(NORMALIZATIONS)}.")
        self.estimator.gain(normalize, forward=self.function, **{**self.estimator.parameters, **self.parameters})
        self._choice: dict[str, Any] = {"forward": self.function, "normalize": normalize, **self.parameters}
        if self.half_width is not None:
            if not self.estimator.has_width:
                raise UserError(f"{self.estimator.name} has no half-width: leave half_width out.")
            self._choice["stretch"] = self.half_width / self.estimator.half_width(**self.parameters)
        if self.estimator.random:
            self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True
        self.built = True

    def call(self, inputs):
        """The hard values.

        Args:
            inputs: any shape, any floating dtype.

        Returns:
            A tensor of that shape and dtype.
        """
        x = ops.convert_to_tensor(inputs)
        return self.estimator.hard(x, **self._drawing(x))

    def slope(self, inputs):
        """What the gradient from above is multiplied by; shapes as in `call`."""
        x = ops.convert_to_tensor(inputs)
        return self.estimator.slope(x, **self._drawing(x))

    def _drawing(self, x: tf.Tensor) -> dict[str, Any]:
        """What the estimator is asked with: where it is random, a stream of this call alone."""
        if not self.estimator.random:
            return self._choice
        return {**self._choice, "chance": _Stream(self.seed_generator.next(), x)}

    def compute_output_shape(self, input_shape):
        """That of the input.

        Args:
            input_shape: a tuple.

        Returns:
            The same.
        """
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """What `from_config` makes the same layer of."""
        others = {name: number for name, number in self.function.parameters.items() if name != "at_zero"}
        function = {"name": self.function.name, **others} if others else self.function.name
        own: dict[str, Any] = {"estimator": self.estimator.name, "function": function}
        own |= {
            "at_zero": self.function.parameters.get("at_zero"),
            "normalize": self.normalize,
            "half_width": self.half_width,
            "seed": self.seed,
        }
        # All parameters, those too that were not given: another default in a later version makes no other layer.
        return {**super().get_config(), **own, **self.estimator.parameters, **self.parameters}


@keras.saving.register_keras_serializable(_PACKAGE)
class ClipWeights(keras.constraints.Constraint):
    """Latent weights stay between −limit and limit after each update: beyond a slope's end they would never return."""

    def __init__(self, limit: float = 1.0):
        """A constraint. limit: a finite number above 0. Raises UserError for any other."""
        self.limit = _above_zero("clip", limit)

    def __call__(self, weights):
        return ops.clip(weights, -self.limit, self.limit)

    def get_config(self) -> dict[str, float]:
        """What `from_config` makes the same constraint of."""
        return {"limit": self.limit}


class _HardWeights(_Ours):
    """What layers with a hard kernel have in common: hard kernel, hard inputs, clipped latent weights."""

    kernel: Any

    @staticmethod
    def _settings(layer: type[keras.layers.Layer], clip: float | None, settings: dict[str, Any]) -> dict[str, Any]:
        """What Keras's own layer is given. Raises UserError for what it does not take."""
        known = [name for name in (*inspect.signature(layer.__init__).parameters, *_OF_LAYERS) if name != "self"]
        for name in settings:
            if name not in known:
                raise UserError(
                    f"{layer.__name__} has no setting '{name}'{did_you_mean(name, known)} A number of an estimator is "
                    f"given with it, as kernel_estimator=HardActivation('tanh_slope', scale=2.0)."
                )
        if clip is not None:
            if settings.get("kernel_constraint") is not None:
                raise UserError("clip and kernel_constraint are both given, but a kernel has one constraint.")
            settings["kernel_constraint"] = ClipWeights(clip)
        settings.setdefault("use_bias", False)
        return settings

    def _keep(self, kernel_estimator, input_estimator, clip) -> None:
        """Keeps what is ours, once Keras has begun the layer: it follows what it is given."""
        self.kernel_estimator, self.input_estimator = _operation(kernel_estimator), _operation(input_estimator)
        self.clip = clip

    @property
    def hard_kernel(self) -> np.ndarray:
        """The kernel as the forward pass has it, hard, of the kernel's shape. It is what is deployed."""
        return ops.convert_to_numpy(self._hardened(self.kernel, self.kernel_estimator))

    @staticmethod
    def _hardened(given, operation: HardActivation | None):
        """Weights or inputs as the product has them; in their own dtype, whatever the operation's own policy is."""
        given = ops.convert_to_tensor(given)
        return operation.call(given) if operation else given

    def _config(self, config: dict[str, Any]) -> dict[str, Any]:
        """A layer's configuration with what is ours in it."""
        if self.clip is not None:
            config.pop("kernel_constraint")  # clip makes it
        for name in ("kernel_estimator", "input_estimator"):
            operation = getattr(self, name)
            config[name] = operation and keras.saving.serialize_keras_object(operation)
        return {**config, "clip": self.clip}


@keras.saving.register_keras_serializable(_PACKAGE)
class HardDense(_HardWeights, keras.layers.Dense):
    """A dense layer whose kernel, and whose inputs if asked, pass through a hard function.

    The kernel that is trained stays real (latent); the product is that of hard numbers. Nothing is scaled: a batch
    normalisation behind it does that, as in binarized networks.
    """

    def __init__(
        self,
        units: int,
        kernel_estimator: str | HardActivation | Mapping | None = "ste_clipped",
        input_estimator: str | HardActivation | Mapping | None = None,
        *,
        clip: float | None = None,
        **settings: Any,
    ):
        """A layer.

        Args:
            units: of the output.
            kernel_estimator: of the kernel: the name of an estimator, or a HardActivation; None: the kernel stays real.
            input_estimator: of the inputs, in the same way.
            clip: latent weights stay between −clip and clip; None: they go where they go.
            **settings: of keras.layers.Dense; `use_bias` is False unless it is given.

        Raises:
            UserError: for an estimator or a number that cannot be, and for `clip` beside `kernel_constraint`.
        """
        super().__init__(units, **self._settings(keras.layers.Dense, clip, settings))
        self._keep(kernel_estimator, input_estimator, clip)

    def call(self, inputs):
        """The layer's output.

        Args:
            inputs: (..., features).

        Returns:
            (..., units).
        """
        x = ops.matmul(self._hardened(inputs, self.input_estimator), self._hardened(self.kernel, self.kernel_estimator))
        x = x if self.bias is None else ops.add(x, self.bias)
        return x if self.activation is None else self.activation(x)

    def get_config(self) -> dict[str, Any]:
        """What `from_config` makes the same layer of."""
        return self._config(super().get_config())


@keras.saving.register_keras_serializable(_PACKAGE)
class HardConv2D(_HardWeights, keras.layers.Conv2D):
    """A convolution of images whose kernel, and whose inputs if asked, pass through a hard function; as HardDense.

    With padding="same" what stands outside of an image is 0, which is none of a sign's values.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, int],
        kernel_estimator: str | HardActivation | Mapping | None = "ste_clipped",
        input_estimator: str | HardActivation | Mapping | None = None,
        *,
        clip: float | None = None,
        **settings: Any,
    ):
        """A layer.

        Args:
            filters: channels of the output.
            kernel_size: height and width of the kernel, or one number for both.
            kernel_estimator: as in HardDense.
            input_estimator: as in HardDense.
            clip: as in HardDense.
            **settings: of keras.layers.Conv2D; `use_bias` is False unless it is given.

        Raises:
            UserError: as HardDense.
        """
        super().__init__(filters, kernel_size, **self._settings(keras.layers.Conv2D, clip, settings))
        self._keep(kernel_estimator, input_estimator, clip)

    def convolution_op(self, inputs, kernel):
        """The convolution, as Keras calls it.

        Args:
            inputs: (batch, height, width, channels), or as `data_format` says.
            kernel: the latent kernel.

        Returns:
            The convolution of the two, hard.
        """
        inputs, kernel = self._hardened(inputs, self.input_estimator), self._hardened(kernel, self.kernel_estimator)
        return super().convolution_op(inputs, kernel)

    def get_config(self) -> dict[str, Any]:
        """What `from_config` makes the same layer of."""
        return self._config(super().get_config())


def _above_zero(name: str, value: Any) -> float:
    number = one_number(name, value, "a finite number above 0, or None")
    if number is None or not number > 0:
        raise UserError(f"{name} is {value}, but must be a finite number above 0, or None.")
    return number


def _estimator(given: str | Surrogate) -> Surrogate:
    if isinstance(given, Surrogate):
        return given
    try:
        return registry[given if isinstance(given, str) else repr(given)]
    except UnknownName as error:
        raise UserError(f"{error} One of your own is known once the file that defines it has been imported.") from None


def _numbers(estimator: Surrogate, settings: Mapping[str, Any]) -> dict[str, float]:
    """The estimator's parameters among a layer's settings. Raises UserError for any other."""
    for name in settings:
        if name not in estimator.parameters:
            known = [*estimator.parameters, "function", "at_zero", "normalize", "half_width", "seed", *_OF_LAYERS]
            own = ", ".join(estimator.parameters) or "none"
            raise UserError(
                f"{estimator.name} has no parameter '{name}'; its parameters are: {own}{did_you_mean(name, known)}"
            )
    estimator.check(**settings)
    return {name: float(value) for name, value in settings.items()}


def _operation(given: str | Surrogate | HardActivation | Mapping | None) -> HardActivation | None:
    """The hard activation that is meant: one, the name of its estimator, or what it was saved as."""
    if given is None or isinstance(given, HardActivation):
        return given
    if not isinstance(given, (str, Surrogate, Mapping)):
        raise UserError(f"{given!r} is no estimator: give its name, or a HardActivation.")
    return keras.saving.deserialize_keras_object(given) if isinstance(given, Mapping) else HardActivation(given)
