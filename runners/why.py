"""python -m runners.why RUN: what makes a run's records what they are, and what of it has changed since."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from results.records.store import DEFAULT, Store
from runners import command
from runners.configuration import named_files
from runners.execution.freshness import fingerprint_now
from steeplechase.errors import RecordError, StoreError, UserError, did_you_mean


@command.one_sentence
def main(arguments: list[str] | None = None) -> int:
    """The command.

    Returns:
        The exit code: 0 the records are what the code here would make, 1 they are stale, or cannot be read, 2 a mistake
        in the command.
    """
    parser = command.Parser(prog="python -m runners.why", description=__doc__)
    parser.add_argument(
        "run",
        nargs="+",
        metavar="RUN",
        help="a run's name, or what only its name ends with, as tables and messages have it; or estimator.file=PATH or "
        "task.file=PATH, which some runs need",
    )
    parser.add_argument("--store", default=DEFAULT, help=f"where the records are (default: {DEFAULT})")
    options = parser.parse_intermixed_args(arguments)
    names, store = named_files.name_files(options.run), Store(options.store)
    if len(names) != 1:
        return command.fail("one run is explained: give one RUN.", 2)
    try:
        account = store.newest_account(_run(store, names[0]))
    except (RecordError, StoreError) as error:
        return command.fail(error, 1)
    console = Console(width=None if sys.stdout.isatty() else 140)
    configuration, recorded = account["configuration"], account["sources"]
    console.print(_configuration(account))
    fingerprint, covers = fingerprint_now(configuration, recorded, f"the run {account['run']}")
    console.print(_covered(recorded, covers))
    if fingerprint == account["fingerprint"]:
        console.print(f"Fingerprint {fingerprint}: by the code that is here. The records count.")
        return 0
    console.print(
        f"Fingerprint {account['fingerprint']}, and by the code that is here {fingerprint}: the records are stale, and "
        "the command of their plan would train them anew."
    )
    return 1


def _run(store: Store, name: str) -> str:
    """The run that a name, or its end, means. Raises UserError where none is meant, or several are."""
    runs = store.runs()
    found = [run for run in runs if run == name] or [run for run in runs if run.endswith(name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UserError(f"'{name}' is the end of {len(found)} runs: {', '.join(found[:5])}; give more of it.")
    raise UserError(f"there is no run '{name}' in {store.root}{did_you_mean(name, runs)}")


def _configuration(account: Mapping[str, Any]) -> Table:
    """What the run's name stands for: each field of the program that is hashed."""
    table = Table("field", "value", title=f"{account['run']}", box=SIMPLE, show_edge=False)
    for key, value in _fields(account["configuration"]):
        table.add_row(key, escape(str(value)))
    table.add_row("replicas", f"{len(account['replicas'])}: each by its seed, rate, width and parameters")
    table.add_row("trained", f"{account['started']} to {account['ended']}, commit {account['commit'] or 'unknown'}")
    return table


def _fields(content: Mapping[str, Any], above: str = "") -> list[tuple[str, Any]]:
    """Each value of nested mappings with the dotted key that leads to it."""
    found: list[tuple[str, Any]] = []
    for key, value in content.items():
        found += _fields(value, f"{above}{key}.") if isinstance(value, Mapping) else [(f"{above}{key}", value)]
    return found


def _covered(recorded: Mapping[str, str], now: Mapping[str, str]) -> Table:
    """What the fingerprint stands for: what differs first, then how much is the same."""
    table = Table("covered", "recorded", "now", "", title="The fingerprint", box=SIMPLE, show_edge=False)
    names = sorted({*recorded, *now}, key=lambda name: (recorded.get(name) == now.get(name), name))
    for name in names:
        old, new = recorded.get(name), now.get(name)
        said = "" if old == new else "is new" if old is None else "is gone" if new is None else "changed"
        table.add_row(escape(name), *(escape((value or "")[:24]) for value in (old, new)), said)
    return table


if __name__ == "__main__":
    command.run(main)
