"""python -m tests.fuzz: command lines and stores at random, and how many of them were answered as they should be."""

from __future__ import annotations

import argparse
import json
import os
import pickle
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.fuzz import counts, grammar, ground, harness, planted, stores


def main() -> int:
    """The command. Exit codes: 0 every case was accepted or refused, 1 one was not."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--lines", type=int, default=500, help="command lines (default: 500)")
    parser.add_argument("--stores", type=int, default=60, help="spoilt stores (default: 60)")
    parser.add_argument("--seed", type=int, default=0, help="of the grammar and of what is spoilt (default: 0)")
    parser.add_argument("--limit", type=float, default=30, help="seconds after which a case hangs (default: 30)")
    parser.add_argument("--processes", type=int, default=1, help="cases at a time (default: 1)")
    parser.add_argument("--planted", action="store_true", help="also plant faults, and see that they are counted")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all that was found")
    parser.add_argument("--write", action="store_true", help="write the counts into docs/reliability.md")
    parser.add_argument("--ground", type=Path, metavar="FOLDER", help="only lay out what lines are typed in, and end")
    parser.add_argument("--store", metavar="NAME", help="with --ground: the spoilt store of this name, as it was told")
    options = parser.parse_args()
    started = time.monotonic()
    harness.preload()
    run = harness.Harness(ground.lay_out, options.limit)
    try:
        folder = run.folder / "stores"
        if options.stores or options.planted or options.store:
            stores.prepare(run, folder)
        if options.ground:
            return _laid_out(options, folder)
        cases = list(_cases(options))
        told = _side_by_side(cases, options, folder) if options.processes > 1 else _told(cases, run, folder)
        found = [(what, name, kind, why) for what, name, kind, why in told]
        faults = planted.check(run, folder) if options.planted else {}
    finally:
        run.close()
    by_what = {what: Counter(one[2] for one in found if one[0] == what) for what in ("lines", "stores")}
    print(counts.table(by_what))
    spent = sum(os.times()[:4])  # of this process and of all that it forked
    print(f"seed {options.seed}; {time.monotonic() - started:.0f} s, {spent:.0f} s of processors")
    if options.json:
        options.json.write_text(json.dumps({"counts": by_what, "found": found, "planted": faults}), encoding="utf-8")
    if options.write:
        counts.write(by_what, options.seed)
    return 0 if all(kind in harness.GOOD for _, _, kind, _ in found) else 1


def _cases(options) -> Iterator[tuple[str, object]]:
    for line in grammar.Grammar(options.seed).lines(options.lines):
        yield "lines", line
    for one in stores.kinds(options.stores, options.seed):
        yield "stores", one


def _told(cases: list, run: harness.Harness, folder: Path) -> list[tuple[str, str, str, str]]:
    """(lines or stores, the case, what became of it, why) of each; what is not as it should be is printed at once."""
    found, laid_out = [], False
    for what, case in cases:
        if what == "lines":
            if not laid_out:
                run.lay_out(ground.lay_out)
            laid_out = True
            outcome, name = run.line(case), str(case)
            kind = case.kind
        else:
            reading, outcome = stores.worst(stores.case(run, folder, *case))
            name, kind, laid_out = f"{' '.join(case)}: {reading}", case[0], False
        if outcome.kind not in harness.GOOD:
            print(f"{outcome.kind} ({kind}): {name!a}\n    {outcome.why[:300]!a}", flush=True)
        found.append((what, name, outcome.kind, outcome.why))
    return found


def _side_by_side(cases: list, options, folder: Path) -> list:
    """The same on several processors. Each process has a ground of its own."""
    pipes = []
    for share in range(options.processes):
        read, write = os.pipe()
        pid = os.fork()
        if not pid:
            run = harness.Harness(ground.lay_out, options.limit)
            try:
                content = pickle.dumps(_told(cases[share :: options.processes], run, folder))
            finally:
                run.close()
            sys.stdout.flush()
            with os.fdopen(write, "wb") as file:
                file.write(content)
            os._exit(0)
        os.close(write)
        pipes.append((read, pid))
    found = []
    for read, pid in pipes:
        with os.fdopen(read, "rb") as file:
            found += pickle.loads(file.read())
        os.waitpid(pid, 0)
    return found


def _laid_out(options, folder: Path) -> int:
    make: Callable[[Path], None] = ground.lay_out
    if options.store:
        kind, seed = options.store.split(":")[0].split()
        make, _ = stores.spoilt(folder / ("fast" if kind == "clock" else "plain"), kind, seed)
    for name in ("work", "home", "tmp"):
        (options.ground / name).mkdir(parents=True)
    make(options.ground.resolve())
    print(f"{options.ground / 'work'}: type the line there.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
