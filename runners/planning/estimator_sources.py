"""The sources of estimators: which files each consists of, and what it was observed to read."""

from __future__ import annotations

from pathlib import Path

from runners.configuration.estimator_files import ESTIMATORS_DIR, KINDS, find, listed_file
from runners.planning import sources
from runners.planning.file_sources import Reads, files_and_packages
from steeplechase.errors import UserError


def code_files(name: str) -> list[Path]:
    """The files of code that an estimator consists of: its own, and those that it imports beside what every one does.

    Args:
        name: of it.

    Returns:
        Paths of Python files.
    """
    external = find(name)
    if external:
        return list(files_and_packages(external)[0].values())
    page, base = listed_file(name), sources.closure(*(ESTIMATORS_DIR / f"{kind}.py" for kind in KINDS))
    return [path for path in sources.closure(*([page] if page else [])) if path not in base]


reads = Reads("estimator", code_files)


def known(name: str) -> bool:
    """Whether there is a file of this estimator: of the book, named, or in an installed package."""
    return find(name) is not None or listed_file(name) is not None


def refuse_unknown(name: str) -> None:
    """Refuses an estimator that there is no file of.

    Args:
        name: of it, as records have it.

    Raises:
        UserError: which asks for the file.
    """
    if not known(name):
        raise UserError(
            f"the estimator '{name}' is external: add estimator.file=PATH, so that it can be seen whether its page has "
            "changed."
        )
