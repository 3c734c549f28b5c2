"""A board: races at settings that were chosen on draws of their own, drawn together as one table."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml

from results.records import frozen
from results.records.joined import joined, together
from results.records.plan import Plan
from results.records.reading import load
from results.records.result_set import ResultSet
from results.records.store import Store
from runners.configuration import estimator_files, named_files, schema
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
        half_widths: by race, where slopes are as wide as their own parameters say: at which half-widths each is tried,
            in steps of the hard function.
    """

    name: str
    races: tuple[str, ...]
    rules: Mapping[str, str]
    tuning: int
    reported: int
    half_widths: Mapping[str, Sequence[float]] = field(default_factory=dict)

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
    halves, rules = page.get("half_widths", {}), page["rules"]
    rules = read(rules).rules if isinstance(rules, str) else rules  # those of another board
    return Board(name, tuple(page["races"]), rules, page["tuning"], page["reported"], halves)


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


def measure(board: Board, store: Store, more: Sequence[str]) -> Plan:
    """Trains what is missing of a board: each race on its tuning draws, then at what was chosen on the others.

    A command that was killed goes on where it was.

    Args:
        board: which.
        store: that gets the records; the tables that settings are chosen in are frozen beside it.
        more: further words of every sweep, as hydra/launcher=slurm.

    Returns:
        The plan of all that is reported, which the store keeps.

    Raises:
        RecordError: where a sweep failed.
        UserError: where the races' rules differ.
    """
    draws = range(board.tuning, board.tuning + board.reported)
    plans = [race_at(race, tune(board, race, store, more), draws, store, more) for race in board.races]
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


@dataclass(frozen=True)
class Submitted:
    """A rule of one's own beside a board's.

    Attributes:
        table: the frozen table that has it beside the board's rules.
        name: of the rule.
        control: the rule of the board that was trained again beside it.
        apart: by task, as it is printed, how far the control's mean is from that in the board's table, in the unit of
            what the task reports; 0 where it is the same to the bit.
        settings: by task how many settings the rule chose from, and how many the control did.
    """

    table: Path
    name: str
    control: str
    apart: Mapping[str, float]
    settings: Mapping[str, tuple[int, int]]


def submit(board: Board, file: Path, table: Path, store: Store, more: Sequence[str]) -> Submitted:
    """Trains a rule of one's own on a board's draws, with its budget, and puts it beside the rules of its frozen table.

    One rule of the board is trained again beside it, whose numbers show whether this machine and this code give what
    those gave that the table was made with.

    Args:
        board: which.
        file: with the rule, which keeps the contract.
        table: the board's, frozen.
        store: that gets the records; the new table is frozen beside it.
        more: further words of every sweep, as estimator.NAME.scale=0.5,1,2.

    Returns:
        What came of it.

    Raises:
        RecordError: where there is no such table, a sweep failed, or the table has other draws.
        UserError: for a file with another number of rules than one, or with one that the board has.
    """
    results, about = frozen.read(table)
    draws = range(board.tuning, board.tuning + board.reported)
    if {*results.rows["seed"].unique()} != {*draws}:
        raise RecordError(f"{table} is of other draws than the board {board.name}: give the one that it was made with.")
    named = [f"{estimator_files.KEY}={file}"]
    named_files.name_files(named)
    names = [*estimator_files.files()]
    if len(names) != 1 or names[0] in board.rules:
        has = "a rule that the board has" if len(names) == 1 else f"{len(names)} rules"
        raise UserError(f"{file} has {has}: a submission is one file with one rule of a name of its own.")
    [name], control = names, next(iter(board.rules))
    asked = [f"estimator={control}", *named, *more]
    widths = {race: widening_values(name, halves) for race, halves in board.half_widths.items()}
    tuned = {race: tune(board, race, store, [*asked, *widths.get(race, ())], f"_{name}") for race in board.races}
    plans = [race_at(race, tuned[race], draws, store, asked, f"_{name}") for race in board.races]
    plan = joined(f"{board.table}_{name}", plans, f"{COMMAND} {board.name} --submit {file.name}", provenance.now())
    store.write_plan(plan)
    own = load(store, plan)
    own.complete()
    mine, again = (own.with_rows(own.rows[own.rows["estimator"] == one]) for one in (name, control))
    whole = together(results, replace(mine, accounts=tuple(a for a in own.accounts if a["run"] in {*mine.rows["run"]})))
    drawn = {key: about["plan"][key] for key in ("figures", "tables")}
    made = frozen.write(whole, {"name": plan.name, "command": plan.command, **drawn}, frozen.beside(store.root))
    return Submitted(made, name, control, _apart(again, results, control), _settings(tuned, name, control))


def widening_values(name: str, half_widths: Sequence[float]) -> list[str]:
    """The word of a sweep that makes a slope so wide by its own parameter.

    Args:
        name: of an estimator that is loaded.
        half_widths: in what the slope takes.

    Returns:
        One word; none for a slope without a half-width, or without a parameter that it follows in proportion or the
        other way round.
    """
    import estimators
    from estimators.surrogate import Surrogate

    page = estimators.find(name)
    if not isinstance(page, Surrogate) or not page.has_width:
        return []
    wide = [key for key, role in page.roles.items() if role == "width"]
    if len(wide) != 1:
        return []
    [key], at = wide, page.parameters
    own = page.half_width()
    power = math.log2(page.half_width(**{key: 2 * at[key]}) / own)
    if abs(abs(power) - 1) > 0.01:
        return []
    values = [at[key] * (half / own) ** round(power) for half in half_widths]
    return [f"estimator.{name}.{key}={','.join(f'{value:.6g}' for value in values)}"]


def _apart(again: ResultSet, results: ResultSet, control: str) -> dict[str, float]:
    """By task how far the control's means are apart."""
    mine, theirs = (_means(one, control) for one in (again, results))
    return {task: abs(mine[task] - theirs[task]) for task in mine if task in theirs}


def _means(results: ResultSet, estimator: str) -> dict[str, float]:
    """By task, as it is printed, the estimator's mean of what is reported."""
    last, accounts, found = results.final_rows(), results.runs(), {}
    for run in map(str, last.loc[last["estimator"] == estimator, "run"].unique()):
        values = last.loc[last["run"] == run, accounts[run]["reports"]]
        found[accounts[run]["labels"]["task"]] = float(values.mean())
    return found


def _settings(tuned: Mapping[str, Path], name: str, control: str) -> dict[str, tuple[int, int]]:
    """By task how many settings each of the two was tried at."""
    found: dict[str, dict[str, int]] = {}
    for path in tuned.values():
        results, _ = frozen.read(path)
        last, accounts = results.final_rows(), results.runs()
        for run in map(str, last["run"].unique()):
            own = last[last["run"] == run]
            of_task = found.setdefault(accounts[run]["labels"]["task"], {})
            of_task[str(own["estimator"].iloc[0])] = len(own) // own["seed"].nunique()
    return {task: (own.get(name, 0), own.get(control, 0)) for task, own in found.items()}


def tune(board: Board, race: str, store: Store, more: Sequence[str], suffix: str = "") -> Path:
    """Trains a race on the board's tuning draws.

    Args:
        board: which.
        race: one of its races.
        store: that gets the records.
        more: further words of the sweep.
        suffix: of the name of its plan, where the board itself has one of the plain name.

    Returns:
        The frozen table that its settings are chosen in.

    Raises:
        RecordError: where the sweep failed.
    """
    name = f"{race}{suffix}_tuning"
    _sweep(race, store, [f"seed=range({board.tuning})", f"name={name}", *more])
    plan = store.plan(name)
    nothing = {"figures": (), "tables": ()}  # it chooses, and tells nothing
    return frozen.write(load(store, plan), vars(plan) | nothing, frozen.beside(store.root))


def race_at(race: str, table: Path, draws: range, store: Store, more: Sequence[str], suffix: str = "") -> Plan:
    """Trains a race at the settings that a table has chosen.

    Args:
        race: one of a board's.
        table: frozen.
        draws: on which, none of which the table has.
        store: that gets the records.
        more: further words of the sweep.
        suffix: as of `tune`.

    Returns:
        Its plan.

    Raises:
        RecordError: where the sweep failed.
    """
    seeds, name = f"seed=range({draws.start},{draws.stop})", f"{race}{suffix}_reported"
    _sweep(race, store, [f"settings={table.absolute()}", seeds, f"name={name}", *more])
    return store.plan(name)


def _sweep(race: str, store: Store, more: Sequence[str]) -> None:
    command = [sys.executable, "-m", "runners.sweep", f"experiment={race}", f"store={store.root}", *more]
    if subprocess.run(command, check=False).returncode:
        raise RecordError(
            f"the race {race} could not be trained: what is recorded is kept, and the same command goes on."
        )
