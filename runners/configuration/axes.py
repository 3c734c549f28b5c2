"""Axes of a sweep: which keys make replicas of one run, and which make runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runners.optimizer_traits import traits

GRID_KEYS = ("grid", "wide")  # of an optimizer's page: learning rates for experiments to choose from


def makes_replicas(key: str, optimizer: Mapping[str, Any]) -> bool:
    """Whether several values of this key are replicas of one run (or else are runs), with this optimizer chosen."""
    group, _, name = key.partition(".")
    if group == "optimizer":
        return name == "learning_rate" or name in traits(optimizer.get("keras")).per_replica
    return key == "seed" or (group in ("estimator", "estimator_weights") and bool(name))
