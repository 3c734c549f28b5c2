"""What records say: intervals over seeds, the settings that were chosen, and how fast a target was reached.

Pure functions of a record's table (results/schema.py) and of a run's account; no chance anywhere.
"""

from __future__ import annotations

import contextlib
import functools
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from results import schema
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
        raise RecordError(f"measure '{name}' is neither in results/schema.py nor declared by the task.")
    known = declared or {"unit": schema.MEASURES[name].unit, "better": schema.MEASURES[name].better}
    label = known.get("label") or name.replace("_", " ").capitalize()
    unit = "" if known["unit"] == "1" else known["unit"]
    return Measure(name, label, "share" if name.endswith("accuracy") else unit, known["better"])


def interval(values, worst: float = math.nan, level: float = 0.95) -> tuple[float, float, float]:
    """Mean over seeds, and the lower and upper end of its t interval: mean ± t(n−1, (1+level)/2) · s/√n.

    values: [n], one number a seed, in any unit; the three results have the same unit. Student 1908; below 20 seeds a t
    interval covers what it promises where a percentile bootstrap does not.
    One seed has no interval: its ends are NaN. A value that is not finite belongs to a replica that diverged: it is
    never dropped but counts as `worst`, the worst possible value (0 for an accuracy). Where that is not finite itself,
    as for a loss, the mean over seeds is unknown and all three results are NaN.
    The ends are not cut off at a measure's bounds.
    """
    values = np.asarray(values, "float64")
    values = np.where(np.isfinite(values), values, worst)
    if not values.size or not np.isfinite(values).all():
        return math.nan, math.nan, math.nan
    mean = float(values.mean())
    if values.size == 1:
        return mean, math.nan, math.nan
    half = float(quantile((1 + level) / 2, values.size - 1) * values.std(ddof=1) / math.sqrt(values.size))
    return mean, mean - half, mean + half


@functools.cache
def quantile(share: float, freedom: int) -> float:
    """Of Student's distribution. A figure asks for the same few of them thousands of times."""
    return stats.t.ppf(share, freedom)


def accounts(table: pd.DataFrame) -> dict[str, dict]:
    """The account of each run, from `table.attrs["parts"]`; of several parts of one run the last.

    Raises RecordError where a run has none: such a table did not come from `results.load`.
    """
    found = {account["run"]: account for account in table.attrs.get("parts", ())}
    absent = sorted(set(bare(table)["run"].unique()) - set(found)) if len(table) else []
    if absent:
        raise RecordError(f"run {absent[0]} has no account; take the table from results.load as it is.")
    return found


def runs(table: pd.DataFrame) -> pd.DataFrame:
    """One row a run: `run, task, estimator, optimizer` (names), `task_label, estimator_label, optimizer_label`, and
    `variant`: in what it differs from other runs of the same three labels, as "normalize=peak"; "" where there is none.
    """
    described, table = accounts(table), bare(table)
    columns = ["run", "task", "estimator", "optimizer"]
    out = table[columns].drop_duplicates("run").sort_values(columns[1:] + ["run"]).reset_index(drop=True)
    for kind in ("task", "estimator", "optimizer"):
        labels = [described[run]["labels"].get(kind) or name for run, name in zip(out["run"], out[kind], strict=True)]
        out[f"{kind}_label"] = pd.Series(labels, dtype="string")
    out["variant"] = pd.Series("", index=out.index, dtype="string")
    own = set(columns) | {"replica", "seed", "learning_rate"}
    traits = [c for c in table.columns if (c in schema.IDENTITY or c.startswith(schema.PREFIXES)) and c not in own]
    labels = ["task_label", "estimator_label", "optimizer_label"]
    twins = out[out.duplicated(labels, keep=False)]
    if twins.empty:
        return out
    values = _ones(table[table["run"].isin(twins["run"])], traits)
    variants = {}
    for _, group in twins.groupby(labels, dropna=False)["run"]:
        differing = [c for c in traits if len({values[name][c] for name in group}) > 1]
        for name in group:
            words = [f"{c}={values[name][c]}" for c in differing if values[name][c] is not None]
            variants[name] = ", ".join(words) or f"run {name[-8:]}"
    out["variant"] = out["run"].map(variants).fillna("").astype("string")
    return out


def methods(runs: pd.DataFrame) -> pd.Series:
    """How each of these `runs` is called: by its estimator, and its variant where there are several."""
    return runs["estimator_label"] + runs["variant"].map(lambda v: f" ({v})" if v else "").astype("string")


def ends(table: pd.DataFrame) -> pd.DataFrame:
    """The last recorded row of every replica. Raises RecordError where replicas of one run end differently."""
    table = bare(table)
    last = table.loc[table.groupby(["run", "replica"], sort=True)["step"].idxmax()].reset_index(drop=True)
    uneven = last.groupby("run")["step"].nunique()
    if (uneven > 1).any():
        raise RecordError(f"the replicas of run {uneven.idxmax()} do not end at one step.")
    return last


def choose(table: pd.DataFrame, account: Mapping) -> pd.DataFrame:
    """The settings that the `selects` measure chooses, one row a run of this account's task.

    A setting is a learning rate and the value of everything else that was swept over replicas (the columns of
    estimator, weights' estimator, task and optimizer that vary within the run). The best one has the best mean over
    seeds at the last step, a value that is not finite counting as the worst possible; of equally good ones it is the
    one with the smallest rate and then the smallest parameters. Columns:

    run, task, estimator, optimizer
    learning_rate  the rate that was chosen
    parameters     the other chosen values, as "estimator.scale=2"; "" where nothing else was swept
    selected       mean of the `selects` measure over seeds, at the last step; infinite if one diverged without bound
    edge           "low" or "high" where it is the smallest or largest of three or more rates tried, and no rate between
                   them is as good: a better one may lie outside. Else ""
    rates          how many rates were tried
    replicas       the ids of the replicas with this setting, one a seed, as a tuple

    Raises RecordError where `selects` has no direction or was not recorded, or two replicas of one setting have
    the same seed.
    """
    return _choose(ends(table), measure(account["selects"], account))


def _choose(last: pd.DataFrame, chosen: Measure) -> pd.DataFrame:
    """The same of the replicas' last rows, which are sorted by run."""
    if not chosen.better:
        raise RecordError(f"settings cannot be chosen by '{chosen.name}', which has no better direction.")
    cost, ids = chosen.cost(recorded(last, chosen.name)).to_numpy(), last["replica"].tolist()
    words, found = last[["run", "task", "estimator", "optimizer"]].to_dict("list"), []
    for swept, settings in tried(last):
        scores = [(float(cost[rows].mean()), key, rows) for key, rows in settings]
        best, key, rows = min(scores, key=lambda setting: setting[0])
        tested = sorted({other[0] for _, other, _ in scores})
        equal = {other[0] for score, other, _ in scores if score == best}
        at_edge = len(tested) >= 3 and equal <= {tested[0], tested[-1]}
        found.append(
            {
                **{name: column[rows[0]] for name, column in words.items()},
                "learning_rate": key[0],
                "parameters": ", ".join(f"{c}={word(v)}" for c, v in zip(swept, key[1:], strict=True)),
                "selected": -best if chosen.better == "higher" else best,
                "edge": ("low" if key[0] == tested[0] else "high") if at_edge else "",
                "rates": len(tested),
                "replicas": tuple(ids[i] for i in rows),
            }
        )
    return pd.DataFrame(found)


def tried(last: pd.DataFrame) -> Iterator[tuple[list[str], list[tuple[tuple, list[int]]]]]:
    """For each run, in the order of their names: (what was swept beside the rate, its settings).

    last: the last rows of `ends`. A setting is (the rate and the other values, where its rows stand: one a seed), in
    the order in which the first of equally good ones is chosen. Raises RecordError where two replicas of a
    setting have the same seed.
    """
    groups, numbers = _by_run(last), [c for c in last.columns if c.startswith(schema.PREFIXES)]
    several = _several(last, numbers, groups)
    # What is looked at row by row is taken out of the table once: a thousand runs are a thousand small tables.
    rates, seeds, runs = (last[name].tolist() for name in ("learning_rate", "seed", "run"))
    values = {c: [_number(value) for value in last[c]] for c in numbers if several[c].any()}
    for at, varies in zip(groups, several.to_numpy(), strict=True):
        swept = [c for c, own in zip(numbers, varies, strict=True) if own]
        found: dict[tuple, list[int]] = {}
        for i in at.tolist():
            found.setdefault((rates[i], *(values[c][i] for c in swept)), []).append(i)
        for rows in found.values():
            own = [seeds[i] for i in rows]
            if len(set(own)) < len(own):
                seed = next(seed for i, seed in enumerate(own) if seed in own[:i])
                raise RecordError(
                    f"run {runs[rows[0]]} has two replicas of seed {seed} that differ in nothing recorded."
                )
        yield swept, sorted(found.items(), key=lambda setting: [_order(value) for value in setting[0]])


def settings(table: pd.DataFrame) -> pd.DataFrame:
    """`choose` for every run of a table, each by its own account, beside the columns of `runs`."""
    described, last = accounts(table), ends(table)
    parts = [
        _choose(last[last["run"].isin(names)].reset_index(drop=True), measure(account["selects"], account))
        for account, names in alike(described, last["run"].unique())
    ]
    chosen = pd.concat(parts, ignore_index=True).drop(columns=["task", "estimator", "optimizer"])
    return runs(table).merge(chosen, on="run", validate="one_to_one")


def alike(described: Mapping[str, Mapping], runs: Iterable[str]) -> list[tuple[Mapping, list[str]]]:
    """An account, and the runs whose accounts ask for the same measures: what a table of them is asked at once."""
    found: dict[str, tuple[Mapping, list[str]]] = {}
    for run in runs:
        account = described[run]
        asked = [account.get(key) for key in ("selects", "reports", "target", "measures")]
        found.setdefault(json.dumps(asked, sort_keys=True), (account, []))[1].append(run)
    return list(found.values())


def short(parameters: str) -> str:
    """The parameters of a setting without the groups' names, for where there is little room: "scale=2"."""
    return parameters.replace("estimator.", "").replace("optimizer.", "")


def validated(table: pd.DataFrame, account: Mapping) -> pd.DataFrame:
    """Per replica, the step at which the `selects` measure is best along the training, the earliest of equals, and the
    `reports` measure there: `run, replica, step` (updates), `value` (the reported measure's unit; NaN if not finite).

    This is early stopping after the fact (Prechelt 1998). Where `selects` is what is reported, the value is the best
    one of the whole training, and too good for that.
    """
    selects, reports = account["selects"], account["reports"]
    rows = _only(table, selects, reports).sort_values(["run", "replica", "step"], ignore_index=True)
    cost = measure(selects, account).cost(recorded(rows, selects))
    recorded(rows, reports)
    at = cost.groupby([rows["run"], rows["replica"]]).idxmin()
    out = rows.loc[at, ["run", "replica", "step", reports]].reset_index(drop=True)
    return out.rename(columns={reports: "value"})


def steps_to_target(table: pd.DataFrame, account: Mapping) -> pd.DataFrame:
    """Per replica, the first recorded step (updates) at which the task's target was reached: `run, replica, steps`.

    Missing where it never was. It is known to the spacing of the recorded steps, and never too small.
    """
    name, value = account["target"]
    rows = _only(table, name)
    reached = rows[measure(name, account).reached(recorded(rows, name), value)]
    first = reached.groupby(["run", "replica"])["step"].min().rename("steps")
    every = rows[["run", "replica"]].drop_duplicates().sort_values(["run", "replica"])
    return every.merge(first, how="left", on=["run", "replica"]).astype({"steps": "Int64"})


def bare(table: pd.DataFrame) -> pd.DataFrame:
    """The table without its attributes, which pandas would copy deeply at every step."""
    out = table.reset_index(drop=True)
    out.attrs = {}
    return out


def _only(table: pd.DataFrame, *measures: str) -> pd.DataFrame:
    """The columns that say which row it is, and these, without the table's attributes."""
    kept = dict.fromkeys(["run", "replica", "step", *measures, "diverged"])
    return bare(table)[[name for name in kept if name in table]]


def recorded(rows: pd.DataFrame, name: str) -> pd.Series:
    """A measure's column. A replica that diverged may lack every value of it, but then its run says that it did.

    Raises RecordError where a value is missing otherwise.
    """
    known = rows[name].notna() if name in rows else pd.Series(False, rows.index)
    if not known.all():
        told = known | rows["diverged"].notna() if "diverged" in rows else known
        told = told.groupby(rows["run"]).any()
        if name not in rows or not told.all():
            raise RecordError(f"run {told.idxmin()} has no '{name}', which its account speaks of.")
    return rows[name]


def _by_run(rows: pd.DataFrame) -> list[np.ndarray]:
    """Where the rows of each run stand, the runs in the order of their names."""
    codes, _ = pd.factorize(rows["run"], sort=True)
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)


def _several(rows: pd.DataFrame, columns: Sequence[str], groups: Sequence[np.ndarray]) -> pd.DataFrame:
    """Whether each of these columns has more than one value in each of these groups of rows; missing is a value."""
    order, starts = np.concatenate(groups), np.cumsum([0, *map(len, groups[:-1])])
    found = {}
    for column in columns:
        codes = pd.factorize(rows[column])[0][order]
        found[column] = np.minimum.reduceat(codes, starts) != np.maximum.reduceat(codes, starts)
    return pd.DataFrame(found, columns=list(columns), index=range(len(groups)))


def _ones(rows: pd.DataFrame, columns: Sequence[str]) -> dict[str, dict[str, str | None]]:
    """By run, the one value that it has of each column, as a word; None where it has several: then it was swept."""
    groups = _by_run(rows)
    several, firsts = _several(rows, columns, groups), [at[0] for at in groups]
    words = {
        c: [None if swept else word(value) for value, swept in zip(rows[c].iloc[firsts], several[c], strict=True)]
        for c in columns
    }
    return {run: {c: words[c][i] for c in columns} for i, run in enumerate(rows["run"].iloc[firsts])}


def _number(value):
    """A parameter as a number where it is one: a column that also holds schedules has its numbers as text."""
    with contextlib.suppress(TypeError, ValueError):
        value = float(value)
    return math.nan if pd.isna(value) else value  # always the same one: no other NaN equals it


def _order(value) -> tuple:
    """Numbers by size, then text, then what is missing."""
    if pd.isna(value):
        return 2, 0.0, ""
    return (1, 0.0, value) if isinstance(value, str) else (0, value, "")


def word(value) -> str:
    """A parameter as it is printed."""
    if pd.isna(value):
        return "none"
    return f"{value:g}" if isinstance(value, (float, np.floating)) else str(value)
