"""Verdicts: in known worlds it is found who is better and who equivalent, and what breaks a rule is said."""

import io
import math

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from results.analysis import comparison, fairness, lookup, selection, verdicts
from results.analysis.comparison import ANY
from results.statistics import paired
from results.tables import verdicts as verdicts_table
from steeplechase.errors import RecordError
from tests.helpers.worlds import like, world
from tests.oracles.records import ACCURACY, LOSS, make

MLP, SIGNS = ACCURACY["label"], LOSS["label"]


@pytest.fixture(scope="module")
def found():
    return verdicts.verdicts(world(optimizers=("adam", "sgd")))


def row(found, method, other, optimizer="adam"):
    own = found[(found["method"] == method) & (found["other"] == other) & (found["optimizer_label"] == optimizer)]
    assert len(own) == 1
    return own.iloc[0]


def test_a_row_a_pair_with_each_optimizer_and_with_the_best(found):
    assert list(found.columns) == list(verdicts.COLUMNS)
    assert found.groupby("optimizer_label").size().to_dict() == {"adam": 3, "sgd": 3, ANY: 3}
    assert (found["family"] == 9).all()


@pytest.mark.parametrize("optimizer", ["adam", "sgd", ANY])
def test_who_is_better_and_who_is_equivalent(found, optimizer):
    for better in ("Tanh slope", "Sigmoid derivative"):
        own = row(found, better, "Straight-through", optimizer)
        assert own.verdict == "better" and own.p < 0.001 and own.low > 0
    own = row(found, "Tanh slope", "Sigmoid derivative", optimizer)
    assert own.verdict == "equivalent" and own.p_margin < 0.001 and abs(own.difference) < 0.02


def test_without_a_margin_nobody_is_equivalent():
    table = world()
    table.attrs["margins"] = {}
    assert set(verdicts.verdicts(table)["verdict"]) <= {"better", "undecided"}


def test_the_numbers_are_those_of_the_chosen_settings(found):
    """The settings are those of statistics.choose, and the values those of their replicas, seed by seed."""
    table = world(optimizers=("adam", "sgd"))
    settings, last = selection.chosen_settings(table), lookup.final_rows(table)
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
    assert own.p >= raw[0] and found["p"].max() <= 1


def test_each_with_its_best_optimizer_is_chosen_by_what_settings_are_chosen_by():
    table = world(optimizers=("adam", "sgd"))
    groups = comparison.groups(table)
    assert [group.optimizer for group in groups] == ["adam", "sgd", ANY]
    every = groups[-1]
    for method, settings, by in zip(every.methods, every.settings, every.chosen_by, strict=True):
        best = settings[every.choose()[every.methods.index(method)]]
        parts = [(f"{g.optimizer}, {g.settings[i][g.choose()[i]]}", g.chosen_by[i][g.choose()[i]].mean())
                 for g in groups[:2] for i in [g.methods.index(method)]]  # fmt: skip
        assert best == max(parts, key=lambda part: part[1])[0]
        assert by.shape == (6, 8)


def test_who_was_not_run_with_every_optimizer_is_left_out_and_named():
    table = world(optimizers=("adam", "sgd"))
    table = without(table, ~((table["estimator"] == "ste") & (table["optimizer"] == "sgd")))
    found = verdicts.verdicts(table)
    assert found.groupby("optimizer_label").size().to_dict() == {"adam": 3, "sgd": 1, ANY: 1}
    assert any(
        "Not run with every optimizer" in remark and "Straight-through" in remark for remark in found.attrs["remarks"]
    )


def test_sentences(found):
    said = verdicts_table.findings(found)
    assert len(said) == 3 and said[-1].startswith(f"{MLP}, {ANY}: ")
    for text in ("Tanh slope is better than Straight-through by 0.", "is equivalent to Sigmoid derivative (0."):
        assert all(text in sentence for sentence in said)
    assert all("is first in " in sentence and "10,000 resamples" in sentence for sentence in said)


def test_the_first_in_resamples_is_sure_where_methods_are_far_apart(found):
    for shares in found.attrs["firsts"].values():
        assert shares["Straight-through"] == 0 and sum(shares.values()) == pytest.approx(1)


def test_controls_take_no_part():
    found = verdicts.verdicts(world(controls=["ste"]))
    assert len(found) == 1 and "Straight-through" not in set(found["method"]) | set(found["other"])


def test_many_methods_are_contrasted_with_the_reference():
    names = [f"method_{i}" for i in range(comparison.PAIRS + 1)]
    table = make(estimators=names, tasks=["binarized_mlp"], seeds=4, reference="method_3")
    found = verdicts.verdicts(table)
    assert len(found) == comparison.PAIRS and set(found["other"]) == {"method_3"}
    assert set(found["verdict"]) >= {"better", "worse"}
    table.attrs["reference"] = ""
    lacking = verdicts.verdicts(table)
    assert lacking.empty and any("declare a reference" in remark for remark in lacking.attrs["remarks"])
    assert "nobody to compare" in verdicts_table.findings(lacking)[0]


def test_a_diverged_share_is_the_worst_and_counted():
    table = world(diverged=lambda estimator, rate, seed: estimator == "ste" and seed == 3)
    found = verdicts.verdicts(table)
    own = row(found, "Tanh slope", "Straight-through")
    assert own.diverged == 1 and own.test == paired.T_TEST
    assert any("diverged in 2 of 3 contrasts" in remark for remark in found.attrs["remarks"])


def test_a_diverged_loss_has_no_mean_and_a_verdict_by_ranks():
    table = make(tasks=["sign_fitting"], seeds=10, spread=0.05, diverged=lambda e, r, s: e == "ste" and s < 6)
    found = verdicts.verdicts(table)
    own = row(found, "Tanh slope", "Straight-through")
    assert own.test == paired.RANK_TEST and math.isnan(own.other_mean) and math.isnan(own.difference)
    assert own.verdict == "better"
    [part] = verdicts_table.parts(found)
    assert "signed-rank" in part.caption and "unknown" in set(part.printed["difference"])


def test_everybody_diverged_is_undecided_and_said():
    found = verdicts.verdicts(make(tasks=["sign_fitting"], seeds=4, diverged=lambda *_: True))
    assert set(found["verdict"]) == {"undecided"} and found["difference"].isna().all()
    assert "nothing is decided" in verdicts_table.findings(found)[0]


def test_one_seed_decides_nothing():
    found = verdicts.verdicts(world(seeds=1))
    assert set(found["verdict"]) == {"undecided"} and found["p"].isna().all()
    assert any("One seed decides nothing" in remark for remark in found.attrs["remarks"])


def test_no_records_give_no_verdicts(tmp_path):
    found = verdicts.verdicts(pd.DataFrame())
    assert (
        found.empty
        and verdicts_table.findings(found) == []
        and verdicts_table.show(found, Console(file=io.StringIO())) == []
    )
    assert [path.name for path in verdicts_table.write(found, tmp_path)] == [
        "verdicts.csv",
        "verdicts.md",
        "verdicts.tex",
    ]


# The rules


def without(table, keep):
    """The table with these rows only, and its attributes."""
    out = table[keep].reset_index(drop=True)
    out.attrs = table.attrs
    return out


def test_a_fair_comparison_breaks_no_rule():
    assert fairness.violations(world(optimizers=("adam", "sgd"))) == [] == fairness.violations(pd.DataFrame())


BREACHES = {
    "seeds": (lambda t: ~((t["estimator"] == "ste") & (t["seed"] == 7)), "The seeds differ on"),
    "budget": (lambda t: ~((t["estimator"] == "ste") & (t["step"] == 400)), "The number of updates differs on"),
    "grid": (lambda t: ~((t["estimator"] == "ste") & (t["learning_rate"] == 0.001)), "The learning rates differ on"),
}


@pytest.mark.parametrize("breach", BREACHES)
def test_a_breach_is_named_with_who_made_it(breach):
    keep, words = BREACHES[breach]
    table = world()
    table = without(table, keep(table))
    [said] = [text for text in fairness.violations(table) if words in text]
    assert said.endswith("adam: Straight-through.")
    assert said in verdicts.verdicts(table).attrs["remarks"]
    table.attrs["strict"] = True
    with pytest.raises(RecordError, match=r"strict=true, and a rule of comparison is broken: The "):
        verdicts.verdicts(table)


def test_seeds_that_only_some_have_are_left_out():
    table = world()
    table = without(table, ~((table["estimator"] == "ste") & (table["seed"] == 7)))
    found = verdicts.verdicts(table)
    assert set(found["seeds"]) == {7}
    assert any("left out" in remark and remark.endswith(": 7.") for remark in found.attrs["remarks"])
    table = without(table, ~((table["estimator"] == "ste") ^ (table["seed"] < 4)))
    with pytest.raises(RecordError, match="no seed was met by all"):
        verdicts.verdicts(table)


def test_another_device_is_named():
    table = world()
    table["device"] = table["device"].where(table["estimator"] != "ste", "gpu")
    assert any("device class differs" in text for text in fairness.violations(table))


def test_a_grid_that_is_too_narrow_and_missing_replicas_are_said():
    table = world(merit=lambda e, n, rate, s: 2 + math.log10(rate), missing={"a-run": 2})
    said = fairness.violations(table)
    assert any("grid of rates was too narrow" in text for text in said)
    assert "2 planned replicas of 1 run are missing." in said


def test_another_measure_is_refused():
    table = world()
    part = next(p for p in table.attrs["parts"] if p["labels"]["estimator"] == "Straight-through")
    part["reports"] = "test_loss"
    assert any("judged by the same measure" in text for text in fairness.violations(table))
    with pytest.raises(RecordError, match="reported by another measure"):
        verdicts.verdicts(table)


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
    assert list(read.columns) == list(verdicts.COLUMNS) and np.allclose(read["difference"], found["difference"])
    markdown, latex = (path.read_text(encoding="utf-8") for path in paths[1:])
    assert markdown.startswith(f"- {MLP}, adam: ") and "| ▲ better" in markdown
    assert latex.count(r"\toprule") == 1 and r"$\bigtriangleup$ better" in latex


def test_chance_has_a_fixed_seed_and_the_table_is_left_alone():
    table = world()
    before = table.copy(deep=True)
    one, two = verdicts.verdicts(table), verdicts.verdicts(table.sample(frac=1, random_state=1).pipe(like, table))
    pd.testing.assert_frame_equal(one, two)
    assert one.attrs["firsts"] == two.attrs["firsts"]
    pd.testing.assert_frame_equal(table, before)
