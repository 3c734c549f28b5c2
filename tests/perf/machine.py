"""What a measurement was made on: machine, load, commit and versions. Never a user, a host or a path of the machine."""

from __future__ import annotations

import math
import os
import platform
import resource
import subprocess
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
IDLE = 0.1  # a share of the cores' time, up to which others count as nothing
LOAD = 0.5  # a load average, up to which a machine counts as idle


def describe(packages: Sequence[str], device: str = "cpu") -> dict:
    """The machine now, with the versions of those packages that are there. Call it before anything is measured."""
    changes = _ask("git", "-C", str(ROOT), "status", "--porcelain", "--", ".", ":!docs")  # where measurements are kept
    return {
        "cpu": _processor(),
        "cores": cores(),
        "device": device,
        "gpu": _ask("nvidia-smi", "--query-gpu=name", "--format=csv,noheader") if device == "gpu" else None,
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _ask("git", "-C", str(ROOT), "rev-parse", "HEAD"),
        "dirty": None if changes is None else bool(changes),
        "versions": {"python": platform.python_version()} | {p: v for p in packages if (v := _version(p))},
    }


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Watch:
    """How much of the cores' time others used since it was made: everybody's, less this process's and its children's.

    Children count once they have ended.
    """

    def __init__(self):
        self._started, self._all, self._own = time.perf_counter(), _busy_seconds(), _own_seconds()

    def others(self) -> float | None:
        """The share of all cores' time, or None where the system does not tell."""
        if self._all is None:
            return None
        spent = _busy_seconds() - self._all - (_own_seconds() - self._own)
        return max(0.0, spent / (time.perf_counter() - self._started) / (os.cpu_count() or 1))


def load_words(load: float | None, others: float | None) -> str:
    """In words whether the machine was under load, from its load average before and the share that others used.

    A load average outlives its load by minutes (the set-up's, or that of the step before), so it counts only where the
    share is not known.
    """
    busy = []
    if others is None and load is not None and load > LOAD:
        busy.append(f"its load average was {load:.1f} before the first round")
    if others is not None and others > IDLE:
        busy.append(f"other processes used {others:.0%} of its cores meanwhile")
    if not busy:
        return "" if load is None and others is None else "The machine was idle otherwise."
    return f"The machine was under load: {' and '.join(busy)}. Rates are too low, and ratios may be off."


def _busy_seconds():
    try:
        numbers = Path("/proc/stat").read_text(encoding="utf-8").split("\n", 1)[0].split()[1:]
    except OSError:
        return None
    user, nice, system, _, _, irq, softirq, steal = map(int, numbers[:8])  # what follows is counted in user already
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def _own_seconds():
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return math.fsum(u.ru_utime + u.ru_stime for u in used)


def _processor():
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def _version(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _ask(*words):
    try:
        answer = subprocess.run(words, capture_output=True, text=True, check=False, encoding="utf-8")
    except FileNotFoundError:
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None
