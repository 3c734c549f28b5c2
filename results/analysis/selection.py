"""Selection: which setting of each run is best by the measure that chooses, and when a training was at its best."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from results.analysis import draws
from results.analysis.lookup import (
    format_value,
    group_by_measures,
    number_of,
    only_columns,
    recorded,
    rows_by_run,
    run_labels,
    varies_within,
)
from results.analysis.measures import Measure, measure
from results.records import schema
from results.records.result_set import ResultSet
from steeplechase.errors import RecordError


def best(means: Sequence[float] | np.ndarray) -> np.ndarray:
    """Which setting is the best by its mean cost over seeds, the first of equally good ones: the rule by which every
    choice is made.

    Args:
        means: [settings, ...], the smallest is the best.

    Returns:
        int64 [...], the setting's place.
    """
    return np.argmin(means, axis=0)


def choose(results: ResultSet, account: Mapping) -> pd.DataFrame:
    """The settings that the `selects` measure chooses, one row per run of this account's task.

    A setting is a learning rate and the value of everything else that was swept over replicas (the columns of
    estimator, weights' estimator, task and optimizer that vary within the run). The best one has the best mean over
    seeds at the last step, a value that is not finite counting as the worst possible; of equally good ones it is the
    one with the smallest rate and then the smallest parameters.

    Args:
        results: of runs that choose by the same measure.
        account: of one of them.

    Returns:
        The columns

            run, task, estimator, optimizer
            learning_rate  the rate that was chosen
            parameters     the other chosen values, as "estimator.scale=2"; "" where nothing else was swept
            selected       mean of the `selects` measure over seeds, at the last step; infinite if one diverged without
                           bound
            edge           "low" or "high" where it is the smallest or largest of three or more rates tried, and no rate
                           between them is as good: a better one may lie outside. Else ""
            rates          how many rates were tried
            draws          how many draws of the problem the replicas met
            replicas       the ids of the replicas with this setting, one a seed, as a tuple

    Raises:
        RecordError: where `selects` has no direction or was not recorded, or two replicas of one setting have the same
            seed.
    """
    return _choose(results.final_rows(), measure(account["selects"], account))


def _choose(last: pd.DataFrame, chosen: Measure) -> pd.DataFrame:
    """The same of the replicas' last rows, which are sorted by run."""
    if not chosen.better:
        raise RecordError(f"settings cannot be chosen by '{chosen.name}', which has no better direction.")
    cost, ids = chosen.cost(recorded(last, chosen.name)).to_numpy(), last["replica"].tolist()
    words, found = last[["run", "task", "estimator", "optimizer"]].to_dict("list"), []
    met = draws.draws_of(last).to_numpy()
    for swept, settings in tested_settings(last):
        means = [
            float(draws.averaged(cost[rows], met[rows], chosen.sign * chosen.worst).mean()) for _, rows in settings
        ]
        at = best(means)
        key, rows = settings[at]
        tested = sorted({other[0] for other, _ in settings})
        equal = {other[0] for mean, (other, _) in zip(means, settings, strict=True) if mean == means[at]}
        at_edge = len(tested) >= 3 and equal <= {tested[0], tested[-1]}
        found.append(
            {
                **{name: column[rows[0]] for name, column in words.items()},
                "learning_rate": key[0],
                "parameters": ", ".join(f"{c}={format_value(v)}" for c, v in zip(swept, key[1:], strict=True)),
                "selected": -means[at] if chosen.better == "higher" else means[at],
                "edge": ("low" if key[0] == tested[0] else "high") if at_edge else "",
                "rates": len(tested),
                "draws": len(set(met[rows].tolist())),
                "replicas": tuple(ids[i] for i in rows),
            }
        )
    return pd.DataFrame(found)


def tested_settings(last: pd.DataFrame) -> Iterator[tuple[list[str], list[tuple[tuple, list[int]]]]]:
    """For each run, in the order of their names: (what was swept beside the rate, its settings).

    Args:
        last: of ResultSet.final_rows.

    Yields:
        (names of columns, settings); a setting is (the rate and the other values, where its rows stand: one a seed), in
        the order in which the first of equally good ones is chosen.

    Raises:
        RecordError: where two replicas of a setting have the same seed.
    """
    groups, numbers = rows_by_run(last), [c for c in last.columns if schema.is_parameter(c)]
    several = varies_within(last, numbers, groups)
    # What is looked at row by row is taken out of the table once: a thousand runs are a thousand small tables.
    rates, seeds, runs = (last[name].tolist() for name in ("learning_rate", "seed", "run"))
    values = {c: [number_of(value) for value in last[c]] for c in numbers if several[c].any()}
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


def chosen_settings(results: ResultSet) -> pd.DataFrame:
    """`choose` for every run, each by its own account, beside the columns of lookup.run_labels."""
    described, last = results.runs(), results.final_rows()
    parts = [
        _choose(last[last["run"].isin(names)].reset_index(drop=True), measure(account["selects"], account))
        for account, names in group_by_measures(described, last["run"].unique())
    ]
    chosen = pd.concat(parts, ignore_index=True).drop(columns=["task", "estimator", "optimizer"])
    return run_labels(results).merge(chosen, on="run", validate="one_to_one")


def validated(rows: pd.DataFrame, account: Mapping) -> pd.DataFrame:
    """Per replica, the step at which the `selects` measure is best along the training, the earliest of equals, and the
    `reports` measure there.

    This is early stopping after the fact (Prechelt 1998). Where `selects` is what is reported, the value is the best
    one of the whole training, and too good for that.

    Args:
        rows: of a result set.
        account: of a run that asks for the same measures as all that have rows.

    Returns:
        `run, replica, step` (updates), `value` (the reported measure's unit; NaN if not finite).

    Raises:
        RecordError: where a measure lacks values (lookup.recorded).
    """
    selects, reports = account["selects"], account["reports"]
    rows = only_columns(rows, selects, reports).sort_values(["run", "replica", "step"], ignore_index=True)
    cost = measure(selects, account).cost(recorded(rows, selects))
    recorded(rows, reports)
    at = cost.groupby([rows["run"], rows["replica"]]).idxmin()
    out = rows.loc[at, ["run", "replica", "step", reports]].reset_index(drop=True)
    return out.rename(columns={reports: "value"})


def steps_to_target(rows: pd.DataFrame, account: Mapping) -> pd.DataFrame:
    """Per replica, the first recorded step (updates) at which the task's target was reached: `run, replica, steps`.

    It is known to the spacing of the recorded steps, and never too small.

    Args:
        rows: of a result set.
        account: of a run that has the same target as all that have rows.

    Returns:
        Sorted by run and replica; `steps` (Int64) is missing where the target never was reached.

    Raises:
        RecordError: where the target's measure lacks values (lookup.recorded).
    """
    name, value = account["target"]
    rows = only_columns(rows, name)
    reached = rows[measure(name, account).reached(recorded(rows, name), value)]
    first = reached.groupby(["run", "replica"])["step"].min().rename("steps")
    every = rows[["run", "replica"]].drop_duplicates().sort_values(["run", "replica"])
    return every.merge(first, how="left", on=["run", "replica"]).astype({"steps": "Int64"})


def _order(value) -> tuple:
    """Numbers by size, then text, then what is missing."""
    if pd.isna(value):
        return 2, 0.0, ""
    return (1, 0.0, value) if isinstance(value, str) else (0, value, "")
