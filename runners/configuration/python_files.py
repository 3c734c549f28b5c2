"""Python files of a user's own that a command names, as KEY=PATH[,PATH]: taken out of its arguments, read, not run."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import sys
from collections.abc import Iterable, Sequence
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


def keep(arguments: Sequence[str], key: str, variable: str) -> list[str]:
    """Takes what names files out of a command's arguments, and keeps their paths in the environment, for this process
    and its children.

    Args:
        arguments: of the command.
        key: by which files are named.
        variable: of the environment; what an earlier command or anything else left there was not named by this one.

    Returns:
        The other arguments.

    Raises:
        UserError: where the key names nothing.
    """
    os.environ.pop(variable, None)
    paths, rest = take(arguments, key)
    if paths:
        os.environ[variable] = json.dumps([str(path) for path in paths])
    return rest


def as_argument(key: str, paths: Iterable[Path], whole: bool = False) -> list[str]:
    """The argument that names files again.

    Args:
        key: by which they are named.
        paths: of the files.
        whole: by their paths, rather than by their base names, as records speak of them.

    Returns:
        A list of one, or an empty one where there are no files.
    """
    named = [str(path) if whole else path.name for path in paths]
    return [f"{key}={','.join(named)}"] if named else []


def make_importable(path: Path, tree: ast.Module) -> None:
    """Has modules looked for in a file's folder, too, as where Python runs the file.

    Args:
        path: of the file.
        tree: what `parse` gave of it.

    Raises:
        UserError: as refuse_ambiguous.
    """
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    imported = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    tops = {alias.name.split(".")[0] for node in imported if isinstance(node, ast.Import) for alias in node.names}
    tops |= {(node.module or "").split(".")[0] for node in imported if isinstance(node, ast.ImportFrom)}
    refuse_ambiguous(path, sorted(tops - {""}))


def refuse_ambiguous(path: Path, names: Iterable[str]) -> None:
    """Refuses a file whose import means a file beside it and something else as well: where Python runs the file it is
    the neighbour, and here it would be the other.

    Args:
        path: of the file, whose folder is the last that modules are looked for in.
        names: the top-level names that it imports.

    Raises:
        UserError: with the name, and what else it means.
    """
    for name in names:
        beside = [
            place for place in (path.parent / f"{name}.py", path.parent / name / "__init__.py") if place.is_file()
        ]
        if not beside:
            continue
        spec = importlib.util.find_spec(name)  # of a top-level name: nothing is imported
        other = spec.origin if spec else None
        if name in sys.stdlib_module_names or not other or not os.path.samefile(other, beside[0]):
            raise UserError(
                f"{path.name} imports '{name}', which is a file beside it and something else as well ({other}): rename "
                "the file."
            )


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
