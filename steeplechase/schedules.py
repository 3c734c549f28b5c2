"""Numbers that may change over training: constant, or by a schedule over the fraction of training that is done."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any

from steeplechase.errors import UserError

SHAPES = ("constant", "linear", "log", "cosine", "quarter_cosine", "steps")
PLATEAUS = 8  # that a schedule in steps may have
WIDTH = 2 * PLATEAUS  # of a coded number: the shape, the values, and where each value after the first begins


def encode(name: str, value: float | Mapping[str, Any]) -> list[float]:
    """What a program is given for one number of one replica.

    Args:
        name: of the number, in a sentence about a fault: "estimator.scale".
        value: a number (Python's, NumPy's, or a tensor's that is known); or {"from": number, "to": number, "shape": one
            of SHAPES but `steps`}; or {"shape": "steps", "values": [numbers], "at": [fractions of training, rising]},
            with one fraction less than values.

    Returns:
        [WIDTH] finite numbers, which `value` reads.

    Raises:
        UserError: for any other value, in one sentence with the name.
    """
    if not isinstance(value, Mapping):
        return _coded(0, [_number(name, value)] * 2, [])
    given, shape = dict(value), value.get("shape")
    if shape not in SHAPES:
        raise UserError(f"{name}.shape is '{shape}', but must be one of: {', '.join(SHAPES)}.")
    keys = ("values", "at") if shape == "steps" else ("from", "to")
    if set(given) != {*keys, "shape"}:
        shown = ", ".join(map(str, given))
        raise UserError(
            f"{name} has the keys {shown}, but a {shape} schedule has exactly shape, {keys[0]} and {keys[1]}."
        )
    if shape == "steps":
        return _steps(name, given["values"], given["at"])
    ends = [_number(f"{name}.{end}", given[end]) for end in keys]
    if shape == "constant" and ends[0] != ends[1]:
        raise UserError(f"{name} goes from {ends[0]} to {ends[1]}, but a constant schedule stays where it is.")
    if shape == "log" and min(ends) <= 0:
        raise UserError(f"{name} goes from {ends[0]} to {ends[1]}, but a log schedule needs both > 0.")
    return _coded(SHAPES.index(shape), ends, [])


def combinations(parameters: Mapping[str, Any]) -> list[dict[str, float]]:
    """What parameters may be together, as their schedules pass through their ends and plateaus."""
    numbers = [values(value) for value in parameters.values()]
    return [dict(zip(parameters, chosen, strict=True)) for chosen in itertools.product(*numbers)]


def values(value: float | Mapping[str, Any]) -> list[float]:
    """The numbers between which a schedule stays.

    Args:
        value: as in `encode`.

    Returns:
        A schedule's two ends, or its plateaus; a plain number alone.

    Raises:
        UserError: for what is neither a number nor a schedule.
    """
    if not isinstance(value, Mapping):
        return [_number("the number", value)]
    encode("the schedule", value)
    return [float(v) for v in (value["values"] if value["shape"] == "steps" else (value["from"], value["to"]))]


def scaled(number: float | Mapping[str, Any], factor: float) -> float | dict[str, Any]:
    """A number or a schedule times a factor.

    Args:
        number: as the value in `encode`.
        factor: above 0.

    Returns:
        The product; of a schedule the schedule of the products, which every shape allows.
    """
    if not isinstance(number, Mapping):
        return number * factor
    products: dict[str, Any] = {key: number[key] * factor for key in ("from", "to") if key in number}
    if "values" in number:
        products["values"] = [each * factor for each in number["values"]]
    return {**number, **products}


def halfway(number: float | Mapping[str, Any]) -> float:
    """The number when half of the training is done.

    Args:
        number: as the value in `encode`.

    Returns:
        As a float, a plain number to the bit.

    Raises:
        UserError: as `encode`.
    """
    import tensorflow as tf

    if not isinstance(number, Mapping):
        return _number("the number", number)
    return float(value(tf.constant(encode("the schedule", number), tf.float64), 0.5))


def value(coded, progress):
    """The number at this fraction of training.

    Args:
        coded: a floating tensor [..., WIDTH], of what `encode` gives.
        progress: a number or a scalar tensor: 0 at the first update, 1 after the last.

    Returns:
        [...], in the precision of `coded`. A constant is returned to the bit.

    Raises:
        UserError: where `coded` is no such tensor, or `progress` no finite number.
    """
    import tensorflow as tf

    if not (tf.is_tensor(coded) and coded.dtype.is_floating and coded.shape[-1:] == [WIDTH]):
        raise UserError(f"a coded schedule is a floating tensor [..., {WIDTH}], as tf.constant(encode(...)) is.")
    if not tf.is_tensor(progress):
        progress = tf.constant(_number("progress", progress), coded.dtype)  # tf.cast would go by float32
    shape, start, end = coded[..., 0], coded[..., 1], coded[..., 2]
    progress = tf.cast(progress, coded.dtype)
    linear = start + (end - start) * progress
    tiny = tf.constant(1e-30, coded.dtype)
    log = tf.exp(tf.math.log(tf.maximum(start, tiny)) * (1 - progress) + tf.math.log(tf.maximum(end, tiny)) * progress)
    cosine = start + (end - start) * (1 - tf.cos(math.pi * progress)) / 2
    quarter = start + (end - start) * (1 - tf.cos(math.pi / 2 * progress))
    # The plateau is the one whose start has passed and whose successor's has not; the sum has one term that is not 0.
    begun = tf.concat([tf.ones_like(coded[..., :1]), tf.cast(progress >= coded[..., PLATEAUS + 1 :], coded.dtype)], -1)
    here = begun - tf.concat([begun[..., 1:], tf.zeros_like(coded[..., :1])], -1)
    steps = tf.reduce_sum(here * coded[..., 1 : PLATEAUS + 1], -1)
    found = start
    for name, own in (("linear", linear), ("log", log), ("cosine", cosine), ("quarter_cosine", quarter)):
        found = tf.where(shape == SHAPES.index(name), own, found)
    return tf.where(shape == SHAPES.index("steps"), steps, found)


def _steps(name, numbers, starts):
    for key, part in (("values", numbers), ("at", starts)):
        if not isinstance(part, (list, tuple)):
            raise UserError(f"{name}.{key} is {part!r}, but must be a list of numbers.")
    numbers = [_number(f"{name}.values", number) for number in numbers]
    starts = [_number(f"{name}.at", start) for start in starts]
    if not 2 <= len(numbers) <= PLATEAUS or len(starts) != len(numbers) - 1:
        raise UserError(
            f"{name} has {len(numbers)} values at {len(starts)} fractions, but needs 2 to {PLATEAUS} values, and one "
            "fraction for each value after the first."
        )
    if any(a >= b for a, b in itertools.pairwise([0.0, *starts, 1.0])):
        raise UserError(f"{name}.at is {starts}, but must rise between 0 and 1.")
    return _coded(SHAPES.index("steps"), numbers, starts)


def _coded(shape, numbers, starts):
    never = 2.0
    padded = [*numbers, *[numbers[-1]] * (PLATEAUS - len(numbers))]
    return [float(shape), *padded, *starts, *[never] * (PLATEAUS - 1 - len(starts))]


def _number(key, number):
    kind = getattr(getattr(number, "dtype", None), "name", "")  # of NumPy's and TensorFlow's numbers
    real = kind.startswith(("int", "uint", "float", "bfloat")) if kind else isinstance(number, (int, float))
    real = real and not isinstance(number, bool) and getattr(number, "shape", ()) == ()
    try:
        found = float(number) if real else math.nan
    except OverflowError:  # a whole number beyond what a float holds
        found = math.inf
    if not math.isfinite(found):
        raise UserError(f"{key} is {number!r}, but must be a finite number.")
    return found
