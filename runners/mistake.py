"""What a user got wrong, in one sentence."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class Mistake(ValueError):
    """What a user got wrong: the key, the value, what is allowed, and the nearest match, in one sentence."""


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint at the nearest known name, or nothing."""
    near = difflib.get_close_matches(name, list(known), 1, 0.5)
    return f"; did you mean '{near[0]}'?" if near else "."
