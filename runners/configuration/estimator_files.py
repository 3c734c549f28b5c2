"""Estimators as their files have them, read without being run; and which files and packages a command names.

An external estimator is a file that the user names on the command line (estimator.file=my_estimator.py), or belongs to
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
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from runners.configuration import python_files
from steeplechase import registry
from steeplechase.errors import UserError

ESTIMATORS_DIR = Path(__file__).resolve().parents[2] / "estimators"
# The kinds of estimators: what is written over their rules, the folder of ours, and what a rule takes in its places.
KINDS = {
    "surrogate": ("surrogates", "x"),
    "sampled": ("sampling", "site, drawn, upstream"),
    "expectation": ("expectations", "site, f"),
}
SAMPLES = "samples"  # the parameter that is a whole number of draws, and makes another program
FUNCTIONS_DIR = ESTIMATORS_DIR / "functions"
GROUP = "steeplechase.estimators"
KEY = "estimator.file"
NAMED = "STEEPLECHASE_ESTIMATORS"  # in the environment: the files that the user named
CHECKOUT = "one of your own needs a checkout of the repository, in which CONTRIBUTING.md lists its files"
_WORD = re.compile("[A-Za-z_][A-Za-z0-9_]*")
# No page and no parameter can be called so: the command line or the machinery means something else by it.
RESERVED_NAMES = ("null", "true", "false", "inf", "nan", "none", "name", "file", "forward", "at_zero", "normalize")
RESERVED_NAMES += ("stretch", "half_width", "function", "trainable", "step_size", "noise", "memory")
RESERVED_NAMES += ("self", "x", "page", "estimator", "chance", "dtype", "seed", "learning_rate")


@dataclass(frozen=True)
class EstimatorFile:
    """A page as its file has it.

    Attributes:
        name: the function's.
        parameters: by name, with their defaults.
        aliases: other names that the field has for it.
        path: the file.
        line: where the function stands in it, from 1.
        module: what an installed package calls it; "" for a file.
        package: that package, with its version; "" for a file.
        kind: of KINDS.
        has_width: whether its slope can be made as wide as asked (Surrogate.has_width).
        widens: the parameters that say how wide it is, by their role (Surrogate.roles) or, where they have none, by the
            name `width`, and so nothing where it is made as wide as asked.
    """

    name: str
    parameters: tuple[tuple[str, float], ...]
    aliases: tuple[str, ...]
    path: Path
    line: int
    module: str = ""
    package: str = ""
    kind: str = "surrogate"
    has_width: bool = True
    widens: tuple[str, ...] = ()

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
    process and its children.

    Args:
        arguments: of the command.

    Returns:
        The other arguments.

    Raises:
        UserError: for a file that cannot be read, or holds no page that could be used.
    """
    rest = python_files.keep(arguments, KEY, NAMED)
    files()
    return rest


def files() -> dict[str, EstimatorFile]:
    """The pages in the files that the user named, by name."""
    return files_named(os.environ.get(NAMED, ""))


def named_estimators(arguments: Sequence[str]) -> list[EstimatorFile]:
    """The external estimators that this command may use.

    Args:
        arguments: of the command.

    Returns:
        Those of named files, and those of installed packages whose name stands in an argument.

    Raises:
        UserError: where one of them cannot be read.
    """
    words = {word for argument in arguments for word in re.split(r"[=,\[\]\s]", argument)}
    named = [name for name in entry_points() if name in words]
    return [*files().values(), *(_installed(name) for name in named)]


def find(name: str) -> EstimatorFile | None:
    """The external estimator of this name, from a named file, else from an installed package.

    Args:
        name: of a page.

    Returns:
        The page, or None.

    Raises:
        UserError: where such a page cannot be read.
    """
    if name in files():
        return files()[name]
    return _installed(name) if name in entry_points() else None


@functools.cache
def entry_points() -> dict[str, list[importlib.metadata.EntryPoint]]:
    """What installed packages announce, by the page's name; a name of the book's own stays the book's."""
    found: dict[str, list[importlib.metadata.EntryPoint]] = {}
    for point in importlib.metadata.entry_points(group=GROUP):
        if listed_file(point.name) is None:
            found.setdefault(point.name, []).append(point)
    return found


def read(path: Path, name: str = "") -> EstimatorFile:
    """The page in this file, without running it.

    Args:
        path: of a Python file.
        name: which one, where a file may hold several; "" where it holds one.

    Returns:
        The page, as a file's, with no module.

    Raises:
        UserError: with the file and the line where it holds none, several, or one that is not of the form.
    """
    tree = python_files.parse(path, KEY)
    found = _under(KINDS, tree)
    if name:
        found = [(node, call) for node, call in found if node.name == name]
    if not found and _under(["hard_function"], tree):
        raise UserError(f"{path.name} has a hard function, but no command reads one: {CHECKOUT}.")
    if not found:
        raise UserError(f"{path.name} has no page{f' named {name}' if name else ''}: a function under {_ENTRIES}.")
    if len(found) > 1:
        raise UserError(
            f"{path.name}, line {found[1][0].lineno} has a second page, '{found[1][0].name}' beside "
            f"'{found[0][0].name}': one page a file."
        )
    node, call = found[0]
    aliases = _written(call, "aliases", ())
    if not isinstance(aliases, (tuple, list)) or not all(isinstance(alias, str) for alias in aliases):
        raise UserError(f"{path.name}, line {node.lineno}: aliases must be written out as a tuple of words.")
    if not _WORD.fullmatch(node.name) or node.name.lower() in RESERVED_NAMES:
        raise UserError(
            f"{path.name}, line {node.lineno}: {node.name} cannot be a page's name: take letters, digits and _."
        )
    traits = {name: _written(call, name, True) for name in ("fades", "elementwise")}
    for name, value in traits.items():
        if not isinstance(value, bool):
            raise UserError(f"{path.name}, line {node.lineno}: {name} must be written out as True or False.")
    roles = _written(call, "roles", {})
    roles = roles if isinstance(roles, dict) else {}
    parameters = _parameters(node, call, path)
    random = any(argument.arg == "chance" for argument in node.args.kwonlyargs)
    kind = _kind(call)
    return EstimatorFile(
        node.name,
        parameters,
        tuple(aliases),
        path,
        node.lineno,
        kind=kind,
        has_width=kind == "surrogate" and all(traits.values()) and not random,
        widens=tuple(own for own, _ in parameters if roles.get(own, own) == "width"),
    )


def holds_entry(path: Path) -> bool:
    """Whether a file has an estimator of any kind, or a function under @hard_function(...), which it is refused for.

    Args:
        path: of a Python file.

    Returns:
        Whether it does.

    Raises:
        UserError: for a file that cannot be read.
    """
    tree = python_files.parse(path, KEY)
    return bool(_under([*KINDS, "hard_function"], tree))


def has_width(name: str) -> bool:
    """Whether an estimator's slope can be made as wide as asked (Surrogate.has_width), as its file says.

    Args:
        name: of an estimator that there is.

    Returns:
        False where its slope does not fade, is drawn at random, or depends on other elements.
    """
    external = find(name)
    return external.has_width if external else _listed(name).has_width


def parameter_names(name: str) -> tuple[str, ...]:
    """The parameters of an estimator, as its file says.

    Args:
        name: of an estimator that there is.

    Returns:
        Their names.
    """
    return tuple(parameter for parameter, _ in (find(name) or _listed(name)).parameters)


def widening_parameters(name: str) -> tuple[str, ...]:
    """The parameters of an estimator that say how wide its slope is, as its file says.

    Args:
        name: of an estimator that there is.

    Returns:
        Their names; none where its slope cannot be made as wide as asked, and so its parameters always count.
    """
    estimator = find(name) or _listed(name)
    return estimator.widens if estimator.has_width else ()


@functools.cache
def _listed(name: str) -> EstimatorFile:
    path = listed_file(name)
    assert path is not None, f"{name} is an estimator of the house"
    return read(path)


@functools.cache
def field_names() -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    """(by estimator, the other names that the field has for it; by name, why an estimator was left out)."""
    folders = [ESTIMATORS_DIR / folder for folder, _ in KINDS.values()]
    listed = [read(path) for folder in folders for path in sorted(folder.glob("*.py")) if path.stem != "__init__"]
    [excluded] = [
        ast.literal_eval(node.value)
        for node in ast.parse((ESTIMATORS_DIR / "excluded.py").read_bytes()).body
        if isinstance(node, ast.Assign)
    ]
    return {page.name: page.aliases for page in listed}, excluded


def explain_unknown(name: str) -> str:
    """What is said to somebody who asks for this estimator by another name of the field's, or for one that was left
    out.

    Args:
        name: what was asked for.

    Returns:
        A sentence, or "" where it is neither.
    """
    return registry.other_name("estimator", name, *field_names())


@functools.cache
def listed_names() -> frozenset[str]:
    """The pages that estimators/__init__.py imports, read and not run."""
    return frozenset().union(*(_imported(f"estimators.{folder}") for folder, _ in KINDS.values()))


@functools.cache
def listed_functions() -> frozenset[str]:
    """The hard functions that estimators/__init__.py imports, read and not run."""
    return _imported("estimators.functions")


def _imported(package: str) -> frozenset[str]:
    """What the table of contents imports from a package."""
    tree = ast.parse((ESTIMATORS_DIR / "__init__.py").read_bytes())
    places = [(node.module or "").rpartition(".") for node in tree.body if isinstance(node, ast.ImportFrom)]
    return frozenset(module for folder, _, module in places if folder == package)


def listed_file(name: str) -> Path | None:
    """The file of an estimator of the house; None where it has none of this name."""
    paths = [ESTIMATORS_DIR / folder / f"{name}.py" for folder, _ in KINDS.values()]
    return next((path for path in paths if path.is_file()), None)


def function_names() -> tuple[str, ...]:
    """The hard functions that there are, each a file, in the order of the alphabet; nothing is run."""
    return tuple(sorted(path.stem for path in FUNCTIONS_DIR.glob("*.py") if path.stem != "__init__"))


def allowed_values(name: str) -> dict[str, tuple[float, ...]]:
    """By parameter of a hard function, the values that its file allows; nothing is run."""
    return _function_traits(name).get("allowed", {})


def exact_estimator(name: str) -> str:
    """The estimator that is a real function's derivative, as its file says; "" of a hard function. Nothing is run."""
    return _function_traits(name).get("exact", "")


def mixes(name: str) -> bool:
    """Whether a hard function looks at several elements to decide on each (HardFunction.mixes). Nothing is run."""
    return _function_traits(name).get("mixes", False)


def function_parameters(name: str) -> tuple[str, ...]:
    """The parameters of a hard function, as its file says. Nothing is run."""
    node, _ = _function(name)
    return tuple(argument.arg for argument in node.args.kwonlyargs)


@functools.cache
def _function_traits(name: str) -> dict[str, Any]:
    """What the file of a function writes out of the traits that plans read."""
    found = {}
    for word in _function(name)[1].keywords:
        if word.arg in ("allowed", "exact", "mixes"):
            try:
                found[word.arg] = ast.literal_eval(word.value)
            except ValueError:
                place = f"estimators/functions/{name}.py, line {word.value.lineno}"
                raise UserError(f"{place}: {word.arg} must be written out, since plans read it.") from None
    return found


@functools.cache
def _function(name: str) -> tuple[ast.FunctionDef, ast.Call]:
    """The hard function in the file of this name, and its `@hard_function(...)`."""
    found = _under(["hard_function"], python_files.parse(FUNCTIONS_DIR / f"{name}.py", "function"))
    if [node.name for node, _ in found] != [name]:
        raise UserError(
            f"estimators/functions/{name}.py must have one function under @hard_function(...), of the name {name}."
        )
    return found[0]


@functools.cache
def files_named(named: str) -> dict[str, EstimatorFile]:
    """The files of a JSON list of paths, read once each; "" is no file.

    Returns:
        Each by its estimator's name.

    Raises:
        UserError: for a file that holds no estimator of its own name, and for one that is taken.
    """
    found: dict[str, EstimatorFile] = {}
    for path in map(Path, json.loads(named or "[]")):
        if str(path.parent) not in sys.path:
            sys.path.append(str(path.parent))  # its neighbours can be imported, as where Python runs it
        page = read(path)
        if listed_file(page.name):
            raise UserError(
                f"{page.place}: the book has an estimator '{page.name}' already; call yours something else."
            )
        if explain_unknown(page.name):
            raise UserError(f"{page.place}: {explain_unknown(page.name)} Call yours something else.")
        if page.name in found:
            raise UserError(f"{page.place}: '{page.name}' is in {found[page.name].path.name} already.")
        twin = next((other for other in found.values() if other.path.name == path.name), None)
        if twin:
            raise UserError(f"two files are called {path.name}: rename one, since records know files by their names.")
        found[page.name] = page
    return found


@functools.cache
def _installed(name: str) -> EstimatorFile:
    point, *others = entry_points()[name]
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
    return replace(page, path=path, module=point.module, package=package)


def _under(names: Iterable[str], tree: ast.Module) -> list[tuple[ast.FunctionDef, ast.Call]]:
    """The functions of a file that stand under `@NAME(...)`, of one of these names, each with that."""
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    entered = [(node, one) for node in functions for one in node.decorator_list if isinstance(one, ast.Call)]
    return [(node, one) for node, one in entered if _kind(one) in names]


def _kind(call: ast.Call) -> str:
    """What is called, by its last name."""
    return getattr(call.func, "id", getattr(call.func, "attr", ""))


_ENTRIES = " or ".join(f"@{kind}(...)" for kind in KINDS)


def _written(call: ast.Call, name: str, default: object) -> object:
    """The value of a keyword that is written out, the default where it is not given; None where it is no such value."""
    given = next((keyword.value for keyword in call.keywords if keyword.arg == name), None)
    try:
        return ast.literal_eval(given) if given is not None else default
    except ValueError:
        return None


def _parameters(node: ast.FunctionDef, call: ast.Call, path: Path) -> tuple[tuple[str, float], ...]:
    """The keyword-only parameters.

    Args:
        node: the rule.
        call: what enters it, which says how many `samples` it asks for, where it does.
        path: of its file.

    Returns:
        By name, with their defaults.

    Raises:
        UserError: for a signature that is not that of its kind, as (x, *, name=number, ...).
    """
    given, place = node.args, f"{path.name}, line {node.lineno}"
    places = KINDS[_kind(call)][1]
    if (
        len(given.posonlyargs) + len(given.args) != places.count(",") + 1
        or given.vararg
        or given.kwarg
        or given.defaults
    ):
        raise UserError(
            f"{place}: {node.name} must take {places}, and its parameters by keyword: ({places}, *, scale=1.0)."
        )
    found: list[tuple[str, float]] = []
    for argument, default in zip(given.kwonlyargs, given.kw_defaults, strict=True):
        if argument.arg in ("chance", "memory") and default is None:
            continue
        if argument.arg == SAMPLES and default is None:
            samples = _written(call, SAMPLES, None)
            if isinstance(samples, bool) or not isinstance(samples, int):
                raise UserError(f"{place}: {node.name} takes samples, whose default @{_kind(call)} must write out.")
            found.append((SAMPLES, samples))
            continue
        try:
            value = ast.literal_eval(default) if default is not None else None
        except ValueError:
            value = None
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e300:
            raise UserError(
                f"{place}: the parameter '{argument.arg}' of {node.name} needs a number as its default, written out."
            )
        if argument.arg in RESERVED_NAMES or not _WORD.fullmatch(argument.arg):
            raise UserError(f"{place}: a parameter cannot be called '{argument.arg}', which means something else.")
        found.append((argument.arg, float(value)))
    return tuple(found)
