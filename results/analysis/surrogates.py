"""The analysis `surrogates`: how estimators rank in each condition, each against the reference."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from results import wording
from results.analysis import draws, measures, selection
from results.analysis.same_functions import same_functions
from results.records import schema
from results.records.plan import UnsupportedPair
from results.records.result_set import ResultSet
from results.statistics import intervals, paired
from steeplechase.errors import RecordError


@dataclass(frozen=True)
class Condition:
    """A way to compare estimators.

    Attributes:
        name: by which tables have it.
        title: as it is printed.
        normalize: how slopes are scaled: none or area.
        tuned: whether validation chose the rate, and the width where widths were swept; else they are the optimizer's
            default and 1.
    """

    name: str
    title: str
    normalize: str
    tuned: bool


CONDITIONS = (
    Condition("default", "default rate", "none", False),
    Condition("tuned", "tuned rate", "none", True),
    Condition("area_default", "area-normalised, default rate", "area", False),
    Condition("area_tuned", "area-normalised, tuned rate", "area", True),
)
TITLES = {condition.name: condition.title for condition in CONDITIONS}
PAIR = ["task", "task_label", "optimizer", "optimizer_label"]
CONTROL = " †"
OUTSIDE = " ‡"
COLUMNS = {  # of rankings(): name and what it holds
    "task": "name of the task",
    "task_label": "the task as it is printed",
    "optimizer": "name of the optimizer",
    "optimizer_label": "the optimizer as it is printed",
    "estimator": "name of the estimator",
    "estimator_label": "the estimator as it is printed",
    "control": "whether its slope is zero everywhere, or it is a bound: ranked, but in no spread and no correlation",
    "outside_spread": "why it is ranked, but in no spread and no correlation, as its page says; empty where it counts",
    "condition": "name in CONDITIONS",
    "learning_rate": "the optimizer's default, or what validation chose",
    "edge": "low or high where a chosen rate is the smallest or largest tried (selection.choose)",
    "seeds": "replicas with this rate",
    "draws": "draws of the problem that these met: the unit of all that is said",
    "diverged": "how many of them diverged",
    "selects": "the measure that rates are chosen by",
    "measure": "the measure that is reported",
    "measure_label": "the measure as it is printed",
    "unit": "its unit; empty for a pure number",
    "better": "higher or lower",
    "mean": "its mean over seeds at the last step",
    "low": "lower end of the 95 % t interval",
    "high": "upper end",
    "standard_error": "of the mean, over seeds",
    "between": "standard deviation of the measure between draws, the seeds' own taken off; NaN where each seed has a "
    "draw of its own",
    "within": "standard deviation between seeds of one draw; NaN as there",
    "values": "the measure of each draw, the mean over its seeds, by its number: the seed's, where it has one",
    "rank": "1 is best within task, optimizer and condition; ties share their average, unknown means are last",
    "difference": "mean over common seeds of estimator minus reference, same task, optimizer and condition",
    "difference_low": "lower end of its 95 % t interval",
    "difference_high": "upper end",
    "p_holm": "p value of the paired t test, corrected by Holm for the contrasts of its task, optimizer and condition",
    "same_as": "in rankings().twins the estimator, as it is printed, that is the same function and counts for both",
    "verdict": "better or worse where p_holm is below LEVEL of contrasts, else undecided; reference; empty without one",
}


class Reference(NamedTuple):
    """The estimator that the others are contrasted with; both are "" where none is.

    Attributes:
        name: of the estimator.
        label: as it is printed.
    """

    name: str
    label: str


@dataclass(frozen=True)
class Rankings:
    """How estimators rank in each condition.

    Attributes:
        rows: one row per task, optimizer, condition and estimator (columns: COLUMNS). Of estimators that are the same
            function there (analysis.same_functions) the first in alphabetical order, or the reference, alone is ranked,
            contrasted and counted.
        reference: the estimator that the others are contrasted with.
        unsupported: what cannot be, each with its estimator as it is printed.
        missing: how many planned replicas are missing, by run.
        remarks: what must be said of what is absent, a sentence each.
        bounds: those of each reported measure, by task and name.
        twins: rows of the others, with the rank that each would have in the place of the one that counts, and without a
            contrast: how far they lie apart is noise.
    """

    rows: pd.DataFrame
    reference: Reference
    unsupported: list[tuple[UnsupportedPair, str]]
    missing: Mapping[str, int]
    remarks: list[str]
    bounds: Mapping[tuple[str, str], tuple[float, float]]
    twins: pd.DataFrame


def rankings(results: ResultSet) -> Rankings:
    """Ranks the estimators in each condition, and contrasts each with the reference.

    Returns:
        A condition without runs is absent; so are the default rates of an optimizer where they were not trained.

    Raises:
        RecordError: for a result set that does not come from `results.load`, and where something else than normalize,
            the width and the learning rate was swept, for the question would have two answers; and where runs of one
            comparison have unequal numbers of seeds per draw.
    """
    entries, notes = _entries(results) if len(results.rows) else ([], [])
    reference, labels = results.plan.reference, {e["estimator"]: e["estimator_label"] for e in entries}
    families: dict[tuple, list[dict]] = {}
    for entry in entries:
        families.setdefault(tuple(entry[key] for key in (*PAIR, "condition")), []).append(entry)
    function_of = _functions(results) if entries else {}
    rows, twins = [], []
    for (_, task, _, optimizer, _), family in families.items():
        draws.one_design((entry["per_draw"] for entry in family), f"on {task} with {optimizer}")
        distinct, others = _apart(family, function_of, reference)
        rows += _compared(distinct, reference)
        twins += _placed(others, distinct)
    return Rankings(
        _sorted(rows),
        Reference(reference, labels.get(reference, reference)),
        [(pair, labels.get(pair.estimator, pair.estimator)) for pair in results.plan.unsupported],
        results.missing,
        notes,
        {(entry["task"], entry["measure"]): entry["bounds"] for entry in entries},
        _sorted(twins),
    )


def tuned_beside(tuned: Rankings, untuned: Rankings) -> Rankings:
    """The conditions that are tuned from one result set, and the others from another.

    Args:
        tuned: of runs at chosen settings.
        untuned: of the same runs on the same draws at the settings that are not tuned.

    Returns:
        Rankings like `tuned`, with rows and twins of both.
    """
    is_tuned = {condition.name: condition.tuned for condition in CONDITIONS}

    def both(part: str) -> pd.DataFrame:
        one, other = getattr(untuned, part), getattr(tuned, part)
        kept = one[~one["condition"].map(is_tuned).astype(bool)], other[other["condition"].map(is_tuned).astype(bool)]
        return _sorted([row for rows in kept for row in rows.to_dict("records")])

    return replace(tuned, rows=both("rows"), twins=both("twins"))


def joined(rankings: Rankings) -> pd.DataFrame:
    """The rows as they are printed: an estimator that is another one wherever it was run, of a task and optimizer, has
    no row there, and its name stands beside the other's, as A = B.

    Args:
        rankings: of `rankings`.

    Returns:
        The columns of COLUMNS.
    """
    rows, names = rankings.rows, other_names(rankings)
    keys = rows[["task", "optimizer", "estimator_label"]].itertuples(index=False)
    labels = [" = ".join([key.estimator_label, *names.get(tuple(key), [])]) for key in keys]
    return rows.assign(estimator_label=pd.Series(labels, index=rows.index, dtype=object))


def other_names(rankings: Rankings) -> dict[tuple[str, str, str], list[str]]:
    """What else an estimator is called: those that are its function wherever they were run, and have no row.

    Args:
        rankings: of `rankings`.

    Returns:
        Labels, by the names of task and optimizer and the label of the estimator that has the row.
    """
    rows, where = rankings.rows, ["task", "optimizer"]
    counted = {tuple(key) for key in rows[[*where, "estimator_label"]].itertuples(index=False)}
    names: dict[tuple[str, str, str], list[str]] = {}
    for twin in rankings.twins.itertuples():
        labels = names.setdefault((twin.task, twin.optimizer, twin.same_as), [])
        if (twin.task, twin.optimizer, twin.estimator_label) not in counted and twin.estimator_label not in labels:
            labels.append(twin.estimator_label)
    return names


def remarks(rankings: Rankings, noise: bool = True) -> list[str]:
    """What one must know of the whole table, a sentence each: who is left out, declined, missing, at an edge.

    Args:
        rankings: of `rankings`.
        noise: whether it is said how far one function's results under several names lie apart.

    Returns:
        The sentences.
    """
    said, rows = [], rankings.rows
    controls = sorted(set(rows.loc[rows["control"], "estimator_label"]))
    if controls:
        said.append(
            f"Controls{CONTROL}, whose slope is zero everywhere, are ranked but left out of every spread and "
            f"correlation: {', '.join(controls)}."
        )
    yardsticks = [f"{title}: {_yardstick(twins, rows)}" for title, twins in pairs(rankings.twins)]
    if noise and yardsticks:
        said.append(
            f"One function under several names counts once, and what parts these is noise. {'. '.join(yardsticks)}."
        )
    outside = rows[rows["outside_spread"] != ""][["estimator_label", "outside_spread"]].drop_duplicates()
    for label, reason in sorted(outside.itertuples(index=False, name=None)):
        said.append(f"Ranked but left out of every spread and correlation{OUTSIDE}: {label} ({reason}).")
    causes: dict[tuple[str, str], set[str]] = {}
    for pair, label in rankings.unsupported:
        causes.setdefault((pair.normalize, pair.cause), set()).add(label)
    for (normalize, cause), labels in sorted(causes.items()):
        said.append(f"Declined with normalize={normalize} ({cause}): {', '.join(sorted(labels))}.")
    reference = rankings.reference
    if not reference.name:
        said.append("No reference was declared: there are no contrasts.")
    without = rows[rows["verdict"] == ""][[*PAIR, "condition"]].drop_duplicates()
    if reference.name and len(without):
        where = [f"{row.task_label}, {row.optimizer_label}, {TITLES[row.condition]}" for row in without.itertuples()]
        said.append(f"The reference {reference.label} was not run in: {'; '.join(where)}.")
    said += rankings.remarks
    for title, at_edge in pairs(rows[rows["edge"] != ""]):
        by = [
            f"{TITLES[name]}: {', '.join(own['estimator_label'])}"
            for name, own in at_edge.groupby("condition", sort=False)
        ]
        said.append(f"Rate at an edge of the grid, {title}, {'; '.join(by)}.")
    if rankings.missing:
        said.append(f"INCOMPLETE: {wording.missing(rankings.missing)}")
    return said


def _yardstick(twins: pd.DataFrame, rows: pd.DataFrame) -> str:
    """How far one function's results under several names lie apart, of one task and optimizer."""
    words = []
    for (label, other), of_names in twins.groupby(["estimator_label", "same_as"], sort=False):
        apart = []
        for twin in of_names.itertuples():
            here = (rows["task"] == twin.task) & (rows["optimizer"] == twin.optimizer)
            row = rows[here & (rows["condition"] == twin.condition) & (rows["estimator_label"] == other)].iloc[0]
            gap = abs(twin.mean - row["mean"])
            words_of_gap = "unknown" if math.isnan(gap) else f"{gap:.2g}"
            apart.append(f"{TITLES[twin.condition]} {words_of_gap} (ranks {row['rank']:g} and {twin.rank:g})")
        words.append(f"{other} = {label}, {', '.join(apart)}")
    return "; ".join(words)


def _sorted(rows: list[dict]) -> pd.DataFrame:
    """Rows in the columns of COLUMNS, the best of each condition first."""
    order = {name: at for at, name in enumerate(TITLES)}
    by = ["task_label", "optimizer_label", "condition", "rank", "estimator_label"]
    out = pd.DataFrame(rows, columns=list(COLUMNS))
    return out.sort_values(by, key=lambda c: c.map(order) if c.name == "condition" else c, ignore_index=True)


def _functions(results: ResultSet) -> dict[str, int]:
    """By run the number of its group; runs that are no other's function are absent."""
    return {run: number for number, group in enumerate(same_functions(results)) for run in group.runs}


def _apart(family: list[dict], function_of: Mapping[str, int], reference: str) -> tuple[list[dict], list[dict]]:
    """Of one task, optimizer and condition the entries of different functions, and the others, each with `same_as`."""
    firsts: dict[int, dict] = {}
    for entry in sorted(family, key=lambda entry: (entry["estimator"] != reference, entry["estimator"])):
        if entry["run"] in function_of:
            firsts.setdefault(function_of[entry["run"]], entry)
    first_of = {entry["run"]: firsts.get(function_of.get(entry["run"], -1), entry) for entry in family}
    distinct = [{**entry, "same_as": ""} for entry in family if first_of[entry["run"]] is entry]
    others = [entry for entry in family if first_of[entry["run"]] is not entry]
    return distinct, [{**entry, "same_as": first_of[entry["run"]]["estimator_label"]} for entry in others]


def _placed(twins: list[dict], distinct: list[dict]) -> list[dict]:
    """Other names of a function with the rank that each would have in the place of the one that counts."""
    placed = []
    for twin in twins:
        rest = [entry for entry in distinct if entry["estimator_label"] != twin["same_as"]]
        placed.append({**twin, "rank": _ranks([twin, *rest])[0], "verdict": ""})
    return placed


def _ranks(entries: list[dict]) -> np.ndarray:
    """Of entries of one condition by their means: 1 is the best, equals share their average, unknown ones are last."""
    sign = -1 if entries[0]["better"] == "higher" else 1
    costs = np.array([sign * entry["mean"] for entry in entries])
    return stats.rankdata(np.where(np.isnan(costs), np.inf, costs))


def _entries(results: ResultSet) -> tuple[list[dict], list[str]]:
    """What each run says in each condition, with the value of each seed; and what must be said of what is absent."""
    accounts, last, rates = results.runs(), results.final_rows(), results.plan.default_rates
    entries, untrained = [], {}
    for normalize in dict.fromkeys(condition.normalize for condition in CONDITIONS):
        rows = last[last["normalize"] == normalize]
        if rows.empty:
            continue
        by_run = dict(list(rows.groupby("run")))
        settings = selection.chosen_settings(results.with_rows(rows))
        _check_one_setting(settings)
        for setting in settings.to_dict("records"):
            run, own = setting["run"], by_run[setting["run"]]
            at_default = _at_default(own, rates.get(run, math.nan))
            if at_default.empty:
                key = (setting["optimizer_label"], rates.get(run), setting["task_label"])
                untrained.setdefault(key, set()).add(setting["estimator_label"])
            for condition in (c for c in CONDITIONS if c.normalize == normalize and (c.tuned or len(at_default))):
                chosen = own[own["replica"].isin(setting["replicas"])] if condition.tuned else at_default
                edge = setting["edge"] if condition.tuned else ""
                where = {"condition": condition.name, "learning_rate": chosen["learning_rate"].iloc[0], "edge": edge}
                entries.append(_entry(chosen, setting, accounts[run], where))
    others = sorted(set(last["normalize"]) - {condition.normalize for condition in CONDITIONS})
    remarks = [f"Runs with normalize={normalize} are left out." for normalize in others]
    every = {(e["optimizer_label"], e["task_label"], e["estimator_label"]) for e in entries}
    for (optimizer, rate, task), labels in sorted(untrained.items(), key=str):
        whole = labels == {label for *where, label in every if where == [optimizer, task]}
        named = "" if whole else f" for {', '.join(sorted(labels))}"
        what = "is not known" if rate is None else f"({rate:g}) was not trained"
        remarks.append(f"The default rate of {optimizer} {what} on {task}{named}.")
    return entries, remarks


def _at_default(rows: pd.DataFrame, rate: float) -> pd.DataFrame:
    """The rows at the optimizer's default rate, and where widths were swept at a width of 1."""
    rows = rows[np.isclose(rows["learning_rate"].astype("float64"), rate, rtol=1e-9, atol=0)]
    swept = schema.WIDTH in rows and rows[schema.WIDTH].nunique(dropna=False) > 1
    return rows[rows[schema.WIDTH] == 1.0] if swept else rows


def _check_one_setting(settings: pd.DataFrame) -> None:
    for row in settings.itertuples():
        others = [name for name in row.parameters.split(", ") if name and not name.startswith(f"{schema.WIDTH}=")]
        if row.variant or others:
            what = row.variant or others[0].split("=")[0]
            raise RecordError(
                f"{row.estimator_label} on {row.task_label} with {row.optimizer_label} was run with more than one "
                f"setting ({what}): a ranking of surrogates needs one."
            )


def _entry(rows: pd.DataFrame, setting: Mapping, account: Mapping, where: Mapping) -> dict:
    """The columns of one row that need no other estimator, and "values": the reported measure by seed, in its order."""
    measure = measures.measure(account["reports"], account)
    if not measure.better:
        raise RecordError(f"estimators cannot be ranked by '{measure.name}', which has no better direction.")
    rows = rows.sort_values("seed")
    met = draws.draws_of(rows).to_numpy()
    values = rows[measure.name].astype("float64").set_axis(met)
    lost = rows["diverged"].notna() if "diverged" in rows else pd.Series(False, rows.index)
    if not np.isfinite(values[~lost.to_numpy()]).all():
        raise RecordError(f"run {setting['run']} has no '{measure.name}' of a replica that did not diverge.")
    values = values.where(np.isfinite(values), measure.worst if math.isfinite(measure.worst) else math.nan)
    parts = draws.spreads(values.to_numpy(), met)
    values = pd.Series(draws.averaged(values.to_numpy(), met), np.unique(met))
    mean, low, high = intervals.t_interval(values)
    return {
        **{key: setting[key] for key in (*PAIR, "estimator", "estimator_label")},
        **where,
        "run": setting["run"],
        "per_draw": max(draws.seeds_per_draw(rows)),
        "control": bool(account.get("control", False) or account.get("bound")),
        "outside_spread": str(account.get("outside_spread") or ""),  # which records of before do not have
        **draws.counted(rows),
        **parts,
        "diverged": int(lost.sum()),
        "selects": account["selects"],
        "measure": measure.name,
        "measure_label": measure.label,
        "unit": measure.unit,
        "better": measure.better,
        "bounds": measure.bounds,
        "mean": mean,
        "low": low,
        "high": high,
        "standard_error": float(stats.sem(values)) if len(values) > 1 else math.nan,
        "values": {int(seed): float(value) for seed, value in values.items()},
    }


def _compared(family: list[dict], reference: str) -> list[dict]:
    """The entries of one task, optimizer and condition with their ranks and their contrasts to the reference."""
    rows = [{**entry, "rank": rank, "verdict": ""} for entry, rank in zip(family, _ranks(family), strict=True)]
    fixed = next((pd.Series(entry["values"]) for entry in family if entry["estimator"] == reference), None)
    if fixed is None:
        return rows
    others = [row for row in rows if row["estimator"] != reference]
    tests = [_contrast(pd.Series(row["values"]), fixed) for row in others]
    for row, test, p in zip(others, tests, paired.holm([test.p for test in tests]), strict=True):
        row |= {"difference": test.difference, "difference_low": test.low, "difference_high": test.high}
        row |= {"p_holm": p, "verdict": paired.verdict(test, p, math.nan, row["better"])}
    for row in rows:
        row["verdict"] = "reference" if row["estimator"] == reference else row["verdict"]
    return rows


def _contrast(values: pd.Series, reference: pd.Series) -> paired.Contrast:
    """Of values and reference over their common seeds."""
    seeds = values.index.intersection(reference.index)
    return paired.paired(values[seeds], reference[seeds])


def pairs(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Each task and optimizer as it is titled, with its rows of a ranking."""
    for (_, task, _, optimizer), of_pair in rows.groupby(PAIR, sort=False):
        yield f"{task}, {optimizer}", of_pair


def marked(rows: pd.DataFrame) -> pd.Series:
    """The labels of rows of a ranking, with the marks of controls and of what is left out of spreads."""
    marks = rows["control"].map({True: CONTROL, False: ""}) + (rows["outside_spread"] != "").map(
        {True: OUTSIDE, False: ""}
    )
    return rows["estimator_label"] + marks
