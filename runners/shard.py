"""python -m runners.shard K/N FILE: trains the K-th of N shards of a plan that plan=json wrote."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from results import wording
from runners import command
from runners.configuration import named_files
from runners.planning import shards
from steeplechase.errors import UserError

_WHICH = re.compile(r"([1-9]\d{0,5})/([1-9]\d{0,5})")


@command.one_sentence
def main(arguments: list[str] | None = None) -> int:
    """The command.

    Returns:
        The exit code: 0 all is recorded, 1 a run failed, 2 a mistake in the command.

    Raises:
        UserError: for a mistake in the command.
    """
    parser = command.Parser(prog="python -m runners.shard", description=__doc__)
    parser.add_argument("which", metavar="K/N", help="the shard, from 1, and how many there are")
    parser.add_argument("file", type=Path, metavar="FILE", help="what `python -m runners.sweep ... plan=json` printed")
    parser.add_argument(
        "files", nargs="*", metavar="KEY=PATH", help="estimator.file=PATH or task.file=PATH, where the plan needs it"
    )
    parser.add_argument("--store", help="where the records go (default: where the plan says)")
    options = parser.parse_intermixed_args(arguments)
    found = _WHICH.fullmatch(options.which)
    if not found or int(found[1]) > int(found[2]):
        raise UserError(f"{options.which} is no shard: write K/N, as 1/4, with K from 1 to N.")
    plan = shards.read(options.file)
    rest = named_files.name_files(options.files)
    if rest:
        raise UserError(f"'{rest[0]}' names no file of an estimator or a task.")
    if plan["files"] and sorted(named_files.trained()) != sorted(plan["files"]):
        raise UserError(f"this plan needs {' '.join(plan['files'])}: add it, with its path.")
    own = shards.shard(plan["runs"], int(found[1]), int(found[2]))
    print(f"Shard {options.which}: {wording.count(len(own), 'run')} of {len(plan['runs'])}.", flush=True)
    return _train(own, options.store)


def _train(runs: Sequence[Mapping[str, Any]], store: str | None) -> int:
    """Trains these runs. Those that others train are theirs. Returns the exit code."""
    from runners.execution import expected

    failed = trained = held = 0
    planned = [expected.ExpectedRun(shards.run_of(own, store), own["run"], own["fingerprint"]) for own in runs]
    for outcome in expected.train(planned):
        for remark in outcome.remarks:
            command.say(f"{outcome.run}: {remark}")
        if outcome.error:
            failed = command.fail(f"{outcome.run}: {outcome.error}", 1)
        if outcome.held:
            held += 1
            command.say(f"{outcome.run} is trained by another process ({outcome.held}), and is left to it.")
        trained += outcome.trained
    print(f"Trained {wording.count(trained, 'replica')}." + (f" {held} left to others." if held else ""), flush=True)
    return failed


if __name__ == "__main__":
    command.run(main)
