"""The plan of a sweep: what is recorded of each run, what is missing, stale, or cannot be."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from results import figures
from results.analysis.lookup import column_of
from results.records.plan import Plan
from results.records.store import Store
from runners import command, forwards
from runners.configuration import choices, estimator_files, keys, named_files, task_files
from runners.configuration.run import Run
from runners.planning import device, identity, references
from runners.planning.identity import PlannedRun, identify
from steeplechase.errors import UserError

# The same for a whole sweep; the first of them give a plan no other name.
_SILENT = (
    *("store", "plan", "submit", "figures", "tables", "checkpoint", "parallel_blocks"),
    *("reference", "margins", "strict", "compare", "name", "looks"),
)
_CONTROL = (*_SILENT, "settings", "untuned")
_PLACE = re.compile(r"store|task\.(data|labels)|task\.(\w+\.)?test_data")  # keys whose value says where something lies


@dataclass(frozen=True)
class PlannedState:
    """A planned run: what is recorded, and why what is recorded under other code does not count.

    Attributes:
        planned: the run with its identity.
        overrides: by which it was asked for.
        done: how many of its replicas are recorded.
        stale: what has changed since the newest records that do not count; "" where there are none.
        faults: what of its records does not count, a sentence each.
        unsupported: why there can be no such run, as far as that is known.
        instructions: the processors that its records were made on (device.instructions).
    """

    planned: PlannedRun
    overrides: list[str]
    done: int
    stale: str
    faults: tuple[str, ...]
    unsupported: str
    instructions: frozenset[str] = frozenset()

    @property
    def missing(self) -> int:
        return 0 if self.unsupported else len(self.planned.ids) - self.done


def plan_runs(
    jobs: list[list[str]], compose: Callable[[list[str]], dict[str, Any]], learn: Callable[[Run], None]
) -> tuple[list[PlannedState], dict[str, Any]]:
    """Each job as a planned run. Damaged records are set aside, unless only a plan is asked for.

    Args:
        jobs: the overrides of each.
        compose: gives the configuration of a job, as plain data.
        learn: has it observed what a run's estimators read.

    Returns:
        (the planned runs, the settings that all share).

    Raises:
        UserError: for a job that describes no run, for two that describe the same, for a setting of the whole sweep
            that differs, and as at_chosen does.
        RecordError: as at_chosen does.
    """
    states: list[PlannedState] = []
    common: dict[str, Any] = {}
    names: set[str] = set()
    if len(jobs) > 100:
        print(f"Composing {len(jobs):,} runs ...", file=sys.stderr, flush=True)
    for overrides in jobs:
        cfg = compose(overrides)
        if cfg["settings"] or cfg["untuned"]:
            from runners.planning.chosen_settings import at_chosen  # a table is read for it, which needs its time

            overrides = at_chosen(cfg, overrides)
            cfg = compose(overrides)
        run = _resolved(cfg, alone=len(jobs) == 1)
        learn(run)
        for needed, role in zip(references.needed(run), ("training", "truth"), strict=False):
            planned = identify(needed)  # once for all that rest on it, and before them
            if planned.name not in names:
                names.add(planned.name)
                states.append(_state(planned, [*overrides, f"fidelity.role={role}"], set_aside=not cfg["plan"]))
        planned = identify(run)
        if planned.name in names:
            raise UserError(f"two runs of this sweep are the same: {' '.join(overrides)}.")
        names.add(planned.name)
        control = {key: cfg[key] for key in _CONTROL}
        if common and control != common:
            raise UserError(f"{', '.join(_CONTROL)} are the same for a whole sweep, and cannot be swept.")
        common = control
        states.append(_state(planned, overrides, set_aside=not cfg["plan"]))
    check_compared(common["compare"], [state.planned.run for state in states])
    check_looks(common["looks"], common["compare"])
    for remark in without_effect([state.planned.run for state in states]):
        command.say(remark)
    estimators = {state.planned.run.program["estimator"]["name"] for state in states}
    if common["reference"] and common["reference"] not in estimators:
        command.say(
            f"reference is {common['reference']}, which is no estimator of this sweep, and so counts for nothing: add "
            "it to estimator=, or leave it out."
        )
    return states, common


def without_effect(runs: Sequence[Run]) -> list[str]:
    """What is said of parameters that were set to make a slope wider or narrower, where `width` does that anyway.

    Args:
        runs: of a sweep.

    Returns:
        A sentence for each such parameter of an estimator.
    """
    remarks = {}
    for run in runs:
        for part in ("estimator", "estimator_weights"):
            name = (run.program[part] or {}).get("name")
            defaults = choices.defaults_of("estimator", name) if name else {}
            for parameter in estimator_files.widening_parameters(name) if name else ():
                values = [getattr(own, part)[parameter] for own in run.replicas if own.width is not None]
                if any(value != choices.unquoted(defaults[parameter]) for value in values):
                    key = f"{part}.{name}.{parameter}"
                    remarks[key] = (
                        f"{key} says how wide the slope is, but width makes every slope as wide as it says, so that at "
                        "most its height changes: give width=null to let it act."
                    )
    return list(remarks.values())


def check_compared(compare: Sequence[str], runs: Sequence[Run]) -> None:
    """Refuses to compare what has one value.

    Args:
        compare: the keys of the numbers whose values shall be methods of their own.
        runs: of the sweep.

    Raises:
        UserError: for a key that there is not, for what no method can be told apart by, and for one value alone.
    """
    for key in compare:
        keys.check_key(key, [])
        page, plain = keys.qualified(key) or ("", key)
        part, _, name = plain.partition(".")
        if plain != "width" and (not name or part not in ("estimator", "estimator_weights", "optimizer")):
            raise UserError(f"compare: {key} is no number of a method, such as estimator.scale or width.")
        if page:
            keys.refuse_not_chosen(key, [(run.program[part] or {}).get("name") for run in runs])
        column = column_of(key)
        own = [run for run in runs if not page or (run.program[part] or {}).get("name") == page]
        several = [str(values.columns().get(column)) for run in own for values in run.replicas]
        if len({*several}) < 2 and len({str((run.program.get(part) or {}).get(name)) for run in own}) < 2:
            swept = _swept_widths(own) if plain == "width" else []
            hint = f"; where you mean that of a page, name it: compare=[{swept[0]}]" if swept else ""
            raise UserError(f"compare: {key} has one value in this sweep: list several, as {key}=1,2{hint}.")
        if column == "learning_rate" and any(isinstance(v.learning_rate, Mapping) for run in own for v in run.replicas):
            raise UserError(f"compare: {key} is a schedule, and of rates only numbers can be compared.")


def _swept_widths(runs: Sequence[Run]) -> list[str]:
    """The keys of estimators' own widths, of which several values are swept."""
    found: dict[str, None] = {}
    for run in runs:
        widths = {str(values.estimator.get("width")) for values in run.replicas if "width" in values.estimator}
        if len(widths) > 1:
            found[f"estimator.{run.program['estimator']['name']}.width"] = None
    return list(found)


def check_looks(looks: Mapping[str, Any], compare: Sequence[str]) -> None:
    """Refuses what no figure could draw.

    Args:
        looks: by estimator, or by method as it is printed, what it is given.
        compare: the keys of compared numbers, whose values make methods.

    Raises:
        UserError: for an estimator that there is not, for a method where no numbers are compared, and as looks.check.
    """
    if not looks:
        return
    from results.drawing import looks as drawn  # which loads Matplotlib

    for name in looks:
        if name.isidentifier() or not compare:
            try:
                choices.defaults_of("estimator", name)
            except UserError as error:
                raise UserError(f"looks.{name}: {error}") from None
    drawn.check(looks)


def _resolved(cfg: Mapping[str, Any], alone: bool) -> Run:
    """The run of a job. alone: whether it is the only one.

    Returns:
        The run.

    Raises:
        UserError: which says which run it was, unless it is alone.
    """
    try:
        return references.run_of(cfg)
    except UserError as mistake:
        words = " · ".join(str(cfg[group].get("name", "?")) for group in ("task", "estimator", "optimizer"))
        raise UserError(str(mistake) if alone else f"{mistake} (first seen in the run {words})") from None


def _state(planned: PlannedRun, overrides: list[str], set_aside: bool) -> PlannedState:
    """What the store has of a planned run. set_aside: whether damaged files are moved away and named."""
    store = Store(planned.run.store)
    faults: list[tuple[Path, str]] = []

    def damaged(path, fault):
        faults.append((path, fault))

    parts = store.accounts(planned.name, planned.fingerprint, damaged, planned.covers)
    declined = store.unsupported_reason(planned.name, planned.fingerprint, damaged) or _not_listed(planned.run)
    if set_aside:
        for path, fault in faults:
            print(f"{path} does not count: {fault}; it is set aside as {store.set_aside(path).name}.")
    ids = {*planned.ids}
    done = ids & {name for part in parts for name in part["replicas"]}
    stale = _why_stale(store, planned, ids - done)
    sentences = tuple(f"{path.name} does not count: {fault}" for path, fault in faults)
    kinds = {part["instructions"] for part in parts if part.get("instructions") and done}
    return PlannedState(planned, overrides, len(done), stale, sentences, declined, frozenset(kinds))


def _not_listed(run: Run) -> str:
    """Why the run's task takes no such hard function, as far as its file says; "" where it does not say so."""
    name = run.program["task"]["name"]
    external = task_files.find(name)
    listed = forwards.listed(external.path if external else task_files.TASKS_DIR / f"{name}.py")
    for part in ("function", "function_weights"):
        chosen = run.program[part]
        if chosen and listed is not None and chosen["name"] not in listed:
            return forwards.refusal(name, listed, chosen["name"])
    return ""


def _why_stale(store: Store, planned: PlannedRun, missing: set[str]) -> str:
    """Why the newest records of the replicas that are missing do not count: what has changed since; "" without any."""
    accounts = store.stale(planned.name, planned.fingerprint).values()
    old = [account for account in accounts if missing & {*account["replicas"]}]
    newest = max(old, key=lambda account: account["ended"], default=None)
    return identity.changed(newest.get("sources", {}), planned.covers) if newest else ""


def mixed_processors(states: list[PlannedState]) -> str:
    """What is said of records that were made, or are going to be made, on processors of several kinds.

    Args:
        states: of a plan.

    Returns:
        A sentence, or "".
    """
    kinds = {kind for state in states for kind in state.instructions}
    if any(state.missing for state in states):
        kinds.add(device.instructions())
    sets = {frozenset(kind.split()) for kind in kinds if kind}
    if len(sets) < 2:
        return ""
    common = frozenset.intersection(*sets)
    own = sorted(" ".join(sorted(one - common)) or "none of these" for one in sets)
    return (
        f"Processors of {len(sets)} kinds are in this plan, which differ in their instructions ({' / '.join(own)}): "
        "numbers are the same bit for bit on one of them only."
    )


def as_plan(name: str, arguments: list[str], states: list[PlannedState], common: dict[str, Any], written: str) -> Plan:
    """The plan of what can be: what was declined is named apart, with the reason.

    Args:
        name: of the plan.
        arguments: of the command.
        states: of all its runs.
        common: the settings that all share.
        written: when, as `provenance.now` has it.

    Returns:
        The plan, as the store keeps it.
    """
    runs, declined, files = [], [], estimator_files.files()
    drawn = [*common["figures"], *(["sensitivity"] if common["compare"] else []), *figures.named_files()]
    for state in states:
        run = state.planned.run
        if state.unsupported:
            words = dict(zip(("task", "estimator", "optimizer"), run.names, strict=True))
            own = {"run": state.planned.name, **words, "normalize": run.program["normalize"]}
            declined.append({**own, "reason": state.unsupported})
        else:
            rate = choices.defaults_of("optimizer", run.names[2])["learning_rate"]
            runs.append({**state.planned.plan, "default_rate": rate})
    return Plan(
        name,
        command_line(arguments),
        written,
        tuple(runs),
        tuple(dict.fromkeys(drawn)),
        tuple(common["tables"]),
        tuple(declined),
        common["reference"],
        common["margins"],
        common["strict"],
        tuple(common["compare"]),
        common["looks"],
        tuple(sorted({name for state in states for name in identity.estimators(state.planned.run)} & {*files})),
    )


def check_name(name: str, store: Store, planned: Mapping[str, set[str]]) -> None:
    """Refuses a name that a command gives its plan where it is another plan's.

    Args:
        name: as `name=` gives it.
        store: that may have a plan of this name.
        planned: by run, the replicas of the plan. It may have more than the plan of before: then it goes on with it.

    Raises:
        UserError: for what is no name, for an experiment's own, and for that of a plan that has what this one lacks.
        StoreError: for a plan of this name that cannot be read.
    """
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]{0,60}", name) or ".." in name:
        raise UserError(f"name is {name!r}, but must be up to 61 letters, digits, dots, hyphens and underscores.")
    if name in choices.options("experiment"):
        raise UserError(f"name is {name}, which an experiment has: take another.")
    if name in store.plans():
        plan = store.plan(name)
        if any(not {*run["replicas"]} <= planned.get(run["run"], set()) for run in plan.runs):
            raise UserError(f"name is {name}, which another plan has ({plan.command}): take another.")


def plan_name(experiment: str, arguments: list[str]) -> str:
    """The name of a plan that the command gives none.

    Args:
        experiment: its name.
        arguments: of the command.

    Returns:
        The experiment's own name where the command changes none of its content; else with a hash of what it changes.
    """
    told = [*arguments, *named_files.trained()]
    silent = ("experiment", "hydra", *_SILENT)
    own = sorted(a for a in told if re.split("[=./]", a)[0] not in silent)
    experiment = experiment.replace("/", "-")  # of an experiment in a folder of its own
    return f"{experiment}-{identity.digest(own)[:8]}" if own else experiment


def command_line(arguments: list[str]) -> str:
    """The command without the places where things lie.

    Args:
        arguments: of it.

    Returns:
        As it is typed.
    """
    kept = [a for a in arguments if not _PLACE.fullmatch(a.split("=")[0])]
    folder = choices.folder_as_argument()
    return shlex.join(["python", "-m", "runners.sweep", *folder, *kept, *named_files.every()])
