"""python -m tests.perf.check BASE: is this tree slower than that commit? Decided by both, run in turn on this machine.

BASE is checked out beside the working tree, with the environment of its own lock. Fresh processes run the benchmarks of
tests/perf of one and of the other in turn (ABBA), so that drift of the machine meets both, and each gives its median of
every benchmark. `verdict.py` has the rule that decides and its threshold, taken from what was measured. What it flags,
and what it could not judge, is measured again with twice the processes, and that decides. Counters are compared
exactly: one that rose is a finding without any statistics. Each tree runs its own benchmarks, which are compared by
name; where their code differs the table says so, since the ratio may then mean another thing.

Exit codes: 0 not slower, 2 a mistake in what was asked, 3 slower, or a counter rose, 4 the machine is not fit to judge.
--self-test asks the rule itself: how often does it call this tree slower than itself, as it is and made 20 % slower?
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from steeplechase.errors import UserError
from tests.perf import machine, trees, verdict
from tests.perf.trees import ROOT, Timing, Tree
from tests.perf.verdict import Machine

PROCESSES = 5  # of each side; fewer are a quick look
DELAY = 0.2  # of the self-test
SHORT = "tests/perf/test_speed.py::test_training[notebook-1]"  # its benchmark
TRIALS = 2000
WRONG, RIGHT = 0.05, 0.8  # the most false alarms and the least detections of a rule that can be used
Side = list[dict[str, Timing]]  # a side's processes


def main(words: Sequence[str] | None = None) -> int:
    """The command; returns the exit code."""
    options = _options(words)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what is temporary goes away
    try:
        found, code = self_test(options) if options.self_test else check(options)
    except UserError as mistake:
        print(f"steeplechase: {mistake}", file=sys.stderr)
        return 2
    except Unfit as reason:
        print(f"steeplechase: the machine is not fit to judge: {reason}.", file=sys.stderr)
        return 4
    except KeyboardInterrupt:
        print("steeplechase: interrupted, and nothing was decided.", file=sys.stderr)
        return 130
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return code


class Unfit(Exception):
    """Why this machine cannot judge now."""


def check(options: argparse.Namespace) -> tuple[dict, int]:
    """Compares the working tree with BASE, prints the table; returns (everything found, the exit code)."""
    commit = trees.resolve(options.base)
    fit_to_start()
    about = machine.describe(("tensorflow", "keras", "numpy", "pytest-benchmark"))
    with trees.checkout(commit) as path, _places(path, f"BASE ({commit[:7]})") as (base, ours):
        there, here = trees.names(base), trees.names(ours)
        both = [name for name in here if name in there]
        if not both:
            raise UserError(f"{base.name} has no benchmark that this tree has too: it has {', '.join(there[:3])} ….")
        for tree in (base, ours):
            trees.compile_python(tree, sorted(folder.name for folder in path.iterdir() if any(folder.glob("*.py"))))
        window = Window()
        sides = {"base": base, "ours": ours}
        first = interleave(sides, both, order(list(sides), options.processes))
        both = [name for name in both if all(name in process for side in first.values() for process in side)]
        rows = {name: row(base.path, name, first) for name in both}
        again = [name for name, found in rows.items() if found["judgement"].word in ("slower", "unfit")]
        if again and not verdict.unfit(window.state()):
            print(f"measuring again, with {2 * options.processes} processes each: {_short(again)}", file=sys.stderr)
            second = interleave(sides, again, order(list(sides), 2 * options.processes))
            rows |= {name: row(base.path, name, second) | {"first": rows[name]["seconds"]} for name in again}
    state = window.state()
    reasons = verdict.unfit(state)
    expected = verdict.false_alarms([_seconds(first, name) for name in rows])
    code = decide(rows, reasons)
    show(rows, commit, options.processes, expected, judged=not reasons)
    for side, names in (("BASE", set(there) - set(here)), ("this tree", set(here) - set(there))):
        if names:
            print(f"Only in {side}, and not compared: {_short(sorted(names))}.")
    if options.processes < PROCESSES:
        print(f"{options.processes} processes a side are a quick look; a verdict needs {PROCESSES}.")
    print(sentence(rows, reasons, code))
    cases = {name: found | {"judgement": asdict(found["judgement"])} for name, found in rows.items()}
    whole = {"base": commit, "processes": options.processes, "machine": about, "meanwhile": asdict(state)}
    return whole | {"expected_false_alarms": expected, "unfit": reasons, "exit_code": code, "cases": cases}, code


# Measuring


def order(sides: Sequence[str], processes: int) -> list[str]:
    """Whose turn it is: A B B A A B B A …, so many of each."""
    pairs = [sides if i % 2 == 0 else sides[::-1] for i in range(processes)]
    return [side for pair in pairs for side in pair]


def interleave(
    sides: Mapping[str, Tree], wanted: Sequence[str], turns: Sequence[str], environ: Mapping[str, Mapping] | None = None
) -> dict[str, Side]:
    """A fresh process of whichever side has its turn; environ: what is set for a side's."""
    found: dict[str, Side] = {side: [] for side in sides}
    for i, side in enumerate(turns):
        started = time.perf_counter()
        found[side].append(trees.measure(sides[side], wanted, (environ or {}).get(side)))
        took = time.perf_counter() - started
        print(f"process {i + 1} of {len(turns)}: {sides[side].name}, {took:.0f} s", file=sys.stderr, flush=True)
    return found


@contextlib.contextmanager
def _places(base: Path, name: str) -> Iterator[tuple[Tree, Tree]]:
    """BASE's tree and the working tree, each with its interpreter."""
    trees.need_benchmarks(base, name)
    with tempfile.TemporaryDirectory() as folder:
        one = Tree(base, name, trees.environment(base, name, Path(folder) / "base"))
        yield one, Tree(ROOT, "this tree", trees.environment(ROOT, "this tree", Path(folder) / "ours"))


class Window:
    """What else happened on the machine since it was made."""

    def __init__(self):
        self._watch, self._started, self._stolen = machine.Watch(), time.perf_counter(), _stolen()
        self._cores = os.cpu_count() or 1

    def state(self) -> Machine:
        """The machine over this time. The load average is left out: it is our own by then."""
        others, steal = self._watch.others(), None
        if self._stolen is not None:
            steal = (_stolen() - self._stolen) / (time.perf_counter() - self._started) / self._cores
        busy = None if others is None else max(0.0, others - (steal or 0.0))
        return Machine(self._cores, None, busy, steal, _free())


def fit_to_start():
    """Raises Unfit where this machine is too busy for a comparison."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    window = Window()
    time.sleep(3)
    seen = window.state()
    reasons = verdict.unfit(Machine(seen.cores, load, seen.busy, seen.steal, seen.free))
    if reasons:
        raise Unfit(" and ".join(reasons))


def _stolen():
    with contextlib.suppress(OSError, IndexError):
        return int(Path("/proc/stat").read_text(encoding="utf-8").split("\n", 1)[0].split()[8]) / os.sysconf(
            "SC_CLK_TCK"
        )
    return None


def _free():
    with contextlib.suppress(OSError):
        for line in Path("/proc/meminfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("MemAvailable:"):
                return 1024 * int(line.split()[1])
    return None


# Deciding


def row(base: Path, name: str, found: Mapping[str, Side]) -> dict:
    """What is known of one benchmark: the judgement, counters that differ, and what should be said of it."""
    one, other = ([process[name].counters for process in found[side]] for side in ("base", "ours"))
    remarks = []
    if trees.sources(base, name) != trees.sources(ROOT, name):
        remarks.append("the benchmark's own code differs")
    if any(one) != any(other):
        remarks.append(f"no counters in {'this tree' if any(one) else 'BASE'}")
    unsettled = sorted({*verdict.unsettled(one), *verdict.unsettled(other)})
    if unsettled:
        remarks.append(f"not the same in all processes, so not compared: {', '.join(unsettled)}")
    seconds = _seconds(found, name)
    return {
        "seconds": dict(zip(found, seconds, strict=True)),
        "judgement": verdict.judge(*seconds),
        "base": float(np.median(seconds[0])),
        "ours": float(np.median(seconds[1])),
        "counters": verdict.differing(one, other),
        "remarks": remarks,
    }


def decide(rows: Mapping[str, dict], reasons: Sequence[str]) -> int:
    """The exit code. Counters count on any machine; times only where nothing speaks against it."""
    if any(ours > base for found in rows.values() for base, ours in found["counters"].values()):
        return 3
    words = {found["judgement"].word for found in rows.values()}
    if reasons:
        return 4
    return 3 if "slower" in words else 4 if "unfit" in words else 0


def sentence(rows: Mapping[str, dict], reasons: Sequence[str], code: int) -> str:
    """The verdict for people."""
    slower = [name for name, found in rows.items() if found["judgement"].word == "slower"]
    wide = [name for name, found in rows.items() if found["judgement"].word == "unfit"]
    risen = [name for name, found in rows.items() if any(b > a for a, b in found["counters"].values())]
    said = [f"counters rose: {_short(risen)}"] * bool(risen)
    if reasons:
        said.append(f"the machine was not fit to judge times: {' and '.join(reasons)}")
    else:
        said += [f"slower: {_short(slower)}"] * bool(slower)
        said += [f"the machine is not fit to judge {_short(wide)}: its own runs differ too much"] * bool(wide)
    text = "; ".join(said) or "not slower"
    return f"{text[0].upper()}{text[1:]}. Exit code {code}."


def show(rows: Mapping[str, dict], commit: str, processes: int, expected: float, judged: bool) -> None:
    """Prints the table. judged: whether the machine was fit to judge times."""
    columns = ("benchmark", "BASE", "this tree", "ratio", "of minima", "threshold", "verdict", "counters and remarks")
    cells = []
    for name, found in rows.items():
        seen, times = found["judgement"], [f"{found[side]:.3g} s" for side in ("base", "ours")]
        counters = [f"{key} {a:,} → {b:,}" for key, (a, b) in found["counters"].items()]
        word = ("not judged" if seen.word == "unfit" or not judged else seen.word) + " (measured again)" * (
            "first" in found
        )
        ratios = f"{seen.ratio:.3f}", f"{seen.least:.3f}", f"{1 + seen.threshold:.3f}"
        cells.append((_short([name]), *times, *ratios, word, "; ".join([*counters, *found["remarks"]])))
    caption = (
        f"Medians and minima over {processes} fresh processes a side in turn, {2 * processes} where measured again. "
        "Slower: ratio beyond the threshold, and ratio of minima beyond half of it. Had nothing changed, "
        f"{expected:.3f} of the {len(rows)} would be expected to be called slower."
    )
    _table(f"this tree against {commit[:7]}", columns, cells, caption)


# Does the rule see what it should?


def self_test(options: argparse.Namespace) -> tuple[dict, int]:
    """This tree against itself, as it is and really slowed down; prints how often the rule calls it slower."""
    fit_to_start()
    n = options.processes  # 2n against 2n of the same pool are the most that is drawn, so that holds 4n
    window = Window()
    with _places(ROOT, "this tree, as it is") as (plain, same):
        slow = Tree(same.path, f"this tree, {DELAY:.0%} slower", same.python)
        environ = {"slow": {"STEEPLECHASE_DELAY": str(DELAY)}}
        found = interleave({"plain": plain, "slow": slow}, [SHORT], [*["plain", "slow"] * 3, "plain"] * n, environ)
    pools = {side: np.log([process[SHORT].seconds for process in found[side]]) for side in found}
    shares = {
        "nothing": verdict.called(draws(pools["plain"], pools["plain"], options.trials), n),
        f"{DELAY:.0%} delay": verdict.called(draws(pools["plain"], pools["slow"], options.trials), n),
    }
    cells = [
        (name, *(f"{s[key]:.1%}" for key in ("slower", "flagged", "unfit")), f"{s['threshold']:.1%}")
        for name, s in shares.items()
    ]
    ratio = float(np.exp(np.median(pools["slow"]) - np.median(pools["plain"])))
    caption = (
        f"{_short([SHORT])}: {4 * n} fresh processes as it is and {3 * n} with the delay, in turn; ratio of medians "
        f"{ratio:.3f}. {options.trials:,} draws of {n} + {n} of them, and of {2 * n} + {2 * n} where flagged."
    )
    columns = ("injected", "called slower", "flagged at first", "not judged", "threshold (median)")
    _table("how often this tree is called slower than itself", columns, cells, caption)
    false, right = (s["slower"] for s in shares.values())
    state = window.state()
    reasons = verdict.unfit(state)
    usable = not reasons and false <= WRONG and right >= RIGHT
    said = f"not fit to judge: {' and '.join(reasons)}" if reasons else "not fit to judge by this rule"
    print(f"The machine is {'fit to judge' if usable else said}. Exit code {0 if usable else 4}.")
    seconds = {side: [process[SHORT].seconds for process in found[side]] for side in found}
    whole = {"processes": n, "trials": options.trials, "benchmark": SHORT, "seconds": seconds, "shares": shares}
    return whole | {"meanwhile": asdict(state), "unfit": reasons}, 0 if usable else 4


def draws(base: np.ndarray, ours: np.ndarray, trials: int):
    """What `verdict.called` asks: so many processes of each side, drawn without replacement, disjoint if one pool."""
    random = np.random.default_rng(0)

    def draw(k):
        picks = np.argsort(random.random((trials, len(base))), 1)
        if ours is base:
            return base[picks[:, :k]], base[picks[:, k : 2 * k]]
        return base[picks[:, :k]], ours[np.argsort(random.random((trials, len(ours))), 1)[:, :k]]

    return draw


# Small things


def _options(words):
    parser = argparse.ArgumentParser(prog="python -m tests.perf.check", description=__doc__.partition(": ")[2])
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("base", nargs="?", default="", metavar="BASE", help="a commit, a branch or a tag")
    parser.add_argument("--processes", type=int, default=PROCESSES, help=f"of each side (default: {PROCESSES})")
    parser.add_argument("--json", type=Path, help="also write all numbers to this file")
    parser.add_argument("--self-test", action="store_true", help="how often the rule errs on this machine")
    parser.add_argument("--trials", type=int, default=TRIALS, help=f"draws of the self-test (default: {TRIALS})")
    parser.error = lambda message: sys.exit(_mistaken(message))
    options = parser.parse_args(words)
    if options.processes < 2:
        parser.error(f"--processes is {options.processes}, but one process says nothing about noise; take 2 or more.")
    if options.json and not options.json.parent.is_dir():
        parser.error(f"--json is '{options.json}', but its folder does not exist.")
    if options.trials < 1:
        parser.error(f"--trials is {options.trials}, but must be at least 1.")
    return options


def _mistaken(message):
    print(f"steeplechase: {message}", file=sys.stderr)
    return 2


def _seconds(found, name):
    return tuple([process[name].seconds for process in side] for side in found.values())


def _short(names):
    return ", ".join(name.rpartition("::")[2].removeprefix("test_") for name in names)


def _table(title, columns, rows, caption):
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, caption=caption, caption_justify="left")
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i in (0, len(columns) - 1) else "right")
    for cells in rows:
        table.add_row(*cells)
    Console(width=None if sys.stdout.isatty() else 150, markup=False).print(table)


if __name__ == "__main__":
    sys.exit(main())
