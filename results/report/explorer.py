"""What a reader may explore: a method's measures at every learning rate and step, as plain data for a page."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from results.analysis import draws, lookup, measures, selection
from results.drawing import layout
from results.records.result_set import ResultSet
from results.statistics import intervals

DIGITS = 5  # significant ones


def explorer(results: ResultSet) -> list[dict]:
    """For each task what its curves are made of, as JSON has it: no NaN, no infinity.

    Where more than the rate was swept, a curve at a rate is that of the setting that the choosing measure prefers.

    Returns:
        {task, measures: [{name, title, better, share}], steps: [...], curves: [{optimizer, method, colour, dash, seeds,
        draws, rates: [...], chosen, parameters, values: {measure: [mean, low, high]}}]}, each of the three
        [rates][steps]: the mean over draws, of each over its seeds, and the ends of its 95 % t interval, null where a
        seed diverged without bound and where the run recorded nothing. chosen: which of the rates was.
    """
    if results.rows.empty:
        return []
    described, named, last = results.runs(), lookup.run_labels(results), results.final_rows()
    settings = selection.chosen_settings(results).set_index("run")
    named["entry"] = lookup.methods(named)
    pairs = zip(named["estimator"], named["entry"], strict=True)
    looks = layout.lines(pairs, lookup.bound_methods(results), results.plan)
    by_run = dict(zip(sorted(last["run"].unique()), selection.tested_settings(last), strict=True))
    place = _preferred(by_run, last, described)
    rows = results.rows.assign(rate=results.rows["replica"].map(place))
    rows = rows[rows["rate"].notna()].assign(met=draws.draws_of)
    found = []
    for task, of_task in named.groupby("task_label", sort=True):
        accounts = [described[run] for run in of_task["run"]]
        shown = _measures(accounts, rows)
        own = rows[rows["run"].isin(of_task["run"])]
        steps = sorted({int(step) for step in own["step"]})
        values = {measure.name: _values(own, measure, steps) for measure in shown}
        curves = []
        for run in of_task.sort_values(["optimizer_label", "entry"]).itertuples():
            line, rates = looks[run.entry], sorted({key[0] for key, _ in by_run[run.run][1]})
            curves.append(
                {
                    "optimizer": run.optimizer_label,
                    "method": run.entry,
                    "colour": line.get_color(),
                    "dash": {"-": "solid", "--": "dash", ":": "dot", "-.": "dashdot"}[line.get_linestyle()],
                    "seeds": len(settings.loc[run.run, "replicas"]),
                    "draws": int(settings.loc[run.run, "draws"]),
                    "rates": [float(rate) for rate in rates],
                    "chosen": rates.index(settings.loc[run.run, "learning_rate"]),
                    "parameters": settings.loc[run.run, "parameters"],
                    "values": {name: of[run.run] for name, of in values.items() if run.run in of},
                }
            )
        found.append(
            {
                "task": str(task),
                "steps": steps,
                "measures": [
                    {
                        "name": measure.name,
                        "title": measure.title,
                        "better": measure.better,
                        "share": measure.share,
                    }
                    for measure in shown
                ],
                "curves": curves,
            }
        )
    return found


def _measures(accounts: list[Mapping], rows: pd.DataFrame) -> list[measures.Measure]:
    """What the task reports and chooses by, and its loss, each once."""
    names = [name for account in accounts for name in (account["reports"], account["selects"], "train_loss")]
    return [measures.measure(name, accounts[0]) for name in dict.fromkeys(names) if name in rows]


def _preferred(by_run: dict, last: pd.DataFrame, described: Mapping[str, Mapping]) -> dict[str, float]:
    """The rate of each replica that is shown: at each rate those of the setting that the choosing measure prefers."""
    found, replicas = {}, last["replica"].tolist()
    costs: dict[str, np.ndarray] = {}
    for run, (_, tried) in by_run.items():
        chosen = measures.measure(described[run]["selects"], described[run])
        if chosen.name not in costs:
            costs[chosen.name] = chosen.cost(last[chosen.name]).to_numpy()
        by_rate: dict[float, list[list[int]]] = {}
        for key, at in tried:
            by_rate.setdefault(key[0], []).append(at)
        for rate, settings in by_rate.items():
            best = settings[selection.best([costs[chosen.name][at].mean() for at in settings])]
            found |= {replicas[i]: rate for i in best}
    return found


def _values(rows: pd.DataFrame, measure: measures.Measure, steps: list[int]) -> dict[str, list]:
    """By run, [mean, low, high], each [rates][steps]."""
    values = rows[measure.name].to_numpy("float64")
    filled = rows[["run", "rate", "step", "met"]].assign(value=np.where(np.isfinite(values), values, measure.worst))
    if draws.seeds_per_draw(rows) != {1}:
        filled = filled.groupby(["run", "rate", "step", "met"], as_index=False)["value"].mean()
    with np.errstate(invalid="ignore"):
        told = filled.groupby(["run", "rate", "step"])["value"].agg(["mean", "std", "count"])
    half = told["std"] / np.sqrt(told["count"])
    half *= [intervals.student_quantile(0.975, count - 1) if count > 1 else math.nan for count in told["count"]]
    ends = {"mean": told["mean"], "low": told["mean"] - half, "high": told["mean"] + half}
    wide = {name: of.unstack("step").reindex(columns=steps) for name, of in ends.items()}
    found: dict[str, list] = {}
    for name in ends:
        for run, own in wide[name].groupby(level="run", sort=False):
            found.setdefault(str(run), []).append([_plain(row) for row in own.to_numpy("float64")])
    return found


def _plain(row: np.ndarray) -> list[float | None]:
    return [float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None for value in row]
