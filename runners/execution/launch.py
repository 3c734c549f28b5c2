"""Conducts a sweep: plans it, has the missing runs launched, and says what became of them."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from hydra.core.utils import JobReturn
from rich.console import Console

from results import figures, outputs, wording
from results.records.store import Store
from runners import answer
from runners.configuration import named_files
from runners.execution import worker
from runners.execution.messages import announce, list_unsupported, plan_rows, report_outcomes, show_plan
from runners.execution.outcome import Outcome
from runners.execution.provenance import now
from runners.execution.waiting import await_others
from runners.planning import shards
from runners.planning.plans import PlannedState, as_plan, check_name, command_line, plan_name, plan_runs
from steeplechase.errors import RecordError, UserError


def plan_and_launch(
    jobs: list[list[str]],
    compose: Callable[[list[str]], dict[str, Any]],
    launch: Callable[[list[PlannedState], list[str]], list[JobReturn]],
    experiment: str,
    arguments: list[str],
) -> list[JobReturn]:
    """Plans the jobs, trains what is missing and ends with tables and figures. Exits with 1 where a run failed.

    Args:
        jobs: the overrides of each. Every one is composed and checked before the first starts.
        compose: gives the configuration of a job, as plain data.
        launch: has runs trained, each with which of how many it is, and returns what each came to.
        experiment: the name of the experiment.
        arguments: of the command.

    Returns:
        The launched jobs' returns; none where only a plan is asked for.

    Raises:
        UserError: for what cannot be planned, and for an estimator or a task in a file that breaks the contract.
    """
    started = time.perf_counter()
    console = Console(soft_wrap=not sys.stdout.isatty(), width=None if sys.stdout.isatty() else 140)
    states, common = plan_runs(jobs, compose, worker.learn)
    outputs.check_names(common["figures"], common["tables"])
    store = Store(common["store"])
    if common["name"]:
        check_name(common["name"], store, {state.planned.name: {*state.planned.ids} for state in states})
    if common["plan"] == "json":
        sys.stdout.buffer.write(shards.as_json(states, command_line(arguments), named_files.trained()) + b"\n")
        return []
    if common["plan"]:
        answer.report(runs=plan_rows(states))
        show_plan(console, states)
        return []
    name = common["name"] or plan_name(experiment, arguments)
    store.make_writable()
    plan = as_plan(name, arguments, states, common, now())
    store.write_plan(plan)
    answer.report(store=str(store.root.absolute()), plan=name)
    ahead = [state for state in states if state.missing]
    announce(console, states, ahead)
    if ahead and named_files.trained():
        fault, remarks = worker.fault([state.planned.run for state in ahead])
        if fault:
            raise UserError(fault)
        for remark in remarks:
            console.print(f"  a remark: {remark}", highlight=False, markup=False)
    if ahead and not answer.asked():
        threading.Thread(target=figures.load, args=(plan.figures,), daemon=True).start()  # while others train
    returns: list[JobReturn] = []

    def launched(numbers: Sequence[int]) -> list[Outcome]:
        states = [ahead[number] for number in numbers]
        returns.extend(launch(states, [f"{number + 1}/{len(ahead)}" for number in numbers]))
        return [_outcome(*pair) for pair in zip(states, returns[-len(states) :], strict=True)]

    places = [(state.planned.name, state.planned.fingerprint) for state in ahead]
    outcomes = await_others(console, store, places, launched(range(len(ahead))), launched) if ahead else []
    queued = {outcome.queued for outcome in outcomes if outcome.queued}
    if queued:
        console.print(
            f"{wording.count(len(outcomes), 'run')} left to {wording.count(len(queued), 'job')} that "
            f"{'is' if len(queued) == 1 else 'are'} queued or running: the same command, with submit=wait, waits for "
            "them, and shows what they found; runners.status says how far they are."
        )
        return returns
    failed = report_outcomes(console, ahead, outcomes, time.perf_counter() - started)
    if failed:
        answer.report(failed={outcome.run: outcome.error for outcome in outcomes if outcome.error})
        sys.exit(1)
    try:
        refused = {outcome.run: outcome.unsupported for outcome in outcomes if outcome.unsupported}
        if refused:  # now it is known which runs cannot be, and that nothing of them is missing
            states = [
                replace(state, unsupported=refused.get(state.planned.name, state.unsupported)) for state in states
            ]
            plan = as_plan(name, arguments, states, common, now())
            store.write_plan(plan)
        list_unsupported(console, plan)
        if not plan.runs:
            nothing = "nothing can be trained: every run was declined."
            answer.report(error=nothing)
            print(f"steeplechase: {nothing}", file=sys.stderr)
            sys.exit(1)
        faults = [] if answer.asked() else outputs.draw(console, store, plan)
    except (RecordError, OSError) as error:
        faults = [str(error)]
    for fault in faults:
        print(f"steeplechase: {' '.join(fault.split())}", file=sys.stderr)
    if faults:
        sys.exit(1)
    return returns


def _outcome(state: PlannedState, answer: JobReturn) -> Outcome:
    """What a launched job came to; a job that raised or was lost is a failed outcome."""
    try:
        value = answer.return_value
    except Exception as error:  # Hydra hands a job's exception out here; it is told below, and makes the exit code
        value = Outcome(state.planned.name, state.planned.run.names, len(state.planned.ids), error=f"{error}")
    return value
