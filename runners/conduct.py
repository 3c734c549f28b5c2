"""Conducts a sweep: plans it, has the missing runs launched, and says what became of them."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from hydra.core.utils import JobReturn
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from results import wording
from results.store import Plan, Store
from runners import config, device, figures, identity, pages, worker
from runners.provenance import now
from runners.run import Outcome, Wanted, identify
from steeplechase.errors import RecordError, UserError

# The same for a whole sweep.
_CONTROL = ("store", "plan", "figures", "tables", "checkpoint", "lanes", "reference", "margins", "strict")


@dataclass(frozen=True)
class State:
    """A planned run: what is recorded, and why what is recorded under other code does not count."""

    wanted: Wanted
    overrides: list[str]
    done: int
    stale: str
    faults: tuple[str, ...]  # what of it does not count
    declined: str  # why there can be no such run, as far as that is known
    instructions: frozenset[str] = frozenset()  # the processors that its records were made on (device.instructions)

    @property
    def missing(self) -> int:
        return 0 if self.declined else len(self.wanted.ids) - self.done


def sweep(
    jobs: list[list[str]],
    compose: Callable[[list[str]], dict[str, Any]],
    launch: Callable[[list[list[str]]], list[JobReturn]],
    experiment: str,
    arguments: list[str],
) -> list[JobReturn]:
    """Plans the jobs, trains what is missing and ends with tables and figures; returns the launched jobs' returns.

    jobs: the overrides of each. Every one is composed and checked before the first starts. Exits with 1 where a run
    failed. Raises UserError.
    """
    started = time.perf_counter()
    console = Console(soft_wrap=not sys.stdout.isatty(), width=None if sys.stdout.isatty() else 140)
    states, common = _plan(jobs, compose)
    figures.check_names(common["figures"], common["tables"])
    if common["plan"]:
        _show(console, states)
        return []
    name = _name(experiment, arguments)
    store = Store(common["store"])
    store.make_writable()
    plan = _planned(name, arguments, states, common)
    store.write_plan(plan)
    ahead = [state for state in states if state.missing]
    _announce(console, states, ahead)
    returns = []
    if ahead and pages.files():
        fault = worker.fault(ahead[0].wanted.run.program["device"])
        if fault:
            raise UserError(fault)
    if ahead:
        returns = launch([[*s.overrides, f"progress={i}/{len(ahead)}"] for i, s in enumerate(ahead, 1)])
    outcomes = [_outcome(state, answer) for state, answer in zip(ahead, returns, strict=True)]
    failed = _report(console, ahead, outcomes, time.perf_counter() - started)
    if failed:
        sys.exit(1)
    try:
        refused = {outcome.run: outcome.declined for outcome in outcomes if outcome.declined}
        if refused:  # now it is known which runs cannot be, and that nothing of them is missing
            states = [replace(state, declined=refused.get(state.wanted.name, state.declined)) for state in states]
            plan = _planned(name, arguments, states, common)
            store.write_plan(plan)
        _list_declined(console, plan)
        if not plan.runs:
            print("steeplechase: nothing can be trained: every run was declined.", file=sys.stderr)
            sys.exit(1)
        faults = figures.draw(console, store, plan)
    except (RecordError, OSError) as error:
        faults = [str(error)]
    for fault in faults:
        print(f"steeplechase: {' '.join(fault.split())}", file=sys.stderr)
    if faults:
        sys.exit(1)
    return returns


def _plan(jobs, compose) -> tuple[list[State], dict[str, Any]]:
    states, common, seen = [], {}, set()
    if len(jobs) > 100:
        print(f"Composing {len(jobs):,} runs ...", flush=True)
    for overrides in jobs:
        cfg = compose(overrides)
        try:
            run = config.resolve(cfg, device.find(cfg["device"]))
        except UserError as mistake:
            words = " · ".join(str(cfg[group].get("name", "?")) for group in ("task", "estimator", "optimizer"))
            raise UserError(f"{mistake} (first seen in the run {words})" if len(jobs) > 1 else str(mistake)) from None
        worker.learn(run)
        wanted = identify(run)
        if wanted.name in seen:
            raise UserError(f"two runs of this sweep are the same: {' '.join(overrides)}.")
        seen.add(wanted.name)
        own = {key: cfg[key] for key in _CONTROL}
        if common and own != common:
            raise UserError(f"{', '.join(_CONTROL)} are the same for a whole sweep, and cannot be swept.")
        common, store, faults = own, Store(run.store), []

        def damaged(path, fault, faults=faults):
            faults.append((path, fault))

        parts = store.accounts(wanted.name, wanted.fingerprint, damaged, wanted.covers)
        done = {name for part in parts for name in part["replicas"]}
        declined = store.declined(wanted.name, wanted.fingerprint, damaged)
        if not cfg["plan"]:
            for path, fault in faults:
                print(f"{path} does not count: {fault}; it is set aside as {store.set_aside(path).name}.")
        lacking = {*wanted.ids} - done
        old = [o for o in store.stale(wanted.name, wanted.fingerprint).values() if lacking & {*o["replicas"]}]
        newest = max(old, key=lambda account: account["ended"], default=None)
        stale = identity.changed(newest.get("sources", {}), wanted.covers) if newest else ""
        told = tuple(f"{path.name} does not count: {fault}" for path, fault in faults)
        kinds = {part["instructions"] for part in parts if part.get("instructions") and done & {*wanted.ids}}
        states.append(State(wanted, overrides, len(done & {*wanted.ids}), stale, told, declined, frozenset(kinds)))
    return states, common


def _mixed(states: list[State]) -> str:
    """What is said of records that were made, or are going to be made, on processors of several kinds; or ""."""
    kinds = {kind for state in states for kind in state.instructions}
    if any(state.missing for state in states):
        kinds.add(device.instructions())
    kinds = {frozenset(kind.split()) for kind in kinds if kind}
    if len(kinds) < 2:
        return ""
    own = sorted(" ".join(sorted(kind - frozenset.intersection(*kinds))) or "none of these" for kind in kinds)
    return (
        f"Processors of {len(kinds)} kinds are in this plan, which differ in their instructions ({' / '.join(own)}): "
        "numbers are the same bit for bit on one of them only."
    )


def _planned(name, arguments, states, common) -> Plan:
    """The plan of what can be: what was declined is named apart, with the reason."""
    runs, declined = [], []
    for state in states:
        run = state.wanted.run
        if state.declined:
            words = dict(zip(("task", "estimator", "optimizer"), run.words, strict=True))
            own = {"run": state.wanted.name, **words, "normalize": run.program["normalize"]}
            declined.append({**own, "reason": state.declined})
        else:
            rate = config.page("optimizer", run.words[2])["learning_rate"]
            runs.append({**state.wanted.plan, "default_rate": rate})
    return Plan(
        name,
        _command(arguments),
        now(),
        tuple(runs),
        tuple(common["figures"]),
        tuple(common["tables"]),
        tuple(declined),
        common["reference"],
        common["margins"],
        common["strict"],
    )


def _list_declined(console, plan):
    """Pairs that cannot be, once each: they are no failure, and nobody should look for them in vain."""
    reasons = dict.fromkeys(one["reason"] for one in plan.declined)
    if reasons:
        why = (
            "was declined, because it cannot be" if len(plan.declined) == 1 else "were declined, because they cannot be"
        )
        console.print(f"{wording.count(len(plan.declined), 'run')} {why}:")
        for reason in reasons:
            console.print(f"  {escape(reason)}", highlight=False)


def _show(console, states):
    table = Table(title="The plan: nothing is trained")
    for column in ("task", "estimator", "optimizer", "run"):
        table.add_column(column, overflow="fold")
    for column in ("wanted", "done", "missing"):
        table.add_column(column, justify="right")
    table.add_column("stale, because, or else", overflow="fold")
    for state in states:
        numbers = (len(state.wanted.ids), state.done, state.missing)
        remarks = [state.stale, *state.faults, f"declined: {state.declined}" if state.declined else ""]
        words = (*state.wanted.run.words, state.wanted.name.rsplit("-", 1)[1], *numbers)
        table.add_row(*map(escape, map(str, words)), escape(" · ".join(filter(None, remarks))))
    console.print(table)
    console.print(
        f"{wording.count(len(states), 'run')}, "
        f"{wording.count(sum(len(s.wanted.ids) for s in states), 'replica')}: "
        f"{sum(s.done for s in states)} done, {sum(s.missing for s in states)} missing."
    )
    if mixed := _mixed(states):
        console.print(mixed)


def _announce(console, states, ahead):
    states = [state for state in states if not state.declined]
    replicas, done = sum(len(s.wanted.ids) for s in states), sum(s.done for s in states)
    if ahead:
        missing = sum(s.missing for s in ahead)
        console.print(
            f"{wording.count(len(states), 'run')}, {wording.count(replicas, 'replica')}: {done} "
            f"{'is' if done == 1 else 'are'} recorded, {missing} in {wording.count(len(ahead), 'run')} to train."
        )
    else:
        every = "The only replica" if replicas == 1 else f"All {replicas:,} replicas"
        of = f"{wording.count(len(states), 'run')} {'is' if replicas == 1 else 'are'}"
        console.print(f"{every} of {of} recorded already: nothing to train.")
    if mixed := _mixed(states):
        console.print(mixed)
    for state in ahead:
        if state.stale:
            console.print(escape(f"  stale: {state.wanted.name}: {state.stale}"))


def _outcome(state: State, answer: JobReturn) -> Outcome:
    """What a launched job came to; a job that raised or was lost is a failed outcome."""
    try:
        value = answer.return_value
    except Exception as error:  # Hydra hands a job's exception out here; it is told below, and makes the exit code
        value = Outcome(state.wanted.name, state.wanted.run.words, len(state.wanted.ids), error=f"{error}")
    return value


def _report(console, ahead, outcomes, seconds) -> int:
    for outcome in outcomes:
        for remark in outcome.remarks:
            console.print(escape(f"  {outcome.run}: {remark}"))
    failed = [(state, outcome) for state, outcome in zip(ahead, outcomes, strict=True) if outcome.error]
    if outcomes:
        clocks = {name: sum(getattr(o, name) for o in outcomes) for name in ("compile_s", "train_s", "judge_s")}
        trained, resumed, diverged = (sum(getattr(o, n) for o in outcomes) for n in ("trained", "resumed", "diverged"))
        rest = seconds - sum(clocks.values())
        console.print(
            f"Trained {wording.count(trained, 'replica')} in {seconds:.0f} s: {clocks['compile_s']:.0f} compiling, "
            f"{clocks['train_s']:.0f} training, {clocks['judge_s']:.0f} judging"
            + (f", {rest:.0f} for all else." if rest >= 0 else ", in several processes.")
            + (f" {resumed} went on from where they were." if resumed else "")
            + (f" {diverged} diverged." if diverged else "")
        )
    if failed:
        table = Table(title=f"{len(failed)} of {wording.count(len(outcomes), 'run')} failed")
        table.add_column("run", overflow="fold")
        table.add_column("why", overflow="fold")
        table.add_column("the command that repeats it", overflow="fold")
        for state, outcome in failed:
            again = shlex.join([*state.overrides, *pages.as_argument(whole=True)])
            table.add_row(*map(escape, (outcome.run, outcome.error, f"python -m runners.sweep {again}")))
        console.print(table)
    return len(failed)


def _name(experiment: str, arguments: list[str]) -> str:
    """An experiment's own name where the command changes none of its content; else with a hash of what it changes."""
    told = [*arguments, *pages.as_argument()]
    own = sorted(a for a in told if a.split("=")[0] not in ("experiment", *_CONTROL) and not a.startswith("hydra"))
    experiment = experiment.replace("/", "-")  # of an experiment in a folder of its own
    return f"{experiment}-{identity.digest(own)[:8]}" if own else experiment


def _command(arguments: list[str]) -> str:
    """The command without the places where things lie."""
    kept = [a for a in arguments if a.split("=")[0] not in ("store", "task.data", "task.labels")]
    return shlex.join(["python", "-m", "runners.sweep", *kept, *pages.as_argument()])
