"""The inventory of a store: which sweeps it holds, what their records are, and what nobody else wants of them."""

from __future__ import annotations

import fnmatch
import shutil
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from results.records import checkpoint, locks, sealed
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


def orphans(store: Store) -> list[Path]:
    """What processes that were killed have left in folders of records, and nobody will ask for.

    Args:
        store: that is looked through. A run that is being trained is passed over, and so is what was written of late.

    Returns:
        Files, sorted: what was half written, tables and states that no account names, states of blocks that are
        recorded, and locks but the last of each run. What was damaged and set aside stays: nobody has looked at it yet.

    Raises:
        StoreError: for what cannot be read.
    """
    found: list[Path] = []
    for folder in (folder for run in store.runs() for folder in sealed.listed(store.root / "runs" / run, folders=True)):
        if locks.holder(folder) is None:
            found += _orphans_of(store, folder)
    return sorted(path for path in found if time.time() - path.stat().st_mtime > RECENT)


def _orphans_of(store: Store, folder: Path) -> list[Path]:
    run, fingerprint, files = folder.parent.name, folder.name, sealed.listed(folder)
    accounts = store.accounts(run, fingerprint, lambda *_: None)
    faults = [path for path, account, _ in store.parts(run, fingerprint) if account is None]
    recorded, tables = {name for one in accounts for name in one["replicas"]}, {one["table"] for one in accounts}
    found = list(folder.glob(".writing-*"))
    if not faults:  # else a table may belong to an account that is damaged
        named = tables | {one["states"] for one in accounts if one.get("states")}
        found += [path for path in files if path.name.startswith(("record-", "kept-")) and path.name not in named]
    found += [path for path in files if path.name.startswith("state-") and checkpoint.replicas(path) <= recorded]
    return found + sorted(path for path in files if path.name.startswith("lock-"))[:-1]


def clear(files: Iterable[Path]) -> int:
    """Removes files of `orphans`.

    Args:
        files: their paths; one that is gone already is no fault.

    Returns:
        How many bytes they held.

    Raises:
        StoreError: for what cannot be removed.
    """
    size = 0
    for path in files:
        try:
            size += path.stat().st_size
            path.unlink()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise StoreError(f"{path} cannot be removed: {error.strerror}.") from None
    return size


def remove(folders: Iterable[Path], store: Store) -> int:
    """Removes folders of a store.

    Args:
        folders: of `removable` or `unwanted`.
        store: that has them.

    Returns:
        How many bytes they held.

    Raises:
        StoreError: where a run among them is being trained, or a plan may be, which is one that lacks replicas and has
            written something of late: then nothing is removed; and for what cannot be removed.
    """
    folders, size = list(folders), 0
    for folder in folders:
        holder = locks.holder(folder)
        if holder:
            raise StoreError(f"{folder.parent.name} is being trained by {holder.name}: nothing is removed.")
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
