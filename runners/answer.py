"""What a command answers to the Python that started it (runners/api.py): facts, in a file named by its environment."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

ANSWER = "STEEPLECHASE_ANSWER"  # in the environment: where the answer goes
PARENT = "STEEPLECHASE_PARENT"  # in the environment: the process that asks, which the command does not outlive

_facts: dict[str, Any] = {}


def asked() -> bool:
    """Whether Python has started this command: it wants facts, rather than tables and figures."""
    return bool(os.environ.get(ANSWER))


def report(**facts: Any) -> None:
    """Adds to the answer, where one is asked for.

    Args:
        **facts: what JSON knows.
    """
    if asked():
        _facts.update(facts)
        Path(os.environ[ANSWER]).write_text(json.dumps(_facts), encoding="utf-8")


def read(path: Path) -> dict[str, Any]:
    """The answer that a command has written; nothing where it has written none.

    Args:
        path: what ANSWER was.

    Returns:
        The facts by name.
    """
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return json.loads(text) if text else {}
