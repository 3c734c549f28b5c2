"""Pairings: means and contrasts of pairs of slopes, held against pandas and SciPy."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from results.analysis import lookup, pairings
from results.figures import pairings as figure
from tests.oracles.records import make

SLOPES = ("ste", "tanh_slope")
CROSSED = {"one": ("ste", "tanh_slope"), "other": ("tanh_slope", "ste")}


def crossed(**arguments):
    """Two slopes in all four pairs on the MLP; the crossed ones are the better ones."""
    results = make(estimators=(*SLOPES, *CROSSED), tasks=("binarized_mlp",), **arguments)
    rows = results.rows.copy()
    made_by = rows.drop_duplicates("run").set_index("run")["estimator"]
    labels = {made_by[account["run"]]: account["labels"]["estimator"] for account in results.accounts}
    accounts = []
    for account in results.accounts:
        pair = CROSSED.get(made_by[account["run"]])
        accounts.append(account | ({"labels": account["labels"] | {"estimator": labels[pair[0]]}} if pair else {}))
    for made, (at, weights) in CROSSED.items():
        its = rows["estimator"] == made
        rows.loc[its, ["estimator", "estimator_weights"]] = [at, weights]
    return replace(results.with_rows(rows), accounts=tuple(accounts))


def reached(results):
    """By (estimator, weights) the test accuracy of each seed at the rate with the best validation accuracy."""
    last = results.rows.sort_values("step").groupby("replica").tail(1)
    found = {}
    for pair, own in last.groupby(["estimator", "estimator_weights"]):
        rate = own.groupby("learning_rate")["validation_accuracy"].mean().idxmax()
        found[pair] = own[own["learning_rate"] == rate].sort_values("seed")["test_accuracy"].to_numpy("float64")
    return found


def test_a_pair_is_held_against_its_activations_slope_at_both():
    results = crossed(seeds=6, spread=0.3)
    frame, values = pairings.pairings(results), reached(results)
    assert list(frame.columns) == list(pairings.COLUMNS)
    assert [(row.estimator, row.weights) for row in frame.itertuples()] == sorted(values)
    p = {pair: stats.ttest_rel(values[pair], values[pair[0], pair[0]]).pvalue for pair in values if len(set(pair)) > 1}
    small, large = sorted(p, key=p.get)
    corrected = {small: min(1, 2 * p[small]), large: min(1, max(2 * p[small], p[large]))}
    for row in frame.itertuples():
        pair = row.estimator, row.weights
        low, high = stats.t.interval(0.95, 5, values[pair].mean(), stats.sem(values[pair]))
        np.testing.assert_allclose([row.mean, row.low, row.high], [values[pair].mean(), low, high])
        assert row.weights_label == {"ste": "Straight-through", "tanh_slope": "Tanh slope"}.get(row.weights)
        if pair in p:
            np.testing.assert_allclose(row.p, corrected[pair])
            np.testing.assert_allclose(row.difference, (values[pair] - values[pair[0], pair[0]]).mean())
            better = "better" if row.difference > 0 else "worse"
            assert row.verdict == (better if row.p < 0.05 else "undecided")
        else:
            assert np.isnan(row.p) and np.isnan(row.difference) and row.verdict == ""
    assert set(crossed_verdicts(seeds=12, spread=0.01)) == {"better"}, "a clear difference is found"


def crossed_verdicts(**arguments):
    frame = pairings.pairings(crossed(**arguments))
    return frame.loc[frame["estimator"] != frame["weights"], "verdict"]


def test_of_two_runs_of_a_pair_the_one_that_is_chosen_stands():
    def merit(estimator, normalize, rate, seed):
        return 3.0 if normalize == "area" else 1.0

    frame = pairings.pairings(make(tasks=("binarized_mlp",), normalizes=("none", "area"), merit=merit))
    alone = pairings.pairings(make(tasks=("binarized_mlp",), merit=lambda *_: 1.0))
    assert len(frame) == len(alone) == 3 and (frame["mean"] > alone["mean"] + 0.2).all()


@pytest.mark.parametrize("columns", [1, 2])
def test_the_figure_has_a_cell_for_each_pair_and_marks_what_is_better(columns):
    results = crossed(seeds=12)
    drawn = figure.draw(results, columns)
    [axes] = drawn.axes
    words = {text.get_position(): text.get_text() for text in axes.texts}
    frame = pairings.pairings(results)
    order = list(pd.unique(frame["estimator"]))
    assert len(words) == 4
    for row in frame.itertuples():
        said = words[order.index(row.weights), order.index(row.estimator)]
        assert said == f"{100 * row.mean:.1f}" + ("▲" if row.verdict == "better" else "")
    [image] = axes.images
    shades = {pair: image.get_array()[pair[1], pair[0]] for pair in words}
    assert max(shades.values()) == 1 and min(shades.values()) == 0


def test_a_pair_is_called_by_the_slope_at_weights_alone():
    """Not by parameters that its page has anyway, or has not; by one that was set, too."""
    rows = crossed().rows
    weights = rows["estimator_weights"]
    scale, clip = weights.map({"tanh_slope": 1.0}), weights.map({"ste": 2.0})
    results = crossed().with_rows(rows.assign(**{"estimator_weights.scale": scale, "estimator_weights.clip": clip}))

    def names(results):
        return sorted(lookup.methods(lookup.run_labels(results)))

    pairs = [(at, other) for at in ("Straight-through", "Tanh slope") for other in SLOPES]
    assert names(results) == [f"{at} (estimator_weights={other})" for at, other in pairs]
    both = (results.rows["estimator"] == "ste") & (weights == "ste")  # another run with the slope that one has already
    columns = ["estimator_weights", "estimator_weights.scale", "estimator_weights.clip"]
    other = results.rows.copy()
    other.loc[both, columns] = ["tanh_slope", 3.0, np.nan]
    assert names(results.with_rows(other))[:2] == [
        f"Straight-through (estimator_weights.scale={scale})" for scale in (1, 3)
    ]
