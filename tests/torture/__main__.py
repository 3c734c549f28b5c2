"""python -m tests.torture: injects faults into a sweep, and prints what became of each kind (make torture)."""

from __future__ import annotations

import argparse
import os
import platform
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from tests.oracles.command import ROOT
from tests.torture.trial import Fault, Reference, Verdict, attempt, reference

PAGE = ROOT / "docs" / "reliability.md"
MARKS = ("<!-- made by python -m tests.torture --write -->", "<!-- until here -->")
HARMS = ("killed", "full", "full once", "read-only")


def kinds(whole: Reference) -> dict[str, Iterator[Fault]]:
    """The kinds of faults, each an endless row of them.

    Args:
        whole: an undisturbed sweep, whose operations are those that harm is done at.
    """
    spots: dict[tuple[str, str], list[dict]] = {}
    for own in whole.operations:
        spots.setdefault((own["role"], own["phase"]), []).append(own)

    def at_random(rng: random.Random, **what) -> Iterator[Fault]:
        while True:
            yield Fault(at=rng.uniform(0.02, 0.98), seed=rng.randrange(2**32), **what)

    def at_spots(rng: random.Random, kind: str, harm: str, own: list[dict]) -> Iterator[Fault]:
        while True:
            yield Fault(kind, operation={**rng.choice(own), "harm": harm}, seed=rng.randrange(2**32))

    def row(kind: str, **what) -> None:
        found[kind] = at_random(random.Random(kind), kind=kind, **what)

    found: dict[str, Iterator[Fault]] = {}
    row("command killed", sent=signal.SIGKILL)
    row("all processes killed", sent=signal.SIGKILL, group=True)
    row("all processes killed, joblib", sent=signal.SIGKILL, group=True, joblib=True)
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        row(f"{name} to the command", sent=getattr(signal, name))
    for how in ("cut short", "a bit flipped", "removed"):
        row(f"killed, then a file {how}", sent=signal.SIGKILL, group=True, files=how)
    if shutil.which("faketime"):
        row("killed, then the clock set back by a day", sent=signal.SIGKILL, group=True, clock=86400.0)
    for (role, phase), own in sorted(spots.items()):
        for harm in HARMS:
            kind = f"{role} {harm} at {phase}" if harm == "killed" else f"disk {harm} at {phase} of the {role}"
            found[kind] = at_spots(random.Random(kind), kind, harm, own)
        if role == "trainer":
            kind = f"trainer stopped for ever at {phase}"
            found[kind] = at_spots(random.Random(kind), kind, "stopped", own)
    return found


def main() -> int:
    """The command. Exit codes: 0 all survived, 1 something was lost, doubled or stale, or did not end well."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--faults", type=int, default=440, help="how many hit (default: 440)")
    parser.add_argument("--seconds", type=float, default=6900.0, help="after which no more are begun (default: 6900)")
    parser.add_argument("--jobs", type=int, default=2, help="trials at a time (default: 2)")
    parser.add_argument("--only", default="", help="kinds in whose name this is found")
    parser.add_argument("--after", type=Path, help="what a run of the same commit printed that was ended: it counts")
    parser.add_argument("--write", action="store_true", help=f"write the table into {PAGE.relative_to(ROOT)}")
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has it ignored by what it runs in the background
    started, verdicts = time.monotonic(), _before(options.after) if options.after else []
    with tempfile.TemporaryDirectory() as folder:
        whole = reference(Path(folder))
    every = kinds(whole)
    for tried in (one.fault.kind for one in verdicts):
        next(every[tried])
    rows = {kind: faults for kind, faults in every.items() if options.only in kind}
    print(f"An undisturbed sweep takes {whole.seconds:.1f} s; {len(rows)} kinds of faults.", flush=True)

    def ahead() -> Iterator[Fault]:
        while sum(one.hit for one in verdicts) < options.faults and time.monotonic() - started < options.seconds:
            yield from (next(faults) for faults in rows.values())

    with ThreadPoolExecutor(options.jobs) as pool:
        coming, waiting = ahead(), set()
        while True:
            while len(waiting) < options.jobs and sum(one.hit for one in verdicts) + len(waiting) < options.faults:
                fault = next(coming, None)
                if fault is None or time.monotonic() - started > options.seconds:
                    break
                waiting.add(pool.submit(attempt, fault, whole))
            if not waiting:
                break
            done = next(as_completed(waiting))
            waiting.remove(done)
            verdicts.append(done.result())
            _tell(verdicts[-1], sum(one.hit for one in verdicts), options.faults)
    table = _table(verdicts)
    print(table.to_markdown(index=False))
    print(f"{_sentence(verdicts)} {time.monotonic() - started:.0f} s.")
    if options.write:
        _write(table, verdicts)
    return 0 if all(one.survived for one in verdicts) else 1


def _before(path: Path) -> list[Verdict]:
    """The verdicts that another run has printed. Only those that survived can be taken over.

    Raises:
        ValueError: for a line that says anything else.
    """
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        said = re.fullmatch(r"\d+/\d+ (?P<kind>.*): (?P<word>.*)", line)
        if said and said["word"] not in ("survived", "was over before"):
            raise ValueError(f"{path} says: {line}")
        if said:
            found.append(Verdict(Fault(said["kind"]), hit=said["word"] == "survived"))
    return found


def _tell(verdict: Verdict, hits: int, of: int) -> None:
    word = "survived" if verdict.survived else f"NOT SURVIVED ({verdict})"
    print(f"{hits}/{of} {verdict.fault.kind}: {word if verdict.hit else 'was over before'}", flush=True)


def _table(verdicts: list[Verdict]) -> pd.DataFrame:
    """What became of each kind of fault, of those that hit."""
    rows: dict[str, dict[str, int]] = {}
    for one in (one for one in verdicts if one.hit):
        row = rows.setdefault(one.fault.kind, dict.fromkeys(("faults", "survived", "lost", "doubled", "stale"), 0))
        row["faults"] += 1
        row["survived"] += one.survived
        for word in ("lost", "doubled", "stale"):
            row[word] += getattr(one, word)
    table = pd.DataFrame.from_dict(rows, orient="index").sort_index()
    table.loc["all"] = table.sum()
    return table.rename_axis("fault").reset_index()


def _sentence(verdicts: list[Verdict]) -> str:
    hit = [one for one in verdicts if one.hit]
    said = [f"{sum(getattr(one, word) for one in hit)} {word}" for word in ("lost", "doubled", "stale")]
    return f"{len(hit)} faults, {sum(one.survived for one in hit)} survived: replicas {', '.join(said)}."


def _write(table: pd.DataFrame, verdicts: list[Verdict]) -> None:
    """Writes the table between the marks of the page, with the machine, the date and the commit."""
    line = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(line, cwd=ROOT, capture_output=True, check=True, encoding="utf-8").stdout.strip()
    about = f"{os.cpu_count()} cores of {platform.machine()}, Linux {platform.release()}, Python "
    about += f"{platform.python_version()}, {datetime.now(UTC):%d %B %Y}, commit {commit}"
    text = f"{MARKS[0]}\n\n{_sentence(verdicts)} ({about})\n\n{table.to_markdown(index=False)}\n\n{MARKS[1]}"
    page = PAGE.read_text(encoding="utf-8")
    pattern = re.compile(f"{re.escape(MARKS[0])}.*{re.escape(MARKS[1])}", re.DOTALL)
    PAGE.write_text(pattern.sub(lambda _: text, page), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
