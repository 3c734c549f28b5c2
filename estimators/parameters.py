"""Parameters by name: what numbers each may have, and what takes them."""

from __future__ import annotations

import inspect
import math
import numbers
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from estimators.docstring import PageText, page_text
from steeplechase.errors import UserError

# What a rule takes by keyword that is no number of a replica's: a stream of chance, how many draws it asks for, which
# makes another program, and what it remembers.
BESIDE_NUMBERS = ("chance", "samples", "memory")


@dataclass(frozen=True)
class Range:
    """The numbers that a parameter may have: between two open ends, or from `least` on. It says so when printed.

    Attributes:
        above: the open lower end, itself not allowed.
        below: the open upper end, itself not allowed.
        least: the smallest number that is allowed.
        whole: whether only whole numbers are.
    """

    above: float = -math.inf
    below: float = math.inf
    least: float = -math.inf
    whole: bool = False

    def __contains__(self, value: float) -> bool:
        inside = self.above < value < self.below and value >= self.least
        return inside and not (self.whole and value != round(value))

    def __str__(self) -> str:
        limits = [f"{sign} {end:g}" for sign, end in ((">", self.above), ("≥", self.least), ("<", self.below))]
        limits = " and ".join(limit for limit in limits if "inf" not in limit)
        return f"{'a whole number' if self.whole else ''} {limits}".strip() or "any number"


positive = Range(above=0)
not_negative = Range(least=0)


class TakesParameters:
    """What takes numbers by keyword, by a rule with defaults: every kind of estimator.

    Attributes:
        name: by which it is asked for.
        rule: the function whose keywords they are.
        needs: the range of each parameter.
        agree: what parameters must be to each other: a function of all of them that is true where they may stand
            together, and the same in words.
    """

    name: str
    rule: Callable
    needs: Mapping[str, Range]
    agree: tuple[Callable, str] | None

    @property
    def parameters(self) -> dict[str, float]:
        """The page's keyword-only parameters with their defaults."""
        keywords = inspect.signature(self.rule).parameters.values()
        return {p.name: p.default for p in keywords if p.kind is p.KEYWORD_ONLY and p.name not in BESIDE_NUMBERS}

    def takes(self, keyword: str) -> bool:
        """Whether the rule has this keyword."""
        return keyword in inspect.signature(self.rule).parameters

    @property
    def text(self) -> PageText:
        """What its docstring says."""
        return page_text(self.rule)

    def example_parameters(self) -> list[dict[str, float]]:
        """The parameters that the page is tried at.

        Returns:
            The defaults, as {}, each parameter alone at a smaller and at a larger value, where its range allows, and
            all of them at their larger values.
        """
        found: list[dict[str, float]] = [{}]
        for name, default in self.parameters.items():
            tried = (default / 2, default * 2, default * 3) if default else (0.25, 0.5, -0.25)
            found += [{name: value} for value in tried if value in self.needs.get(name, Range())][:2]
        largest = {name: value for chosen in found for name, value in chosen.items()}
        return found + ([largest] if len(largest) > 1 else [])

    def check(self, **parameters) -> None:
        """Refuses what the page does not know or does not allow.

        Args:
            **parameters: one finite number each: Python's, NumPy's or a tensor's. A tensor whose value is not known
                yet, as in a graph, is one number if its shape says so.

        Raises:
            UserError: for a name that the page does not have, for what is not one number, for a number outside `needs`,
                and for numbers that do not `agree`.
        """
        together = dict(self.parameters)
        for name, value in parameters.items():
            if name not in self.parameters:
                known = ", ".join(self.parameters) or "none"
                raise UserError(f"{self.name} has no parameter '{name}'; its parameters are: {known}.")
            allowed = self.needs.get(name, Range())
            together[name] = number = one_number(f"{self.name}.{name}", value)
            if number is not None and number not in allowed:
                shown = value if isinstance(value, (int, float)) else number
                raise UserError(f"{self.name}.{name} is {shown}, but must be {allowed}.")
        if self.agree and None not in together.values() and not self.agree[0](**together):
            given = ", ".join(f"{name} = {value:g}" for name, value in together.items())
            raise UserError(f"{self.name} has {given}, but needs {self.agree[1]}.")


def check_one_of(name, value, allowed):
    """Refuses a value that is not among these.

    Args:
        name: of what the value is for, as the sentence has it.
        value: anything; only words and real numbers can be among those allowed, and no truth value.
        allowed: the words or numbers, in the order in which they are listed.

    Raises:
        UserError: with the value and those allowed.
    """
    if not isinstance(value, (str, numbers.Real)) or isinstance(value, bool) or value not in allowed:
        *others, last = map(str, allowed)
        words = f"one of: {', '.join([*others, last])}" if last in allowed else f"{', '.join(others)} or {last}"
        raise UserError(f"{name} is {short_repr(value)}, but must be {words}.")


def one_number(name, value, words="one number"):
    """The number that stands here.

    Args:
        name: of what the number is for, as the sentence has it.
        value: a real number of Python's or NumPy's, or a tensor or variable with one number, of any dtype.
        words: what is needed, as the sentence has it.

    Returns:
        The number as a finite float, or None where it is a tensor's that is not known yet, as in a graph.

    Raises:
        UserError: for what is no number, for several, and for one that is not finite.
    """
    held = value
    if isinstance(value, tf.Variable) or tf.is_tensor(value):
        real, rank = value.dtype.is_floating or value.dtype.is_integer, value.shape.rank
        if real and rank in (0, None) and (tf.executing_eagerly() or not isinstance(value, tf.Variable)):
            held = value.numpy() if hasattr(value, "numpy") else None
    elif isinstance(value, (np.ndarray, np.generic)):
        real, rank = value.dtype.kind in "iuf" or value.dtype == tf.bfloat16.as_numpy_dtype, value.ndim
    else:
        real, rank = isinstance(value, numbers.Real) and not isinstance(value, bool), 0
    if not real or rank not in (0, None):
        shown = f"a tensor of {value.dtype.name} {value.shape}" if tf.is_tensor(value) else short_repr(value)
        raise UserError(f"{name} is {shown}, but must be {words}.")
    if held is None or tf.is_tensor(held):
        return None
    try:
        number = float(held)
    except OverflowError:  # a whole number beyond what a float holds
        number = math.inf
    if not math.isfinite(number):
        wanted = "a finite number" if words == "one number" else words
        raise UserError(f"{name} is {number}, but must be {wanted}.")
    return number


def short_repr(value):
    """A value as Python writes it, in one line of at most 60 letters."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def as_constant(number, dtype):
    """A number as a tensor of this dtype, without a detour over float32.

    Args:
        number: a number, or a tensor of any shape, which is cast.
        dtype: a floating tf.DType.

    Returns:
        A scalar tensor, or one of the shape of `number`.
    """
    return tf.cast(number, dtype) if tf.is_tensor(number) else tf.constant(float(number), dtype)  # not by float32
