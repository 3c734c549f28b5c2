"""python -m runners.records: which sweeps a store holds; shows, exports and removes them. No TensorFlow."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from results import wording
from results.records import inventory, merging
from results.records.reading import load
from results.records.store import DEFAULT, Store
from results.tables import printing
from runners import command
from steeplechase.errors import RecordError, StoreError


@command.one_sentence
def main(arguments: list[str] | None = None) -> int:
    """The command. Exit codes: 0 done, 1 nothing was done, and why, 2 a mistake in the command."""
    parser = command.Parser(prog="python -m runners.records", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="a plan, or a pattern such as 'none-*'")
    parser.add_argument("--store", default=DEFAULT, help=f"where the records are (default: {DEFAULT})")
    parser.add_argument("--export", type=Path, metavar="FILE", help="the rows of one plan, as .csv or .parquet")
    parser.add_argument(
        "--remove", action="store_true", help="the plans, their output, and the records that no other plan wants"
    )
    parser.add_argument(
        "--unwanted", action="store_true", help="the records that no plan wants, as those of older code"
    )
    parser.add_argument(
        "--tidy", action="store_true", help="remove what killed processes have left half written, and nobody asks for"
    )
    parser.add_argument(
        "--merge", type=Path, metavar="OTHER", help="take over what another store has, and this has not"
    )
    parser.add_argument("--yes", action="store_true", help="remove without asking")
    options = parser.parse_args(arguments)
    if options.export and (options.remove or options.export.suffix not in (".csv", ".parquet")):
        return command.fail("--export takes FILE.csv or FILE.parquet, and removes nothing.", 2)
    if options.remove and bool(options.names) == options.unwanted:
        return command.fail("--remove needs the NAME of a plan, or --unwanted in its place.", 2)
    others = options.names or options.remove or options.unwanted or options.export
    if (options.tidy and (others or options.merge)) or (options.merge and others):
        flag = "--tidy" if options.tidy else "--merge"
        return command.fail(f"{flag} goes through the whole store: leave out all else but --store and --yes.", 2)
    store = Store(options.store)
    try:
        if options.remove:
            return _remove(store, options)
        if options.tidy:
            return _tidy(store, options.yes)
        if options.merge:
            return _merge(store, options.merge)
        names = inventory.named(store, options.names) if options.names else store.plans()
        if options.export:
            return _export(store, names, options.export)
        if options.unwanted:
            for folder in inventory.unwanted(store):
                print(folder)
            return 0
        if not names:
            return command.fail(f"there is no plan in {store.root} yet; `python -m runners.sweep` makes one.", 1)
        found = inventory.sweeps(store, names)
        odd = [why for name, why in inventory.unreadable(store).items() if name in names]
    except (RecordError, OSError) as error:
        return command.fail(error, 1)
    console = Console(width=None if sys.stdout.isatty() else 140)
    console.print(_listed(found))
    for sweep in found if options.names else ():
        console.print(f"\n{escape(sweep.plan.name)}: {escape(sweep.plan.command)}", soft_wrap=True)
        console.print(_runs(sweep))
    for why in odd:
        command.say(why)
    return 1 if odd else 0


def _listed(sweeps: list[inventory.Sweep]) -> Table:
    table = Table("plan", "written", box=SIMPLE, show_edge=False)
    for column in ("runs", "replicas", "recorded", "declined", "size"):
        table.add_column(column, justify="right")
    for sweep in sweeps:
        plan = sweep.plan
        numbers = len(plan.runs), plan.replicas, sweep.recorded, len(plan.declined)
        written = plan.written[:16].replace("T", " ")
        table.add_row(escape(plan.name), written, *(f"{number:,}" for number in numbers), _size(sweep.size))
    return table


def _runs(sweep: inventory.Sweep) -> Table:
    table = Table("run", box=SIMPLE, show_edge=False)
    for column in ("replicas", "recorded", "size"):
        table.add_column(column, justify="right")
    table.add_column("newest")
    table.add_column("also of", overflow="fold")
    for own in sweep.records:
        counts = f"{own.planned:,}", f"{own.recorded:,}", _size(own.size)
        table.add_row(own.run, *counts, own.ended, escape(", ".join(own.others)))
    return table


def _size(size: int) -> str:
    return f"{size / 2**20:.1f} MiB" if size >= 2**20 else f"{size / 2**10:.1f} KiB"


def _export(store: Store, names: list[str], path: Path) -> int:
    """Writes the rows of a plan; what is there already is not overwritten. Raises RecordError and OSError."""
    if len(names) != 1:
        return command.fail(f"--export takes one plan, and these are {len(names)}: {', '.join(names)}.", 2)
    if path.exists():
        return command.fail(f"{path} is there already, and nothing is overwritten: name another file.", 1)
    results = load(store, names[0])
    results.complete()
    if path.suffix == ".csv":
        printing.csv(results.rows, path)
    else:
        results.rows.to_parquet(path, index=False)
    print(f"{len(results.rows):,} rows of {results.rows['replica'].nunique():,} replicas: {path}")
    return 0


def _remove(store: Store, options) -> int:
    """Removes what is asked for, once somebody says yes. Raises StoreError."""

    def asked_for() -> list[Path]:
        if options.unwanted:
            return inventory.unwanted(store)
        return inventory.removable(store, inventory.named(store, options.names))

    return _confirmed(store, asked_for, "folders", options.yes, lambda folders: inventory.remove(folders, store))


def _tidy(store: Store, yes: bool) -> int:
    """Removes what nobody asks for, once somebody says yes. Raises StoreError."""
    return _confirmed(store, lambda: inventory.orphans(store), "files", yes, inventory.clear)


def _merge(store: Store, other: Path) -> int:
    """Takes over what another store has, and says what it did. Raises StoreError."""
    if not (other / "runs").is_dir():
        return command.fail(f"{other} is no store: it has no folder 'runs'.", 2)
    if other.resolve() == store.root.resolve():
        return command.fail("--merge takes another store than the one that it is merged into.", 2)
    merged = merging.merge(store, Store(other), other.absolute().name)
    print(
        f"Taken over: {merged.replicas:,} replicas, {wording.count(len(merged.plans), 'plan')}; "
        f"{merged.present:,} replicas were here already, with the same numbers."
    )
    for sentence in merged.left:
        command.say(sentence)
    return 1 if merged.left else 0


def _confirmed(
    store: Store, asked_for: Callable[[], list[Path]], what: str, yes: bool, remove: Callable[[list[Path]], int]
) -> int:
    """Lists what would be removed, asks unless yes was said, and removes it. Returns the exit code."""
    paths = asked_for()
    if not paths:
        print("There is nothing to remove.")
        return 0
    for path in paths:
        print(path.relative_to(store.root))
    if not yes:
        if not sys.stdin.isatty():
            raise StoreError("nothing is removed: nobody can be asked here; add --yes.")
        print(f"Remove these {len(paths)} {what} of {store.root}? [y/N] ", end="", flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            return command.fail("nothing is removed.", 1)
        if asked_for() != paths:
            return command.fail("nothing is removed: the store has changed since you were asked; ask again.", 1)
    print(f"Removed: {_size(remove(paths))}.")
    return 0


if __name__ == "__main__":
    command.run(main)
