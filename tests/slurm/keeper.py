"""python -m tests.slurm.keeper SECONDS OWNER COMMAND...: runs a daemon, and ends it with all that it has started.

It ends when it gets SIGTERM, after so many seconds, or once the process OWNER has ended; whatever detaches itself from
the daemon (SLURM's steps do) becomes a child of the keeper, and ends with it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

_ADOPT = 36  # PR_SET_CHILD_SUBREAPER
_GRACE = 8.0  # seconds in which the daemon may end by itself


def main() -> int:
    """The command. Exit codes: 0 it was ended, 1 the daemon ended by itself."""
    seconds, owner, line = float(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    ctypes.CDLL(None).prctl(_ADOPT, 1, 0, 0, 0)
    stopped: list[int] = []
    for number in (signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, lambda got, _: stopped.append(got))
    daemon, end = subprocess.Popen(line), time.monotonic() + seconds
    while not stopped and time.monotonic() < end and Path(f"/proc/{owner}").exists():
        if daemon.poll() is not None:
            break
        _reap(daemon)
        time.sleep(0.1)
    by_itself = daemon.poll() is not None
    if stopped != [signal.SIGUSR1] and not by_itself:  # SIGUSR1: at once, as where the power fails
        daemon.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            daemon.wait(_GRACE)
    while own := descendants(os.getpid()):
        for process in own:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                continue
        _reap(daemon)
        time.sleep(0.05)
    return 1 if by_itself else 0


def _reap(daemon: subprocess.Popen) -> None:
    """Takes note of adopted processes that have ended."""
    daemon.poll()
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                return
        except ChildProcessError:
            return


def descendants(process: int) -> list[int]:
    """The processes that this one has started, and these, and so on; without those that have ended.

    Args:
        process: by its id.

    Returns:
        Their ids.
    """
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            rest = path.read_bytes().rpartition(b")")[2].split()
        except OSError:
            continue
        if rest[0] != b"Z":
            parents[int(path.parent.name)] = int(rest[1])
    found, ahead = [], [process]
    while ahead:
        parent = ahead.pop()
        children = [child for child, own in parents.items() if own == parent]
        found.extend(children)
        ahead.extend(children)
    return found


if __name__ == "__main__":
    sys.exit(main())
