"""What a measurement of fidelity rests on: a training whose states it begins at, and the truth at these states.

A run measures fidelity where its program has `fidelity`. Task, optimizer, rate, steps and seeds are then those of the
training that all estimators share; the estimator is what is measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from runners.configuration import resolution
from runners.configuration.choices import defaults_of, unquoted
from runners.configuration.estimator_files import SAMPLES
from runners.configuration.run import ReplicaValues, Run
from runners.configuration.schema import AVERAGES
from runners.planning import device

ESTIMATE, TRUTH = "estimate", "truth"  # what of a measurement a run is


def measures_fidelity(run: Run) -> bool:
    """Whether a run measures fidelity, or else trains."""
    return "fidelity" in run.program


def run_of(cfg: Mapping[str, Any]) -> Run:
    """The run that a job is: the one that its configuration describes, or one that this rests on (fidelity.role).

    Args:
        cfg: composed and resolved, as plain data.

    Returns:
        The run.

    Raises:
        UserError: as resolution.resolve and device.find.
    """
    run = resolution.resolve(cfg, device.find(cfg["device"]))
    if not measures_fidelity(run):
        return run
    other = {"training": training_of, TRUTH: truth_of}.get(cfg["fidelity"]["role"])
    return other(run) if other else run


def needed(run: Run) -> tuple[Run, ...]:
    """The runs that have to be recorded before a run can be.

    Args:
        run: any.

    Returns:
        In the order in which they are needed: the training, and the truth where the run is not that itself; nothing for
        a training.
    """
    if not measures_fidelity(run):
        return ()
    training = training_of(run)
    return (training,) if run.program["fidelity"]["role"] == TRUTH else (training, truth_of(run))


def training_of(run: Run) -> Run:
    """The training at whose states a run measures.

    Args:
        run: that measures fidelity.

    Returns:
        A training by the estimator `along` with its defaults, which keeps its states.
    """
    measured = run.program["fidelity"]
    program = {name: value for name, value in run.program.items() if name != "fidelity"}
    page, numbers = _with_defaults(measured["along"])
    program |= {"estimator": page, "keep": measured["at"]}
    return _of_each(run, program, numbers)


def truth_of(run: Run) -> Run:
    """The run that measures the reference gradient at these states.

    Args:
        run: that measures fidelity.

    Returns:
        A run by the estimator `truth` with its defaults.
    """
    measured: Mapping[str, Any] = run.program["fidelity"]
    page, numbers = _with_defaults(measured["along"] if averaged(measured) else measured["truth"])
    own = {name: value for name, value in measured.items() if name not in ("calls", "truth_calls", "delta")}
    own |= {"role": TRUTH, "calls": measured["truth_calls"]}
    return _of_each(run, {**run.program, "estimator": page, "fidelity": own}, numbers)


def averaged(measured: Mapping[str, Any]) -> bool:
    """Whether the truth is the gradient of a loss that is averaged, and no estimator's mean.

    Args:
        measured: of a run's program what is said of fidelity.

    Returns:
        True or false.
    """
    return measured["truth"] in AVERAGES


def basis(values: ReplicaValues, of: Run) -> ReplicaValues:
    """The replica of a needed run that a replica rests on.

    Args:
        values: of the replica.
        of: the needed run, all of whose replicas have the same numbers of their estimator.

    Returns:
        Its values.
    """
    return replace(values, estimator=of.replicas[0].estimator, width=None)


def _with_defaults(name: str) -> tuple[dict[str, Any], dict[str, float]]:
    """What of an estimator with its defaults makes the program, and its numbers."""
    defaults = {key: unquoted(value) for key, value in defaults_of("estimator", name).items()}
    page = {key: value for key, value in defaults.items() if key in ("name", SAMPLES)}
    return page, {key: float(value) for key, value in defaults.items() if key not in page}


def _of_each(run: Run, program: Mapping[str, Any], numbers: Mapping[str, float]) -> Run:
    """The run of another program, with one replica for each that differs in more than its estimator's numbers."""
    replicas = {repr(own.columns()): own for own in (replace(r, estimator=numbers, width=None) for r in run.replicas)}
    return replace(run, program=program, replicas=tuple(replicas.values()))
