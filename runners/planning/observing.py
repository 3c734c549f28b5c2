"""What a process really uses: the files whose code runs, and what they read from outside their code.

Identity is decided before a run, from sources (identity.py). This is the second look, independent of the first:
in the process that trains, modules of the house and of its neighbourhood are loaded through a finder that puts one call
at the beginning of each function, by which the file is noted whenever its code runs. It costs some fifty nanoseconds a
call, where a trace function would make tracing a program half as slow again. Code at a module's top runs when the
module is loaded, and is not noted. Variables are seen by a mapping that stands in for os.environ, files by an audit
hook. Python's own library and installed packages are not followed.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.abc
import importlib.machinery
import os
import sys
import sysconfig
import types
from collections.abc import Iterable
from pathlib import Path
from typing import Any

PROJECT_DIR = Path(__file__).resolve().parents[2]
PROJECT_PACKAGES = ("steeplechase", "estimators", "tasks", "runners", "results", "hydra_plugins")
_PROJECT = tuple(str(PROJECT_DIR / package) + os.sep for package in PROJECT_PACKAGES)
_INSTALLED = tuple(f"{os.sep}{folder}{os.sep}" for folder in ("site-packages", "dist-packages"))
_MARK = "__steeplechase_ran__"
_LIBRARY = tuple({os.path.realpath(sysconfig.get_path(name)) + os.sep for name in ("stdlib", "platstdlib")})
_MACHINE = ("/proc/", "/sys/", "/dev/")
# What reads and writes by itself: the machinery, and the data that a task's checksum covers.
_READERS = tuple(
    str(PROJECT_DIR / name) + os.sep for name in ("runners", "results", "hydra_plugins", "estimators/contract")
)
_READERS += tuple(str(PROJECT_DIR / "tasks" / name) for name in ("data/sets.py", "data/formats.py", "data/split.py"))
# What a file may ask of the machine that no digest could stand for.
_ASKED = {
    "subprocess.Popen": "starts a process",
    "os.system": "starts a process",
    "os.exec": "starts a process",
    "os.posix_spawn": "starts a process",
    "socket.connect": "opens a connection",
    "socket.getaddrinfo": "opens a connection",
    "ctypes.dlopen": "loads a library",
}

_ran: set[str] = set()
_loaded: dict[str, bytes] = {}
_reads: dict[str, dict[tuple[str, str], str]] = {}
_looking = False  # while a file's content is digested, so that this is not noted as well


def start() -> None:
    """From now on this process is observed; modules that are loaded already are not."""
    if not observed():
        sys.meta_path.insert(0, _Finder())
        os.environ = _recording(os.environ)  # noqa: B003 (the same environment, but seen)
        if os.supports_bytes_environ:
            os.environb = _recording(os.environb)
        sys.addaudithook(_heard)


def observed() -> bool:
    """Whether this process is observed."""
    return any(isinstance(finder, _Finder) for finder in sys.meta_path)


def begin() -> None:
    """Forgets whose code has run."""
    _ran.clear()


def ran() -> set[Path]:
    """The files whose functions were called since `begin`."""
    return {Path(path) for path in _ran}


def loaded(path: Path) -> bytes | None:
    """The bytes that this process has loaded as this file; None where it has not, or is not observed."""
    return _loaded.get(os.path.realpath(path))


def reads(paths: Iterable[Path]) -> dict[str, str]:
    """What files have read so far.

    Args:
        paths: of these files.

    Returns:
        {"FILE reads the variable NAME" or "FILE reads the file NAME": a digest, or what is the case instead of one}.
    """
    found = {}
    for path in sorted(os.path.realpath(path) for path in paths):
        for (kind, name), value in _reads.get(path, {}).items():
            found[f"{os.path.basename(path)} {kind} {name}".rstrip()] = value
    return found


def readers() -> set[Path]:
    """The files that have read something so far."""
    return {Path(path) for path in _reads}


def asks(reads: Iterable[str]) -> list[str]:
    """Of what `reads` gives, what no digest could stand for."""
    return [name for name in reads if any(f" {words}" in name for words in _ASKED.values())]


def is_library(path: str) -> bool:
    """Whether a file is Python's own or of an installed package that is not this one; so is code that has no file."""
    if is_installed(path):
        return not path.startswith(_PROJECT)
    return path.startswith(("<", *_LIBRARY))


def is_installed(path: str) -> bool:
    """Whether a file, or a folder that ends with a separator, lies where packages are installed."""
    return any(folder in path for folder in _INSTALLED)


def compiled(source: bytes, path: str) -> types.CodeType:
    """The code of a file, with a mark at the beginning of each of its functions.

    Args:
        source: the file's bytes.
        path: of the file, as tracebacks name it.

    Returns:
        Code that needs the mark among a module's names.
    """
    return compile(ast.fix_missing_locations(_Marks().visit(ast.parse(source, path))), path, "exec", dont_inherit=True)


def load(source: bytes, path: Path, module: types.ModuleType) -> None:
    """Runs a file's source as a module, observed where the process is.

    Args:
        source: the file's bytes.
        path: of the file.
        module: an empty one, which gets the file's names.
    """
    module.__file__ = str(path)
    if observed():
        _loaded[os.path.realpath(path)] = source
        _mark(module, os.path.realpath(path))
        code = compiled(source, str(path))
    else:
        code = compile(source, str(path), "exec", dont_inherit=True)
    exec(code, module.__dict__)


def digest(content: bytes) -> str:
    """The beginning of a SHA-256, by which a value is recorded without being told."""
    return hashlib.sha256(content).hexdigest()[:16]


def _mark(module, path):
    module.__dict__[_MARK] = functools.partial(_ran.add, path)


class _Marks(ast.NodeTransformer):
    def visit_FunctionDef(self, node):
        self.generic_visit(node)
        at = 1 if ast.get_docstring(node, clean=False) is not None else 0
        node.body.insert(at, ast.copy_location(ast.Expr(_call()), node.body[min(at, len(node.body) - 1)]))
        return node

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node):
        self.generic_visit(node)
        node.body = ast.copy_location(ast.BoolOp(ast.Or(), [_call(), node.body]), node.body)  # the call returns None
        return node


def _call():
    return ast.Call(ast.Name(_MARK, ast.Load()), [], [])


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        for finder in sys.meta_path:
            spec = finder.find_spec(name, path, target) if finder is not self else None
            if spec is not None:
                break
        else:
            return None
        loader = spec.loader
        if type(loader) is importlib.machinery.SourceFileLoader and not is_library(os.path.realpath(loader.path)):
            spec.loader = _Loader(loader.name, loader.path)
        return spec


class _Loader(importlib.machinery.SourceFileLoader):
    """Compiles from the source, always: the bytes that are kept as loaded are those that run."""

    def get_code(self, fullname):  # noqa: ARG002
        path = os.path.realpath(self.path)
        _loaded[path] = self.get_data(self.path)
        return compiled(_loaded[path], path)

    def exec_module(self, module):
        _mark(module, os.path.realpath(self.path))
        super().exec_module(module)


def _recording(mapping):
    """The same variables, seen when they are read."""
    kind: Any = type(mapping)

    class Recording(kind):
        def __getitem__(self, key):
            try:
                value = kind.__getitem__(self, key)
            except KeyError:
                _note_variable(key, None)
                raise
            _note_variable(key, value)
            return value

        def __iter__(self):
            _note_variable("", "\0".join(sorted(map(str, kind.items(mapping)))))
            return kind.__iter__(self)

    standing = Recording.__new__(Recording)
    standing.__dict__.update(vars(mapping))
    return standing


def _note_variable(key, value):
    """Where the code that asked, Python's own library apart, is a file's that is followed."""
    frame: types.FrameType | None = sys._getframe(2)
    while frame and frame.f_code.co_filename.startswith(("<", *_LIBRARY)):
        if is_installed(frame.f_code.co_filename):
            return
        frame = frame.f_back
    path = frame.f_code.co_filename if frame else "<"
    if is_library(path) or path.startswith(_READERS):
        return
    name, value = (os.fsdecode(v) if isinstance(v, bytes) else v for v in (key, value))
    said = "not set" if value is None else digest(value.encode(errors="surrogateescape"))
    kind = ("reads the variable", str(name)) if name else ("reads all variables", "")
    _reads.setdefault(os.path.realpath(path), {}).setdefault(kind, said)


def _heard(event, arguments):
    """The audit hook: a file that is opened, or something asked of the machine, on behalf of a file that is followed.

    A library that a page calls acts for the page, so the nearest such file on the stack counts; but what is opened
    while a module is being imported is the module's business.
    """
    global _looking
    if _looking or (event != "open" and event not in _ASKED):
        return
    frame: types.FrameType | None = sys._getframe(1)
    while frame:
        path = frame.f_code.co_filename
        if path.startswith("<frozen importlib"):
            return
        if not path.startswith("<") and not is_library(path):
            break
        frame = frame.f_back
    if frame is None or path.startswith(_READERS):
        return
    path = os.path.realpath(path)
    if event in _ASKED:
        _reads.setdefault(path, {}).setdefault((_ASKED[event], ""), "unknown")
        return
    opened, mode, flags = arguments
    writes = isinstance(mode, str) and not {*mode} & {*"r+"} or mode is None and flags & os.O_WRONLY
    if isinstance(opened, int) or writes:
        return
    place = os.path.realpath(os.fsdecode(opened))
    if place in _loaded or place == path or is_library(place) or place.startswith(_MACHINE) or os.path.isdir(place):
        return
    _looking = True
    try:
        with open(place, "rb") as file:
            said = hashlib.file_digest(file, "sha256").hexdigest()[:16]
    except OSError:
        said = "not there"
    finally:
        _looking = False
    kind = "reads the file", os.path.relpath(place, os.path.dirname(path)).replace(os.sep, "/")
    if kind[1].startswith("../"):
        kind = kind[0], os.path.basename(place)  # no path of the machine
    _reads.setdefault(path, {}).setdefault(kind, said)
