"""Plans: what a command wanted, as it is written beside the records and checked when it is read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from results.records import sealed
from steeplechase.errors import StoreError

PLAN_FILE = re.compile(r"plan-(\d{1,9})\.json")


@dataclass(frozen=True)
class UnsupportedPair:
    """An estimator and an optimizer of a plan that do not go together on a task: their names, and why.

    Attributes:
        run: the run that cannot be.
        task: its name.
        estimator: its name.
        optimizer: its name.
        normalize: how the slope would have been scaled: none, peak or area.
        reason: a sentence.
        cause: of the reason what others may share, without the estimator's name.
    """

    run: str
    task: str
    estimator: str
    optimizer: str
    normalize: str
    reason: str
    cause: str

    @classmethod
    def read(cls, pair: Mapping[str, str]) -> UnsupportedPair:
        """The pair from what a plan's file and a frozen table say of it (WRITTEN): the cause stands in the reason,
        behind its last colon.

        Args:
            pair: all fields but `cause`, by name.

        Returns:
            The pair with its cause.
        """
        cause = pair["reason"].removeprefix(pair["estimator"]).rpartition(": ")[2].strip(" .")
        return cls(**{key: pair[key] for key in WRITTEN}, cause=cause)

    def written(self) -> dict[str, str]:
        """What `read` takes."""
        return {key: getattr(self, key) for key in WRITTEN}


WRITTEN = tuple(entry.name for entry in fields(UnsupportedPair) if entry.name != "cause")


@dataclass(frozen=True)
class PlanFacts:
    """What tables and figures must know of a plan beside the records that it asked for.

    Attributes:
        reference: the estimator that the others are contrasted with, or "".
        unsupported: the pairs that were declined.
        margins: by task the difference that does not matter, in the unit of its reported measure.
        strict: whether tables refuse a comparison that breaks a rule.
        default_rates: by run its optimizer's default learning rate, where it is known.
        compare: keys of swept numbers of which each value is a method of its own (analysis/compared.py).
        looks: by estimator, or by method as it is printed, the colour, marker, label and order that it is given.
        user_estimators: the names of the estimators from files that the user named: figures bring them out.
    """

    reference: str = ""
    unsupported: tuple[UnsupportedPair, ...] = ()
    margins: Mapping[str, float] = field(default_factory=dict)
    strict: bool = False
    default_rates: Mapping[str, float] = field(default_factory=dict)
    compare: tuple[str, ...] = ()
    looks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    user_estimators: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What a command wanted.

    Attributes:
        name: by which it is found; the last plan of a name counts.
        command: the one that asked for it, as one line.
        written: when: ISO 8601, UTC.
        runs: for each run {"run", "fingerprint", "sources", "configuration", "replicas"}, and "default_rate" where it
            is known.
        figures: the names of what is drawn of it.
        tables: the names of what else is made of it.
        declined: the runs that were declined, each as UnsupportedPair.read takes it.
        reference: the estimator that the others are contrasted with, or "".
        margins: by task the difference that does not matter, in the unit of its reported measure.
        strict: whether tables refuse a comparison that breaks a rule.
        compare: keys of swept numbers of which each value is a method of its own.
        looks: by estimator, or by method as it is printed, the colour, marker, label and order that it is given.
        user_estimators: the names of the estimators from files that the user named.
    """

    name: str
    command: str
    written: str
    runs: tuple[Mapping, ...]
    figures: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    declined: tuple[Mapping, ...] = ()
    reference: str = ""
    margins: Mapping[str, float] = field(default_factory=dict)
    strict: bool = False
    compare: tuple[str, ...] = ()
    looks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    user_estimators: tuple[str, ...] = ()

    @property
    def replicas(self) -> int:
        return sum(len(run["replicas"]) for run in self.runs)

    @property
    def facts(self) -> PlanFacts:
        """What a result set keeps of it."""
        return PlanFacts(
            self.reference,
            tuple(map(UnsupportedPair.read, self.declined)),
            dict(self.margins),
            self.strict,
            {run["run"]: run["default_rate"] for run in self.runs if "default_rate" in run},
            self.compare,
            dict(self.looks),
            self.user_estimators,
        )


def as_json(plan: Plan) -> dict[str, Any]:
    """What a plan says, as it comes back from JSON."""
    return json.loads(json.dumps(vars(plan)))


def check_plan(plan: Plan) -> None:
    """Does nothing where a plan is one.

    Raises:
        StoreError: for a plan that is none, or whose names could be those of anything outside the store.
    """
    sealed.named("plan", plan.name)
    wrong = next(_odd(plan), None)
    if wrong:
        raise StoreError(f"the plan {plan.name} cannot be used: it holds something else as its {wrong}.")
    for run in plan.runs:
        sealed.named("run", run["run"])
        sealed.named("fingerprint", run["fingerprint"])


def _odd(plan: Plan) -> Iterator[str]:
    """What in a plan is not of its kind."""
    words = dict.fromkeys(WRITTEN, str)
    entry = {"run": str, "fingerprint": str, "sources": Mapping, "configuration": Mapping, "replicas": list}
    own = {"command": str, "written": str, "reference": str, "margins": Mapping, "strict": bool, "looks": Mapping}
    yield from (key for key, kind in own.items() if not isinstance(getattr(plan, key), kind))
    yield from ("margins" for number in plan.margins.values() if not isinstance(number, (int, float)))
    yield from ("looks" for given in plan.looks.values() if not isinstance(given, Mapping))
    lists: dict[str, tuple[Any, dict[str, Any]]] = {
        "figures": (str, {}),
        "tables": (str, {}),
        "compare": (str, {}),
        "user_estimators": (str, {}),
        "runs": (Mapping, entry),
        "declined": (Mapping, words),
    }
    for key, (kind, keys) in lists.items():
        listed = getattr(plan, key)
        if not isinstance(listed, tuple) or not all(isinstance(one, kind) for one in listed):
            yield key
            return
        yield from (f"{key}.{k}" for one in listed for k, wanted in keys.items() if not isinstance(one.get(k), wanted))
    yield from ("runs.replicas" for run in plan.runs if not all(isinstance(name, str) for name in run["replicas"]))
