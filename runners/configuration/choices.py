"""What may be chosen in a group, and the defaults of each choice."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import yaml

from runners.configuration import estimator_files, schema
from steeplechase import registry
from steeplechase.errors import UserError

GRID_KEYS = ("grid", "wide")  # of an optimizer's page: learning rates for experiments to choose from


def options(group: str) -> list[str]:
    """What may be chosen in a group: the pages in conf, and external estimators."""
    elsewhere = {*estimator_files.files(), *estimator_files.entry_points()} if group == "estimator" else set()
    return sorted({path.stem for path in (schema.CONF / group).glob("*.yaml")} | elsewhere)


_NAME = re.compile(r"(?!.*\.\.)[\w./-]{1,100}")


def defaults_of(group: str, name: str) -> dict[str, Any]:
    """What conf/GROUP/NAME.yaml says, or an external estimator.

    Args:
        group: `task`, `estimator`, `optimizer` or `experiment`.
        name: of a page.

    Returns:
        Its keys with their values, `name` included; schedules as the YAML has them (`unquoted`).

    Raises:
        UserError: where there is none, with the nearest name; and for a page that no table of contents lists.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        known = ", ".join(options(group))
        raise UserError(f"{str(name)!r} is no name of a page ({group}); known are: {known}.")
    path = schema.CONF / group / f"{name}.yaml"
    if path.exists():
        _check_entered(group, name)
        page = _read(path)
        if group == "task" and ("steps" not in page or "dtype" in page):
            wrong = "has no steps" if "steps" not in page else "has dtype, which the key precision gives"
            raise UserError(f"conf/task/{name}.yaml {wrong}.")
        return page
    if group == "estimator" and name in estimator_files.listed_names():
        raise UserError(f"'{name}' is in the book, but has no conf/estimator/{name}.yaml: its name and parameters.")
    elsewhere = estimator_files.find(name) if group == "estimator" else None
    if elsewhere:
        return elsewhere.defaults
    aliases, excluded = estimator_files.field_names() if group == "estimator" else ({}, {})
    known = {option: aliases.get(option, ()) for option in options(group)}
    raise UserError(registry.unknown(group, name, known, excluded))


def _check_entered(group: str, name: str) -> None:
    """Refuses a page that has its YAML, but is not in the table of contents: no run could find it.

    Raises:
        UserError: with the line that is missing there.
    """
    if group == "estimator" and name not in estimator_files.listed_names():
        line = f"from estimators.surrogates.{name} import {name} as {name}"
        raise UserError(f"'{name}' is in conf/estimator, but not in the book: add `{line}` to estimators/__init__.py.")
    if group == "function" and name not in estimator_files.function_names():
        raise UserError(f"'{name}' is in conf/function, but has no file estimators/functions/{name}.py.")
    if group == "task":
        import tasks

        if name not in tuple(tasks.registry):
            raise UserError(f"'{name}' is in conf/task, but not in the book: add its name to tasks/__init__.py.")


@functools.cache
def _read(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8")) or {}


def unquoted(value: Any) -> Any:
    """A schedule that a page's YAML has as one word, so that an override takes its place and is not merged into it."""
    return yaml.safe_load(value) if isinstance(value, str) and value.startswith("{") else value
