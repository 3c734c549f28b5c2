"""Who trains a run: a lock that a dead or stopped holder loses, and by which whoever has lost it writes nothing.

    STORE/runs/RUN/FINGERPRINT/lock-NUMBER.json   who holds it; sealed; the highest number counts

A lock is taken by publishing the next number, which one process alone can do, on a network's file system as well. Its
holder writes its own file anew every few seconds. It is free once its holder says so; at once where the holder is of
this node and has ended, or was an earlier life of the same job of a cluster; and else where nothing has moved for LOST
seconds on the clock of the one that waits, which then publishes the next number as free. No two clocks are compared.
Before a holder writes anything, it looks whether its number is still the highest: one that slept too long finds a
higher one. The last number stays, so that no number is given twice.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import socket
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from results.records import sealed
from steeplechase.errors import StoreError

VERSION = 1
BEAT = 5.0  # seconds between two signs of life
LOST = 120.0  # seconds without one, after which a holder has lost its lock
_FILE = re.compile(r"lock-(\d{6,})\.json")


class LostLock(StoreError):
    """A lock was lost to another process, and nothing may be written."""


@dataclass(frozen=True)
class Holder:
    """Who holds a lock, as its file has it.

    Attributes:
        number: of the file.
        node: the machine's name; "?" where the file cannot be read.
        place: what tells this machine, as it was started, from others.
        process: its id there.
        began: what tells the process from others of the same id.
        job: of SLURM's, in which it runs; "" outside of one.
        restart: how often SLURM had begun that job anew.
        beats: how often it has said that it lives.
        done: replica-steps so far.
        total: of so many.
        seconds: of training so far.
        content: the bytes of the file, by which it is seen to move.
    """

    number: int
    node: str
    place: str
    process: int
    began: str
    job: str
    restart: int
    beats: int
    done: int
    total: int
    seconds: float
    content: bytes

    @property
    def name(self) -> str:
        """As it is printed."""
        return _name(vars(self))


def holder(folder: Path) -> Holder | None:
    """Who holds the lock of a run.

    Args:
        folder: of the run and its fingerprint.

    Returns:
        The holder; None where the lock is free, or its holder was a process of this machine that has ended, or an
        earlier life of the job that asks.

    Raises:
        StoreError: where the folder cannot be read.
    """
    _, found = _highest(folder)
    return found if found and not _has_ended(found) else None


class Watch:
    """Looks at a lock that another process holds, and frees it once it is lost."""

    def __init__(self, folder: Path):
        """folder: of the run and its fingerprint."""
        self._folder = folder
        self._seen: bytes | None = None
        self._since = 0.0

    @property
    def still(self) -> float:
        """Seconds since the holder was last seen to move."""
        return time.monotonic() - self._since if self._seen is not None else 0.0

    def holder(self) -> Holder | None:
        """Who holds the lock now.

        Returns:
            The holder; None where the lock is free, and where it was lost, which frees it.

        Raises:
            StoreError: where the folder cannot be read.
            OSError: where it cannot be written.
        """
        found = holder(self._folder)
        if found is None:
            return None
        if found.content != self._seen:
            self._seen, self._since = found.content, time.monotonic()
        if self.still < LOST:
            return found
        number = found.number + 1
        sealed.publish(_path(self._folder, number), sealed.text(_free(number)))  # unless another one that waits did so
        return None


class Lock:
    """A lock that this process holds: it says that it lives until it is released. A context manager.

    Attributes:
        number: of its file.
    """

    def __init__(self, folder: Path, number: int, whose: Mapping[str, Any]):
        self.number = number
        self._folder, self._whose = folder, dict(whose)
        self._beats, self._progress = 0, (0, 0, 0.0)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._live, daemon=True, name=f"lock {folder.parent.name}")

    def __enter__(self) -> Lock:
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._ended.set()
        self._thread.join()
        with contextlib.suppress(OSError, StoreError):  # whoever waits finds out that nothing moves
            if self.held():
                sealed.replace(_path(self._folder, self.number), sealed.text(_free(self.number)))

    def held(self) -> bool:
        """Whether it is still this process's: no higher number was given.

        Returns:
            False where it was lost.

        Raises:
            StoreError: where the folder cannot be read.
        """
        return _highest(self._folder)[0] == self.number

    def require(self) -> None:
        """Does nothing while the lock is held: to be called before anything is written.

        Raises:
            LostLock: where it was lost.
        """
        if not self.held():
            raise LostLock(f"another process has taken over what this one, {_name(_self())}, trained too slowly.")

    def report(self, done: int, total: int, seconds: float) -> None:
        """Has the next sign of life say how far the training is.

        Args:
            done: replica-steps so far.
            total: of so many.
            seconds: of training so far.
        """
        self._progress = done, total, seconds

    def _live(self) -> None:
        while not self._ended.wait(BEAT):
            with contextlib.suppress(OSError, StoreError):  # a full disk: the next one may get through
                if not self.held():
                    return
                self._beats += 1
                said = _held(self.number, self._whose, self._beats, *self._progress)
                sealed.replace(_path(self._folder, self.number), sealed.text(said))


def acquire(folder: Path, whose: Mapping[str, Any]) -> Lock | Holder:
    """Takes the lock of a run.

    Args:
        folder: of the run and its fingerprint; made where it is not there.
        whose: plain data, what is locked, for people.

    Returns:
        The lock, to be entered; where another process holds it, that process.

    Raises:
        StoreError: where the folder cannot be read.
        OSError: where it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    while True:
        number, found = _highest(folder)
        if found is not None and not _has_ended(found):
            return found
        own = _path(folder, number + 1)
        if not sealed.publish(own, sealed.text(_held(number + 1, whose))):
            continue
        if max(_files(folder)) > number + 1:  # others took and gave back this number since it was looked at
            own.unlink(missing_ok=True)
            continue
        for older in _files(folder):
            if older <= number:
                _path(folder, older).unlink(missing_ok=True)
        return Lock(folder, number + 1, whose)


def _held(
    number: int, whose: Mapping[str, Any], beats: int = 0, done: int = 0, total: int = 0, seconds: float = 0.0
) -> dict[str, Any]:
    """What the file of a lock says that this process holds."""
    said = {"beats": beats, "done": done, "total": total, "seconds": seconds}
    return {"schema": VERSION, "state": "held", "number": number, **whose, **_self(), **said}


def _free(number: int) -> dict[str, Any]:
    """What the file of a lock says that nobody holds."""
    return {"schema": VERSION, "state": "free", "number": number}


def _path(folder: Path, number: int) -> Path:
    return folder / f"lock-{number:06d}.json"


def _files(folder: Path) -> list[int]:
    return [int(match[1]) for path in sealed.listed(folder) if (match := _FILE.fullmatch(path.name))]


def _highest(folder: Path) -> tuple[int, Holder | None]:
    """The highest number that was given, 0 where none was; and who holds the lock by it, whether or not it lives."""
    numbers = _files(folder)
    if not numbers:
        return 0, None
    number = max(numbers)
    try:
        content = sealed.read(_path(folder, number))
        said = sealed.parsed(content, VERSION, "a lock")
        if said["state"] == "free":
            return number, None
        fields = {name: kind(said[name]) for name, kind in _FIELDS.items()}
        return number, Holder(number=number, content=content, **fields)
    except FileNotFoundError:  # a higher one is there now
        return _highest(folder)
    except (sealed.Damaged, KeyError, TypeError, ValueError):  # its holder writes it anew; a dead one never moves
        return number, Holder(number, "?", "", 0, "", "", 0, 0, 0, 0, 0.0, content)


_FIELDS = {"node": str, "place": str, "process": int, "began": str, "beats": int, "done": int, "total": int}
_FIELDS |= {"seconds": float, "job": str, "restart": int}


def _name(of: Mapping[str, Any]) -> str:
    return f"process {of['process']} on {of['node']}"


def _self() -> dict[str, Any]:
    process, (job, restart) = os.getpid(), _job()
    own = {"node": socket.gethostname(), "place": _place(), "process": process, "began": _began(process)}
    return {**own, "job": job, "restart": restart}


def _job() -> tuple[str, int]:
    """The job of SLURM's that this process is in, and how often it was begun anew; ("", 0) outside of one."""
    job, cluster = os.environ.get("SLURM_JOB_ID", ""), os.environ.get("SLURM_CLUSTER_NAME", "")
    restart = os.environ.get("SLURM_RESTART_COUNT", "0")
    return (f"{job} of {cluster}", int(restart)) if job and restart.isdecimal() else ("", 0)


@functools.cache
def _place() -> str:
    """What tells this machine, as it was started, and the processes that can see each other there, from others."""
    parts = [socket.gethostname()]
    try:
        parts += [
            Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip(),
            os.readlink("/proc/self/ns/pid"),
        ]
    except OSError:  # no Linux
        parts.append(f"{uuid.getnode():x}")
    return " ".join(parts)


def _began(process: int) -> str:
    """When a process of this machine began, in the machine's own ticks; "" where that is not known."""
    try:
        return Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()[19].decode()
    except (OSError, IndexError):
        return ""


def _has_ended(who: Holder) -> bool:
    """Whether a holder was a process of this machine that is no more, or an earlier life of the job that asks."""
    job, restart = _job()
    if job and who.job == job and who.restart < restart:
        return True
    if who.place != _place():
        return False
    try:
        os.kill(who.process, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return _began(who.process) != who.began or _is_zombie(who.process)


def _is_zombie(process: int) -> bool:
    """Whether a process has ended, and only nobody has asked yet how."""
    try:
        return Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()[0] == b"Z"
    except (OSError, IndexError):
        return False
