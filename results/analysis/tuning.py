"""The analysis `tuning`: what the search for a setting is worth, how good a training is on its way, when it arrives.

The area under the curve, the rates that serve, the best of k settings, and a grid of targets in updates, examples and
seconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from results.analysis import comparison, draws, estimand, lookup, measures, selection, targets
from results.analysis.comparison import ANY, Group
from results.records.result_set import ResultSet
from results.statistics import intervals, paired, resampling, survival

HARDER = (4, 2, 1, 0.5)  # distances to what is perfect, in that of the task's target
NAMES = ["task", "task_label", "optimizer_label", "estimator", "method", "estimand"]
COLUMNS = {  # of tuning(): name and what it holds, beside NAMES
    "measure_label": "the reported measure as it is printed",
    "unit": "its unit; empty for a pure number",
    "auc": "area under the reported measure's curve over updates, divided by the budget, at the chosen setting: mean",
    "auc_low": "lower end of its 95 % t interval over seeds",
    "auc_high": "upper end",
    "settings": "how many settings were tried",
    "best_of_1": "mean at the last step of one setting drawn at random; NaN where one of them diverged without bound",
    "best_of_2": "of the better of two, by the measure that chooses",
    "best_of_3": "of the best of three",
    "best": "of the best of all",
    "tolerance": "how far from the best a rate may be and still serve: the task's declared margin; NaN where none was",
    "serving": "share of the tried rates that serve, all else chosen anew at each",
    "decades": "factors of ten between the smallest and the largest rate that serve",
}
TARGETS = {  # of grid(): name and what it holds, beside NAMES
    "measure_label": "the target's measure as it is printed",
    "target": "what counts as arrived",
    "own": "whether it is the task's own target",
    "seeds": "trainings with the chosen setting",
    "draws": "draws of the problem that they met",
    "reached": "how many draws arrived: of each all its trainings",
    "steps": "expected updates: all that were spent, for each that arrived; infinite where none did. Of a draw that "
    "several seeds met, those of the slowest",
    "examples": "expected training examples",
    "seconds": "expected compiled training time of one replica among those of its block (s)",
    "p": "of no difference in updates from the fastest with this optimizer (log-rank test), corrected by Holm for all "
    "pairs of the task's methods (comparison.pairs); of its own target only, and missing for the fastest and controls",
    "later": "whether it surely arrives later than that one",
}


def tuning(results: ResultSet) -> pd.DataFrame:
    """One row per task, optimizer and method (columns: NAMES and COLUMNS).

    Returns:
        The groups of comparison.groups in their order, without those over all optimizers; then the bounds.

    Raises:
        RecordError: as comparison.groups does.
    """
    areas, rows = _areas(results), []
    for group in [*comparison.groups(results), *comparison.bounds(results)]:
        if group.optimizer == ANY:
            continue
        margin = float(results.plan.margins.get(group.task, math.nan))
        for m, method in enumerate(group.methods):
            curve = best_of(group, m)
            curve = [math.nan if not np.isfinite(value) else value for value in curve]
            serving, decades = _serving(group, m, margin)
            rows.append(
                {
                    **_names(group, m),
                    "measure_label": group.reports.label,
                    "unit": group.reports.unit,
                    **dict(
                        zip(
                            ("auc", "auc_low", "auc_high"),
                            areas[group.task_label, group.optimizer, method],
                            strict=True,
                        )
                    ),
                    "settings": len(curve),
                    **{f"best_of_{k}": curve[k - 1] if k <= len(curve) else math.nan for k in (1, 2, 3)},
                    "best": curve[-1],
                    "tolerance": margin,
                    "serving": serving,
                    "decades": decades,
                }
            )
    return pd.DataFrame(rows, columns=[*NAMES, *COLUMNS])


def best_of(group: Group, method: int, resampled_seeds: np.ndarray | None = None) -> np.ndarray:
    """What a method reaches with 1, 2, … of its settings tried, drawn at random: means of the reported measure at the
    last step.

    Of those tried the one with the best mean of the choosing measure is taken; expectation over the draws, exactly.

    Args:
        group: that has the method.
        method: its place there.
        resampled_seeds: places of seeds, int [resamples, 1, seeds] (resampling.draw of one task); None takes all seeds.

    Returns:
        float64 [settings], with resampled seeds [resamples, settings].
    """
    scores, costs = (
        measure.sign * values[method]
        for measure, values in ((group.selects, group.chosen_by), (group.reports, group.reported))
    )
    sign = group.reports.sign
    if resampled_seeds is None:
        return sign * resampling.best_of(scores.mean(1), costs.mean(1))
    taken = [(scores[:, own].mean(1), costs[:, own].mean(1)) for own in resampled_seeds[:, 0]]
    return np.stack([sign * resampling.best_of(*own) for own in taken])


def success_grid(results: ResultSet) -> pd.DataFrame:
    """When each method arrives at each of several targets, at its chosen setting (columns: NAMES and TARGETS).

    The targets are four, two, one and half times as far from what is perfect as the task's own: 1 or 0 of a share, 0 of
    a loss. Where the own one is perfect itself, they are 0.2, 0.1, 0.05 away and itself.

    Returns:
        Sorted by task, optimizer and method as they are printed, of each the easiest target first.
    """
    rows, own = [], {}
    if results.rows.empty:
        return pd.DataFrame(columns=[*NAMES, *TARGETS])
    described, settings, drawn = results.runs(), selection.chosen_settings(results), estimand.by_run(results)

    def targets_of(account: Mapping) -> dict[str, float]:
        name, value = account["target"]
        measure = measures.measure(name, account)
        return {f"{target:g}": target for target in target_grid(value, measure.share, measure.better)}

    arrived = targets.reached_by_run(results, settings, targets_of)
    ends = results.final_rows().drop_duplicates("run").set_index("run")
    updates = ends["step"].clip(lower=1).astype("float64")
    examples, seconds = ends["examples"].astype("float64") / updates, ends["train_s"] / updates
    for one, method in zip(settings.itertuples(), lookup.methods(settings), strict=True):
        account = described[one.run]
        measure = measures.measure(account["target"][0], account)
        for target, found in zip(targets_of(account).values(), arrived[one.run].values(), strict=True):
            spent = found.expected_steps
            if target == account["target"][1] and not (account.get("control", False) or account.get("bound")):
                own.setdefault(one.task_label, {}).setdefault(one.optimizer_label, {})[len(rows)] = found
            rows.append(
                {
                    "task": one.task,
                    "task_label": one.task_label,
                    "optimizer_label": one.optimizer_label,
                    "estimator": one.estimator,
                    "method": method,
                    "estimand": drawn[one.run].text,
                    "measure_label": measure.label,
                    "target": target,
                    "own": target == account["target"][1],
                    "seeds": len(one.replicas),
                    "draws": len(found.steps),
                    "reached": int(np.isfinite(found.steps).sum()),
                    "steps": spent,
                    "examples": spent * examples[one.run],
                    "seconds": spent * seconds[one.run],
                    "p": math.nan,
                    "later": False,
                }
            )
    names, reference = [row["estimator"] for row in rows], results.plan.reference
    for by_optimizer in own.values():
        for at, (z, p) in against_the_fastest(by_optimizer.values(), names, reference).items():
            rows[at] |= {"p": p, "later": z > 0 and p < paired.LEVEL}
    found = pd.DataFrame(rows, columns=[*NAMES, *TARGETS])
    return found.sort_values(["task_label", "optimizer_label", "method"], kind="stable", ignore_index=True)


def against_the_fastest(
    families: Iterable[Mapping[int, survival.Reached]], names: Sequence[str], reference: str
) -> dict[int, tuple[float, float]]:
    """(z, p) of each method against the one with the fewest expected updates in its family: z > 0 where that one is
    sooner. p is corrected for all pairs of all families, since nobody said beforehand which would be the fastest.

    Args:
        families: what the methods did, by their places in names.
        names: of the methods' estimators.
        reference: the declared estimator, or "" (comparison.pairs).

    Returns:
        By the methods' places; none of the fastest of a family, and of a method that was not compared with it.
    """
    tested, fastest = {}, {}
    for family in families:
        order = sorted(family, key=lambda at: family[at].expected_steps)
        fastest |= dict.fromkeys(order, order[0])
        tested |= {
            (i, j): survival.log_rank(family[i], family[j]) for i, j in comparison.pairs(order, names, reference)
        }
    corrected = dict(zip(tested, paired.holm([p for _, p in tested.values()]), strict=True))
    found = {}
    for (i, j), (z, _) in tested.items():
        if fastest[i] == i:
            found[j] = z, float(corrected[i, j])
        elif fastest[j] == j:
            found[i] = -z, float(corrected[i, j])
    return found


def target_grid(target: float, share: bool, better: str) -> list[float]:
    """The grid of targets around one, the easiest first.

    Args:
        target: in its measure's unit.
        share: whether the measure is one.
        better: `higher` or `lower`, the measure's direction.

    Returns:
        The target is among them; it is alone where nobody knows what is perfect.
    """
    perfect = float(share and better == "higher")
    away, sign = abs(target - perfect), -1 if better == "higher" else 1
    if not away:
        return [*(perfect + sign * d for d in (0.2, 0.1, 0.05)), target]
    if not share and (target < 0 or better == "higher"):
        return [target]  # nobody knows what is perfect
    return [round(perfect + sign * away * factor, 12) for factor in HARDER if not share or away * factor <= 1]


def _names(group: Group, method: int) -> dict[str, str]:
    where = (group.task, group.task_label, group.optimizer)
    words = (*where, group.names[method], group.methods[method], group.estimand.text)
    return dict(zip(NAMES, words, strict=True))


def _areas(results: ResultSet) -> dict[tuple[str, str, str], tuple[float, float, float]]:
    """By task, optimizer and method the area under the curve, with its interval over seeds."""
    if results.rows.empty:
        return {}
    described, settings, rows = results.runs(), selection.chosen_settings(results), results.rows
    rows = rows[rows["replica"].isin(settings["replicas"].explode())]
    means: dict[str, np.ndarray] = {}
    for account, runs in lookup.group_by_measures(described, settings["run"]):
        measure, own = measures.measure(account["reports"], account), rows[rows["run"].isin(runs)]
        own = own.sort_values(["run", "replica", "step"], ignore_index=True)
        values = lookup.recorded(own, measure.name).to_numpy("float64")
        values, steps = np.where(np.isfinite(values), values, measure.worst), own["step"].to_numpy("float64")
        replicas = own["replica"].to_numpy()
        starts = np.flatnonzero(np.r_[True, replicas[1:] != replicas[:-1]])
        spans = np.diff(steps, prepend=steps[:1])
        spans[starts] = 0
        pieces = _trapezoids(spans, values)
        whole, budget = np.add.reduceat(pieces, starts), np.add.reduceat(spans, starts)
        with np.errstate(invalid="ignore", divide="ignore"):
            areas = np.where(budget > 0, whole / budget, values[starts])
        first, met = own["run"].to_numpy()[starts], draws.draws_of(own).to_numpy()[starts]
        at = np.flatnonzero(first[1:] != first[:-1]) + 1
        parts = zip(np.split(areas, at), np.split(met, at), strict=True)
        means |= dict(zip(first[np.r_[0, at]], (draws.averaged(*part, math.inf) for part in parts), strict=True))
    return {
        (one.task_label, one.optimizer_label, method): intervals.t_interval(means[one.run])
        for one, method in zip(settings.itertuples(), lookup.methods(settings), strict=True)
    }


def _trapezoids(spans: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Their areas: those that touch an infinite value are infinite, and those without width nothing."""
    before = np.roll(values, 1)
    lost = ~np.isfinite(values) | ~np.isfinite(before)
    with np.errstate(invalid="ignore"):
        return np.where(spans == 0, 0.0, np.where(lost, np.inf, spans * (values + before) / 2))


def _serving(group: Group, method: int, margin: float) -> tuple[float, float]:
    """The share of rates that serve, and how many decades they span."""
    if math.isnan(margin):
        return math.nan, math.nan
    costs, by_rate = (group.reports.sign * group.reported[method]).mean(1), group.choose_at_rates(method)
    most = costs[selection.best(group.mean_costs(method))] + margin
    good = [rate for rate, setting in by_rate.items() if costs[setting] <= most]
    return len(good) / len(by_rate), math.log10(good[-1] / good[0]) if good and good[0] > 0 else math.nan
