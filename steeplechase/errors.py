"""What a user may get wrong, or meet: one family of errors, each of one sentence that says what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """What a user got wrong: the key, the value, what is allowed and the nearest match, in one sentence."""

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows of it: the sentence. No line of code on the way to it is at fault."""
        return [f"{type(self).__name__}: {self}"]


class UnknownName(UserError, KeyError):
    """A name that nothing has; a KeyError as well, as any mapping's."""

    __str__ = Exception.__str__  # KeyError's own shows its argument's repr


class Unsupported(UserError):
    """A combination that cannot be, with the reason: for example, a slope without finite area normalised by area."""


class RecordError(UserError):
    """A record or a table of records that is incomplete, damaged or of another schema."""


class StoreError(UserError, OSError):
    """A file or folder of a store that cannot be used as it is: unreadable now, of another version, wrongly named."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown name.

    Args:
        name: what was asked for.
        known: the names that there are.

    Returns:
        "; did you mean 'NEAREST'?", or "." where none is near.
    """
    near = difflib.get_close_matches(name, list(known), 1, 0.5)
    return f"; did you mean '{near[0]}'?" if near else "."


def first_line(error: BaseException) -> str:
    """The first line of what an error says; "no reason given" of one that says nothing."""
    return (str(error).strip().splitlines() or ["no reason given"])[0]
