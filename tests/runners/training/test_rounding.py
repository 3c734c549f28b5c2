"""Trainings with rounded weights: against a loop in NumPy, and what a run says of them."""

import itertools
import json

import numpy as np
import pytest
import tensorflow as tf
import yaml

import tasks
from estimators import registry
from estimators.function import functions
from runners.configuration.schema import CONF
from runners.training import programs
from runners.training.hard_sites import Hard
from runners.training.programs import Program, Replica
from runners.training.trainer import Trainer
from steeplechase.errors import Unsupported, UserError
from tests.helpers.configurations import changed

TASK = yaml.safe_load((CONF / "task/quantized_regression.yaml").read_text(encoding="utf-8"))
WRITTEN_FOR = tasks.registry["quantized_regression"](dim=2).forwards
ROUND = yaml.safe_load((CONF / "function/round.yaml").read_text(encoding="utf-8"))


def built(**changes):
    run = changed(**{"task": TASK | {"dim": 4}, "function": ROUND, "estimator": {"name": "ste"}, **changes})
    return programs.build(json.dumps(dict(run.program), sort_keys=True), len(run.replicas))


def trained(estimator, function, marks, rate=0.07, **own):
    """Rows at these steps, and the weights there, of four replicas of an instance that is the same for all."""
    task = tasks.registry["quantized_regression"](instance="medium", dtype="float64").for_levels(function.outputs)
    page = registry[estimator]
    trainer = Trainer(Program(task, Hard(page, page, function), "SGD", (), (), 4, "float64", "cpu"))
    trainer.begin([Replica(seed, rate, own, own) for seed in range(4)], marks[-1])
    rows, weights = [], []
    for mark in marks:
        if mark > trainer.step:
            trainer.advance(mark)
        rows.append(trainer.evaluate())
        weights.append(trainer.state()["parameters/x"].copy())
    return rows, weights


@pytest.mark.parametrize(
    "edge, limits", [("clip_closed", (-2.0, 1.0)), ("round_closed", (-2.5, 1.5)), ("everywhere", (-np.inf, np.inf))]
)
@pytest.mark.parametrize("estimator, scale", [("ste", None), pytest.param("tanh_slope", 2.0, marks=pytest.mark.long)])
def test_a_training_is_that_of_a_loop_in_numpy(edge, limits, estimator, scale):
    """Gradient descent through two bits, by the rule written out: 40 steps in float64, weights and measures."""
    function = functions["round"].fixed(edge=edge)
    parameters = {} if scale is None else {"scale": scale}
    rows, weights = trained(estimator, function, (0, 5, 40), **parameters)
    i, j = np.arange(1, 25)[:, None], np.arange(1, 9)
    matrix = np.sin(1.7 * i + 2.3 * j + 0.9 * i * j) + 0.8 * np.cos(2.7 * i)
    target = matrix @ (1.2 * np.cos(1.3 * j**2)) + 0.3 * np.sin(5.1 * i[:, 0])
    x, levels = weights[0].copy(), [np.clip(np.rint(weights[0]), -2, 1)]
    for step in range(1, 41):
        q = np.clip(np.rint(x), -2, 1)
        upstream = (q @ matrix.T - target) @ matrix / 24
        away = x - np.clip(np.floor(x), -2, 0) - 0.5  # from the jumps at −1.5, −0.5 and 0.5
        slope = 1.0 if scale is None else scale / np.cosh(scale * away) ** 2
        x = x - 0.07 * upstream * slope * ((x >= limits[0]) & (x <= limits[1]))
        if step in (5, 40):
            np.testing.assert_allclose(x, weights[len(levels)], rtol=1e-9, atol=1e-12)
            levels.append(np.clip(np.rint(x), -2, 1))
    for row, (before, after) in zip(rows[1:], itertools.pairwise(levels), strict=True):
        np.testing.assert_allclose(row["flip_rate"], (before != after).mean(1))
        losses = ((after @ matrix.T - target) ** 2).mean(1) / 2
        np.testing.assert_allclose(row["excess"], losses - 0.25082432, atol=1e-7)
        assert (row["flip_rate"] > 0).any(), "or nothing was seen"
    assert "flip_rate" not in rows[0]


@pytest.mark.long
def test_a_change_of_level_is_a_flip_and_one_within_a_level_is_none():
    """Also where the sign stays: from 1 to 2 of three bits; and once only where a weight is no number any more."""
    function = functions["round"].fixed(bits=3)
    task = tasks.registry["quantized_regression"](dim=4, equations=6).for_levels(function.outputs)
    page = registry["zero"]
    trainer = Trainer(Program(task, Hard(page, page, function), "SGD", (), (), 2, "float32", "cpu"))
    trainer.begin([Replica(0, 0.1), Replica(1, 0.1)], 100)
    replicas, state = [Replica(0, 0.1), Replica(1, 0.1)], trainer.state()
    flips = []
    for step, x in enumerate(
        ([1.2, -0.1, 2.0, 0.0], [1.4, 0.3, 2.6, -3.0], [9.0, 9.0, 2.6, np.nan], [9.0, 9.0, 2.6, np.nan])
    ):
        state |= {"parameters/x": np.array([x, x], np.float32), "step": np.array(step)}
        trainer.restore(replicas, 100, state)
        flips.append(trainer.evaluate().get("flip_rate"))
        state = trainer.state()
    np.testing.assert_allclose(flips[1:], [[0.5, 0.5], [0.75, 0.75], [0.0, 0.0]])


def test_a_task_is_made_for_the_levels_of_its_hard_function_once():
    """All surrogates share it, and so what is compiled of it; at weights, if they have a function of their own."""
    one, other = built()[0], built(estimator={"name": "tanh_slope", "scale": 1.0})[0]
    narrow = built(function=ROUND | {"range": "narrow"})[0]
    assert one is other is not narrow and narrow.measures["place"].bounds[1] == 3**4 != one.measures["place"].bounds[1]
    ternary = {"name": "ternary", "threshold": 0.5}
    assert built(function_weights=ternary)[0] is built(function=ternary)[0]
    problem = narrow.problem(*start_of())
    assert {*problem["best"].numpy()} <= {-1, 0, 1}


def start_of():
    from steeplechase.random import Chance, key

    return Chance(key(0)), tf.constant(0)


@pytest.mark.parametrize(
    "changes, kind, said",
    [
        ({"function": ROUND | {"bits": 0}}, UserError, "function.bits is 0, but must be one of: 1, 2"),
        ({"function": ROUND | {"bits": 33}}, UserError, "function.bits is 33, but must be one of: 1, 2"),
        ({"function": ROUND | {"edge": "clip"}}, UserError, "function.edge is 'clip', but must be one of: clip_closed"),
        ({"function": ROUND | {"bits": 1, "range": "narrow"}}, UserError, "at least 2 bits where the range is narrow"),
        ({"function": ROUND | {"bits": 8}}, UserError, "4 weights of 256 levels each are 4,294,967,296 choices"),
        ({"function": {"name": "ternary", "threshold": 0.0}}, UserError, "ternary.threshold is 0.0, but must be > 0"),
        ({"function": {"name": "sign", "at_zero": 1}, "normalize": "period"}, Unsupported, "sign has one jump alone"),
        ({"estimator": {"name": "zero"}, "normalize": "period"}, Unsupported, "cannot be normalised by period"),
        ({"estimator": {"name": "pact", "start": 6.0, "decay": 0.0}}, Unsupported, "pact is a rule for steps that are"),
        (
            {"task": TASK, "function": {"name": "identity"}},
            Unsupported,
            f"written for {' or '.join(WRITTEN_FOR)}, not for identity: these are: ",
        ),
    ],
)
def test_what_cannot_be_is_one_sentence(changes, kind, said):
    with pytest.raises(kind, match=said) as caught:
        built(**changes)
    assert len(str(caught.value).splitlines()) == 1


def test_without_latent_weights_there_is_no_rounding():
    bop = yaml.safe_load((CONF / "optimizer/bop.yaml").read_text(encoding="utf-8"))
    with pytest.raises(Unsupported, match="no latent weights"):
        built(optimizer=bop)
