"""The spread without its most influential member, and orders beside their noise: against numbers by hand."""

import io
import json
import math

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from scipy import stats

from results.analysis import spread
from results.analysis import surrogates as surrogates_analysis
from results.tables import surrogates
from tests.oracles.records import make

NAMES = ("broken", *(f"other {at}" for at in range(6)))


def merit(estimator, normalize, rate, seed):
    """The others stay as they are at every rate; `broken` is far below them, and at the tuned rate less far."""
    at = NAMES.index(estimator)
    noise = 0.01 * np.random.default_rng([at, seed, int(1e4 * rate)]).normal()
    if estimator == "broken":
        return {0.001: 0.5, 0.01: 0.7, 0.1: 0.1}[rate] + noise
    return 1.5 + 0.07 * at + 0.02 * (rate == 0.01) + noise


@pytest.fixture(scope="module")
def results():
    return make(
        estimators=NAMES, tasks=("binarized_mlp",), seeds=6, rows=2, rates=(0.001, 0.01, 0.1), merit=merit,
        spread=0.002, reference="other 0", default_rate=0.1,
    )  # fmt: skip


@pytest.fixture(scope="module")
def found(results):
    return spread.spread(surrogates_analysis.rankings(results))


def values_at(results, rate):
    """Estimators down, seeds across: test accuracy at the last step."""
    rows = results.rows[(results.rows.step == results.rows.step.max()) & (results.rows.learning_rate == rate)]
    return rows.pivot(index="estimator", columns="seed", values="test_accuracy").astype("float64")


def variance(values):
    """Of the means, less what is left of the values without methods and seeds, over seeds."""
    rest = values.sub(values.mean(axis=1), axis=0).sub(values.mean() - values.stack().mean())
    degrees = (len(values) - 1) * (values.shape[1] - 1)
    return values.mean(axis=1).var(ddof=1) - (rest**2).sum().sum() / degrees / values.shape[1]


def test_the_most_influential_is_named_and_taken_out(results, found):
    out = found.rows.set_index("condition")
    default, tuned = values_at(results, 0.1), values_at(results, 0.01)
    assert set(out.influential) == {"broken"}
    for condition, values in (("default", default), ("tuned", tuned)):
        assert out.spread_without[condition] == pytest.approx(math.sqrt(variance(values.drop("broken"))), rel=1e-9)
    row = out.loc["tuned"]
    assert row.share_without == pytest.approx(variance(tuned.drop("broken")) / variance(default.drop("broken")))
    assert row.share_of_default < 0.6 < 0.9 < row.share_without < 1.1, "the world is as it is meant to be"
    assert row.share_without_low <= row.share_without <= row.share_without_high
    assert math.isnan(out.share_without["default"]) and out.without["default"] == {}


def test_the_share_without_each_is_there(results, found):
    default, tuned = values_at(results, 0.1), values_at(results, 0.01)
    without = found.rows.set_index("condition").without["tuned"]
    assert list(without) == sorted(NAMES)
    for name, (share, low, high) in without.items():
        assert share == pytest.approx(variance(tuned.drop(name)) / variance(default.drop(name)), rel=1e-9)
        assert low < share < high
    shares = {name: abs(math.log(of[0] / found.rows.share_of_default[1])) for name, of in without.items()}
    assert max(shares, key=shares.get) == "broken"


def test_halves_and_ceilings_are_those_of_the_seeds(results, found):
    out = found.rows.set_index("condition")
    default, tuned = values_at(results, 0.1), values_at(results, 0.01)
    draw, correlations = np.random.default_rng(5), {"default": [], "tuned": []}
    for _ in range(400):  # other halves than those that are drawn there
        order = draw.permutation(6)
        for name, values in (("default", default), ("tuned", tuned)):
            sides = (values[order[:3]].mean(axis=1), values[order[3:]].mean(axis=1))
            correlations[name].append(stats.spearmanr(*sides).statistic)
    for name, own in correlations.items():
        assert abs(out.halves[name] - np.mean(own)) < 0.02
    reliable = [2 * r / (1 + r) for r in out.halves[["default", "tuned"]]]
    assert out.ceiling["tuned"] == pytest.approx(math.sqrt(reliable[0] * reliable[1]))
    assert out.ceiling_tuned["default"] == out.ceiling["tuned"] and math.isnan(out.ceiling["default"])
    assert out.rho_corrected["tuned"] == pytest.approx(min(out.rho["tuned"] / out.ceiling["tuned"], 1))


def test_tables_and_sentences_say_so(found, results):
    ranked = surrogates_analysis.rankings(results)
    console = Console(width=100, file=io.StringIO(), force_terminal=True, color_system=None)
    surrogates.show(ranked, found, console)
    text = " ".join(console.file.getvalue().split())
    row = found.rows.set_index("condition").loc["tuned"]
    for words in (
        "given these estimators (jackknife over seeds: it says nothing of others)",
        "What is left of the order",
        "What is left without the one that decides most",
        f"survives tuning ({100 * row.share_without:.0f} % without broken)",
        f"correlate by {row.rho:.2f}, where the seeds' noise would leave {row.ceiling:.2f} of equal orders",
        f"{row.rho_corrected:.2f} without it",
    ):
        assert words in text, words
    _, without, order = surrogates.parts(ranked, found)[-3:]
    assert without.printed["Without"].tolist() == ["broken"] * 2
    assert without.printed["Spread without"].tolist() == [f"{x:.3g}" for x in found.rows.spread_without]
    assert without.printed["Share without"][1].startswith(f"{100 * row.share_without:.0f} % [")
    assert order.printed["ceiling"].tolist() == ["–", f"{row.ceiling:.2f}"]


def test_files_have_the_share_without_each(found, results, tmp_path):
    path = surrogates.write(surrogates_analysis.rankings(results), found, tmp_path)[1]
    back = pd.read_csv(path)
    without = json.loads(back.without[1])
    assert without == {name: pytest.approx(of) for name, of in found.rows.without[1].items()}


def test_few_estimators_and_few_seeds_name_nobody():
    two = make(estimators=NAMES[:2], tasks=("binarized_mlp",), seeds=4, rows=2, merit=merit, default_rate=0.1)
    out = spread.spread(surrogates_analysis.rankings(two)).rows
    assert out.influential.isna().all() and out.spread_without.isna().all()
    one = make(estimators=NAMES, tasks=("binarized_mlp",), seeds=1, rows=2, merit=merit, default_rate=0.1)
    single = spread.spread(surrogates_analysis.rankings(one))
    columns = ["spread_without", "share_without", "halves", "ceiling"]
    assert single.rows.influential.isna().all() and single.rows[columns].isna().all(axis=None)
    assert "without" not in surrogates.findings(single)[0]
