"""Runs cases, each in a process forked from this one, and says what became of it: a count each, of which two are good.

A fork costs a few milliseconds, where a fresh interpreter takes a second before it reads its command line. This process
has loaded what the commands import (`preload`), but neither TensorFlow nor the command itself, which is run in the fork
as `python -m` runs it.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import io
import json
import locale
import os
import re
import resource
import runpy
import select
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz import watch

ROOT = Path(__file__).resolve().parents[2]
LOST, LOSS = "silent loss", 77  # what is read is not what was written, and nobody says so; the exit code that says it
KINDS = ("accepted", "refused", "traceback", "hang", LOST, "side effect", "code executed")
GOOD = KINDS[:2]
MEMORY = 4 * 2**30  # bytes that one case may ask for
SAID = "steeplechase: "
HERE = "@HERE@"  # in an argument: the folder that it is typed in
_PROGRESS = re.compile(r"\S.*: \d+ tables and figures")  # what a report says on its way
# What a command says of its keys before it goes on, or refuses something else.
_REMARK = re.compile(rf"{SAID}(the key \S+ is called \S+ now; .*|\S+ counts for \S+, and \S+ for the others\.)")
_SEVERAL = ("runners.figures", "runners.report")  # commands that may refuse several things, a sentence each
_WITHOUT = ("runners.figures", "runners.report", "runners.claims")  # commands that never start TensorFlow


@dataclass(frozen=True)
class Line:
    """A command line, as somebody would type it in the fuzzer's ground."""

    command: str  # the module after `python -m`
    arguments: Sequence[str]
    kind: str = ""  # of the grammar
    environment: Mapping[str, str] = field(default_factory=dict)
    closed: bool = False  # its output is a pipe that nobody reads
    cold: bool = False  # in a fresh interpreter: for what happens before or while the command is loaded
    folder: str = "work"  # of the ground: where it is typed
    allowed: Sequence[str] = ()  # what it may write, seen from there

    @property
    def plans(self) -> bool:
        """Whether it must neither write nor start TensorFlow."""
        return self.command in _WITHOUT or "plan=true" in self.arguments

    def __str__(self) -> str:
        before = [f"{key}={shlex.quote(value)}" for key, value in self.environment.items()]
        typed = f"{' '.join(before)} python -m {self.command} {shlex.join(self.arguments)}".strip().replace(
            HERE, "$PWD"
        )
        return f"cd {self.folder}; " * (self.folder != "work") + typed + " | true" * self.closed


@dataclass(frozen=True)
class Outcome:
    """What became of a case: one of KINDS, why, and what it printed."""

    kind: str
    why: str = ""
    out: str = ""
    err: str = ""
    seconds: float = 0.0


def preload() -> None:
    """Loads what commands load before they look at their arguments, and lets parsers and caches warm up."""
    warnings.simplefilter("default")
    for name in ("sweep", "execution.launch", "figures", "report", "trace", "contract", "claims", "gallery"):
        importlib.import_module(f"runners.{name}")
    for path in sorted((ROOT / "results" / "figures").glob("[a-z]*.py")):
        importlib.import_module(f"results.figures.{path.stem}")
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.plugins import Plugins
    from omegaconf import OmegaConf

    from runners.configuration import choices, resolution, schema
    from runners.planning.identity import identify
    from tests.fuzz import quick

    quick.install()
    quick.read_all()
    Plugins.instance()
    with initialize_config_dir(str(schema.CONF), version_base="1.3"):
        compose("config", ["~experiment", "estimator.scale={from:0.1,to:1,shape:log}"])
        for task in choices.options("task"):
            own = [f"task={task}", "~experiment", "optimizer.learning_rate=[0.1,0.2]"]
            identify(resolution.resolve(OmegaConf.to_container(compose("config", own), resolve=True), "cpu"))
    GlobalHydra.instance().clear()
    assert "tensorflow" not in sys.modules, "a fork of a process that has started TensorFlow would not be clean"
    gc.collect()
    gc.freeze()  # a fork then writes to few of the pages that it shares with this process


class Harness:
    """Runs lines and functions on one ground, which it makes anew after a case has changed it."""

    COLD = 12  # times the limit: what a fresh interpreter may take

    def __init__(self, make: Callable[[Path], None], limit: float):
        """make: lays out the ground in an empty folder. limit: seconds of processors, or of waiting, after which a case
        counts as hanging."""
        self.folder = Path(tempfile.mkdtemp(prefix="steeplechase-fuzz-")).resolve()
        self.ground, self.make, self.limit = self.folder / "ground", make, limit
        self.spent = 0.0  # seconds of processors, by all cases so far
        self.lay_out()

    def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def line(
        self,
        line: Line,
        before_restoring: Callable[[], None] = lambda: None,
        instead: Callable[[], None] | None = None,
    ) -> Outcome:
        """What becomes of a command line.

        before_restoring: is called while the ground is as the line left it. instead: is run in its place.
        """
        place = self.ground / line.folder
        own = line.allowed or (() if line.plans else ("results",))
        allowed = [Path(os.path.realpath(place / path)) for path in own]
        if line.cold:
            outcome = self._fresh(line, place)
        else:
            outcome = self._forked(instead or (lambda: typed(line)), line, place, allowed, self.limit)
        changed = [path for path in self._changed() if not any(Path(path).is_relative_to(own) for own in allowed)]
        if changed and KINDS.index(outcome.kind) < KINDS.index("side effect"):
            outcome = Outcome("side effect", f"changed {changed[0]}", outcome.out, outcome.err, outcome.seconds)
        before_restoring()
        if changed or allowed:
            self.lay_out()
        return outcome

    def call(
        self,
        function: Callable[[], None],
        allowed: Sequence[Path] = (),
        line: Line = Line("runners.report", ()),
        limit: float | None = None,
    ) -> Outcome:
        """What becomes of a call in a process of its own, judged as this line is. The ground is not laid out anew."""
        places = [Path(os.path.realpath(path)) for path in allowed]
        return self._forked(function, line, self.ground / "work", places, limit or self.limit)

    def lay_out(self, make: Callable[[Path], None] | None = None) -> None:
        """The ground anew, and from now on by this function."""
        self.make = make or self.make
        shutil.rmtree(self.ground, ignore_errors=True)
        for name in ("work", "home", "tmp"):
            (self.ground / name).mkdir(parents=True)
        self.make(self.ground)
        self._before = _scan(self.ground)

    def _changed(self) -> list[str]:
        now = _scan(self.ground)
        return sorted(path for path in {*now, *self._before} if now.get(path) != self._before.get(path))

    def _forked(
        self, function: Callable[[], None], line: Line, place: Path, allowed: Sequence[Path], limit: float
    ) -> Outcome:
        files = [self.folder / name for name in ("out", "err")]
        out, err = (os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) for path in files)
        if line.closed:
            os.close(out)
            read, out = os.pipe()
            os.close(read)
        heard, report = os.pipe()
        started = time.monotonic()
        pid = os.fork()
        if not pid:
            os.close(heard)
            _child(function, line, place, (out, err, report), self.ground, allowed)
        for descriptor in (out, err, report):
            os.close(descriptor)
        found, code, spent = _wait(pid, heard, limit)
        self.spent += spent
        texts = [path.read_bytes().decode("utf-8", "backslashreplace") for path in files]
        if line.closed:
            texts[0] = ""
        return judge(line, code, *texts, found, time.monotonic() - started)

    def _fresh(self, line: Line, place: Path) -> Outcome:
        environment = _environment(self.ground) | dict(line.environment)
        environment["PYTHONPATH"] = str(ROOT)
        command, started = [sys.executable, "-m", line.command, *line.arguments], time.monotonic()
        try:
            done = subprocess.run(
                command, cwd=place, env=environment, capture_output=True, timeout=self.COLD * self.limit
            )
        except subprocess.TimeoutExpired:
            return Outcome("hang", "it did not end", seconds=time.monotonic() - started)
        texts = [text.decode("utf-8", "backslashreplace") for text in (done.stdout, done.stderr)]
        return judge(line, done.returncode, *texts, [], time.monotonic() - started)


def judge(line: Line, code: int | None, out: str, err: str, found: Sequence, seconds: float = 0.0) -> Outcome:
    """The outcome of a case, from its exit code (None: it was stopped at the limit), what it printed, and what was
    found while it ran. The worst that is found counts."""

    def outcome(kind: str, why: str = "") -> Outcome:
        return Outcome(kind, why, out, err, seconds)

    for kind in ("code executed", "side effect"):
        for word, words in found:
            if word == kind:
                return outcome(kind, words)
    cuts = [words for word, words in found if word == "cut"]
    # What a named file reads is seen by running it, in the process that trains: also where this only plans.
    named = any(argument.startswith("estimator.file=") for argument in line.arguments)
    if cuts and line.plans and not (named and cuts == ["a process that trains"]):
        return outcome("side effect", f"started {cuts[0]}")
    if code is None:
        return outcome("hang", "it did not end")
    for text in (err, out):
        for sign in ("Traceback (most recent call last)", "Exception ignored", "Segmentation fault"):
            if sign in text:
                return outcome("traceback", text.strip().splitlines()[-1][:300])
    if code == LOSS:
        return outcome(LOST, out.strip()[:300])
    # It ended where nobody listened, as others do; rich ends with 1 there.
    if line.closed and code in (1, 128 + signal.SIGPIPE) and not err:
        return outcome("accepted")
    if code in (0, watch.CUT):
        return outcome("accepted")
    if code not in (1, 2):
        return outcome("traceback", f"exit code {code}")
    said = [line_ for line_ in err.splitlines() if not (line.command == "runners.report" and _PROGRESS.match(line_))]
    said = [line_ for line_ in said if not _REMARK.fullmatch(line_)]
    wrong = [sentence for sentence in said if not sentence.startswith(SAID)]
    if not said:
        # A sweep lists the runs that failed in a table, each with its reason.
        failed = line.command == "runners.sweep" and "runs failed" in out
        return outcome("refused") if failed else outcome("traceback", "refused without a word")
    if wrong or (len(said) > 1 and line.command not in _SEVERAL):
        return outcome("traceback", f"{len(said)} lines, not one sentence: {(wrong or said)[-1][:200]}")
    if any(len(sentence) > 2000 for sentence in said):
        return outcome("traceback", f"a sentence of {max(map(len, said))} letters")
    return outcome("refused", said[0])


def _wait(pid: int, heard: int, limit: float) -> tuple[list, int | None, float]:
    """(what was found, exit code or None, seconds of processors) of a forked process, which is ended where it hangs:
    after this many seconds of processors, or of waiting for nothing. A slow machine makes nothing hang."""
    handle, words, code = os.pidfd_open(pid), b"", None
    moved, before = time.monotonic(), 0.0
    try:
        while True:
            ready, _, _ = select.select([handle, heard], [], [], 1.0)
            if heard in ready:
                part = os.read(heard, 1 << 16)
                words += part
                if not part:
                    ready = select.select([handle], [], [], 1.0)[0]
            if handle in ready:
                _, status, used = os.wait4(pid, 0)
                code = os.waitstatus_to_exitcode(status)
                break
            if time.monotonic() - moved >= limit / 2:
                spent = _spent(pid)
                if spent >= limit or spent - before < 0.01 * (time.monotonic() - moved):
                    os.killpg(pid, signal.SIGKILL)
                    _, _, used = os.wait4(pid, 0)
                    break
                moved, before = time.monotonic(), spent
        os.set_blocking(heard, False)
        with contextlib.suppress(BlockingIOError):
            while part := os.read(heard, 1 << 16):
                words += part
    finally:
        os.close(handle)
        os.close(heard)
    return [json.loads(text) for text in words.decode().splitlines()], code, used.ru_utime + used.ru_stime


def _spent(group: int) -> float:
    """Seconds of processors that the processes of a group have used."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            fields = path.read_text(encoding="utf-8").rsplit(")", 1)[1].split()
            ticks += sum(map(int, fields[11:15])) if int(fields[2]) == group else 0
    return ticks / os.sysconf("SC_CLK_TCK")


def _environment(ground: Path) -> dict[str, str]:
    """The environment of a case: nothing of this process's but how to find programs."""
    kept = {key: os.environ[key] for key in ("PATH", "LANG") if key in os.environ}
    kept |= {"HOME": str(ground / "home"), "TMPDIR": str(ground / "tmp"), "PYTHONDONTWRITEBYTECODE": "1"}
    return kept | {"MPLCONFIGDIR": str(ground / "tmp"), "TF_CPP_MIN_LOG_LEVEL": "3"}


def typed(line: Line) -> None:
    """Runs a command in this process as `python -m` does."""
    sys.modules.pop(line.command, None)  # as in a fresh interpreter, in which it is called __main__
    sys.argv = [line.command, *(word.replace(HERE, os.getcwd()) for word in line.arguments)]
    runpy.run_module(line.command, run_name="__main__", alter_sys=True)


def _child(function, line: Line, place: Path, descriptors, ground: Path, allowed) -> None:
    """A forked process, which never returns from here."""
    code = 1
    try:
        os.setsid()
        out, err, report = descriptors
        os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        for limit, amount in ((resource.RLIMIT_DATA, MEMORY), (resource.RLIMIT_FSIZE, 2**29)):
            resource.setrlimit(limit, (amount, amount))
        os.chdir(place)
        os.environ.clear()
        os.environ |= _environment(ground) | dict(line.environment)
        tempfile.tempdir = None
        sys.path[0] = str(place)
        sys.dont_write_bytecode = True
        encoding, _, errors = line.environment.get("PYTHONIOENCODING", "utf-8").partition(":")
        if line.environment.get("LC_ALL") == "C":  # which Python keeps, since PYTHONCOERCECLOCALE and PYTHONUTF8 are 0
            locale.setlocale(locale.LC_ALL, "C")
            encoding = "ascii"
        sys.stdout = io.TextIOWrapper(io.FileIO(1, "w"), encoding, errors or "strict")
        sys.stderr = io.TextIOWrapper(io.FileIO(2, "w"), encoding, "backslashreplace", line_buffering=True)
        gc.disable()
        watch.cut(report)
        watch.install(report, ground, allowed, any("pages/" in word for word in line.arguments))
        code = _ended(function)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _ended(function: Callable[[], None]) -> int:
    """The exit code of an interpreter that runs this, which says what an interpreter would say."""
    code = 0
    try:
        function()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        if code == 1 and not isinstance(end.code, int):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        code = 1
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
    except (OSError, ValueError) as error:
        os.write(2, f"Exception ignored in stdout: {error!r}\n".encode())
        code = 120
    sys.stderr.flush()
    return code


def _scan(folder: Path) -> dict[str, tuple]:
    """Every path below, except in `tmp`, with what would change if somebody wrote to it."""
    found = {}
    ahead = [folder]
    while ahead:
        with os.scandir(ahead.pop()) as entries:
            for entry in entries:
                stat = entry.stat(follow_symlinks=False)
                is_folder = entry.is_dir(follow_symlinks=False)
                found[entry.path] = (
                    stat.st_mode,
                    0 if is_folder else stat.st_size,
                    0 if is_folder else stat.st_mtime_ns,
                )
                if is_folder and entry.path != str(folder / "tmp"):
                    ahead.append(Path(entry.path))
    return found
