"""Rounds of peers: fresh processes that take turns, and the check that all of them train the same thing."""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tests.perf.contest import Contestant, turns
from tests.perf.peers import OURS, PEERS
from tests.perf.problems import PROBLEMS, draw_batches, draw_start, problem_files, training_part

STEPS, FOLLOWED = 200, 2  # of the check, and how many replicas those follow who train them together
EARLY, KERAS = "float64, 2 steps", "float64, Keras' epsilon"
FORMS = {  # what Entrant.check is asked
    "float32": ("float32", False, STEPS),
    "float64": ("float64", False, STEPS),
    EARLY: ("float64", False, 2),
    KERAS: ("float64", True, STEPS),
}
NEAR, NEAR_EARLY = 1e-3, 1e-6  # how far the losses may be apart after it, and after the first two
ROOM = 2 * 2**30  # bytes of memory that a waiting peer is reckoned with


def write_start(path: Path, problem: str, replicas: int) -> None:
    """Writes the file that each Entrant reads. It is done in a process of its own: whoever starts them stays small."""
    writer = multiprocessing.get_context("spawn").Process(target=_write_start, args=(path, problem, replicas))
    writer.start()
    writer.join()
    if writer.exitcode:
        raise RuntimeError(f"the start of {problem} could not be drawn (exit code {writer.exitcode}).")


def _write_start(path, name, replicas):
    from runners.training import setup

    setup.start_tensorflow("cpu")
    problem = PROBLEMS[name]
    with problem_files() as files:
        size = len(training_part(problem, files)[0])
        start = draw_start(problem, files, max(replicas, FOLLOWED) if problem.hidden else FOLLOWED)
    np.savez(path, **start, batches=draw_batches(problem, size, FOLLOWED, STEPS + 1))


def entrant(peer: str, problem: str, start: Path, device: str) -> Contestant:
    """A peer in a fresh process, which sees a GPU only where it is to use one."""
    hidden = {"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"} if device == "cpu" else {}
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3"} | hidden
    return Contestant("tests.perf.peers.entrant:Entrant", peer, problem, str(start), device, environment=environment)


# The check


def check(names: Sequence[str], problem: str, start: Path, device: str) -> dict[str, dict]:
    """For each peer how far its loss is from ours after STEPS from the same start with the same batches.

    In float32 as it is timed; where that is apart, in float64; where that is too, in float64 for the first steps, and
    with Adam's epsilon as Keras has it.
    """
    ours: dict[str, list[float]] = {}
    with entrant(OURS, problem, start, device) as mine:

        def told(form: str) -> list[float]:
            if form not in ours:
                ours[form] = mine.ask("check", *FORMS[form])[1]
            return ours[form]

        found = {}
        for name in (n for n in names if n != OURS and problem in PEERS[n].problems):
            say(f"check of {name} on {problem}")
            losses: dict[str, list[float]] = {}
            apart: dict[str, float] = {}
            try:
                with entrant(name, problem, start, device) as one:
                    for form, words in FORMS.items():
                        losses[form] = one.ask("check", *words)[1]
                        apart[form] = distance(losses[form], told(form))
                        if apart[form] <= bound(form):
                            break
            except RuntimeError as error:
                found[name] = {"failed": last_line(error)}
                continue
            found[name] = {"steps": STEPS, "loss": losses, "difference": apart} | verdict(apart)
    return found | {OURS: {"steps": STEPS, "loss": ours, "difference": {}, "agrees": True}}


def bound(form: str) -> float:
    """How far the losses may be apart in this form."""
    return NEAR_EARLY if form == EARLY else NEAR


def distance(losses: Sequence[float], ours: Sequence[float]) -> float:
    """The largest difference of those replicas that both followed; infinite where a loss is not finite."""
    gaps = np.abs(np.subtract(losses, ours[: len(losses)]))
    return float(gaps.max()) if np.isfinite(gaps).all() else math.inf


def verdict(apart: Mapping[str, float]) -> dict:
    """Which form agrees to its bound, the problem's own first, and the reason where another had to be taken.

    apart: the distance in each form that was asked for, up to the first that agrees.
    """
    reasons = {
        "float32": "",
        "float64": "rounding to float32 turns signs, and from there on trainings part",
        EARLY: "Keras and tf.nn evaluate batch norm as h·s + (b − mean·s), whose rounding turns signs in float64 too",
        KERAS: "rounding to float32 may turn signs, and its Adam adds epsilon in another place than Keras'",
    }
    for form, reason in reasons.items():
        if apart.get(form, math.inf) <= bound(form):
            return {"agrees": True, "form": form, "reason": reason}
    return {"agrees": False, "form": min(apart, key=apart.get), "reason": "unexplained"}


# The rounds


def heats(names: Sequence[str], room: int | None = None) -> list[list[str]]:
    """Groups that fit into memory together, with ours in each, so that every ratio is of neighbours in time."""
    places = max(2, (room if room is not None else free_memory()) // ROOM)
    others = [name for name in names if name != OURS]
    groups = [others[at : at + places - 1] for at in range(0, len(others), places - 1)]
    return [[OURS, *group] for group in groups or [[]]]


def heat(
    names: Sequence[str],
    problem: str,
    replicas: Sequence[int],
    start: Path,
    device: str,
    seconds: float,
    even: bool,
    units: dict,
) -> tuple[list[dict], dict[str, str]]:
    """(measurements, errors by peer) of one heat. A measurement is of one peer at one number of replicas.

    All processes stand ready together. First, by rising numbers of replicas: everyone's first call, and a second one,
    by which `units`, {(problem, peer, replicas): units of training that a turn has}, is filled so that each lasts about
    `seconds`; then the turns.
    """
    entries = [(n, r) for r in sorted(replicas) for n in names if r == 1 or problem in PEERS[n].together]
    found, failed = {}, {}
    with contextlib.ExitStack() as stack:
        standing = {name: stack.enter_context(entrant(name, problem, start, device)) for name in names}

        def go(entry, work):
            name, count = entry
            if name in failed:
                return
            try:
                work(standing[name], entry, count)
            except RuntimeError as error:
                if name == OURS:
                    raise
                failed[name] = last_line(error)
                say(f"{name} failed on {problem}: {failed[name]}")

        def begin(one, entry, count):
            first, _ = one.ask("first", count)
            second, done = one.ask("train", 1)
            found[entry] = {"first_call_s": first, "compile_s": max(0.0, first - second)}
            found[entry] |= {"peak_memory_bytes": one.ask("peak")[1], "turns": []}
            if (problem, *entry) not in units:
                units[problem, *entry] = calibrate(one, second, seconds)
            found[entry]["steps"] = units[problem, *entry] * done // count

        def turn(one, entry, count):
            one.ask("take", count)
            took, done = one.ask("train", units[problem, *entry])
            found[entry]["turns"].append(done / took)

        for entry in entries:
            go(entry, begin)
        for entry in turns(entries, even):
            go(entry, turn)
    measured = [
        {"peer": name, "problem": problem, "replicas": count, "rate": statistics.geometric_mean(seen["turns"])} | seen
        for (name, count), seen in found.items()
        if name not in failed
    ]
    return measured, failed


def calibrate(one: Contestant, took: float, seconds: float) -> int:
    """How many units last about so many seconds, found by training longer and longer."""
    units = 1
    while took < seconds / 2:
        units = math.ceil(units * min(20, seconds / took))
        took, _ = one.ask("train", units)
    return units


def free_memory() -> int:
    """Bytes that new processes can have; plenty where the system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 2**40
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), 2**40)


def last_line(error: Exception) -> str:
    """What went wrong, without how it came to that."""
    return str(error).strip().splitlines()[-1]


def say(text: str) -> None:
    """A line of progress."""
    print(text, file=sys.stderr, flush=True)
