"""The jobs of a sweep: the product of its axes, with numbers of one page alone; and the bounds beside them."""

import pytest
import yaml

from runners.configuration import axes, overrides
from runners.configuration.overrides import check_overrides
from runners.configuration.schema import CONF
from runners.planning import plans
from steeplechase.errors import UserError
from tests.helpers.configurations import BASE, changed

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


def test_lines_of_the_command_itself_are_run_whatever_else_it_sets(capsys):
    """What stands at hard sites they set themselves, and what they do not name there is the sweep's."""
    typed, weights = ["bounds", "estimator", "estimator.scale", "function", "seed"], "estimator@estimator_weights"
    sites = {"function": ["ternary"], weights: ["ste"], "seed": ["7"]}
    common = {"optimizer=adam", "estimator=zero", "steps=50", "function=ternary", f"{weights}=ste"}
    assert jobs(ZERO, typed=typed, **sites) == [common | {f"task={task}", "seed=7"} for task in AXES["task"]]
    line = {**FROZEN, "function": ["sign"]}
    [job] = jobs(line, typed=typed, **sites)
    assert job == common - {"function=ternary"} | {"function=sign", "task=binarized_mlp", "seed=[0,1]"}
    assert jobs(ZERO, typed=[key for key in typed if key != "bounds"]) == [] == jobs(typed=typed)
    assert not capsys.readouterr().err
    assert jobs(FROZEN, typed=typed, task=["sign_fitting"]) == []
    assert "bounds: task=binarized_mlp is none of this sweep" in capsys.readouterr().err


def test_the_lines_of_the_experiments_are_overrides():
    seen = 0
    for path in (CONF / "experiment").glob("*.yaml"):
        for line in yaml.safe_load(path.read_text(encoding="utf-8")).get("bounds", []):
            check_overrides(line.split())
            assert "optimizer=adam" in line.split()
            seen += 1
    assert seen == 17


# Numbers of one page


def split(**keys):
    """Jobs as sets, in their order; a key has its dots as two underscores."""
    given = {key.replace("__", "."): values for key, values in keys.items()}
    return [set(job) for job in axes.split(given, CHOICES, {})]


def test_a_number_of_one_page_touches_no_other():
    """Replicas of a run, runs of their own, and one value alone, each where its page is chosen."""
    jobs = split(
        estimator=["tanh_slope", "ste"],
        optimizer=["sgd", "adamw"],
        estimator__tanh_slope__scale=["1", "2"],
        optimizer__adamw__weight_decay=["0", "0.01"],
        optimizer__sgd__learning_rate=["0.5"],
        task__binarized_mlp__hidden=["[64]", "[128]"],
    )
    tanh, decays, rate = {"estimator=tanh_slope", "estimator.scale=[1,2]"}, "optimizer.weight_decay=[0,0.01]", 0.5
    expected = []
    for estimator in (tanh, {"estimator=ste"}):
        for hidden in ("[64]", "[128]"):
            for own in ({"optimizer=sgd", f"optimizer.learning_rate={rate}"}, {"optimizer=adamw", decays}):
                expected.append(estimator | own | {f"task.hidden={hidden}"})
    assert sorted(map(sorted, jobs)) == sorted(map(sorted, expected))


def test_a_pages_own_number_wins_and_that_is_said(capsys):
    first, second = split(
        estimator=["tanh_slope", "sigmoid_derivative"], estimator__scale=["3", "4"], estimator__tanh_slope__scale=["7"]
    )
    assert {"estimator=tanh_slope", "estimator.scale=7"} < first and "estimator.scale=[3,4]" in second
    assert (
        "estimator.tanh_slope.scale counts for tanh_slope, and estimator.scale for the others"
        in capsys.readouterr().err
    )
    # And runs that differ in nothing else are one.
    assert len(split(task=["binarized_mlp"], task__hidden=["[8]", "[16]"], task__binarized_mlp__hidden=["[4]"])) == 1


def test_at_weights_it_is_that_of_their_own_page():
    own = {"estimator@estimator_weights": ["erf", "ste"], "estimator_weights.erf.alpha": ["1", "2"]}
    first, second = (set(job) for job in axes.split(own, CHOICES, {}))
    assert "estimator_weights.alpha=[1,2]" in first and not any("alpha" in line for line in second)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"estimator.atan.alpha": ["1"]}, r"estimator.atan.alpha is of atan, which is not chosen \(chosen are: ste\)"),
        ({"estimator_weights.atan.alpha": ["1"]}, r"not chosen \(nothing is\): add it to estimator@estimator_weights="),
        ({"estimator.scale": ["1"]}, r"ste has no key 'scale' .* by estimator.NAME.scale="),
    ],
)
def test_a_number_of_a_page_that_no_run_has_is_refused(keys, said):
    with pytest.raises(UserError, match=said):
        axes.split(keys, CHOICES, {})


def test_a_number_of_an_experiment_is_of_no_run_where_the_command_chooses_others():
    keys = {"estimator": ["ste"], "estimator.tanh_slope.scale": ["1", "2"]}
    [job] = axes.split(keys, CHOICES, {}, typed={"estimator"})
    assert "estimator=ste" in job and not any("scale" in line for line in job)
    with pytest.raises(UserError, match="is of tanh_slope, which is not chosen"):
        axes.split(keys, CHOICES, {}, typed=set(keys))


def test_null_of_one_page_is_left_to_the_runs():
    """Hydra would look for the page among the keys of the one that is chosen by default."""
    line = overrides.defer("task.binarized_mlp.split_seed=null")
    assert overrides.undefer(line) == "task.binarized_mlp.split_seed=null"
    assert overrides.values_by_key([line], None) == {"task.binarized_mlp.split_seed": ["null"]}
    assert overrides.defer("task.split_seed=null") == "task.split_seed=null"


@pytest.mark.parametrize("line", ["looks.ste={colour:red}", "looks={ste:{order:1}}", "margins.sign_fitting=0.5"])
def test_what_has_a_name_a_key_is_added_and_told_as_typed(line):
    added = overrides.defer(line)
    assert added == f"++{line}" and overrides.undefer(added) == line
    with pytest.raises(UserError, match="would add a key"):
        overrides.check_overrides([added])
    overrides.check_overrides([line])


def test_the_same_choice_twice_is_left_to_be_refused():
    assert len(split(estimator=["ste", "ste"])) == 2


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("estimator.tanh_slpe.scale=1", "did you mean 'tanh_slope'"),
        ("estimator.tanh_slope.scal=1", r"tanh_slope has no key 'scal' .*; its keys are: scale\.$"),
        ("optimizer.adam.weight_dcay=1", "adam has no key 'weight_dcay'"),
    ],
)
def test_a_misspelt_number_of_a_page_is_told(line, said):
    check_overrides(
        ["estimator=ste", "estimator.tanh_slope.scale=1,2"]
    )  # whether it is chosen is known of all together
    with pytest.raises(UserError, match=said):
        check_overrides([line])


COMPARE = {
    "estimator.scale": "",
    "estimator.tanh_slope.scale": "",
    "optimizer.learning_rate": "",
    "estimator.atan.alpha": r"atan, which is not chosen \(chosen are: tanh_slope\)",
    "estimator.scal": "there is no key 'estimator.scal'; did you mean 'scale'",
    "seed": "compare: seed is no number of a method",
    "estimator": "compare: estimator is no number of a method",
    "steps": "compare: steps is no number of a method",
    "function.at_zero": "compare: function.at_zero is no number of a method",
    "task.hidden": "compare: task.hidden is no number of a method",
    "width": "compare: width has one value in this sweep: list several, as width=1,2",
    "optimizer.beta_1": "compare: optimizer.beta_1 has one value",
}


@pytest.mark.parametrize("key", COMPARE)
def test_what_has_one_value_cannot_be_compared(key):
    numbers = {"estimator": {"name": "tanh_slope", "scale": [1.0, 2.0]}}
    run = changed(**numbers, optimizer=BASE["optimizer"] | {"learning_rate": [0.1, 0.2]}, seed=[0, 1])
    with pytest.raises(UserError, match="compare: optimizer.learning_rate is a schedule"):
        rates = [0.1, {"shape": "linear", "from": 0.1, "to": 0.0}]
        own = changed(**numbers, optimizer=BASE["optimizer"] | {"learning_rate": rates}, seed=[0, 1])
        plans.check_compared(["optimizer.learning_rate"], [own])
    if not COMPARE[key]:
        return plans.check_compared([key], [run])
    with pytest.raises(UserError, match=COMPARE[key]):
        plans.check_compared([key], [run])


def test_a_number_of_a_page_leaves_the_bounds():
    assert jobs(FROZEN, typed=["estimator.tanh_slope.scale"]) == jobs(FROZEN)
    assert {"task.hidden=[4]"} < jobs(
        FROZEN, **{"task.binarized_mlp.hidden": ["[4]"]}, typed=["task.binarized_mlp.hidden"]
    )[0]
