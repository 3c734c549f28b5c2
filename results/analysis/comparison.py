"""What is compared with what: the methods that met the same seeds on one task, and what each setting reached at a seed.

Pure functions of a result set.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from results.analysis import draws, estimand, lookup, measures, selection
from results.analysis.estimand import Estimand
from results.analysis.measures import Measure
from results.records.result_set import ResultSet
from steeplechase.errors import RecordError

ANY = "each with its best optimizer"
PAIRS = 10  # methods, up to which all pairs are compared where no reference is declared


@dataclass(frozen=True)
class Group:
    """Methods on one task with one optimizer, or with all of them.

    Attributes:
        task: its name.
        task_label: as it is printed.
        optimizer: as it is printed; ANY of a group over all of them.
        selects: the measure that settings are chosen by.
        reports: the measure that is reported.
        methods: as they are printed.
        names: of their estimators.
        controls: of each method whether its slope is zero everywhere (of records of before; now these are bounds).
        seeds: those that all methods have at all settings; where a draw of the problem has several seeds, the numbers
            of the draws of which all methods have all seeds. They are the unit: what follows is of a draw the mean over
            its seeds, and a draw has diverged or failed if any of its seeds has.
        settings: for each method its settings in words, in the order in which the first of equally good ones is chosen.
        rates: their learning rates.
        chosen_by: for each method float64 [settings, seeds], the values of `selects` at the last step; one that is not
            finite is the measure's worst.
        reported: the same of `reports`.
        diverged: for each method bool [settings, seeds].
        failed: for each method bool [settings, seeds]: whether the training did not end at the task's target.
        can_fail: whether the task says that a training may miss its target for good; None where the records are older
            than that.
        estimand: what the seeds draw.
        dropped: seeds, or draws, that only some of the methods have.
        left_out: methods that were not run with every optimizer, of a group over all of them.
        per_draw: how many seeds each draw has.
        of_seeds: for each method float64 [settings, draws, per_draw], the values of `reports` of each seed; empty where
            draws have one seed, and `reported` says it.
    """

    task: str
    task_label: str
    optimizer: str
    selects: Measure
    reports: Measure
    methods: tuple[str, ...]
    names: tuple[str, ...]
    controls: tuple[bool, ...]
    seeds: tuple[int, ...]
    settings: tuple[tuple[str, ...], ...]
    rates: tuple[tuple[float, ...], ...]
    chosen_by: tuple[np.ndarray, ...]
    reported: tuple[np.ndarray, ...]
    diverged: tuple[np.ndarray, ...]
    failed: tuple[np.ndarray, ...]
    can_fail: bool | None
    estimand: Estimand
    dropped: tuple[int, ...] = ()
    left_out: tuple[str, ...] = ()
    per_draw: int = 1
    of_seeds: tuple[np.ndarray, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """How many `seeds` and how many `draws` the methods have in common."""
        return {"seeds": len(self.seeds) * self.per_draw, "draws": len(self.seeds)}

    @property
    def without_controls(self) -> Group:
        """The group without its controls."""
        return self._only([m for m, control in enumerate(self.controls) if not control])

    def _only(self, places: Sequence[int]) -> Group:
        """The group with the methods at these places alone."""
        words = ("methods", "names", "controls", "settings", "rates")
        per_method = (*words, *self.arrayed)
        return replace(self, **{key: tuple(getattr(self, key)[m] for m in places) for key in per_method})

    @property
    def arrayed(self) -> tuple[str, ...]:
        """The names of the fields that have an array for each method."""
        return ("chosen_by", "reported", "diverged", "failed", *(("of_seeds",) if self.of_seeds else ()))

    def spreads(self, method: int) -> dict[str, float]:
        """Of a method at its chosen setting the standard deviations `between` and `within` draws (draws.spreads)."""
        if not self.of_seeds:
            return {"between": math.nan, "within": math.nan}
        return draws.spreads(self.of_seeds[method][self.choose()[method]].ravel(), np.repeat(self.seeds, self.per_draw))

    def choose(self) -> list[int]:
        """For each method, which setting has the best mean of `selects` over seeds: the first of equally good ones."""
        return list(self._chosen)

    @cached_property
    def _chosen(self) -> tuple[int, ...]:
        return tuple(int(selection.best(self.mean_costs(m))) for m in range(len(self.methods)))

    def choose_at_rates(self, method: int) -> dict[float, int]:
        """For each rate of a method, the smallest first, which of its settings with it is the best in the same way."""
        means, rates = self.mean_costs(method), np.array(self.rates[method])
        own = {rate: np.flatnonzero(rates == rate) for rate in sorted(set(self.rates[method]))}
        return {rate: int(at[selection.best(means[at])]) for rate, at in own.items()}

    def mean_costs(self, method: int) -> np.ndarray:
        """For each setting of a method the mean of `selects` over seeds as a cost, float64 [settings]."""
        return (self.selects.sign * self.chosen_by[method]).mean(1)

    def values(self) -> np.ndarray:
        """What each method reached at each seed with its chosen setting, [methods, seeds]."""
        return self._at_chosen(self.reported)

    def failures(self) -> np.ndarray:
        """Whether the training failed of which each of `values` is, bool [methods, seeds]."""
        return self._at_chosen(self.failed)

    def _at_chosen(self, arrays: Sequence[np.ndarray]) -> np.ndarray:
        """Of [settings, seeds] of each method those of its chosen setting, [methods, seeds]."""
        rows = [values[at] for values, at in zip(arrays, self.choose(), strict=True)]
        return np.stack(rows) if rows else np.empty((0, len(self.seeds)))


def groups(results: ResultSet) -> list[Group]:
    """A group for each task and optimizer, and where a task has several optimizers one more over all of them. Bounds
    are in none of them (`bounds`).

    Returns:
        Sorted by task and optimizer as they are printed, a task's group over all optimizers last; none where nothing is
        recorded.

    Raises:
        RecordError: for a result set that does not come from `results.load`; where runs of one task choose or report by
            different measures, or by one without a direction; and where methods have no seed in common.
    """
    return _groups(results, bounds=False)


def bounds(results: ResultSet) -> list[Group]:
    """What is told beside the groups and compared with nobody: in the same way the bounds (lookup.bounds), which may
    have other seeds.

    Returns:
        As `groups`, but none over several optimizers.

    Raises:
        RecordError: as `groups` does.
    """
    return _groups(results, bounds=True)


def _groups(results: ResultSet, bounds: bool) -> list[Group]:
    """The groups of the runs that are bounds, or of those that are none.

    Returns:
        As `groups`; of those that are no bounds a group without methods where bounds alone were run.
    """
    if results.rows.empty:
        return []
    apart, named = lookup.bounds(results), lookup.run_labels(results)
    described, last = results.runs(), results.final_rows()
    by_run = dict(zip(sorted(last["run"].unique()), selection.tested_settings(last), strict=True))
    drawn = estimand.by_run(results)
    found: list[Group] = []
    for task, of_task in named.groupby("task_label", sort=True):
        parts = []
        for optimizer, rows in of_task.groupby("optimizer_label", sort=True):
            chosen = rows[rows["run"].isin(list(apart)) == bounds]
            if len(chosen):
                parts.append(_group(task, str(optimizer), chosen, described, last, by_run, drawn))
            elif not bounds:
                parts.append(_group(task, str(optimizer), rows, described, last, by_run, drawn)._only([]))
        several = [part for part in parts if part.methods]
        found += [*parts, *([_over(several)] if len(several) > 1 and not bounds else [])]
    return found


def counts(groups: Sequence[Group]) -> tuple[list[int], list[int]]:
    """How many seeds the methods of each group have in common, and how many draws these met, as wording.units takes it.

    Args:
        groups: any.

    Returns:
        (seeds, draws) of each.
    """
    found = [group.counts for group in groups]
    return [of["seeds"] for of in found], [of["draws"] for of in found]


def pairs(order: Sequence[int], names: Sequence[str], reference: str) -> list[tuple[int, int]]:
    """Which methods are compared: each with the reference, where it is there; else up to PAIRS in all pairs.

    Args:
        order: places of the methods in names, the best first.
        names: of their estimators.
        reference: the declared estimator, or "".

    Returns:
        Places in names; of each pair the better method first, or the reference last.
    """
    fixed = next((i for i in order if names[i] == reference), None)
    if fixed is not None:
        return [(i, fixed) for i in order if i != fixed]
    return list(itertools.combinations(order, 2)) if len(order) <= PAIRS else []


def _group(task, optimizer, rows, described, last, by_run, drawn) -> Group:
    judged = [
        {measures.measure(described[run][key], described[run]) for run in rows["run"]} for key in ("selects", "reports")
    ]
    for key, found in zip(("chosen", "reported"), judged, strict=True):
        if len(found) > 1:
            names = " and ".join(sorted(measure.name for measure in found))
            raise RecordError(f"on {task} with {optimizer} some are {key} by another measure: {names}.")
        if not next(iter(found)).better:
            raise RecordError(f"'{next(iter(found)).name}' has no better direction, so nothing can be {key} by it.")
    (selects,), (reports,) = judged
    number = last["seed"].to_numpy("int64")
    seeds = [set(number[at].tolist()) for run in rows["run"] for _, at in by_run[run][1]]
    common = sorted(set.intersection(*seeds))
    if not common:
        raise RecordError(f"on {task} with {optimizer} no seed was met by all: they cannot be compared in pairs.")
    columns = [_filled(last, rows["run"], measure) for measure in (selects, reports)]
    lost = last["diverged"].notna().to_numpy() if "diverged" in last else np.zeros(len(last), bool)
    words, rates, values = [], [], ([], [], [], [])
    missed = _missed(last, rows["run"], described)
    for run in rows["run"]:
        swept, settings = by_run[run]
        words.append(tuple(_setting_words(swept, key) for key, _ in settings))
        rates.append(tuple(float(key[0]) for key, _ in settings))
        places = np.array([_placed(number, at, common) for _, at in settings])
        for kept, column in zip(values, (*columns, lost, missed), strict=True):
            kept.append(column[places])
    group = Group(
        str(rows["task"].iloc[0]),
        str(task),
        optimizer,
        selects,
        reports,
        tuple(lookup.methods(rows)),
        tuple(rows["estimator"]),
        tuple(bool(described[run].get("control", False)) for run in rows["run"]),
        tuple(common),
        tuple(words),
        tuple(rates),
        *map(tuple, values),
        _one({described[run].get("can_fail") for run in rows["run"]}, None),
        _one({drawn[run] for run in rows["run"]}, Estimand()),
        tuple(sorted(set.union(*seeds) - set(common))),
    )
    own = last[last["run"].isin(rows["run"])]
    per_draw = draws.one_design(draws.seeds_per_draw(own), f"on {task} with {optimizer}")
    draw_of = dict(zip(own["seed"].tolist(), draws.draws_of(own).tolist(), strict=True))
    return group if per_draw == 1 else by_draw(group, draw_of, per_draw)


def by_draw(group: Group, draw_of: Mapping[int, int], per_draw: int) -> Group:
    """A group whose unit is the draw of the problem, of one whose unit is the seed.

    Args:
        group: over seeds.
        draw_of: the draw that each of its seeds met, and each that it has dropped.
        per_draw: how many seeds meet each draw. A draw that lacks one of them is dropped.

    Returns:
        The same with a column a draw.

    Raises:
        RecordError: where no draw has all of its seeds.
    """
    met = np.array([draw_of[seed] for seed in group.seeds])
    numbers, counts = np.unique(met, return_counts=True)
    whole = numbers[counts == per_draw].tolist()
    if not whole:
        raise RecordError(
            f"on {group.task_label} with {group.optimizer} no draw was met by all with all of its {per_draw} seeds: "
            "they cannot be compared in pairs."
        )
    at = np.concatenate([np.flatnonzero(met == draw) for draw in whole])

    def parted(arrays):
        return [values[:, at].reshape(len(values), len(whole), per_draw) for values in arrays]

    of_seeds = tuple(parted(group.reported))
    return replace(
        group,
        seeds=tuple(whole),
        chosen_by=tuple(values.mean(-1) for values in parted(group.chosen_by)),
        reported=tuple(values.mean(-1) for values in of_seeds),
        diverged=tuple(lost.any(-1) for lost in parted(group.diverged)),
        failed=tuple(lost.any(-1) for lost in parted(group.failed)),
        dropped=tuple(sorted(set(draw_of.values()) - set(whole))),
        per_draw=per_draw,
        of_seeds=of_seeds,
    )


def _one(values: set, otherwise):
    """The only one of these, or what is said where they differ."""
    return next(iter(values)) if len(values) == 1 else otherwise


def _missed(last: pd.DataFrame, runs: pd.Series, described: Mapping[str, Mapping]) -> np.ndarray:
    """Which of all rows are not at their task's target, bool [rows]; those of other runs are left False."""
    missed = np.zeros(len(last), bool)
    for account, names in lookup.group_by_measures(described, runs):
        name, value = account["target"]
        at = last["run"].isin(names).to_numpy()
        missed[at] = ~measures.measure(name, account).reached(lookup.recorded(last[at], name), value)
    return missed


def _over(parts: Sequence[Group]) -> Group:
    """One group of a task's groups: a method's settings are those with every optimizer. Methods that were not run with
    all of them are left out, and seeds that are not common to all.

    Returns:
        Its `optimizer` is ANY.

    Raises:
        RecordError: where no seed is common to all, or draws have unequal numbers of seeds.
    """
    first = parts[0]
    draws.one_design((part.per_draw for part in parts), f"on {first.task_label}")
    kept = [m for m in first.methods if all(m in part.methods for part in parts)]
    seeds = [s for s in first.seeds if all(s in part.seeds for part in parts)]
    if not seeds:
        raise RecordError(f"on {first.task_label} no seed was met with every optimizer: they cannot be compared.")
    joined: dict[str, list] = {key: [] for key in ("settings", "rates", *first.arrayed)}
    for method in kept:
        at = [part.methods.index(method) for part in parts]
        named = [
            tuple(f"{part.optimizer}, {words}" for words in part.settings[i]) for part, i in zip(parts, at, strict=True)
        ]
        joined["settings"].append(tuple(itertools.chain(*named)))
        joined["rates"].append(tuple(itertools.chain(*(part.rates[i] for part, i in zip(parts, at, strict=True)))))
        for key in first.arrayed:
            arrays = [
                getattr(part, key)[i][:, [part.seeds.index(s) for s in seeds]]
                for part, i in zip(parts, at, strict=True)
            ]
            joined[key].append(np.concatenate(arrays))
    dropped = {s for part in parts for s in (*part.seeds, *part.dropped)} - set(seeds)
    return replace(
        first,
        optimizer=ANY,
        methods=tuple(kept),
        names=tuple(first.names[first.methods.index(m)] for m in kept),
        controls=tuple(first.controls[first.methods.index(m)] for m in kept),
        seeds=tuple(seeds),
        dropped=tuple(sorted(dropped)),
        left_out=tuple(sorted({m for part in parts for m in part.methods} - set(kept))),
        **{key: tuple(values) for key, values in joined.items()},
    )


def _filled(last: pd.DataFrame, runs: pd.Series, measure: Measure) -> np.ndarray:
    """A measure's column of all rows, in which what is not finite is the worst possible.

    Returns:
        float64 [rows].

    Raises:
        RecordError: where one of these runs lacks it.
    """
    lookup.recorded(last[last["run"].isin(runs)], measure.name)
    values = last[measure.name].to_numpy("float64")
    return np.where(np.isfinite(values), values, measure.worst)


def _placed(seed: np.ndarray, rows: Sequence[int], seeds: Sequence[int]) -> list[int]:
    """Where the rows of these seeds stand, in the order of the seeds."""
    by_seed = {int(seed[i]): i for i in rows}
    return [by_seed[s] for s in seeds]


def _setting_words(swept: Sequence[str], key: tuple) -> str:
    rate, *others = key
    return ", ".join([f"rate {rate:g}", *(f"{c}={lookup.format_value(v)}" for c, v in zip(swept, others, strict=True))])


def tuned(group: Group, resampled_seeds: np.ndarray) -> np.ndarray:
    """What each method reaches in each resample, as costs: the smallest is the best.

    The setting is chosen anew in every resample by the mean of `selects` over its seeds, so that the chance of choosing
    is in the result; its cost is the mean of `reports` over the same seeds.

    Args:
        group: the methods.
        resampled_seeds: places of seeds (of a Group's `seeds`), int [resamples, 1, seeds].

    Returns:
        float64 [resamples, methods]; a seed that diverged without bound makes a mean infinite.
    """
    out = np.empty((len(resampled_seeds), len(group.methods)))
    signs = group.selects.sign, group.reports.sign
    for m, values in enumerate(zip(group.chosen_by, group.reported, strict=True)):
        scores, costs = (
            (sign * own)[:, resampled_seeds[:, 0]].mean(-1) for sign, own in zip(signs, values, strict=True)
        )
        out[:, m] = np.take_along_axis(costs, selection.best(scores)[None], 0)[0]
    return out
