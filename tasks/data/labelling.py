"""Labels as numbers of classes: what they may be by their header and by their values, and what classes they make."""

from __future__ import annotations

import numpy as np

from steeplechase.errors import UserError


def check_header(where: str, shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Refuses what cannot be labels, whatever the values.

    Args:
        where: the name of the array for messages.
        shape: of the array: [n] or [n, 1].
        dtype: of its values.

    Raises:
        UserError: for what are no integers, and for another shape.
    """
    if dtype.kind not in "iu":
        raise UserError(f"{where}: the labels are {dtype}, allowed are integers")
    if len(shape) not in (1, 2) or shape[1:] not in ((), (1,)) or not shape[0]:
        raise UserError(f"{where}: the labels have the shape {shape}, allowed is [n] or [n, 1] with n above 0")


def numbers(where: str, y: np.ndarray) -> np.ndarray:
    """Labels as they are worked with.

    Args:
        where: the name of the array for messages.
        y: integers, [n] or [n, 1].

    Returns:
        int64 [n], none negative.

    Raises:
        UserError: for a label that is negative, or no int32.
    """
    y = y.ravel()
    check_range(where, int(y.min()), int(y.max()))
    return y.astype(np.int64)


def check_range(where: str, least: int, largest: int) -> None:
    """Refuses labels that are no numbers of classes.

    Args:
        where: the name of the array for messages.
        least: of the labels.
        largest: of the labels.

    Raises:
        UserError: for a label that is negative, or no int32.
    """
    if least < 0 or largest >= 2**31 - 1:
        raise UserError(f"{where}: the labels go from {least} to {largest}, allowed are 0 to {2**31 - 2}")


def class_count(where: str, parts: list[np.ndarray]) -> int:
    """How many classes the labels make.

    Args:
        where: the name of the array for messages.
        parts: integers from 0 on: first those to train on, then those of the set's own test part, if any.

    Returns:
        One more than the largest label.

    Raises:
        UserError: for more classes than examples, and for a single class to train on.
    """
    classes, count = 1 + max(int(y.max()) for y in parts), sum(map(len, parts))
    if classes > count:
        raise UserError(
            f"{where}: the largest label is {classes - 1}, which would make {classes} classes of {count} examples; "
            "allowed are the numbers of the classes, from 0 on without gaps"
        )
    if (parts[0] == parts[0][0]).all():
        raise UserError(
            f"{where}: all {len(parts[0])} examples to train on are of the class {parts[0][0]}, and one class is "
            "nothing to learn; allowed are two or more"
        )
    return classes


def gaps(where: str, y: np.ndarray, classes: int) -> tuple[str, ...]:
    """A remark on classes without an example, if there are any: a network gets an output for each.

    Args:
        where: the name of the array for messages.
        y: the labels to train on.
        classes: how many there are.

    Returns:
        No sentence, or one.
    """
    empty = np.flatnonzero(np.bincount(y, minlength=classes) == 0)
    if not len(empty):
        return ()
    runs = np.split(empty, np.flatnonzero(np.diff(empty) > 1) + 1)
    told = [f"{run[0]}" if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs]
    shown = ", ".join(told[:5]) + (" …" if len(told) > 5 else "")
    return (
        f"{where}: of the {classes} classes that the labels 0 to {classes - 1} make, {len(empty)} have no example to "
        f"train on ({shown}), and each is an output of the network all the same; classes are counted from 0, and a "
        "label that means “ignore” is a class like any other.",
    )
