"""The table `ranking`: which method is first, and whether it still is with other seeds, budgets, targets or tasks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from scipy import stats

from results import comparison, resampling, statistics, targets, wording
from results.comparison import Group

RESAMPLES, SEED = 2_000, 0
MOVED = 0.05  # the share by which budget and target are moved
COLUMNS = {  # of stability(): name and what it holds
    "task": "name of the task",
    "task_label": "the task as it is printed",
    "optimizer_label": "the optimizer as it is printed, or comparison.ANY: each method with the one that it chose",
    "estimator": "name of the method's estimator",
    "method": "the method as it is printed",
    "seeds": "how many seeds all methods have",
    "mean": "mean over seeds of what is reported, at the last step; NaN where a seed diverged without bound",
    "unit": "its unit; empty for a pure number",
    "rank": "of the mean, 1 is the best; equals share their average",
    "rank_low": "lower end of the 95 % of resamples of the seeds in the middle, settings chosen anew in each",
    "rank_high": "upper end",
    "first": "share of these resamples in which it is first; equals share it",
    "shorter": "rank where all trainings are cut at 95 % of their updates, settings chosen anew",
    "fastest": "rank by the expected updates to the target at the chosen setting; missing over all optimizers",
    "easier": "the same for a target that is 5 % easier",
    "harder": "the same for a target that is 5 % harder",
}
ACROSS = {  # of across(): name and what it holds
    "optimizer_label": "the optimizer as it is printed, or comparison.ANY",
    "left_out": "the task that is left out; empty where none is",
    "estimator": "name of the method's estimator",
    "method": "the method as it is printed",
    "tasks": "over how many tasks the mean is taken",
    "mean_rank": "mean over tasks of its rank among the methods that were run on all tasks",
    "rank": "rank of that mean",
}


def stability(table: pd.DataFrame) -> pd.DataFrame:
    """One row a method of each task and optimizer (columns: COLUMNS), the best mean first; controls take no part.

    A longer budget than the one that was trained is not known. A target is moved by 5 % of its value, or of a share of
    1 where it is zero. Raises RecordError as comparison.groups does.
    """
    chance, rows = np.random.default_rng(SEED), []
    cut = {(group.task_label, group.optimizer): group for group in comparison.groups(shortened(table))}
    speeds = _speeds(table)
    for group in (group.racers for group in comparison.groups(table)):
        if not group.methods:
            continue
        key, several = (group.task_label, group.optimizer), len(group.seeds) >= resampling.FEWEST
        means = group.values().mean(1)
        ranks = stats.rankdata(group.reports.sign * means)
        drawn = resampling.tuned(group, resampling.draw(chance, RESAMPLES, 1, len(group.seeds)))
        low, high = np.quantile(resampling.ranks(drawn), [0.025, 0.975], axis=0, method="inverted_cdf")
        first = resampling.firsts(drawn)
        shorter = stats.rankdata(group.reports.sign * cut[key].racers.values().mean(1))
        speed = {name: _ranked(speeds.get(key, {}), group, name) for name in ("fastest", "easier", "harder")}
        for m in np.argsort(ranks, kind="stable"):
            rows.append(
                {
                    "task": group.task,
                    "task_label": group.task_label,
                    "optimizer_label": group.optimizer,
                    "estimator": group.names[m],
                    "method": group.methods[m],
                    "seeds": len(group.seeds),
                    "mean": means[m] if np.isfinite(means[m]) else math.nan,
                    "unit": group.reports.unit,
                    "rank": ranks[m],
                    "rank_low": low[m] if several else math.nan,
                    "rank_high": high[m] if several else math.nan,
                    "first": first[m] if several else math.nan,
                    "shorter": shorter[m],
                    **{name: own[m] for name, own in speed.items()},
                }
            )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def across(found: pd.DataFrame) -> pd.DataFrame:
    """How the methods rank over all tasks together, and with each task left out (columns: ACROSS).

    found: of `stability`. Only methods that were run on all tasks with an optimizer take part; an optimizer with which
    fewer than two tasks were run has no rows. Each task counts the same, whatever its measure: only ranks are averaged.
    """
    rows = []
    for optimizer, own in found.groupby("optimizer_label", sort=False):
        means = own.pivot_table(index="method", columns="task_label", values="rank").dropna()
        if means.shape[1] < 2 or means.empty:
            continue
        # Ranks among the methods that are compared here: some tasks may have had more.
        ranks, names = means.rank(), own.drop_duplicates("method").set_index("method")["estimator"]
        for left_out in ("", *ranks.columns):
            mean = ranks.drop(columns=left_out, errors="ignore").mean(axis=1)
            for method, place in mean.rank().sort_values(kind="stable").items():
                tasks = ranks.shape[1] - (left_out != "")
                rows.append((optimizer, left_out, names[method], method, tasks, mean[method], place))
    return pd.DataFrame(rows, columns=list(ACROSS))


def shortened(table: pd.DataFrame, share: float = 1 - MOVED) -> pd.DataFrame:
    """The table without what was recorded after this share of each run's updates."""
    if table.empty:
        return table
    whole = table.groupby("run")["step"].transform("max").astype("float64")
    out = table[(table["step"].astype("float64") <= share * whole).to_numpy()].reset_index(drop=True)
    out.attrs = table.attrs
    return out


def moved(target: float, share: bool, better: str) -> dict[str, float]:
    """The target as it is (`fastest`), and made `easier` and `harder` by 5 % of its value: of a share that is zero by
    0.05, and never beyond what a share can be."""
    step = MOVED * (abs(target) or float(share)) * (1 if better == "higher" else -1)
    found = {"fastest": target, "easier": target - step, "harder": target + step}
    return {name: min(max(value, 0.0), 1.0) if share else value for name, value in found.items()}


def show(found: pd.DataFrame, console: Console) -> list[Table]:
    """Prints a table a task, and one over all tasks where there are several; returns the tables."""
    return wording.show(parts(found), console)


def write(found: pd.DataFrame, folder: str | Path) -> list[Path]:
    """Writes ranking.csv, .md and .tex, and ranking_tasks.csv with `across`. Returns their paths."""
    spanning = across(found)
    beside = {"ranking_tasks": spanning} if len(spanning) else {}
    return wording.write(folder, "ranking", found, *wording.texts(parts(found), "ranking"), **beside)


ACROSS_CAPTION = (
    "Mean rank over tasks by the mean at the last step, among the methods that were run on all of them; in the other "
    "columns the rank of that mean, of all tasks and without one."
)


def _speeds(table: pd.DataFrame) -> dict[tuple[str, str], dict[str, dict[str, float]]]:
    """By task and optimizer, by method: expected updates to the target, as it is, easier and harder."""
    found: dict[tuple[str, str], dict[str, dict[str, float]]] = {}
    if table.empty:
        return found
    settings = statistics.settings(table)

    def wanted(account: Mapping) -> dict[str, float]:
        name, value = account["target"]
        measure = statistics.measure(name, account)
        return moved(value, math.isfinite(measure.worst), measure.better)

    arrived = targets.every(table, settings, wanted)
    for one, method in zip(settings.itertuples(), statistics.methods(settings), strict=True):
        own = {word: reached.expected_steps for word, reached in arrived[one.run].items()}
        found.setdefault((one.task_label, one.optimizer_label), {})[method] = own
    return found


def _ranked(speeds: Mapping[str, Mapping[str, float]], group: Group, name: str) -> np.ndarray:
    """The ranks of its methods by one of the speeds; those that never arrive share the last; NaN where unknown."""
    if not speeds:
        return np.full(len(group.methods), math.nan)
    return stats.rankdata([speeds[method][name] for method in group.methods])


def parts(found: pd.DataFrame) -> Iterator[wording.Part]:
    """A table a task, and one over all tasks where there are several, as one would print them."""
    for task, rows in found.groupby("task_label", sort=False):
        yield wording.Part(f"{task}: rank stability", _printed(rows), _caption(rows))
    spanning = across(found)
    if len(spanning):
        yield wording.Part("All tasks: rank stability", _spanning(spanning), ACROSS_CAPTION)


def _caption(rows: pd.DataFrame) -> str:
    seeds = sorted(set(rows["seeds"]))
    many = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    text = "Rank by the mean at the last step"
    if seeds[-1] >= resampling.FEWEST:
        text += (
            f", with the range that it has in 95 % of {RESAMPLES:,} resamples of {many} seeds, and how often it is "
            "first in them, settings chosen anew in each"
        )
    return text + (
        f". 95 % budget: its rank where all trainings stop {100 * MOVED:g} % earlier. Fastest: its rank by expected "
        f"updates to the target, and for a target that is {100 * MOVED:g} % easier or harder."
    )


def _printed(rows: pd.DataFrame) -> pd.DataFrame:
    def rank(value):
        return "–" if math.isnan(value) else f"{value:g}"

    return pd.DataFrame(
        {
            "with": list(rows["optimizer_label"]),
            "method": list(rows["method"]),
            "rank": [
                f"{r.rank:g}" + ("" if math.isnan(r.rank_low) else f" [{r.rank_low:g}, {r.rank_high:g}]")
                for r in rows.itertuples()
            ],
            "first": ["–" if math.isnan(share) else f"{share:.0%}" for share in rows["first"]],
            "95 % budget": [rank(value) for value in rows["shorter"]],
            "fastest": [rank(value) for value in rows["fastest"]],
            "easier": [rank(value) for value in rows["easier"]],
            "harder": [rank(value) for value in rows["harder"]],
        }
    )


def _spanning(spanning: pd.DataFrame) -> pd.DataFrame:
    """A row a method and optimizer, a column for all tasks and for each that is left out."""
    printed = []
    for optimizer, own in spanning.groupby("optimizer_label", sort=False):
        whole = own[own["left_out"] == ""]
        for row in whole.itertuples():
            places = own[own["method"] == row.method].set_index("left_out")["rank"]
            words = {"with": optimizer, "method": row.method, "mean rank": f"{row.mean_rank:.3g}"}
            words |= {f"without {task}" if task else "rank": f"{place:g}" for task, place in places.items()}
            printed.append(words)
    return pd.DataFrame(printed).fillna("–")
