"""The analysis `summary`: what each estimator reached on each task with each optimizer, and how surely."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from results.analysis import draws, estimand, lookup, measures, selection
from results.records.result_set import ResultSet
from results.statistics import intervals

COLUMNS = {  # of summary(): name and what it holds
    "run": "the run, as the store has it",
    "task": "name of the task",
    "task_label": "the task as it is printed",
    "estimator": "name of the estimator",
    "estimator_label": "the estimator as it is printed",
    "optimizer": "name of the optimizer",
    "optimizer_label": "the optimizer as it is printed",
    "variant": "in what the run differs from others of the same three labels",
    "bound": "upper or lower where it is a bound of what is compared, and compared with nobody",
    "learning_rate": "the rate that was chosen",
    "parameters": "the other values that were chosen",
    "edge": "low or high where the rate is the smallest or largest of three or more, and none between them is as good",
    "remark": "what a reader must know of this row",
    "seeds": "replicas with the chosen setting",
    "draws": "draws of the problem that these met: means and intervals are over draws, of each the mean over its seeds",
    "estimand": "what the seeds are draws of, in half a sentence",
    "selects": "the measure that the setting was chosen by",
    "reports": "the measure that the next eight columns hold",
    "unit": "its unit; empty for a pure number",
    "between": "standard deviation of the measure at the last step between draws, the seeds' own taken off; NaN where "
    "each seed has a draw of its own",
    "within": "standard deviation between seeds of one draw; NaN as there",
    "end_mean": "its mean over seeds at the last step",
    "end_low": "lower end of the 95 % t interval",
    "end_high": "upper end",
    "validated_mean": "its mean over seeds at the step that validation chose, for each seed its own",
    "validated_low": "lower end of the 95 % t interval",
    "validated_high": "upper end",
    "target": "what counts as arrived",
    "steps_to_target": "median over seeds of the first recorded step at which it was reached (updates), one that never "
    "reached it counting as the latest; infinite where so many did not",
    "reached": "seeds that reached it",
    "diverged": "replicas that diverged, of all settings",
    "replicas": "replicas of all settings",
    "replica_steps_per_s": "median over parts (1/s)",
    "device": "device class",
    "block": "replicas that one compiled call trains",
}


@dataclass(frozen=True)
class Summary:
    """The result table.

    Attributes:
        rows: one row per task, estimator and optimizer, that is, one per run (columns: COLUMNS).
        missing: how many planned replicas are missing, by run.
    """

    rows: pd.DataFrame
    missing: Mapping[str, int]


def summary(results: ResultSet) -> Summary:
    """What each run reached at its chosen setting.

    Incomplete results have their summary too: the remark says of each row how many replicas are missing.

    Returns:
        Its rows sorted by task, optimizer, estimator and variant as they are printed; no records give none.

    Raises:
        RecordError: for a result set that does not come from `results.load`.
    """
    missing = results.missing
    if results.rows.empty:
        return Summary(pd.DataFrame(columns=list(COLUMNS)), missing)
    accounts, settings, drawn = results.runs(), selection.chosen_settings(results), estimand.by_run(results)
    paces = [(account["run"], account["replica_steps_per_s"]) for account in results.accounts]
    rates = pd.DataFrame(paces, columns=["run", "rate"]).groupby("run")["rate"].median()
    reached, rows = _reached(results, settings, accounts), []
    for setting in settings.to_dict("records"):
        run = setting["run"]
        row = _row(reached[run], setting, accounts[run], missing.get(run, 0)) | {"estimand": drawn[run].text}
        row["bound"] = accounts[run].get("bound", "")
        rows.append({**setting, **row, "replica_steps_per_s": rates[run]})
    table = pd.DataFrame(rows)[list(COLUMNS)].astype({"steps_to_target": "float64"})
    by = ["task_label", "optimizer_label", "estimator_label", "variant"]
    return Summary(table.sort_values(by, ignore_index=True), missing)


def _reached(results: ResultSet, settings: pd.DataFrame, accounts: Mapping[str, Mapping[str, Any]]) -> dict[str, dict]:
    """By run, what its replicas with the chosen setting reached.

    Returns:
        The reported measure at the `end` and at the `validated` step, the `steps` to the target, and the
        `draws` that they met; and of all its `replicas`, whose number that is, how many `diverged`.
    """
    found: dict[str, dict] = {}
    every = results.final_rows()
    lost = every["diverged"].notna() if "diverged" in every else pd.Series(False, every.index)
    lost = lost.groupby(every["run"]).agg(["sum", "size"])
    chosen = settings.set_index("run")["replicas"]
    for account, runs in lookup.group_by_measures(accounts, settings["run"]):
        ids = chosen[runs].explode()
        kept, last = (rows[rows["replica"].isin(ids)] for rows in (results.rows, every))
        measured = {
            "end": (last, account["reports"]),
            "validated": (selection.validated(kept, account), "value"),
            "steps": (selection.steps_to_target(kept, account), "steps"),
            "draws": (last.assign(draw=draws.draws_of(last)), "draw"),  # in the same order as all of these
        }
        columns = {name: dict(list(rows.groupby("run")[column])) for name, (rows, column) in measured.items()}
        for run in runs:
            diverged, replicas = lost.loc[run]
            found[run] = {name: by_run[run] for name, by_run in columns.items()}
            found[run] |= {"diverged": int(diverged), "replicas": int(replicas)}
    return found


def _row(reached: dict, setting: dict, account: Mapping[str, Any], missing: int) -> dict:
    """What one run's rows say at its chosen setting."""
    measure = measures.measure(account["reports"], account)
    met = reached["draws"].to_numpy()
    end, best = (
        intervals.t_interval(draws.averaged(reached[which], met, measure.worst), measure.worst)
        for which in ("end", "validated")
    )
    ends = reached["end"].to_numpy("float64")
    steps = reached["steps"].astype("float64")
    alone = account["selects"] == account["reports"]
    remarks = [
        f"{edge_words(setting['edge'])} rate tried" if setting["edge"] else "",
        "nothing held out: chosen by what is reported" if alone else "",
        f"{missing} planned replicas missing" if missing else "",
    ]
    target, value = account["target"]
    sign = "≥" if measures.measure(target, account).better == "higher" else "≤"
    return {
        "remark": "; ".join(remark for remark in remarks if remark),
        "seeds": len(setting["replicas"]),
        "draws": len(set(met.tolist())),
        **draws.spreads(np.where(np.isfinite(ends), ends, measure.worst), met),
        "selects": account["selects"],
        "reports": measure.name,
        "unit": measure.unit,
        **dict(zip(("end_mean", "end_low", "end_high"), end, strict=True)),
        **dict(zip(("validated_mean", "validated_low", "validated_high"), best, strict=True)),
        "target": f"{measures.measure(target, account).label.lower()} {sign} {value:g}",
        "steps_to_target": float(steps.fillna(math.inf).median()),
        "reached": int(steps.notna().sum()),
        "diverged": reached["diverged"],
        "replicas": reached["replicas"],
        "device": account["device"],
        "block": account["block"],
    }


def edge_words(edge: str) -> str:
    """What is said of a rate at an edge of the grid; "" of any other."""
    return {"low": "smallest", "high": "largest"}.get(edge, "")
