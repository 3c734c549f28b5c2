"""What a hard function is: its values, where it jumps and by how much; and the registry of them all, and of the real
functions that they are held against."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import tensorflow as tf

from estimators.parameters import check_one_of, short_repr
from steeplechase.errors import UserError
from steeplechase.registry import Registry

functions = Registry("hard function")


@dataclass(frozen=True)
class HardFunction:
    """A function that is constant but for its jumps, so that its derivative teaches nothing; or a real one, which has a
    derivative of its own, to be put in the place of a hard one where it shall be known what that costs.

    Attributes:
        name: by which it is asked for: "sign".
        label: how it is printed: "sign(x)".
        rule: its values: a function of x, a tensor of a floating dtype, and of the parameters by keyword.
        levels: the values that it has between its jumps, in rising order; none of a real function.
        rise: what it rises by over a jump: the area of its derivative there. Of a real function by how much it rises in
            all.
        jump: x less the nearest jump, of the shape and dtype of x; there a surrogate's slope is centred.
        exact: of a real function the surrogate whose slope, with its defaults, is the function's derivative; "" of a
            hard one. In a file it is written out: plans read it without running the file.
        allowed: by parameter, the values that it may have.
        given: parameters that were fixed, and so have other defaults than the rule's.
    """

    name: str
    label: str
    rule: Callable
    levels: tuple[float, ...]
    rise: float
    jump: Callable = lambda x: x
    exact: str = ""
    allowed: Mapping[str, tuple[float, ...]] = field(default_factory=dict, hash=False)
    given: Mapping[str, float] = field(default_factory=dict, hash=False)

    @property
    def parameters(self) -> dict[str, float]:
        """The rule's keyword-only parameters with their defaults, or with what they were fixed to."""
        keywords = inspect.signature(self.rule).parameters.values()
        return {p.name: p.default for p in keywords if p.kind is p.KEYWORD_ONLY} | dict(self.given)

    def fixed(self, **parameters: float) -> HardFunction:
        """The same function with these parameters fixed. With equal parameters it is equal, however it came to them.

        Args:
            **parameters: numbers by the names that the function has.

        Returns:
            A hard function of the same name, whose defaults they are.

        Raises:
            UserError: as `check`.
        """
        self.check(**parameters)
        together, defaults = {**self.given, **parameters}, replace(self, given={}).parameters
        return replace(self, given={name: number for name, number in together.items() if number != defaults[name]})

    def check(self, **parameters: float) -> None:
        """Refuses a parameter that the function does not have, and a value that it may not have.

        Args:
            **parameters: values by name, of any type.

        Raises:
            UserError: with the parameters that there are, or the values that are allowed.
        """
        for name, number in parameters.items():
            if name not in self.parameters:
                known = ", ".join(self.parameters) or "none"
                raise UserError(f"{self.name} has no parameter '{name}'; its parameters are: {known}.")
            check_one_of(name, number, self.allowed[name])

    def value(self, x, **parameters: float) -> tf.Tensor:
        """The hard output at x; NaN stays NaN, so that divergence shows.

        Args:
            x: any shape, any floating dtype; whole numbers count as float32.
            **parameters: those that are not given have their defaults.

        Returns:
            The shape and dtype of x.

        Raises:
            UserError: as `check`, and for an x that holds no real numbers.
        """
        self.check(**parameters)
        x = floating(x)
        return tf.where(tf.math.is_nan(x), x, self.rule(x, **{**self.parameters, **parameters}))


def hard_function(**traits) -> Callable:
    """Registers a hard function under its rule's name, which then stands for it.

    Args:
        **traits: the fields of HardFunction, but `name` and `rule`.

    Returns:
        The decorator of a rule. It gives the HardFunction, and raises UserError where the name is taken.
    """

    def register(rule):
        function = HardFunction(name=rule.__name__, rule=rule, **traits)
        functions.register(function.name, function)
        return function

    return register


def as_hard_function(given: str | HardFunction) -> HardFunction:
    """The hard function itself, or the one of this name.

    Args:
        given: a HardFunction, or the name of one that is registered.

    Returns:
        The HardFunction, with its parameters as they were fixed.

    Raises:
        UserError: for what is neither.
    """
    if isinstance(given, HardFunction):
        return given
    check_one_of("forward", given, tuple(functions))
    return functions[given]


def value(x, *, forward: str | HardFunction = "sign", at_zero: int | None = None) -> tf.Tensor:
    """The value of the hard function `forward` at x, as in HardFunction.value; at_zero None: the function's own.

    Args:
        x: any shape, any floating dtype; whole numbers count as float32.
        forward: the hard function, or its name.
        at_zero: the sign that zero and −0 are given. There `sign` is `at_zero` itself (+1, 0 or −1) and `step` its
            counterpart (1, ½ or 0).

    Returns:
        The shape and dtype of x.

    Raises:
        UserError: for a function, a value at zero or an x that cannot be.
    """
    return as_hard_function(forward).value(x, **({} if at_zero is None else {"at_zero": at_zero}))


def floating(x) -> tf.Tensor:
    """x as a tensor of a floating dtype.

    Args:
        x: numbers that become a tensor; whole ones count as float32.

    Returns:
        A tensor of the shape of x, in its own floating dtype.

    Raises:
        UserError: for what holds no real numbers: None, words, truth values, complex numbers, lists whose rows differ
            in length.
    """
    try:
        tensor = tf.convert_to_tensor(x)
    except (TypeError, ValueError):
        tensor = None
    if tensor is None or not (tensor.dtype.is_floating or tensor.dtype.is_integer):
        held = tensor is not None and (tf.is_tensor(x) or isinstance(x, np.ndarray))
        shown = f"holds {tensor.dtype.name}" if held else f"is {short_repr(x)}"
        raise UserError(f"x {shown}, but must be real numbers: one, or an array of them.")
    return tensor if tensor.dtype.is_floating else tf.cast(tensor, tf.float32)
