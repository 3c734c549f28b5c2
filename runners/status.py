"""python -m runners.status: what is being trained, by whom, how far, and what waits. No TensorFlow."""

from __future__ import annotations

import sys
import time
from collections import Counter

from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from results import wording
from results.records import inventory, locks, submissions
from results.records.store import DEFAULT, Store
from runners import command
from runners.execution import slurm
from steeplechase.errors import StoreError


@command.one_sentence
def main(arguments: list[str] | None = None) -> int:
    """The command. Exit codes: 0 said, 1 the store cannot be read, 2 a mistake in the command."""
    parser = command.Parser(prog="python -m runners.status", description=__doc__)
    parser.add_argument("--store", default=DEFAULT, help=f"where the records are (default: {DEFAULT})")
    options = parser.parse_args(arguments)
    store, console = Store(options.store), Console(width=None if sys.stdout.isatty() else 140)
    try:
        held = _held(store)
        moved = _moved(console, store, held) if held else set()
        handed = [
            (own, [number for number in range(len(own.jobs)) if own.answered(store, number) is None])
            for own in submissions.listed(store)
        ]
        plans = [sweep for sweep in inventory.sweeps(store, store.plans()) if sweep.recorded < sweep.plan.replicas]
    except StoreError as error:
        return command.fail(error, 1)
    if held:
        console.print(_trained(held, moved))
    else:
        console.print("Nothing is being trained.")
    handed = [(own, ahead) for own, ahead in handed if ahead]
    if handed:
        console.print(_handed_over(handed))
    if plans:
        console.print(_waiting(plans, {(run, fingerprint) for run, fingerprint in held}))
    return 0


def _held(store: Store) -> dict[tuple[str, str], locks.Holder]:
    """Who holds the lock of each run that is locked, by its name and its fingerprint."""
    places = [(run, fingerprint) for run in store.runs() for fingerprint in store.fingerprints(run)]
    found = {place: locks.holder(store.folder(*place)) for place in places}
    return {place: holder for place, holder in found.items() if holder}


def _moved(console: Console, store: Store, held: dict[tuple[str, str], locks.Holder]) -> set[tuple[str, str]]:
    """Those that move, or have ended, within the time of one sign of life."""
    with console.status(f"looking for {locks.BEAT + 1:.0f} s whether they move ..."):
        time.sleep(locks.BEAT + 1)
    return {place for place, before in held.items() if locks.holder(store.folder(*place)) != before}


def _trained(held: dict[tuple[str, str], locks.Holder], moved: set[tuple[str, str]]) -> Table:
    table = Table("run", "by", title="Being trained", box=SIMPLE, show_edge=False)
    for column in ("done", "replica-steps/s", "left"):
        table.add_column(column, justify="right")
    table.add_column("")
    for place, holder in sorted(held.items()):
        rate = holder.done / holder.seconds if holder.seconds else 0.0
        done = f"{holder.done / holder.total:.0%}" if holder.total else "compiling"
        left = f"{(holder.total - holder.done) / rate:.0f} s" if rate else ""
        still = "" if place in moved else f"has not moved for {locks.BEAT + 1:.0f} s"
        table.add_row(place[0], escape(holder.name), done, f"{rate:,.0f}" if rate else "", left, still)
    return table


def _handed_over(handed: list[tuple[submissions.Submission, list[int]]]) -> Table:
    """Submissions with the numbers of the jobs that have not answered, and what SLURM says of these."""
    table = Table("submission", title="Handed to SLURM", box=SIMPLE, show_edge=False)
    for column in ("jobs", "answered"):
        table.add_column(column, justify="right")
    table.add_column("the others")
    there = slurm.states({own.name for own, _ in handed})
    for own, ahead in handed:
        said = Counter((there or {}).get((own.name, number), "not there").lower() for number in ahead)
        others = ", ".join(f"{number} {state}" for state, number in sorted(said.items()))
        table.add_row(
            own.name,
            f"{len(own.jobs):,}",
            f"{len(own.jobs) - len(ahead):,}",
            others if there is not None else "unknown",
        )
    return table


def _waiting(sweeps: list[inventory.Sweep], held: set[tuple[str, str]]) -> Table:
    table = Table("plan", title="Not finished", box=SIMPLE, show_edge=False)
    for column in ("replicas", "recorded", "runs being trained", "runs that wait"):
        table.add_column(column, justify="right")
    for sweep in sweeps:
        lacking = [own for own in sweep.records if own.recorded < own.planned]
        trained = sum((own.run, own.fingerprint) in held for own in lacking)
        numbers = (sweep.plan.replicas, sweep.recorded, trained, len(lacking) - trained)
        table.add_row(escape(sweep.plan.name), *(f"{number:,}" for number in numbers))
    table.caption = f"{wording.count(len(sweeps), 'plan')}: the command of each, run again, trains what waits."
    return table


if __name__ == "__main__":
    command.run(main)
