"""A plan as data, and its shards: what any engine that can start a command needs to carry a sweep."""

from __future__ import annotations

import heapq
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from results.records import sealed
from results.records.store import Store
from runners import command
from runners.configuration.run import ReplicaValues, Run
from runners.planning.plans import PlannedState
from steeplechase.errors import RecordError, UserError

VERSION = 1


def as_json(states: Iterable[PlannedState], command_line: str, files: Sequence[str]) -> bytes:
    """The runs of a plan that miss replicas, as data.

    Args:
        states: of all its runs.
        command_line: that made it.
        files: the arguments that name files of the user's own, by base name, which a shard's command needs again.

    Returns:
        Sealed JSON. Under `runs` each run: its `run`, `fingerprint`, `replicas` (how many it has), `missing` (how many
        are not recorded), `replica_steps` (what that costs), `seconds` (the same by rates that the store has measured
        with this task and optimizer; null where it has none), and `what` is to be run, resolved.
    """
    runs = [_described(state) for state in states if state.missing]
    known = _rates({state.planned.run.store for state in states})
    for own in runs:
        rate = known.get((own["task"], own["optimizer"]))
        own["seconds"] = float(f"{own['replica_steps'] / rate:.3g}") if rate else None
    return sealed.text({"schema": VERSION, "command": command_line, "files": list(files), "runs": runs})


def _described(state: PlannedState) -> dict[str, Any]:
    run, planned = state.planned.run, state.planned
    names = dict(zip(("task", "estimator", "optimizer"), run.names, strict=True))
    costs = {"replicas": len(planned.ids), "missing": state.missing}
    costs |= {"replica_steps": state.missing * run.program["steps"]}
    return {"run": planned.name, "fingerprint": planned.fingerprint, **names, **costs, "what": asdict(run)}


def _rates(stores: Iterable[str]) -> dict[tuple[str, str], float]:
    """By task and optimizer the median rate, in replica-steps per second, of the runs that these stores have."""
    rates: dict[tuple[str, str], list[float]] = {}
    for store in map(Store, stores):
        for run in store.runs():
            try:
                account = store.newest_account(run)
            except RecordError:
                continue
            program = account["configuration"]
            names = (program["task"]["name"], program["optimizer"]["name"])
            rates.setdefault(names, []).append(account["replica_steps_per_s"])
    return {names: statistics.median(own) for names, own in rates.items()}


def read(path: Path) -> dict[str, Any]:
    """What `as_json` wrote.

    Args:
        path: of the file.

    Returns:
        Its keys and values.

    Raises:
        UserError: for a file that cannot be read, or is not what was written.
    """
    command.regular(str(path), "FILE")
    try:
        return sealed.parsed(sealed.read(path), VERSION, f"{path}")
    except FileNotFoundError:
        raise UserError(
            f"there is no file {path}: `python -m runners.sweep ... plan=json > FILE` writes one."
        ) from None
    except sealed.Damaged as fault:
        raise UserError(f"{path} is not what plan=json wrote: it {fault}.") from None


def shard(runs: Sequence[Mapping[str, Any]], number: int, of: int) -> list[Mapping[str, Any]]:
    """One of several parts of a plan that cost about the same: the dearest run goes to the shard that has least.

    Args:
        runs: as `as_json` has them.
        number: which shard, from 1.
        of: how many there are.

    Returns:
        Its runs, the dearest first; every run is in one shard.
    """
    by_time = all(own["seconds"] is not None for own in runs)
    costs = {own["run"]: own["seconds"] if by_time else own["replica_steps"] for own in runs}
    shards = [(0.0, at) for at in range(of)]
    found: list[Mapping[str, Any]] = []
    for own in sorted(runs, key=lambda entry: (-costs[entry["run"]], entry["run"])):
        cost, at = heapq.heappop(shards)
        heapq.heappush(shards, (cost + costs[own["run"]], at))
        if at == number - 1:
            found.append(own)
    return found


def run_of(entry: Mapping[str, Any], store: str | None) -> Run:
    """The run that a shard trains.

    Args:
        entry: as `as_json` has it.
        store: the folder of records; None: the plan's.

    Returns:
        The run.
    """
    what = dict(entry["what"])
    replicas = tuple(ReplicaValues(**values) for values in what.pop("replicas"))
    return Run(**{**what, "replicas": replicas, "store": str(Path(store).absolute()) if store else what["store"]})
