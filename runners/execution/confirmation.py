"""Confirms claims: what stands is trained again on draws that no record has, at the settings that its table chose; and
what is said of tuning at the untuned settings as well."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

from results import claims
from results.analysis.draws import seeds_per_draw
from results.records import frozen
from results.records.plan import Plan
from results.records.reading import load
from results.records.store import Store
from runners.execution import board as boards
from runners.planning.chosen_settings import seeds_of
from steeplechase.errors import RecordError

OWN = (
    "settings",
    "untuned",
    "name",
    "compare",
    "seed",
    "store",
    "tables",
    "figures",
    "plan",
)  # keys that a confirmation gives anew


def confirm(path: Path, folder: Path, store: Path, draws: int) -> None:
    """Trains what every table that a standing claim is about was made of, and freezes what came of it beside the table.

    The records lie in a store of their own, below `store`: a command that was killed goes on where it was.

    Args:
        path: of the claims. Those whose tables are not frozen have nothing to be confirmed.
        folder: that has the frozen tables, and gets NAME_fresh.parquet and, where a claim says what survives tuning,
            NAME_fresh_untuned.parquet; older ones are replaced.
        store: whose records are not fresh, either.
        draws: how many draws of the problem, each with as many seeds as the table has of one.

    Raises:
        RecordError: as claims.tables_of_standing does, where a sweep failed, and for a table of disjoint subsets, which
            are no fresh ones.
    """
    standing = claims.tables_of_standing(path)
    tables = [name for name in standing if (folder / f"{name}.parquet").exists()]
    trained: list[tuple[Store, Plan, str]] = []
    first = _first_unused(folder, store)  # a seed, and a draw as well: no draw has a number above its seeds
    for table in tables:
        source = (folder / f"{table}.parquet").absolute()
        of_table, about = frozen.read(source)
        per_draw = max(seeds_per_draw(of_table.rows))
        if "task.subsets" in of_table.rows and of_table.rows["task.subsets"].notna().any():
            raise RecordError(f"the table {table} has disjoint subsets of its examples: no draw of them is left.")
        own, command = Store(store / "fresh" / table), about["plan"]["command"]
        if command.startswith(boards.COMMAND):
            board = boards.read(shlex.split(command)[3])
            plan = boards.again(board, source, range(first, first + draws), own)
            trained.append((own, plan, claims.fresh(table)))
            continue
        asked = [word for word in shlex.split(command)[3:] if word.split("=")[0] not in OWN]
        asked += [
            f"settings={source}",
            f"seed=range({first * per_draw},{(first + draws) * per_draw})",
            f"store={own.root}",
            "tables=[]",
            "figures=[]",
            "compare=[]",
        ]
        for untuned in (False, True) if "survives" in standing[table] else (False,):
            words = [*asked, "untuned=true"] if untuned else asked
            if subprocess.run([sys.executable, "-m", "runners.sweep", *words], check=False).returncode:
                raise RecordError(f"the fresh draws of {table} could not be trained.")
            plan = max(map(own.plan, own.plans()), key=lambda plan: plan.written)
            trained.append((own, plan, claims.fresh(table, untuned)))
    for own, plan, name in trained:  # all is trained: a command that is killed before takes the same draws again
        frozen.write(load(own, plan), {**vars(plan), "name": name}, folder)


def _first_unused(folder: Path, store: Path) -> int:
    """The first seed above all that frozen tables and the store have."""
    used = {-1}.union(*(seeds_of(str(path)) for path in sorted(folder.glob("*.parquet"))))
    if (store / "runs").is_dir():
        rows = load(Store(store)).rows
        used |= {int(seed) for seed in rows["seed"].unique()} if len(rows) else set()
    return max(used) + 1
