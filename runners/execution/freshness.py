"""Whether a plan's records were made by the code that is here now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from results.records import sealed
from results.records.plan import Plan
from runners.configuration.run import Run
from runners.execution import worker
from runners.planning import device, estimator_sources, identity, task_sources
from steeplechase.errors import UserError


def check_fresh(plan: Plan) -> None:
    """Refuses a plan whose records were not made by the code that is here.

    Args:
        plan: whose runs are looked at.

    Raises:
        UserError: where the code that made the plan's records has changed since; as why_stale.
        StoreError: where the plan does not say what code that is.
    """
    reason = why_stale(plan)
    if reason:
        raise UserError(
            f"the records of {plan.name} are stale ({reason}): run `{plan.command}` again, or give --stale."
        )


def why_stale(plan: Plan) -> str:
    """What has changed of the code that made a plan's records.

    Args:
        plan: whose runs are looked at.

    Returns:
        Of the first run of which something has, what; "" where nothing has.

    Raises:
        UserError: for an external estimator or task whose file nobody named.
        StoreError: where the plan does not say what code that is.
    """
    for entry in plan.runs:
        fingerprint, covers = fingerprint_now(entry["configuration"], entry["sources"], f"the plan {plan.name}")
        if fingerprint != entry["fingerprint"]:
            return identity.changed(entry["sources"], covers)
    return ""


def fingerprint_now(
    configuration: Mapping[str, Any], recorded: Mapping[str, str], of: str
) -> tuple[str, dict[str, str]]:
    """The fingerprint that a recorded run would have by the code that is here.

    Args:
        configuration: as it is recorded.
        recorded: what the recorded fingerprint covers.
        of: what the run is part of, in words.

    Returns:
        (fingerprint, what it covers). What a GPU of another machine computed with is believed: its records are drawn
        anywhere.

    Raises:
        UserError: for an external estimator or task whose file nobody named.
        StoreError: where the configuration does not say what was run.
    """
    configuration = {"estimator_weights": None, "function_weights": None, **configuration}
    function = configuration.get("function", configuration.get("forward"))
    if isinstance(function, str):  # a word in older plans, and under `forward` in the oldest
        configuration["function"] = {"name": function}
    for group in ("task", "estimator", "function", "optimizer"):
        part = configuration.get(group)
        sealed.named(f"{group} of {of}", part.get("name") if isinstance(part, dict) else part)
    run = Run(configuration, (), {}, "", 0.0)
    for name in identity.estimators(run):
        estimator_sources.refuse_unknown(name)
    task_sources.refuse_unknown(configuration["task"]["name"])
    worker.learn(replace(run, program={**run.program, "device": "cpu"}))  # what pages read, no device decides
    return identity.fingerprint(run, device.recorded_stack(recorded))
