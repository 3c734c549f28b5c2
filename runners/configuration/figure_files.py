"""Figures of one's own, each in a file that a command names: figure.file=PATH. Read here, and run where it is drawn."""

from __future__ import annotations

import ast
import json
import os
from collections.abc import Sequence
from pathlib import Path

from results import figures
from runners.configuration import python_files
from steeplechase.errors import UserError

KEY = "figure.file"


def name_files(arguments: Sequence[str]) -> list[str]:
    """Takes `figure.file=PATH[,PATH]` out of a command's arguments, and keeps the files for this process and its
    children, which draw them beside other figures.

    Args:
        arguments: of the command.

    Returns:
        The other arguments.

    Raises:
        UserError: for a file that cannot be read or draws nothing, and for a name that another figure has.
    """
    os.environ.pop(figures.FILES, None)  # what an earlier command left there was not named by this one
    paths, rest = python_files.take(arguments, KEY)
    found: dict[str, str] = {}
    for path in paths:
        name = _name(path)
        if name in found:
            raise UserError(f"two figures are called {name}: rename one of their files.")
        found[name] = str(path)
    if found:
        os.environ[figures.FILES] = json.dumps(found)
    return rest


def files() -> dict[str, Path]:
    """The files that the command named, by the figure's name."""
    return figures.named_files()


def _name(path: Path) -> str:
    """The figure's name: the file's, without its ending. The file is read, and not run."""
    tree = python_files.parse(path, KEY)
    if not any(isinstance(node, ast.FunctionDef) and node.name == "draw" for node in tree.body):
        raise UserError(f"{path.name} has no function draw(results), which returns a Matplotlib figure.")
    python_files.make_importable(path, tree)
    name = path.stem
    if not name.isidentifier():
        raise UserError(f"{path.name} cannot name a figure: take letters, digits and _.")
    if name in (*figures.listed(), *figures.RENAMED):
        raise UserError(f"{path.name}: there is a figure '{name}' already; call yours something else.")
    return name
