"""Measures: which direction is better, what a value that is not finite counts as, and when a target is reached."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from results.records import schema
from steeplechase.errors import RecordError


@dataclass(frozen=True)
class Measure:
    """A measure as a run's account has it: how it is printed, its unit ("" for a pure number), which way is better."""

    name: str
    label: str
    unit: str
    better: str  # "higher", "lower", or "" where it has no direction

    @property
    def title(self) -> str:
        """Label and unit, as on an axis."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    @property
    def worst(self) -> float:
        """The worst possible value: 0 or 1 for a share, else infinite."""
        if self.unit.startswith("share"):
            return 0.0 if self.better == "higher" else 1.0
        return -math.inf if self.better == "higher" else math.inf

    @property
    def sign(self) -> int:
        """What makes a cost of a value: −1 where higher is better, else 1."""
        return -1 if self.better == "higher" else 1

    def cost(self, values: pd.Series) -> pd.Series:
        """The values as numbers of which the smallest is the best; one that is not finite is the worst possible."""
        filled = values.astype("float64").where(np.isfinite(values.astype("float64")), self.worst)
        return self.sign * filled

    def reached(self, values: pd.Series, target: float) -> pd.Series:
        """Whether each value is at least as good as the target; one that is not finite never is."""
        values = values.astype("float64")
        return np.isfinite(values) & ((values >= target) if self.better == "higher" else (values <= target))


def measure(name: str, account: Mapping) -> Measure:
    """The measure of this name: the task's own declaration if there is one, else the schema's.

    An accuracy is a share, whatever unit it was given. Raises RecordError for a name that is in neither.
    """
    declared = account["measures"].get(name)
    if declared is None and name not in schema.MEASURES:
        raise RecordError(f"measure '{name}' is neither in results/records/schema.py nor declared by the task.")
    known = declared or {"unit": schema.MEASURES[name].unit, "better": schema.MEASURES[name].better}
    label = known.get("label") or name.replace("_", " ").capitalize()
    unit = "" if known["unit"] == "1" else known["unit"]
    return Measure(name, label, "share" if name.endswith("accuracy") else unit, known["better"])
