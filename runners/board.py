"""python -m runners.board: which gradient to start from, over many tasks: measured, and drawn as one table."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from results import outputs, wording
from results.analysis.board import FEWEST, critical_difference, tasks_needed
from results.records import frozen
from results.records.place import DEFAULT
from results.records.store import Store
from runners import api, command, contract
from runners.execution import board as boards
from runners.execution.board import Board
from steeplechase.errors import RecordError, StoreError, UserError

FAR = 1.0  # ranks: what is asked to be told apart where the design is not enough for it
OWN = ("seed", "settings", "store", "name", "experiment", "figures", "tables", "plan")  # which a board says itself


@command.one_sentence
def main(arguments: list[str] | None = None) -> int:
    """The command.

    Args:
        arguments: of it; None: those of the process.

    Returns:
        The exit code: 0 drawn, 1 a race or a drawing failed, 2 a mistake in the command.

    Raises:
        UserError: for a mistake in the command.
    """
    parser = command.Parser(prog="python -m runners.board", description=__doc__)
    parser.add_argument("name", nargs="?", default="slopes", help=f"which board: {', '.join(boards.names())} (slopes)")
    parser.add_argument("more", nargs="*", metavar="KEY=VALUE", help="for every sweep, as hydra/launcher=slurm")
    parser.add_argument("--store", default=DEFAULT, help=f"where the records go (default: {DEFAULT})")
    parser.add_argument("--design", action="store_true", help="say what it could tell, and train nothing")
    parser.add_argument(
        "--submit", type=Path, metavar="FILE", help="race the rule in this file beside the frozen board"
    )
    parser.add_argument("--frozen", type=Path, metavar="FOLDER", help="where that lies, instead of what ships")
    parser.add_argument("--reported", type=int, metavar="N", help="draws that are reported, where more are wanted")
    options = parser.parse_intermixed_args(arguments)
    if "=" in options.name:
        options.name, options.more = "slopes", [options.name, *options.more]
    taken = next((word for word in options.more if word.split("=")[0] in OWN), None)
    if taken:
        raise UserError(f"{taken.split('=')[0]} is what a board says itself: leave it out.")
    board = boards.read(options.name)
    if options.reported is not None:
        board = boards.longer(board, options.reported)
    store, console = Store(Path(options.store)), Console(highlight=False)
    for sentence in design(board, store, options.more):
        console.print(sentence, soft_wrap=True)
    if options.design:
        return 0
    try:
        if options.submit:
            return _submit(console, board, options, store)
        plan = boards.measure(board, store, options.more)
        faults = outputs.draw(console, store, plan)
    except (RecordError, StoreError) as error:
        return command.fail(error, 1)
    for fault in faults:
        command.say(fault)
    return 1 if faults else 0


def _submit(console: Console, board: Board, options: argparse.Namespace, store: Store) -> int:
    """Races the rule, draws it beside the board's, and says what to send. Returns the exit code."""
    if contract.main([str(options.submit)]):
        return command.fail("what breaks the contract is not raced: mend it first.", 1)
    table = (options.frozen or frozen.FOLDER) / f"{board.table}.parquet"
    done = boards.submit(board, options.submit, table, store, options.more)
    say = functools.partial(console.print, soft_wrap=True)
    _, faults = outputs.make(console, *outputs.thawed(done.table), done.table.with_suffix(""))
    changed = {task: far for task, far in done.apart.items() if far}
    same = wording.count(len(done.apart) - len(changed), "task")
    say(f"{done.control}, trained again here, ends with the mean of the board's table, to the last digit, on {same}.")
    for task, far in changed.items():
        say(f"  On {task} its mean is {far:.2g} away: other code, or another processor.")
    for task, (own, others) in done.settings.items():
        if own != others:
            command.say(f"on {task} {done.name} chose from {own} settings, and each rule of the board from {others}.")
    say(f"To send: {options.submit}, {done.table}, {done.table.with_suffix('')}/, and the records in {store.root}.")
    for fault in faults:
        command.say(fault)
    return 1 if faults else 0


def design(board: Board, store: Store, more: Sequence[str] = ()) -> list[str]:
    """What a board could tell, from its design alone.

    Args:
        board: which.
        store: whose records are counted.
        more: further ones of every sweep.

    Returns:
        Sentences.

    Raises:
        UserError: as a sweep's plan does.
    """
    rules, tasks, runs, wanted = len(board.rules), 0, 0, 0
    for race in board.races:
        asked = [f"experiment={race}", f"store={store.root}", f"seed=range({board.tuning})", *more]
        plan = api.planned(asked)
        plan = plan[~plan["remark"].str.contains("cannot", na=False)]
        first = plan[plan["estimator"] == next(iter(board.rules))]
        tasks += len(first) // max(1, first["optimizer"].nunique())
        runs += len(plan)
        wanted += int(plan["wanted"].sum())
    reported = runs * board.reported
    settings = wanted // max(1, rules * tasks * board.tuning)
    lines = [
        f"Board {board.name}: {wording.count(rules, 'rule')} on {wording.count(tasks, 'task')}. Each chooses one of "
        f"{settings} settings on {board.tuning} draws, and is told by {board.reported} others: {wanted + reported:,} "
        f"trainings, as many of every rule."
    ]
    critical = critical_difference(rules, tasks)
    needed = tasks_needed(rules, FAR)
    if tasks < FEWEST:
        lines.append(
            f"Mean ranks will not be compared: that takes {FEWEST} tasks, {FEWEST - tasks} more than there are. A "
            f"difference of one rank would take {needed}."
        )
    else:
        lines.append(
            f"Mean ranks {critical:.2f} apart will be told apart (Nemenyi, 5 %), of {rules - 1} that are possible; a "
            f"difference of one rank would take {needed} tasks."
        )
    return lines


if __name__ == "__main__":
    command.run(main)
