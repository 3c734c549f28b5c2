"""One function under several names: found by its digest, counted once, and what parts its results is told as noise."""

import io
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from results.analysis import ranking, same_functions, spread, verdicts
from results.analysis import surrogates as surrogates_analysis
from results.figures import ranking as ranking_figure
from results.figures import surrogates as surrogates_figure
from results.tables import surrogates
from tests.oracles.records import make, name

NAMES = ("first", "second", "third", "fourth", "fifth", "sixth")
TASK = "binarized_mlp"


def merit(estimator, normalize, rate, seed):
    """Each has a rate of its own; the seeds' noise is larger than what parts neighbours."""
    at = NAMES.index(estimator)
    best = 0.01 if normalize == "area" or at < 4 else 0.1
    noise = 0.08 * np.random.default_rng([at, seed, int(1e4 * rate)]).normal()
    return 1.5 + 0.05 * at - (0.3 + 0.05 * at) * abs(math.log10(rate / best)) + noise


def world(slopes, **other):
    """Six estimators, scaled and not, whose runs have these slopes: by estimator and normalize, "" where unknown."""
    given = {"estimators": NAMES, "tasks": (TASK,), "rows": 2, "seeds": 4, "normalizes": ("none", "area")}
    results = make(**{**given, "reference": "first", "default_rate": 0.001, "merit": merit, **other})
    runs = results.rows.drop_duplicates("run").set_index("run")
    words = {run: slopes(row.estimator, row.normalize) for run, row in runs.iterrows()}
    digests = {run: {"activations": word, "weights": word} if word else {} for run, word in words.items()}
    return replace(results, accounts=tuple({**a, "slopes": digests[a["run"]]} for a in results.accounts))


def planted(estimator, normalize):
    """`fifth` is `second`, and once its area is normalised `third` is `first`, the reference; `fourth` is unknown."""
    if estimator == "fourth":
        return ""
    one = {"fifth": "second", **({"third": "first"} if normalize == "area" else {})}
    return f"{one.get(estimator, estimator)}-{normalize}"


@pytest.fixture(scope="module")
def results():
    return world(planted)


@pytest.fixture(scope="module")
def ranked(results):
    return surrogates_analysis.rankings(results)


def without(results, *estimators, normalize=("none", "area")):
    """The same results as if these had not been run."""
    rows = results.rows
    return results.with_rows(rows[~(rows.estimator.isin(estimators) & rows.normalize.isin(normalize))])


def table_of(ranked):
    console = Console(width=200, file=io.StringIO(), force_terminal=True, color_system=None)
    surrogates.show(ranked, spread.spread(ranked), console)
    return console.file.getvalue()


def test_groups_are_runs_that_differ_in_nothing_but_the_name(results):
    found = same_functions.same_functions(results)
    assert [(group.task, group.optimizer, group.normalize, group.estimators) for group in found] == [
        (TASK, "adam", "area", ("fifth", "second")),
        (TASK, "adam", "area", ("first", "third")),
        (TASK, "adam", "none", ("fifth", "second")),
    ]
    assert found[1].runs == tuple(name(TASK, e, "adam", "area") for e in ("first", "third"))


@pytest.mark.parametrize(
    "change",
    [
        lambda rows, at: rows.assign(at_zero=rows.at_zero.where(~at, -1)),
        lambda rows, at: rows.assign(precision=rows.precision.where(~at, "float64")),
        lambda rows, at: rows.assign(**{"task.width": np.where(at, 2.0, 1.0)}),
        lambda rows, at: rows.assign(**{"optimizer.beta_1": np.where(at & (rows.seed == 1), 0.8, 0.9)}),
    ],
)
def test_runs_that_differ_in_anything_else_are_not_the_same(results, change):
    other = results.with_rows(change(results.rows, results.rows.estimator == "fifth"))
    assert [group.estimators for group in same_functions.same_functions(other)] == [("first", "third")]


def test_a_function_at_another_width_is_another(results):
    """Of slopes that are made as wide as asked the digest is that of one width."""
    wide = results.rows["estimator"].map({"fifth": 2.0}).fillna(1.0)
    narrow = results.with_rows(results.rows.assign(width=1.0))
    assert ("fifth", "second") in {group.estimators for group in same_functions.same_functions(narrow)}
    several = results.with_rows(results.rows.assign(width=wide))
    assert not any("fifth" in group.estimators for group in same_functions.same_functions(several))


def test_own_parameters_may_differ_and_slopes_of_weights_may_not(results):
    own = results.rows.assign(**{"estimator.scale": np.where(results.rows.estimator == "fifth", 2.0, np.nan)})
    assert len(same_functions.same_functions(results.with_rows(own))) == 3
    accounts = tuple(
        {**a, "slopes": {**a["slopes"], "weights": "another"}} if "fifth" in a["run"] else a for a in results.accounts
    )
    assert len(same_functions.same_functions(replace(results, accounts=accounts))) == 1


def test_a_run_of_several_parts_has_one_slope_or_none():
    several = world(planted, parts=2)
    assert len(same_functions.same_functions(several)) == 3
    one = next(at for at, a in enumerate(several.accounts) if "fifth" in a["run"])
    for other in ({}, None, ["odd"], {"activations": ["odd"]}, {"activations": "another", "weights": "another"}):
        accounts = [{**a, "slopes": other} if at == one else a for at, a in enumerate(several.accounts)]
        mixed = replace(several, accounts=tuple(accounts))
        assert len(same_functions.same_functions(mixed)) == 2
        rows = mixed.rows[~mixed.rows.replica.isin(accounts[one]["replicas"])]
        assert len(same_functions.same_functions(mixed.with_rows(rows))) == 3, "that part is not asked about"


def test_records_of_before_are_the_same_as_no_other(results, ranked):
    before = replace(results, accounts=tuple({k: v for k, v in a.items() if k != "slopes"} for a in results.accounts))
    assert same_functions.same_functions(before) == []
    whole = surrogates_analysis.rankings(before)
    assert len(whole.rows) == 24 and whole.twins.empty and (whole.rows.same_as == "").all()
    assert "several names" not in table_of(whole) and len(ranked.rows) + len(ranked.twins) == 24


def test_a_function_is_ranked_and_contrasted_once(results, ranked):
    """As if its other names had not been run: ranks, contrasts and their correction."""
    for normalize, twins in (("none", ["second"]), ("area", ["second", "third"])):
        alone = surrogates_analysis.rankings(without(results, *twins)).rows
        conditions = ("default", "tuned") if normalize == "none" else ("area_default", "area_tuned")
        for condition in conditions:
            found, wanted = (rows[rows.condition == condition].reset_index(drop=True) for rows in (ranked.rows, alone))
            pd.testing.assert_frame_equal(found, wanted, check_exact=True)
            assert set(ranked.twins[ranked.twins.condition == condition].estimator) == set(twins)


def test_the_reference_stands_for_its_function_else_the_first_name(ranked, results):
    assert set(ranked.twins.same_as) == {"fifth", "first"}
    other = surrogates_analysis.rankings(replace(results, plan=replace(results.plan, reference="second")))
    assert set(other.twins[other.twins.estimator == "fifth"].same_as) == {"second"}
    assert set(other.rows[other.rows.verdict == "reference"].estimator) == {"second"}


def test_values_of_other_names_are_kept_with_the_rank_they_would_have(results, ranked):
    last = results.rows[(results.rows.step == results.rows.step.max()) & (results.rows.normalize == "none")]
    means = last[last.learning_rate == 0.001].groupby("estimator").test_accuracy.mean().drop("fifth")
    twin = ranked.twins[ranked.twins.condition == "default"].iloc[0]
    assert twin.estimator == "second" and twin["mean"] == pytest.approx(means["second"])
    assert twin["rank"] == means.rank(ascending=False)["second"] and math.isnan(twin.p_holm) and twin.verdict == ""
    assert len(twin["values"]) == 4


def test_a_function_counts_once_in_spreads_and_correlations(results, ranked):
    """`third` is `first` with normalised areas, and what is not known everywhere is in no spread."""
    found = spread.spread(ranked)
    wanted = spread.spread(surrogates_analysis.rankings(without(results, "second", "third"))).rows
    assert (found.rows.estimators == 4).all() and found.left_out == []
    numbers = wanted.select_dtypes("number").columns
    pd.testing.assert_frame_equal(found.rows[numbers], wanted[numbers])


def test_it_is_printed_under_all_its_names_and_what_parts_them_as_noise(ranked):
    text = table_of(ranked)
    lines = text.splitlines()
    assert any(line.startswith("fifth = second ") for line in lines)
    assert not any(line.startswith("second") for line in lines)
    [third] = [line for line in lines if line.startswith("third ")]
    assert third.count("= first") == 2, "in the columns in which it is the function of another row"
    words = " ".join(text.split())
    row = ranked.rows[(ranked.rows.condition == "default") & (ranked.rows.estimator == "fifth")].iloc[0]
    twin = ranked.twins[(ranked.twins.condition == "default") & (ranked.twins.estimator == "second")].iloc[0]
    gap = abs(row["mean"] - twin["mean"])
    assert f"fifth = second, default rate {gap:.2g} (ranks {row['rank']:g} and {twin['rank']:g})" in words
    assert "One function under several names counts once, and what parts these is noise. Binarized MLP" in words


def test_files_keep_every_name(ranked, tmp_path):
    path = surrogates.write(ranked, spread.spread(ranked), tmp_path)[0]
    back = pd.read_csv(path, keep_default_na=False)
    assert len(back) == 24 and set(back.estimator) == set(NAMES)
    assert back.groupby("same_as").size().to_dict() == {"": 18, "fifth": 4, "first": 2}


def test_the_figure_has_one_line_a_function(results):
    figure = surrogates_figure.draw(results)
    (axes,) = figure.axes
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert len(labels) == 5 and "fifth +1" in labels and "third" in labels
    caption = " ".join(text.get_text() for text in figure.texts).replace("\n", " ")
    assert "one function under more names, which counts once: fifth = second." in caption


def test_merged_results_have_one_run_a_function(results):
    """`first` is `third` with normalised areas alone, and so keeps its own name."""
    both = same_functions.merged(results)
    assert set(both.rows.run) == set(results.rows.run) - {
        name(TASK, estimator, "adam", normalize)
        for estimator, normalize in (("second", "none"), ("second", "area"), ("third", "area"))
    }
    labels = {run: account["labels"]["estimator"] for run, account in both.runs().items()}
    assert {labels[name(TASK, "fifth", "adam", normalize)] for normalize in ("none", "area")} == {"fifth = second"}
    assert labels[name(TASK, "first", "adam", "area")] == labels[name(TASK, "first", "adam")] == "first"
    same = world(lambda estimator, normalize: "")
    assert same_functions.merged(same) is same


def test_a_rank_is_stable_among_functions_and_not_among_names():
    plain = world(planted, normalizes=("none",))
    found = ranking.stability(plain)
    wanted = ranking.stability(without(world(planted, normalizes=("none",)), "second"))
    assert set(found.method) == {"first", "third", "fourth", "sixth", "fifth = second"}
    pd.testing.assert_frame_equal(found.drop(columns="method"), wanted.drop(columns="method"), check_exact=True)


def test_names_of_one_function_meet_in_no_contrast(results):
    """Nobody asks whether a function is better than itself; its one row bears both names."""
    raw = results.with_rows(results.rows[results.rows["normalize"] == "none"])
    raw = replace(raw, plan=replace(raw.plan, reference=""))  # all pairs
    rows = verdicts.verdicts(raw).rows
    assert len(rows) == math.comb(5, 2)
    both = set(rows["method"]) | set(rows["other"])
    assert "fifth = second" in both or "second = fifth" in both
    assert not {"second", "fifth"} & both


def test_the_figure_of_ranks_has_a_function_under_several_names_once():
    """As its table has it, under all of them."""
    results = world(lambda estimator, normalize: "one" if estimator in NAMES[:2] else estimator, normalizes=("none",))
    [axes] = ranking_figure.draw(results).axes
    labels = [text.get_text() for text in axes.get_yticklabels()]
    assert len(labels) == len(NAMES) - 1 and sum(" = " in label for label in labels) == 1
