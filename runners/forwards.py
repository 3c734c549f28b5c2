"""For which hard functions tasks are written, as their files say in `forwards`: read, and not run."""

from __future__ import annotations

import ast
import functools
from collections.abc import Sequence
from pathlib import Path

import tasks
from tasks.base import Task

_TASKS = Path(tasks.__file__).parent


@functools.cache
def listed(path: Path) -> tuple[str, ...] | None:
    """The hard functions that the task in a file is written for.

    Args:
        path: of a Python file.

    Returns:
        Those of `forwards`, else its default; None where the file makes no Task, or several, or does not write out for
        what it is.
    """
    calls = [node for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, ast.Call)]
    made = [call for call in calls if "Task" in (getattr(call.func, "id", ""), getattr(call.func, "attr", ""))]
    given = [(call, word.value) for call in calls for word in call.keywords if word.arg == "forwards"]
    if len(made) != 1 or any(call is not made[0] for call, _ in given):
        return None
    if not given:
        return None if any(word.arg is None for word in made[0].keywords) else Task.forwards
    try:
        return tuple(ast.literal_eval(given[0][1]))
    except ValueError:
        return None


def refusal(task: str, forwards: Sequence[str], function: str) -> str:
    """What is said where a task is not written for a hard function.

    Args:
        task: its name.
        forwards: the functions that it is written for.
        function: the name of another.

    Returns:
        A sentence, with the tasks of the house that list the function, or what to do where none does.
    """
    able = [path.stem for path in sorted(_TASKS.glob("*.py")) if function in (listed(path) or ())]
    file = f"tasks/{task}.py" if (_TASKS / f"{task}.py").exists() else "its file"
    other = f"these are: {', '.join(able)}" if able else f"no task is; list it in `forwards` in {file}"
    return f"{task} is written for {' or '.join(forwards)}, not for {function}: {other}."
