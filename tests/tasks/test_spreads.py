"""The spreads that tasks state of what arrives at their hard sites, against what arrives there at the start."""

import math

import numpy as np
import pytest
import tensorflow as tf

import tasks
from estimators.function import value
from steeplechase.random import Chance, key
from tests.helpers.tasks import problem_of

CASES = {
    "sign fitting, normal start": ("sign_fitting", {"dim": 64}, 0.02),
    "sign fitting, fixed start": ("sign_fitting", {"dim": 8, "start": -0.7}, 1e-6),
    "MLP": ("binarized_mlp", {"hidden": [96, 40]}, 0.02),
    "MLP, wide start": ("binarized_mlp", {"hidden": [40], "init_scale": 3.0}, 0.02),
    "sorting": ("sorting", {}, 0.02),
    "two layers": ("two_layer_gaussian", {}, 0.02),
    "convolutions": ("binarized_convnet", {"channels": [24, 40]}, 0.02),
    "MLP without batch norm": ("binarized_mlp", {"hidden": [96, 64], "batch_norm": False}, 0.06),
}


LONG = ("MLP, wide start", "sorting", "two layers", "convolutions")


@pytest.mark.parametrize("case", [pytest.param(c, marks=[pytest.mark.long] * (c in LONG)) for c in CASES])
def test_the_stated_spread_is_that_of_the_start(case):
    """The root of the mean square over 64 seeds and all elements; a normal product of few weights needs more room."""
    name, arguments, tolerance = CASES[case]
    task = tasks.registry[name](**arguments)
    squares = {}

    def watch(x, *, at):
        squares.setdefault(at, []).append(np.mean(np.square(x)))
        return value(x)

    for seed in range(64):
        chance, problem = Chance(key(seed)), problem_of(task, seed)
        order = np.random.default_rng(seed).permutation(len(task.examples[0]))[: task.batch] if task.examples else []
        batch = tuple(tf.gather(a, order) for a in task.examples)
        task.loss(task.start(chance.of("start"), problem), batch, watch, chance, problem)
    assert set(squares) == set(task.spreads)
    for site, found in squares.items():
        assert math.sqrt(np.mean(found)) == pytest.approx(task.spreads[site], rel=tolerance), site


def test_spreads_follow_the_widths_and_the_start():
    spreads = tasks.registry["binarized_mlp"](hidden=[30, 6], init_scale=0.5).spreads
    assert list(spreads) == [*(f"layer{i}/weights" for i in (1, 2, 3)), *(f"layer{i}/activations" for i in (1, 2))]
    assert spreads["layer2/weights"] == pytest.approx(0.5 * math.sqrt(2 / 36))
    assert tasks.registry["sign_fitting"](start=0.0).spreads == {}, "nothing spreads there: a width has no meaning"
