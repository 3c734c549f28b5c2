"""Accounts: what is said of a part of a record, how it came to be, every key once with its type, unit and meaning.

In the store an account is a JSON object with these keys and those that the store adds (`schema`, `table`, `sha256`,
`seal`); whoever reads it has a mapping, in which a key that is newer than the record is absent.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, get_origin, get_type_hints


@dataclass(frozen=True, kw_only=True)
class Needed:
    """What tables and figures take from an account: a part without one of them does not count.

    Attributes:
        run: the run's name: task, estimator, optimizer and program hash.
        fingerprint: of the code and the numeric stack.
        selects: the measure by which settings are chosen.
        reports: the measure that is reported.
        device: the device class: cpu or gpu.
        started: when the training of the part began: ISO 8601, UTC.
        ended: when it was done: ISO 8601, UTC.
        measures: what the task declares: by name {"label", "unit", "better", "bounds"}.
        labels: how the "task", the "estimator" and the "optimizer" are printed.
        replicas: the ids of the part's replicas.
        target: the measure and the value that count as arrived.
        block: how many replicas one compiled call trained.
        compile_s: seconds of compiling.
        train_s: seconds of compiled training of the whole block, over resumes.
        replica_steps_per_s: the part's replicas divided by the median time of a step, without compiling.
        examples_per_s: that times the batch.
    """

    run: str
    fingerprint: str
    selects: str
    reports: str
    device: str
    started: str
    ended: str
    measures: dict[str, dict]
    labels: dict[str, str]
    replicas: list[str]
    target: list
    block: int
    compile_s: float
    train_s: float
    replica_steps_per_s: float
    examples_per_s: float


@dataclass(frozen=True, kw_only=True)
class Account(Needed):
    """All that a run says of a part. A key that is not here cannot be written, and none can be left out.

    Attributes:
        sources: what the fingerprint stands for: digests of sources, versions of packages.
        configuration: the run's, as it was resolved.
        control: whether the estimator's slope is zero everywhere: ranked, but compared with nobody.
        bound: "upper" of a network with real functions in the place of hard ones, "lower" of one whose hidden layers
            get no gradient: told beside what is compared, and compared with nobody; else "".
        can_fail: whether a training of the task may miss its target for good, by its start or its draw.
        draw: what each seed draws of the problem: {"of": split, instance or "", "fixed": the one that all share or
            None, "overlap": test examples for each training example where draws share them, else 0; None: unknown}.
        slopes: the digest of the slope of "activations" and of "weights" (estimators/digest.py): runs with the same
            ones train with one function, whatever it is called. Empty where the run has no single one.
        outside_spread: why the estimator takes no part in spreads and correlations of surrogates; "" where it does.
        optimum: the smallest possible loss, where it is known.
        parameters: how many numbers one replica trains.
        flops_per_step: floating-point operations of one training step of one replica, as the task counts them.
        lanes: how many blocks were trained side by side.
        judge_s: seconds of judging.
        step_s: seconds of one step of the block, over chunks: {"median", "q25", "q75"}.
        peak_memory_bytes: the largest resident size that the process has had.
        matrix_product_share: of what matrix products alone could do on this device: of matrix_product_flops.
        matrix_product_flops: floating-point operations per second of a float32 product of 1024 × 1024.
        tf32: whether a GPU was allowed to shorten the factors of float32 products.
        versions: of Python and of packages.
        xla_flags: what XLA_FLAGS said; a file that it names by base name and digest.
        deterministic: whether TensorFlow was told to be.
        device_name: of the processor.
        driver: the GPU's; None on a CPU.
        instructions: the processor's instruction set, as far as numbers may depend on it; "" where unknown.
        cores: that the process may use.
        threads: that one operation may use.
        states: the file of the states that the part keeps (Store.states_of); "" where it keeps none.
        claims: digests of the claims that stood before the part was trained (results/records/declared.py); None where
            they could not be read.
        commit: of the checkout; None where it is none.
        dirty: whether files differed from it; None where that is not known.
    """

    sources: dict[str, str]
    configuration: dict[str, Any]
    control: bool
    bound: str
    can_fail: bool
    draw: dict[str, Any]
    slopes: dict[str, str]
    outside_spread: str
    optimum: float | None
    parameters: int
    flops_per_step: float
    lanes: int
    judge_s: float
    step_s: dict[str, float]
    peak_memory_bytes: int
    matrix_product_share: float
    matrix_product_flops: float
    tf32: bool
    versions: dict[str, str]
    xla_flags: str
    deterministic: bool
    device_name: str | None
    driver: str | None
    instructions: str
    cores: int | None
    threads: int | None
    states: str
    claims: list[str] | None
    commit: str | None
    dirty: bool | None


def needed_kinds() -> dict[str, type | tuple[type, ...]]:
    """By each key of Needed the kinds that its value may have, once it has come back from JSON."""
    hints = get_type_hints(Needed)
    kinds = {entry.name: get_origin(hints[entry.name]) or hints[entry.name] for entry in fields(Needed)}
    return {name: (int, float) if kind in (int, float) else kind for name, kind in kinds.items()}
