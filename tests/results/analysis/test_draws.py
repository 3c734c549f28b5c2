"""Draws as the unit: seeds of one draw are averaged before anything is said, and never counted as draws."""

import dataclasses
import math

import numpy as np
import pytest
from scipy import stats

from results import wording
from results.analysis import comparison, contrasts, draws, estimand, failures, selection, summary, surrogates, targets
from results.analysis.aggregates import aggregates
from results.analysis.estimand import Estimand
from results.analysis.tuning import tuning
from results.analysis.verdicts import verdicts
from results.figures import convergence, gradient_flow, learning_rate, time_to_target
from results.report.explorer import explorer
from results.statistics.components import components
from results.tables import TABLES
from steeplechase.errors import RecordError
from tests.helpers.draws import drawn
from tests.helpers.groups import LOSS, group
from tests.oracles.records import make

PER_DRAW = 2


@pytest.fixture(scope="module")
def results():
    """Two tasks, three methods, eight seeds of four draws."""
    return drawn(make(seeds=8, spread=0.3, reference="ste", default_rate=0.01), PER_DRAW)


def chosen(results, estimator, measure="test_accuracy", task="binarized_mlp"):
    """[draws, seeds of one]: what the method reached at its chosen setting, by the order of its seeds alone."""
    settings = selection.chosen_settings(results)
    own = settings[(settings["estimator"] == estimator) & (settings["task"] == task)].iloc[0]
    last = results.final_rows()
    rows = last[last["replica"].isin(own["replicas"])].sort_values("seed")
    return rows[measure].to_numpy("float64").reshape(-1, PER_DRAW)


def t_interval(values):
    low, high = stats.t.interval(0.95, len(values) - 1, values.mean(), stats.sem(values))
    return pytest.approx([values.mean(), low, high], rel=1e-9)


def test_a_draw_is_the_mean_over_its_seeds_and_one_seed_a_draw_changes_nothing():
    values, met = np.array([[4.0, 1.0, 2.0, 9.0], [1.0, np.nan, 0.0, 0.0]]), np.array([7, 2, 7, 2])
    np.testing.assert_array_equal(draws.averaged(values, met), [[5.0, 3.0], [np.nan, 0.5]])
    np.testing.assert_array_equal(draws.averaged(values, met, 0.0)[1], [0.0, 0.5])
    own, steps = np.array([3, 1, 2, 0]), np.array([10.0, math.inf, 30.0, 5.0])
    assert draws.averaged(values, own) is values  # in its own order, so that sums keep their last bit
    np.testing.assert_array_equal(draws.latest(steps, met), [math.inf, 30.0])
    assert draws.latest(steps, own) is steps


def test_contrasts_are_those_of_scipy_over_draws(results):
    [of_task] = [own for own in comparison.groups(results) if own.task == "binarized_mlp"]
    assert of_task.seeds == (0, 1, 2, 3) and of_task.counts == {"seeds": 8, "draws": 4}
    rows = contrasts.contrasts([of_task], {}, "")
    raw = []
    for row in rows:
        own, other = (chosen(results, row[name]).mean(1) for name in ("estimator", "other_estimator"))
        test = stats.ttest_rel(own, other)
        assert (row["seeds"], row["draws"]) == (8, 4)
        assert [row["difference"], row["low"], row["high"]] == t_interval(own - other)
        raw.append(test.pvalue)
    assert [row["p"] for row in rows] == pytest.approx(stepped_down(raw), rel=1e-9)


def stepped_down(raw):
    """Holm 1979."""
    order, found, last = np.argsort(raw), np.empty(len(raw)), 0.0
    for place, i in enumerate(order):
        found[i] = last = min(1.0, max(last, (len(raw) - place) * raw[i]))
    return found.tolist()


def test_tables_of_each_method_are_over_draws_and_part_the_variance(results):
    found = summary.summary(results).rows
    for row in found[found["task"] == "binarized_mlp"].itertuples():
        table = chosen(results, row.estimator)
        assert (row.seeds, row.draws) == (8, 4)
        assert [row.end_mean, row.end_low, row.end_high] == t_interval(table.mean(1))
        within = table.var(1, ddof=1).mean()
        between = max(0.0, table.mean(1).var(ddof=1) - within / PER_DRAW)
        assert (row.between, row.within) == pytest.approx((math.sqrt(between), math.sqrt(within)), rel=1e-9)
    one = aggregates(results)
    for row in one[(one["task"] == "binarized_mlp")].itertuples():
        table = chosen(results, row.estimator)
        assert [row.mean, row.mean_low, row.mean_high] == t_interval(table.mean(1))
        assert (row.seeds, row.draws) == (8, 4)
    ranked = surrogates.rankings(results).rows
    for row in ranked[(ranked["task"] == "binarized_mlp") & (ranked["condition"] == "tuned")].itertuples():
        table = chosen(results, row.estimator)
        assert [row.mean, row.low, row.high] == t_interval(table.mean(1))
        assert list(row.values) == [0, 1, 2, 3] and list(row.values.values()) == pytest.approx(table.mean(1))
        assert (row.between, row.within) == pytest.approx(components(table.ravel(), np.repeat(range(4), 2)))


def test_one_seed_a_draw_is_as_before(results):
    """With seeds_per_draw of 1 in the records, and without a word of it, all tables are the same but for nothing."""
    plain = make(seeds=4, spread=0.3, reference="ste")
    for find in (lambda r: summary.summary(r).rows, lambda r: verdicts(r).rows, aggregates, tuning):
        ours, theirs = find(drawn(plain, 1)), find(drawn(plain, 1, runs=("none",)))
        assert ours.equals(theirs)
        assert "between" not in ours or ours[["between", "within"]].isna().all(axis=None)
    assert "draw" not in TABLES["summary"].parts(*TABLES["summary"].find(plain))[0].caption


@pytest.mark.parametrize("name", ["summary", "verdicts", "aggregates", "ranking", "surrogates"])
def test_captions_count_draws(results, name):
    parts = list(TABLES[name].parts(*TABLES[name].find(results)))
    text = " ".join(part.caption for part in parts)
    assert "draws of 2 seeds each" in text and "8 seeds" not in text and "8 common seeds" not in text


def test_both_components_are_printed(results):
    [part] = [p for p in TABLES["summary"].parts(*TABLES["summary"].find(results)) if p.title.startswith("Bin")]
    [words] = {name for name in part.printed if "between" in name}
    row = summary.summary(results).rows.query("task == 'binarized_mlp'").iloc[0]
    assert part.printed[words].iloc[0] == f"{row['between']:.2g}, {row['within']:.2g}"
    [said] = [s for s in verdicts(results).remarks if s.startswith("Standard dev") and "Binarized" in s]
    assert f"{row['estimator_label']} {row['between']:.2g} between draws, {row['within']:.2g} within" in said


def test_a_draw_fails_and_arrives_with_all_of_its_seeds():
    losses = np.array([[[0.0, 0.0, 8.0, 0.0, 0.0, 0.0]], [[0.0] * 6]])
    over_seeds = group(list(losses), failed=list(losses > 0), measure=LOSS, can_fail=True)
    own = comparison.by_draw(over_seeds, {seed: seed // 2 for seed in range(6)}, 2)
    assert own.failures().tolist() == [[False, True, False], [False] * 3]
    assert own.values()[0].tolist() == [0.0, 4.0, 0.0]
    [row] = contrasts.contrasts([own], {"task": 0.5}, "")
    assert (row["failed"], row["other_failed"]) in ((1, 0), (0, 1)) and row["failure_loss"] == 4.0 == failures.cost(
        [own]
    )
    made = make(seeds=4, rates=(0.01,), spread=0.3, tasks=("binarized_mlp",))
    settings = selection.chosen_settings(made)
    for run, alone in targets.reached_by_run(made, settings, lambda account: {"own": 0.8}).items():
        parted = drawn(made, 2)
        found = targets.reached_by_run(parted, selection.chosen_settings(parted), lambda account: {"own": 0.8})[run]
        last = made.rows[made.rows["run"] == run].drop_duplicates("replica").sort_values("replica")
        steps = dict(zip(last["seed"], alone["own"].steps, strict=True))
        assert found["own"].steps.tolist() == [max(steps[0], steps[1]), max(steps[2], steps[3])]


def test_a_seed_that_diverged_counts_as_the_worst_within_its_draw():
    made = make(seeds=4, rates=(0.01,), diverged=lambda estimator, rate, seed: estimator == "ste" and seed == 3)
    results = drawn(made, 2)
    row = summary.summary(results).rows.query("task == 'binarized_mlp' and estimator == 'ste'").iloc[0]
    table = np.nan_to_num(chosen(results, "ste"), nan=0.0)
    assert row.end_mean == pytest.approx(table.mean()) and row.diverged == 1
    loss = summary.summary(results).rows.query("task == 'sign_fitting' and estimator == 'ste'").iloc[0]
    assert math.isnan(loss["end_mean"]) and math.isnan(loss["between"])


def test_a_draw_that_lacks_a_seed_is_left_out_of_comparisons_and_told(results):
    rows = results.rows
    gone = results.with_rows(rows[~((rows["seed"] == 5) & (rows["estimator"] == "ste"))])
    [of_task] = [own for own in comparison.groups(gone) if own.task == "binarized_mlp"]
    assert of_task.seeds == (0, 1, 3) and of_task.dropped == (2,)
    assert any("Draws that some methods lack seeds of are left out" in said for said in verdicts(gone).remarks)
    with pytest.raises(RecordError, match=r"draw 2 of .*ste.* has 1 of 2 seeds: claims need the same number"):
        draws.check_balanced(gone, "control")
    draws.check_balanced(results, "control")
    single = results.with_rows(rows[(rows["estimator"] != "ste") | (rows["seed"] == 0)])
    with pytest.raises(RecordError, match=r"draw 0 of .*ste.* has 1 of 2 seeds"):
        draws.check_balanced(single, "control")
    odd = results.with_rows(rows[rows["seed"] % 2 == 0])
    with pytest.raises(RecordError, match="no draw was met by all with all of its 2 seeds"):
        comparison.groups(odd)


def test_runs_with_other_numbers_of_seeds_per_draw_are_not_compared():
    made = make(seeds=4, optimizers=("adam", "sgd"), tasks=("binarized_mlp",), reference="ste", default_rate=0.01)
    runs = made.rows[["run", "estimator", "optimizer"]].drop_duplicates()
    one_method = tuple(runs[runs["estimator"] == "ste"]["run"])
    one_optimizer = tuple(runs[runs["optimizer"] == "sgd"]["run"])
    for some in (one_method, one_optimizer):
        with pytest.raises(RecordError, match="there are runs with 1 and with 2 seeds per draw"):
            verdicts(drawn(made, 2, runs=some))
    with pytest.raises(RecordError, match="there are runs with 1 and with 2 seeds per draw"):
        surrogates.rankings(drawn(made, 2, runs=one_method))


def test_figures_show_draws(results):
    """Each is drawn, and the bands are those over draws: wider or narrower than over seeds, as draws differ."""
    curve = explorer(results)
    [task] = [own for own in curve if own["task"].startswith("Bin")]
    for own in task["curves"]:
        name = {"Straight-through": "ste", "Sigmoid derivative": "sigmoid_derivative"}.get(own["method"], "tanh_slope")
        mean, low, high = (part[own["chosen"]][-1] for part in own["values"]["test_accuracy"])
        ends = chosen(results, name).mean(1)
        assert [mean, low, high] == pytest.approx(list(t_interval(ends).expected), rel=1e-4)
        assert (own["seeds"], own["draws"]) == (8, 4)
    for figure in (convergence, time_to_target, learning_rate, gradient_flow):
        shown = figure.draw(results)
        said = " ".join(text.get_text() for text in shown.texts).replace("\n", " ")
        assert "draws of 2 seeds each" in said, figure.__name__
        assert "the mean over 2 seeds in each" in said, figure.__name__


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Estimand("instance", None, 0.0, None, 4), "over instances, the mean over 4 seeds in each, with starts of"),
        (Estimand("split", None, 0.3, None, 4), "over re-splits of the same examples, the mean over 4 seeds in each"),
        (Estimand("subset", None, 0.0, 0), "(shuffled by 0; they share none, so this speaks of new ones, too), each"),
        (Estimand("subset", None, math.nan, 0), "of the training examples (shuffled by 0), given one test part, each"),
    ],
)
def test_what_a_mean_is_over_is_said(found, words):
    assert words in found.text and found.resplits == (found.draws == "split")


def test_the_account_says_how_many_seeds_a_draw_has(results):
    assert {own.per_draw for own in estimand.by_run(results).values()} == {2}
    assert dataclasses.replace(Estimand("instance", None, 0.0), per_draw=1) == Estimand("instance", None, 0.0)


def test_units_in_words():
    assert wording.units([16], [16]) == "16 seeds" and wording.units([1], [1]) == "1 seed"
    assert wording.units([16, 16], [16, 16], common=True) == "16 common seeds"
    assert wording.units([16], [4]) == "4 draws of 4 seeds each"
    assert wording.units([16, 4], [4, 2], common=True) == "2 to 4 common draws of 2 to 4 seeds each"
