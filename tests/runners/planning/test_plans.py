"""A name that a command gives its plan: whose it may be, and that nothing under it is overwritten."""

import re
from types import SimpleNamespace

import pytest

from results.records.plan import Plan
from results.records.store import Store
from runners.execution.launch import plan_and_launch
from runners.planning import plans
from runners.planning.plans import check_looks, check_name, plan_name
from steeplechase.errors import UserError
from tests.helpers.configurations import BASE


@pytest.fixture
def store(tmp_path):
    entry = {"run": "first", "fingerprint": "f" * 8, "sources": {}, "configuration": {}, "replicas": ["a", "b"]}
    own = Store(tmp_path)
    own.write_plan(Plan("tonight", "python -m runners.sweep seed=0,1 name=tonight", "2026-01-01", (entry,)))
    return own


def test_a_plan_goes_on_under_its_name_and_may_grow(store):
    check_name("tonight", store, {"first": {"a", "b"}})
    check_name("tonight", store, {"first": {"a", "b", "c"}, "second": {"d"}})
    check_name("tomorrow", store, {"second": {"d"}})


@pytest.mark.parametrize("other", [{"first": ["a"]}, {"second": ["a", "b"]}, {}])
def test_the_name_of_another_plan_is_refused(store, other):
    with pytest.raises(UserError, match=r"which another plan has \(python -m runners.sweep seed=0,1 .*take another"):
        check_name("tonight", store, {run: set(ids) for run, ids in other.items()})


@pytest.mark.parametrize("name", ["a/b", "../a", "a..b", "", "-a", ".a", "a b", "ä" * 62, "a\n"])
def test_what_is_no_name_is_told(store, name):
    with pytest.raises(UserError, match="but must be up to 61 letters"):
        check_name(name, store, {})


@pytest.mark.parametrize(("name", "fault"), [("a b", "but must be up to 61 letters"), ("tonight", "another plan has")])
@pytest.mark.parametrize("plan", [True, "json"])
def test_where_nothing_is_trained_a_name_is_refused_as_well(store, name, fault, plan):
    own = BASE | {"name": name, "plan": plan, "store": str(store.root), "steps": 100, "record_points": 1}
    with pytest.raises(UserError, match=fault):
        plan_and_launch([["task=sign_fitting"]], lambda _: own, lambda *_: [], "none", [])


@pytest.mark.parametrize("reference", ["ste", "tanh_slope", ""])
def test_a_reference_that_is_not_run_is_told(store, reference, capsys):
    own = BASE | {"reference": reference, "store": str(store.root), "steps": 100, "record_points": 1}
    plans.plan_runs([["task=sign_fitting"]], lambda _: own, lambda _: None)
    absent = reference not in ("", BASE["estimator"]["name"])
    assert (f"reference is {reference}, which is no estimator" in capsys.readouterr().err) == absent


def test_an_experiments_own_name_is_refused(store):
    with pytest.raises(UserError, match="name is control, which an experiment has"):
        check_name("control", store, {})


def test_what_is_only_shown_is_no_content():
    silent = ["name=tonight", "compare=[width]", "looks.ste={colour:red}", "looks={ste:{order:1}}", "margins.a=1"]
    assert plan_name("control", silent) == "control"
    assert plan_name("control", ["steps=5", *silent]) == plan_name("control", ["steps=5"]) != "control"


@pytest.mark.parametrize(
    ("given", "compare", "said"),
    [
        ({"st": {}}, [], "looks.st: there is no estimator 'st'; did you mean 'ste'"),
        ({"Tanh slope (scale=2)": {}}, [], "looks.Tanh slope"),
        ({"ste": {"color": "red"}}, [], "no field 'color'"),
        ({"ste": {"label": "Ours"}}, [], ""),
        ({"Tanh slope (scale=2)": {"colour": "red"}}, ["estimator.scale"], ""),
        ({"tanh_slop": {}}, ["estimator.scale"], "did you mean 'tanh_slope'"),
    ],
)
def test_a_look_is_of_an_estimator_or_of_a_method_where_numbers_are_compared(given, compare, said):
    if not said:
        return check_looks(given, compare)
    with pytest.raises(UserError, match=re.escape(said)):
        check_looks(given, compare)


def test_a_plan_says_which_of_its_estimators_are_from_files_that_the_user_named(monkeypatch):
    """Those that it runs, not all that were named; at weights, too."""
    named = {"mine": None, "mine_at_weights": None, "idle": None}
    monkeypatch.setattr(plans.estimator_files, "files", lambda: named)
    monkeypatch.setattr(plans.named_files, "every", lambda: [])
    monkeypatch.setattr(plans.choices, "defaults_of", lambda *_: {"learning_rate": 0.1})
    common = {"figures": [], "tables": [], "compare": [], "reference": "", "margins": {}, "strict": False}

    def state(estimator, weights):
        run = SimpleNamespace(
            program={"estimator": {"name": estimator}, "estimator_weights": weights and {"name": weights}},
            names=("task", estimator, "adam"),
        )
        return SimpleNamespace(planned=SimpleNamespace(run=run, plan={"run": "r"}), unsupported="")

    states = [state("ste", None), state("mine", None), state("ste", "mine_at_weights")]
    plan = plans.as_plan("p", [], states, {**common, "looks": {"ste": {"order": 1}}}, "2026-01-01")
    assert plan.user_estimators == ("mine", "mine_at_weights") and plan.looks == {"ste": {"order": 1}}
    assert plan.facts.user_estimators == plan.user_estimators and plan.facts.looks == plan.looks


def test_a_width_of_a_page_beside_the_key_width_is_remarked_on():
    """There it changes at most the height of the slope."""

    def run(scale, width):
        replica = SimpleNamespace(estimator={"scale": scale}, estimator_weights={}, width=width)
        return SimpleNamespace(
            program={"estimator": {"name": "tanh_slope"}, "estimator_weights": None}, replicas=(replica,)
        )

    [said] = plans.without_effect([run(2.0, 1.0), run(3.0, 1.0)])
    assert said.startswith("estimator.tanh_slope.scale says how wide") and "give width=null" in said
    default = plans.choices.defaults_of("estimator", "tanh_slope")["scale"]
    assert plans.without_effect([run(2.0, None), run(default, 1.0)]) == []
