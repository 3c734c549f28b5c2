"""Tasks keep their contract, and a task that breaks a promise is told which."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

import tasks
from runners.execution import contract
from steeplechase.random import Chance, key
from tasks.base import Measure
from tasks.contract import check_all
from tests.helpers.tasks import SMALL


def test_every_task_keeps_its_contract(task):
    checks = list(contract.check_task(task))
    assert len(checks) == len(contract.TASK_CHECKS) and not [check.fault for check in checks if check.fault]


def small(**fields):
    """Sign fitting with some of its fields replaced."""
    return dataclasses.replace(tasks.registry["sign_fitting"](**SMALL["sign_fitting"]), **fields)


GOOD, SHARE = small(), Measure("Share", "1", "", (0.0, 1.0))


def judged(**more):
    return lambda parameters, hard, problem: {**GOOD.judge(parameters, hard, problem), **more}


def twice_hard(parameters, batch, hard, chance, problem):
    hard(parameters["x"], at="x/weights")
    return GOOD.loss(parameters, batch, hard, chance, problem)


def stepped(parameters, batch, hard, chance, problem):
    def of_a_step(x, *, at):
        return hard(x, at=at, step_size=tf.constant(0.5))

    return GOOD.loss(parameters, batch, of_a_step, chance, problem)


def soft(parameters, batch, hard, chance, problem):
    loss, measures = GOOD.loss(parameters, batch, hard, chance, problem)
    return loss + tf.reduce_sum(parameters["x"]), measures


def elsewhere(parameters, batch, hard, chance, problem):
    return GOOD.loss(parameters, batch, lambda x, at: hard(x, at="x"), chance, problem)


def halved(loss):
    """The same number with half the gradient."""
    return loss / 2 + tf.stop_gradient(loss / 2)


def several(parameters, batch, hard, chance, problem):
    return hard(parameters["x"], at="x/weights"), {}


def from_numpy(chance, problem):
    return {"x": tf.constant(np.random.default_rng().normal(size=6), tf.float32)}


def from_tensorflow(chance, problem):
    return {"x": tf.random.normal([6])}


def of_python(parameters, batch, hard, chance, problem):
    loss, measures = GOOD.loss(parameters, batch, hard, chance, problem)
    return loss * (2.0 if float(loss) > 0 else 1.0), measures


BROKEN = {
    "another shape": ({"sizes": {"x": (5,)}}, "x starts in the shape (6,), but `sizes` has (5,)"),
    "another parameter": ({"sizes": {"z": (6,)}}, "starts with x, but `sizes` has z"),
    "another type": ({"start": lambda chance, problem: {"x": tf.ones([6], tf.float64)}}, "x is float64, but dtype is"),
    "an infinite start": ({"start": lambda chance, problem: {"x": tf.fill([6], float("inf"))}}, "x is not finite"),
    "bounds of nothing": ({"bounds": {"y": (0.0, 1.0)}}, "`bounds` has y, which is no parameter"),
    "a loss of several": ({"loss": several}, "is no scalar tensor"),
    "a loss of nothing": ({"loss": lambda *_: (tf.constant(1.0), {})}, "the loss does not depend on x"),
    "an undeclared measure": ({"judge": judged(extra=tf.constant(1.0))}, "measures extra, which is not in `measures`"),
    "an undeclared measure of updates": (
        {"each_update": lambda *_: {"extra": tf.constant(1.0)}},
        "measures extra, which is not in `measures`",
    ),
    "chance from TensorFlow at every update": (
        {"each_update": lambda *_: {"share": tf.random.uniform([])}, "measures": {**GOOD.measures, "share": SHARE}},
        "draw from `chance` alone, as chance.of(",
    ),
    "a measure out of bounds": (
        {"judge": judged(share=tf.constant(2.0)), "measures": {**GOOD.measures, "share": SHARE}},
        "share is 2 at the start, outside of 0 to 1",
    ),
    "chosen by nothing": ({"selects": "validation_accuracy"}, "`selects` is validation_accuracy, which `judge` does"),
    "two sites of one name": ({"loss": twice_hard}, "calls `hard` twice at 'x/weights'"),
    "a site without a kind": ({"loss": elsewhere}, "has a site 'x', but names end with /weights or /activations"),
    "no site": ({"loss": lambda p, *_: (tf.reduce_sum(p["x"]), {})}, "calls `hard` nowhere"),
    "a spread of nothing": ({"spreads": {"y/weights": 1.0}}, "`spreads` has y/weights, which is no site"),
    "a spread of 0": ({"spreads": {"x/weights": 0.0}}, "`spreads` says 0.0 of x/weights"),
    "a step at no site": ({"step_sizes": {"y/weights": "x"}}, "`step_sizes` has y/weights, which is no site"),
    "a step that is no parameter": ({"step_sizes": {"x/weights": "z"}}, "`step_sizes` has z, which is no parameter"),
    "a step that is not used": ({"step_sizes": {"x/weights": "x"}}, "`hard` is not given a step_size at x/weights"),
    "a step that is not declared": ({"loss": stepped}, "`step_sizes` does not have x/weights"),
    "a spread of a learned step": (
        {"loss": stepped, "step_sizes": {"x/weights": "x"}},
        "`spreads` has x/weights, whose step is learned",
    ),
    "a weight by a soft way": ({"loss": soft}, "x is in `weights`, but reaches the loss beside its hard function"),
    "chance from NumPy": ({"start": from_numpy}, "`start` gives other numbers the second time"),
    "chance from TensorFlow": ({"start": from_tensorflow}, "draw from `chance` alone, as chance.of("),
    "another loss on a device": (
        {"by_device": {"cpu": {"loss": lambda *own: (GOOD.loss(*own)[0] + 1.0, {})}}},
        "loss is another number in the form for device=cpu",
    ),
    "another gradient on a device": (
        {"by_device": {"gpu": {"loss": lambda *own: (halved(GOOD.loss(*own)[0]), {})}}},
        "the gradient by x is another number in the form for device=gpu",
    ),
    "arrays of two lengths": ({"examples": (tf.ones([4]), tf.ones([5]))}, "`examples` have 4, 5 rows"),
    "too large a batch": ({"examples": (tf.ones([4]),), "batch": 5}, "a batch has 5 of 4 training examples"),
    "no costs": ({"flops": 0.0}, "`flops` is 0.0"),
    "no label": ({"label": " "}, "label ' ' cannot be printed"),
    "reported what was chosen by": ({"reports": "validation_loss"}, "by which settings are chosen"),
}  # fmt: skip


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_promise_is_told(fault):
    fields, said = BROKEN[fault]
    faults = [check.fault for check in check_all(contract.trial_of(small(**fields))) if check.fault]
    assert any(said in one for one in faults), faults
    assert all(len(one.splitlines()) == 1 for one in faults)


def test_what_no_compiler_takes_is_told():
    broken = contract.trial_of(small(loss=of_python))
    [check] = check_all(broken, [contract.compiles_for_several])
    assert "cannot be compiled for several replicas at once" in check.fault and len(check.fault.splitlines()) == 1


def test_only_what_moves_no_number_is_form():
    checks = {check.text: check.form for check in check_all(contract.trial_of(small(label=" ", flops=0.0)))}
    assert [words for words, form in checks.items() if form] == [words for words in checks if "label" in words]


def test_chance_differs_by_seed():
    """What the contract's chance is made of: other seeds, other starts."""
    one, other = (GOOD.start(Chance(key(seed)).of("start"), {})["x"] for seed in (0, 1))
    assert (one.numpy() != other.numpy()).any()
