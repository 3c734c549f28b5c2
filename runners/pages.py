"""Estimators' pages as they are written, read without being run; and those from elsewhere, entered when wanted.

A page from elsewhere is a file that the user names on the command line (estimator.file=my_estimator.py), or belongs to
an installed package that announces it (entry point group steeplechase.estimators: the page's name, and its module).
Nothing else is ever run: no configuration and no record can name a file. What was named travels to the processes of a
sweep in the environment, so that they enter the same pages.
"""

from __future__ import annotations

import ast
import functools
import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import sys
import tempfile
import traceback
import types
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from runners import command, observing
from runners import sources as code
from steeplechase import registry
from steeplechase.errors import UserError

HOUSE = Path(__file__).resolve().parents[1] / "estimators"
GROUP = "steeplechase.estimators"
_KEY = "estimator.file="
NAMED = "STEEPLECHASE_ESTIMATORS"  # in the environment: the files that the user named
_WORD = re.compile("[A-Za-z_][A-Za-z0-9_]*")
# No page and no parameter can be called so: the command line or the machinery means something else by it.
_MEAN_SOMETHING = ("null", "true", "false", "inf", "nan", "none", "name", "file", "forward", "at_zero", "normalize")
_MEAN_SOMETHING += ("self", "x", "page", "estimator", "chance", "dtype", "seed", "learning_rate")
# What a page may import without its being counted: the house and the numeric stack are part of every fingerprint, and
# annotations move no numbers.
_OURS = ("steeplechase", "estimators", "tasks", "runners", "results")
_OURS += ("tensorflow", "keras", "numpy", "ml_dtypes", "jaxtyping")
_NO_PAGES = ("__init__", "base", "excluded")


@dataclass(frozen=True)
class Written:
    """A page as its file has it: the function's name, its parameters with their defaults, where it stands."""

    name: str
    parameters: tuple[tuple[str, float], ...]
    aliases: tuple[str, ...]
    path: Path
    line: int
    module: str = ""  # what an installed package calls it; "" for a file
    package: str = ""  # that package, with its version

    @property
    def place(self) -> str:
        """The file's base name and the line, as mistakes are told."""
        return f"{self.path.name}, line {self.line}"

    @property
    def defaults(self) -> dict[str, object]:
        """What conf/estimator/NAME.yaml would say."""
        return {"name": self.name, **dict(self.parameters)}


def name_files(arguments: Sequence[str]) -> list[str]:
    """Takes `estimator.file=PATH[,PATH]` out of a command's arguments, reads what it names, and keeps it for this
    process and its children; returns the other arguments. Raises UserError.
    """
    os.environ.pop(NAMED, None)  # what an earlier command or anything else left there was not named by this one
    paths = [path.strip("'\"") for a in arguments if a.startswith(_KEY) for path in a.removeprefix(_KEY).split(",")]
    if "" in paths:
        raise UserError("estimator.file names no file: write estimator.file=PATH, or several with commas between them.")
    if paths:
        os.environ[NAMED] = json.dumps([os.path.abspath(os.path.expanduser(path)) for path in paths])
        files()
    return [a for a in arguments if not a.startswith(_KEY)]


def as_argument(whole: bool = False) -> list[str]:
    """The argument that names the files again, or nothing; by their base names, as records speak of them, or whole."""
    named = [str(page.path) if whole else page.path.name for page in files().values()]
    return [_KEY + ",".join(named)] if named else []


def files() -> dict[str, Written]:
    """The pages in the files that the user named, by name."""
    return _files(os.environ.get(NAMED, ""))


def mentioned(arguments: Sequence[str]) -> list[Written]:
    """The pages from elsewhere that this command may use: those of named files, and those of installed packages whose
    name stands in an argument. Raises UserError where one of them cannot be read."""
    words = {word for argument in arguments for word in re.split(r"[=,\[\]\s]", argument)}
    named = [name for name in announced() if name in words]
    return [*files().values(), *(_installed(name) for name in named)]


def find(name: str) -> Written | None:
    """The page of this name from elsewhere, or None: from a named file, else from an installed package.

    Raises UserError where such a page cannot be read.
    """
    if name in files():
        return files()[name]
    return _installed(name) if name in announced() else None


@functools.cache
def announced() -> dict[str, list[importlib.metadata.EntryPoint]]:
    """What installed packages announce, by the page's name; a name of the book's own stays the book's."""
    found: dict[str, list[importlib.metadata.EntryPoint]] = {}
    for point in importlib.metadata.entry_points(group=GROUP):
        if not (HOUSE / f"{point.name}.py").exists():
            found.setdefault(point.name, []).append(point)
    return found


def read(path: Path, name: str = "") -> Written:
    """The page in this file, without running it. name: which one, where a file may hold several.

    Raises UserError with the file and the line where it holds none, several, or one that is not of the form.
    """
    command.regular(path, "estimator.file")
    try:
        tree = ast.parse(path.read_bytes())
    except OSError as error:
        raise UserError(f"{path.name} cannot be read in {path.parent}: {error.strerror}.") from None
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = f", line {error.lineno}" if getattr(error, "lineno", None) else ""
        raise UserError(f"{path.name}{line} is no Python: {getattr(error, 'msg', error)}.") from None
    found = [(node, call) for node in tree.body if isinstance(node, ast.FunctionDef) for call in [_entry(node)] if call]
    if name:
        found = [(node, call) for node, call in found if node.name == name]
    if not found:
        raise UserError(f"{path.name} has no page{f' named {name}' if name else ''}: a function under @surrogate(...).")
    if len(found) > 1:
        raise UserError(
            f"{path.name}, line {found[1][0].lineno} has a second page, '{found[1][0].name}' beside "
            f"'{found[0][0].name}': one page a file."
        )
    node, call = found[0]
    aliases = next((k.value for k in call.keywords if k.arg == "aliases"), None)
    try:
        aliases = ast.literal_eval(aliases) if aliases is not None else ()
    except ValueError:
        aliases = None
    if not isinstance(aliases, (tuple, list)) or not all(isinstance(alias, str) for alias in aliases):
        raise UserError(f"{path.name}, line {node.lineno}: aliases must be written out as a tuple of words.")
    if not _WORD.fullmatch(node.name) or node.name.lower() in _MEAN_SOMETHING:
        raise UserError(
            f"{path.name}, line {node.lineno}: {node.name} cannot be a page's name: take letters, digits and _."
        )
    return Written(node.name, _parameters(node, path), tuple(aliases), path, node.lineno)


@functools.cache
def answer(name: str) -> str:
    """What is said to somebody who asks for this estimator by another name of the field's, or for one that was left
    out; "" where it is neither."""
    listed = [read(path) for path in sorted(HOUSE.glob("*.py")) if path.stem not in _NO_PAGES]
    [excluded] = [
        ast.literal_eval(node.value)
        for node in ast.parse((HOUSE / "excluded.py").read_bytes()).body
        if isinstance(node, ast.Assign)
    ]
    return registry.elsewhere("estimator", name, {page.name: page.aliases for page in listed}, excluded)


@functools.cache
def contents() -> frozenset[str]:
    """The pages that estimators/__init__.py imports, read and not run."""
    tree = ast.parse((HOUSE / "__init__.py").read_bytes())
    return frozenset(node.module.rpartition(".")[2] for node in tree.body if isinstance(node, ast.ImportFrom))


def enter(name: str) -> None:
    """Runs the page of this name from elsewhere, so that the book has it, unless it has it already; and, where this
    process is observed, notes what the page reads.

    Raises UserError with the file and the line where it does not import, is not what it promised, or asks for what no
    record could cover.
    """
    import estimators

    page = find(name)
    fresh = page is not None and name not in estimators.book
    if fresh:
        _refuse_unseen([page.path])
        _run(page)
    if fresh or (observing.observed() and may_read(name) and name not in _observed):
        _call(name, page.place if page else f"{name}.py")
    if observing.observed():
        _observed[name] = observing.reads(own_files(name))
        observed(name)


def _run(page: Written) -> None:
    import estimators

    # Python's cache of compiled modules could hold older code of the same second and size, and lies beside the source.
    kept, sys.pycache_prefix = sys.pycache_prefix, tempfile.mkdtemp(prefix="steeplechase-")
    try:
        if page.module:
            importlib.import_module(page.module)
        else:
            observing.load(page.path.read_bytes(), page.path, types.ModuleType(f"steeplechase_page_{page.name}"))
    except (Exception, SystemExit) as error:  # a user's file can fail in any way: it is told with its place
        own = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(page.path)]
        place = f"{page.path.name}, line {own[-1]}" if own else page.place
        raise UserError(f"{place} does not import: {type(error).__name__}: {_first(error)}") from None
    finally:
        shutil.rmtree(sys.pycache_prefix, ignore_errors=True)
        sys.pycache_prefix = kept
    if page.name not in estimators.book:
        raise UserError(
            f"{page.place}: running it did not enter '{page.name}' in the book; is it under @surrogate(...)?"
        )


def _call(name: str, place: str) -> None:
    import estimators
    from runners import promises

    try:
        promises.shape_and_type(estimators.book[name])
    except promises.Broken as broken:
        raise UserError(f"{place}: {broken}") from None
    except (Exception, SystemExit) as error:
        raise UserError(f"{place} fails on a plain tensor: {type(error).__name__}: {_first(error)}") from None


# What a page takes from outside its code. Whether it may is read off its files; what it does is seen by running it in a
# process that is observed (runners/observing.py), from where those that plan are told.

_observed: dict[str, dict[str, str]] = {}


def own_files(name: str) -> list[Path]:
    """The files of code that a page consists of: its own, and those that it imports beside what every page does."""
    if find(name):
        return list(sources(name)[0].values())
    page, base = HOUSE / f"{name}.py", code.closure(HOUSE / "base.py")
    return [path for path in code.closure(page) if path not in base]


def known(name: str) -> bool:
    """Whether there is a file of this page: of the book, named, or in an installed package."""
    return find(name) is not None or (HOUSE / f"{name}.py").is_file()


def may_read(name: str) -> bool:
    """Whether a page may read variables or files, draw, or ask the clock: whether it does more than compute, as far as
    names say."""
    return not all(code.only_computes(path) for path in own_files(name))


def unobserved(names: Iterable[str]) -> list[str]:
    """Those of these pages that may read, and of which this process does not know yet what."""
    return [name for name in dict.fromkeys(names) if name not in _observed and may_read(name)]


def _refuse_unseen(paths: Iterable[Path]) -> None:
    for path in paths:
        line = code.unseen(path)
        if line:
            raise UserError(
                f"{path.name}, line {line} uses TensorFlow's own access to files, and nobody could see what it reads: "
                "use open(), or write the numbers into the page."
            )


def note(name: str, reads: Mapping[str, str]) -> None:
    """Keeps what a page was observed to read, as another process saw it (observing.reads)."""
    _observed[name] = dict(reads)


def observed(name: str) -> dict[str, str]:
    """What a page was observed to read (observing.reads); nothing where it only computes.

    Raises UserError where it may read and nobody has observed it, and where it asks for what no record could cover.
    """
    if name not in _observed and not may_read(name):
        return {}
    _refuse_unseen(own_files(name))
    if name not in _observed:
        raise UserError(
            f"the estimator '{name}' may read variables or files, and was not observed: sweep with it first."
        )
    for asked in observing.asks(_observed[name]):
        raise UserError(f"{asked}, and no record could say what it was told: write the numbers into the page.")
    return _observed[name]


def hold(name: str) -> None:
    """Holds a page in a named file to the contract; one of the book or of a package is its authors' to test.

    Raises UserError with the file, the line and the first promise that is broken.
    """
    import estimators
    from runners import promises

    page = files().get(name)
    broken = next((said for _, said in promises.keeps(estimators.book[name]) if said), "") if page else ""
    if broken:
        whole = f"`python -m runners.contract {page.path.name}` shows all of it."
        raise UserError(f"{page.place} breaks the contract: {broken} {whole}")


def sources(name: str) -> tuple[dict[str, Path], dict[str, str]]:
    """What a page from elsewhere consists of: files by the name that they have in records, and versions of packages.

    That is its file or, of an installed package, all its Python files; what these import, in any form that names it and
    where it is neither ours nor Python's own, counts by its version where it is installed, and else by all its files.
    A name that is computed is not seen here, but noticed before a record is written (runners/run.py).
    """
    page, files, versions = find(name), {}, {}
    ahead, seen = [], {*sys.stdlib_module_names, *_OURS}
    if page.module:
        ahead.append(page.module.split(".")[0])
        versions[ahead[0]] = page.package
    else:
        files[page.path.name] = page.path
        ahead += _tops(page.path)
    while ahead:
        top = ahead.pop()
        if top in seen:
            continue
        seen.add(top)
        spec = importlib.util.find_spec(top)  # of a top-level name: nothing is imported
        if spec is None and not page.module:
            raise UserError(f"{page.path.name} imports '{top}', which cannot be found.")
        if spec is None:  # an installed package may do without it
            continue
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
        ahead += [name for path in own for name in _tops(path)]
    return files, versions


@functools.cache
def _files(named: str) -> dict[str, Written]:
    found: dict[str, Written] = {}
    for path in map(Path, json.loads(named or "[]")):
        page = read(path)
        if (HOUSE / f"{page.name}.py").exists():
            raise UserError(
                f"{page.place}: the book has an estimator '{page.name}' already; call yours something else."
            )
        if answer(page.name):
            raise UserError(f"{page.place}: {answer(page.name)} Call yours something else.")
        if page.name in found:
            raise UserError(f"{page.place}: '{page.name}' is in {found[page.name].path.name} already.")
        twin = next((other for other in found.values() if other.path.name == path.name), None)
        if twin:
            raise UserError(f"two files are called {path.name}: rename one, since records know files by their names.")
        found[page.name] = page
    return found


@functools.cache
def _installed(name: str) -> Written:
    point, *others = announced()[name]
    if others:
        raise UserError(
            f"the estimator '{name}' is announced by {len(others) + 1} installed packages: remove all but one."
        )
    top, *rest = point.module.split(".")
    spec = importlib.util.find_spec(top)  # of a top-level name: nothing is imported
    if spec is None:
        raise UserError(f"the installed estimator '{name}' is announced in {point.module}, which is not there.")
    homes = spec.submodule_search_locations
    path = Path(next(iter(homes))).joinpath(*rest) if homes else Path(spec.origin)
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    page = read(path, name)
    package = f"{point.dist.name} {point.dist.version}" if point.dist else ""
    return Written(page.name, page.parameters, page.aliases, path, page.line, point.module, package)


def _tops(path: Path) -> list[str]:
    """The top-level names that a file imports."""
    return list(dict.fromkeys(name.split(".")[0] for name in code.names(path)))


@functools.cache
def _owners() -> Mapping[str, list[str]]:
    """The installed packages that each top-level name comes from."""
    return importlib.metadata.packages_distributions()


def _entry(node: ast.FunctionDef) -> ast.Call | None:
    """The `@surrogate(...)` over a function, if it is there."""
    for decorator in node.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else None
        if getattr(called, "id", getattr(called, "attr", None)) == "surrogate":
            return decorator
    return None


def _parameters(node: ast.FunctionDef, path: Path) -> tuple[tuple[str, float], ...]:
    """The keyword-only parameters. Raises UserError for a signature that is not (x, *, name=number, ...)."""
    given, place = node.args, f"{path.name}, line {node.lineno}"
    if len(given.posonlyargs) + len(given.args) != 1 or given.vararg or given.kwarg or given.defaults:
        raise UserError(f"{place}: {node.name} must take x, and its parameters by keyword: ({'x, *, scale=1.0'}).")
    found = []
    for argument, default in zip(given.kwonlyargs, given.kw_defaults, strict=True):
        if argument.arg == "chance" and default is None:
            continue
        try:
            value = ast.literal_eval(default) if default is not None else None
        except ValueError:
            value = None
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e300:
            raise UserError(
                f"{place}: the parameter '{argument.arg}' of {node.name} needs a number as its default, written out."
            )
        if argument.arg in _MEAN_SOMETHING or not _WORD.fullmatch(argument.arg):
            raise UserError(f"{place}: a parameter cannot be called '{argument.arg}', which means something else.")
        found.append((argument.arg, float(value)))
    return tuple(found)


def _first(error: BaseException) -> str:
    return (str(error).strip().splitlines() or ["no reason given"])[0]
