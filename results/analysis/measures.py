"""Measures: which direction is better, what a value that is not finite counts as, and when a target is reached."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from results.records import schema
from steeplechase.errors import RecordError

SHARE = (0.0, 1.0)  # the bounds of a share


@dataclass(frozen=True)
class Measure:
    """A measure as a run's account has it.

    Attributes:
        name: of its column.
        label: as it is printed.
        unit: "" for a pure number.
        better: "higher", "lower", or "" where it has no direction.
        bounds: the smallest and the largest value that it can have.
    """

    name: str
    label: str
    unit: str
    better: str
    bounds: tuple[float, float] = (-math.inf, math.inf)

    @property
    def title(self) -> str:
        """Label and unit, as on an axis."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    @property
    def worst(self) -> float:
        """The worst possible value: the bad end of its bounds, infinite where that end is open."""
        return self.bounds[0] if self.better == "higher" else self.bounds[1]

    @property
    def share(self) -> bool:
        """Whether it is a share, which lies between 0 and 1."""
        return self.bounds == SHARE

    @property
    def bounded(self) -> bool:
        """Whether both ends of its bounds are finite."""
        return all(map(math.isfinite, self.bounds))

    @property
    def sign(self) -> int:
        """What makes a cost of a value: −1 where higher is better, else 1."""
        return -1 if self.better == "higher" else 1

    def cost(self, values: pd.Series) -> pd.Series:
        """The values as numbers of which the smallest is the best; one that is not finite is the worst possible."""
        filled = values.astype("float64").where(np.isfinite(values.astype("float64")), self.worst)
        return self.sign * filled

    def reached(self, values: pd.Series, target: float) -> pd.Series:
        """Whether each value is at least as good as the target; one that is not finite never is.

        Args:
            values: of this measure.
            target: in its unit.

        Returns:
            bool, as long as the values.
        """
        values = values.astype("float64")
        return np.isfinite(values) & ((values >= target) if self.better == "higher" else (values <= target))


def measure(name: str, account: Mapping) -> Measure:
    """The measure of this name: the task's own declaration if there is one, else the schema's.

    A share without a unit is printed as one: "share".

    Args:
        name: of its column.
        account: of a run of the task.

    Returns:
        The measure, an open end of its bounds infinite.

    Raises:
        RecordError: for a name that is in neither.
    """
    declared = account["measures"].get(name)
    if declared is None and name not in schema.MEASURES:
        raise RecordError(f"measure '{name}' is neither in results/records/schema.py nor declared by the task.")
    known = _with_bounds(name, declared) if declared else vars(schema.MEASURES[name])
    low, high = known["bounds"]
    bounds = -math.inf if low is None else float(low), math.inf if high is None else float(high)
    label = known.get("label") or name.replace("_", " ").capitalize()
    unit = "" if known["unit"] == "1" else known["unit"]
    return Measure(name, label, unit or ("share" if bounds == SHARE else ""), known["better"], bounds)


def _with_bounds(name: str, declared: Mapping) -> Mapping:
    """A declared measure with its bounds. Accounts that were written before measures had any, and frozen tables of
    that time, take the rule of then: what has a unit that begins with "share" is one, and so is an accuracy, whatever
    unit it was given; everything else is open at both ends.

    Returns:
        The declaration, with `bounds`; None is an open end.
    """
    if "bounds" in declared:
        return declared
    if name.endswith("accuracy"):
        return {**declared, "unit": "share", "bounds": SHARE}
    return {**declared, "bounds": SHARE if declared["unit"].startswith("share") else (None, None)}
