"""Faults that are planted on purpose, and the count that each must raise: a fuzzer that cannot fail shows nothing."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

from tests.fuzz import stores
from tests.fuzz.ground import Pickled
from tests.fuzz.harness import LOST, Harness, Line
from tests.fuzz.watch import BAIT, CANARY

SOON = 1.5  # seconds after which what is planted hangs
PLAN = Line("runners.sweep", ["plan=true"])
TRAINS = Line("runners.sweep", [])


def _said(text: str, code: int) -> None:
    print(text, file=sys.stderr)
    sys.exit(code)


def _shadowed() -> None:
    sys.path.insert(0, os.getcwd())
    __import__(CANARY)


def _piped() -> None:
    print("x" * 100_000)
    sys.stdout.flush()


def _forgets() -> None:
    """A store whose tables lack a replica, and say nothing of it."""
    import results

    load = results.load

    def less(*known):
        whole = load(*known)
        return whole.with_rows(whole.rows[whole.rows["replica"] != whole.rows["replica"].min()])

    results.load = less


FAULTS = {  # name: (the count, the line that it is judged as, what happens)
    "nothing is wrong": ("accepted", PLAN, lambda: print("fine")),
    "one sentence": ("refused", PLAN, lambda: _said("steeplechase: steps is 0.", 2)),
    "TensorFlow, to train": ("accepted", TRAINS, lambda: __import__("tensorflow")),
    "an exception": ("traceback", PLAN, lambda: 1 / 0),
    "a usage": ("traceback", PLAN, lambda: _said("usage: x\nx: error: no", 2)),
    "no word": ("traceback", PLAN, lambda: sys.exit(1)),
    "two sentences": ("traceback", PLAN, lambda: _said("steeplechase: a.\nsteeplechase: b.", 2)),
    "another code": ("traceback", PLAN, lambda: _said("steeplechase: a.", 3)),
    "killed": ("traceback", PLAN, lambda: os.kill(os.getpid(), 11)),
    "a pipe that is closed": ("traceback", Line("runners.sweep", ["plan=true"], closed=True), _piped),
    "a sign that cannot be printed": ("traceback", PLAN, lambda: print("\udcff")),
    "too much memory": ("traceback", PLAN, lambda: bytearray(2**36)),
    "sleep": ("hang", PLAN, lambda: time.sleep(3600)),
    "a loop": ("hang", PLAN, lambda: [None for _ in iter(int, 1)]),
    "a file": ("side effect", PLAN, lambda: Path("new").write_text("x", encoding="utf-8")),
    "a file elsewhere": ("side effect", PLAN, lambda: Path("/nowhere-to-be-written").touch()),
    "a folder": ("side effect", PLAN, lambda: Path("new").mkdir()),
    "a file that is gone": ("side effect", PLAN, lambda: Path("keep.txt").unlink()),
    "a file through a descriptor": ("side effect", PLAN, lambda: os.replace("keep.txt", "kept.txt")),
    "TensorFlow, to plan": ("side effect", PLAN, lambda: __import__("tensorflow")),
    "a process, to plan": ("side effect", PLAN, lambda: _spawned()),
    "an import": ("code executed", PLAN, _shadowed),
    "a shell": ("code executed", PLAN, lambda: os.system("true")),
    "a program": ("code executed", PLAN, lambda: subprocess.run(["true"], check=False)),
    "a pickle": ("code executed", PLAN, lambda: pickle.loads(pickle.dumps(Pickled()))),
    "a bait that was only opened": ("code executed", PLAN, lambda: Path(f"{BAIT}.ini").read_bytes()),
    "a file that was run": ("code executed", PLAN, lambda: exec(compile("1", f"{os.getcwd()}/x.py", "exec"))),
}


def _spawned() -> None:
    import multiprocessing

    multiprocessing.get_context("spawn").Process(target=print).start()


def check(run: Harness, folder: Path) -> dict[str, tuple[str, str, str]]:
    """By each fault, the count that it must raise, the one that it does raise, and why. folder: where stores lie."""
    found = {}
    run.limit = SOON
    for name, (kind, line, fault) in FAULTS.items():
        outcome = run.line(line, instead=fault)
        found[name] = kind, outcome.kind, outcome.why
    truth = pickle.loads((folder / "plain" / "truth").read_bytes())
    for name, kind, spoil, fault in (
        ("a store as it was written", "accepted", None, lambda: None),
        ("a flipped bit that is told", "refused", "record-*.parquet", lambda: None),
        ("a replica that is left out", LOST, None, _forgets),
    ):
        lay_out, _ = stores.spoilt(folder / "plain", "clock", "0")
        run.lay_out(lay_out)
        if spoil:
            path = next((run.ground / "work").rglob(spoil))
            content = bytearray(path.read_bytes())
            content[len(content) // 2] ^= 1
            path.write_bytes(content)
        outcome = run.call(lambda fault=fault: (fault(), stores.loaded(truth, False)))
        found[name] = kind, outcome.kind, outcome.why
    return found
