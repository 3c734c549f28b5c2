"""What the statistics promise: known answers, and intervals that cover what they say."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from results import wording
from results.analysis import lookup, measures, selection
from results.records.result_set import ResultSet
from results.statistics import intervals
from steeplechase.errors import RecordError
from tasks.base import Measure
from tests.oracles.records import LOSS, make

LOWER = {"measures": {}, "selects": "validation_loss", "reports": "test_loss", "target": ["test_loss", 0.5]}
HIGHER = {
    "measures": {},
    "selects": "validation_accuracy",
    "reports": "test_accuracy",
    "target": ["test_accuracy", 0.5],
}
NAN = math.nan


def table(replicas, select="validation_loss", report="test_loss"):
    """A table by hand: for each replica (rate, seed, selected values by row[, reported values[, more columns]])."""
    frames = []
    for number, (rate, seed, selected, *rest) in enumerate(replicas):
        reported, more = (rest + [None, None])[:2]
        frame = {
            "run": "r",
            "task": "t",
            "estimator": "e",
            "optimizer": "o",
            "replica": f"{number:02}",
            "seed": seed,
            "learning_rate": rate,
            "step": np.arange(len(selected)) * 10,
            select: selected,
            report: selected if reported is None else reported,
            "diverged": np.where(np.isfinite(selected), NAN, 1.0),
            **(more or {}),
        }
        frames.append(pd.DataFrame(frame).astype({"run": "string", "replica": "string"}))
    return pd.concat(frames, ignore_index=True)


def chosen(replicas, account=LOWER):
    select = account["selects"]
    return selection.choose(ResultSet(table(replicas, select, account["reports"])), account).iloc[0]


# Intervals


def test_interval_is_students():
    values = np.random.default_rng(0).normal(3, 2, 8)
    low, high = stats.t.interval(0.95, 7, values.mean(), stats.sem(values))
    assert intervals.t_interval(values) == pytest.approx((values.mean(), low, high), rel=1e-12)
    # By hand: 1, 2, 3 have mean 2 and standard deviation 1, and Student's table has 4.3027 for 2 degrees of freedom.
    assert intervals.t_interval([1, 2, 3]) == pytest.approx((2, 2 - 4.30265 / 3**0.5, 2 + 4.30265 / 3**0.5), rel=1e-5)
    assert intervals.t_interval([1, 2, 3], level=0.5)[1] > intervals.t_interval([1, 2, 3])[1]


def test_interval_at_its_borders():
    assert intervals.t_interval([2.0, 2.0, 2.0]) == (2, 2, 2)
    mean, low, high = intervals.t_interval([0.7])
    assert mean == 0.7 and math.isnan(low) and math.isnan(high)
    assert np.isnan(intervals.t_interval([])).all()


@pytest.mark.parametrize("lost", [NAN, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_never_dropped(lost):
    assert np.isnan(intervals.t_interval([0.1, 0.2, lost])).all()
    assert np.isnan(intervals.t_interval([0.1, 0.2, lost], worst=math.inf)).all()
    assert intervals.t_interval([0.9, 0.6, lost], worst=0.0) == intervals.t_interval([0.9, 0.6, 0.0])


def test_interval_covers_what_it_says():
    """4,000 samples of 8: the covered share has a standard error of 0.0034, and must be within four of them of 0.95.

    Power: an interval that took 1.96 for Student's 2.36 would cover 0.909, twelve standard errors away.
    """
    samples = np.random.default_rng(20260101).normal(1.5, 3.0, (4000, 8))
    error = math.sqrt(0.95 * 0.05 / len(samples))
    ends = np.array([intervals.t_interval(sample) for sample in samples])
    covered = ((ends[:, 1] <= 1.5) & (ends[:, 2] >= 1.5)).mean()
    assert abs(covered - 0.95) < 4 * error
    half = (ends[:, 2] - ends[:, 1]) / 2 * stats.norm.ppf(0.975) / stats.t.ppf(0.975, 7)
    normal = (np.abs(ends[:, 0] - 1.5) <= half).mean()
    assert abs(normal - 0.95) > 8 * error, "this test could not tell a normal interval from Student's"


# Measures


def test_measures_know_their_unit_and_their_worst_value():
    accuracy = measures.measure("test_accuracy", HIGHER)
    assert (accuracy.title, accuracy.better, accuracy.worst) == ("Test accuracy (share)", "higher", 0)
    loss = measures.measure("train_loss", HIGHER)
    assert (loss.title, loss.better, loss.worst) == ("Train loss", "lower", math.inf)
    wrong = measures.measure("wrong_signs", LOSS)
    assert (wrong.title, wrong.better, wrong.worst) == ("Wrong signs (share of coordinates)", "lower", 1)
    with pytest.raises(RecordError, match="nobody"):
        measures.measure("nobody", HIGHER)


def error_rate(**more):
    """An account whose task reports an error rate without a unit, lower being better."""
    declared = {"error_rate": {"label": "Error rate", "unit": "1", "better": "lower", **more}}
    return {"measures": declared, "selects": "error_rate", "reports": "error_rate", "target": ["error_rate", 0.1]}


def test_a_diverged_seed_counts_as_the_bad_end_of_the_bounds():
    bounded, open_ended = error_rate(bounds=[0.0, 1.0]), error_rate(bounds=[None, None])
    replicas = [(0.1, 0, [0.2, 0.2]), (0.1, 1, [0.2, NAN])]
    assert chosen(replicas, bounded).selected == pytest.approx(0.6)
    assert chosen(replicas, open_ended).selected == math.inf
    known = measures.measure("error_rate", bounded)
    assert (known.worst, known.share, known.title) == (1, True, "Error rate (share)")
    assert wording.aggregate(0.25, 0.2, 0.3, known.unit) == "0.250 [0.200, 0.300]"
    percent = Measure("Error rate", "%", "lower", (0.0, 100.0)).described()
    known = measures.measure("error_rate", {"measures": {"error_rate": percent}})
    assert (known.worst, known.share, known.bounded, known.title) == (100, False, True, "Error rate (%)")


def test_an_open_end_of_the_bounds_survives_json():
    described = Measure("Reward", "1", "higher", (0.0, math.inf)).described()
    assert json.loads(json.dumps(described, allow_nan=False)) == described
    known = measures.measure("reward", {"measures": {"reward": described}})
    assert (known.bounds, known.worst, known.bounded) == ((0, math.inf), 0, False)


@pytest.mark.parametrize(
    ("name", "unit", "bounds"),
    [
        ("wrong_signs", "share of coordinates", (0, 1)),
        ("balanced_accuracy", "1", (0, 1)),
        ("error_rate", "1", (-math.inf, math.inf)),
    ],
)
def test_accounts_without_bounds_take_the_rule_of_their_time(name, unit, bounds):
    old = {"measures": {name: {"label": "", "unit": unit, "better": "higher"}}}
    assert measures.measure(name, old).bounds == bounds


# Choosing


def test_the_best_setting_is_the_first_of_the_smallest_means():
    assert selection.best([2.0, 1.0, 1.0]) == 1
    assert selection.best([math.inf, math.inf]) == 0
    assert selection.best(np.array([[3.0, 1.0], [2.0, 2.0]])).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("counts", "words"),
    [([16, 16], "16 seeds"), ([8, 16, 12], "8 to 16 seeds"), ([1], "1 seed"), ([1, 2], "1 to 2 seeds")],
)
def test_how_many_seeds_there_are_is_said_in_one_way(counts, words):
    assert wording.how_many(counts, "seed") == words


def test_choose_takes_the_best_mean_at_the_last_step():
    replicas = [(0.1, 0, [0.0, 3.0]), (0.1, 1, [0.0, 5.0]), (1.0, 0, [9.0, 3.9]), (1.0, 1, [9.0, 3.9])]
    row = chosen(replicas)
    assert (row.learning_rate, row.selected, row.replicas, row.rates, row.edge) == (1.0, 3.9, ("02", "03"), 2, "")
    row = chosen(replicas, HIGHER)
    assert (row.learning_rate, row.selected, row.replicas) == (0.1, 4.0, ("00", "01"))


@pytest.mark.parametrize(
    "losses, rate, edge",
    [
        ([1, 2, 3], 0.001, "low"),
        ([3, 2, 1], 0.1, "high"),
        ([3, 1, 2], 0.01, ""),
        ([1, 1, 2], 0.001, ""),  # a rate inside is as good
        ([2, 1, 1], 0.01, ""),
        ([1, 2, 1], 0.001, "low"),
        ([1, 1, 1], 0.001, ""),
        ([NAN, 2, NAN], 0.01, ""),
        ([2, NAN, NAN], 0.001, "low"),
        ([NAN, math.inf, NAN], 0.001, ""),
        ([-math.inf, 2, 3], 0.01, ""),  # a loss of -inf is a diverged replica, not a good one
    ],
)
def test_choose_marks_the_edge(losses, rate, edge):
    rates = (0.001, 0.01, 0.1)
    row = chosen([(r, 0, [9.0, loss]) for r, loss in zip(rates, losses, strict=True)][::-1])
    assert (row.learning_rate, row.edge, row.rates) == (rate, edge, 3)


def test_one_rate_and_two_rates_have_no_edge():
    assert chosen([(0.1, 0, [1.0])]).edge == ""
    assert chosen([(0.1, 0, [1.0]), (1.0, 0, [2.0])]).edge == ""


def test_a_diverged_replica_is_the_worst_possible():
    good, bad = [(1.0, 0, [0.0, 0.2]), (1.0, 1, [0.0, 0.2])], [(0.1, 0, [0.0, 0.9]), (0.1, 1, [0.0, NAN])]
    row = chosen(good + bad, HIGHER)
    assert (row.learning_rate, row.selected) == (0.1, 0.45), "0 counts for an accuracy: the mean of 0.9 and 0"
    row = chosen([(1.0, 0, [1.0, 7.0]), (1.0, 1, [1.0, 7.0]), (0.1, 0, [1.0, 0.1]), (0.1, 1, [1.0, NAN])])
    assert (row.learning_rate, row.selected) == (1.0, 7.0)
    row = chosen([(1.0, 0, [1.0, NAN]), (0.1, 0, [1.0, NAN])])
    assert (row.learning_rate, row.selected) == (0.1, math.inf)


def test_choose_looks_at_everything_that_was_swept():
    def at(scale, momentum):
        return {"estimator.scale": scale, "optimizer.beta_1": momentum, "task.batch": 64}

    replicas = [(0.1, 0, [3.0], None, at(1.0, 0.9)), (0.1, 0, [1.0], None, at(2.0, 0.9))]
    row = chosen(replicas)
    assert (row.learning_rate, row.parameters, row.replicas) == (0.1, "estimator.scale=2", ("01",))


def test_choose_sorts_numbers_schedules_and_what_is_missing():
    values = ['{"from": 1}', "2.0", 1.0, None]
    row = chosen([(0.1, 0, [1.0], None, {"estimator.t": value}) for value in values])
    assert row.parameters == "estimator.t=1"
    row = chosen([(0.1, i, [1.0], None, {"estimator.t": v}) for i, v in enumerate([2.0, "2.0", '{"from": 1}'])])
    assert (row.parameters, row.replicas) == ("estimator.t=2", ("00", "01")), "2.0 and its text are one setting"


def test_choose_refuses_what_it_cannot_compare():
    with pytest.raises(RecordError, match="seed 0"):
        chosen([(0.1, 0, [1.0]), (0.1, 0, [2.0])])
    with pytest.raises(RecordError, match="do not end at one step"):
        chosen([(0.1, 0, [1.0]), (0.1, 1, [2.0, 3.0])])
    with pytest.raises(RecordError, match="direction"):
        selection.choose(ResultSet(table([(0.1, 0, [1.0])])), {**LOWER, "selects": "gradient_norm"})
    with pytest.raises(RecordError, match="validation_accuracy"):
        selection.choose(ResultSet(table([(0.1, 0, [1.0])])), HIGHER)


def test_choose_does_not_depend_on_the_order_of_rows():
    whole = table([(r, s, [1.0, r * (s + 1)]) for r in (0.1, 0.2, 0.3) for s in range(4)])
    expected = selection.choose(ResultSet(whole), LOWER)
    shuffled = ResultSet(whole.sample(frac=1, random_state=np.random.default_rng(1)))
    for name in ("learning_rate", "selected", "edge"):
        assert list(selection.choose(shuffled, LOWER)[name]) == list(expected[name])
    assert set(selection.choose(shuffled, LOWER).replicas[0]) == set(expected.replicas[0])


# The step that validation chose, and the way to the target


def test_validated_takes_the_earliest_best_step():
    whole = table(
        [
            (0.1, 0, [3.0, 1.0, 1.0, 2.0], [30.0, 10.0, 11.0, 20.0]),
            (0.1, 1, [3.0, 2.0, NAN, NAN], [30.0, 20.0, NAN, NAN]),
            (0.1, 2, [NAN, NAN, NAN, NAN], [NAN, 1.0, NAN, NAN]),
        ]
    )
    out = selection.validated(whole, LOWER)
    assert list(out.step) == [10, 10, 0]
    assert list(out.value)[:2] == [10.0, 20.0] and math.isnan(out.value[2])
    rising = table([(0.1, 0, [0.1, 0.8, 0.8, 0.3], [1.0, 2.0, 3.0, 4.0])], "validation_accuracy", "test_accuracy")
    assert list(selection.validated(rising.iloc[::-1], HIGHER).value) == [2.0]


def test_steps_to_target():
    losses = [[1.0, 0.5, 0.1], [1.0, 0.9, 0.6], [0.2, 0.9, NAN], [NAN, NAN, NAN], [1.0, -math.inf, 0.4]]
    out = selection.steps_to_target(table([(0.1, i, v) for i, v in enumerate(losses)]), LOWER)
    assert out.steps.tolist() == [10, pd.NA, 0, pd.NA, 20]
    shares = [[0.1, 0.5, 0.9], [0.1, 0.2, 0.3], [0.1, math.inf, 0.6]]
    whole = table([(0.1, i, v) for i, v in enumerate(shares)], "validation_accuracy", "test_accuracy")
    assert selection.steps_to_target(whole, HIGHER).steps.tolist() == [10, pd.NA, 20]


# Runs


def test_runs_of_the_same_labels_are_told_apart():
    whole = make(estimators=("ste",), tasks=("binarized_mlp",), optimizers=("adam", "sgd"))
    assert list(lookup.run_labels(whole).variant) == ["", ""]
    for account in whole.accounts:
        account["labels"]["optimizer"] = "both"
    rows = lookup.run_labels(whole)
    assert all(variant.startswith("run ") for variant in rows.variant) and rows.variant.nunique() == 2
    whole.rows["normalize"] = whole.rows["normalize"].where(whole.rows["optimizer"] == "adam", "peak")
    assert list(lookup.run_labels(whole).variant) == ["normalize=none", "normalize=peak"]


def test_settings_of_a_made_table_are_the_ones_it_was_made_with():
    out = selection.chosen_settings(make(optimizers=("adam", "sgd"), tasks=("binarized_mlp",), seeds=4))
    assert len(out) == 3 * 2 and (out.learning_rate == 0.01).all() and (out.edge == "").all()
    assert all(len(replicas) == 4 for replicas in out.replicas)


def test_nothing_is_changed_and_nothing_is_by_chance():
    whole = make(seeds=2)
    before, state = whole.rows.copy(), np.random.get_state()[1].copy()
    first, second = selection.chosen_settings(whole), selection.chosen_settings(whole)
    pd.testing.assert_frame_equal(first, second)
    pd.testing.assert_frame_equal(whole.rows, before)
    assert (np.random.get_state()[1] == state).all()


def test_rows_without_accounts_are_refused():
    with pytest.raises(RecordError, match="results.load"):
        selection.chosen_settings(ResultSet(make().rows))
