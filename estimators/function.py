"""What a hard function is: its values, where it jumps and by how much; and the registry of them all, and of the real
functions that they are held against."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import tensorflow as tf

from estimators.laws import Law
from estimators.parameters import Range, check_one_of, one_number, short_repr
from steeplechase.errors import UserError
from steeplechase.registry import Registry

functions = Registry("hard function")
EQUAL_STEPS = "a hard function here rises by the same at each jump, and its jumps are equally far apart"


@dataclass(frozen=True)
class HardFunction:
    """A function that is constant but for its jumps, so that its derivative teaches nothing; or a real one, which has a
    derivative of its own, to be put in the place of a hard one where it shall be known what that costs.

    Attributes:
        name: by which it is asked for: "sign".
        label: how it is printed: "sign(x)".
        rule: its values: a function of x, a tensor of a floating dtype, and of the parameters by keyword.
        levels: the values that it has between its jumps, in rising order, or a function of its parameters that gives
            them; none of a real function. `outputs` has them.
        rise: what it rises by over a jump, the same at each of them: the area of its derivative there. Of a real
            function by how much it rises in all.
        jump: x less the nearest jump, of the shape and dtype of x, as a function of x and the parameters; there a
            surrogate's slope is centred.
        period: how far two neighbouring jumps are apart, all of them equally far, or a function of its parameters that
            gives it; 0 where there is one jump alone. Slopes are normalised by it and by `rise`, so that a staircase of
            unequal steps cannot be one.
        passes: where a gradient passes at all: a function of x and the parameters that gives truth values of the shape
            of x. None: everywhere, and the slope alone decides.
        mixes: whether it looks at all elements of the last axis to decide on each, so that it has no slope and what
            comes down is an estimator's `pull`. In a file it is written out.
        law: how its values are drawn while training, by noise that is added to x; None: they are not. Without the noise
            it gives the likeliest value.
        exact: of a real function the surrogate whose slope, with its defaults, is the function's derivative; "" of a
            hard one. In a file it is written out: plans read it without running the file.
        allowed: by parameter, the words or numbers that it may be.
        needs: by parameter that may be any number of a range, that range.
        agree: what parameters must be to each other: a function of all of them that is true where they may stand
            together, and the same in words.
        given: parameters that were fixed, and so have other defaults than the rule's.
    """

    name: str
    label: str
    rule: Callable
    levels: tuple[float, ...] | Callable[..., tuple[float, ...]]
    rise: float
    jump: Callable = lambda x, **_: x
    period: float | Callable[..., float] = 0.0
    passes: Callable | None = None
    mixes: bool = False
    law: Law | None = None
    exact: str = ""
    allowed: Mapping[str, tuple[float | str, ...]] = field(default_factory=dict, hash=False)
    needs: Mapping[str, Range] = field(default_factory=dict, hash=False)
    agree: tuple[Callable, str] | None = None
    given: Mapping[str, float | str] = field(default_factory=dict, hash=False)

    @property
    def outputs(self) -> tuple[float, ...]:
        """The values that it has between its jumps, with its parameters as they are, in rising order."""
        return self.levels(**self.parameters) if callable(self.levels) else self.levels

    @property
    def top(self) -> float:
        """Its largest level, or how large the lowest is where none is above zero: what a step is chosen by."""
        return max(self.outputs[-1], 0.0) or -self.outputs[0]

    @property
    def step_length(self) -> float:
        """How far two neighbouring jumps are apart, with its parameters as they are; 0 where there is one alone."""
        period = self.period(**self.parameters) if callable(self.period) else self.period
        return one_number(f"{self.name}'s period", period, f"one number: {EQUAL_STEPS}")

    @property
    def parameters(self) -> dict[str, float | str]:
        """The rule's keyword-only parameters with their defaults, or with what they were fixed to."""
        keywords = inspect.signature(self.rule).parameters.values()
        return {p.name: p.default for p in keywords if p.kind is p.KEYWORD_ONLY} | dict(self.given)

    def fixed(self, **parameters: float | str) -> HardFunction:
        """The same function with these parameters fixed. With equal parameters it is equal, however it came to them.

        Args:
            **parameters: numbers and words by the names that the function has.

        Returns:
            A hard function of the same name, whose defaults they are.

        Raises:
            UserError: as `check`.
        """
        self.check(**parameters)
        together, defaults = {**self.given, **parameters}, replace(self, given={}).parameters
        return replace(self, given={name: number for name, number in together.items() if number != defaults[name]})

    def check(self, **parameters: float | str) -> None:
        """Refuses a parameter that the function does not have, and a value that it may not have.

        Args:
            **parameters: values by name, of any type.

        Raises:
            UserError: with the parameters that there are, the values that are allowed, or what they must be to each
                other.
        """
        for name, number in parameters.items():
            if name not in self.parameters:
                known = ", ".join(self.parameters) or "none"
                raise UserError(f"{self.name} has no parameter '{name}'; its parameters are: {known}.")
            if name in self.allowed:
                check_one_of(name, number, self.allowed[name])
            elif one_number(f"{self.name}.{name}", number) not in self.needs[name]:
                raise UserError(f"{self.name}.{name} is {number}, but must be {self.needs[name]}.")
        together = {**self.parameters, **parameters}
        if self.agree and not self.agree[0](**together):
            given = ", ".join(f"{name} = {number}" for name, number in together.items())
            raise UserError(f"{self.name} has {given}, but needs {self.agree[1]}.")

    def example_parameters(self) -> list[dict[str, float | str]]:
        """The parameters that it is tried at.

        Returns:
            The defaults, as {}, and each parameter alone at every other value that it may have: of a range at half and
            at twice its default. What does not `agree` is left out.
        """
        tried: list[dict[str, float | str]] = [{}]
        for name, default in self.parameters.items():
            values = self.allowed.get(name, ())
            if not values and not isinstance(default, str):
                values = tuple(number for number in (default / 2, default * 2) if number in self.needs[name])
            tried += [{name: value} for value in values if value != default]
        return [one for one in tried if not self.agree or self.agree[0](**{**self.parameters, **one})]

    def from_jump(self, x: tf.Tensor) -> tf.Tensor:
        """x less the nearest jump: where a slope is asked for.

        Args:
            x: any shape, any floating dtype.

        Returns:
            The shape and dtype of x.
        """
        return self.jump(x, **self.parameters)

    def masked(self, m: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        """A slope that is zero wherever this function lets no gradient pass.

        Args:
            m: the slope at x.
            x: of the same shape.

        Returns:
            m, of the shape and dtype that it has.
        """
        return m if self.passes is None else tf.where(self.passes(x, **self.parameters), m, tf.zeros_like(m))

    def value(self, x, **parameters: float | str) -> tf.Tensor:
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
        The decorator of a rule. It gives the HardFunction, and raises UserError where the name is taken, or is not that
        of its file among ours, and where `allowed` and `needs` are not of the rule's parameters, each of them.
    """

    def register(rule):
        function = HardFunction(name=rule.__name__, rule=rule, **traits)
        folder, _, file = rule.__module__.rpartition(".")
        if folder == "estimators.functions" and file != function.name:
            raise UserError(
                f"estimators/functions/{file}.py has a hard function '{function.name}': give both the same name."
            )
        ranges = [*function.allowed, *function.needs]
        for name in function.parameters:
            if name not in ranges:
                raise UserError(
                    f"{function.name} does not say what its parameter '{name}' may be: list its values in `allowed`, "
                    "or give its range in `needs`."
                )
        for name in ranges:
            if name not in function.parameters:
                raise UserError(f"{function.name} says what '{name}' may be, but has no such parameter.")
        functions.register(function.name, function)
        return function

    return register


def as_hard_function(given: str | HardFunction | Mapping, key: str = "forward") -> HardFunction:
    """The hard function itself, or the one of this name.

    Args:
        given: a HardFunction, the name of one that is registered, or a mapping with its `name` and what its parameters
            are fixed to, as a configuration has it.
        key: what the argument is called, for the sentence.

    Returns:
        The HardFunction, with its parameters as they were fixed.

    Raises:
        UserError: for what is neither.
    """
    if isinstance(given, HardFunction):
        return given
    if isinstance(given, Mapping) and "name" in given:
        own = {name: value for name, value in given.items() if name != "name"}
        return as_hard_function(given["name"], key).fixed(**own)
    check_one_of(key, given, tuple(functions))
    return functions[str(given)]


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
