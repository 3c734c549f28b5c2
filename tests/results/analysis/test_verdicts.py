"""Verdicts: in known worlds it is found who is better and who equivalent, and what breaks a rule is said."""

import io
import math

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from results.analysis import comparison, contrasts, fairness, selection, verdicts
from results.analysis.comparison import ANY
from results.records.result_set import ResultSet
from results.statistics import paired
from results.tables import verdicts as verdicts_table
from steeplechase.errors import RecordError
from tests.helpers.worlds import MERITS, world
from tests.oracles.records import ACCURACY, LOSS, declaring, make

MLP, SIGNS = ACCURACY["label"], LOSS["label"]


@pytest.fixture(scope="module")
def found():
    return verdicts.verdicts(world(optimizers=("adam", "sgd")))


def row(found, method, other, optimizer="adam"):
    rows = found.rows
    own = rows[(rows["method"] == method) & (rows["other"] == other) & (rows["optimizer_label"] == optimizer)]
    assert len(own) == 1
    return own.iloc[0]


def test_a_row_a_pair_with_each_optimizer_and_with_the_best(found):
    assert list(found.rows.columns) == list(contrasts.COLUMNS)
    assert found.rows.groupby("optimizer_label").size().to_dict() == {"adam": 3, "sgd": 3, ANY: 3}
    # Each has its best with one of the two, so that three contrasts repeat others; each of six has two p values.
    assert (found.rows["family"] == 12).all()


@pytest.mark.parametrize("optimizer", ["adam", "sgd", ANY])
def test_who_is_better_and_who_is_equivalent(found, optimizer):
    for better in ("Tanh slope", "Sigmoid derivative"):
        own = row(found, better, "Straight-through", optimizer)
        assert own.verdict == "better" and own.p < 0.001 and own.low > 0
    own = row(found, "Tanh slope", "Sigmoid derivative", optimizer)
    assert own.verdict == "equivalent" and own.p_margin < 0.001 and abs(own.difference) < 0.02


def test_without_a_margin_nobody_is_equivalent():
    assert set(verdicts.verdicts(declaring(world(), margins={})).rows["verdict"]) <= {"better", "undecided"}


def test_the_numbers_are_those_of_the_chosen_settings(found):
    """The settings are those of statistics.choose, and the values those of their replicas, seed by seed."""
    results = world(optimizers=("adam", "sgd"))
    settings, last = selection.chosen_settings(results), results.final_rows()
    settings = settings[settings["optimizer_label"] == "adam"].set_index("estimator")
    values = {
        name: last[last["replica"].isin(one["replicas"])].sort_values("seed")["test_accuracy"].to_numpy()
        for name, one in settings.iterrows()
    }
    own, test = row(found, "Tanh slope", "Straight-through"), paired.paired(values["tanh_slope"], values["ste"])
    assert (own.difference, own.low, own.high) == pytest.approx((test.difference, test.low, test.high))
    assert own.setting == f"rate {settings.loc['tanh_slope', 'learning_rate']:g}" and own["mean"] == pytest.approx(
        values["tanh_slope"].mean()
    )
    raw = [paired.paired(values[a], values[b]).p for a, b in (("tanh_slope", "ste"), ("sigmoid_derivative", "ste"))]
    assert own.p >= raw[0] and found.rows["p"].max() <= 1


def test_each_with_its_best_optimizer_is_chosen_by_what_settings_are_chosen_by():
    results = world(optimizers=("adam", "sgd"))
    groups = comparison.groups(results)
    assert [group.optimizer for group in groups] == ["adam", "sgd", ANY]
    every = groups[-1]
    for method, settings, by in zip(every.methods, every.settings, every.chosen_by, strict=True):
        best = settings[every.choose()[every.methods.index(method)]]
        parts = [(f"{g.optimizer}, {g.settings[i][g.choose()[i]]}", g.chosen_by[i][g.choose()[i]].mean())
                 for g in groups[:2] for i in [g.methods.index(method)]]  # fmt: skip
        assert best == max(parts, key=lambda part: part[1])[0]
        assert by.shape == (6, 8)


def test_who_was_not_run_with_every_optimizer_is_left_out_and_named():
    results = world(optimizers=("adam", "sgd"))
    results = without(results, ~((results.rows["estimator"] == "ste") & (results.rows["optimizer"] == "sgd")))
    found = verdicts.verdicts(results)
    assert found.rows.groupby("optimizer_label").size().to_dict() == {"adam": 3, "sgd": 1, ANY: 1}
    assert any("Not run with every optimizer" in remark and "Straight-through" in remark for remark in found.remarks)


def test_sentences(found):
    said = verdicts_table.findings(found)
    assert len(said) == 3 and said[-1].startswith(f"{MLP}, {ANY}: ")
    for text in ("Tanh slope is better than Straight-through by 0.", "is equivalent to Sigmoid derivative (0."):
        assert all(text in sentence for sentence in said)
    assert all("is first in " in sentence and "10,000 resamples" in sentence for sentence in said)


def test_the_first_in_resamples_is_sure_where_methods_are_far_apart(found):
    for shares in found.firsts.values():
        assert shares["Straight-through"] == 0 and sum(shares.values()) == pytest.approx(1)


def test_controls_take_no_part():
    found = verdicts.verdicts(world(controls=["ste"]))
    assert len(found.rows) == 1 and "Straight-through" not in set(found.rows["method"]) | set(found.rows["other"])


def test_many_methods_are_contrasted_with_the_reference():
    names = [f"method_{i}" for i in range(comparison.PAIRS + 1)]
    results = make(estimators=names, tasks=["binarized_mlp"], seeds=4, reference="method_3")
    found = verdicts.verdicts(results)
    assert len(found.rows) == comparison.PAIRS and set(found.rows["other"]) == {"method_3"}
    assert set(found.rows["verdict"]) >= {"better", "worse"}
    lacking = verdicts.verdicts(declaring(results, reference=""))
    assert lacking.rows.empty and any("declare a reference" in remark for remark in lacking.remarks)
    assert "none of its 11 methods is compared." in verdicts_table.findings(lacking)[0]


def test_one_method_alone_is_told_without_speaking_of_controls():
    alone = verdicts.verdicts(make(estimators=("ste",), tasks=["binarized_mlp"], seeds=4))
    said = verdicts_table.findings(alone)
    assert said and all(one.endswith("compare Straight-through with, which is the only method here.") for one in said)
    assert "bounds and controls" in verdicts_table.findings(verdicts.verdicts(world(controls=[*MERITS])))[0]


def test_few_methods_are_contrasted_with_the_reference_alone_where_it_is_there():
    """Three comparisons fewer, and a family that much smaller; a reference that was not run changes nothing."""
    names = [f"method_{i}" for i in range(4)]
    results = make(estimators=names, tasks=["binarized_mlp"], seeds=4)
    found = verdicts.verdicts(declaring(results, reference="method_2"))
    assert set(found.rows["other"]) == {"method_2"} and len(found.rows) % 3 == 0
    absent = verdicts.verdicts(declaring(results, reference="ste"))
    assert len(absent.rows) == 2 * len(found.rows)


def test_a_diverged_share_is_the_worst_and_counted():
    results = world(diverged=lambda estimator, rate, seed: estimator == "ste" and seed == 3)
    found = verdicts.verdicts(results)
    own = row(found, "Tanh slope", "Straight-through")
    assert own.diverged == 1 and own.test == paired.T_TEST
    assert any("diverged in 2 of 3 contrasts" in remark for remark in found.remarks)


def test_a_diverged_loss_has_no_mean_and_a_verdict_by_ranks():
    results = make(tasks=["sign_fitting"], seeds=10, spread=0.05, diverged=lambda e, r, s: e == "ste" and s < 6)
    found = verdicts.verdicts(results)
    own = row(found, "Tanh slope", "Straight-through")
    assert own.test == paired.RANK_TEST and math.isnan(own.other_mean) and math.isnan(own.difference)
    assert own.verdict == "better"
    [part] = verdicts_table.parts(found)
    assert "signed-rank" in part.caption and "unknown" in set(part.printed["difference"])


def test_everybody_diverged_is_undecided_and_said():
    found = verdicts.verdicts(make(tasks=["sign_fitting"], seeds=4, diverged=lambda *_: True))
    assert set(found.rows["verdict"]) == {"undecided"} and found.rows["difference"].isna().all()
    assert "nothing is decided" in verdicts_table.findings(found)[0]


def test_one_seed_decides_nothing():
    found = verdicts.verdicts(world(seeds=1))
    assert set(found.rows["verdict"]) == {"undecided"} and found.rows["p"].isna().all()
    assert any("One seed decides nothing" in remark for remark in found.remarks)


def test_no_records_give_no_verdicts(tmp_path):
    found = verdicts.verdicts(ResultSet(pd.DataFrame()))
    assert (
        found.rows.empty
        and verdicts_table.findings(found) == []
        and verdicts_table.show(found, Console(file=io.StringIO())) == []
    )
    assert [path.name for path in verdicts_table.write(found, tmp_path)] == [
        "verdicts.csv",
        "verdicts.md",
        "verdicts.tex",
    ]


# The rules


def without(results, keep):
    """These of the rows only."""
    return results.with_rows(results.rows[keep])


def test_a_fair_comparison_breaks_no_rule():
    assert (
        fairness.violations(world(optimizers=("adam", "sgd"))) == [] == fairness.violations(ResultSet(pd.DataFrame()))
    )


BREACHES = {
    "seeds": (lambda t: ~((t["estimator"] == "ste") & (t["seed"] == 7)), "The seeds differ on"),
    "budget": (lambda t: ~((t["estimator"] == "ste") & (t["step"] == 400)), "The number of updates differs on"),
    "grid": (lambda t: ~((t["estimator"] == "ste") & (t["learning_rate"] == 0.001)), "The learning rates differ on"),
}


@pytest.mark.parametrize("breach", BREACHES)
def test_a_breach_is_named_with_who_made_it(breach):
    keep, words = BREACHES[breach]
    results = world()
    results = without(results, keep(results.rows))
    [said] = [text for text in fairness.violations(results) if words in text]
    assert said.endswith("adam: Straight-through.")
    assert said in verdicts.verdicts(results).remarks
    with pytest.raises(RecordError, match=r"strict=true, and a rule of comparison is broken: The "):
        verdicts.verdicts(declaring(results, strict=True))


def test_seeds_that_only_some_have_are_left_out():
    results = world()
    results = without(results, ~((results.rows["estimator"] == "ste") & (results.rows["seed"] == 7)))
    found = verdicts.verdicts(results)
    assert set(found.rows["seeds"]) == {7}
    assert any("left out" in remark and remark.endswith(": 7.") for remark in found.remarks)
    results = without(results, ~((results.rows["estimator"] == "ste") ^ (results.rows["seed"] < 4)))
    with pytest.raises(RecordError, match="no seed was met by all"):
        verdicts.verdicts(results)


def test_another_device_is_named():
    results = world()
    results.rows["device"] = results.rows["device"].where(results.rows["estimator"] != "ste", "gpu")
    assert any("device class differs" in text for text in fairness.violations(results))


def test_a_grid_that_is_too_narrow_and_missing_replicas_are_said():
    results = world(merit=lambda e, n, rate, s: 2 + math.log10(rate), missing={"a-run": 2})
    said = fairness.violations(results)
    assert any("grid of rates was too narrow" in text for text in said)
    assert "2 planned replicas of 1 run are missing." in said


def test_another_measure_is_refused():
    results = world()
    part = next(p for p in results.accounts if p["labels"]["estimator"] == "Straight-through")
    part["reports"] = "test_loss"
    assert any("judged by the same measure" in text for text in fairness.violations(results))
    with pytest.raises(RecordError, match="reported by another measure"):
        verdicts.verdicts(results)


# Printing


def test_the_printed_table_fits_a_hundred_columns(found):
    console = Console(file=io.StringIO(), width=100)
    verdicts_table.show(found, console)
    lines = console.file.getvalue().splitlines()
    assert max(map(len, lines[: lines.index("")])) <= 100
    for word in (
        "▲ better",
        "= equivalent",
        "< 0.001",
        "margin" if False else "Equivalent: surely less than 0.02 apart",
    ):
        assert word.split()[0] in console.file.getvalue()


def test_written_files(found, tmp_path):
    paths = verdicts_table.write(found, tmp_path)
    read = pd.read_csv(paths[0])
    assert list(read.columns) == list(contrasts.COLUMNS) and np.allclose(read["difference"], found.rows["difference"])
    markdown, latex = (path.read_text(encoding="utf-8") for path in paths[1:])
    assert markdown.startswith(f"- {MLP}, adam: ") and "| ▲ better" in markdown
    assert latex.count(r"\toprule") == 1 and r"$\bigtriangleup$ better" in latex


def test_chance_has_a_fixed_seed_and_the_table_is_left_alone():
    results = world()
    before = results.rows.copy(deep=True)
    mixed = results.with_rows(results.rows.sample(frac=1, random_state=1))
    one, two = verdicts.verdicts(results), verdicts.verdicts(mixed)
    pd.testing.assert_frame_equal(one.rows, two.rows)
    assert one.firsts == two.firsts
    pd.testing.assert_frame_equal(results.rows, before)
