"""Aggregates and probabilities of improvement: against scipy, against loops, and in worlds where they are known."""

import io
import itertools
import math

import numpy as np
import pytest
from rich.console import Console
from scipy import stats

from results import tables
from results.analysis import aggregates, comparison
from results.analysis.comparison import ANY
from results.statistics import resampling
from tests.oracles.records import ACCURACY, LOSS, make

MLP, SIGNS = ACCURACY["label"], LOSS["label"]


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    monkeypatch.setattr(aggregates, "RESAMPLES", 400)


@pytest.fixture(scope="module")
def results():
    return make(seeds=9, optimizers=("adam", "sgd"), spread=0.2, controls=("ste",))


def values(results, task, optimizer):
    (group,) = [g for g in comparison.groups(results) if (g.task_label, g.optimizer) == (task, optimizer)]
    return dict(zip(group.methods, group.values(), strict=True))


def test_each_aggregate_is_scipys_of_the_chosen_settings(results):
    found = aggregates.aggregates(results)
    assert list(found.columns) == list(aggregates.COLUMNS) and "ste" not in set(found["estimator"])
    assert found.groupby("task_label").size().to_dict() == {MLP: 6, SIGNS: 6, aggregates.TOGETHER: 6}
    for row in found[found["tasks"] == 1].itertuples():
        own = values(results, row.task_label, row.optimizer_label)[row.method]
        assert row.mean == pytest.approx(own.mean()) and row.median == np.median(own)
        assert row.iqm == pytest.approx(stats.trim_mean(own, 0.25))
        half = stats.t.ppf(0.975, 8) * stats.sem(own)
        assert (row.mean_low, row.mean_high) == pytest.approx((own.mean() - half, own.mean() + half))
        assert row.iqm_low <= row.iqm <= row.iqm_high and row.median_low <= row.median <= row.median_high
        assert row.task_label == SIGNS or row.iqm_low < row.iqm_high and row.median_low < row.median_high


def test_over_all_tasks_ranks_at_a_seed_are_aggregated(results):
    found = aggregates.aggregates(results)
    own = found[(found["task_label"] == aggregates.TOGETHER) & (found["optimizer_label"] == "adam")]
    assert set(own["measure_label"]) == {aggregates.RANK} and set(own["tasks"]) == {2}
    ranks = []
    for task, sign in ((MLP, -1), (SIGNS, 1)):
        by_method = values(results, task, "adam")
        del by_method["Straight-through"]
        ranks.append(stats.rankdata([sign * v for v in by_method.values()], axis=0))
    expected = dict(zip(by_method, np.concatenate(ranks, axis=1).mean(1), strict=True))
    assert dict(zip(own["method"], own["mean"], strict=True)) == pytest.approx(expected)
    assert (
        own["how"].str.contains("equal") | (own["mean_low"] <= own["mean"]) & (own["mean"] <= own["mean_high"])
    ).all()


def test_a_probability_of_improvement_is_mann_and_whitneys(results):
    found = aggregates.improvement(results)
    assert list(found.columns) == list(aggregates.IMPROVEMENT) and len(found) == 3 * 3
    for row in found[found["tasks"] == 1].itertuples():
        of = values(results, row.task_label, row.optimizer_label)
        own, other = of[row.method], of[row.other]
        if row.task_label == SIGNS:  # a loss
            own, other = -own, -other
        assert own.mean() >= other.mean()
        u = stats.mannwhitneyu(own, other).statistic
        assert row.probability == pytest.approx(u / 81) and row.low <= row.probability <= row.high
    whole = found[found["tasks"] == 2].set_index("optimizer_label")
    for optimizer in ("adam", "sgd", ANY):
        parts = found[(found["tasks"] == 1) & (found["optimizer_label"] == optimizer)]
        same = parts["method"] == whole.loc[optimizer, "method"]
        turned = parts["probability"].where(same, 1 - parts["probability"])
        assert whole.loc[optimizer, "probability"] == pytest.approx(turned.mean())


def test_many_methods_are_held_against_the_reference_alone():
    names = [f"method_{i}" for i in range(comparison.PAIRS + 1)]
    few = {"estimators": names, "tasks": ["binarized_mlp"], "rates": (0.01,), "rows": 2}
    assert set(aggregates.improvement(make(**few, reference="method_3"))["other"]) == {"method_3"}
    assert aggregates.improvement(make(**few)).empty


def test_a_seed_that_diverged_loses_and_hides_nothing_but_the_mean():
    results = make(
        tasks=("sign_fitting",), seeds=8, rates=(0.01,), diverged=lambda e, rate, seed: e == "tanh_slope" and seed == 3
    )
    row = aggregates.aggregates(results).set_index("estimator").loc["tanh_slope"]
    assert math.isnan(row["mean"]) and math.isfinite(row["median"]) and math.isfinite(row["iqm"])
    assert "diverged without bound" in row["how"]
    lost = values(results, SIGNS, "adam")["Tanh slope"]
    assert resampling.beats(lost, np.zeros(1), higher=False)[3] == 0


def test_a_diverged_seed_among_many_can_be_printed(tmp_path):
    """The end of a median's interval may be infinite."""
    results = make(
        estimators=("sigmoid_derivative",),
        tasks=("sign_fitting",),
        seeds=8,
        rates=(0.01,),
        diverged=lambda *of: of[2] == 3,
    )
    row = aggregates.aggregates(results).iloc[0]
    assert math.isfinite(row["median"]) and math.isinf(row["median_high"]) and row["median"] > 0
    tables.make("aggregates", results, tmp_path, Console(file=io.StringIO()))
    assert "∞]" in (tmp_path / "aggregates.md").read_text(encoding="utf-8") and r"\infty" in (
        tmp_path / "aggregates.tex"
    ).read_text(encoding="utf-8")


def test_where_all_are_better_the_interval_says_how_few_they_are():
    """Of n pairs all better, Clopper and Pearson leave (α/2)^(1/n) open."""
    for seeds in (3, 16):
        better = np.ones((1, seeds, seeds))
        own = aggregates.probability_of_improvement(better, resampling.draw(np.random.default_rng(0), 50, 1, seeds))
        assert own == pytest.approx({"probability": 1, "low": 0.025 ** (1 / seeds), "high": 1})


def test_one_seed_has_no_interval():
    found, pairs = aggregates.aggregates(make(seeds=1)), aggregates.improvement(make(seeds=1))
    assert found[["mean_low", "iqm_high", "median_low"]].isna().all(axis=None) and found["mean"].notna().all()
    assert pairs[["low", "high"]].isna().all(axis=None)
    assert set(pairs.loc[pairs["tasks"] == 1, "probability"]) <= {0, 0.5, 1}


def test_methods_and_seeds_that_only_some_tasks_have_are_left_out():
    results = make(seeds=4)
    kept = results.rows[
        ~(
            (results.rows["task"] == "sign_fitting")
            & ((results.rows["estimator"] == "ste") | (results.rows["seed"] == 0))
        )
    ]
    whole = aggregates.aggregates(results.with_rows(kept))
    whole = whole[whole["task_label"] == aggregates.TOGETHER]
    assert set(whole["estimator"]) == {"sigmoid_derivative", "tanh_slope"} and set(whole["seeds"]) == {3}


def test_the_interval_covers_the_probability():
    """Of 300 worlds with 16 seeds, in which one method is better by 0.8 standard deviations, so that the probability is
    Φ(0.8/√2) = 0.714, the 95 % interval covers it in 91 to 98.5 % (the binomial's spread over 300 worlds is 1.3 %)."""
    truth, covered, chance = stats.norm.cdf(0.8 / math.sqrt(2)), [], np.random.default_rng(0)
    for _ in range(300):
        own, other = chance.normal(0.8, 1, 16), chance.normal(0, 1, 16)
        better = resampling.beats(own, other, higher=True)[None]
        low, high = resampling.percentile_ends(resampling.improvement(better, resampling.draw(chance, 600, 1, 16)), 16)
        covered.append(low <= truth <= high)
    print(f"probability of improvement, 16 seeds: covered in {np.mean(covered):.1%}")
    assert 0.91 <= np.mean(covered) <= 0.985


def test_the_order_of_rows_means_nothing(results):
    mixed = results.with_rows(results.rows.sample(frac=1, random_state=np.random.default_rng(0)))
    for make_it in (aggregates.aggregates, aggregates.improvement):
        assert make_it(mixed).equals(make_it(results))


def test_every_pair_is_there_once(results):
    found = aggregates.improvement(results)
    for _, rows in found.groupby(["task_label", "optimizer_label"]):
        pairs = {frozenset(pair) for pair in zip(rows["method"], rows["other"], strict=True)}
        methods = set(rows["method"]) | set(rows["other"])
        assert len(rows) == len(pairs) == len(list(itertools.combinations(methods, 2)))
