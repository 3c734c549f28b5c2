"""Estimands: what a mean over seeds is over is what the task says, and older records say it in their columns."""

import dataclasses
import math

import pytest

from results.analysis import estimand, summary
from results.analysis.estimand import Estimand
from results.tables import TABLES
from tasks.base import Draw
from tasks.binarized_mlp import binarized_mlp
from tasks.sign_fitting import sign_fitting
from tests.oracles.records import make

OVERLAP = 359 / 1079  # of digits: a fifth of 1,797 for testing, a fifth for choosing


@pytest.mark.parametrize(
    ("task", "expected", "text"),
    [
        (sign_fitting(), Draw("instance", None, 0.0), "over instances, each with a start of its own"),
        (sign_fitting(instance_seed=3), Draw("instance", 3, 0.0), "over starts and batches, given instance 3"),
        (sign_fitting(dim=1, mixing="identity", target=1.0), Draw(), "over starts and batches of one problem"),
        (binarized_mlp(), Draw("split", None, OVERLAP), "over re-splits of the same examples"),
        (
            binarized_mlp(subsets=8),
            Draw("subset", None, 0.0, 0),
            "over disjoint subsets of the examples (shuffled by 0; ",
        ),
        (binarized_mlp(split_seed=0), Draw("split", 0, OVERLAP), "over starts and batches, given split 0"),
    ],
)
def test_a_task_says_what_its_seeds_draw(task, expected, text):
    assert task.draw.of == expected.of and task.draw.fixed == expected.fixed
    assert task.draw.overlap == (None if expected.overlap is None else pytest.approx(expected.overlap))
    found = estimand.estimand({"draw": task.draw.described()}, {})
    assert found.text.startswith(text) and found.resplits == (text.startswith("over re-splits"))


def test_one_test_part_says_nothing_of_others():
    found = estimand.estimand({"draw": Draw("split", None, None).described()}, {})
    assert math.isnan(found.overlap) and not found.resplits and "given one test part" in found.text


def test_older_records_say_it_in_their_columns():
    assert estimand.estimand({}, {"task.split_seed": 0}) == estimand.estimand({}, {"task.split_seed": 0.0})
    assert estimand.estimand({}, {"task.split_seed": 0}).text == "over starts and batches, given split 0"
    assert estimand.estimand({}, {"task.instance_seed": 2}).fixed == 2
    assert estimand.estimand({}, {"task.split_seed": math.nan}).draws == ""


def drawing(results, **by_task):
    """The same results with what these tasks' seeds draw in their accounts."""
    accounts = [{**of, "draw": by_task[of["run"].split("-")[0]].described()} for of in results.accounts]
    return dataclasses.replace(results, accounts=tuple(accounts))


@pytest.mark.parametrize("name", ["summary", "verdicts", "aggregates", "ranking", "tuning"])
def test_every_caption_says_it(name):
    results = drawing(make(seeds=4), binarized_mlp=Draw("split", 5, 0.3), sign_fitting=Draw("instance", None, 0.0))
    parts = list(TABLES[name].parts(*TABLES[name].find(results)))
    assert len(parts) >= 2
    for part in parts:
        if part.title.startswith("Binarized MLP"):
            assert part.caption.endswith("Estimand: over starts and batches, given split 5.")
        elif part.title.startswith("Sign fitting"):
            assert part.caption.endswith("Estimand: over instances, each with a start of its own.")
        else:
            assert "given split 5; over instances" in part.caption


def test_a_figure_names_the_tasks_where_they_differ():
    results = drawing(make(seeds=2), binarized_mlp=Draw("split", 5, 0.3), sign_fitting=Draw("instance", None, 0.0))
    said = estimand.by_task(results)
    assert "Binarized MLP (64-128-128-10): over starts and batches, given split 5; " in said
    same = drawing(make(seeds=2), binarized_mlp=Draw(), sign_fitting=Draw())
    assert estimand.by_task(same) == "Estimand: over starts and batches of one problem."
    assert estimand.sentence([]) == "" and Estimand().text in estimand.by_task(same)


def test_a_seed_that_never_arrives_is_the_latest():
    """Two of five arrive: the median is not that of the two."""
    results = make(tasks=["binarized_mlp"], seeds=5, merit=lambda e, n, r, s: 3.0 if s < 2 else 0.5)
    rows = summary.summary(results).rows
    assert (rows["reached"] == 2).all() and (rows["steps_to_target"] == math.inf).all()
    results = make(tasks=["binarized_mlp"], seeds=5, merit=lambda e, n, r, s: 3.0 if s < 4 else 0.5)
    rows = summary.summary(results).rows
    assert (rows["reached"] == 4).all() and rows["steps_to_target"].between(1, 400).all()
