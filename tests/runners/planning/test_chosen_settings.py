"""Settings of a frozen table: a run is trained at the one that its table chose, and never on a draw of the table."""

import math

import pytest

from results.analysis import selection
from results.records import frozen
from runners.planning.chosen_settings import at_chosen, seeds_of
from runners.planning.plans import plan_name
from steeplechase.errors import RecordError, UserError
from tests.helpers.draws import drawn
from tests.oracles.records import make

PLAN = {"name": "race", "command": "-", "figures": [], "tables": []}


@pytest.fixture(scope="module")
def results():
    """A race in which widths were swept beside rates; one estimator has none."""

    def merit(estimator, normalize, rate, seed):
        return 2 - abs(math.log10(rate) + {"ste": 1, "sigmoid_derivative": 2, "tanh_slope": 3}[estimator])

    made = make(seeds=3, merit=merit, optimizers=("adam", "sgd"))
    rows = made.rows
    wide = rows["learning_rate"].map({0.001: 0.5, 0.01: 1.0, 0.1: 2.0})
    return made.with_rows(rows.assign(width=wide.where(rows["estimator"] != "ste")))


@pytest.fixture(scope="module")
def table(results, tmp_path_factory):
    return str(frozen.write(results, PLAN, tmp_path_factory.mktemp("frozen")))


def configuration(table, **other):
    own = {part: {"name": name} for part, name in (("task", "binarized_mlp"), ("estimator", "tanh_slope"))}
    return {
        **own,
        "optimizer": {"name": "adam"},
        "normalize": "none",
        "seed": [3, 4],
        "seeds_per_draw": 1,
        "settings": table,
        **other,
    }


@pytest.mark.parametrize("estimator", ["ste", "sigmoid_derivative", "tanh_slope"])
def test_a_run_has_the_setting_that_the_table_chose(table, results, estimator):
    jobs = ["estimator=x", "width=[0.5,1,2]", "optimizer.learning_rate=[1,2]", "seed=[3,4]"]
    found = at_chosen(configuration(table, estimator={"name": estimator}), jobs)
    settings = selection.chosen_settings(results)
    own = settings[(settings["estimator"] == estimator) & (settings["task"] == "binarized_mlp")].iloc[0]
    assert found[:2] == ["estimator=x", "seed=[3,4]"] or found[:3] == ["estimator=x", "width=[0.5,1,2]", "seed=[3,4]"]
    chosen = dict(override.split("=") for override in found[-2:])
    assert float(chosen["optimizer.learning_rate"]) == own["learning_rate"]
    if estimator != "ste":
        assert chosen["width"] == {0.001: "0.5", 0.01: "1.0", 0.1: "2.0"}[own["learning_rate"]]


def test_a_draw_of_the_table_confirms_nothing(table):
    assert seeds_of(table) == {0, 1, 2}
    for seed in (2, [2, 7]):
        with pytest.raises(UserError, match=r"seed 2 is one that .* draw others than 0 to 2"):
            at_chosen(configuration(table, seed=seed), [])


def test_other_seeds_of_a_draw_of_the_table_confirm_nothing(table, results, tmp_path):
    """The table's seeds 0 to 2 met draws 0 to 2, or 0 and 1; seeds 3 and 4 meet draw 1, too, if two meet each."""
    with pytest.raises(UserError, match=r"draw 1 is one that the table .* take seeds from 6 on"):
        at_chosen(configuration(table, seeds_per_draw=2), [])
    at_chosen(configuration(table, seeds_per_draw=2, seed=[6, 7]), [])
    parted = str(frozen.write(drawn(results, 2), PLAN, tmp_path))
    with pytest.raises(UserError, match=r"draw 1 is one that the table .* take seeds from 4 on"):
        at_chosen(configuration(parted, seeds_per_draw=2, seed=[3]), [])
    at_chosen(configuration(parted, seeds_per_draw=2, seed=[4, 5]), [])


@pytest.mark.parametrize(
    "other", [{"estimator": {"name": "erf"}}, {"normalize": "area"}, {"task": {"name": "unknown"}}]
)
def test_what_the_table_does_not_have_is_told(table, other):
    with pytest.raises(UserError, match="has no run of"):
        at_chosen(configuration(table, **other), [])


def test_what_is_no_table_is_told(tmp_path):
    with pytest.raises(RecordError, match="there is no frozen table"):
        at_chosen(configuration(str(tmp_path / "none.parquet")), [])


def test_a_plan_at_chosen_settings_has_a_name_of_its_own():
    seeds = "seed=range(3,5)"
    assert plan_name("race", [seeds, "settings=x.parquet"]) not in ("race", plan_name("race", [seeds]))
