"""A learning rate that decays: a number is trained as the schedule to 0 that `decay` says, and recorded as a number."""

import numpy as np
import pandas as pd
import pytest

from results import load
from runners.execution.block import decayed
from runners.execution.training_run import execute
from tests.helpers.configurations import changed
from tests.oracles import optimizers as formulas

RUN = {"seed": [0, 1], "block": 2, "steps": 30, "record_points": 3, "task__dim": 8, "task__rows": 6}
NOT_OF_NUMBERS = ["run", "replica", "train_s", "decay", "optimizer.learning_rate"]


def trained(store, **changes) -> pd.DataFrame:
    outcome = execute(changed(**RUN | {"store": str(store)} | changes), lambda *_: None)
    assert not outcome.error and outcome.trained == 2
    return load(store).rows


def numbers(rows: pd.DataFrame) -> pd.DataFrame:
    kept = rows.drop(columns=[name for name in NOT_OF_NUMBERS if name in rows])
    return kept.sort_values(["seed", "step"], ignore_index=True)


@pytest.mark.parametrize("shape", ["cosine", "linear"])
def test_it_is_the_schedule_given_outright_to_the_bit(shape, tmp_path):
    schedule = {"from": 0.3, "to": 0, "shape": shape}
    ours = trained(tmp_path / "decay", decay=shape, optimizer__learning_rate=0.3)
    outright = trained(tmp_path / "schedule", decay="constant", optimizer__learning_rate=schedule)
    constant = trained(tmp_path / "constant", decay="constant", optimizer__learning_rate=0.3)
    pd.testing.assert_frame_equal(numbers(ours), numbers(outright), check_exact=True)
    assert set(ours.learning_rate) == {0.3} and "optimizer.learning_rate" not in ours
    assert set(ours.decay) == {shape} and set(constant.decay) == {"constant"}
    assert (numbers(ours).train_loss != numbers(constant).train_loss).any(), "it would be the same without any decay"


def test_a_rate_that_is_a_schedule_is_taken_as_it_is():
    for given in ({"from": 0.1, "to": 0.01, "shape": "log"}, {"shape": "steps", "values": [1, 0.1], "at": [0.5]}):
        assert decayed(given, "cosine") == given
    assert decayed(0.1, "constant") == 0.1


def test_training_equals_numpy_with_rates_that_decay(tmp_path):
    """Adam on x through the identity's sign, whose gradient is sign(x) − 1 times the slope: float64, 30 steps."""
    task = {"task__mixing": "identity", "task__target": 1.0, "task__start": -0.7, "task__dim": 1}
    rows = trained(tmp_path, precision="float64", optimizer__learning_rate=0.2, record_points=30, seed=[0, 1], **task)
    rows = rows[rows.seed == 0].sort_values("step")
    rates = 0.2 * (1 + np.cos(np.pi * np.arange(30) / 30)) / 2
    x, state, expected = np.array([[-0.7]]), {}, [-0.7]
    for step, rate in enumerate(rates, 1):
        gradient = (np.where(x >= 0, 1.0, -1.0) - 1) / np.cosh(x) ** 2
        x = formulas.update("Adam", x, gradient, step, rate, state)
        expected.append(x.item())
    np.testing.assert_allclose(rows.x, expected, rtol=1e-12)
    assert expected[-1] > 0, "it never arrives: the comparison would not see what happens at the jump"
