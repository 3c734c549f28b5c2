"""The analysis `notebook`: the numbers that the notebook of this project printed."""

from __future__ import annotations

import pandas as pd

from results.records.result_set import ResultSet
from steeplechase.errors import RecordError


def notebook(results: ResultSet) -> pd.DataFrame:
    """The table that the notebook of this project printed: its step k has the loss, the gradient and y before update k,
    and x after it; every tenth step.

    Returns:
        The columns `step, train_loss, gradient, x, y`.

    Raises:
        RecordError: where the records are not one replica of a scalar task with a row for every step.
    """
    rows = results.rows.sort_values("step").reset_index(drop=True)
    needed = ["train_loss", "gradient", "x", "y"]
    if not {*needed} <= {*rows.columns} or list(rows["step"]) != list(range(len(rows))) or len(rows) < 2:
        raise RecordError("the notebook's table needs one replica of a scalar task with a row for every step.")
    out = rows[:-1][["step", "train_loss", "gradient", "y"]].assign(x=rows["x"][1:].to_numpy())
    return out[out["step"] % 10 == 0][["step", "train_loss", "gradient", "x", "y"]].reset_index(drop=True)
