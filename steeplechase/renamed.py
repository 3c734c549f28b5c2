"""Old public names, which answer for one release with what has taken their place, and a warning that says so."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any


def answering(module: str, **names: tuple[str, Any]) -> Callable[[str], Any]:
    """A module's `__getattr__`.

    Args:
        module: the module's own name.
        **names: by old name, where it stands now, in words, and what it is.

    Returns:
        The function. It warns with DeprecationWarning, and raises AttributeError for any other name.
    """

    def answer(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module '{module}' has no attribute '{name}'")
        place, value = names[name]
        warnings.warn(f"{module}.{name} is {place} now, and goes with the next release.", DeprecationWarning, 2)
        return value

    return answer
