"""Code as what identity is made of: which files a file imports, directly or not, and what of a file counts."""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
import sys
from pathlib import Path

from runners.planning import observing
from steeplechase.errors import UserError

ROOT = observing.PROJECT_DIR
# Tables of contents: what they only list (pages that do nothing but enter themselves) is not part of every closure.
CONTENTS = {ROOT / "estimators/__init__.py", ROOT / "tasks/__init__.py"}
# Of an entry: what is said and moves no number, and what only decides what is refused.
PRINTED = ("label", "source", "family", "aliases", "ships", "sites", "forwards")
_KNOWN = {*sys.stdlib_module_names, "tensorflow", "keras", "numpy", "ml_dtypes", "jaxtyping"}
# What a page may import that does nothing but enter itself, or that only computes.
_COMPUTING: tuple[str, ...] = (
    "tensorflow",
    "numpy",
    "scipy",
    "math",
    "jaxtyping",
    "typing",
    "collections",
    "functools",
    "itertools",
    "operator",
)
_COMPUTING += ("__future__", "dataclasses", "numbers")
_CONTRACT = (
    "steeplechase",
    "steeplechase.errors",
    "estimators.surrogate",
    "estimators.sampled",
    "estimators.expectation",
    "estimators.laws",
    "estimators.function",
    "estimators.parameters",
    "estimators.step_size",
    "estimators.choices",
)  # where a page takes @surrogate or @hard_function and its ranges from
# Names by which code reaches for something beyond its arguments: files, variables, chance, the clock, other code.
_REACHING = {"open", "exec", "eval", "compile", "globals", "locals", "vars", "getattr", "input", "breakpoint", "hash"}
_REACHING |= {"id", "io", "data", "load", "loadtxt", "genfromtxt", "fromfile", "memmap", "random", "gfile", "raw_ops"}
_REACHING |= {"py_function", "numpy_function", "py_func", "compat", "sysconfig", "environ", "getenv", "DataSource"}
# Of TensorFlow: its own access to files, which neither Python nor this project can observe.
_UNSEEN = {"io", "data", "gfile", "raw_ops"}


def closure(*roots: Path) -> list[Path]:
    """The files of the house and of its neighbourhood that these files import, directly or not, and themselves.

    What a table of contents lists does not count where it does nothing but enter itself in the book: an estimator's
    record must not become stale because another estimator was entered.

    Args:
        *roots: the files to begin with.

    Returns:
        Paths, sorted.
    """
    return list(_closure(frozenset(roots)))


@functools.cache
def _closure(roots: frozenset[Path]) -> tuple[Path, ...]:
    found: set[Path] = set()
    ahead = list(roots)
    while ahead:
        path = ahead.pop()
        if path not in found:
            found.add(path)
            listed = imports(path)
            ahead.extend(file for file in listed if path not in CONTENTS or not enters_itself(file))
    return tuple(sorted(found))


@functools.cache
def label(path: Path) -> str:
    """The name that a file of a closure has in records: its place in the house, or its base name elsewhere."""
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name


@functools.cache
def tree(path: Path) -> str:
    """SHA-256 of what counts of a file: its syntax tree without docstrings, what is only printed, and, of a table of
    contents, what it only lists.

    Args:
        path: of a Python file. Where the process is observed, the bytes are those that it has loaded (observing.py).

    Returns:
        64 hexadecimal digits.
    """
    parsed = _Counting(path).visit(parse(path))
    return hashlib.sha256(ast.dump(parsed).encode()).hexdigest()


@functools.cache
def imports(path: Path) -> tuple[Path, ...]:
    """The files that a file imports, in any form that names them.

    Args:
        path: of a Python file.

    Returns:
        The files of `import`, `from`, relative imports and `importlib` with a written name; each with the `__init__`
        pages that are run on the way. Not those of installed packages.
    """
    return tuple(dict.fromkeys(file for name in names(path) for file in _located(name)))


@functools.cache
def names(path: Path) -> tuple[str, ...]:
    """The dotted names that a file imports, in the same forms.

    Args:
        path: of a Python file. Outside of the house a relative import has no name.

    Returns:
        In the order of the file; of `from a import b` both a and a.b.
    """
    found: list[str] = []
    package = _package(path)
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            origin = _absolute(node.module or "", node.level, package)
            found += [origin, *(f"{origin}.{alias.name}" for alias in node.names)] if origin else []
        elif written := _imported_by_call(node):
            level = len(written) - len(written.lstrip("."))
            found.append(_absolute(written[level:], level, package))
    return tuple(name for name in found if name)


@functools.cache
def optional(path: Path) -> frozenset[str]:
    """The top-level names that a file can do without: imported where an ImportError is caught, and nowhere else."""
    parsed, caught = parse(path), set()
    for node in ast.walk(parsed):
        if isinstance(node, ast.Try) and any(map(_catches_imports, node.handlers)):
            caught |= {id(inner) for statement in node.body for inner in ast.walk(statement)}
    tops: dict[bool, set[str]] = {True: set(), False: set()}
    for node in ast.walk(parsed):
        if isinstance(node, ast.Import):
            tops[id(node) in caught] |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            tops[id(node) in caught].add(node.module.split(".")[0])
        elif written := _imported_by_call(node):
            tops[id(node) in caught].add(written.split(".")[0])
    return frozenset(tops[True] - tops[False])


@functools.cache
def enters_itself(path: Path) -> bool:
    """Whether a module does nothing when it is imported but define its functions and enter them in a book."""
    allowed: set[str] = set()
    for node in parse(path).body:
        if isinstance(node, ast.ImportFrom) and node.module in _CONTRACT and not node.level:
            allowed |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            if getattr(node, "level", 0) or any(name.split(".")[0] not in _COMPUTING for name in names):
                return False
        elif isinstance(node, ast.FunctionDef):
            called = {getattr(d, "id", "?") for d in node.decorator_list if not isinstance(d, ast.Call)}
            evaluated = (*node.decorator_list, node.args, node.returns)
            if not called.union(*map(_calls, evaluated)) <= allowed:
                return False
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            if not all(isinstance(t, ast.Name) for t in getattr(node, "targets", [getattr(node, "target", None)])):
                return False
            if not _calls(node.value) <= allowed:
                return False
        elif not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            return False
    return True


@functools.cache
def only_computes(path: Path) -> bool:
    """Whether nothing in a file reaches for anything beyond its arguments.

    Args:
        path: of a Python file.

    Returns:
        Whether it names no file, variable, chance, clock or other code. What is not sure counts as reaching.
    """
    for node in ast.walk(parse(path)):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            inside = all(name.split(".")[0] in (*_COMPUTING, "steeplechase", "estimators") for name in names)
            reached = {alias.name for alias in node.names} & _REACHING
            if getattr(node, "level", 0) or not inside or reached:
                return False
        word = getattr(node, "attr", getattr(node, "id", "")) if isinstance(node, (ast.Attribute, ast.Name)) else ""
        if word in _REACHING or (word.startswith("__") and word.endswith("__")):
            return False
    return True


@functools.cache
def unseen(path: Path) -> int:
    """The line in which a file uses TensorFlow's own access to files, which cannot be observed; 0 where none does."""
    parsed, names = parse(path), {"tensorflow"}
    names |= {
        alias.asname
        for node in ast.walk(parsed)
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.asname and alias.name.split(".")[0] == "tensorflow"
    }
    for node in ast.walk(parsed):
        if isinstance(node, ast.Attribute) and node.attr in _UNSEEN and getattr(node.value, "id", "") in names:
            return node.lineno
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "tensorflow":
            parts = {*(node.module or "").split("."), *(alias.name for alias in node.names)}
            if parts & _UNSEEN:
                return node.lineno
    return 0


def forget() -> None:
    """Forgets what was read of files, which then are read again."""
    for cached in (label, tree, imports, names, optional, enters_itself, only_computes, unseen, _closure, _home):
        cached.cache_clear()


class _Counting(ast.NodeTransformer):
    """A file's syntax tree, less what moves no number."""

    def __init__(self, path: Path):
        self.contents = path in CONTENTS

    def _body(self, node):
        self.generic_visit(node)
        first = node.body[0] if node.body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            node.body = node.body[1:]
        node.body = node.body or [ast.Pass()]
        return node

    visit_ClassDef = visit_FunctionDef = visit_AsyncFunctionDef = visit_Module = _body

    def visit_Call(self, node):
        self.generic_visit(node)
        called = getattr(node.func, "id", getattr(node.func, "attr", ""))
        if called in ("surrogate", "sampled", "expectation", "hard_function", "Task"):
            node.keywords = [k for k in node.keywords if k.arg not in PRINTED]
        elif called == "Measure":  # its label and its unit
            node.args = node.args[2:]
        elif called == "Registry" and self.contents:
            node.args = [a for a in node.args if not isinstance(a, ast.Constant)]
        return node

    def visit_ImportFrom(self, node):
        listed = _located(node.module or "") if self.contents else ()
        return None if listed and enters_itself(listed[-1]) and not node.level else node


def _imported_by_call(node: ast.AST) -> str:
    """The name that importlib is asked for where it is written out; "" of any other node."""
    if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
        return ""
    called, written = getattr(node.func, "attr", getattr(node.func, "id", "")), node.args[0].value
    return written if called in ("import_module", "__import__") and isinstance(written, str) else ""


def _catches_imports(handler: ast.ExceptHandler) -> bool:
    """Whether a handler catches the error of a module that is not there."""
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    named = {getattr(kind, "id", None) for kind in kinds}
    return handler.type is None or bool(named & {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})


def _calls(node) -> set[str]:
    """What is called when this is evaluated, by name; what is called in the body of a lambda is not."""
    if node is None or isinstance(node, ast.Lambda):
        return set()
    if isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Await, ast.NamedExpr)):
        return {"?"}
    own = {getattr(node.func, "id", "?")} if isinstance(node, ast.Call) and not _is_arithmetic(node.func) else set()
    return own.union(*(_calls(child) for child in ast.iter_child_nodes(node)))


def _is_arithmetic(called) -> bool:
    return isinstance(called, ast.Attribute) and getattr(called.value, "id", "") == "math"


def _package(path: Path) -> str:
    """The dotted name of the package that a file of the house belongs to; "" elsewhere."""
    return ".".join(path.parent.relative_to(ROOT).parts) if path.is_relative_to(ROOT) else ""


def _absolute(name: str, level: int, package: str) -> str:
    """The name that an import means, seen from this package."""
    if not level:
        return name
    parts = package.split(".") if package else []
    return ".".join([*parts[: len(parts) - level + 1], *([name] if name else [])]) if level <= len(parts) else ""


def _located(name: str) -> list[Path]:
    """The files that are run when this name is imported, outermost first; none where it is an installed package's."""
    top, *rest = name.split(".")
    if not top or top in _KNOWN:
        return []
    home = _home(top)
    if home is None:
        return []
    if home.is_file():
        return [home]
    files, folder = [home / "__init__.py"], home
    for part in rest:
        if (folder / f"{part}.py").is_file():
            files.append(folder / f"{part}.py")
            break
        folder = folder / part
        files.append(folder / "__init__.py")
    return [file for file in files if file.is_file()]


@functools.cache
def _home(top: str) -> Path | None:
    """The folder or the file of a top-level name that is the house's or stands in its neighbourhood."""
    if not observing.is_installed(f"{ROOT}/") or top in observing.PROJECT_PACKAGES:
        if (ROOT / top).is_dir():
            return ROOT / top
        if (ROOT / f"{top}.py").is_file():
            return ROOT / f"{top}.py"
    try:
        spec = importlib.util.find_spec(top)  # of a top-level name: nothing is imported
    except (ImportError, ValueError):  # not to be found, or not to be looked for: __main__ has no spec
        return None
    home = Path(next(iter((spec and spec.submodule_search_locations) or ()), (spec and spec.origin) or ""))
    near = home.suffix == ".py" or home.is_dir() and home.name
    return home.resolve() if near and not observing.is_library(str(home.resolve() / "_")) else None


def parse(path: Path) -> ast.Module:
    """What a file says.

    Returns:
        The syntax tree, of the bytes that this process has loaded where it has loaded it.

    Raises:
        UserError: where it cannot be read as Python.
    """
    try:
        return ast.parse(observing.loaded(path) or path.read_bytes())
    except (OSError, SyntaxError, ValueError) as error:
        raise UserError(f"{path.name} cannot be read as Python: {error}.") from None
