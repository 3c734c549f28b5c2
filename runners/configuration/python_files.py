"""Python files of a user's own that a command names, as KEY=PATH[,PATH]: taken out of its arguments, read, not run."""

from __future__ import annotations

import ast
import os
from collections.abc import Sequence
from pathlib import Path

from runners import command
from steeplechase.errors import UserError


def take(arguments: Sequence[str], key: str) -> tuple[list[Path], list[str]]:
    """Parts a command's arguments.

    Args:
        arguments: of the command.
        key: by which files are named: "estimator.file".

    Returns:
        (the named files by their absolute paths, the other arguments).

    Raises:
        UserError: where the key names nothing.
    """
    mark = f"{key}="
    paths = [path.strip("'\"") for a in arguments if a.startswith(mark) for path in a.removeprefix(mark).split(",")]
    if "" in paths:
        raise UserError(f"{key} names no file: write {key}=PATH, or several with commas between them.")
    named = [Path(os.path.abspath(os.path.expanduser(path))) for path in paths]
    return named, [a for a in arguments if not a.startswith(mark)]


def parse(path: Path, key: str) -> ast.Module:
    """A file's syntax tree.

    Args:
        path: of the file.
        key: by which it was named, for the sentence.

    Returns:
        The tree.

    Raises:
        UserError: for what cannot be read, and for what is no Python, with the line.
    """
    command.regular(path, key)
    try:
        return ast.parse(path.read_bytes())
    except OSError as error:
        raise UserError(f"{path.name} cannot be read in {path.parent}: {error.strerror}.") from None
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        raise UserError(f"{path.name}{line} is no Python: {getattr(error, 'msg', error)}.") from None
