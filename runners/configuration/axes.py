"""Axes of a sweep: which keys make replicas of one run, and which make runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

GRID_KEYS = ("grid", "wide")  # of an optimizer's page: learning rates for experiments to choose from

# The arguments of Keras' optimizers that may have one value per replica: those that were tested to be tensors.
# It stands here, and not in runners/optimizer.py, because a plan needs it without Keras.
PER_REPLICA = {
    "Adam": ("beta_1", "beta_2", "epsilon"),
    "AdamW": ("beta_1", "beta_2", "epsilon", "weight_decay"),
    "Bop": ("adaptivity", "threshold"),
    "Lion": ("beta_1", "beta_2"),
    "RMSprop": ("rho", "epsilon"),
}


def makes_replicas(key: str, optimizer: Mapping[str, Any]) -> bool:
    """Whether several values of this key are replicas of one run (or else are runs), with this optimizer chosen."""
    group, _, name = key.partition(".")
    if group == "optimizer":
        return name == "learning_rate" or name in PER_REPLICA.get(optimizer.get("keras"), ())
    return key == "seed" or (group in ("estimator", "estimator_weights") and bool(name))
