"""Runs that other processes train: waits for them, and has trained what they leave."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence

from results import wording
from results.records.inventory import Place
from results.records.locks import Holder, Watch
from results.records.store import Store
from runners.execution.outcome import Outcome

POLL = 0.5  # seconds between two looks at the locks
_QUIET = 10.0  # between two lines that say what is waited for


def await_others(
    console,
    store: Store,
    runs: Sequence[Place],
    outcomes: Sequence[Outcome],
    launch: Callable[[list[int]], list[Outcome]],
) -> list[Outcome]:
    """Waits until no run is another process's any more, and has each looked at again once it is free.

    Args:
        console: Rich's.
        store: that all write to.
        runs: that were launched.
        outcomes: of these, in the same order. Those that are held are waited for.
        launch: has runs launched, which it is given by their places in the list; of one that was finished elsewhere, it
            finds that nothing is missing.

    Returns:
        The outcomes, in the same order, none of them held.

    Raises:
        StoreError: where the store cannot be read.
        OSError: where it cannot be written.
    """
    found = list(outcomes)
    watches = {i: Watch(store.folder(*runs[i])) for i, outcome in enumerate(found) if outcome.held}
    if watches:
        verb = "is being trained by another process" if len(watches) == 1 else "are being trained by other processes"
        console.print(f"{wording.count(len(watches), 'run')} {verb}: waiting.")
    told = time.monotonic()
    while watches:
        holders = {i: watch.holder() for i, watch in watches.items()}
        free = [i for i, holder in holders.items() if holder is None]
        for i, outcome in zip(free, launch(free) if free else (), strict=True):
            found[i] = outcome
            del watches[i]
            if outcome.held:  # a third process was quicker
                watches[i] = Watch(store.folder(*runs[i]))
        if not free:
            time.sleep(POLL)
        if watches and time.monotonic() - told > _QUIET:
            told = time.monotonic()
            lines = {_line(holder, watches[i].still) for i, holder in holders.items() if holder and i in watches}
            print(f"waiting for {'; '.join(sorted(lines))}", file=sys.stderr, flush=True)
    return found


def _line(holder: Holder, still: float) -> str:
    """Who is waited for, and how far it is."""
    share = f" at {holder.done / holder.total:.0%}" if holder.total else ""
    return f"{holder.name}{share}" + (f", which has not moved for {still:.0f} s" if still > 30 else "")
