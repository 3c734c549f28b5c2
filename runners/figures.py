"""python -m runners.figures: tables and figures of what a sweep planned, from records alone. No TensorFlow."""

from __future__ import annotations

import argparse
import importlib
import io
import tempfile
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

import pandas as pd
from rich.console import Console

from results import frozen, style, tables
from results.schema import RecordError
from results.store import Plan, Store, StoreError, load
from runners import command, identity, pages
from runners.config import Run
from runners.mistake import Mistake, nearest

_SHORT = "results/frozen"


def draw(console: Console, store: Store, plan: Plan, columns: int = 2) -> list[Path]:
    """Prints the plan's tables, draws its figures, and says where they lie; returns their files.

    columns: of a page that a figure spans; for one, no table is made, and the figures lie in a folder of their own.
    Raises RecordError for an incomplete or damaged table, naming what is missing.
    """
    wanted, folder = plan.tables, store.root / "output" / plan.name
    if columns == 1:
        wanted, folder = (), folder / "one_column"
    written = make(console, load(store, plan), wanted, plan.figures, folder, columns=columns)
    if written:
        console.print(f"Tables and figures: {', '.join(sorted({str(path.with_suffix('.*')) for path in written}))}")
    return written


def make(
    console: Console,
    table: pd.DataFrame,
    wanted_tables: Iterable[str],
    wanted_figures: Iterable[str],
    folder: Path,
    kinds: Iterable[str] = ("png", "svg", "pdf"),
    columns: int = 2,
) -> list[Path]:
    """Prints these tables and draws these figures into the folder; returns their files. Raises RecordError.

    kinds: which files of a figure (style.save). columns: of a page that a figure spans.
    """
    written: list[Path] = []
    for name in wanted_tables:
        written += tables.make(name, table, folder, console)
    source = ""
    for name in wanted_figures:
        figure = importlib.import_module(f"results.figures.{name}").draw(table, columns)
        source = source or frozen.source(table)  # it takes seconds of a large table
        written += style.save(figure, folder, name, source, kinds, columns)
    return written


def freeze(console: Console, store: Store, plan: Plan, folder: Path) -> list[Path]:
    """Freezes a plan's table, and beside it what is made of it; returns the files. Raises RecordError."""
    table = load(store, plan)
    path = frozen.write(table, vars(plan), folder)
    return [path, *make(console, *_thawed(path), folder / plan.name)]


def verify(console: Console, folder: Path, names: Iterable[str] = ()) -> list[str]:
    """Makes again what was made of these frozen tables, or of every one, and says, a sentence each, what has become
    another.

    Tables are compared to the byte, and figures as SVG to the byte where the versions that draw are those of then.
    Raises RecordError where there is no frozen table, or a file is none.
    """
    paths = [folder / f"{name}.parquet" for name in names] or sorted(folder.glob("*.parquet"))
    if not paths:
        raise RecordError(f"there is no frozen table in {folder}; `python -m runners.figures --freeze NAME` makes one.")
    said = []
    for path in paths:
        table, about = frozen.read(path)
        others = [name for name, then in about["versions"].items() if version(name) != then]
        with tempfile.TemporaryDirectory() as fresh:
            plan = about["plan"]
            drawn = [] if others else plan["figures"]
            compared = make(Console(file=io.StringIO()), table, plan["tables"], drawn, Path(fresh), ["svg"])
            for new in compared:
                old = path.with_suffix("") / new.name
                if not old.is_file():
                    said.append(f"{path.stem}/{new.name} is missing.")
                elif old.read_bytes() != new.read_bytes():
                    said.append(f"{path.stem}/{new.name} is not what its table gives.")
        words = f", its figures not compared, since {', '.join(others)} have other versions" if others else ""
        console.print(f"{path.stem}: {len(compared)} files made again and compared{words}.", highlight=False)
    return said


def _thawed(path: Path) -> tuple[pd.DataFrame, list[str], list[str]]:
    table, about = frozen.read(path)
    return table, about["plan"]["tables"], about["plan"]["figures"]


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


@command.one_sentence
def main(arguments: list[str] | None = None) -> int:
    """The command. Exit codes: 0 drawn, 1 records missing, damaged or stale, 2 a mistake in the command."""
    parser = command.Parser(prog="python -m runners.figures", description=__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="a plan: an experiment's name, or as the sweep said; or estimator.file=PATH, where a plan needs it",
    )
    parser.add_argument("--store", default="results", help="where the records are (default: results)")
    parser.add_argument("--stale", action="store_true", help="draw records that older code made, too")
    parser.add_argument(
        "--columns",
        type=int,
        choices=(1, 2),
        default=2,
        help="of a page that a figure spans; 1: figures, no tables",
    )
    parser.add_argument("--freeze", action="store_true", help=f"keep the table and what is made of it in {_SHORT}")
    parser.add_argument("--verify", action="store_true", help="make again what was made of frozen tables, and compare")
    parser.add_argument("--frozen", type=Path, default=frozen.FOLDER, metavar="FOLDER", help=f"instead of {_SHORT}")
    options = parser.parse_intermixed_args(arguments)
    if options.columns == 1 and (options.freeze or options.verify):
        return _complain("what is frozen has figures of two columns: leave out --columns.", 2)
    if options.verify:
        return _verify(options)
    if options.freeze and not options.names:
        return _complain("--freeze needs the NAME of the plan whose table is to be kept.", 2)
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
            if options.freeze:
                freeze(Console(), store, plan, options.frozen)
            else:
                draw(Console(), store, plan, options.columns)
        except (RecordError, StoreError, Mistake) as error:
            failed = _complain(str(error), 1)
    return failed


def _verify(options: argparse.Namespace) -> int:
    if options.freeze:
        return _complain("--freeze and --verify are two commands: give one of them.", 2)
    try:
        said = verify(Console(), options.frozen, options.names)
    except RecordError as error:
        return _complain(str(error), 1)
    for sentence in said:
        _complain(sentence, 1)
    return 1 if said else 0


def _complain(text: str, code: int) -> int:
    command.say(text)
    return code


if __name__ == "__main__":
    command.run(main)
