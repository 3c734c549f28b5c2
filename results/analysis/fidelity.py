"""The analysis `fidelity`: how far estimates are from a reference gradient, at states of one training, over seeds."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd

from results.analysis import compared, lookup
from results.records.result_set import ResultSet
from results.statistics import intervals
from results.statistics.bias import BELOW, BIASED, UNDECIDED
from steeplechase.errors import RecordError

ALPHA = 0.05  # of being called biased
SIGMA, TRUTH = "fidelity.smoothing", "fidelity.truth"
SMOOTHED = "smoothed"
NOISES = {  # over which a loss is averaged, whose gradient depends on how much of it there is
    SMOOTHED: "normal noise around the parameters (in root mean squares of each)",
    "noise": "logistic noise at every hard site (in spreads of what arrives there)",
}
_MEANS = ("cosine", "call_cosine", "next_step")  # what is averaged as it is


def fidelity(results: ResultSet) -> pd.DataFrame:
    """What was measured of each method at each state.

    Args:
        results: with runs that measured fidelity; others are passed over.

    Returns:
        One row for each task, reference, method, state and smoothing, sorted by them: `task_label` (with the reference
        where there are several), `plain_label` (without), `truth, estimator, method, step, smoothing`, how many
        `seeds`; `bias_square` (mean over seeds, with `bias_low` and `bias_high`, a 95 % t interval or of one seed two
        standard errors) and `bias`, its root; `bound`, the median over seeds of what the bias is below; `verdict` and
        of how many seeds it is true (`agreeing`), at `delta`, and whether a bias is `seen` by most of them; the
        geometric means over seeds of `deviation`, the standard deviation of one call, and of `length`, that of the mean
        of all, all in lengths of the reference; the means of `cosine` and `call_cosine` with `_low` and `_high`;
        `evaluations` and `call_s` of one call, `calls` of all; `reported`, the task's measure there; `next_step`, the
        mean of what the optimizer's next step does to the loss over all that is trained on, as a share of that loss,
        with `_low` and `_high`, of networks that draw nothing; and the numbers of the estimator that differ.

    Raises:
        RecordError: for incomplete results, and where nothing was measured.
    """
    results.complete()
    results = _measured(results)
    rows, described, labels = results.rows, results.runs(), lookup.run_labels(results)
    labels = labels.assign(variant=labels["variant"].map(_without_fidelity))
    labels["method"] = lookup.methods(labels)
    if labels["optimizer_label"].nunique() > 1:  # which the trainings were by, on whose way the states are
        labels["method"] += ", " + labels["optimizer_label"]
    rows = rows.merge(labels[["run", "task_label", "estimator_label", "method"]], on="run")
    rows["smoothing"], rows["truth"] = rows.get(SIGMA, math.nan), rows.get(TRUTH, "")
    rows["plain_label"] = rows["task_label"]
    if rows["truth"].nunique() > 1:
        rows["task_label"] += ", " + rows["truth"]
    full = rows.get("full_loss", rows["step"] * math.nan).astype("float64")
    change = rows.get("step_change", full)
    moves = change.ne(0).groupby([rows["task_label"], rows["step"]]).transform("any")  # at the end no rate is left
    rows["next_step"] = (change / full.where(full > 0)).where(moves)
    rows["delta"] = rows["fidelity.delta"].astype("float64")
    rows["verdict"] = [_verdict(*own) for own in rows[["bias_bound", "bias_p", "delta"]].itertuples(index=False)]
    for run, own in rows.groupby("run"):
        rows.loc[own.index, "reported"] = own[described[str(run)]["reports"]].astype("float64")
    knobs = [
        c for c in map(str, rows) if c.startswith("estimator.") and rows.groupby("estimator")[c].nunique().max() > 1
    ]
    keys = ["task_label", "plain_label", "truth", "estimator", "estimator_label", "method", "step", "smoothing"]
    found = [
        dict(zip(keys, where, strict=True)) | _over_seeds(own) | {knob: own[knob].iloc[0] for knob in knobs}
        for where, own in rows.groupby(keys, sort=True, dropna=False)
    ]
    return pd.DataFrame(found)


def _measured(results: ResultSet) -> ResultSet:
    """The runs that measured estimates alone, every value of a number that differs within one as a run of its own."""
    role = "fidelity.role"
    rows = results.rows[results.rows[role] == "estimate"] if role in results.rows else results.rows[:0]
    if rows.empty:
        raise RecordError("nothing was measured of fidelity: fidelity.calls says how many calls of each estimator.")
    runs = {*rows["run"]}
    accounts = tuple(account for account in results.accounts if account["run"] in runs)
    several = rows.groupby("run")[[c for c in map(str, rows) if c.startswith("estimator.")]].nunique().max() > 1
    plan = replace(results.plan, compare=tuple(several[several].index))
    return compared.apart(replace(results, rows=rows, accounts=accounts, plan=plan))


def _without_fidelity(variant: str) -> str:
    return ", ".join(word for word in variant.split(", ") if not word.startswith(("fidelity.", "run ")))


def _verdict(bound: float, p: float, delta: float) -> str:
    if bound < delta:
        return BELOW
    return BIASED if p < ALPHA else UNDECIDED


def _over_seeds(rows: pd.DataFrame) -> dict[str, object]:
    """One row of the analysis, from one row for each seed."""
    square = rows["bias_square"].to_numpy("float64")
    mean, low, high = intervals.t_interval(square)
    if len(square) == 1:
        error = 2 * float(rows["bias_square_se"].iloc[0])
        low, high = mean - error, mean + error
    verdicts = rows["verdict"].value_counts()
    out: dict[str, object] = {"seeds": len(rows), "bias_square": mean, "bias_low": low, "bias_high": high}
    out |= {"bias": math.sqrt(max(mean, 0.0)), "bound": float(rows["bias_bound"].median())}
    out |= {"verdict": verdicts.index[0], "agreeing": int(verdicts.iloc[0]), "delta": float(rows["delta"].iloc[0])}
    out["seen"] = bool(verdicts.index[0] == BIASED)
    with np.errstate(divide="ignore", invalid="ignore"):
        deviation = np.sqrt(rows["variance"].to_numpy("float64"))
        length = (rows["gradient_norm"] / rows["truth_norm"]).to_numpy("float64")
        out |= {name: _geometric(own) for name, own in (("deviation", deviation), ("length", length))}
    for name in _MEANS:
        out[name], out[f"{name}_low"], out[f"{name}_high"] = intervals.t_interval(rows[name].to_numpy("float64"))
    out |= {name: float(rows[name].median()) for name in ("evaluations", "call_s", "calls")}
    return out | {"reported": float(rows["reported"].mean())}


def _geometric(values: np.ndarray) -> float:
    """The geometric mean; 0 where one is 0."""
    return float(np.exp(np.log(values).mean()))
