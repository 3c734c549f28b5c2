"""Tasks of one's own, each in a file that a command names: task.file=PATH. Read here, and run where it is trained.

Such a file has a function of its own name, which takes its arguments by keyword and returns a Task, and says in STEPS
for how many steps it is trained where nobody says otherwise. No configuration and no record can name a file; what was
named travels to the processes of a sweep in the environment.
"""

from __future__ import annotations

import ast
import functools
import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tasks
from runners.configuration import python_files
from steeplechase.errors import UserError

TASKS_DIR = Path(tasks.__file__).parent
KEY = "task.file"
NAMED = "STEEPLECHASE_TASKS"  # in the environment: the files that the user named
STEPS = "STEPS"  # what a file calls the number of steps
# No argument can be called so: the command line or the machinery means something else by it.
RESERVED_NAMES = ("name", "file", "steps", "self", "chance", "seed")


@dataclass(frozen=True)
class TaskFile:
    """A task as its file has it.

    Attributes:
        name: the function's, which is the file's.
        arguments: by name, with their defaults; without `dtype`, which the key precision gives.
        steps: for how many it is trained where nobody says otherwise.
        path: the file.
        line: where the function stands in it, from 1.
        module: what an installed package calls it: "", it is of a file.
        package: that package: "".
    """

    name: str
    arguments: tuple[tuple[str, Any], ...]
    steps: int
    path: Path
    line: int
    module: str = ""
    package: str = ""

    @property
    def place(self) -> str:
        """The file's base name and the line, as faults are told."""
        return f"{self.path.name}, line {self.line}"

    @property
    def defaults(self) -> dict[str, Any]:
        """What conf/task/NAME.yaml would say."""
        return {"name": self.name, **dict(self.arguments), "steps": self.steps}


def name_files(arguments: Sequence[str]) -> list[str]:
    """Takes `task.file=PATH[,PATH]` out of a command's arguments, reads what it names, and keeps it for this process
    and its children.

    Args:
        arguments: of the command.

    Returns:
        The other arguments.

    Raises:
        UserError: for a file that cannot be read, or holds no task that could be used.
    """
    rest = python_files.keep(arguments, KEY, NAMED)
    files()
    return rest


def files() -> dict[str, TaskFile]:
    """The tasks in the files that the user named, by name."""
    return files_named(os.environ.get(NAMED, ""))


def find(name: str) -> TaskFile | None:
    """The task of this name, where the user named a file of it."""
    return files().get(name)


def listed_names() -> list[str]:
    """The tasks of the house: those of the registry that have a file there."""
    return [name for name in tasks.registry if (TASKS_DIR / f"{name}.py").is_file()]


def argument_names(name: str) -> tuple[str, ...]:
    """The arguments of a task but `dtype`, as its file says. Nothing is run.

    Args:
        name: of a task that there is.

    Returns:
        Their names.
    """
    external = find(name)
    return tuple(argument for argument, _ in external.arguments) if external else _listed_arguments(name)


@functools.cache
def _listed_arguments(name: str) -> tuple[str, ...]:
    path = TASKS_DIR / f"{name}.py"
    node = _function(python_files.parse(path, KEY), path)
    if node is None:
        raise UserError(f"tasks/{name}.py has no function {name}(*, ...), of the file's name, which returns a Task.")
    return tuple(argument.arg for argument in node.args.kwonlyargs if argument.arg != "dtype")


@functools.cache
def files_named(named: str) -> dict[str, TaskFile]:
    """The files of a JSON list of paths, read once each; "" is no file.

    Args:
        named: the list.

    Returns:
        Each by its task's name.

    Raises:
        UserError: for a file that holds no task of its own name, and for a name that is taken.
    """
    found: dict[str, TaskFile] = {}
    for path in map(Path, json.loads(named or "[]")):
        task = read(path)
        if task.name in tuple(tasks.registry):
            raise UserError(f"{task.place}: there is a task '{task.name}' already; call yours something else.")
        if task.name in found:
            raise UserError(f"{task.place}: '{task.name}' is named twice.")
        found[task.name] = task
    return found


def holds_task(path: Path) -> bool:
    """Whether a file has a function of its own name, and so may hold a task: not one of x, as a slope is.

    Args:
        path: of a Python file.

    Returns:
        Whether it does.

    Raises:
        UserError: for a file that cannot be read.
    """
    node = _function(python_files.parse(path, KEY), path)
    return node is not None and [argument.arg for argument in node.args.args] != ["x"]


def read(path: Path) -> TaskFile:
    """The task in this file, without running it.

    Args:
        path: of a Python file.

    Returns:
        The task.

    Raises:
        UserError: with the file, and the line, where it holds none that is of the form.
    """
    tree = python_files.parse(path, KEY)
    python_files.make_importable(path, tree)
    node = _function(tree, path)
    if node is None:
        raise UserError(f"{path.name} has no function {path.stem}(*, ...), of the file's name, which returns a Task.")
    return TaskFile(node.name, _arguments(node, path), _steps(tree, path), path, node.lineno)


def _function(tree: ast.Module, path: Path) -> ast.FunctionDef | None:
    """The function of the file's name."""
    return next((node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == path.stem), None)


def _steps(tree: ast.Module, path: Path) -> int:
    """What the file says in STEPS."""
    for node in tree.body:
        if not isinstance(node, (ast.Assign, ast.AnnAssign)):
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if any(isinstance(target, ast.Name) and target.id == STEPS for target in targets):
            steps = _literal(node.value)
            if isinstance(steps, int) and not isinstance(steps, bool) and steps > 0:
                return steps
            raise UserError(f"{path.name}, line {node.lineno}: {STEPS} must be written out, a whole number above 0.")
    raise UserError(f"{path.name} does not say for how many steps it is trained: add {STEPS} = 1000, or what it needs.")


def _arguments(node: ast.FunctionDef, path: Path) -> tuple[tuple[str, Any], ...]:
    """The keyword-only arguments but `dtype`, with their defaults as a YAML would have them."""
    given, place, found = node.args, f"{path.name}, line {node.lineno}", []
    if given.posonlyargs or given.args or given.vararg or given.kwarg:
        raise UserError(f"{place}: {node.name} must take its arguments by keyword: (*, size=16, dtype='float32').")
    if "dtype" not in [argument.arg for argument in given.kwonlyargs]:
        raise UserError(f"{place}: {node.name} must take dtype, the precision of its tensors, with the others.")
    for argument, default in zip(given.kwonlyargs, given.kw_defaults, strict=True):
        name = argument.arg
        if name == "dtype":
            continue
        value = _literal(default)
        if default is None or value is _NOT_WRITTEN or not _plain(value):
            raise UserError(
                f"{place}: the argument '{name}' of {node.name} needs a default, written out: a number, a word, True, "
                "False, None, or a list of one kind of them that is not empty."
            )
        if name in RESERVED_NAMES:
            raise UserError(f"{place}: an argument cannot be called '{name}', which means something else.")
        found.append((name, list(value) if isinstance(value, (list, tuple)) else value))
    return tuple(found)


_NOT_WRITTEN = object()


def _literal(node: ast.AST | None) -> Any:
    """A value that is written out."""
    try:
        return ast.literal_eval(node) if node is not None else _NOT_WRITTEN
    except ValueError:
        return _NOT_WRITTEN


def _plain(value: Any) -> bool:
    """Whether a default is of a kind that a configuration can be held against."""
    if isinstance(value, (list, tuple)):
        return (
            bool(value)
            and all(type(one) is type(value[0]) and _plain(one) for one in value)
            and (not isinstance(value[0], (list, tuple)))
        )
    if isinstance(value, str):
        return "${" not in value
    return value is None or (isinstance(value, (bool, int, float)) and math.isfinite(value))
