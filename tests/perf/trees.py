"""Two source trees side by side: worktree of a commit, environments, and the benchmarks of both in fresh processes."""

from __future__ import annotations

import ast
import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from runners.planning import sources as code
from steeplechase.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".perf"  # environments of commits with another lock, by the lock's hash
BENCHMARKS = "tests/perf"
LOCK = "requirements.lock"
PATIENCE = 1800  # seconds, after which a process counts as hanging


@dataclass(frozen=True)
class Tree:
    """Where a tree lies, how it is called in a sentence, and the interpreter that it is run with."""

    path: Path
    name: str
    python: Path


@dataclass(frozen=True)
class Timing:
    """What one process found of one benchmark: its median in seconds, and its counters (none in older trees)."""

    seconds: float
    counters: Mapping[str, int]


def resolve(base: str, root: Path = ROOT) -> str:
    """The full hash of the commit that BASE names. Raises UserError where it names none."""
    if not base.strip():
        raise UserError("BASE names the commit to compare with, and is missing: make perf-check BASE=COMMIT.")
    if _git(root, "rev-parse", "--git-dir").returncode:
        raise UserError("BASE is looked up in git's history, and this folder is not a git checkout.")
    found = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{base}^{{commit}}")
    if found.returncode:
        raise UserError(f"BASE is '{base}', which is no commit here; `git log --oneline` lists those that are.")
    return found.stdout.strip()


@contextlib.contextmanager
def checkout(commit: str, root: Path = ROOT) -> Iterator[Path]:
    """The commit's files in a temporary folder, which is gone afterwards, also after an error."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "base"
        made = _git(root, "worktree", "add", "--detach", "--quiet", str(path), commit)
        try:
            if made.returncode:
                raise UserError(f"BASE could not be checked out: {_last(made.stderr)}")
            yield path
        finally:
            _git(root, "worktree", "remove", "--force", str(path))
            _git(root, "worktree", "prune")


def environment(tree: Path, name: str, folder: Path, root: Path = ROOT, cache: Path = CACHE) -> Path:
    """An interpreter that has the packages of the tree's lock, and no tree's own code: that comes from where it is run.

    folder: a new one, for an environment that borrows this interpreter's packages: it is used where the locks are the
    same. Else one is built in the cache. Raises UserError where that fails.
    """
    try:
        lock = (tree / LOCK).read_bytes()
    except OSError:
        raise UserError(f"{name} does not build: it has no {LOCK}.") from None
    if lock == (root / LOCK).read_bytes():
        python = _venv(folder, "--without-pip")
        packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder), "platbase": str(folder)}))
        # Each line adds a folder as it is: its packages are found, the tree that is installed there for editing is not.
        own = dict.fromkeys(sysconfig.get_path(kind) for kind in ("purelib", "platlib"))
        (packages / "borrowed.pth").write_text("".join(f"{path}\n" for path in own), encoding="utf-8")
        return python
    built = cache / hashlib.sha256(lock + sys.version.encode()).hexdigest()[:16]
    if not (built / "ready").exists():
        shutil.rmtree(built, ignore_errors=True)
        print(f"{name} has another lock: building its environment", file=sys.stderr, flush=True)
        words = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes")
        done = run_command([_venv(built), *words, "--requirement", tree / LOCK], tree)
        if done.returncode:
            shutil.rmtree(built, ignore_errors=True)
            raise UserError(f"{name} does not build: {_last(done.stderr)}")
        (built / "ready").touch()
    return built / "bin" / "python"


def need_benchmarks(tree: Path, name: str) -> None:
    """Raises UserError where a tree has none: seen before an environment is built for nothing."""
    if not any((tree / BENCHMARKS).glob("test_*.py")):
        raise UserError(f"{name} has no benchmarks: there is no test in {BENCHMARKS}.")


def names(tree: Tree) -> list[str]:
    """The benchmarks of a tree, as pytest names them. Raises UserError where there are none or it does not build."""
    done = _pytest(tree, [BENCHMARKS], "--collect-only")
    if done.returncode == 5:
        raise UserError(f"{tree.name} has no benchmarks: pytest finds none in {BENCHMARKS}.")
    if done.returncode:
        raise UserError(f"{tree.name} does not build: {_failure(done)}")
    return re.findall(rf"^{BENCHMARKS}/\S+::.+$", done.stdout, re.MULTILINE)


def compile_python(tree: Tree, folders: Sequence[str]) -> None:
    """Writes the byte code of these folders, so that the first process of a new tree is like the others."""
    run_command([tree.python, "-m", "compileall", "-q", *folders], tree.path)


def measure(tree: Tree, wanted: Sequence[str], environ: Mapping[str, str] | None = None) -> dict[str, Timing]:
    """These benchmarks of a tree, in a fresh process. Raises UserError where one fails, or none is a benchmark."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "found.json"
        done = _pytest(tree, wanted, f"--benchmark-json={path}", environ=environ)
        if done.returncode:
            raise UserError(f"the benchmarks of {tree.name} fail: {_failure(done)}")
        found = json.loads(path.read_text(encoding="utf-8") or "{}") if path.exists() else {}
    if not found.get("benchmarks"):
        raise UserError(f"{tree.name} has no benchmarks: no test in {BENCHMARKS} asks for pytest-benchmark's fixture.")
    return {
        one["fullname"]: Timing(one["stats"]["median"], one["extra_info"].get("counters", {}))
        for one in found["benchmarks"]
    }


def sources(tree: Path, benchmark: str) -> dict[str, str]:
    """The code of a benchmark: its file, those under tests/ that it imports, and its conftest, each as a checksum.

    Comments, formatting and docstrings do not count, and neither does what is measured.
    """
    found: dict[str, str] = {}
    waiting = [benchmark.partition("::")[0], f"{BENCHMARKS}/conftest.py"]
    while waiting:
        name = waiting.pop()
        if name in found or not (tree / name).is_file():
            continue
        found[name] = code.tree(tree / name)
        for node in ast.walk(ast.parse((tree / name).read_bytes())):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            waiting += [f"{m.replace('.', '/')}.py" for m in modules if m.split(".")[0] == "tests"]
    return found


# Small things


def _venv(folder, *options):
    done = run_command([sys.executable, "-m", "venv", *options, folder], ROOT)
    if done.returncode:
        raise UserError(f"no environment can be made: {_last(done.stderr or done.stdout)}")
    return folder / "bin" / "python"


def _pytest(tree, wanted, *options, environ=None):
    """Without the options that the tree gives to its other tests: it may have some that forbid benchmarks."""
    fixed = ("-q", "--benchmark-only", "-o", "addopts=", "-p", "no:cacheprovider", "-m", "not long")
    return run_command([tree.python, "-m", "pytest", *wanted, *fixed, *options], tree.path, environ)


def run_command(words, cwd, environ=None):
    """What a command says and ends with, started in this folder with no settings of this process's tests."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "PYTEST_", "PYTHONPATH"))}
    kept.pop("STEEPLECHASE_DELAY", None)
    kept.setdefault("STEEPLECHASE_MNIST", str(ROOT.parent / "shared" / "data" / "mnist-10k"))  # the same data for both
    try:
        return subprocess.run(
            list(map(str, words)),
            cwd=cwd,
            env=kept | dict(environ or {}),
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
            encoding="utf-8",
        )
    except subprocess.TimeoutExpired:
        raise UserError(
            f"a process gave no answer for {PATIENCE // 60} minutes: {' '.join(map(str, words[1:4]))}"
        ) from None


def _git(root, *words):
    return run_command(["git", "-C", root, "-c", "core.hooksPath=/dev/null", *words], root)


def _failure(done):
    """What pytest says of the first thing that went wrong, in a line."""
    errors = re.findall(r"^E\s+(\S.*)$", done.stdout, re.MULTILINE)
    errors += re.findall(r"\berror:? +(\S.*)$", done.stderr, re.MULTILINE | re.IGNORECASE)
    return errors[0] if errors else _last(done.stderr) or _last(done.stdout)


def _last(text):
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""
