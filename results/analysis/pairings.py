"""Pairings: what each pair of slopes reaches, one at activations and one at weights, beside one slope at both."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from results.analysis import comparison, lookup
from results.analysis.comparison import ANY, Group
from results.records.result_set import ResultSet
from results.statistics import intervals, paired

COLUMNS = {  # of pairings(): name and what it holds
    "task_label": "the task as it is printed",
    "optimizer_label": "the optimizer as it is printed",
    "estimator": "name of the estimator at activations",
    "estimator_label": "the same as it is printed",
    "weights": "name of the estimator at hard weights; empty where none stands there",
    "weights_label": "the same as it is printed",
    "setting": "what the pair chose",
    "mean": "mean over draws at the last step; NaN where one diverged without bound",
    "low": "lower end of its 95 % t interval",
    "high": "upper end",
    "difference": "mean over draws of the pair minus the slope of its activations at both, draw by draw; NaN of that "
    "slope itself, and where it was not run",
    "p": "of no difference, corrected by Holm for the pairs of the task and the optimizer; NaN without a difference",
    "verdict": "better, worse or undecided beside the slope of its activations at both; empty without a difference",
    "measure": "the measure that is reported",
    "seeds": "how many seeds all pairs have",
    "draws": "how many draws of the problem these met",
}


def pairings(results: ResultSet) -> pd.DataFrame:
    """What pairs of slopes reach, each at its chosen setting.

    Where several runs have one pair (scaled in two ways), the one that is best by the measure that chooses stands for
    it.

    Args:
        results: complete ones. Controls and bounds take no part.

    Returns:
        The columns COLUMNS, sorted by task, optimizer and pair.

    Raises:
        RecordError: as comparison.groups does.
    """
    weights = _weights(results)
    rows: list[dict] = []
    for group in comparison.groups(results):
        if group.optimizer != ANY:
            rows += _of_group(group.without_controls, weights)
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    labels = frame.drop_duplicates("estimator").set_index("estimator")["estimator_label"]
    frame["weights_label"] = frame["weights"].map(labels).fillna(frame["weights"])
    return frame[list(COLUMNS)]


def _weights(results: ResultSet) -> dict[tuple[str, str, str], tuple[str, str]]:
    """By task, optimizer and method as they are printed its estimator's label, and the name of that at weights."""
    labels = lookup.run_labels(results)
    own = results.rows.drop_duplicates("run").set_index("run")["estimator_weights"]
    named = labels["run"].map(own).fillna("")
    keys = zip(labels["task_label"], labels["optimizer_label"], lookup.methods(labels), strict=True)
    return dict(zip(keys, zip(labels["estimator_label"], named, strict=True), strict=True))


def _of_group(group: Group, weights: Mapping[tuple[str, str, str], tuple[str, str]]) -> list[dict]:
    """The rows of a group's pairs."""
    values, chosen = group.values(), group.choose()
    costs = [group.selects.sign * by[at].mean() for by, at in zip(group.chosen_by, chosen, strict=True)]
    known = [weights[group.task_label, group.optimizer, method] for method in group.methods]
    best: dict[tuple[str, str], int] = {}
    for m in np.argsort(costs, kind="stable").tolist():
        best.setdefault((group.names[m], known[m][1]), m)
    contrasts = {}
    for (name, at_weights), m in best.items():
        if name != at_weights and (name, name) in best:
            contrasts[m] = paired.paired(values[m], values[best[name, name]])
    corrected = dict(zip(contrasts, paired.holm([c.p for c in contrasts.values()]).tolist(), strict=True))
    rows = []
    for (name, at_weights), m in sorted(best.items()):
        found, held = intervals.mean(values[m]), contrasts.get(m)
        rows.append(
            {
                "task_label": group.task_label,
                "optimizer_label": group.optimizer,
                "estimator": name,
                "estimator_label": known[m][0],
                "weights": at_weights,
                "setting": group.settings[m][chosen[m]],
                "mean": found.estimate,
                "low": found.low,
                "high": found.high,
                "difference": held.difference if held else math.nan,
                "p": corrected.get(m, math.nan),
                "verdict": paired.verdict(held, corrected[m], math.nan, group.reports.better) if held else "",
                "measure": group.reports.name,
                **group.counts,
            }
        )
    return rows
