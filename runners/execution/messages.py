"""What a sweep says: its plan, what is ahead, and what became of it."""

from __future__ import annotations

import shlex

from rich.markup import escape
from rich.table import Table

from results import wording
from runners.configuration import named_files
from runners.planning.plans import mixed_processors


def list_unsupported(console, plan):
    """Prints pairs that cannot be, once each: they are no failure, and nobody should look for them in vain.

    Args:
        console: Rich's.
        plan: with what was declined.
    """
    reasons = dict.fromkeys(one["reason"] for one in plan.declined)
    if reasons:
        why = (
            "was declined, because it cannot be" if len(plan.declined) == 1 else "were declined, because they cannot be"
        )
        console.print(f"{wording.count(len(plan.declined), 'run')} {why}:")
        for reason in reasons:
            console.print(f"  {escape(reason)}", highlight=False)


def plan_rows(states) -> list[dict]:
    """The plan: of each run what is done, missing, stale, or cannot be.

    Args:
        states: of the planned runs.

    Returns:
        For each its names, how many replicas are wanted, done and missing, and a remark, "" where there is none.
    """
    rows = []
    for state in states:
        remarks = [state.stale, *state.faults, f"declined: {state.unsupported}" if state.unsupported else ""]
        names = dict(zip(("task", "estimator", "optimizer"), state.planned.run.names, strict=True))
        numbers = {"wanted": len(state.planned.ids), "done": state.done, "missing": state.missing}
        rows.append({**names, "run": state.planned.name, **numbers, "remark": " · ".join(filter(None, remarks))})
    return rows


def show_plan(console, states):
    """Prints the plan: a row for each run, with what is done, missing, stale, or cannot be.

    Args:
        console: Rich's.
        states: of the planned runs.
    """
    table = Table(title="The plan: nothing is trained")
    for column in ("task", "estimator", "optimizer", "run"):
        table.add_column(column, overflow="fold")
    for column in ("wanted", "done", "missing"):
        table.add_column(column, justify="right")
    table.add_column("stale, because, or else", overflow="fold")
    for row in plan_rows(states):
        words = {**row, "run": row["run"].rsplit("-", 1)[1]}
        table.add_row(*map(escape, map(str, words.values())))
    console.print(table)
    console.print(
        f"{wording.count(len(states), 'run')}, "
        f"{wording.count(sum(len(s.planned.ids) for s in states), 'replica')}: "
        f"{sum(s.done for s in states)} done, {sum(s.missing for s in states)} missing."
    )
    if mixed := mixed_processors(states):
        console.print(mixed)


def announce(console, states, ahead):
    """Says how much is recorded, and how much is going to be trained.

    Args:
        console: Rich's.
        states: of all planned runs.
        ahead: of those that miss replicas.
    """
    states = [state for state in states if not state.unsupported]
    replicas, done = sum(len(s.planned.ids) for s in states), sum(s.done for s in states)
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
    if mixed := mixed_processors(states):
        console.print(mixed)
    for state in ahead:
        if state.stale:
            console.print(escape(f"  stale: {state.planned.name}: {state.stale}"))


def report_outcomes(console, ahead, outcomes, seconds) -> int:
    """Says what became of the runs that were launched.

    Args:
        console: Rich's.
        ahead: their states, as they were planned.
        outcomes: in the same order.
        seconds: since the sweep began.

    Returns:
        How many failed.
    """
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
            again = shlex.join([*state.overrides, *named_files.trained(whole=True)])
            table.add_row(*map(escape, (outcome.run, outcome.error, f"python -m runners.sweep {again}")))
        console.print(table)
    return len(failed)
