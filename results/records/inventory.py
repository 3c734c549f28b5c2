"""The inventory of a store: which sweeps it holds, what their records are, and what nobody else wants of them."""

from __future__ import annotations

import fnmatch
import shutil
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from results.records import sealed
from results.records.plan import Plan
from results.records.store import Store
from steeplechase.errors import StoreError

RECENT = 600.0  # seconds since an unfinished sweep wrote anything, within which it is taken for being trained

Place = tuple[str, str]  # a run and a fingerprint: what a folder of records is of


@dataclass(frozen=True)
class Records:
    """The records of a run under one fingerprint.

    Attributes:
        run: its name.
        fingerprint: of the code and the numeric stack.
        planned: how many replicas the plan wants.
        recorded: how many of these are there.
        size: bytes of all that lies in the folder.
        ended: when its newest file was written, UTC, to the minute; "" where there is none.
        others: the other plans that want records of this folder, by name.
    """

    run: str
    fingerprint: str
    planned: int
    recorded: int
    size: int
    ended: str
    others: tuple[str, ...]


@dataclass(frozen=True)
class Sweep:
    """A plan and what is there of it.

    Attributes:
        plan: the last of its name.
        records: of each of its runs.
    """

    plan: Plan
    records: tuple[Records, ...]

    @property
    def size(self) -> int:
        """Bytes of its records."""
        return sum(own.size for own in self.records)

    @property
    def recorded(self) -> int:
        """How many of the replicas that it wants are there."""
        return sum(own.recorded for own in self.records)


def named(store: Store, patterns: Iterable[str]) -> list[str]:
    """The plans that patterns name.

    Args:
        store: that has them.
        patterns: names, or patterns with `*` and `?`.

    Returns:
        Names, in the store's order.

    Raises:
        StoreError: for a pattern that names none.
    """
    known, found = store.plans(), set()
    for pattern in patterns:
        own = fnmatch.filter(known, pattern)
        if not own:
            raise StoreError(f"there is no plan '{pattern}' in {store.root}; known are: {', '.join(known) or 'none'}.")
        found |= {*own}
    return [name for name in known if name in found]


def unreadable(store: Store) -> dict[str, str]:
    """The plans that cannot be read.

    Args:
        store: that has them.

    Returns:
        Why, a sentence each, by their names.
    """
    return _read(store)[1]


def _read(store: Store) -> tuple[dict[str, Plan], dict[str, str]]:
    """(the plans that can be read, why the others cannot), each by its name."""
    plans, odd = {}, {}
    for name in store.plans():
        try:
            plans[name] = store.plan(name)
        except StoreError as error:
            odd[name] = str(error)
    return plans, odd


def sweeps(store: Store, names: Collection[str]) -> list[Sweep]:
    """What the store has of these plans; those that cannot be read are passed over (`unreadable`).

    Args:
        store: that has them.
        names: of plans.

    Returns:
        In the order in which they were written.
    """
    plans, _ = _read(store)
    wanting: dict[Place, list[str]] = {}
    for name, plan in plans.items():
        for run in plan.runs:
            wanting.setdefault((run["run"], run["fingerprint"]), []).append(name)
    chosen = sorted((plans[name] for name in names if name in plans), key=lambda plan: plan.written)
    return [Sweep(plan, tuple(_records(store, plan, run, wanting) for run in plan.runs)) for plan in chosen]


def _records(store: Store, plan: Plan, run, wanting) -> Records:
    place = run["run"], run["fingerprint"]
    files = _files(store.folder(*place))
    there = store.done(*place, lambda *_: None, run["sources"])
    newest = max((path.stat().st_mtime for path in files), default=None)
    return Records(
        *place,
        planned=len(run["replicas"]),
        recorded=len(there & {*run["replicas"]}),
        size=sum(path.stat().st_size for path in files),
        ended="" if newest is None else f"{datetime.fromtimestamp(newest, UTC):%Y-%m-%d %H:%M}",
        others=tuple(name for name in wanting[place] if name != plan.name),
    )


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()] if folder.is_dir() else []


def unwanted(store: Store, without: Collection[str] = ()) -> list[Path]:
    """The folders of records that no plan wants, or that none would want without some.

    Args:
        store: that has them.
        without: the plans that do not count.

    Returns:
        Sorted.

    Raises:
        StoreError: for a plan that cannot be read: what it wants is not known.
    """
    kept = [store.plan(name) for name in store.plans() if name not in without]
    wanted = {store.folder(run["run"], run["fingerprint"]) for plan in kept for run in plan.runs}
    declined = {pair["run"] for plan in kept for pair in plan.declined}  # whose folders say why
    runs = [run for run in sealed.listed(store.root / "runs", folders=True) if run.name not in declined]
    return sorted({folder for run in runs for folder in sealed.listed(run, folders=True)} - wanted)


def removable(store: Store, names: Collection[str]) -> list[Path]:
    """What goes with these plans: the plans, what was made of them, and the records that no other plan wants.

    Args:
        store: that has them.
        names: of plans.

    Returns:
        Folders: plans first, so that nothing asks any more for records that are half gone. What lay unwanted before is
        not among them; nor are records of a plan that cannot be read, since what it wanted is not known.

    Raises:
        StoreError: for another plan that cannot be read: it may want what these do.
    """
    before = {*unwanted(store, [name for name in names if name in unreadable(store)])}
    own = [store.root / kind / sealed.named("plan", name) for kind in ("plans", "output") for name in names]
    return [*(folder for folder in own if folder.is_dir()), *(f for f in unwanted(store, names) if f not in before)]


def remove(folders: Iterable[Path], store: Store) -> int:
    """Removes folders of a store.

    Args:
        folders: of `removable` or `unwanted`.
        store: that has them.

    Returns:
        How many bytes they held.

    Raises:
        StoreError: where a plan among them may be being trained, which is one that lacks replicas and has written
            something of late: then nothing is removed; and for what cannot be removed.
    """
    folders, size = list(folders), 0
    names = [folder.name for folder in folders if folder.parent == store.root / "plans"]
    for sweep in sweeps(store, names):
        own = [store.root / "plans" / sweep.plan.name, *(store.folder(r.run, r.fingerprint) for r in sweep.records)]
        newest = max((path.stat().st_mtime for folder in own for path in _files(folder)), default=0.0)
        if sweep.recorded < sweep.plan.replicas and time.time() - newest < RECENT:
            raise StoreError(
                f"{sweep.plan.name} is not finished, and wrote something in the last {RECENT / 60:.0f} minutes: it may "
                "be being trained, and nothing is removed."
            )
    for folder in folders:
        size += sum(path.stat().st_size for path in _files(folder))
        try:
            shutil.rmtree(folder)
            if folder.parent.parent == store.root / "runs" and not any(folder.parent.iterdir()):
                folder.parent.rmdir()  # of a run of which nothing is left
        except OSError as error:
            raise StoreError(f"{folder} cannot be removed: {error.strerror}.") from None
    return size
