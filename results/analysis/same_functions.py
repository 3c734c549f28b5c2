"""The analysis `same_functions`: which runs trained with one and the same function under several names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from results.analysis import lookup
from results.records import schema
from results.records.result_set import ResultSet

NAMES = ("estimator", "estimator_weights")  # columns that differ although the function is one, as their parameters do
FREE = {"run", "replica", "seed", "draw", "learning_rate", *NAMES}


@dataclass(frozen=True)
class SameFunction:
    """Runs that differ in nothing but the name of one function: what parts their results is noise.

    Attributes:
        task: its name.
        optimizer: its name.
        normalize: how the slopes were scaled: none, peak or area.
        estimators: the names of the function, one a run, in alphabetical order; the first stands for all.
        runs: the runs, in that order.
    """

    task: str
    optimizer: str
    normalize: str
    estimators: tuple[str, ...]
    runs: tuple[str, ...]


def same_functions(results: ResultSet) -> list[SameFunction]:
    """Which runs are the same but for their estimator's name, by the digests of the slopes that they trained with.

    Two slopes have one digest where they agree to six digits on a dense grid (estimators/digest.py). Isolated points,
    such as the threshold itself, decide nothing. A run whose slope is random, has a schedule or several settings has no
    digest, and neither has a record of before; these are the same as no other.

    Returns:
        Groups of two or more, sorted by task, optimizer, normalize and names.

    Raises:
        RecordError: as ResultSet.runs does.
    """
    if results.rows.empty:
        return []
    known = _slopes(results)
    rows = results.rows[results.rows["run"].isin(list(known))]
    free = FREE - {*map(lookup.column_of, results.plan.compare)}
    traits = [c for c in rows.columns if (c in schema.IDENTITY or schema.is_parameter(c)) and c not in free]
    others = [c for c in traits if not c.startswith(tuple(f"{name}." for name in NAMES))]
    groups: dict[tuple, list[tuple[str, str]]] = {}
    for names, of_run in rows[["run", "estimator", *others]].drop_duplicates().groupby(["run", "estimator"], sort=True):
        run, estimator = map(str, names)
        same = [tuple(sorted(map(str, of_run[column].unique()))) for column in others]
        groups.setdefault((*sorted(known[run].items()), *same), []).append((estimator, run))
    firsts = rows.drop_duplicates("run").set_index("run")
    found = []
    for members in groups.values():
        if len(members) > 1:
            estimators, runs = zip(*sorted(members), strict=True)
            task, optimizer, normalize = firsts.loc[runs[0], ["task", "optimizer", "normalize"]]
            found.append(SameFunction(str(task), str(optimizer), str(normalize), estimators, runs))
    return sorted(found, key=lambda group: (group.task, group.optimizer, group.normalize, group.estimators))


def merged(results: ResultSet) -> ResultSet:
    """The results with one run of each function: that of the plan's reference, or of the first name, which then bears
    all names, as A = B. What meets in contrasts or counts methods takes these.

    Args:
        results: from `results.load`.

    Returns:
        Without the rows of the other runs. A run has its own name alone where it is several functions on its task with
        its optimizer, as with normalize=none and area.

    Raises:
        RecordError: as ResultSet.runs does.
    """
    accounts, dropped, names = results.runs(), set[str](), dict[tuple[str, str, str], dict[str, str]]()
    groups = same_functions(results)
    for group in groups:
        members = list(zip(group.estimators, group.runs, strict=True))
        first = next((one for one in members if one[0] == results.plan.reference), members[0])
        dropped |= set(group.runs) - {first[1]}
        labels = [accounts[run]["labels"]["estimator"] for _, run in [first, *(one for one in members if one != first)]]
        names.setdefault((group.task, group.optimizer, first[0]), {})[first[1]] = " = ".join(labels)
    if not groups:
        return results
    rows = results.rows[~results.rows["run"].isin(list(dropped))]
    runs = rows[["run", "task", "optimizer", "estimator"]].drop_duplicates().groupby(["task", "optimizer", "estimator"])
    bears: dict[str, str] = {}
    for key, labels_of in names.items():
        own = set(runs.get_group(key)["run"])
        if len(set(labels_of.values())) == 1 and own == set(labels_of):
            bears |= labels_of
    relabelled = [
        {**account, "labels": {**account["labels"], "estimator": bears[account["run"]]}}
        if account["run"] in bears
        else account
        for account in results.accounts
    ]
    return replace(results.with_rows(rows), accounts=tuple(relabelled))


def _slopes(results: ResultSet) -> dict[str, dict[str, str]]:
    """By run the digests of its slopes, where all its parts have the same ones."""
    results.runs()  # which are all there
    there, parts = set(results.rows["replica"]), dict[str, list[dict[str, str]]]()
    for account in results.accounts:
        if not there.isdisjoint(account["replicas"]):
            slopes = account.get("slopes")  # a record of before has none
            known = slopes.items() if isinstance(slopes, Mapping) else ()
            parts.setdefault(account["run"], []).append({str(site): str(word) for site, word in known})
    return {run: of[0] for run, of in parts.items() if of[0] and all(slopes == of[0] for slopes in of)}
