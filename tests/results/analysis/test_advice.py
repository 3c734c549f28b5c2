"""Advice: the best is found with its setting, who cannot be told from it stays, and false alarms are rare."""

import dataclasses

import numpy as np
import pytest

from results.analysis import comparison
from results.analysis.advice import advice, held_together
from results.records.result_set import ResultSet
from steeplechase.errors import RecordError
from tests.oracles.records import make

MERITS = {"sigmoid_derivative": 2.0, "ste": 2.9, "tanh_slope": 3.0}


def world(**given):
    """The last two are nearly alike, the first is far behind."""
    made = {"tasks": ["binarized_mlp"], "seeds": 12, "spread": 0.3, "estimators": [*MERITS]}
    return make(
        **made | given, merit=lambda estimator, _, rate, __: MERITS.get(estimator, 2.0) - abs(np.log10(rate / 0.01))
    )


def test_the_best_its_setting_and_who_is_not_told_from_it():
    [row] = advice(world()).to_dict("records")
    assert row["method"] == "Tanh slope" and row["setting"] == "rate 0.01" and row["edge"] == ""
    assert row["level"] == ("Straight-through",) and [name for name, _ in row["worse"]] == ["Sigmoid derivative"]
    assert row["functions"] == ("sign",) and row["bits"] == () and row["methods"] == 3 and row["draws"] == 12
    group = comparison.groups(world())[0]
    values = dict(zip(group.methods, group.values().mean(1), strict=True))
    assert row["mean"] == pytest.approx(values["Tanh slope"]) and row["low"] < row["mean"] < row["high"]
    apart = values["Tanh slope"] - values["Sigmoid derivative"]
    assert row["worse"][0][1] == pytest.approx(apart) and 0 < row["detectable"] < apart


def test_the_declared_reference_does_not_matter():
    assert advice(world(reference="sigmoid_derivative")).equals(advice(world()))


def test_controls_bounds_and_what_is_alone_take_no_part():
    [row] = advice(world(controls=["sigmoid_derivative"])).to_dict("records")
    assert row["methods"] == 2 and not row["worse"]
    assert advice(world(controls=["sigmoid_derivative"], bounds={"ste": "upper"})).empty


def test_a_rate_at_the_edge_is_said():
    [row] = advice(world(rates=(0.0001, 0.001, 0.01))).to_dict("records")
    assert row["edge"] == "high"


def test_a_method_that_diverged_is_told_from_the_best():
    lost = world(diverged=lambda estimator, rate, seed: estimator == "ste")
    [row] = advice(lost).to_dict("records")
    assert "Straight-through" not in row["level"]


def test_incomplete_records_give_no_advice():
    made = world()
    with pytest.raises(RecordError, match="lacks 1 replica"):
        advice(ResultSet(made.rows, made.accounts, {"a": 1}, made.plan))


def test_of_equal_methods_hardly_one_is_called_worse():
    """Six equal methods, 1,000 times: that any is called worse than the one that the data chose happens in at most 5 %
    of them, and 4.5 standard errors more (8.1 %) by chance; without the correction it happens in a third of them."""
    group, draw = comparison.groups(world(estimators=["ste"] * 1))[0], np.random.default_rng(3)
    alarms = 0
    for _ in range(1000):
        values = draw.normal(size=[6, 12])
        words = {"methods": tuple("abcdef"), "names": tuple("abcdef"), "controls": (False,) * 6}
        parts = {name: tuple(own[None] for own in values) for name in ("chosen_by", "reported")}
        parts |= {name: (np.zeros([1, 12], bool),) * 6 for name in ("diverged", "failed")}
        own = dataclasses.replace(group, **words, **parts, settings=(("",),) * 6, rates=((1.0,),) * 6)
        order = np.argsort(-values.mean(1)).tolist()
        alarms += bool(held_together(own, order)["worse"])
    assert alarms <= 1000 * (0.05 + 4.5 * np.sqrt(0.05 * 0.95 / 1000))
