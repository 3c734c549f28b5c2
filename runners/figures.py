"""python -m runners.figures: tables and figures of what a sweep planned, from records alone. No TensorFlow."""

from __future__ import annotations

import argparse
import shlex
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from results import figures
from results.drawing.style import JOURNALS
from results.outputs import draw, freeze, verify
from results.records import frozen
from results.records.joined import joined
from results.records.store import DEFAULT, Store
from results.tables import latex
from runners import command
from runners.configuration import named_files
from runners.execution import provenance
from runners.execution.freshness import check_fresh
from runners.planning.plans import check_name
from steeplechase.errors import RecordError, StoreError, UserError, did_you_mean


@command.one_sentence
def main(arguments: list[str] | None = None) -> int:
    """The command. Exit codes: 0 drawn, 1 records missing, damaged or stale, 2 a mistake in the command."""
    parser = command.Parser(prog="python -m runners.figures", description=__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="a plan: an experiment's name, or as the sweep said; or estimator.file=PATH or task.file=PATH, which some "
        "plans need",
    )
    parser.add_argument("--store", default=DEFAULT, help=f"where the records are (default: {DEFAULT})")
    parser.add_argument("--stale", action="store_true", help="draw records that older code made, too")
    parser.add_argument(
        "--columns",
        type=int,
        choices=(1, 2),
        default=2,
        help="of a page that a figure spans; 1: figures, no tables",
    )
    parser.add_argument(
        "--name", metavar="JOINED", help="draw the named plans together, as one plan that is kept under this name"
    )
    parser.add_argument(
        "--for",
        dest="journal",
        choices=tuple(JOURNALS),
        help="figures as wide and in the letters that it asks for, and the summary as LaTeX for one column",
    )
    parser.add_argument(
        "--latex-columns",
        type=lambda text: text.split(","),
        default=(),
        metavar="A,B,C",
        help=f"which columns the summary has as LaTeX: {', '.join(latex.COLUMNS)}",
    )
    parser.add_argument("--freeze", action="store_true", help="keep the table and what is made of it in STORE/frozen")
    parser.add_argument("--verify", action="store_true", help="make again what was made of frozen tables, and compare")
    parser.add_argument(
        "--frozen", type=Path, metavar="FOLDER", help="instead of STORE/frozen, and of what ships with the project"
    )
    options = parser.parse_intermixed_args(arguments)
    if options.freeze or options.verify:
        given = {"--columns": options.columns == 1, "--for": options.journal, "--latex-columns": options.latex_columns}
        for name in (name for name, value in given.items() if value):
            return command.fail(f"what is frozen has figures of two columns and whole tables: leave out {name}.", 2)
    latex.check_columns(options.latex_columns)
    store = Store(options.store)
    options.names = named_files.name_files(options.names)
    if options.verify:
        return _verify(options, store)
    if options.freeze and not options.names:
        return command.fail("--freeze needs the NAME of the plan whose table is to be kept.", 2)
    try:
        known = store.plans()
    except StoreError as error:
        return command.fail(str(error), 1)
    if not known:
        return command.fail(f"there is no plan in {store.root} yet; `python -m runners.sweep` makes one.", 1)
    for name in options.names:
        if name not in known:
            return command.fail(
                f"there is no plan '{name}' in {store.root}{did_you_mean(name, known)} Known are: {', '.join(known)}.",
                2,
            )
    if options.name:
        try:
            options.names = [_joined(options, store)]
        except UserError as error:
            return command.fail(str(error), 1 if isinstance(error, (RecordError, StoreError)) else 2)
    refused: dict[str, list[str]] = {}  # by what is said, of which plans
    drawn = options.names or known
    for name in drawn:  # one plan that cannot be drawn does not keep the others back
        try:
            plan = store.plan(name)
            if not options.stale:
                check_fresh(plan)
            if options.freeze:
                plan = replace(plan, figures=tuple(dict.fromkeys([*plan.figures, *figures.named_files()])))
                faults = freeze(Console(), store, plan, options.frozen or frozen.beside(store.root))
            else:
                faults = draw(Console(), store, plan, options.columns, options.journal, options.latex_columns)
        except UserError as error:
            faults = [str(error)]
        for fault in faults:
            refused.setdefault(fault, []).append(name)
    for fault, names in refused.items():
        command.say(f"{', '.join(dict.fromkeys(names))}: {fault}" if drawn[1:] else fault)
    return 1 if refused else 0


def _joined(options: argparse.Namespace, store: Store) -> str:
    """Keeps the named plans as one, and returns its name."""
    if len(options.names) < 2:
        raise UserError("--name draws several plans as one: give the names of two or more.")
    if options.name in options.names:
        raise UserError(f"--name is {options.name}, which is one of those that are drawn as one: take another.")
    plans = [store.plan(name) for name in options.names]
    if not options.stale:
        for plan in plans:
            check_fresh(plan)
    command_line = ["python", "-m", "runners.figures", *options.names, *named_files.every(), "--name", options.name]
    told = shlex.join(command_line)
    plan = joined(options.name, plans, told, provenance.now())
    check_name(plan.name, store, {run["run"]: {*run["replicas"]} for run in plan.runs})
    store.write_plan(plan)
    return plan.name


def _verify(options: argparse.Namespace, store: Store) -> int:
    if options.freeze:
        return command.fail("--freeze and --verify are two commands: give one of them.", 2)
    try:
        said = verify(Console(), options.frozen or frozen.chosen(store.root), options.names)
    except (RecordError, StoreError) as error:
        return command.fail(str(error), 1)
    for sentence in said:
        command.say(sentence)
    return 1 if said else 0


if __name__ == "__main__":
    command.run(main)
