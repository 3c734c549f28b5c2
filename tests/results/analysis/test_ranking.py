"""Rank stability and tuning: against closed forms, and in worlds where it is known who is first and what to expect."""

import io
import itertools
import math

import numpy as np
import pytest
from rich.console import Console
from scipy import stats

from results import tables
from results.analysis import aggregates, comparison, ranking, selection, targets, tuning
from results.analysis.comparison import ANY
from results.figures import ranking as figure
from results.statistics import intervals, paired, survival
from tests.helpers.worlds import world
from tests.oracles.records import ACCURACY, LOSS, declaring, make

MLP, SIGNS = ACCURACY["label"], LOSS["label"]


@pytest.fixture(scope="module")
def found():
    return ranking.stability(world(optimizers=("adam", "sgd")))


def test_a_row_a_method_and_the_ranks_are_those_of_the_means(found):
    assert list(found.columns) == list(ranking.COLUMNS) and len(found) == 9
    for _, rows in found.groupby("optimizer_label"):
        assert rows["rank"].tolist() == stats.rankdata(-rows["mean"]).tolist() == [1, 2, 3]


def test_who_is_far_ahead_is_always_before_and_shares_add_up(found):
    for _, rows in found.groupby("optimizer_label"):
        last = rows[rows["estimator"] == "ste"].iloc[0]
        assert (last["first"], last.rank_low, last.rank_high) == (0, 3, 3)
        assert rows["first"].sum() == pytest.approx(1)
        assert ((rows["rank_low"] <= rows["rank"]) & (rows["rank"] <= rows["rank_high"])).all()


def test_a_coin_between_equals():
    """Two methods that differ by noise alone are first about as often as the chance of resamples says."""
    results = make(
        estimators=("ste", "tanh_slope"), tasks=("binarized_mlp",), rates=(0.01,), seeds=12, spread=0.3,
        merit=lambda *of: 2.0,
    )  # fmt: skip
    rows = ranking.stability(results).set_index("estimator")
    (group,) = comparison.groups(results)
    values = dict(zip(group.names, group.values(), strict=True))
    gaps, chance = values["tanh_slope"] - values["ste"], np.random.default_rng(1)
    share = (chance.choice(gaps, (20_000, 12)).mean(1) > 0).mean()
    # 2,000 resamples know a share to 0.011; four of its standard errors are allowed.
    assert rows.loc["tanh_slope", "first"] == pytest.approx(share, abs=0.045)


def test_a_shorter_budget_is_the_table_that_was_cut():
    """A method that is overtaken in the last twentieth is first with 95 % of the budget."""
    results = make(tasks=("binarized_mlp",), rows=21, seeds=4, spread=0.001)
    late = (results.rows["estimator"] == "ste") & (results.rows["step"] == results.rows["step"].max())
    results.rows.loc[late, ["validation_accuracy", "test_accuracy"]] = 0.999
    rows = ranking.stability(results).set_index("estimator")
    assert rows.loc["ste", "rank"] == 1 and rows.loc["ste", "shorter"] == 2
    assert ranking.truncate(results).rows["step"].max() == 0.95 * results.rows["step"].max()


@pytest.mark.parametrize(
    ("target", "share", "better", "expected"),
    [
        (0.8, True, "higher", (0.8, 0.76, 0.84)),
        (0.0, True, "lower", (0.0, 0.05, 0.0)),
        (0.98, True, "higher", (0.98, 0.931, 1.0)),
        (2.0, False, "lower", (2.0, 2.1, 1.9)),
    ],
)
def test_a_target_is_moved_by_a_twentieth(target, share, better, expected):
    assert tuple(ranking.perturbed_targets(target, share, better).values()) == pytest.approx(expected)


def test_speed_ranks_are_those_of_expected_steps():
    results = make(tasks=("binarized_mlp",), rows=21, seeds=4)
    rows, settings = ranking.stability(results).set_index("method"), selection.chosen_settings(results)
    accounts, whole = results.runs(), results.rows
    steps = {
        one.estimator_label: targets.reached(
            whole[whole["replica"].isin(one.replicas)], accounts[one.run]
        ).expected_steps
        for one in settings.itertuples()
    }
    ranked = stats.rankdata(list(steps.values()))
    assert rows.loc[list(steps), "fastest"].tolist() == ranked.tolist()


def test_a_task_is_left_out():
    """With one of two tasks left out the ranking is the other's."""
    found = ranking.stability(make(seeds=4, optimizers=("adam", "sgd")))
    spanning = ranking.across(found)
    assert list(spanning.columns) == list(ranking.ACROSS) and set(spanning["optimizer_label"]) == {"adam", "sgd", ANY}
    for optimizer, task in itertools.product(("adam", "sgd"), (MLP, SIGNS)):
        own = spanning[(spanning["optimizer_label"] == optimizer) & (spanning["left_out"] == task)]
        other = found[
            (found["optimizer_label"] == optimizer) & (found["task_label"] == (SIGNS if task == MLP else MLP))
        ]
        ranks = other.set_index("method")["rank"].rank()
        assert dict(zip(own["method"], own["rank"], strict=True)) == ranks.to_dict()
    assert ranking.across(ranking.stability(make(tasks=("binarized_mlp",)))).empty


def test_one_seed_and_diverged_seeds_say_no_more_than_they_know():
    one = ranking.stability(make(seeds=1))
    assert one[["first", "rank_low", "rank_high"]].isna().all(axis=None) and one["rank"].notna().all()
    lost = ranking.stability(make(tasks=("sign_fitting",), diverged=lambda e, rate, seed: e == "tanh_slope"))
    last = lost.set_index("estimator").loc["tanh_slope"]
    assert math.isnan(last["mean"]) and last["rank"] == 3


@pytest.mark.parametrize("name", ["aggregates", "ranking", "tuning"])
def test_tables_are_printed_and_written(name, tmp_path):
    results = make(seeds=3, optimizers=("adam", "momentum"), diverged=lambda e, rate, seed: e == "ste" and rate == 0.1)
    stream = io.StringIO()
    paths = tables.make(name, results, tmp_path, Console(file=stream, width=140))
    assert {path.suffix for path in paths} == {".csv", ".md", ".tex"} and all(path.stat().st_size for path in paths)
    text = stream.getvalue()
    assert "Tanh slope" in text and MLP in text and "nan" not in text.lower().replace("nanmean", "")
    again = tables.make(name, results, tmp_path / "again", Console(file=io.StringIO()))
    assert [path.read_bytes() for path in paths] == [path.read_bytes() for path in again]


# The figure's shares and its critical differences


def test_ties_share_their_ranks():
    ranks = np.array([[1.5, 1.5, 3], [1, 2, 3], [1, 3, 2]])
    expected = [[2.5 / 3, 0.5 / 3, 0], [0.5 / 3, 1.5 / 3, 1 / 3], [0, 1 / 3, 2 / 3]]
    assert figure.occupied(ranks) == pytest.approx(np.array(expected))


def test_ten_tasks_have_a_critical_difference_diagram():
    tasks = {f"task{i}": {**ACCURACY, "label": f"Task {i}"} for i in range(10)}
    few = {name: tasks[name] for name in list(tasks)[:9]}
    texts = [
        [text.get_text() for text in figure.draw(make(tasks=own, seeds=2, rates=(0.01,), rows=2)).findobj(_is_text)]
        for own in (tasks, few)
    ]
    assert any("Friedman's test" in text and "10 tasks" in text for text in texts[0])
    assert not any("Friedman" in text for text in texts[1])
    assert any("it needs 10 tasks, and there are 9" in text.replace("\n", " ") for text in texts[1])


def _is_text(artist):
    return hasattr(artist, "get_text")


# Tuning


def test_the_best_of_k_is_the_mean_over_all_choices_of_k():
    """Against the sum over all subsets."""
    (group,) = comparison.groups(make(tasks=("binarized_mlp",), rates=(0.001, 0.01, 0.1, 1.0), seeds=3))
    for m in range(len(group.methods)):
        scores, costs = group.chosen_by[m].mean(1), group.reported[m].mean(1)
        for k, value in enumerate(tuning.best_of(group, m), 1):
            chosen = [max(own, key=lambda i: scores[i]) for own in itertools.combinations(range(4), k)]
            assert value == pytest.approx(np.mean([costs[i] for i in chosen]))


def test_a_setting_that_diverged_without_bound_is_unknown_until_it_is_sure_to_be_avoided():
    results = make(tasks=("sign_fitting",), rates=(0.001, 0.01, 0.1), diverged=lambda e, rate, seed: rate == 0.1)
    (group,) = comparison.groups(results)
    assert np.isfinite(tuning.best_of(group, 0)).tolist() == [False, True, True]
    row = tuning.tuning(results).iloc[0]
    assert math.isnan(row.best_of_1) and row.best_of_2 > 0 and row.best_of_3 == row.best


def test_the_area_is_that_of_trapezoids():
    results = make(tasks=("binarized_mlp",), seeds=5, rows=6)
    settings, rows = selection.chosen_settings(results), tuning.tuning(results).set_index("estimator")
    for one in settings.itertuples():
        own = results.rows[results.rows["replica"].isin(one.replicas)].pivot(
            index="replica", columns="step", values="test_accuracy"
        )
        areas = np.trapezoid(own.to_numpy("float64"), own.columns.to_numpy("float64"), axis=1) / own.columns.max()
        row = rows.loc[one.estimator]
        assert (row.auc, row.auc_low, row.auc_high) == pytest.approx(intervals.t_interval(areas))
    lost = make(tasks=("sign_fitting",), diverged=lambda e, rate, seed: e == "ste")
    areas = tuning.tuning(lost).set_index("estimator")["auc"]
    assert math.isnan(areas["ste"]) and areas.drop("ste").notna().all()


def test_rates_that_serve():
    """Of five rates those within the margin of the best, and how many decades they span."""
    results = world(rates=(0.0001, 0.001, 0.01, 0.1, 1.0))
    rows = tuning.tuning(results).set_index("estimator")
    (group,) = comparison.groups(results)
    at = group.names.index("tanh_slope")
    means = group.reported[at].mean(1)
    good = [rate for rate, mean in zip(group.rates[at], means, strict=True) if mean >= means.max() - 0.02]
    assert rows.loc["tanh_slope", "serving"] == len(good) / 5
    assert rows.loc["tanh_slope", "decades"] == pytest.approx(math.log10(max(good) / min(good)))
    assert tuning.tuning(declaring(results, margins={}))["serving"].isna().all()


@pytest.mark.parametrize(
    ("target", "share", "better", "expected"),
    [
        (0.9, True, "higher", [0.6, 0.8, 0.9, 0.95]),
        (0.0, True, "lower", [0.2, 0.1, 0.05, 0.0]),
        (0.5, False, "lower", [2.0, 1.0, 0.5, 0.25]),
        (3.0, False, "higher", [3.0]),
    ],
)
def test_the_grid_of_targets(target, share, better, expected):
    assert tuning.target_grid(target, share, better) == pytest.approx(expected)


def test_arrivals_are_those_of_targets_one_by_one():
    results = make(seeds=4, rows=11, diverged=lambda e, rate, seed: e == "ste" and seed == 0)
    settings, accounts, whole = selection.chosen_settings(results), results.runs(), results.rows
    found = tuning.success_grid(results)
    assert list(found.columns) == [*tuning.NAMES, *tuning.TARGETS] and found.groupby("task")["own"].sum().eq(3).all()
    for one in settings.itertuples():
        for row in found[(found["task"] == one.task) & (found["estimator"] == one.estimator)].itertuples():
            own = targets.reached(whole[whole["replica"].isin(one.replicas)], accounts[one.run], row.target)
            assert (row.steps, row.reached) == (own.expected_steps, np.isfinite(own.steps).sum())
            assert row.examples == pytest.approx(row.steps * 64)


def test_who_arrives_later_than_the_fastest_is_tested_among_all_pairs():
    """Against tests one by one; and a method that mostly arrives far sooner than the one with the fewest expected
    updates is not called later."""
    results = make(seeds=8, rows=21, optimizers=("adam", "sgd"), spread=0.1, controls=("ste",))
    settings, accounts, whole = selection.chosen_settings(results), results.runs(), results.rows
    found = tuning.success_grid(results)
    assert found[~found["own"] | (found["estimator"] == "ste")]["p"].isna().all()
    for task, rows in found[found["own"] & (found["estimator"] != "ste")].groupby("task"):
        raw = {}
        for optimizer in ("adam", "sgd"):
            here = settings[(settings["task"] == task) & (settings["optimizer_label"] == optimizer)]
            arrived = [
                targets.reached(whole[whole["replica"].isin(one.replicas)], accounts[one.run])
                for one in here[here["estimator"] != "ste"].itertuples()
            ]
            raw[optimizer] = survival.log_rank(*arrived)[1]
        expected = dict(zip(sorted(raw), paired.holm([raw[key] for key in sorted(raw)]), strict=True))
        given = rows.dropna(subset="p").set_index("optimizer_label")
        assert given["p"].to_dict() == pytest.approx(expected)
        assert (given["later"] == (given["p"] < paired.LEVEL)).all()
    steady, gambler = ([250.0] * 20, [10.0] * 16 + [math.inf] * 4)
    own = {i: survival.Reached(np.array(steps), np.full(20, 1000.0)) for i, steps in enumerate((steady, gambler))}
    assert own[0].expected_steps < own[1].expected_steps
    [(at, (z, p))] = tuning.against_the_fastest([own], ["a", "b"], "").items()
    assert at == 1 and p < 0.05 and z < 0


def test_an_empty_table_has_no_rows():
    empty = make().with_rows(make().rows.iloc[:0])
    assert aggregates.aggregates(empty).empty and aggregates.improvement(empty).empty
    assert ranking.stability(empty).empty and tuning.tuning(empty).empty and tuning.success_grid(empty).empty
