"""Experiments and optimizers from a folder of one's own: --config-dir."""

import pytest

import steeplechase as sc
from results.records.store import Store
from runners.configuration import choices
from steeplechase.errors import UserError
from tests.oracles.command import QUIET, sweep

RECIPE = """# @package _global_
steps: 20
record_points: 2
hydra:
  sweeper:
    params:
      task: sign_fitting
      estimator: ste
      optimizer: gentle
      seed: 0,1
"""
GENTLE = "name: gentle\nkeras: SGD\nlearning_rate: 0.01\nmomentum: 0.5\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for group, name, text in (("experiment", "mine", RECIPE), ("optimizer", "gentle", GENTLE)):
        (tmp_path / "conf" / group).mkdir(parents=True)
        (tmp_path / "conf" / group / f"{name}.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setenv(choices.CONFIG_DIR, "")
    return tmp_path / "conf"


def test_its_pages_are_choices_until_another_command_names_none(folder):
    choices.name_folder(str(folder))
    assert "mine" in choices.options("experiment") and choices.defaults_of("optimizer", "gentle")["momentum"] == 0.5
    choices.name_folder(None)
    assert "mine" not in choices.options("experiment")
    with pytest.raises(UserError, match="there is no optimizer 'gentle'"):
        choices.defaults_of("optimizer", "gentle")


def test_a_name_that_conf_has_is_refused(folder):
    (folder / "experiment" / "control.yaml").write_text(RECIPE, encoding="utf-8")
    with pytest.raises(UserError, match="experiment/control.yaml in .* there is one of this name already"):
        choices.name_folder(str(folder))
    with pytest.raises(UserError, match="--config-dir is 'nowhere', which is no folder"):
        choices.name_folder("nowhere")


@pytest.mark.long
def test_a_recipe_of_ones_own_is_trained(folder, tmp_path):
    done = sweep("--config-dir", str(folder), "experiment=mine", *QUIET, store=tmp_path / "store")
    assert done.returncode == 0, done.stderr
    assert "2 in 1 run to train" in done.stdout and "Trained 2 replicas" in done.stdout
    assert Store(tmp_path / "store").plan("mine").command.startswith("python -m runners.sweep --config-dir conf ")
    again = sc.plan(experiment="mine", config_dir=folder, store=tmp_path / "store")
    assert again["done"].tolist() == [2]
    lost = sweep("experiment=mine", store=tmp_path / "store")
    assert lost.returncode == 2 and "there is no experiment 'mine'" in lost.stderr
