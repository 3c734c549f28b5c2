"""Estimators and tasks from outside of the house, loaded when they are needed."""

from __future__ import annotations

import importlib
import shutil
import sys
import tempfile
import traceback
import types

import estimators
import tasks
from estimators.contract import drawn, surrogate
from estimators.surrogate import Surrogate
from runners.configuration import estimator_files, task_files
from runners.planning import estimator_sources, observing, task_sources
from runners.planning.file_sources import Reads, refuse_unseen_reads
from steeplechase.contract import ContractError
from steeplechase.errors import UserError, first_line


def register(name: str) -> None:
    """Runs the external estimator of this name, so that the book has it, unless it has it already; and, where this
    process is observed, notes what the page reads.

    Args:
        name: of an estimator; one of the book's own is there already.

    Raises:
        UserError: with the file and the line where it does not import, is not what it promised, or asks for what no
            record could cover.
    """
    page = estimator_files.find(name)
    new = page is not None and name not in estimators.names()
    if new:
        refuse_unseen_reads([page.path])
        _run(page)
        if name not in estimators.names():
            raise UserError(
                f"{page.place}: running it did not enter '{name}' in the book; is it under @{page.kind}(...)?"
            )
    reads = estimator_sources.reads
    if new or (observing.observed() and reads.unobserved([name])):
        _call(name, page.place if page else f"{name}.py")
    _observe(reads, name)


def register_task(name: str) -> None:
    """The same of a task: runs the file that the user named, unless it was run already.

    Args:
        name: of a task; one of the house is there already.

    Raises:
        UserError: with the file and the line where it does not import, and where it asks for what no record could
            cover.
    """
    page = task_files.find(name)
    if page is None:
        return
    if name not in tasks.registry:
        refuse_unseen_reads([page.path])
        module = _run(page)
        tasks.registry.register(name, vars(module)[name])
        _observe(task_sources.reads, name)  # what it reads when it is called later is refused (training_run.py)


def place_of(error: BaseException, file: estimator_files.EstimatorFile | task_files.TaskFile) -> str:
    """Where in a file an error came up.

    Args:
        error: that was raised.
        file: as it was read.

    Returns:
        The file's base name and the last of its lines that were on the way; where none was, that of the page.
    """
    own = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file.path)]
    return f"{file.path.name}, line {own[-1]}" if own else file.place


def _observe(reads: Reads, name: str) -> None:
    """Notes what a page has read, where this process is observed."""
    if observing.observed():
        reads.record(name)
        reads.observed(name)


def _run(file: estimator_files.EstimatorFile | task_files.TaskFile) -> types.ModuleType:
    """Runs a page's file, or imports its module. Raises UserError where that fails."""
    # Python's cache of compiled modules could hold older code of the same second and size, and lies beside the source.
    kept, sys.pycache_prefix = sys.pycache_prefix, tempfile.mkdtemp(prefix="steeplechase-")
    try:
        if file.module:
            return importlib.import_module(file.module)
        module = types.ModuleType(f"steeplechase_page_{file.name}")
        sys.modules[module.__name__] = module  # as Python does: dataclasses look their module up
        observing.load(file.path.read_bytes(), file.path, module)
        return module
    except (Exception, SystemExit) as error:  # a user's file can fail in any way: it is told with its place
        raise UserError(
            f"{place_of(error, file)} does not import: {type(error).__name__}: {first_line(error)}"
        ) from None
    finally:
        shutil.rmtree(sys.pycache_prefix, ignore_errors=True)
        sys.pycache_prefix = kept


def _call(name: str, place: str) -> None:
    try:
        page = estimators.find(name)
        if isinstance(page, Surrogate):
            surrogate.shape_and_type(page)
        else:
            drawn.shape_and_type(page)
    except ContractError as broken:
        raise UserError(f"{place}: {broken}") from None
    except (Exception, SystemExit) as error:
        raise UserError(f"{place} fails on a plain tensor: {type(error).__name__}: {first_line(error)}") from None
