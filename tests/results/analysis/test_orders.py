"""Orders elsewhere: equal ones, opposite ones and noise are told as what they are."""

import math

import numpy as np
import pytest
from scipy import stats

from results.analysis.orders import orders
from results.tables import orders as table
from tests.oracles.records import ACCURACY, make

NAMES = [f"rule{i}" for i in range(7)]
MERIT = dict(zip(NAMES, np.linspace(2.0, 3.2, 7), strict=True))
BOTH = {"binarized_mlp": ACCURACY}


def world(**given):
    """One task with two optimizers, under which merits are the same or turned round."""
    made = {
        "tasks": BOTH,
        "estimators": NAMES,
        "optimizers": ("adam", "sgd"),
        "seeds": 12,
        "rates": (0.1,),
        "spread": 0.1,
    }
    return make(**made | {"spread": 0.1, "merit": lambda estimator, *_: MERIT[estimator]} | given)


def turned(made):
    """The same where the second optimizer turns the order round."""
    rows = made.rows
    sgd = rows["optimizer"] == "sgd"
    rows.loc[sgd, "test_accuracy"] = 1 - rows.loc[sgd, "test_accuracy"]
    return made.with_rows(rows)


def test_one_order_is_found_again_and_a_turned_one_is_told():
    [row] = orders(world()).to_dict("records")
    assert (row["one"], row["other"], row["methods"], row["draws"]) == ("adam", "sgd", 7, 12)
    assert row["rho"] > 0.95 and row["low"] > 0.8 and row["ceiling"] > 0.95 and row["place"] == 1
    [row] = orders(turned(world())).to_dict("records")
    assert row["rho"] < -0.95 and row["high"] < -0.8 and row["best"] == "rule6" and row["place"] == 7


def test_it_is_the_correlation_of_the_means():
    made = world(spread=1.0)
    last = made.final_rows()
    means = last.groupby(["optimizer", "estimator"])["test_accuracy"].mean()
    [row] = orders(made).to_dict("records")
    assert row["rho"] == pytest.approx(stats.spearmanr(means["adam"], means["sgd"]).statistic)
    assert row["low"] < row["rho"] < row["high"]


def test_where_methods_are_alike_noise_leaves_nothing_to_correct_by():
    """Twenty worlds of equal methods: the ceiling is 0.3 or less in most, and nothing is corrected by it there."""
    found = [orders(world(merit=lambda *_: 2.0, chance=chance)).iloc[0] for chance in range(20)]
    low = [row for row in found if not row["ceiling"] > 0.3]
    assert len(low) > 10 and all(math.isnan(row["corrected"]) for row in low)


def test_two_sizes_of_one_task_are_cases_of_it_and_two_tasks_are_none():
    sizes = {"binarized_mlp": ACCURACY}
    small = world(tasks=sizes, optimizers=("adam",))
    assert orders(small).empty
    assert orders(world(tasks={"one": ACCURACY, "two": ACCURACY | {"label": "other"}}, optimizers=("adam",))).empty
    assert orders(world(estimators=NAMES[:2])).empty, "two methods have no order to speak of"


def test_it_is_printed_with_its_interval():
    [part] = table.parts(orders(world()))
    assert part.printed["correlation"].iloc[0].startswith(("0.9", "1.0")) and "[" in part.printed["correlation"].iloc[0]
    assert part.printed["best of the one"].tolist() == ["rule6: place 1 of 7"]
    [empty] = table.parts(orders(world(optimizers=("adam",))))
    assert empty.printed.empty
