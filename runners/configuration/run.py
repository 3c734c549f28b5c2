"""A run: one program and its replicas, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Values = Mapping[str, float | Mapping[str, Any]]  # numbers by the parameter's name; a schedule is a mapping itself


@dataclass(frozen=True)
class ReplicaValues:
    """What makes a replica of its program: the seed, and numbers or schedules.

    Attributes:
        seed: at least 0.
        learning_rate: a number or a schedule.
        estimator: the values of the estimator's parameters.
        estimator_weights: those of the estimator of hard weights; empty where none of their own is chosen.
        optimizer: the optimizer's arguments that each replica has its own value of.
        width: of the slopes, a number or a schedule; None: each has its own.
    """

    seed: int
    learning_rate: float | Mapping[str, Any]
    estimator: Values = field(default_factory=dict)
    estimator_weights: Values = field(default_factory=dict)
    optimizer: Mapping[str, float] = field(default_factory=dict)
    width: float | Mapping[str, Any] | None = None

    def columns(self) -> dict[str, Any]:
        """The values by the flat names that records have and that an id is made of.

        Returns:
            `seed`, `learning_rate`, `width`, and `estimator.NAME`, `estimator_weights.NAME`, `optimizer.NAME`, in this
            order.
        """
        flat: dict[str, Any] = {"seed": self.seed, "learning_rate": self.learning_rate, "width": self.width}
        for group in ("estimator", "estimator_weights", "optimizer"):
            flat |= {f"{group}.{name}": value for name, value in getattr(self, group).items()}
        return flat


@dataclass(frozen=True)
class Run:
    """One program and its replicas, as plain data.

    Attributes:
        program: everything that makes the program (identity covers it).
        replicas: in the order of the record.
        files: where a task's files lie, by the task's argument.
        store: the folder of records.
        checkpoint: seconds after which a block's state is saved; 0: after every recorded step.
        progress: which run of how many, as "2/7"; "" where it is not said.
        parallel_blocks: how many blocks are trained at a time; None: one a core, or one on a GPU.
    """

    program: Mapping[str, Any]
    replicas: tuple[ReplicaValues, ...]
    files: Mapping[str, str]
    store: str
    checkpoint: float
    progress: str = ""
    parallel_blocks: int | None = None

    @property
    def seeds_per_draw(self) -> int:
        """How many seeds meet one draw of the problem."""
        return self.program.get("seeds_per_draw", 1)

    def draw(self, values: ReplicaValues) -> int:
        """The draw of the problem that a replica meets, by number."""
        return values.seed // self.seeds_per_draw

    @property
    def names(self) -> tuple[str, str, str]:
        """The names of the task, the estimator and the optimizer."""
        return tuple(self.program[group]["name"] for group in ("task", "estimator", "optimizer"))
