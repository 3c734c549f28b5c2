"""A slip in a recipe's file is told with the file, the key, and what is likely wrong."""

import re

import pytest
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException

from runners.configuration import choices, keys, overrides, schema
from steeplechase.errors import UserError

FIRST = "# @package _global_\n"
SLIPS = {
    "a misspelt key": (
        f"{FIRST}margin: {{sign_fitting: 0.02}}",
        "experiment/mine.yaml: there is no key 'margin'; did you mean 'margins'",
    ),
    "no package": ("steps: 3", "experiment/mine.yaml: its first line must be `# @package _global_`"),
    "axes at the top": (
        f"{FIRST}sweeper: {{params: {{seed: '0,1'}}}}",
        "there is no key 'sweeper': what is swept stands under hydra.sweeper.params",
    ),
    "axes too high": (
        f"{FIRST}hydra: {{sweeper: {{task: sorting}}}}",
        "there is no key 'hydra.sweeper.task': what is swept stands under hydra.sweeper.params",
    ),
    "no number": (
        f"{FIRST}record_points: many",
        "experiment/mine.yaml: record_points is 'many', but must be a whole number",
    ),
    "no list": (f"{FIRST}figures: convergence", "figures is a list: write it in brackets, as `figures: .A, B.`"),
    "no line for each name": (f"{FIRST}margins: 3", "margins is one value, but needs a line of its own"),
    "a choice as a value": (f"{FIRST}task: sorting", "task is one word, .* as `- override /task: NAME`"),
    "a choice without /": (
        f"{FIRST}defaults: [{{override function: round}}]",
        "under defaults write `- override /function: NAME`",
    ),
    "a choice of nothing": (
        f"{FIRST}defaults: [{{override /functon: round}}]",
        "under defaults nothing is called functon; did you mean 'function'",
    ),
    "a choice beside another": (f"{FIRST}defaults: [{{/function: round}}]", "writes `- override /function: round`"),
    "a misspelt choice": (
        f"{FIRST}defaults: [{{override /function: rund}}]",
        "there is no function 'rund'; did you mean 'round'",
    ),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_in_a_recipe_is_told_with_its_key(slip, tmp_path):
    assert overrides.parse("steps=1")  # and with it Hydra knows the schema
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment/mine.yaml").write_text(SLIPS[slip][0] + "\n", encoding="utf-8")
    for path in schema.CONF.rglob("*.yaml"):
        if path.parent.name != "experiment":
            place = tmp_path / path.relative_to(schema.CONF)
            place.parent.mkdir(exist_ok=True)
            place.symlink_to(path)
    with initialize_config_dir(version_base="1.3", config_dir=str(tmp_path)), pytest.raises(HydraException) as told:
        compose("config", ["experiment=mine"])
    assert re.search(SLIPS[slip][1], keys.translate_error(told.value))


def test_a_recipe_that_is_no_yaml_is_told_with_its_line(monkeypatch, tmp_path):
    monkeypatch.setenv(choices.CONFIG_DIR, str(tmp_path))
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment/mine.yaml").write_text(f"{FIRST}margins:\n\tsorting: 1\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"experiment/mine.yaml is no YAML: found character '\\t' .* \(line 3\)"):
        choices.defaults_of("experiment", "mine")
