"""python -m tests.perf.peers: this project beside Keras, TensorFlow, PyTorch and JAX on the same trainings, in one run.

Exit codes: 0 everyone who is installed was measured and trains the same thing; 1 a peer failed, or its check did.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.perf import limits, machine, problems
from tests.perf.peers import OURS, PEERS, missing, race, rows
from tests.perf.problems import PROBLEMS

PACKAGES = ("tensorflow", "keras", "numpy", "torch", "jax", "jaxlib", "optax")


def main(words: Sequence[str] | None = None) -> int:
    """The command."""
    options = _options(words)
    absent = missing(options.peers)
    if absent and absent[0]["peer"] == OURS:
        print(f"{', '.join(absent[0]['packages'])} is not installed: run `make setup`.", file=sys.stderr)
        return 2
    here = machine.describe(PACKAGES, options.device)
    found = measure(options, [n for n in options.peers if n not in {entry["peer"] for entry in absent}])
    here["others"] = found.pop("others")
    whole = {
        "machine": here,
        "data": problems.data_name(),
        "processes": options.processes,
        "seconds": options.seconds,
        **found,
        "missing": absent,
    }
    show(whole)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if options.figure:
        from results.drawing import style
        from tests.perf import figures

        drawn = {options.figure.name: figures.peers(whole)}
        if whole.get("floors"):
            drawn["roofline"] = figures.roofline(whole)
        for name, figure in drawn.items():
            for path in style.save(figure, options.figure.parent, name):
                race.say(f"wrote {path}")
    wrong = [row for row in whole["rows"] if row["check"] and not row["check"].get("agrees", False)]
    return 1 if wrong or whole["failed"] else 0


def measure(options, names: Sequence[str]) -> dict:
    """The rows, who failed, and how much of the machine others used."""
    watch, measured, checks, failed, units, bounds = machine.Watch(), [], {}, {}, {}, []
    with tempfile.TemporaryDirectory() as folder:
        starts = {name: Path(folder) / f"{name}.npz" for name in options.problems}
        for name, counts in options.problems.items():
            race.say(f"the start of {name}")
            race.write_start(starts[name], name, max(counts))
            if options.check:
                checks[name] = race.check(names, name, starts[name], options.device)
        for i in range(options.processes):
            if options.limits:
                race.say(f"round {i + 1} of {options.processes}: the machine's limits")
                bounds.append(limits.measure(list(options.problems), machine.cores(), options.device))
            for name, counts in options.problems.items():
                here = [n for n in names if name in PEERS[n].problems and (n, name) not in failed]
                for j, group in enumerate(race.heats(here)):
                    race.say(f"round {i + 1} of {options.processes}: {name}, {', '.join(group)}")
                    seen, errors = race.heat(
                        group, name, counts, starts[name], options.device, options.seconds, i % 2 == 0, units
                    )
                    measured += [m | {"round": i, "heat": j} for m in seen]
                    failed |= {(n, name): error for n, error in errors.items()}
    table = rows.table_rows(measured, checks, options.problems)
    return {
        "rows": table,
        "limits": limits.medians(bounds),
        "floors": limits.shares(bounds, table) if bounds else [],
        "failed": [
            {"peer": peer, "label": PEERS[peer].label, "problem": name, "error": error}
            for (peer, name), error in failed.items()
        ],
        "others": watch.others(),
    }


def show(whole: Mapping) -> None:
    """Prints a table a problem, everyone who is missing or failed included."""
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else 180)
    shown = list(dict.fromkeys([r["problem"] for r in whole["rows"]] + [f["problem"] for f in whole["failed"]]))
    for problem in shown:
        table = Table(title=f"{problem} ({PROBLEMS[problem].label})", title_justify="left")
        for column in rows.COLUMNS:
            table.add_column(column, justify="left" if column in ("peer", rows.COLUMNS[-1]) else "right")
        for row in (r for r in whole["rows"] if r["problem"] == problem):
            table.add_row(*rows.cells(row), style="bold" if row["peer"] == OURS else "")
        for entry in (f for f in whole["failed"] if f["problem"] == problem):
            table.add_row(*rows.failed_cells(entry))
        for entry in (m for m in whole["missing"] if problem in PEERS[m["peer"]].problems):
            table.add_row(*rows.missing_cells(entry))
        console.print(table)
    if whole.get("floors"):
        table = Table(title="How near this project is to the machine's limit", title_justify="left")
        for column in rows.FLOOR_COLUMNS:
            table.add_column(column, justify="left" if column == "problem" else "right")
        for entry in whole["floors"]:
            table.add_row(*rows.floor_cells(entry))
        console.print(table)
    here = whole["machine"]
    console.print(
        f"{whole['data']}, batch {problems.BATCH}, Adam, float32. Medians over {whole['processes']} rounds of fresh "
        "processes with 95 % t intervals on logarithms. A first call builds, compiles and trains one unit; what it "
        "took more than the second one is put down as compiling; this project compiles once for any number. "
        "One by one: trained one after another, with the rate of one replica in the same round. Peak memory: of the "
        "process until the first calls at that number of replicas, which rise. Loss after 200 steps: its largest "
        "difference from ours from the same start with the same batches."
        + " Floor: the larger of the matrix products at the machine's best rates and the bytes at its bandwidth, both "
        "measured in each round." * bool(whole.get("floors"))
    )
    console.print(f"{here['cpu']}, {here['cores']} cores, {here['gpu'] or 'no GPU used'}, {here['date']}.")
    if words := machine.load_words(here["load"], here["others"]):
        console.print(words)


def _options(words):
    parser = argparse.ArgumentParser(prog="python -m tests.perf.peers", description=__doc__.partition(": ")[2])
    parser.add_argument("--peers", default=",".join(PEERS), help="names with commas (default: %(default)s)")
    parser.add_argument("--problems", default=",".join(PROBLEMS), help="names with commas (default: %(default)s)")
    parser.add_argument("--replicas", help="only these numbers, with commas; 1 is always measured")
    parser.add_argument("--processes", type=int, default=3, help="rounds, each with fresh processes (default: 3)")
    parser.add_argument("--seconds", type=float, default=1.0, help="how long a turn lasts, about (default: 1)")
    parser.add_argument("--check", action=argparse.BooleanOptionalAction, default=True, help="compare losses first")
    parser.add_argument("--limits", action=argparse.BooleanOptionalAction, default=True, help="measure the machine too")
    parser.add_argument("--json", type=Path, help="also write all numbers to this file")
    parser.add_argument("--figure", type=Path, metavar="STEM", help="also draw STEM.*, and roofline.* beside it")
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu")
    options = parser.parse_args(words)
    options.peers = _chosen(parser, "--peers", options.peers, PEERS, always=OURS)
    asked = _chosen(parser, "--problems", options.problems, PROBLEMS)
    counts = None
    if options.replicas:
        if not all(word.isdecimal() and int(word) for word in options.replicas.split(",")):
            parser.error(f"--replicas is {options.replicas}, but must be whole numbers from 1 on, with commas")
        counts = {1, *map(int, options.replicas.split(","))}
    options.problems = {name: tuple(sorted(counts or PROBLEMS[name].replicas)) for name in asked}
    if options.processes < 1:
        parser.error(f"--processes is {options.processes}, but must be at least 1")
    if not options.seconds > 0:
        parser.error(f"--seconds is {options.seconds:g}, but must be above 0")
    return options


def _chosen(parser, option, text, known, always=None):
    asked = text.split(",")
    if unknown := [name for name in asked if name not in known]:
        parser.error(f"{option} names {unknown[0]!r}, but known are: {', '.join(known)}")
    return [name for name in known if name in asked or name == always]


if __name__ == "__main__":
    sys.exit(main())
