"""The analysis `gradient_flow`: what flowed back through each hard site, a row for each replica, step and site."""

from __future__ import annotations

import pandas as pd

from results.records import schema
from results.records.result_set import ResultSet
from steeplechase.errors import RecordError

KEYS = ["run", "task", "estimator", "optimizer", "replica", "seed", "learning_rate", "step"]


def gradient_flow(results: ResultSet) -> pd.DataFrame:
    """The columns KEYS, `site` and those of schema.SITES that were recorded; sites in the order of their names.

    Args:
        results: of a sweep with gradient_flow=true.

    Returns:
        Sorted by run, replica, step and site. A site that a run does not have has no rows of it.

    Raises:
        RecordError: where nothing of it was recorded.
    """
    rows = results.rows
    wide = [name for name in rows.columns if name.startswith(schema.SITE)]
    if not wide:
        raise RecordError("nothing was recorded of layers: run the sweep with gradient_flow=true.")
    parts = []
    for site in sorted({name.split(".", 2)[2] for name in wide}):
        own = {name: name.split(".", 2)[1] for name in wide if name.split(".", 2)[2] == site}
        kept = rows[rows[list(own)].notna().any(axis=1)]
        part = kept[[*KEYS, *own]].rename(columns=own)
        part.insert(len(KEYS), "site", site)
        parts.append(part)
    whole = pd.concat(parts, ignore_index=True)
    known = [name for name in schema.SITES if name in whole]
    return whole[[*KEYS, "site", *known]].sort_values(["run", "replica", "step", "site"], ignore_index=True)
