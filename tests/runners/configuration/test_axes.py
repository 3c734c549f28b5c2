"""Bounds beside the product of a sweep's axes: which jobs a line of the configuration makes, and when it makes none."""

import pytest
import yaml

from runners.configuration import axes
from runners.configuration.overrides import check_overrides
from runners.configuration.schema import CONF

AXES = {
    "task": ["sign_fitting", "binarized_mlp"],
    "estimator": ["ste", "tanh_slope"],
    "optimizer": ["sgd", "adam"],
    "seed": ["0", "1", "2", "3"],
    "estimator.scale": ["1.0", "2.0"],
    "steps": ["50"],
}
CHOICES = {"task": "binarized_mlp", "estimator": "ste", "optimizer": "adam", "function": "sign"}
FROZEN = {
    "optimizer": ["adam"],
    "task": ["binarized_mlp"],
    "estimator": ["zero"],
    "estimator@estimator_weights": ["ste"],
    "seed": ["0", "1"],
}
ZERO = {"optimizer": ["adam"], "estimator": ["zero"]}


def jobs(*lines, typed=(), **changes):
    return [set(job) for job in axes.bounds(lines, {**AXES, **changes}, CHOICES, typed)]


def test_a_line_sets_what_it_names_and_the_rest_is_the_sweeps():
    common = {"optimizer=adam", "estimator=zero", "steps=50"}
    assert jobs(FROZEN) == [common | {"task=binarized_mlp", "estimator@estimator_weights=ste", "seed=[0,1]"}]
    assert jobs(ZERO) == [common | {f"task={task}", "seed=[0,1,2,3]"} for task in AXES["task"]]
    assert jobs(FROZEN, ZERO) == jobs(FROZEN) + jobs(ZERO) and jobs() == []


def test_it_is_run_for_tasks_and_optimizers_of_the_sweep_alone():
    assert jobs(FROZEN, optimizer=["sgd", "momentum"]) == []
    assert jobs(FROZEN, ZERO, task=["sign_fitting"]) == jobs(ZERO, task=["sign_fitting"])
    assert len(jobs(ZERO, task=["sign_fitting"])) == 1


def test_what_the_command_sets_it_sets_for_bounds():
    [job] = jobs(FROZEN, typed=["seed", "steps"], seed=["7"], steps=["20"])
    assert {"seed=7", "steps=20"} < job


@pytest.mark.parametrize("key", ["estimator", "estimator.scale", "estimator@estimator_weights", "function", "settings"])
def test_where_the_command_chooses_what_stands_at_hard_sites_there_are_none(key):
    assert jobs(FROZEN, ZERO, typed=[key]) == [] != jobs(FROZEN, ZERO, typed=["seed"])


def test_the_lines_of_the_experiments_are_overrides():
    seen = 0
    for path in (CONF / "experiment").glob("*.yaml"):
        for line in yaml.safe_load(path.read_text(encoding="utf-8")).get("bounds", []):
            check_overrides(line.split())
            assert "optimizer=adam" in line.split()
            seen += 1
    assert seen == 5
