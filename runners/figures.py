"""python -m runners.figures: tables and figures of what a sweep planned, from records alone. No TensorFlow."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from rich.console import Console

from results import style, tables
from results.schema import RecordError
from results.store import Plan, Store, StoreError, load
from runners import identity, pages
from runners.config import Run
from runners.mistake import Mistake, nearest


def draw(console: Console, store: Store, plan: Plan) -> list[Path]:
    """Prints the plan's tables, draws its figures, and says where they lie; returns their files.

    Raises RecordError for an incomplete or damaged table, naming what is missing.
    """
    table, folder = load(store, plan), store.root / "output" / plan.name
    written: list[Path] = []
    for name in plan.tables:
        written += tables.TABLES[name](table, folder, console)
    for name in plan.figures:
        figure = importlib.import_module(f"results.figures.{name}").draw(table)
        written += style.save(figure, folder, name)
    if written:
        console.print(f"Tables and figures: {', '.join(sorted({str(path.with_suffix('.*')) for path in written}))}")
    return written


def check_names(wanted_figures: list[str], wanted_tables: list[str]) -> None:
    """Raises Mistake for a figure or a table that there is not."""
    drawn = [path.stem for path in (Path(style.__file__).parent / "figures").glob("*.py") if path.stem != "__init__"]
    for kind, names, known in (("figure", wanted_figures, drawn), ("table", wanted_tables, list(tables.TABLES))):
        for name in names:
            if name not in known:
                raise Mistake(
                    f"there is no {kind} '{name}'{nearest(name, known)} Known are: {', '.join(sorted(known))}."
                )


def check_fresh(plan: Plan) -> None:
    """Raises Mistake where the code that made the plan's records has changed since."""
    for entry in plan.runs:
        run = Run(entry["configuration"], (), {}, "", 0.0)
        fingerprint, covers = identity.fingerprint(run)
        if fingerprint != entry["fingerprint"]:
            reason = identity.changed(entry["sources"], covers)
            raise Mistake(
                f"the records of {plan.name} are stale ({reason}): run `{plan.command}` again, or give --stale."
            )


def main(arguments: list[str] | None = None) -> int:
    """The command. Exit codes: 0 drawn, 1 records missing, damaged or stale, 2 a mistake in the command."""
    parser = argparse.ArgumentParser(prog="python -m runners.figures", description=__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="a plan: an experiment's name, or as the sweep said; or estimator.file=PATH, where a plan needs it",
    )
    parser.add_argument("--store", default="results", help="where the records are (default: results)")
    parser.add_argument("--stale", action="store_true", help="draw records that older code made, too")
    options = parser.parse_intermixed_args(arguments)
    try:
        options.names = pages.name_files(options.names)
    except Mistake as mistake:
        return _complain(str(mistake), 2)
    store = Store(options.store)
    known = store.plans()
    if not known:
        return _complain(f"there is no plan in {store.root} yet; `python -m runners.sweep` makes one.", 1)
    for name in options.names:
        if name not in known:
            return _complain(
                f"there is no plan '{name}' in {store.root}{nearest(name, known)} Known are: {', '.join(known)}.", 2
            )
    failed = 0
    for name in options.names or known:  # one plan that cannot be drawn does not keep the others back
        try:
            plan = store.plan(name)
            if not options.stale:
                check_fresh(plan)
            draw(Console(), store, plan)
        except (RecordError, StoreError, Mistake) as error:
            failed = _complain(str(error), 1)
    return failed


def _complain(text: str, code: int) -> int:
    print(f"steeplechase: {text}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
