"""What a tortured process loads before anything else: at the chosen operation on the store it does itself harm.

Python imports a module of this name as it starts, so that the sweep's own code knows nothing of it. TORTURE_LOG names a
file in which every operation is noted; TORTURE says at which of them what happens: {"role", "phase", "operation",
"number", "harm"}.
"""

import errno
import json
import os
import signal
import sys
import threading

PHASES = {  # by the function of the project that is at work: what it is at
    "checkpoint.py": "a checkpoint",
    "locks.py": "a lock",
    "write_plan": "a plan",
    "write": "a record",
    "write_unsupported": "a record",
    "outputs.py": "tables and figures",
}
OPERATIONS = ("fdopen", "fsync", "link", "replace", "unlink", "mkdir")


def set_up():
    wanted, log = json.loads(os.environ.get("TORTURE") or "{}"), os.environ["TORTURE_LOG"]
    role = "trainer" if "TORTURE_INSIDE" in os.environ else "command"
    os.environ["TORTURE_INSIDE"] = "1"  # of the processes that this one starts
    counts, lock, broken = {}, threading.Lock(), []

    def phase():
        frame = sys._getframe(2)
        while frame:
            name = frame.f_code.co_filename
            if "/results/" in name:
                found = PHASES.get(os.path.basename(name)) or (
                    PHASES.get(frame.f_code.co_name) if name.endswith("store.py") else None
                )
                if found:
                    return found
            frame = frame.f_back
        return None

    def happens(operation, place):
        """Notes an operation; whether it is the one."""
        with lock:
            number = counts[place, operation] = counts.get((place, operation), 0) + 1
            line = json.dumps({"role": role, "phase": place, "operation": operation, "number": number})
            handle = os_open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(handle, f"{line}\n".encode())
            os.close(handle)
        own = (role, place, operation, number)
        return own == tuple(wanted.get(key) for key in ("role", "phase", "operation", "number"))

    def harm(operation):
        """Kills, stops, or makes this operation, and for a full disk all later ones, fail."""
        kind = wanted["harm"]
        if kind == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if kind == "stopped":
            os.kill(os.getpid(), signal.SIGSTOP)
            return
        code = {"full": errno.ENOSPC, "read-only": errno.EROFS, "full once": errno.ENOSPC}[kind]
        if kind != "full once":
            broken.append(code)
        raise OSError(code, os.strerror(code), f"tortured {operation}")

    def wrapped(name, function):
        def call(*arguments, **options):
            place = phase()
            if place and broken and name in ("fdopen", "link", "replace", "mkdir"):
                raise OSError(broken[0], os.strerror(broken[0]), f"tortured {name}")
            if place and happens(name, place):
                if name == "fdopen" and wanted["harm"] in ("killed", "stopped"):
                    return HalfWritten(function(*arguments, **options))
                harm(name)
            return function(*arguments, **options)

        return call

    class HalfWritten:
        """A file of which half is written when harm is done."""

        def __init__(self, file):
            self.file = file

        def __enter__(self):
            self.file.__enter__()
            return self

        def __exit__(self, *error):
            return self.file.__exit__(*error)

        def __getattr__(self, name):
            return getattr(self.file, name)

        def write(self, content):
            half = len(content) // 2
            self.file.write(content[:half])
            self.file.flush()
            harm("write")
            self.file.write(content[half:])

    os_open = os.open
    for name in OPERATIONS:
        setattr(os, name, wrapped(name, getattr(os, name)))


if os.environ.get("TORTURE_LOG"):
    set_up()
