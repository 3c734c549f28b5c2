"""What a watched process does beside answering: writes, starts and runs; and where it is cut, before TensorFlow."""

from __future__ import annotations

import importlib.machinery
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

CUT = 97  # the exit code of a process that got as far as TensorFlow, or to the process that trains
CANARY, BAIT = "canary", "bait"  # the module that nobody may import, and the word in files that nobody may open
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = {  # audit events, and which of their arguments are paths
    "os.mkdir": (0,),
    "os.rename": (0, 1),
    "os.remove": (0,),
    "os.rmdir": (0,),
    "os.link": (1,),
    "os.symlink": (1,),
    "os.chmod": (0,),
    "os.chown": (0,),
    "os.truncate": (0,),
    "shutil.rmtree": (0,),
    "shutil.move": (0, 1),
    "shutil.chown": (0,),
    "shutil.make_archive": (0,),
    "shutil.unpack_archive": (1,),
}
_STARTS = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "pty.spawn"}
_DANGEROUS = {"os", "posix", "subprocess", "shutil", CANARY}


def install(report: int, ground: Path, allowed: Sequence[Path], pages: bool) -> None:
    """Watches this process and what it forks from now on, for good.

    report: the descriptor that each finding is written to, as a line of JSON: (kind, words). ground: the folder that
    the case plays in; what would be written outside of it is refused. allowed: what may be written. pages: whether the
    command may run the page files of the ground, as one that names them on the command line may.
    """
    free = [str(ground / "tmp"), "/dev/null", *map(str, allowed)]
    root = str(ground)

    def tell(kind: str, words: str) -> None:
        os.write(report, (json.dumps([kind, words]) + "\n").encode())

    def changes(event: str, path) -> None:
        if isinstance(path, int):
            return
        path = os.path.realpath(os.fsdecode(path))
        if not any(path == place or path.startswith(place + os.sep) for place in free):
            tell("side effect", f"{event} {path}")
            if path != root and not path.startswith(root + os.sep):
                raise PermissionError(1, "refused by the fuzzer", path)

    def hook(event: str, arguments: tuple) -> None:
        if event == "open":
            path, _, flags = arguments
            if isinstance(flags, int) and flags & _WRITES and not isinstance(path, int):
                changes("open", path)
            elif not isinstance(path, int) and BAIT in os.path.basename(os.fsdecode(path)):
                tell("code executed", f"opened {os.fsdecode(path)}")
        elif event == "import":
            if arguments[0].split(".")[0] == CANARY:
                tell("code executed", f"imported {arguments[0]}")
        elif event == "exec":
            name = getattr(arguments[0], "co_filename", "")
            if name.startswith(root) and not (pages and "/pages/" in name):
                tell("code executed", f"ran {name}")
        elif event == "pickle.find_class":
            if arguments[0] in _DANGEROUS or arguments in (("builtins", "eval"), ("builtins", "exec")):
                tell("code executed", f"unpickled {arguments[0]}.{arguments[1]}")
        elif event in _STARTS:
            command = arguments[1] if event == "subprocess.Popen" else arguments[0]
            first = command[0] if isinstance(command, (list, tuple)) and command else command
            if os.path.basename(os.fsdecode(first)) != "git":  # a report says which commit made it
                tell("code executed", f"{event} {command!r}")
                raise PermissionError(1, "refused by the fuzzer")
        elif event in _CHANGES and not (event == "os.mkdir" and os.path.isdir(arguments[0])):
            place = arguments[-1] if isinstance(arguments[-1], int) and arguments[-1] > 2 else None
            for at in _CHANGES[event]:
                path = arguments[at]
                if place is not None and not isinstance(path, int) and not os.path.isabs(path):
                    path = os.path.join(os.readlink(f"/proc/self/fd/{place}"), os.fsdecode(path))
                changes(event, path)
        elif event in ("socket.connect", "socket.getaddrinfo"):
            raise ConnectionRefusedError(111, "no network here")

    sys.addaudithook(hook)


class _Cut:
    """Finds TensorFlow and Keras as modules that end the process instead of being loaded."""

    def __init__(self, cut: Callable[[str], None]):
        self.cut = cut

    def find_spec(self, name, *_):
        if name in ("tensorflow", "keras"):
            return importlib.machinery.ModuleSpec(name, self, origin="cut")
        return None

    def create_module(self, spec):
        self.cut(spec.name)

    def exec_module(self, _):
        raise AssertionError("it was cut before")


def cut(report: int) -> None:
    """Ends this process, as one that went well, where it would load TensorFlow or start the process that trains."""

    def end(what: str) -> None:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os.write(report, (json.dumps(["cut", what]) + "\n").encode())
        os._exit(CUT)

    import _posixsubprocess  # by which multiprocessing and loky start processes; subprocess holds on to its own

    sys.meta_path.insert(0, _Cut(end))
    _posixsubprocess.fork_exec = lambda *arguments: end("a process that trains")
