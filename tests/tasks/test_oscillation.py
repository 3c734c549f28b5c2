"""Oscillation: share of time above a jump and switches per update, against closed forms and known numbers."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

import tasks
from estimators import registry
from estimators.function import functions
from runners.training.hard_sites import Hard
from runners.training.programs import Program, Replica
from runners.training.trainer import Trainer
from steeplechase.errors import UserError

ONE_BIT = functions["round"].fixed(bits=1, range="unsigned", edge="everywhere")
STEPS = 10_000


def trained(
    target,
    estimator="ste",
    optimizer="SGD",
    rates=(0.01,),
    at=0.0,
    function=ONE_BIT,
    own=(),
    dampening=0.0,
    **arguments,
):
    """The row at the end of a training of each rate and each of these parameters, in float64.

    They all start `at` times the first rate above the jump.
    """
    jump = 0.5 if function.name == "round" else 0.0
    task = tasks.registry["oscillation"](
        target=target, start=jump + rates[0] * at, spread=0.0, dampening=dampening, dtype="float64"
    )
    page = registry[estimator]
    given = tuple(sorted(arguments.items()))
    trainer = Trainer(Program(task, Hard(page, page, function), optimizer, given, (), 4, "float64", "cpu"))
    numbers = [{**page.parameters, **each} for each in own or ({},)]
    trainer.begin([Replica(0, rate, each, each) for rate in rates for each in numbers], STEPS)
    trainer.advance(STEPS)
    return trainer.evaluate()


@pytest.mark.parametrize("target", [0.1, 0.45, 2**-0.5])
@pytest.mark.parametrize("function", [ONE_BIT, functions["step"]], ids=["round", "step"])
def test_gradient_descent_is_above_for_the_share_of_its_target(target, function):
    """And switches twice as often as the rarer level comes up, at any rate: within 1 %, over 10⁴ updates."""
    row = trained(target, rates=(0.01, 0.1, 0.3), at=0.3712, function=function)
    np.testing.assert_allclose(row["above"], target, rtol=0.01)
    np.testing.assert_allclose(row["switches"], 2 * min(target, 1 - target), rtol=0.01)


@pytest.mark.parametrize(
    "estimator, own, target", [("tanh_slope", {"scale": 2.0}, 0.1), ("dge", {}, 0.3), ("stableqat", {}, 0.45)]
)
def test_every_even_slope_leaves_the_share(estimator, own, target):
    row = trained(target, estimator, at=0.3712, rates=(0.003, 0.001), own=(own,))
    np.testing.assert_allclose(row["above"], target, rtol=0.01)


@pytest.mark.parametrize("target", [0.2, 0.45, 0.7])
def test_unequal_limits_move_the_share_as_they_should(target):
    """`lso` is k below the jump and 1 above: above for w·k/(w·k + 1 − w) of the time."""
    row = trained(target, "lso", at=0.3712, rates=(0.003,), own=({"k": 0.25}, {"k": 0.5}))
    wanted = [target * k / (target * k + 1 - target) for k in (0.25, 0.5)]
    np.testing.assert_allclose(row["above"], wanted, rtol=0.01)


@pytest.mark.parametrize("target, dampening", [(0.3, 0.1), (0.45, 0.2), (0.7, 0.25)])
def test_dampening_moves_the_share_as_it_should(target, dampening):
    """Above for (w − λ)/(1 − 2λ) of the time; x stays so near to the jump that it is pulled by λ from either side."""
    row = trained(target, rates=(0.001, 0.0005), at=0.3712, dampening=dampening)
    np.testing.assert_allclose(row["above"], (target - dampening) / (1 - 2 * dampening), rtol=0.01)


@pytest.mark.parametrize("target, level", [(0.3, 0.0), (0.8, 1.0)])
def test_enough_of_it_brings_rest_at_the_nearest_level(target, level):
    row = trained(target, rates=(0.01,), at=0.3712, dampening=0.35)
    assert row["above"] == pytest.approx(level, abs=0.01) and row["x"] == pytest.approx(level, abs=0.5)
    assert row["switches"] < 0.001


# The start in rates, the momentum, and the switches per update for targets of 0.1, 0.3 and 0.45: known from a recursion
# of two numbers in another program, over 4·10⁴ updates.
MOMENTUM = {
    (0.3712, 0.5): (0.2, 0.6, 0.7),
    (0.3712, 0.9): (0.2, 0.6, 0.5),
    (-0.2, 0.9): (0.2, 0.3333, 0.375),
    (1.5, 0.9): (0.1, 0.4222, 0.32),
}


@pytest.mark.parametrize("at, momentum", MOMENTUM)
def test_momentum_keeps_the_share_and_what_it_switches_follows_from_the_start(at, momentum):
    """One target of the three; the other two in the long form."""
    check_momentum(at, momentum, 1)


@pytest.mark.long
@pytest.mark.parametrize("at, momentum", MOMENTUM)
def test_momentum_at_other_targets(at, momentum):
    check_momentum(at, momentum, 0)
    check_momentum(at, momentum, 2)


def check_momentum(at, momentum, which):
    target, switches = (0.1, 0.3, 0.45)[which], MOMENTUM[at, momentum][which]
    row = trained(target, at=at, momentum=momentum)
    np.testing.assert_allclose(row["above"], target, rtol=0.01)
    np.testing.assert_allclose(row["switches"], switches, rtol=0.01)


def test_adam_keeps_the_share_too():
    row = trained(0.3, optimizer="Adam", rates=(0.001, 0.003), at=0.3712)
    np.testing.assert_allclose(row["above"], 0.3, rtol=0.01)


def test_a_row_has_the_means_of_its_own_updates_and_a_resumed_training_goes_on():
    """Against a loop in NumPy; the row before anything has none, and one killed between two rows loses nothing."""
    target, rate, marks = 0.3, 0.05, (0, 7, 8, 40)
    task = tasks.registry["oscillation"](target=target, spread=0.02, dtype="float64")
    page = registry["ste"]
    program = Program(task, Hard(page, page, ONE_BIT), "SGD", (), (), 4, "float64", "cpu")
    trainer, replicas = Trainer(program), [Replica(seed, rate) for seed in range(3)]
    trainer.begin(replicas, marks[-1])
    x, rows, state = trainer.state()["parameters/x"][:3, 0].copy(), [], None
    for mark in marks:
        trainer.advance(mark)
        rows.append(trainer.evaluate())
    assert not {"above", "switches"} & {*rows[0]}
    levels = [x >= 0.5]
    for _ in range(marks[-1]):
        x = x - rate * (levels[-1] - target)
        levels.append(x >= 0.5)
    levels = np.array(levels)
    for row, (begin, end) in zip(rows[1:], ((0, 7), (7, 8), (8, 40)), strict=True):
        np.testing.assert_allclose(row["above"], levels[begin + 1 : end + 1].mean(0), atol=1e-12)
        changed = levels[begin + 1 : end + 1] != levels[begin:end]
        np.testing.assert_allclose(row["switches"], changed.mean(0), atol=1e-12)
    other = Trainer(program)
    other.begin(replicas, marks[-1])
    for mark in marks[:3]:
        other.advance(mark)
        other.evaluate()
    other.advance(20)
    state = other.state()
    third = Trainer(program)
    third.restore(replicas, marks[-1], state)
    third.advance(40)
    for name, values in third.evaluate().items():
        np.testing.assert_array_equal(values, rows[-1][name], err_msg=name)


def test_what_is_measured_at_every_update_changes_no_training():
    task = tasks.registry["oscillation"]()
    page, states = registry["tanh_slope"], []
    for each in (task, dataclasses.replace(task, each_update=None)):
        trainer = Trainer(Program(each, Hard(page, page, ONE_BIT), "Adam", (), (), 2, "float32", "cpu"))
        trainer.begin([Replica(0, 0.01, {"scale": 2.0}, {"scale": 2.0})], 50)
        trainer.advance(50)
        states.append(trainer.state()["parameters/x"])
    np.testing.assert_array_equal(*states)


@pytest.mark.parametrize(
    "change, said",
    [
        ({"target": 0.0}, "task.target is 0.0, but must lie between the levels 0 and 1"),
        ({"target": 1.0}, "task.target is 1.0, but must lie between the levels 0 and 1"),
        ({"start": float("inf")}, "task.start is inf, but must be a finite number"),
        ({"spread": -0.1}, "task.spread is -0.1, but must be a finite number of at least 0"),
    ],
)
def test_bad_arguments_are_one_sentence(change, said):
    with pytest.raises(UserError) as caught:
        tasks.registry["oscillation"](**change)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_the_loss_is_half_the_square_of_what_is_left():
    task = tasks.registry["oscillation"](target=0.3)
    for x, loss in ((0.7, 0.245), (0.2, 0.045)):
        found, _ = task.loss({"x": tf.constant([x])}, (), lambda x, at: ONE_BIT.value(x), None, {})
        assert float(found) == pytest.approx(loss, rel=1e-6)
    assert task.optimum == pytest.approx(0.045)
