"""Axes: shares near 1 are shown by their error, on an axis that tells them apart, and controls do not flatten them."""

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest

from results.analysis import selection
from results.analysis.measures import Measure
from results.drawing import layout
from results.figures import convergence
from tests.oracles.records import make

ACCURACY = Measure("test_accuracy", "Test accuracy", "share", "higher", (0.0, 1.0))


def curves(*means):
    means = np.array(means)
    return pd.DataFrame({"mean": means, "low": means - 0.01, "high": means + 0.005})


def test_a_share_near_one_is_shown_by_its_error():
    turned, measure = layout.as_error(curves(0.1, 0.97), ACCURACY)
    assert turned["mean"].tolist() == pytest.approx([0.9, 0.03])
    assert turned["low"].tolist() == pytest.approx([0.895, 0.025]) and turned["high"].tolist() == pytest.approx(
        [0.91, 0.04]
    )
    assert (measure.title, measure.better) == ("Test error (share)", "lower")
    other = layout.as_error(curves(0.9), dataclasses.replace(ACCURACY, label="Right answers"))[1]
    assert other.label == "1 − right answers"


@pytest.mark.parametrize(
    ("means", "measure"),
    [
        ([0.1, 0.7], ACCURACY),
        ([math.nan], ACCURACY),
        ([0.9], dataclasses.replace(ACCURACY, better="lower")),
        ([0.9], dataclasses.replace(ACCURACY, bounds=(0.0, math.inf))),
    ],
)
def test_what_is_not_near_one_stays_as_it_is(means, measure):
    own = curves(*means)
    shown, as_shown = layout.as_error(own, measure)
    assert shown is own and as_shown is measure


@pytest.fixture(scope="module")
def results():
    """Two that learn, a hair apart, and a control that does not."""

    def merit(estimator, normalize, rate, seed):
        return {"ste": -1.0, "sigmoid_derivative": 3.0, "tanh_slope": 3.2}[estimator]

    given = {"tasks": ["binarized_mlp"], "seeds": 3, "rates": (0.01,), "rows": 30, "spread": 1e-3}
    made = make(**given, merit=merit, controls=["ste"])
    ends = made.rows.groupby("replica")["test_accuracy"].transform("last")  # each is there after one row
    early = made.rows["test_accuracy"].where(made.rows["step"] == 0, ends)
    return made.with_rows(made.rows.assign(test_accuracy=early))


def test_the_axis_is_chosen_by_who_learns_and_the_control_is_marked(results):
    figure = convergence.draw(results)
    axes = figure.axes[0]
    low, high = axes.get_ylim()
    last = 1 - results.final_rows().groupby("estimator")["test_accuracy"].mean()
    assert axes.get_yscale() == "log" and axes.get_ylabel() == "Test error (share)"
    assert low < last["tanh_slope"] < last["sigmoid_derivative"] < high < last["ste"]
    marks = [line for line in axes.lines if line.get_marker() == "^"]
    assert len(marks) == 1 and marks[0].get_xydata().tolist() == [[1.0, 1.0]]
    assert any("a control, beyond it" in text.get_text().replace("\n", " ") for text in figure.texts)


def test_lines_are_the_error_of_what_was_recorded(results):
    figure = convergence.draw(results)
    settings = selection.chosen_settings(results).set_index("estimator")
    for estimator in ("tanh_slope", "sigmoid_derivative"):
        rows = results.rows[results.rows["replica"].isin(settings.loc[estimator, "replicas"])]
        expected = 1 - rows.groupby("step")["test_accuracy"].mean()
        drawn = [line.get_ydata() for line in figure.axes[0].lines if len(line.get_ydata()) == len(expected)]
        assert any(np.allclose(values, expected) for values in drawn)


def test_without_controls_nothing_is_cut(results):
    learning = results.with_rows(results.rows[results.rows["estimator"] != "ste"])
    figure = convergence.draw(learning)
    assert not [line for line in figure.axes[0].lines if line.get_marker() == "^" and len(line.get_xdata()) == 1]
