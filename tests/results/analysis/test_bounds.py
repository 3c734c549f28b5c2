"""Bounds beside what is compared: told in tables and figures, and without any effect on a comparison."""

import math
from dataclasses import replace

import pandas as pd
import pytest

from results.analysis import aggregates, comparison, fairness, lookup, ranking, summary, tuning, verdicts
from results.analysis.comparison import ANY
from tests.helpers.worlds import MERITS, merit, world
from tests.oracles.records import ACCURACY, make

BOUNDS = {"real": "upper", "frozen": "lower", "zero": "lower"}
FEWER = 3


def far(estimator, normalize, rate, seed):
    """Far above and far below all that are compared."""
    apart = {"real": 4.0, "frozen": 0.4, "zero": 0.1}
    near = -0.1 * abs(math.log10(rate / 0.01))  # the middle one of the rates is the best for all
    return apart[estimator] + near if estimator in apart else merit(estimator, normalize, rate, seed)


def both():
    """The same records without bounds, and with some that have fewer seeds."""
    plain = world(estimators=tuple(MERITS))
    beside = world(estimators=(*MERITS, *BOUNDS), merit=far, bounds=BOUNDS)
    rows = beside.rows
    few = rows[~rows["estimator"].isin(list(BOUNDS)) | (rows["seed"] < FEWER)]
    return plain, replace(beside.with_rows(few), plan=plain.plan)


@pytest.mark.parametrize(
    "analysis",
    [
        lambda results: verdicts.verdicts(results).rows,
        lambda results: pd.Series(verdicts.verdicts(results).remarks, dtype=object),
        ranking.stability,
        aggregates.aggregates,
        aggregates.improvement,
        lambda results: pd.Series(fairness.violations(results), dtype=object),
    ],
    ids=["verdicts", "remarks", "ranking", "aggregates", "improvement", "fairness"],
)
def test_a_comparison_is_the_same_with_bounds_beside_it(analysis):
    plain, beside = both()
    one, other = analysis(plain), analysis(beside)
    if isinstance(one, pd.Series):
        pd.testing.assert_series_equal(one, other)
    else:
        assert len(one)
        pd.testing.assert_frame_equal(one, other)


def test_bounds_stand_in_groups_of_their_own():
    _, beside = both()
    [group] = comparison.groups(beside)
    [bounds] = comparison.bounds(beside)
    assert set(group.names) == set(MERITS) and set(bounds.names) == set(BOUNDS)
    assert len(group.seeds) == 8 and len(bounds.seeds) == FEWER
    assert lookup.bound_methods(beside) == BOUNDS
    assert comparison.bounds(world()) == [] and lookup.bounds(world()) == {}


def test_with_one_optimizer_alone_they_leave_the_comparison_over_all_as_it_is():
    plain = make(optimizers=("adam", "sgd"), tasks={"binarized_mlp": ACCURACY})
    beside = make(
        optimizers=("adam", "sgd"), tasks={"binarized_mlp": ACCURACY}, bounds=BOUNDS, estimators=("ste", "real")
    )
    rows = beside.rows[(beside.rows["estimator"] != "real") | (beside.rows["optimizer"] == "adam")]
    over = [group for group in comparison.groups(beside.with_rows(rows)) if group.optimizer == ANY]
    assert [group.methods for group in over] == [("Straight-through",)] and over[0].left_out == ()
    assert {group.optimizer for group in comparison.groups(plain)} == {"adam", "sgd", ANY}
    assert [group.optimizer for group in comparison.bounds(beside.with_rows(rows))] == ["adam"]


def test_alone_they_are_compared_with_nobody():
    alone = make(estimators=("zero",), tasks={"binarized_mlp": ACCURACY}, bounds=BOUNDS)
    [group] = comparison.groups(alone)
    assert group.methods == () and comparison.bounds(alone)[0].methods == ("zero",)
    assert verdicts.verdicts(alone).rows.empty and ranking.stability(alone).empty


def test_tables_say_which_are_bounds():
    _, beside = both()
    table = summary.summary(beside).rows.set_index("estimator")
    assert table["bound"].to_dict() == {**dict.fromkeys(MERITS, ""), **BOUNDS}
    assert (
        table.loc["real", "end_mean"] > table.loc[list(MERITS), "end_mean"].max()
        and table.loc["real", "seeds"] == FEWER
    )
    assert set(tuning.tuning(beside)["estimator"]) == {*MERITS, *BOUNDS}
    arrived = tuning.success_grid(beside)
    assert arrived[arrived["estimator"].isin(list(BOUNDS))]["p"].isna().all()
    assert arrived[arrived["own"]]["p"].notna().sum() == len(MERITS) - 1
