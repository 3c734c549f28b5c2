"""Which numbers and words a task's argument may be: what is none of them is refused by its name."""

from __future__ import annotations

import math

from steeplechase.errors import UserError, did_you_mean


def at_least(least: int, **values: int) -> None:
    """Refuses whole numbers that are too small.

    Args:
        least: the smallest that is allowed.
        **values: by the name of the argument; a truth value is no whole number.

    Raises:
        UserError: with the first that is too small, or no whole number.
    """
    for name, value in values.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise UserError(f"task.{name} is {value!r}, but must be a whole number of at least {least}.")


def finite(above: float | None = None, least: float | None = None, /, **values: float) -> None:
    """Refuses numbers that are not finite, or too small.

    Args:
        above: an end that is itself not allowed; None: there is none.
        least: the smallest number that is allowed; None: there is none.
        **values: by the name of the argument.

    Raises:
        UserError: with the first that may not be.
    """
    words = "" if above is None else f" above {above:g}"
    words += "" if least is None else f" of at least {least:g}"
    for name, value in values.items():
        inside = (above is None or value > above) and (least is None or value >= least)
        if not (math.isfinite(value) and inside):
            raise UserError(f"task.{name} is {value}, but must be a finite number{words}.")


def one_of(*allowed: str, **values: str) -> None:
    """Refuses words that are not allowed.

    Args:
        *allowed: the words, in the order in which they are listed.
        **values: by the name of the argument.

    Raises:
        UserError: with the first that is none of them, and the nearest one.
    """
    for name, value in values.items():
        if value not in allowed:
            hint = did_you_mean(str(value), allowed)
            raise UserError(f"task.{name} is {value!r}, but must be one of: {', '.join(allowed)}{hint}")
