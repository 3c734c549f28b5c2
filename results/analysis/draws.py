"""Draws: which seeds met one draw of the problem, and what a draw reached: the mean over its seeds.

Seeds of one draw are no independent evidence of another draw, so the draw is the unit of every interval, contrast, rank
and resample. Pure functions of rows; no chance anywhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import pandas as pd

from results.records.result_set import ResultSet
from results.statistics import components
from steeplechase.errors import RecordError


def draws_of(rows: pd.DataFrame) -> pd.Series:
    """The draw that each row's seed met.

    Args:
        rows: of a result set.

    Returns:
        int64 in the index of the rows: the seed's own number where each met a draw of its own.
    """
    if "draw" not in rows:
        return rows["seed"].astype("int64")
    return rows["draw"].fillna(rows["seed"]).astype("int64")


def seeds_per_draw(rows: pd.DataFrame) -> set[int]:
    """How many seeds meet one draw in these rows, of a result set: several numbers where runs differ in it."""
    if "seeds_per_draw" not in rows:
        return {1}
    return set(rows["seeds_per_draw"].fillna(1).astype("int64").tolist()) or {1}


def by_replica(rows: pd.DataFrame) -> pd.Series:
    """The draw of each replica.

    Args:
        rows: of a result set, one or more of each replica.

    Returns:
        int64, by the replica's id.
    """
    first = rows.drop_duplicates("replica")
    return draws_of(first).set_axis(first["replica"])


def averaged(values: np.ndarray, draws: np.ndarray, worst: float = math.nan) -> np.ndarray:
    """What each draw reached: the mean over its seeds.

    Args:
        values: [..., seeds], in any unit.
        draws: int [seeds], the number of each one's draw.
        worst: stands for what is not finite before a mean is taken of it.

    Returns:
        float64 [..., draws], in the order of their numbers. Where each seed has a draw of its own, the values as they
        are, in their own order.
    """
    values, draws = np.asarray(values, "float64"), np.asarray(draws)
    numbers, counts = np.unique(draws, return_counts=True)
    if len(numbers) == len(draws):
        return values
    filled = np.where(np.isfinite(values), values, worst)[..., np.argsort(draws, kind="stable")]
    starts = np.r_[0, np.cumsum(counts)[:-1]]
    return np.add.reduceat(filled, starts, axis=-1) / counts


def latest(steps: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """When each draw has arrived: when all of its seeds have.

    Args:
        steps: [seeds], infinite of one that never did.
        draws: int [seeds], the number of each one's draw.

    Returns:
        [draws], in the order of their numbers; where each seed has a draw of its own, the steps as they are.
    """
    numbers = np.unique(draws)
    if len(numbers) == len(draws):
        return steps
    return np.array([steps[draws == number].max() for number in numbers])


def spreads(values: np.ndarray, draws: np.ndarray) -> dict[str, float]:
    """The columns `between` and `within` of a method (results.statistics.components).

    Args:
        values: [seeds], in any unit.
        draws: int [seeds], the number of each one's draw.

    Returns:
        Standard deviations in that unit; NaN where each seed has a draw of its own, which tells them not apart.
    """
    return dict(zip(("between", "within"), components.components(values, draws), strict=True))


def spread_words(between: float, within: float) -> str:
    """Both components in words: 0.0041 between draws, 0.0032 within.

    Args:
        between: standard deviation; NaN where it is unknown.
        within: the same.

    Returns:
        Numbers and words.
    """
    words = ("unknown" if math.isnan(number) else f"{number:.2g}" for number in (between, within))
    return "{} between draws, {} within".format(*words)


def one_design(numbers: Iterable[int], where: str) -> int:
    """How many seeds meet one draw, where it must be the same for all that is compared.

    Args:
        numbers: what it is in each of them, at least one.
        where: what they are: "on TASK with OPTIMIZER".

    Returns:
        That number.

    Raises:
        RecordError: where they differ in it.
    """
    found = sorted(set(numbers))
    if len(found) > 1:
        raise RecordError(
            f"{where} there are runs with {' and with '.join(map(str, found))} seeds per draw, which met other draws: "
            "compare runs of one seeds_per_draw."
        )
    return found[0]


def check_balanced(results: ResultSet, table: str) -> None:
    """Refuses a table whose draws have unequal numbers of seeds: nothing is claimed of it.

    Args:
        results: of the table.
        table: its name.

    Raises:
        RecordError: naming the first run that has such draws.
    """
    rows = results.rows
    if seeds_per_draw(rows) == {1}:
        return
    seeds = rows[["run", "seed"]].assign(draw=draws_of(rows)).drop_duplicates()
    counts = seeds.groupby(["run", "draw"]).size()
    of_run = rows.groupby("run")["seeds_per_draw"].first().fillna(1)
    wanted = of_run.reindex(counts.index.get_level_values("run"))
    odd = counts[counts.to_numpy() != wanted.to_numpy()]
    if len(odd):
        run, draw = odd.index[0]
        raise RecordError(
            f"in the table {table} draw {draw} of {run} has {odd.iloc[0]} of {int(of_run[run])} seeds: claims "
            "need the same number in every draw, so train those that are missing and freeze it again."
        )


def counted(rows: pd.DataFrame) -> dict[str, int]:
    """The columns `seeds` and `draws` of rows with one setting, one a seed."""
    return {"seeds": len(rows), "draws": int(draws_of(rows).nunique())}
