"""Numbers that may change over training: constant, or from one value to another by fraction of training."""

from __future__ import annotations

import math
from collections.abc import Mapping

SHAPES = ("constant", "linear", "log", "cosine")


class ScheduleError(ValueError):
    """A schedule that is none, told in one sentence."""


def encode(name: str, value: float | Mapping) -> tuple[float, float, float]:
    """(from, to, index of the shape): what a program is given for one number of one replica.

    value: a number, or {"from": number, "to": number, "shape": one of SHAPES}. Raises ScheduleError.
    """
    if not isinstance(value, Mapping):
        return float(value), float(value), 0.0
    if set(value) != {"from", "to", "shape"}:
        raise ScheduleError(f"{name} is {dict(value)}, but a schedule has exactly the keys from, to and shape.")
    if value["shape"] not in SHAPES:
        raise ScheduleError(f"{name}.shape is '{value['shape']}', but must be one of: {', '.join(SHAPES)}.")
    for end in ("from", "to"):
        if isinstance(value[end], bool) or not isinstance(value[end], (int, float)) or not math.isfinite(value[end]):
            raise ScheduleError(f"{name}.{end} is {value[end]!r}, but must be a finite number.")
    if value["shape"] == "log" and not (value["from"] > 0 and value["to"] > 0):
        raise ScheduleError(f"{name} goes from {value['from']} to {value['to']}, but a log schedule needs both > 0.")
    return float(value["from"]), float(value["to"]), float(SHAPES.index(value["shape"]))


def value(coded, progress):
    """The number at this fraction of training (0 at the first update, 1 after the last).

    coded: [..., 3] as `encode` gives it; progress: a scalar; returns [...]. A constant is returned to the bit.
    """
    import tensorflow as tf

    start, end, shape = tf.unstack(coded, axis=-1)
    progress = tf.cast(progress, start.dtype)
    linear = start + (end - start) * progress
    tiny = tf.constant(1e-30, start.dtype)
    log = tf.exp(tf.math.log(tf.maximum(start, tiny)) * (1 - progress) + tf.math.log(tf.maximum(end, tiny)) * progress)
    cosine = start + (end - start) * (1 - tf.cos(math.pi * progress)) / 2
    return tf.where(shape == 1, linear, tf.where(shape == 2, log, tf.where(shape == 3, cosine, start)))
