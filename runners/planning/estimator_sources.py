"""What an estimator consists of and reads: its files, the packages behind them, and what it was observed to read."""

from __future__ import annotations

import functools
import importlib.util
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from runners.configuration import python_files
from runners.configuration.estimator_files import ESTIMATORS_DIR, SURROGATES_DIR, find
from runners.planning import observing, sources
from steeplechase.errors import UserError

# What a page may import without its being counted: the house and the numeric stack are part of every fingerprint, and
# annotations move no numbers.
UNCOUNTED: tuple[str, ...] = ("steeplechase", "estimators", "tasks", "runners", "results")
UNCOUNTED += ("tensorflow", "keras", "numpy", "ml_dtypes", "jaxtyping")

# What a page takes from outside its code. Whether it may is read off its files; what it does is seen by running it in a
# process that is observed (runners/planning/observing.py), from where those that plan are told.

observed_reads: dict[str, dict[str, str]] = {}


def code_files(name: str) -> list[Path]:
    """The files of code that a page consists of: its own, and those that it imports beside what every page does."""
    if find(name):
        return list(files_and_packages(name)[0].values())
    page, base = SURROGATES_DIR / f"{name}.py", sources.closure(ESTIMATORS_DIR / "surrogate.py")
    return [path for path in sources.closure(page) if path not in base]


def known(name: str) -> bool:
    """Whether there is a file of this page: of the book, named, or in an installed package."""
    return find(name) is not None or (SURROGATES_DIR / f"{name}.py").is_file()


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


def may_read(name: str) -> bool:
    """Whether a page may read variables or files, draw, or ask the clock.

    Args:
        name: of the page.

    Returns:
        Whether it does more than compute, as far as names say.
    """
    return not all(sources.only_computes(path) for path in code_files(name))


def unobserved(names: Iterable[str]) -> list[str]:
    """Those of these pages that may read, and of which this process does not know yet what."""
    return [name for name in dict.fromkeys(names) if name not in observed_reads and may_read(name)]


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


def keep_reads(name: str, reads: Mapping[str, str]) -> None:
    """Keeps what a page was observed to read.

    Args:
        name: of the page.
        reads: as another process saw it (observing.reads).
    """
    observed_reads[name] = dict(reads)


def observed(name: str) -> dict[str, str]:
    """What a page was observed to read.

    Args:
        name: of the page.

    Returns:
        As observing.reads has it; nothing where it only computes.

    Raises:
        UserError: where it may read and nobody has observed it, and where it asks for what no record could cover.
    """
    if name not in observed_reads and not may_read(name):
        return {}
    refuse_unseen_reads(code_files(name))
    if name not in observed_reads:
        raise UserError(
            f"the estimator '{name}' may read variables or files, and was not observed: sweep with it first."
        )
    for asked in observing.asks(observed_reads[name]):
        raise UserError(f"{asked}, and no record could say what it was told: write the numbers into the page.")
    return observed_reads[name]


def files_and_packages(name: str) -> tuple[dict[str, Path], dict[str, str]]:
    """What an external estimator consists of.

    That is its file or, of an installed package, all its Python files; what these import, in any form that names it and
    where it is neither ours nor Python's own, counts by its version where it is installed, and else by all its files. A
    name that is computed is not seen here, but noticed before a record is written (execution/training_run.py).

    Args:
        name: of the estimator.

    Returns:
        (files by the name that they have in records, packages with their versions).

    Raises:
        UserError: for an import that cannot be found, and for two files of one name.
    """
    page = find(name)
    assert page is not None, f"{name} is of the book"
    files: dict[str, Path] = {}
    versions: dict[str, str] = {}
    ahead: list[tuple[str, bool]] = []  # what is imported, and whether it can be done without
    seen = {*sys.stdlib_module_names, *UNCOUNTED}
    if page.module:
        ahead.append((page.module.split(".")[0], False))
        versions[ahead[0][0]] = page.package
    else:
        files[page.path.name] = page.path
        ahead += _tops(page.path)
        python_files.refuse_ambiguous(page.path, [name for name, _ in ahead])
    while ahead:
        top, optional = ahead.pop()
        if top in seen:
            continue
        spec = importlib.util.find_spec(top)  # of a top-level name: nothing is imported
        if spec is None and not page.module and not optional:
            raise UserError(f"{page.path.name} imports '{top}', which cannot be found.")
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
                raise UserError(f"two files that '{name}' consists of are called {label}: rename one.")
        for path in own:
            ahead += _tops(path)
            if not page.module and home.is_file():  # a neighbour of the file: what it imports may lie beside it as well
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
