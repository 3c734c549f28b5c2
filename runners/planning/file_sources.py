"""What a page outside of the house consists of, and what pages were observed to read beside their code."""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol

from runners.configuration import python_files
from runners.planning import observing, sources
from steeplechase.errors import UserError

# What a page may import without its being counted: the house and the numeric stack are part of every fingerprint, and
# annotations move no numbers.
UNCOUNTED: tuple[str, ...] = ("steeplechase", "estimators", "tasks", "runners", "results")
UNCOUNTED += ("tensorflow", "keras", "numpy", "ml_dtypes", "jaxtyping")


class SourceFile(Protocol):
    """What is known of a page that was read and not run: an estimator, or a task.

    Attributes:
        name: of its function.
        path: of its file.
        module: what an installed package calls it; "" for a file.
        package: that package, with its version; "" for a file.
    """

    @property
    def name(self) -> str: ...
    @property
    def path(self) -> Path: ...
    @property
    def module(self) -> str: ...
    @property
    def package(self) -> str: ...


class Reads:
    """What the pages of a kind take from outside their code.

    Whether they may is read off their files; what they do is seen by running them in a process that is observed
    (runners/planning/observing.py), from where those that plan are told.
    """

    def __init__(self, kind: str, code_files: Callable[[str], list[Path]]):
        """Nothing is known yet.

        Args:
            kind: what a page is, in a sentence: "estimator".
            code_files: gives the files of code that a page of this name consists of.
        """
        self._kind, self._code_files = kind, code_files
        self._observed: dict[str, dict[str, str]] = {}

    def may_read(self, name: str) -> bool:
        """Whether a page may read variables or files, draw, or ask the clock.

        Args:
            name: of the page.

        Returns:
            Whether it does more than compute, as far as names say.
        """
        return not all(sources.only_computes(path) for path in self._code_files(name))

    def unobserved(self, names: Iterable[str]) -> list[str]:
        """Those of these pages that may read, and of which this process does not know yet what."""
        return [name for name in dict.fromkeys(names) if name not in self._observed and self.may_read(name)]

    def record(self, name: str, reads: Mapping[str, str] | None = None) -> None:
        """Keeps what a page was observed to read.

        Args:
            name: of the page.
            reads: as another process saw it (observing.reads); None: what this one has seen.
        """
        self._observed[name] = dict(observing.reads(self._code_files(name)) if reads is None else reads)

    def observed(self, name: str) -> dict[str, str]:
        """What a page was observed to read.

        Args:
            name: of the page.

        Returns:
            As observing.reads has it; nothing where it only computes.

        Raises:
            UserError: where it may read and nobody has observed it, and where it asks for what no record could cover.
        """
        if name not in self._observed and not self.may_read(name):
            return {}
        refuse_unseen_reads(self._code_files(name))
        if name not in self._observed:
            raise UserError(
                f"the {self._kind} '{name}' may read variables or files, and was not observed: sweep with it first."
            )
        for asked in observing.asks(self._observed[name]):
            raise UserError(f"{asked}, and no record could say what it was told: write the numbers into the page.")
        return self._observed[name]


def refuse_unseen_reads(paths: Iterable[Path]) -> None:
    """Refuses files that read through TensorFlow's own access, which nothing can observe.

    Args:
        paths: of Python files.

    Raises:
        UserError: with the file and the line.
    """
    for path in paths:
        line = sources.unseen(path)
        if line:
            raise UserError(
                f"{path.name}, line {line} uses TensorFlow's own access to files, and nobody could see what it reads: "
                "use open(), or write the numbers into the page."
            )


def files_and_packages(source: SourceFile) -> tuple[dict[str, Path], dict[str, str]]:
    """What a page in a file outside of the house consists of.

    That is its file or, of an installed package, all its Python files; what these import, in any form that names it and
    where it is neither ours nor Python's own, counts by its version where it is installed, and else by all its files. A
    name that is computed is not seen here, but noticed before a record is written (execution/training_run.py).

    Args:
        source: as it was read.

    Returns:
        (files by the name that they have in records, packages with their versions).

    Raises:
        UserError: for an import that cannot be found, and for two files of one name.
    """
    files: dict[str, Path] = {}
    versions: dict[str, str] = {}
    ahead: list[tuple[str, bool]] = []  # what is imported, and whether it can be done without
    seen = {*sys.stdlib_module_names, *UNCOUNTED}
    if source.module:
        ahead.append((source.module.split(".")[0], False))
        versions[ahead[0][0]] = source.package
    else:
        files[source.path.name] = source.path
        ahead += _tops(source.path)
        python_files.refuse_ambiguous(source.path, [name for name, _ in ahead])
    while ahead:
        top, optional = ahead.pop()
        if top in seen:
            continue
        spec = importlib.util.find_spec(top)  # of a top-level name: nothing is imported
        if spec is None and not source.module and not optional:
            raise UserError(f"{source.path.name} imports '{top}', which cannot be found.")
        if spec is None:  # it is done without: with it, this would be another estimator
            versions[top] = "not there"
            continue
        seen.add(top)
        home = Path(next(iter(spec.submodule_search_locations or ()), spec.origin or ""))
        if observing.is_installed(f"{home}/") and top not in versions:
            owners = _owners().get(top, [])
            versions[top] = ", ".join(f"{owner} {importlib.metadata.version(owner)}" for owner in owners)
            continue
        own = sorted(home.rglob("*.py")) if home.is_dir() else [home] * (home.suffix == ".py")
        for path in own:
            label = f"{top}/{path.relative_to(home)}" if home.is_dir() else path.name
            if files.setdefault(label, path) != path:
                raise UserError(f"two files that '{source.name}' consists of are called {label}: rename one.")
        for path in own:
            ahead += _tops(path)
            if (
                not source.module and home.is_file()
            ):  # a neighbour of the file: what it imports may lie beside it as well
                python_files.refuse_ambiguous(path, [name for name, _ in _tops(path)])
    return files, versions


def _tops(path: Path) -> list[tuple[str, bool]]:
    """The top-level names that a file imports, and whether it can do without them."""
    names = dict.fromkeys(name.split(".")[0] for name in sources.names(path))
    return [(name, name in sources.optional(path)) for name in names]


@functools.cache
def _owners() -> Mapping[str, list[str]]:
    """The installed packages that each top-level name comes from."""
    return importlib.metadata.packages_distributions()
