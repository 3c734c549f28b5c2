"""Slopes as fresh interpreters have them: what is drawn or read from the clock while a page is loaded shows here."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import Iterable

from runners.configuration import estimator_files
from runners.planning import observing
from steeplechase.errors import UserError

_TWO = ("1", "2")  # what Python's hashes of words begin from: the order of sets is another one in each


def slopes(names: Iterable[str]) -> list[dict[str, str]]:
    """The slopes that two interpreters get, started for this.

    Args:
        names: of the pages.

    Returns:
        For each interpreter, {page: a digest of its slope over the contract's grid, or what it fails with}.

    Raises:
        UserError: where an interpreter ends without an answer.
    """
    return _slopes(tuple(names), os.environ.get(estimator_files.NAMED, ""))


@functools.cache
def _slopes(names: tuple[str, ...], named: str) -> list[dict[str, str]]:
    code = f"import sys; sys.path[:] = {sys.path!r}; from runners.execution import fresh; fresh.answer({names!r})"
    environment = {**os.environ, estimator_files.NAMED: named, "CUDA_VISIBLE_DEVICES": "-1"}
    asked = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            env={**environment, "PYTHONHASHSEED": seed},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for seed in _TWO
    ]
    found = []
    for process in asked:
        said, noise = process.communicate()
        if process.returncode:
            last = (noise.decode(errors="replace").strip().splitlines() or ["no reason given"])[-1]
            raise UserError(f"a fresh interpreter could not load {', '.join(names)}: {last}")
        found.append(json.loads(said.splitlines()[-1]))
    return found


def answer(names: Iterable[str]) -> None:
    """Prints {page: digest} as JSON: what such an interpreter is started for."""
    from runners.training import setup

    setup.start_tensorflow("cpu")
    import estimators
    from estimators.contract import drawn, numerics
    from estimators.surrogate import Surrogate
    from runners.execution import loading

    found = {}
    for name in names:
        try:
            loading.register(name)
            page = estimators.find(name)
            numbers = numerics.over_grid(page) if isinstance(page, Surrogate) else drawn.over_laws(page)
            found[name] = observing.digest(numbers.tobytes())
        except (Exception, SystemExit) as error:  # a page can fail in any way, and then it does so in both
            found[name] = f"{type(error).__name__}: {error}"
    print(json.dumps(found))
