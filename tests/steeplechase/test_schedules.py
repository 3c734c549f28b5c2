"""Schedules, against closed forms; and what is no schedule."""

import math

import numpy as np
import pytest
import tensorflow as tf

from steeplechase import schedules
from steeplechase.errors import UserError

PROGRESS = np.linspace(0, 1, 21)
FORMS = {
    "constant": (2.0, lambda p: 2.0 + 0 * p),
    "linear": ({"from": 1, "to": 5, "shape": "linear"}, lambda p: 1 + 4 * p),
    "log": ({"from": 0.01, "to": 10, "shape": "log"}, lambda p: 10 ** (-2 + 3 * p)),
    "cosine": ({"from": 1.0, "to": 0.0, "shape": "cosine"}, lambda p: (1 + np.cos(np.pi * p)) / 2),
    "quarter_cosine": ({"from": 1, "to": 3, "shape": "quarter_cosine"}, lambda p: 1 + 2 * (1 - np.cos(np.pi * p / 2))),
    "steps": (
        {"shape": "steps", "values": [0.1, 0.01, 0.003], "at": [0.5, 0.75]},
        lambda p: np.select([p < 0.5, p < 0.75], [0.1, 0.01], 0.003),
    ),
    "eight plateaus": (
        {"shape": "steps", "values": list(range(8)), "at": [i / 8 for i in range(1, 8)]},
        lambda p: np.minimum(np.floor(8 * p + 1e-9), 7),
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_schedule_is_its_formula_compiled_or_not(form):
    given, formula = FORMS[form]
    coded = tf.constant([schedules.encode("x", given), schedules.encode("x", 7.25)], tf.float64)
    for call in (schedules.value, tf.function(schedules.value, jit_compile=True)):
        found = np.array([call(coded, tf.constant(p, tf.float64)).numpy() for p in PROGRESS])
        np.testing.assert_allclose(found[:, 0], formula(PROGRESS), rtol=1e-12, atol=1e-15)
        assert (found[:, 1] == 7.25).all(), "its neighbour in the block has a number of its own"


def test_a_constant_and_a_plateau_keep_every_bit():
    number = 0.1 + 0.2
    for given in (number, {"shape": "steps", "values": [number, 1.0], "at": [0.9]}):
        coded = tf.constant(schedules.encode("x", given), tf.float64)
        assert float(schedules.value(coded, tf.constant(0.3, tf.float64))) == number


@pytest.mark.parametrize("form", FORMS)
def test_in_float64_nothing_passes_by_float32(form):
    given, formula = FORMS[form]
    coded = tf.constant(schedules.encode("x", given), tf.float64)
    for progress in (0.1, np.float64(0.7), 1 / 3):
        np.testing.assert_allclose(schedules.value(coded, progress), formula(progress), rtol=1e-14)


def test_numbers_from_python_are_numbers():
    for number in (2, 2.0, np.float32(2), np.int64(2), np.array(2.0), tf.constant(2.0)):
        assert schedules.encode("t", number) == schedules.encode("t", 2.0) and schedules.values(number) == [2.0]
    for number in (None, "2", True, np.True_, math.nan, math.inf, [1.0, 2.0], np.ones(1), 1j, 10**400):
        for call in (lambda number: schedules.encode("t", number), schedules.values):
            with pytest.raises(UserError, match=r"^(t|the number) is .*, but must be a finite number\.$"):
                call(number)
    for coded in (None, [1.0] * 16, tf.zeros([3]), tf.zeros([16], tf.int32)):
        with pytest.raises(UserError, match="a coded schedule is a floating tensor"):
            schedules.value(coded, 0.5)
    with pytest.raises(UserError, match="progress is 'half'"):
        schedules.value(tf.constant(schedules.encode("t", 1.0)), "half")


def test_the_numbers_that_a_schedule_passes_are_known():
    assert schedules.values(2) == [2.0]
    assert schedules.values(FORMS["log"][0]) == [0.01, 10.0]
    assert schedules.values(FORMS["steps"][0]) == [0.1, 0.01, 0.003]


NONE = {
    "an unknown shape": (
        {"from": 1, "to": 2, "shape": "sine"},
        "t.shape is 'sine', but must be one of: constant, linear",
    ),
    "no shape": ({"from": 1, "to": 2}, "t.shape is 'None'"),
    "a key too many": (
        {"from": 1, "to": 2, "shape": "steps", "values": [1, 2], "at": [0.5]},
        "t has the keys from, to, shape, values, at, but a steps schedule has exactly shape, values and at",
    ),
    "a key too few": ({"from": 1, "shape": "linear"}, "but a linear schedule has exactly shape, from and to"),
    "a word": ({"from": "a", "to": 2, "shape": "linear"}, "t.from is 'a', but must be a finite number"),
    "infinite": ({"from": 1, "to": math.inf, "shape": "linear"}, "t.to is inf"),
    "log of zero": ({"from": 0, "to": 2, "shape": "log"}, "a log schedule needs both > 0"),
    "no list": ({"shape": "steps", "values": 3, "at": [0.5]}, "t.values is 3, but must be a list of numbers"),
    "one plateau": ({"shape": "steps", "values": [1], "at": []}, "needs 2 to 8 values"),
    "nine plateaus": ({"shape": "steps", "values": [1] * 9, "at": [i / 10 for i in range(1, 9)]}, "needs 2 to 8"),
    "uneven": ({"shape": "steps", "values": [1, 2], "at": [0.1, 0.2]}, "2 values at 2 fractions"),
    "falling": ({"shape": "steps", "values": [1, 2, 3], "at": [0.5, 0.4]}, "must rise between 0 and 1"),
    "after the end": ({"shape": "steps", "values": [1, 2], "at": [1.0]}, "must rise between 0 and 1"),
}


@pytest.mark.parametrize("fault", NONE)
def test_what_is_no_schedule_is_told_in_one_sentence(fault):
    given, said = NONE[fault]
    with pytest.raises(UserError) as told:
        schedules.encode("t", given)
    assert said in str(told.value) and len(str(told.value).splitlines()) == 1


@pytest.mark.parametrize("form", FORMS)
def test_a_schedule_times_a_factor_and_what_it_is_halfway(form):
    given, formula = FORMS[form]
    assert schedules.halfway(given) == pytest.approx(float(formula(np.array(0.5))), rel=1e-12, abs=1e-15)
    coded = tf.constant(schedules.encode("x", schedules.scaled(given, 3.5)), tf.float64)
    found = [float(schedules.value(coded, float(p))) for p in PROGRESS]
    np.testing.assert_allclose(found, 3.5 * formula(PROGRESS), rtol=1e-12, atol=1e-15)
