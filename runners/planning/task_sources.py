"""The sources of tasks: which files each consists of, and what one in a file of its own was observed to read."""

from __future__ import annotations

from pathlib import Path

import tasks
from runners.configuration.task_files import find
from runners.planning.file_sources import Reads, files_and_packages
from steeplechase.errors import UserError


def code_files(name: str) -> list[Path]:
    """The files of code that a task in a file of its own consists of.

    Args:
        name: of it.

    Returns:
        Paths of Python files; none of a task of the house, which reads nothing but data that have a checksum.
    """
    external = find(name)
    return list(files_and_packages(external)[0].values()) if external else []


reads = Reads("task", code_files)


def refuse_unknown(name: str) -> None:
    """Refuses a task that there is no file of.

    Args:
        name: of it, as records have it.

    Raises:
        UserError: which asks for the file.
    """
    if find(name) is None and name not in tuple(tasks.registry):
        raise UserError(
            f"the task '{name}' is in a file of its own: add task.file=PATH, so that it can be seen whether it has "
            "changed."
        )
