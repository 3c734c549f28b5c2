"""What a contract promises and whether it is kept: the words that the contracts of estimators and of tasks share."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple


class ContractError(AssertionError):
    """A promise that is not kept, in one sentence."""


class Check(NamedTuple):
    """What is promised, and whether it is kept.

    Attributes:
        text: the first sentence of the check's docstring.
        fault: how it is broken, in one sentence; "" where it is kept.
        form: whether it is of form alone: it moves no number.
    """

    text: str
    fault: str
    form: bool = False


def first_sentence(check: Callable[[Any], None]) -> str:
    """What a check says that it checks: its docstring up to the first empty line, in one line."""
    return " ".join((inspect.getdoc(check) or "").split("\n\n")[0].split())
