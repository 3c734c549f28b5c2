"""Plans: what a command wanted, as it is written beside the records and checked when it is read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from results.records import sealed
from steeplechase.errors import StoreError

PLAN_FILE = re.compile(r"plan-(\d{1,9})\.json")


@dataclass(frozen=True)
class Plan:
    """What a command wanted: for each run its configuration, its fingerprint, the ids of its replicas and its
    optimizer's default rate; the runs that were declined, each with its names and the reason; the estimator that the
    others are contrasted with, or ""; by task the difference that does not matter; and whether tables refuse a
    comparison that breaks a rule.
    """

    name: str
    command: str
    written: str  # ISO 8601, UTC
    runs: tuple[Mapping, ...]  # {"run", "fingerprint", "sources", "configuration", "replicas"}
    figures: tuple[str, ...] = ()  # what is drawn of it
    tables: tuple[str, ...] = ()
    declined: tuple[Mapping, ...] = ()  # {"run", "task", "estimator", "optimizer", "normalize", "reason"}
    reference: str = ""
    margins: Mapping[str, float] = field(default_factory=dict)
    strict: bool = False

    @property
    def replicas(self) -> int:
        return sum(len(run["replicas"]) for run in self.runs)


def as_json(plan: Plan) -> dict[str, Any]:
    """What a plan says, as it comes back from JSON."""
    return json.loads(json.dumps(vars(plan)))


def check_plan(plan: Plan) -> None:
    """Raises StoreError for a plan that is none, or whose names could be those of anything outside the store."""
    sealed.named("plan", plan.name)
    wrong = next(_odd(plan), None)
    if wrong:
        raise StoreError(f"the plan {plan.name} cannot be used: it holds something else as its {wrong}.")
    for run in plan.runs:
        sealed.named("run", run["run"])
        sealed.named("fingerprint", run["fingerprint"])


def _odd(plan: Plan) -> Iterator[str]:
    """What in a plan is not of its kind."""
    words = dict.fromkeys(("run", "task", "estimator", "optimizer", "normalize", "reason"), str)
    entry = {"run": str, "fingerprint": str, "sources": Mapping, "configuration": Mapping, "replicas": list}
    own = {"command": str, "written": str, "reference": str, "margins": Mapping, "strict": bool}
    yield from (key for key, kind in own.items() if not isinstance(getattr(plan, key), kind))
    yield from ("margins" for number in plan.margins.values() if not isinstance(number, (int, float)))
    lists = {"figures": (str, {}), "tables": (str, {}), "runs": (Mapping, entry), "declined": (Mapping, words)}
    for key, (kind, keys) in lists.items():
        listed = getattr(plan, key)
        if not isinstance(listed, tuple) or not all(isinstance(one, kind) for one in listed):
            yield key
            return
        yield from (f"{key}.{k}" for one in listed for k, wanted in keys.items() if not isinstance(one.get(k), wanted))
    yield from ("runs.replicas" for run in plan.runs if not all(isinstance(name, str) for name in run["replicas"]))
