"""What may be chosen in a group, and the defaults of each choice."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from runners.configuration import estimator_files, schema, task_files
from steeplechase import registry
from steeplechase.errors import UserError

CONFIG_DIR = "STEEPLECHASE_CONFIG_DIR"  # in the environment: the user's own folder of pages
_OF_USERS = ("experiment", "optimizer")  # of which a page is numbers and words alone, and no code
GRID_KEYS = ("grid", "wide", "board")  # of an optimizer's page: learning rates for experiments to choose from


def options(group: str) -> list[str]:
    """What may be chosen in a group: the pages in conf and in the user's own folder, and external ones."""
    external: set[str] = {*task_files.files()} if group == "task" else set()
    if group == "estimator":
        external = {*estimator_files.files(), *estimator_files.entry_points()}
    return sorted({path.stem for folder in _folders(group) for path in folder.glob("*.yaml")} | external)


def name_folder(folder: str | None) -> None:
    """Takes pages of experiments and optimizers from a folder of the user's own, too, here and in child processes.

    Args:
        folder: as --config-dir gives it; None: there is none, whatever an earlier command left.

    Raises:
        UserError: where it is no folder, and for a page of a name that conf has.
    """
    os.environ.pop(CONFIG_DIR, None)
    if folder is None:
        return
    if not Path(folder).is_dir():
        raise UserError(f"--config-dir is {folder!r}, which is no folder.")
    for group in _OF_USERS:
        for path in sorted((Path(folder) / group).glob("*.yaml")):
            if (schema.CONF / group / path.name).exists():
                raise UserError(f"{group}/{path.name} in {folder}: there is one of this name already; call it another.")
    os.environ[CONFIG_DIR] = os.path.abspath(folder)


def folder_as_argument() -> list[str]:
    """The flag that names the user's own folder again, by its base name; nothing where there is none."""
    folder = os.environ.get(CONFIG_DIR)
    return ["--config-dir", os.path.basename(folder)] if folder else []


def _folders(group: str) -> list[Path]:
    """Where a group's pages lie."""
    own = [Path(os.environ[CONFIG_DIR]) / group] if os.environ.get(CONFIG_DIR) and group in _OF_USERS else []
    return [schema.CONF / group, *own]


_NAME = re.compile(r"(?!.*\.\.)[\w./-]{1,100}")


def defaults_of(group: str, name: str) -> dict[str, Any]:
    """What conf/GROUP/NAME.yaml says, or that of the user's own folder, or an external page.

    Args:
        group: `task`, `estimator`, `optimizer` or `experiment`.
        name: of a page.

    Returns:
        Its keys with their values, `name` included; schedules as the YAML has them (`unquoted`).

    Raises:
        UserError: where there is none, with the nearest name; for a page that no table of contents lists; and for a
            file that is no YAML.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        known = ", ".join(options(group))
        raise UserError(f"{str(name)!r} is no name of a page ({group}); known are: {known}.")
    paths = [folder / f"{name}.yaml" for folder in _folders(group)]
    path = next((path for path in paths if path.exists()), None)
    if path:
        _check_entered(group, name)
        page = _read(path)
        if group == "task" and ("steps" not in page or "dtype" in page):
            wrong = "has no steps" if "steps" not in page else "has dtype, which the key precision gives"
            raise UserError(f"conf/task/{name}.yaml {wrong}.")
        return page
    if group == "estimator" and name in estimator_files.listed_names():
        raise UserError(f"'{name}' is in the book, but has no conf/estimator/{name}.yaml: its name and parameters.")
    if group == "function" and name in estimator_files.function_names():
        there = f"estimators/functions/{name}.py"
        raise UserError(f"there is {there}, but no conf/function/{name}.yaml: its name and parameters.")
    if group == "task" and name in task_files.listed_names():
        raise UserError(f"'{name}' is in the book, but has no conf/task/{name}.yaml: its name, arguments and steps.")
    find: Callable[[str], Any] = {"estimator": estimator_files.find, "task": task_files.find}.get(group, lambda _: None)
    external = find(name)
    if external:
        return external.defaults
    aliases, excluded = estimator_files.field_names() if group == "estimator" else ({}, {})
    known = {option: aliases.get(option, ()) for option in options(group)}
    hint = f" One in a file of your own needs {group}.file=PATH." if group in ("estimator", "task") else ""
    raise UserError(registry.unknown(group, name, known, excluded) + hint)


def _check_entered(group: str, name: str) -> None:
    """Refuses a page that has its YAML, but is not in the table of contents: no run could find it.

    Raises:
        UserError: with the line that is missing there.
    """
    if group == "estimator" and name not in estimator_files.listed_names():
        file = estimator_files.listed_file(name)
        line = f"from estimators.{file.parent.name if file else 'surrogates'}.{name} import {name} as {name}"
        raise UserError(f"'{name}' is in conf/estimator, but not in the book: add `{line}` to estimators/__init__.py.")
    if group == "function" and name not in estimator_files.function_names():
        raise UserError(f"'{name}' is in conf/function, but has no file estimators/functions/{name}.py.")
    if group == "function" and name not in estimator_files.listed_functions():
        line = f"from estimators.functions.{name} import {name} as {name}"
        raise UserError(f"'{name}' is in conf/function, but not in the book: add `{line}` to estimators/__init__.py.")
    if group == "task":
        import tasks

        if name not in tuple(tasks.registry):
            raise UserError(f"'{name}' is in conf/task, but not in the book: add its name to tasks/__init__.py.")


@functools.cache
def _read(path: Path) -> dict[str, Any]:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.MarkedYAMLError as error:
        line = f" (line {error.problem_mark.line + 1})" if error.problem_mark else ""
        raise UserError(f"{path} is no YAML: {error.problem}{line}.") from None


def unquoted(value: Any) -> Any:
    """A schedule that a page's YAML has as one word, so that an override takes its place and is not merged into it."""
    return yaml.safe_load(value) if isinstance(value, str) and value.startswith("{") else value
