"""Settings of a frozen table: a run is trained at the one that its table chose, and never on a draw of the table."""

import math
from dataclasses import replace

import pandas as pd
import pytest

from results.analysis import selection
from results.records import frozen
from runners.planning.chosen_settings import at_chosen, seeds_of
from runners.planning.plans import plan_name
from steeplechase.errors import RecordError, UserError
from tests.helpers.draws import drawn
from tests.oracles.records import make, name

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
    own = {part: {"name": name} for part, name in (("estimator", "tanh_slope"), ("optimizer", "adam"))}
    return {
        **own,
        "task": {"name": "binarized_mlp", "data": "digits"},
        "function": {"name": "sign"},
        "estimator_weights": {},
        "function_weights": {},
        "normalize": "none",
        "seed": [3, 4],
        "seeds_per_draw": 1,
        "settings": table,
        "untuned": False,
        **other,
    }


def test_runs_of_other_data_functions_and_slopes_at_weights_have_settings_of_their_own(results, tmp_path):
    """What shares its task, estimator and optimizer with another run of the table, and chose another rate."""
    rows, accounts, run = results.rows, results.runs(), name("binarized_mlp", "ste", "adam", "none")
    others = {
        "data": ({"task": {"name": "binarized_mlp", "data": "a/mnist_5k"}}, {"data": "mnist_5k"}),
        "weights": ({"estimator_weights": {"name": "erf"}}, {"estimator_weights": "erf"}),
        "bound": ({"function_weights": {"name": "identity"}}, {"function_weights.name": "identity"}),
    }
    parts, made = [rows], list(results.accounts)
    for at, (other, (_, columns)) in enumerate(others.items()):
        part = rows[rows["run"] == run].assign(run=other, **columns)
        part["replica"] = part["replica"] + other
        part["learning_rate"] = part["learning_rate"] * (at + 2)
        parts.append(part)
        made.append(accounts[run] | {"run": other, "replicas": sorted(part["replica"].unique())})
    whole = replace(results, rows=pd.concat(parts, ignore_index=True), accounts=tuple(made))
    table = str(frozen.write(whole, PLAN, tmp_path))
    plain = at_chosen(configuration(table, estimator={"name": "ste"}), [])
    assert "optimizer.learning_rate=0.1" in plain
    for at, (job, _) in enumerate(others.values()):
        chosen = at_chosen(configuration(table, estimator={"name": "ste"}, **job), [])
        rate = float(dict(word.split("=") for word in chosen)["optimizer.learning_rate"])
        assert rate == pytest.approx(0.1 * (at + 2))


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


@pytest.mark.parametrize("estimator", ["ste", "tanh_slope"])
def test_untuned_it_has_the_default_rate_and_a_width_of_one(table, estimator):
    """In place of every rate and width that the job has; what has no width has none."""
    jobs = ["seed=[3,4]", "width=[0.5,1,2]", "optimizer.learning_rate=[1,2]"]
    found = at_chosen(configuration(table, estimator={"name": estimator}, untuned=True), jobs)
    width = ["width=[0.5,1,2]"] if estimator == "ste" else []  # the table swept none of it
    assert found == ["seed=[3,4]", *width, "optimizer.learning_rate=0.001", *([] if width else ["width=1.0"])]
    with pytest.raises(UserError, match="untuned is about the runs of a frozen table: name it by settings="):
        at_chosen(configuration("", untuned=True), [])


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
    "other",
    [
        {"estimator": {"name": "erf"}},
        {"normalize": "area"},
        {"task": {"name": "unknown"}},
        {"task": {"name": "binarized_mlp", "data": "mnist_5k"}},
        {"function": {"name": "step"}},
        {"estimator_weights": {"name": "ste"}},
        {"function_weights": {"name": "identity"}},
    ],
)
def test_what_the_table_does_not_have_is_told(table, other):
    with pytest.raises(UserError, match="has no run of"):
        at_chosen(configuration(table, **other), [])


def test_what_the_table_could_not_have_is_left_to_be_declined_again(tmp_path):
    made = make(seeds=3, normalizes=("none", "area"), declined={"ste": "its slope has no finite area"})
    table = str(frozen.write(made, PLAN, tmp_path))
    whole = configuration(table, estimator={"name": "ste"}, normalize="area")
    assert at_chosen(whole, ["seed=[3,4]", "width=[1,2]"]) == ["seed=[3,4]", "width=[1,2]"]
    with pytest.raises(UserError, match="has no run of"):
        at_chosen(whole | {"optimizer": {"name": "lion"}}, [])


def test_what_is_no_table_is_told(tmp_path):
    with pytest.raises(RecordError, match="there is no frozen table"):
        at_chosen(configuration(str(tmp_path / "none.parquet")), [])


def test_a_plan_at_chosen_settings_has_a_name_of_its_own():
    seeds = "seed=range(3,5)"
    assert plan_name("race", [seeds, "settings=x.parquet"]) not in ("race", plan_name("race", [seeds]))
