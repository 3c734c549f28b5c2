"""A board: races at settings that were chosen on draws of their own, drawn together as one table."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from results.records import frozen
from results.records.joined import joined
from results.records.plan import Plan
from results.records.reading import load
from results.records.store import Store
from runners.configuration import schema
from runners.execution import provenance
from steeplechase.errors import RecordError, UserError, did_you_mean

FOLDER = schema.CONF / "board"
COMMAND = "python -m runners.board"


@dataclass(frozen=True)
class Board:
    """What conf/board/NAME.yaml says.

    Attributes:
        name: of the board.
        races: experiments, each of which tries every setting of every rule.
        rules: by estimator, why it is one of them.
        tuning: draws, from the first on, that settings are chosen on.
        reported: draws after these.
    """

    name: str
    races: tuple[str, ...]
    rules: Mapping[str, str]
    tuning: int
    reported: int

    @property
    def table(self) -> str:
        """The name of its plan, and of its frozen table."""
        return f"board_{self.name}"


def names() -> list[str]:
    """The boards that there are."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def read(name: str) -> Board:
    """The board of this name.

    Args:
        name: of conf/board.

    Returns:
        What its page says.

    Raises:
        UserError: where there is none, with the nearest name.
    """
    if name not in names():
        raise UserError(f"there is no board '{name}'{did_you_mean(name, names())} Known are: {', '.join(names())}.")
    page = yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    return Board(name, tuple(page["races"]), page["rules"], page["tuning"], page["reported"])


def longer(board: Board, reported: int) -> Board:
    """The board with more draws that are reported.

    Args:
        board: which.
        reported: how many.

    Returns:
        The same in all else.

    Raises:
        UserError: for fewer than its page says: draws are never cut.
    """
    if reported < board.reported:
        raise UserError(f"the board {board.name} is told by {board.reported} draws: more can be had, and no fewer.")
    return replace(board, reported=reported)


def measure(board: Board, store: Store, words: Sequence[str]) -> Plan:
    """Trains what is missing of a board: each race on its tuning draws, then at what was chosen on the others.

    A command that was killed goes on where it was.

    Args:
        board: which.
        store: that gets the records; the tables that settings are chosen in are frozen beside it.
        words: further words of every sweep, as hydra/launcher=slurm.

    Returns:
        The plan of all that is reported, which the store keeps.

    Raises:
        RecordError: where a sweep failed.
        UserError: where the races' rules differ.
    """
    draws = range(board.tuning, board.tuning + board.reported)
    plans = [race_at(race, tune(board, race, store, words), draws, store, words) for race in board.races]
    return _joined(board, plans, store)


def again(board: Board, table: Path, draws: range, store: Store) -> Plan:
    """Trains a board at the settings of its own frozen table.

    Args:
        board: which.
        table: frozen.
        draws: that the table has not met.
        store: that gets the records.

    Returns:
        As `measure`.

    Raises:
        RecordError: as `measure` does.
        UserError: for draws that the table has.
    """
    return _joined(board, [race_at(race, table, draws, store, ()) for race in board.races], store)


def _joined(board: Board, plans: Sequence[Plan], store: Store) -> Plan:
    plan = joined(board.table, plans, f"{COMMAND} {board.name}", provenance.now())
    store.write_plan(plan)
    return plan


def tune(board: Board, race: str, store: Store, words: Sequence[str]) -> Path:
    """Trains a race on the board's tuning draws.

    Args:
        board: which.
        race: one of its races.
        store: that gets the records.
        words: further words of the sweep.

    Returns:
        The frozen table that its settings are chosen in.

    Raises:
        RecordError: where the sweep failed.
    """
    _sweep(race, store, [f"seed=range({board.tuning})", f"name={race}_tuning", *words])
    plan = store.plan(f"{race}_tuning")
    return frozen.write(load(store, plan), vars(plan), frozen.beside(store.root))


def race_at(race: str, table: Path, draws: range, store: Store, words: Sequence[str]) -> Plan:
    """Trains a race at the settings that a table has chosen.

    Args:
        race: one of a board's.
        table: frozen.
        draws: on which, none of which the table has.
        store: that gets the records.
        words: further words of the sweep.

    Returns:
        Its plan.

    Raises:
        RecordError: where the sweep failed.
    """
    seeds, name = f"seed=range({draws.start},{draws.stop})", f"{race}_reported"
    _sweep(race, store, [f"settings={table.absolute()}", seeds, f"name={name}", *words])
    return store.plan(name)


def _sweep(race: str, store: Store, words: Sequence[str]) -> None:
    command = [sys.executable, "-m", "runners.sweep", f"experiment={race}", f"store={store.root}", *words]
    if subprocess.run(command, check=False).returncode:
        raise RecordError(
            f"the race {race} could not be trained: what is recorded is kept, and the same command goes on."
        )
