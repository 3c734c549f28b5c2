"""For which hard functions tasks are written: as their files say, as they say themselves, and what a refusal says."""

import re

import pytest

from runners import forwards
from runners.configuration.task_files import TASKS_DIR
from runners.execution import training_run
from runners.planning import plans
from tests.helpers.configurations import BASE, changed

STEP = {"name": "step", "at_zero": 1}
REFUSED = (
    "sign_fitting is written for sign, not for step: these are: binarized_convnet, binarized_mlp, oscillation, "
    "parity, quantized_regression, sorting, spike_memorisation, spiking_digits, stochastic_mlp, two_layer_gaussian."
)


def test_the_file_says_what_the_task_says(task):
    assert forwards.listed(TASKS_DIR / f"{task.name}.py") == task.forwards


@pytest.mark.parametrize(
    "text, listed",
    [
        ("Task(name='a')", ("sign", "step")),
        ("steeplechase.Task(forwards=['round'])", ("round",)),
        ("Task(**fields)", None),
        ("Task(forwards=(*OTHERS, 'round'))", None),
        ("replace(Task(name='a'), forwards=('round',))", None),
        ("Task(forwards=('sign',)) if x else Task(forwards=('round',))", None),
        ("x = 1", None),
    ],
)
def test_what_a_file_does_not_write_out_is_not_guessed(text, listed, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(text, encoding="utf-8")
    assert forwards.listed(path) == listed


def test_a_refusal_names_a_way_out():
    assert forwards.refusal("sign_fitting", ("sign",), "step") == REFUSED
    for task, file in (("sign_fitting", "tasks/sign_fitting.py"), ("mine", "its file")):
        said = f"{task} is written for sign, not for new: no task is; list it in `forwards` in {file}."
        assert forwards.refusal(task, ("sign",), "new") == said


def planned(**changes):
    [state], _ = plans.plan_runs([[]], lambda _: BASE | changes, lambda run: None)
    return state


def test_the_plan_knows_it_and_that_it_is_no_more(tmp_path, monkeypatch):
    """Listing a function makes nothing stale, so nothing of before may stand against it."""
    given = {"function": STEP, "store": str(tmp_path)}
    state = planned(**given)
    assert state.unsupported == REFUSED and not state.missing
    assert planned(**given | {"function": BASE["function"], "function_weights": STEP}).unsupported == REFUSED
    outcome = training_run.execute(changed(**given), lambda *_: None)
    assert outcome.unsupported == REFUSED and not outcome.error
    assert not [path for path in tmp_path.rglob("*") if re.match("declined|run-", path.name)]
    monkeypatch.setattr(forwards, "listed", lambda path: ("sign", "step"))
    assert not planned(**given).unsupported and planned(**given).missing == 2


def test_any_other_refusal_is_recorded(tmp_path):
    given = {"estimator": {"name": "ste"}, "normalize": "area", "store": str(tmp_path)}
    assert training_run.execute(changed(**given), lambda *_: None).unsupported
    assert planned(**given).unsupported.startswith("ste cannot be normalised by area")
