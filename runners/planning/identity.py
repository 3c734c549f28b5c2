"""What makes two records the same: the one place where that is decided.

A run's *program hash* covers its resolved configuration without the replicas' own values; the data's files count by
checksum and base name. A *fingerprint* covers the project code that the run uses, read as syntax trees (comments,
docstrings, formatting and what is only printed do not count), what its pages read from outside their code, and the
numeric stack. A replica's *id* covers the program and its own values,
never its position. Not in any of them: where the store is, how often state is saved, who launched it.
Nothing here imports TensorFlow: planning must be quick.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runners.configuration import estimator_files, task_files
from runners.configuration.run import ReplicaValues, Run
from runners.configuration.schema import AVERAGES
from runners.planning import device, estimator_sources, file_sources, sources, task_sources
from steeplechase.errors import UserError
from tasks.data import events, sets

_STACK = ("tensorflow", "keras", "numpy", "ml-dtypes")
_FLAGS = (
    *("XLA_FLAGS", "TF_XLA_FLAGS", "TF_ENABLE_ONEDNN_OPTS", "NVIDIA_TF32_OVERRIDE", "TF_DISABLE_MKL"),
    *("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"),
)
EXECUTED = (
    "execution/child",
    "execution/training_run",
)  # of runners: what a process that trains executes, with all that they import


def digest(content: Any) -> str:
    """SHA-256 of plain data, by its canonical JSON.

    Args:
        content: what JSON has.

    Returns:
        64 hexadecimal digits.

    Raises:
        TypeError: for what is not plain.
        ValueError: for NaN.
    """
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def configuration(run: Run) -> dict[str, Any]:
    """The program as it is hashed and recorded.

    Args:
        run: whose program it is.

    Returns:
        Plain data: files by base name, with the checksum of their content under "data"; a CSV's column by its name.

    Raises:
        UserError: for a file that cannot be read.
    """
    program = json.loads(json.dumps(dict(run.program)))
    if run.files:
        counting = events.counting(run.program["task"])
        program["data"] = _checksum(run.files["data"], run.files.get("labels"), counting)
        column = "labels" in run.files and _is_table(run.files["data"])  # of which the whole name counts
        program["task"] |= {k: v if column and k == "labels" else Path(v).name for k, v in run.files.items()}
    return program


def program(run: Run) -> tuple[str, str]:
    """(name of the run's folder, program hash). The name is for people: the three words and the hash's beginning."""
    whole = digest(configuration(run))
    return f"{'-'.join(run.names)}-{whole[:8]}", whole


def replica(program_hash: str, values: ReplicaValues) -> str:
    """The id of a replica.

    Args:
        program_hash: of its run's program.
        values: its own.

    Returns:
        16 hexadecimal digits; the replica's position is not in it.
    """
    return digest([program_hash, values.columns()])[:16]


def fingerprint(run: Run, stack: Mapping[str, str] | None = None) -> tuple[str, dict[str, str]]:
    """What made, or would make, a run's numbers beside its configuration.

    Args:
        run: whose fingerprint it is.
        stack: what computes beside Python's packages (device.stack); None: what this machine has.

    Returns:
        (fingerprint, what it covers): each source file of the run's closure, what its pages read from outside their
        code, and each part of the numeric stack. The fingerprint has 16 hexadecimal digits.

    Raises:
        UserError: for an estimator or a task that is not there, and for one that may read and was not observed
            (file_sources.Reads).
    """
    covers: dict[str, str] = {}
    for name in estimators(run):
        covers |= estimator_sources.reads.observed(name)
    covers |= task_sources.reads.observed(run.program["task"]["name"])
    for external_file in external_files(run):
        covers |= file_sources.files_and_packages(external_file)[1]
    covers |= {label: sources.tree(path) for label, path in files(run).items()}
    covers |= {name: _version(name) for name in _STACK}
    package = sets.package(run.program["task"].get("data", ""))
    if package:
        covers[package] = _version(package)
    covers["python"] = ".".join(map(str, sys.version_info[:2]))
    covers |= {name: flags(name) for name in _FLAGS if os.environ.get(name)}
    covers |= device.stack(run.program["device"]) if stack is None else stack
    return digest(covers)[:16], covers


def estimators(run: Run) -> list[str]:
    """The names of the run's estimators, those that its reference is of among them."""
    names = [chosen["name"] for chosen in (run.program["estimator"], run.program["estimator_weights"]) if chosen]
    measured = run.program.get("fidelity", {})
    beside = [measured[name] for name in ("along", "truth") if name in measured]
    return list(dict.fromkeys([*names, *(name for name in beside if name not in AVERAGES)]))


def external_files(run: Run) -> list[file_sources.SourceFile]:
    """The estimators and the task of the run that are not of the house."""
    pages = [estimator_files.find(name) for name in estimators(run)]
    return [page for page in (*pages, task_files.find(run.program["task"]["name"])) if page]


def files(run: Run) -> dict[str, Path]:
    """The run's closure: each file of code that it uses.

    Args:
        run: whose files they are.

    Returns:
        Paths by the name that they have in records.

    Raises:
        UserError: for an external estimator or task whose file nobody named.
    """
    roots = [sources.ROOT / f"runners/{name}.py" for name in EXECUTED]
    chosen = [function["name"] for part in ("function", "function_weights") if (function := run.program[part])]
    functions = [name for name in estimator_files.function_names() if name in chosen]
    roots += [sources.ROOT / f"estimators/functions/{name}.py" for name in functions]
    external: dict[str, Path] = {}
    for external_file in external_files(run):
        for label, path in file_sources.files_and_packages(external_file)[0].items():
            if external.setdefault(label, path) != path:
                raise UserError(f"two files of one run are called {label}: rename one, since records know no folders.")
    task = run.program["task"]["name"]
    if not task_files.find(task):
        task_sources.refuse_unknown(task)
        roots.append(sources.ROOT / f"tasks/{task}.py")
    for name in estimators(run):
        if estimator_files.find(name):
            continue
        page = estimator_files.listed_file(name)
        if page:
            roots.append(page)
        else:
            estimator_sources.refuse_unknown(name)
    inside = sources.closure(*roots, *(path for file in external.values() for path in sources.imports(file)))
    return external | {sources.label(path): path for path in inside}


def changed(old: Mapping[str, str], new: Mapping[str, str]) -> str:
    """Why two fingerprints differ.

    Args:
        old: what the one covers, by name.
        new: what the other covers.

    Returns:
        In words: "nothing changed" where they do not differ.
    """
    reasons = []
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            verb = "is new" if name not in old else "is gone" if name not in new else "changed"
            plain = name.endswith(".py") or " reads " in name
            short = f"{old.get(name, 'none')} → {new.get(name, 'none')}" if not plain else verb
            reasons.append(f"{name} {short}")
    return ", ".join(reasons) or "nothing changed"


def flags(name: str) -> str:
    """What a variable with flags says.

    Args:
        name: of an environment variable.

    Returns:
        Its value; a file that it names, or that one of its flags names, by base name and digest of its content.
    """
    value = os.environ.get(name, "")
    if value and not value.lstrip().startswith("-") and os.path.isfile(value):  # as XLA reads it: a file of flags
        return _content(value)
    return re.sub(r"(?<==)[^\s=]+", lambda match: _content(match[0]) if os.path.isfile(match[0]) else match[0], value)


def _content(path: str) -> str:
    with open(path, "rb") as file:
        return f"{os.path.basename(path)} ({hashlib.file_digest(file, 'sha256').hexdigest()[:16]})"


@functools.cache
def _checksum(data: str, labels: str | None, counting: events.Counting | None) -> str:
    """Once a process. What was loaded is held against it before a record is written (execution/training_run.py)."""
    return sets.checksum(data, labels, counting)


@functools.cache
def _is_table(data: str) -> bool:
    """Once a process, as the checksum."""
    return sets.is_table(data)


@functools.cache
def _version(package: str) -> str:
    """Once a process, as a package is imported once a process: looking it up reads and parses its metadata."""
    return importlib.metadata.version(package)


@dataclass(frozen=True)
class PlannedRun:
    """A run with its identity.

    Attributes:
        run: the run.
        name: of its folder.
        program_hash: of its program.
        fingerprint: of its code and of the numeric stack.
        covers: what the fingerprint is made of, by name.
        ids: of its replicas, in their order.
    """

    run: Run
    name: str
    program_hash: str
    fingerprint: str
    covers: dict[str, str]
    ids: tuple[str, ...]

    @property
    def plan(self) -> dict[str, Any]:
        """This run's part of a plan."""
        return {
            "run": self.name,
            "fingerprint": self.fingerprint,
            "sources": self.covers,
            "configuration": configuration(self.run),
            "replicas": list(self.ids),
        }


def identify(run: Run) -> PlannedRun:
    """Decides what would count as this run's records. Imports no TensorFlow.

    Args:
        run: to be identified.

    Returns:
        The run with its names, hashes and ids.

    Raises:
        UserError: as `configuration` and `fingerprint`.
    """
    name, program_hash = program(run)
    code, covers = fingerprint(run)
    ids = tuple(replica(program_hash, values) for values in run.replicas)
    return PlannedRun(run, name, program_hash, code, covers, ids)
