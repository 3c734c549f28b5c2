"""Accounts: what is said of a part of a record, how it came to be, every key once with its type, unit and meaning.

In the store an account is a JSON object with these keys and those that the store adds (`schema`, `table`, `sha256`,
`seal`); whoever reads it has a mapping, in which a key that is newer than the record is absent.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, get_origin, get_type_hints


@dataclass(frozen=True, kw_only=True)
class Needed:
    """What tables and figures take from an account: a part without one of them does not count."""

    run: str  # the run's name: task, estimator, optimizer and program hash
    fingerprint: str  # of the code and the numeric stack
    selects: str  # the measure by which settings are chosen
    reports: str  # the measure that is reported
    device: str  # the device class: cpu or gpu
    started: str  # when the training of the part began: ISO 8601, UTC
    ended: str  # when it was done: ISO 8601, UTC
    measures: dict[str, dict]  # what the task declares: by name {"label", "unit", "better", "bounds"}
    labels: dict[str, str]  # how the "task", the "estimator" and the "optimizer" are printed
    replicas: list[str]  # the ids of the part's replicas
    target: list  # the measure and the value that count as arrived
    block: int  # how many replicas one compiled call trained
    compile_s: float  # seconds of compiling
    train_s: float  # seconds of compiled training of the whole block, over resumes
    replica_steps_per_s: float  # the part's replicas divided by the median time of a step, without compiling
    examples_per_s: float  # that times the batch


@dataclass(frozen=True, kw_only=True)
class Account(Needed):
    """All that a run says of a part. A key that is not here cannot be written, and none can be left out."""

    sources: dict[str, str]  # what the fingerprint stands for: digests of sources, versions of packages
    configuration: dict[str, Any]  # the run's, as it was resolved
    control: bool  # whether the estimator's slope is zero everywhere: ranked, but compared with nobody
    optimum: float | None  # the smallest possible loss, where it is known
    parameters: int  # how many numbers one replica trains
    flops_per_step: float  # floating-point operations of one training step of one replica, as the task counts them
    lanes: int  # how many blocks were trained side by side
    judge_s: float  # seconds of judging
    step_s: dict[str, float]  # seconds of one step of the block, over chunks: {"median", "q25", "q75"}
    peak_memory_bytes: int  # the largest resident size that the process has had
    matrix_product_share: float  # of what matrix products alone could do on this device: of matrix_product_flops
    matrix_product_flops: float  # floating-point operations per second of a float32 product of 1024 × 1024
    tf32: bool  # whether a GPU was allowed to shorten the factors of float32 products
    versions: dict[str, str]  # of Python and of packages
    xla_flags: str  # what XLA_FLAGS said; a file that it names by base name and digest
    deterministic: bool  # whether TensorFlow was told to be
    device_name: str | None  # of the processor
    driver: str | None  # the GPU's; None on a CPU
    instructions: str  # the processor's instruction set, as far as numbers may depend on it; "" where unknown
    cores: int | None  # that the process may use
    threads: int | None  # that one operation may use
    commit: str | None  # of the checkout; None where it is none
    dirty: bool | None  # whether files differed from it; None where that is not known


def needed_kinds() -> dict[str, type | tuple[type, ...]]:
    """By each key of Needed the kinds that its value may have, once it has come back from JSON."""
    hints = get_type_hints(Needed)
    kinds = {entry.name: get_origin(hints[entry.name]) or hints[entry.name] for entry in fields(Needed)}
    return {name: (int, float) if kind in (int, float) else kind for name, kind in kinds.items()}
