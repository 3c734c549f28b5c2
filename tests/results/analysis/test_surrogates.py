"""What the surrogates' table says: ranks, contrasts and what is left of the differences, against numbers by hand."""

import io
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from scipy import stats

from results import tables
from results.analysis import selection, spread
from results.analysis import surrogates as surrogates_analysis
from results.figures import surrogates as surrogates_figure
from results.records.plan import PlanFacts
from results.records.result_set import ResultSet
from results.statistics.variance import share_left, share_left_interval, variance_between
from results.tables import surrogates
from steeplechase.errors import RecordError
from tests.oracles.records import LOSS, declaring, make, name

NAMES = ("first", "second", "third", "fourth", "fifth", "sixth")
RATES = (0.001, 0.01, 0.1)


def world(merit=None, **other):
    """Six estimators on the task that holds examples out, scaled and not; "first" is the reference."""
    given = {"estimators": NAMES, "tasks": ("binarized_mlp",), "rows": 2, "seeds": 2, "rates": RATES}
    given |= {"normalizes": ("none", "area"), "reference": "first", "default_rate": 0.001, "merit": merit}
    return make(**{**given, **other})


def plain(estimator, normalize, rate, seed):
    """Each estimator has a rate and a scale of its own, and a small advantage that neither takes away."""
    at = NAMES.index(estimator)
    best = 0.01 if normalize == "area" or at < 4 else 0.1
    return 1.5 + 0.05 * at - (0.3 + 0.05 * at) * abs(math.log10(rate / best)) + 0.05 * (seed * (at + 2) % 3)


def ends(results, rate, normalize="none"):
    """Seeds down, estimators across: test accuracy at the last step."""
    kept = results.rows[
        (results.rows.learning_rate == rate)
        & (results.rows.normalize == normalize)
        & (results.rows.step == results.rows.step.max())
    ]
    return pd.DataFrame(kept).pivot(index="seed", columns="estimator", values="test_accuracy").astype("float64")


def only(ranked, condition):
    return ranked.rows[ranked.rows.condition == condition].set_index("estimator")


def printed(ranked, width=140):
    console = Console(width=width, file=io.StringIO(), force_terminal=True, color_system=None)
    shown = surrogates.show(ranked, spread.spread(ranked), console)
    return shown, console.file.getvalue()


def said(ranked):
    return " ".join(printed(ranked)[1].split())


@pytest.fixture(scope="module")
def results():
    return world(plain, seeds=4, controls=("fourth",), declined={"fifth": "its slope has no finite area"})


@pytest.fixture(scope="module")
def ranked(results):
    return surrogates_analysis.rankings(results)


# Numbers


def test_a_row_an_estimator_in_each_condition(ranked):
    rows = ranked.rows
    assert list(rows.columns) == list(surrogates_analysis.COLUMNS)
    counts = rows.groupby("condition", sort=False).size()
    assert counts.to_dict() == {"default": 6, "tuned": 6, "area_default": 5, "area_tuned": 5}
    assert list(counts.index) == [condition.name for condition in surrogates_analysis.CONDITIONS]
    assert (rows.seeds == 4).all() and set(rows.selects) == {"validation_accuracy"}


def test_means_and_intervals_are_those_of_the_seeds(results, ranked):
    for condition, rate, normalize in (("default", 0.001, "none"), ("area_default", 0.001, "area")):
        values, found = ends(results, rate, normalize), only(ranked, condition)
        for estimator in values:
            row, own = found.loc[estimator], values[estimator]
            half = stats.t.ppf(0.975, 3) * own.std(ddof=1) / 2
            expected = [own.mean(), own.mean() - half, own.mean() + half, own.std(ddof=1) / 2]
            assert np.allclose(row[["mean", "low", "high", "standard_error"]].astype(float), expected, rtol=1e-12)
        assert found["rank"].to_dict() == values.mean().rank(ascending=False).to_dict()
    assert set(only(ranked, "default").edge) == {""}


def test_tuned_rates_are_those_that_validation_chose(results, ranked):
    last = results.rows[(results.rows.step == results.rows.step.max()) & (results.rows.normalize == "none")]
    mean = last.groupby(["estimator", "learning_rate"]).validation_accuracy.mean().unstack()
    assert only(ranked, "tuned").learning_rate.to_dict() == mean.idxmax(axis=1).to_dict()
    assert only(ranked, "tuned").edge.to_dict() == {n: "high" if n in ("fifth", "sixth") else "" for n in NAMES}
    assert set(only(ranked, "area_tuned").learning_rate) == {0.01}, "chosen anew"


def test_contrasts_are_paired_by_seed_and_corrected_for_their_number(results, ranked):
    values, found = ends(results, 0.001), only(ranked, "default")
    others = [name for name in NAMES if name != "first"]
    p = []
    for estimator in others:
        test = stats.ttest_rel(values[estimator], values["first"])
        ends_ = test.confidence_interval(0.95)
        row = found.loc[estimator]
        expected = [(values[estimator] - values["first"]).mean(), ends_.low, ends_.high]
        assert np.allclose(row[["difference", "difference_low", "difference_high"]].astype(float), expected, rtol=1e-9)
        p.append(test.pvalue)
    assert np.allclose(found.loc[others, "p_holm"], by_definition(p), rtol=1e-9)
    for estimator in others:
        row = found.loc[estimator]
        decided = "better" if row.difference > 0 else "worse"
        assert row.verdict == (decided if row.p_holm < 0.05 else "undecided")
    assert len(set(found.loc[others, "verdict"])) > 1, "the world shows both"
    assert found.loc["first", "verdict"] == "reference" and math.isnan(found.loc["first", "difference"])


def by_definition(p):
    """Holm by its definition: the largest of (n − j + 1)·p over all ranks j up to its own."""
    ranked = sorted(p)
    return [min(1, max((len(p) - j) * ranked[j] for j in range(ranked.index(own) + 1))) for own in p]


def test_the_spread_is_that_of_the_means_without_the_seeds_noise(results, ranked):
    out = spread.spread(ranked).rows.set_index("condition")
    kept = ["first", "second", "third", "sixth"]  # no control, and none that was declined
    assert (out.estimators == 4).all()

    def variance(values):  # the definition: mean squares of a two-way layout, four seeds by so many estimators
        between = values.shape[0] * ((values.mean() - values.stack().mean()) ** 2).sum() / (values.shape[1] - 1)
        squares = (values.sub(values.mean(axis=1), axis=0).sub(values.mean() - values.stack().mean()) ** 2).sum().sum()
        rest = squares / ((values.shape[0] - 1) * (values.shape[1] - 1))
        return (between - rest) / values.shape[0]

    default, scaled = ends(results, 0.001)[kept], ends(results, 0.01, "area")[kept]
    assert math.isclose(out.spread["default"], math.sqrt(variance(default)), rel_tol=1e-9)
    assert math.isclose(out.share_of_default["area_tuned"], variance(scaled) / variance(default), rel_tol=1e-9)
    assert math.isclose(out.range["area_tuned"], np.ptp(scaled.mean()), rel_tol=1e-9)
    assert out.best["area_tuned"] == scaled.mean().idxmax() and out.share_of_default["default"] == 1
    rho = stats.spearmanr(scaled.mean(), default.mean()).statistic
    assert math.isclose(out.rho["area_tuned"], rho) and out.rho_tuned["tuned"] == 1 and out.rho["default"] == 1
    verdicts = only(ranked, "default").loc[kept, "verdict"].tolist()
    assert out.contrasts["default"] == 3
    assert [out.better["default"], out.worse["default"]] == [verdicts.count("better"), verdicts.count("worse")]
    assert (out.decided == out.better + out.worse).all()


# Planted truths, in merit: differences of 0.08 and more; noise of seeds 0.01, so 0.004 in a mean of six. A share is a
# ratio of variances. Where nothing is left, that noise leaves about (0.004 / 0.08)²; where everything is, it moves the
# share by about 0.004 / 0.08 at most. Both are within the 0.05 that is allowed.


def scaled_apart(estimator, normalize, rate, seed):
    """Estimators that are one slope at different scales: each has its own best rate, and nothing else of its own."""
    at = NAMES.index(estimator)
    off = math.log10(rate / (0.1 if at % 2 else 0.01)) if normalize == "none" else math.log10(rate / 0.01)
    return 1.5 - (0.2 + 0.02 * at) * abs(off) + noise(at, seed)


def good_and_bad(estimator, normalize, rate, seed):
    """Estimators that differ by the same at every rate and scale."""
    at = NAMES.index(estimator)
    return 1.2 + 0.08 * at - 0.002 * abs(math.log10(rate / 0.01)) + noise(at, seed)


def noise(at, seed):
    return 0.01 * np.random.default_rng([at, seed]).normal()


def test_what_seeds_do_to_all_alike_is_not_taken_for_noise():
    """The standard deviation between estimators is 0.01, as large as their own noise; that of the seeds is 0.04. Over
    400 draws the estimated variance is right to within three of its standard errors, which are 2 % of it."""
    draw, found = np.random.default_rng(0), []
    for _ in range(400):
        own, seeds = draw.normal(0, 0.01, [26, 1]), draw.normal(0, 0.04, [1, 8])
        values = 0.9 + own + seeds + draw.normal(0, 0.01, [26, 8])
        found.append(variance_between(values))
    assert abs(np.mean(found) / 0.01**2 - 1) < 3 * np.std(found) / 20 / 0.01**2 < 0.06


def test_a_world_in_which_tuning_takes_the_differences_away():
    scaled = spread.spread(surrogates_analysis.rankings(world(scaled_apart, spread=0.005, seeds=6)))
    out = scaled.rows.set_index("condition")
    assert out.spread["default"] > 0.01 and out.share_of_default["default"] == 1
    assert out.share_of_default["tuned"] < 0.05 and out.share_of_default["area_tuned"] < 0.05
    assert out.decided["default"] == 5 and out.decided["tuned"] == 0
    assert scaled.reference == ("first", "first")


def test_a_world_in_which_tuning_leaves_them():
    ranked = surrogates_analysis.rankings(world(good_and_bad, spread=0.005, seeds=6))
    out = spread.spread(ranked).rows.set_index("condition")
    assert abs(out.share_of_default - 1).max() < 0.05
    assert (out.better == 5).all() and (out.rho == 1).all() and set(out.best) == {"sixth"}
    assert (
        "5 of the 5 others differ from first at the tuned rate and 5 after area"
        in surrogates.findings(spread.spread(ranked))[0]
    )


# Who counts


def test_what_is_tuned_and_what_is_not_may_come_from_two_tables():
    """The chosen rates in one, as fresh draws have them, the default ones in the other: the spread is that of all."""
    whole = world(scaled_apart, seeds=4)
    ids = {replica for replicas in selection.chosen_settings(whole)["replicas"] for replica in replicas}
    chosen = whole.with_rows(whole.rows[whole.rows["replica"].isin(ids)])
    default = whole.with_rows(whole.rows[whole.rows["learning_rate"] == 0.001])
    both = surrogates_analysis.tuned_beside(*map(surrogates_analysis.rankings, (chosen, default)))
    expected = surrogates_analysis.rankings(whole)
    told = ["edge"]  # of a grid, which the parts have not
    pd.testing.assert_frame_equal(both.rows.drop(columns=told), expected.rows.drop(columns=told))
    pd.testing.assert_frame_equal(spread.spread(both).rows, spread.spread(expected).rows)
    assert spread.spread(both).rows["share_of_default"].lt(0.5).any()


def test_controls_are_ranked_and_left_out(ranked):
    row = only(ranked, "tuned").loc["fourth"]
    assert row.control and row["rank"] >= 1 and row.verdict
    text = said(ranked)
    assert "fourth †" in text and "left out of every spread and correlation: fourth." in text


def test_a_page_that_stays_out_of_spreads_is_ranked_and_moves_none():
    """With it far behind all others: without the reason it is most of the spread, with it the spread is that of the
    others alone, and neither is it told as one that is not known everywhere."""

    def far(estimator, *others):
        return -4.0 if estimator == "sixth" else plain(estimator, *others)

    among, outside, alone = (
        surrogates_analysis.rankings(world(far, seeds=4, **other))
        for other in ({}, {"outside": {"sixth": "it is another's"}}, {"estimators": NAMES[:5]})
    )
    row = only(outside, "tuned").loc["sixth"]
    assert (row["rank"], row["verdict"], row["outside_spread"]) == (6, "worse", "it is another's")
    found = [spread.spread(one) for one in (among, outside, alone)]
    np.testing.assert_allclose(found[1].rows["spread"], found[2].rows["spread"])
    assert (found[1].rows["estimators"] == 5).all() and (found[0].rows["spread"] > 1.5 * found[1].rows["spread"]).all()
    assert found[1].left_out == []
    text = said(outside)
    assert "sixth ‡" in text and "‡: ranked, and in no spread." in text
    assert "left out of every spread and correlation ‡: sixth (it is another's)." in text
    assert "‡" not in said(among)


def test_what_was_declined_is_listed_once(ranked):
    text = said(ranked)
    assert text.count("Declined with normalize=area (its slope has no finite area): fifth.") == 1
    assert "Not known in every condition" not in text, "which the reader knows already"
    reasons = {
        n: f"{n} cannot be normalised by area: its area is {a}." for n, a in (("fifth", "inf"), ("sixth", "inf"))
    }
    text = said(surrogates_analysis.rankings(world(plain, declined=reasons | {"third": "third has none"})))
    assert "Declined with normalize=area (has none): third." in text
    assert text.count("Declined with normalize=area (its area is inf): fifth, sixth.") == 1, (
        "estimators by their reason"
    )


def test_ties_share_their_average_rank():
    found = only(surrogates_analysis.rankings(world(lambda *_: 1.5, spread=0.0, normalizes=("none",))), "tuned")
    assert (found["rank"] == 3.5).all()
    others = found[found.verdict != "reference"]
    assert (others.p_holm == 1).all() and (others.verdict == "undecided").all() and (others.difference == 0).all()


@pytest.mark.parametrize(("seeds", "verdict"), [(4, "undecided"), (12, "worse")])
def test_a_constant_difference_is_decided_by_its_sign_and_constant_means_have_no_correlation(seeds, verdict):
    ranked = surrogates_analysis.rankings(world(lambda e, *_: 1.5 - 0.1 * (e == "third"), spread=0.0, seeds=seeds))
    row = only(ranked, "default").loc["third"]
    contrasts = len(only(ranked, "default")) - 1
    assert row.p_holm == pytest.approx(min(1.0, contrasts * 2 * 0.5**seeds)) and row.verdict == verdict
    assert row.difference_low == pytest.approx(row.difference_high)
    same = spread.spread(surrogates_analysis.rankings(world(lambda *_: 1.5, spread=0.0)))
    assert same.rows[["rho", "rho_tuned", "share_of_default"]].isna().all(axis=None) and (same.rows.spread == 0).all()
    assert "do not differ by more than the seeds' noise" in surrogates.findings(same)[0]


def test_a_diverged_seed_counts_as_the_worst_share():
    ranked = surrogates_analysis.rankings(
        world(plain, seeds=4, diverged=lambda e, rate, seed: e == "second" and seed == 1)
    )
    row, known = only(ranked, "default").loc["second"], ends(world(plain, seeds=4), 0.001)["second"]
    assert row["mean"] == pytest.approx(known.drop(1).sum() / 4, rel=0.01) and row.diverged == 1
    assert "A seed without a finite value counts as the worst share." in said(ranked)


def test_an_unknown_loss_is_last_and_undecided():
    lost = world(plain, tasks=("sign_fitting",), diverged=lambda e, rate, seed: e == "second" and seed == 1)
    ranked = surrogates_analysis.rankings(lost)
    row = only(ranked, "tuned").loc["second"]
    assert math.isnan(row["mean"]) and row["rank"] == 6 and row.verdict == "undecided" and math.isnan(row.p_holm)
    assert (spread.spread(ranked).rows.estimators == 5).all()
    text = said(ranked)
    assert "unknown" in text and "Not known in every condition, Sign fitting (identity, 1), adam: second." in text
    both = surrogates_analysis.rankings(
        world(plain, tasks=("sign_fitting",), diverged=lambda e, rate, seed: e in NAMES[1:3])
    )
    assert set(only(both, "tuned").loc[["second", "third"], "rank"]) == {5.5}
    none = surrogates_analysis.rankings(world(plain, tasks=("sign_fitting",), diverged=lambda *_: True))
    assert (spread.spread(none).rows.estimators == 0).all() and "fewer than two" in said(none)


def test_a_loss_is_better_lower():
    ranked = surrogates_analysis.rankings(world(good_and_bad, seeds=4, tasks={"t": {**LOSS, "label": "T"}}))
    found = only(ranked, "tuned")
    assert found["rank"]["sixth"] == 1 and found.verdict["sixth"] == "better" and found.difference["sixth"] < 0
    out = spread.spread(ranked).rows
    assert (out.range < 0).all() and set(out.best) == {"sixth"}
    assert "nothing is held out" in said(ranked)


# What is absent


def test_a_default_rate_that_was_not_trained():
    ranked = surrogates_analysis.rankings(world(plain, default_rate=0.002))
    assert set(ranked.rows.condition) == {"tuned", "area_tuned"}
    text = said(ranked)
    assert "The default rate of adam (0.002) was not trained on Binarized MLP (64-128-128-10)." in text
    assert "6 surrogates spread by" in text
    out = spread.spread(ranked).rows
    assert out[["share_of_default", "rho"]].isna().all(axis=None) and out.rho_tuned.notna().all()


def test_a_default_rate_that_some_did_not_train():
    results = world(plain, normalizes=("none",))
    rates = {**results.plan.default_rates, name("binarized_mlp", "third", "adam"): 0.002}
    ranked = surrogates_analysis.rankings(declaring(results, default_rates=rates))
    assert (
        set(only(ranked, "default").index) == {*NAMES} - {"third"}
        and (spread.spread(ranked).rows.estimators == 5).all()
    )
    assert "(0.002) was not trained on Binarized MLP (64-128-128-10) for third." in said(ranked)


@pytest.mark.parametrize("reference", ["", "fifth", "nobody"])
def test_no_reference(reference):
    ranked = surrogates_analysis.rankings(world(plain, reference=reference, declined={"fifth": "no area"}))
    absent = ranked.rows[ranked.rows.condition.str.startswith("area")] if reference == "fifth" else ranked.rows
    assert (absent.verdict == "").all() and absent[["difference", "difference_low", "p_holm"]].isna().all(axis=None)
    out = spread.spread(ranked).rows
    assert out[out.condition == "area_tuned"][["contrasts", "decided", "better"]].isna().all(axis=None)
    text = said(ranked)
    words = f"The reference {reference} was not run in: " if reference else "No reference was declared"
    assert words in text and ("differ from" in text) == (reference == "fifth")


def test_without_a_plan_nothing_is_declared():
    ranked = surrogates_analysis.rankings(replace(world(plain), plan=PlanFacts()))
    assert set(ranked.rows.condition) == {"tuned", "area_tuned"} and set(ranked.rows.verdict) == {""}
    assert "The default rate of adam is not known" in said(ranked)


def test_one_seed_and_one_common_seed():
    ranked = surrogates_analysis.rankings(world(plain, seeds=1))
    assert ranked.rows[["low", "standard_error", "difference_low", "p_holm"]].isna().all(axis=None)
    assert set(ranked.rows.verdict) == {"reference", "undecided"} and ranked.rows.difference.notna().sum() == 20
    assert "one seed does not tell" in said(ranked)
    results = world(plain, missing={"some-run": 3}, seeds=4)
    fewer = results.rows[(results.rows.estimator != "second") | (results.rows.seed > 2)]
    ranked = surrogates_analysis.rankings(results.with_rows(fewer))
    assert only(ranked, "tuned").loc["second", ["seeds", "verdict"]].tolist() == [1, "undecided"]
    assert "INCOMPLETE: 3 planned replicas of 1 run" in said(ranked)


def test_another_setting_that_was_swept_is_refused():
    results = world(plain, normalizes=("none",))
    within = results.rows.assign(**{"estimator.width": np.where(results.rows.seed == 0, 1.0, 2.0)})
    with pytest.raises(RecordError, match=r"estimator\.width"):
        surrogates_analysis.rankings(results.with_rows(within))
    other = results.rows[results.rows.estimator == "third"].assign(
        at_zero=-1, run="another", replica="r" + results.rows.replica
    )
    both = pd.concat([results.rows, other], ignore_index=True)
    account = next(a for a in results.accounts if a["run"] == name("binarized_mlp", "third", "adam"))
    accounts = (*results.accounts, {**account, "run": "another"})
    with pytest.raises(RecordError, match="third on Binarized.*at_zero"):
        surrogates_analysis.rankings(replace(results, rows=both, accounts=accounts))


def test_another_scale_is_left_out_and_said():
    ranked = surrogates_analysis.rankings(world(plain, normalizes=("none", "peak")))
    assert set(ranked.rows.condition) == {"default", "tuned"} and "normalize=peak are left out" in said(ranked)


def test_a_value_that_is_missing_is_no_divergence():
    results = world(plain, normalizes=("none",))
    results.rows.loc[results.rows.replica == results.rows.replica.iloc[0], "test_accuracy"] = math.nan
    with pytest.raises(RecordError, match="test_accuracy"):
        surrogates_analysis.rankings(results)


# Printed and written


def test_the_printed_tables_fit():
    ranked = surrogates_analysis.rankings(
        world(plain, optimizers=("adam", "momentum"), tasks=("binarized_mlp", "sign_fitting"))
    )
    for width in (100, 200):
        shown, text = printed(ranked, width)
        lines = text.splitlines()
        assert len(shown) == 7 and max(map(len, lines)) <= width and "…" not in text, "nothing is cut off"
        for word in ("area-normalised", "ref", "▲", "first", "[0."):
            assert word in text, word
        one = any("sixth" in line and line.count("[") == 4 for line in lines)
        assert one == (width == 200), "one line a row where there is room"


def test_the_interval_of_a_share_covers_it():
    """Of 200 worlds with 25 estimators and 8 seeds, in which a tenth or all of the variance is left, the 95 % interval
    covers what is left in 89 to 99 % (the binomial's spread over 200 worlds is 1.5 to 2 %)."""
    for left in (0.1, 1.0):
        covered, chance = [], np.random.default_rng(1)
        for _ in range(200):
            before, after = chance.normal(0, 1, (25, 1)), chance.normal(0, math.sqrt(left), (25, 1))
            truth = after.var(ddof=1) / before.var(ddof=1)
            luck = chance.normal(0, 0.5, (2, 1, 8))  # of a seed, the same for all estimators
            values = [own + luck[i] + chance.normal(0, 0.4, (25, 8)) for i, own in enumerate((after, before))]
            low, high = share_left_interval(*values)
            covered.append(low <= truth <= high)
        print(f"share of the variance that is left, truly about {left:g}: covered in {np.mean(covered):.1%}")
        assert 0.89 <= np.mean(covered) <= 0.99


def test_a_share_has_an_interval_where_seeds_tell(ranked):
    out = spread.spread(ranked).rows.set_index("condition")
    for name_ in ("tuned", "area_tuned"):
        assert out.share_low[name_] <= out.share_of_default[name_] <= out.share_high[name_]
    assert math.isnan(out.share_low["default"])
    few = spread.spread(surrogates_analysis.rankings(world(plain, seeds=2)))
    assert few.rows[["share_low", "share_high"]].isna().all(axis=None)


def test_where_noise_hides_what_is_left_the_share_still_has_an_upper_end():
    """Of 100 worlds in which nothing is left, the upper end is positive or zero in all, and below a tenth in most."""
    highs, chance = [], np.random.default_rng(2)
    for _ in range(100):
        before = chance.normal(0, 1, (25, 1)) + chance.normal(0, 0.3, (25, 8))
        low, high = share_left_interval(chance.normal(0, 0.3, (25, 8)), before)
        assert 0 <= low <= high
        highs.append(high)
    assert np.mean(np.array(highs) < 0.1) > 0.9


def test_the_finding_names_the_shares_of_the_spread(ranked):
    out = spread.spread(ranked)
    share = out.rows.set_index("condition").share_of_default["tuned"]
    (sentence,) = surrogates.findings(out)
    assert (
        sentence.startswith("Binarized MLP (64-128-128-10), adam: ") and "4 surrogates at the default rate" in sentence
    )
    assert f"{100 * share:.0f} %" in sentence and "of the 3 others differ from first" in sentence


def test_labels_are_not_taken_for_markup():
    ranked = surrogates_analysis.rankings(world(None, estimators=("[red]a", "b"), reference="[red]a"))
    assert "[red]a" in printed(ranked)[1]


def test_written_files(results, tmp_path):
    console = Console(file=io.StringIO(), width=140)
    paths = tables.make("surrogates", results, tmp_path / "deep", console)
    names = ["surrogates.csv", "surrogates_spread.csv", "surrogates.md", "surrogates.tex"]
    assert [path.name for path in paths] == names and "What is left of the differences" in console.file.getvalue()
    ranked = surrogates_analysis.rankings(results)
    back = pd.read_csv(paths[0], keep_default_na=True)
    assert (
        list(back.columns) == list(surrogates_analysis.COLUMNS)
        and back["mean"].tolist() == ranked.rows["mean"].tolist()
    )
    assert list(pd.read_csv(paths[1]).columns) == list(spread.SPREAD)
    markdown, latex = (Path(path).read_text(encoding="utf-8") for path in paths[2:])
    assert markdown.count("### ") == 4 and latex.count("\\toprule") == 4 and "\\bottomrule" in latex
    assert not set(latex) - set(map(chr, range(128))), "plain LaTeX has no other letters"
    again = surrogates.write(ranked, spread.spread(ranked), tmp_path / "again")
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in paths]


def test_nothing_recorded_gives_an_empty_table(results, tmp_path):
    ranked = surrogates_analysis.rankings(results.with_rows(results.rows.iloc[:0]))
    assert ranked.rows.empty and list(ranked.rows.columns) == list(surrogates_analysis.COLUMNS)
    assert printed(ranked) == ([], "")
    assert len(surrogates.write(ranked, spread.spread(ranked), tmp_path)) == 4


def test_rankings_leave_the_table_alone_and_do_not_depend_on_the_order_of_rows(results, ranked):
    before = results.rows.copy()
    mixed = results.with_rows(results.rows.sample(frac=1, random_state=np.random.default_rng(0)))
    pd.testing.assert_frame_equal(surrogates_analysis.rankings(mixed).rows, ranked.rows, check_exact=True)
    assert results.rows.equals(before)


def test_rows_without_accounts_are_refused(results):
    with pytest.raises(RecordError, match="has no account"):
        surrogates_analysis.rankings(ResultSet(results.rows))


# The figure


def caption(figure):
    return " ".join(figure.texts[-1].get_text().split())


def test_the_figure_has_a_panel_a_pair_and_a_row_an_estimator(results, ranked):
    figure = surrogates_figure.draw(results)
    (axes,) = figure.axes
    order = [label.get_text() for label in axes.get_yticklabels()]
    tuned = only(ranked, "tuned")
    assert order == [n + (" †" if n == "fourth" else "") for n in tuned["mean"].sort_values(ascending=False).index]
    points = {(x, round(y, 2)) for line in axes.lines if line.get_marker() == "s" for x, y in line.get_xydata()}
    expected = {(tuned["mean"][n.removesuffix(" †")], at) for at, n in enumerate(order)}
    assert points == {(x, y) for x, y in expected if axes.get_xlim()[0] <= x <= axes.get_xlim()[1]}
    assert any(list(line.get_xdata()) == [tuned["mean"]["first"]] * 2 for line in axes.lines), "the reference's line"
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["default rate", "tuned rate", "area-normalised, tuned rate"]
    looks = [(line.get_marker(), line.get_color()) for line in figure.legends[0].legend_handles]
    assert len({marker for marker, _ in looks}) == len({colour for _, colour in looks}) == 3


def test_where_all_slopes_have_one_area_what_is_left_is_of_the_default_rate_there():
    """The table, the sentence and the figure know nothing of slopes as they come, and compare with none."""
    results = world(good_and_bad, normalizes=("area",), seeds=4)
    ranked = surrogates_analysis.rankings(results)
    out = spread.spread(ranked).rows.set_index("condition")
    assert list(out.index) == ["area_default", "area_tuned"]
    rates = only(ranked, "area_tuned").learning_rate
    after = np.array([ends(results, rates[name], "area")[name] for name in NAMES])
    before = ends(results, 0.001, "area")[list(NAMES)].to_numpy().T
    assert out.share_of_default["area_tuned"] == pytest.approx(share_left(after, before))
    assert out.share_of_default["area_default"] == 1 and out.share_low["area_tuned"] < out.share_high["area_tuned"]
    assert f"{100 * out.share_of_default['area_tuned']:.0f} % of the variance" in said(ranked)
    tuned = only(ranked, "area_tuned")["mean"].sort_values(ascending=False)
    first, *_ = surrogates.parts(ranked, spread.spread(ranked))
    assert list(first.printed["Estimator"]) == list(tuned.index)
    assert "correlate by" in said(ranked)
    figure = surrogates_figure.draw(results)
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == list(tuned.index)
    assert any(list(line.get_xdata()) == [tuned["first"]] * 2 for line in axes.lines), "the reference's line"
    assert "All slopes have one area." in caption(figure) and "Absent" not in caption(figure)


def test_the_figures_caption_says_what_is_missing(results):
    text = caption(surrogates_figure.draw(results))
    for words in ("4 seeds", "95 % t interval", "Vertical line: first", "Controls †", "no finite area): fifth."):
        assert words in text, words
    text = caption(surrogates_figure.draw(world(plain, default_rate=None, reference="", normalizes=("none",))))
    for words in ("Absent: default rate and area-normalised, tuned rate.", "No reference was declared", "is not known"):
        assert words in text, words


def test_the_figure_shows_what_lies_outside_or_is_unknown():
    far = world(lambda e, *_: 0.1 if e == "third" else 1.5 + 0.01 * NAMES.index(e), controls=("third",))
    assert "outside the panel" in caption(surrogates_figure.draw(far))
    lost = world(plain, tasks=("sign_fitting",), diverged=lambda e, rate, seed: e == "second")
    assert "×: unknown" in caption(surrogates_figure.draw(lost))


def test_a_whole_book_fits_a_page():
    many = [f"estimator {i:02d}" for i in range(38)]
    results = make(estimators=many, tasks=("sign_fitting",), seeds=1, rates=(0.1,), rows=2)
    assert surrogates_figure.draw(results).get_size_inches()[1] <= 9.6


def test_a_width_is_chosen_with_the_rate_and_is_one_by_default():
    """At a width of 2 two methods are better by validation and by test, and the others worse; one has no width."""
    results = world(plain)
    narrow, wide = (results.rows.assign(width=width) for width in (1.0, 2.0))
    wide["replica"] = wide["replica"].str.cat(["w"] * len(wide))
    better = wide["estimator"].isin(["second", "fourth"])
    for measure in ("validation_accuracy", "test_accuracy"):
        wide[measure] = np.where(better, (1 + wide[measure]) / 2, wide[measure] / 2)
    flat = results.rows["estimator"] == "sixth"  # a slope without a half-width has none
    rows = pd.concat([narrow.assign(width=narrow["width"].mask(flat)), wide[~flat]], ignore_index=True)
    before, after = surrogates_analysis.rankings(results), surrogates_analysis.rankings(results.with_rows(rows))
    for condition in ("default", "area_default"):
        np.testing.assert_array_equal(only(after, condition)["mean"], only(before, condition)["mean"])
    for condition in ("tuned", "area_tuned"):
        one, other = only(before, condition)["mean"], only(after, condition)["mean"]
        for method in NAMES:
            assert (other[method] > one[method]) == (method in ("second", "fourth")) and other[method] >= one[method]
        assert (only(after, condition)["seeds"] == 2).all()
    odd = results.with_rows(rows.assign(**{"estimator.scale": np.where(rows["seed"] == 0, 1.0, 2.0)}))
    with pytest.raises(RecordError, match="more than one setting"):
        surrogates_analysis.rankings(odd)
