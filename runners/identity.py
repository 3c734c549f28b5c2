"""What makes two records the same: the one place where that is decided.

A run's *program hash* covers its resolved configuration without the replicas' own values; the data's files count by
checksum and base name. A *fingerprint* covers the project code that the run uses, read as syntax trees (comments,
docstrings and formatting do not count), and the numeric stack. A replica's *id* covers the program and its own values,
never its position. Not in any of them: where the store is, how often state is saved, who launched it.
Nothing here imports TensorFlow: planning must be quick.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.metadata
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runners import pages
from runners.config import Run
from runners.mistake import Mistake
from tasks import data as sets

ROOT = Path(__file__).resolve().parents[1]
_HOUSE = ("estimators", "tasks", "runners", "results")
_STACK = ("tensorflow", "keras", "numpy", "ml-dtypes")
_FLAGS = ("XLA_FLAGS", "TF_XLA_FLAGS", "TF_ENABLE_ONEDNN_OPTS", "NVIDIA_TF32_OVERRIDE", "TF_DISABLE_MKL")


def digest(content: Any) -> str:
    """SHA-256 of plain data, by its canonical JSON. Raises TypeError for what is not plain, ValueError for NaN."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def configuration(run: Run) -> dict[str, Any]:
    """The program as it is hashed and recorded: files by base name, with the checksum of their content."""
    program = json.loads(json.dumps(dict(run.program)))
    if run.files:
        try:
            checksum = _checksum(**run.files)
        except sets.DataError as error:
            raise Mistake(str(error)) from None
        program["task"] |= {name: Path(path).name for name, path in run.files.items()}
        program["data"] = checksum
    return program


def program(run: Run) -> tuple[str, str]:
    """(name of the run's folder, program hash). The name is for people: the three words and the hash's beginning."""
    whole = digest(configuration(run))
    return f"{'-'.join(run.words)}-{whole[:8]}", whole


def replica(program_hash: str, values: Mapping[str, Any]) -> str:
    """The id of the replica with these values."""
    return digest([program_hash, dict(values)])[:16]


def fingerprint(run: Run) -> tuple[str, dict[str, str]]:
    """(fingerprint, what it covers): each source file of the run's closure and each part of the numeric stack."""
    roots = [ROOT / f"tasks/{run.program['task']['name']}.py"]
    roots += [ROOT / f"runners/{name}.py" for name in ("block", "building", "quiet")]
    elsewhere: dict[str, Path] = {}
    covers: dict[str, str] = {}
    for chosen in (run.program["estimator"], run.program["estimator_weights"]):
        if chosen and pages.find(chosen["name"]):
            files, versions = pages.sources(chosen["name"])
            elsewhere |= files
            covers |= versions
        elif chosen and not (ROOT / f"estimators/{chosen['name']}.py").exists():
            raise Mistake(
                f"the estimator '{chosen['name']}' is from elsewhere: add estimator.file=PATH, so that it can be seen "
                "whether its page has changed."
            )
        elif chosen:
            roots.append(ROOT / f"estimators/{chosen['name']}.py")
    roots += [path for file in elsewhere.values() for path in _imports(file)]
    covers |= {name: tree(path) for name, path in elsewhere.items()}
    covers |= {str(path.relative_to(ROOT)): tree(path) for path in closure(*roots)}
    covers |= {name: _version(name) for name in _STACK}
    covers["python"] = ".".join(map(str, sys.version_info[:2]))
    covers |= {name: os.environ[name] for name in _FLAGS if os.environ.get(name)}
    return digest(covers)[:16], covers


def changed(old: Mapping[str, str], new: Mapping[str, str]) -> str:
    """Why two fingerprints differ, in words."""
    reasons = []
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            verb = "is new" if name not in old else "is gone" if name not in new else "changed"
            short = f"{old.get(name, 'none')} → {new.get(name, 'none')}" if not name.endswith(".py") else verb
            reasons.append(f"{name} {short}")
    return ", ".join(reasons) or "nothing changed"


def closure(*roots: Path) -> list[Path]:
    """The project files that these files import, directly or not, and themselves, sorted.

    The wings' `__init__` pages are tables of contents (a test holds that), and do not count: an estimator's record must
    not become stale because another estimator was entered.
    """
    found: set[Path] = set()
    ahead = list(roots)
    while ahead:
        path = ahead.pop()
        if path not in found:
            found.add(path)
            ahead.extend(_imports(path))
    return sorted(found)


@functools.cache
def _checksum(data: str, labels: str | None = None) -> str:
    """Once a process, as the data is loaded once a process: so one that has old data has the old checksum."""
    return sets.checksum(data, labels)


@functools.cache
def _version(package: str) -> str:
    """Once a process, as a package is imported once a process: looking it up reads and parses its metadata."""
    return importlib.metadata.version(package)


@functools.cache
def tree(path: Path) -> str:
    """SHA-256 of a file's syntax tree, without docstrings."""
    parsed = _parse(path)
    for node in ast.walk(parsed):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and node.body:
            first = node.body[0]
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:] or [ast.Pass()]
    return hashlib.sha256(ast.dump(parsed).encode()).hexdigest()


@functools.cache
def _imports(path: Path) -> tuple[Path, ...]:
    names = []
    for node in ast.walk(_parse(path)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    files = [ROOT / f"{name.replace('.', '/')}.py" for name in names if name.split(".")[0] in _HOUSE]
    return tuple(file for file in files if file.is_file())


def _parse(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError) as error:
        raise Mistake(f"{path.name} cannot be read as Python: {error}.") from None
