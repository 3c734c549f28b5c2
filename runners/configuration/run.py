"""A run: one program and its replicas, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Run:
    """One program and its replicas, as plain data.

    program: everything that makes the program (identity covers it). replicas: for each its values by flat name: `seed`,
    `learning_rate`, `estimator.NAME`, `estimator_weights.NAME`, `optimizer.NAME`. files: where a task's files lie.
    """

    program: Mapping[str, Any]
    replicas: tuple[Mapping[str, Any], ...]
    files: Mapping[str, str]
    store: str
    checkpoint: float
    progress: str = ""
    lanes: int | None = None

    @property
    def words(self) -> tuple[str, str, str]:
        """The names of the task, the estimator and the optimizer."""
        return tuple(self.program[group]["name"] for group in ("task", "estimator", "optimizer"))
