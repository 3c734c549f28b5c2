"""The board: ranks over tasks against a world of known merits, and the critical difference against its sources."""

import math

import numpy as np
import pandas as pd
import pytest
import scikit_posthocs
from scipy import stats

from results.analysis.board import FEWEST, board, critical_difference, tasks_needed
from results.records.result_set import ResultSet
from results.statistics import paired
from steeplechase.errors import RecordError
from tests.oracles.records import ACCURACY, make

MERITS = {"sigmoid_derivative": 2.0, "ste": 3.0, "tanh_slope": 3.01}
# Demšar 2006, table 5 a: q of the two-tailed Nemenyi test at 5 %, for 2 to 10 methods.
Q = [1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164]


def tasks(count):
    """Tasks that differ in their names, the first two on one data set, each other on its own."""
    names = [f"task{i:02d}" for i in range(count)]
    return {name: ACCURACY | {"label": name, "data": f"data{max(i, 1)}"} for i, name in enumerate(names)}


def world(count=12, **given):
    own = {"merit": lambda estimator, _, rate, __: MERITS[estimator] - abs(np.log10(rate / 0.01))}
    return make(**{"tasks": tasks(count), "estimators": [*MERITS], "seeds": 12, "spread": 0.3} | own | given)


@pytest.mark.parametrize("methods", range(2, 11))
def test_the_critical_difference_is_that_of_the_published_table(methods):
    wanted = Q[methods - 2] * math.sqrt(methods * (methods + 1) / (6 * 14))
    assert critical_difference(methods, 14) == pytest.approx(wanted, rel=5e-4)


@pytest.mark.parametrize(("methods", "difference"), [(8, 1.0), (3, 0.5), (2, 1.0), (8, 30.0)])
def test_as_many_tasks_are_needed_as_make_it_small_enough(methods, difference):
    needed = tasks_needed(methods, difference)
    assert critical_difference(methods, needed) <= difference
    assert needed == 1 or critical_difference(methods, needed - 1) > difference


def test_pairs_are_apart_where_another_library_finds_them_apart():
    draw = np.random.default_rng(5)
    ranks = pd.DataFrame(draw.normal(size=[12, 6]) + 0.6 * np.arange(6)).rank(axis=1)
    p, means = scikit_posthocs.posthoc_nemenyi_friedman(ranks).to_numpy(), ranks.mean().to_numpy()
    far = np.abs(means[:, None] - means) >= critical_difference(6, 12)
    assert 0 < far.sum() < far.size and (far == (p < 0.05)).all()


def test_of_equal_methods_hardly_two_are_apart():
    """2,000 boards of eight equal rules on twelve tasks: two of them are apart in at most 5 % of the boards, and 4.5
    standard errors more (7.2 %) by chance."""
    draw, critical = np.random.default_rng(1), critical_difference(8, 12)
    ranks = draw.random([2000, 12, 8]).argsort(-1).argsort(-1) + 1
    alarms = (np.ptp(ranks.mean(1), axis=-1) >= critical).mean()
    assert 0.01 < alarms <= 0.05 + 4.5 * math.sqrt(0.05 * 0.95 / 2000)


def test_ranks_places_and_who_is_level_on_each_task():
    found = board(world())
    rows = found.methods.set_index("estimator")
    assert found.methods["estimator"].iloc[-1] == "sigmoid_derivative" and rows["place"].to_dict()["tanh_slope"] < 3
    assert rows.loc["sigmoid_derivative", ["mean_rank", "place", "place_low", "place_high"]].tolist() == [3, 3, 3, 3]
    assert rows.loc["sigmoid_derivative", ["wins", "ties", "losses", "starts"]].tolist() == [0, 0, 24, 0]
    assert (found.ranks.sum() == 6).all() and found.ranks.mean(axis=1).to_numpy() == pytest.approx(
        found.methods["mean_rank"].to_numpy()
    )
    for name in ("ste", "tanh_slope"):
        assert rows.loc[name, "wins"] + rows.loc[name, "ties"] + rows.loc[name, "losses"] == 24
        assert rows.loc[name, "wins"] >= 12 and rows.loc[name, "starts"] >= 11
    assert rows["seconds"].tolist() == pytest.approx([1.0] * 3, rel=0.5)
    assert found.tasks["data"].tolist()[:3] == ["data1", "data1", "data2"] and found.lacking == 0
    assert found.critical == critical_difference(3, 12)
    assert found.friedman == pytest.approx(stats.friedmanchisquare(*found.ranks.to_numpy()).pvalue)


def test_wins_are_those_of_tests_that_are_corrected_for_all_pairs_of_a_task():
    found = board(made := world(1))
    last = made.final_rows()
    last = last[last["learning_rate"] == 0.01].pivot_table(index="estimator", columns="seed", values="test_accuracy")
    pairs = [("sigmoid_derivative", "ste"), ("sigmoid_derivative", "tanh_slope"), ("ste", "tanh_slope")]
    p = paired.holm([stats.ttest_rel(last.loc[one], last.loc[other]).pvalue for one, other in pairs])
    rows = found.methods.set_index("estimator")
    assert rows["wins"].sum() == (p < 0.05).sum() and rows["ties"].sum() == 2 * (p >= 0.05).sum()


def test_below_ten_tasks_mean_ranks_are_not_compared():
    found = board(world(FEWEST - 1))
    assert math.isnan(found.critical) and math.isnan(found.friedman) and found.lacking == 1
    assert len(found.methods) == 3 and len(found.tasks) == FEWEST - 1


def test_a_shorter_budget_and_half_of_the_draws_are_looked_at():
    """A method that is ahead in the second half of the draws alone is first there, and not before."""
    ahead = {"ste": lambda seed: 1.0, "tanh_slope": lambda seed: 4.0 * (seed >= 6)}
    made = world(merit=lambda estimator, _, __, seed: ahead[estimator](seed), estimators=[*ahead], rates=(0.1,))
    rows = board(made).methods.set_index("estimator")
    assert rows.loc["tanh_slope", ["first_half", "second_half"]].tolist() == [2, 1]
    late = make(tasks=tasks(2), estimators=["ste", "tanh_slope"], rates=(0.1,), seeds=4, spread=0.0, rows=9)
    cut = late.rows
    cut.loc[(cut["estimator"] == "tanh_slope") & (cut["step"] < 700), "test_accuracy"] = 0.1
    rows = board(late.with_rows(cut)).methods.set_index("estimator")
    assert rows.loc["tanh_slope", ["place", "shorter_95", "shorter_75"]].tolist() == [1, 1, 2]


def test_of_several_optimizers_each_method_has_its_best():
    found = board(world(2, optimizers=("adam", "sgd")))
    assert len(found.tasks) == found.ranks.shape[1] == 2
    assert all(words.startswith(("adam, ", "sgd, ")) for words in found.tasks["setting"])


def test_a_method_that_lacks_a_task_takes_no_part_and_none_at_all_is_told():
    made = world(3)
    rows, one = made.rows, (made.rows["task"] == "task01")
    some = made.with_rows(rows[~(one & (rows["estimator"] == "ste"))])
    assert "ste" not in {*board(some).methods["estimator"]}
    names = dict(zip(tasks(3), MERITS, strict=True))
    none = made.with_rows(rows[rows["task"].map(names) == rows["estimator"]])
    with pytest.raises(RecordError, match="no method was run on every task"):
        board(none)
    with pytest.raises(RecordError, match="lacks 1 replica"):
        board(ResultSet(made.rows, made.accounts, {"a": 1}, made.plan))
