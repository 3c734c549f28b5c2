"""The typed schema of conf/config.yaml, where configurations lie, and what is the most of anything."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from results.records.place import DEFAULT
from steeplechase.errors import UserError

SWEEP = "STEEPLECHASE_SWEEP"  # in the environment: the process of the command, for those that must not outlive it
_ROOT = Path(__file__).resolve().parents[2]
_PACKED = _ROOT / "runners" / "conf"  # where a wheel has it (pyproject.toml)
CHECKOUT = None if _PACKED.is_dir() else _ROOT  # the repository's folder; None for an installed copy
CONF = _ROOT / "conf" if CHECKOUT else _PACKED
GROUPS = ("task", "estimator", "function", "optimizer", "experiment")
AT_WEIGHTS = {"estimator_weights": "estimator", "function_weights": "function"}  # the groups that they choose from
PARTS = {**{group: group for group in GROUPS[:-1]}, **AT_WEIGHTS}  # what is chosen, and the group that it is from
INT32_MAX = 2**31 - 1  # seeds and sizes are int32


@dataclass
class Sweep:
    """Every key of conf/config.yaml. A list where the type is Any makes replicas."""

    task: dict[str, Any] = field(default_factory=dict)  # name, steps, and the page's arguments
    estimator: dict[str, Any] = field(default_factory=dict)  # name, and the page's parameters: each makes replicas
    estimator_weights: dict[str, Any] = field(default_factory=dict)  # for hard weights; empty: the same estimator
    function: dict[str, Any] = field(default_factory=dict)  # name of the hard function, and its parameters
    function_weights: dict[str, Any] = field(default_factory=dict)  # that of hard weights; empty: the same
    optimizer: dict[str, Any] = field(default_factory=dict)  # name, keras, learning_rate (makes replicas), arguments
    seed: Any = 0  # makes replicas
    normalize: str = "none"  # scale the slope: none, peak or area
    steps: int = 1000  # updates
    record_points: int = 10  # recorded steps after the start, evenly spread
    gradient_flow: bool = False  # record what flows back through each hard site, too
    precision: str = "float32"  # float32, float64, or tf32 (a GPU's short products)
    device: str = "auto"  # auto, cpu or gpu
    block: int | None = None  # replicas in one compiled call; null: by the trainer's rule
    parallel_blocks: int | None = (
        None  # blocks trained at a time, with the same numbers; null: one a core, or one on a GPU
    )
    store: str = DEFAULT  # where records, plans and figures go
    checkpoint: float = 10.0  # seconds of training after which a block's state is saved; 0: after every chunk
    reference: str = ""  # the estimator that the others are contrasted with, where a table does that
    margins: dict[str, float] = field(default_factory=dict)  # by task, a difference of its measure that does not matter
    strict: bool = False  # refuse tables that would compare against a rule, rather than say so in them
    plan: bool = False  # print what is done, missing or stale, and train nothing
    figures: list[str] = field(default_factory=list)  # drawn at the end
    tables: list[str] = field(default_factory=list)  # printed at the end
    progress: str = ""  # which run of how many: set by the sweeper


MOST = 100_000  # values of an axis, and replicas of a run


def refuse_too_many(what: str, number: int, of: str, most: int = MOST) -> None:
    """Refuses what would take all memory before anybody sees that it was a slip. Raises UserError."""
    if number > most:
        raise UserError(f"{what} {number:,} {of}, but {most:,} is the most.")
