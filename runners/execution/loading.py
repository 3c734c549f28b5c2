"""External estimators, loaded when they are wanted."""

from __future__ import annotations

import importlib.util
import shutil
import sys
import tempfile
import traceback
import types

import estimators
from estimators.contract import numerics, surrogate
from runners.configuration.estimator_files import EstimatorFile, find
from runners.planning import observing
from runners.planning.estimator_sources import code_files, may_read, observed, observed_reads, refuse_unseen_reads
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
    page = find(name)
    fresh = page is not None and name not in estimators.registry
    if fresh:
        refuse_unseen_reads([page.path])
        _run(page)
    if fresh or (observing.observed() and may_read(name) and name not in observed_reads):
        _call(name, page.place if page else f"{name}.py")
    if observing.observed():
        observed_reads[name] = observing.reads(code_files(name))
        observed(name)


def _run(written: EstimatorFile) -> None:
    # Python's cache of compiled modules could hold older code of the same second and size, and lies beside the source.
    kept, sys.pycache_prefix = sys.pycache_prefix, tempfile.mkdtemp(prefix="steeplechase-")
    try:
        if written.module:
            importlib.import_module(written.module)
        else:
            module = types.ModuleType(f"steeplechase_page_{written.name}")
            sys.modules[module.__name__] = module  # as Python does: dataclasses look their module up
            observing.load(written.path.read_bytes(), written.path, module)
    except (Exception, SystemExit) as error:  # a user's file can fail in any way: it is told with its place
        own = [
            frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(written.path)
        ]
        place = f"{written.path.name}, line {own[-1]}" if own else written.place
        raise UserError(f"{place} does not import: {type(error).__name__}: {first_line(error)}") from None
    finally:
        shutil.rmtree(sys.pycache_prefix, ignore_errors=True)
        sys.pycache_prefix = kept
    if written.name not in estimators.registry:
        raise UserError(
            f"{written.place}: running it did not enter '{written.name}' in the book; is it under @surrogate(...)?"
        )


def _call(name: str, place: str) -> None:
    try:
        surrogate.shape_and_type(estimators.registry[name])
    except numerics.ContractError as broken:
        raise UserError(f"{place}: {broken}") from None
    except (Exception, SystemExit) as error:
        raise UserError(f"{place} fails on a plain tensor: {type(error).__name__}: {first_line(error)}") from None
