"""python -m runners.report: one self-contained HTML file of what sweeps planned and found. No TensorFlow."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from results import wording
from results.records import frozen
from results.records.plan import Plan
from results.records.reading import load
from results.records.store import DEFAULT, Store
from results.report.sections import Reported, write
from runners import command
from runners.configuration import named_files
from runners.execution import freshness
from runners.execution.provenance import commit
from steeplechase.errors import RecordError, StoreError, UserError, did_you_mean


@command.one_sentence
def main(arguments: list[str] | None = None) -> int:
    """The command.

    Returns:
        The exit code: 0 written and whole, 1 written, but something is missing, damaged or stale (or nothing could be
        written), 2 a mistake in the command.
    """
    parser = command.Parser(prog="python -m runners.report", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="a plan (default: every plan of the store)")
    parser.add_argument("--store", default=DEFAULT, help=f"where the records are (default: {DEFAULT})")
    parser.add_argument("--stale", action="store_true", help="report records that older code made, too")
    parser.add_argument(
        "--frozen", type=Path, nargs="?", const=True, metavar="FOLDER", help="report frozen tables instead"
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="(default: STORE/output/report.html)")
    options = parser.parse_intermixed_args(arguments)
    store = Store(options.store)
    try:
        options.names = named_files.name_files(options.names)
        if options.frozen is None:
            reported, faults = _recorded(options, store)
        else:
            folder = frozen.chosen(store.root) if options.frozen is True else options.frozen
            reported, faults = _frozen(options, folder)
    except (RecordError, StoreError) as error:
        return command.fail(str(error), 1)
    for fault in faults:
        command.say(fault)
    if not reported:
        return 1
    path = options.output or store.root / "output" / "report.html"
    try:
        unmade = write(reported, path, lambda text: print(text, file=sys.stderr, flush=True), commit())
    except StoreError as error:
        return command.fail(str(error), 1)
    places: dict[str, list[str]] = {}
    for sentence in unmade:  # many figures often fail of one thing
        place, _, fault = sentence.partition(": ")
        places.setdefault(fault, []).append(place)
    for fault, own in places.items():
        more = f" and {len(own) - 3} more" if len(own) > 3 else ""
        command.say(f"{'; '.join(own[:3])}{more}: {fault}")
    faults += unmade
    for one in reported:
        lacking = sum(one.results.missing.values())
        if lacking or one.results.rows.empty:
            what = f"lacks {wording.count(lacking, 'replica')}" if lacking else "has no records"
            faults.append(f"{one.name} {what}, and the report says so.")
            command.say(faults[-1])
    print(f"Report: {path} ({path.stat().st_size / 2**20:.1f} MiB)")
    return 1 if faults else 0


def _recorded(options: argparse.Namespace, store: Store) -> tuple[list[Reported], list[str]]:
    """What the store has of these plans, and what is wrong with others. Raises UserError and StoreError."""
    found, faults, known = [], [], store.plans()
    if not known:
        raise StoreError(f"there is no plan in {store.root} yet; `python -m runners.sweep` makes one.")
    for name in options.names:
        if name not in known:
            raise UserError(
                f"there is no plan '{name}' in {store.root}{did_you_mean(name, known)} Known are: {', '.join(known)}."
            )
    for name in options.names or known:
        try:
            plan: Plan = store.plan(name)
            if not options.stale:
                freshness.check_fresh(plan)
            results = load(store, plan)
        except UserError as error:
            faults.append(str(error))
            continue
        found.append(Reported(plan.name, plan.command, results, plan.tables, plan.figures, plan.runs))
    return found, faults


def _frozen(options: argparse.Namespace, folder: Path) -> tuple[list[Reported], list[str]]:
    """The frozen tables of these names, or all, and what is wrong with others. Raises RecordError and UserError."""
    known = {path.stem: path for path in sorted(folder.glob("*.parquet"))}
    if not known:
        raise RecordError(f"there is no frozen table in {folder}.")
    for name in options.names:
        if name not in known:
            raise UserError(
                f"there is no frozen table '{name}'{did_you_mean(name, known)} Known are: {', '.join(known)}."
            )
    found, faults = [], []
    for name in options.names or known:
        try:
            results, about = frozen.read(known[name])
        except (RecordError, StoreError) as error:
            faults.append(str(error))
            continue
        plan = about["plan"]
        found.append(Reported(name, plan["command"], results, tuple(plan["tables"]), tuple(plan["figures"])))
    return found, faults


if __name__ == "__main__":
    command.run(main)
