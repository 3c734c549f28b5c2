"""The Python face: what it says to the command, what it hands back, and how it ends."""

import os
import pickle
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from omegaconf import OmegaConf

import steeplechase as sc
from results.records.store import Store
from runners import api
from runners.configuration.overrides import check_overrides, parse
from tests.helpers.slopes import PAGE
from tests.oracles.command import QUIET, ROOT, sweep

SMALL = {"task": "sign_fitting", "optimizer": "sgd", "steps": 20, "record_points": 2, "verbose": False}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, ["experiment=null"]),
        ({"experiment": "smoke", "steps": 10}, ["experiment=smoke", "steps=10"]),
        ({"seed": range(3)}, ["experiment=null", "seed=0,1,2"]),
        ({"learning_rate": np.array([0.1, 1e-5])}, ["experiment=null", "optimizer.learning_rate=0.1,1e-05"]),
        ({"width": np.float32(0.5)}, ["experiment=null", "width=0.5"]),
        ({"width": [None, 1]}, ["experiment=null", "width=null,1"]),
        ({"estimator_weights": "ste"}, ["experiment=null", "estimator@estimator_weights=ste"]),
        ({"task.hidden": [64, 32]}, ["experiment=null", "task.hidden=[64,32]"]),
        ({"task.hidden": [[64], [32]]}, ["experiment=null", "task.hidden=[64],[32]"]),
        ({"task.binarized_mlp.hidden": (64,)}, ["experiment=null", "task.binarized_mlp.hidden=[64]"]),
        ({"bounds": [], "figures": ()}, ["experiment=null", "bounds=[]", "figures=[]"]),
        ({"compare": ["width"], "strict": True}, ["experiment=null", "compare=[width]", "strict=true"]),
        (
            {"estimator.scale": {"from": 0.1, "to": 10, "shape": "log"}},
            ["experiment=null", "estimator.scale={from:0.1,to:10,shape:log}"],
        ),
    ],
)
def test_settings_are_the_overrides_of_the_command(settings, words):
    assert api.overrides(**settings) == words


TEXTS = ["784", "a b", "it's", "b\\", "größe", "a${x}", "both\\'", "null", "x,y", "{a}", "ste", "/tmp/a-b.csv"]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_arrives_as_it_is(text):
    """Hydra reads it, and OmegaConf takes nothing in it for an interpolation."""
    override = parse(api.overrides(**{"task.labels": text})[1])
    assert not override.is_sweep_override()
    assert OmegaConf.to_container(OmegaConf.create({"x": 1, "text": override.value()}), resolve=True)["text"] == text


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"seed": []}, "seed is empty: there is nothing to train"),
        ({"learning_rate": float("nan")}, "optimizer.learning_rate is nan, but must be finite"),
        ({"width": object()}, "width is <object"),
        ({"estimatr": "ste"}, "there is no key 'estimatr'; did you mean 'estimator'"),
        ({"estimator": "stee"}, "there is no estimator 'stee'; did you mean 'ste'"),
        ({"estimator_file": "nowhere.py"}, "nowhere.py"),
        ({"plan": True}, "plan is nothing that Python gives a sweep: steeplechase.plan says"),
        ({"figure.file": "mine.py"}, "figure.file is nothing that Python gives a sweep"),
    ],
)
def test_a_mistake_is_one_sentence(settings, said, tmp_path):
    with pytest.raises(sc.UserError, match=said) as told:
        sc.sweep(**{**SMALL, **settings}, store=tmp_path / "s")
    assert "\n" not in str(told.value)


def test_a_sweep_is_that_of_the_command(tmp_path, capfd):
    """The command finds everything recorded, and reads the same rows."""
    own = {**SMALL, "estimator": ["ste", "tanh_slope"], "seed": range(3), "learning_rate": [0.01, 0.1]}
    before = sc.plan(**own, store=tmp_path)
    assert before[["estimator", "wanted", "done", "missing"]].to_numpy().tolist() == [
        ["ste", 6, 0, 6],
        ["tanh_slope", 6, 0, 6],
    ]
    results = sc.sweep(**{**own, "verbose": True}, name="both", store=tmp_path)
    assert "12 in 2 runs to train" in capfd.readouterr().out
    assert isinstance(results, sc.ResultSet) and results.rows["replica"].nunique() == 12 and not results.missing
    words = [word for word in api.overrides(**{k: v for k, v in own.items() if k != "verbose"}) if "=" in word]
    done = sweep(*words, "name=both", *QUIET, store=tmp_path)
    assert done.returncode == 0 and "nothing to train" in done.stdout, done.stdout + done.stderr
    pd.testing.assert_frame_equal(sc.load(tmp_path, "both").rows, results.rows)
    assert (sc.plan(**own, store=tmp_path)["missing"] == 0).all()


def test_an_estimator_is_taken_as_its_name():
    named = api.overrides(estimator=["ste", "tanh_slope"], estimator_weights="ste")
    assert named == api.overrides(
        estimator=[sc.estimators["ste"], sc.estimators["tanh_slope"]], estimator_weights=sc.estimators["ste"]
    )


@pytest.mark.parametrize("typed", ["estimator=[ste,tanh_slope]", "estimator='ste, tanh_slope'", "python"])
def test_several_in_one_word_are_told_how_they_are_typed(typed):
    words = [typed] if typed != "python" else api.overrides(estimator="ste,tanh_slope")[1:]
    with pytest.raises(sc.UserError, match="several are typed as estimator=ste,tanh_slope, and given as a list"):
        check_overrides(words)


def test_what_nobody_foresaw_is_told_with_the_commands_last_words(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    (tmp_path / "python").write_text("#!/bin/sh\necho something broke\nexit 7\n", encoding="utf-8")
    (tmp_path / "python").chmod(0o755)
    with pytest.raises(sc.SweepFailed, match="exit code 7, its last words: something broke"):
        sc.sweep(**SMALL, store=tmp_path)


@pytest.mark.long  # tests/runners/planning/test_identity.py edits pages, without training
def test_a_file_that_was_edited_is_trained_anew(tmp_path):
    """In one process, as in a notebook: nothing of the file is kept from the sweep before."""
    path, store = tmp_path / "my_slope.py", tmp_path / "store"
    path.write_text(PAGE, encoding="utf-8")
    own = {**SMALL, "estimator": "cauchy", "estimator_file": path, "store": store}
    sc.sweep(**own)
    path.write_text(PAGE.replace("tf.square(x / width)", "tf.pow(x / width, 2)"), encoding="utf-8")
    again = sc.plan(**own)
    assert again["missing"].tolist() == [1] and "my_slope.py" in again["remark"][0]
    [name] = Store(store).plans()
    with pytest.warns(
        UserWarning, match=rf"the records of {name} are stale \(my_slope.py changed\): run the sweep again"
    ):
        sc.load(store, name, path)
    with pytest.warns(UserWarning, match="are stale cannot be seen: the estimator 'cauchy' is external"):
        sc.load(store, name)


@pytest.mark.long  # tests/test_command.py has a run that fails
def test_trainings_that_fail_are_told_and_the_others_are_kept(tmp_path):
    with pytest.raises(sc.SweepFailed, match=r"1 of the runs failed.*alpha is 1.0.*load\(") as told:
        sc.sweep(**SMALL, estimator=["ste", "q_pseudo"], store=tmp_path, name="n", **{"estimator.q_pseudo.alpha": 1.0})
    assert [run.split("-")[1] for run in told.value.failed] == ["q_pseudo"]
    again = pickle.loads(pickle.dumps(told.value))
    assert str(again) == str(told.value) and again.failed == told.value.failed
    assert set(sc.load(tmp_path, "n").rows["estimator"]) == {"ste"}


@pytest.mark.parametrize("ending", [pytest.param(signal.SIGINT, marks=pytest.mark.long), signal.SIGKILL])
def test_nothing_goes_on_behind_a_sweep_that_is_stopped(ending, tmp_path):
    # Where tests run in a shell's background, SIGINT is ignored, and that is handed on.
    code = "import signal, sys, steeplechase as sc\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
    code += "try:\n    sc.sweep(task='sign_fitting', estimator='ste', steps=10**8)"
    code += "\nfinally:\n    print({'hydra', 'tensorflow'} & {*sys.modules}, flush=True)"
    # A session of its own, as a kernel has one: the signal reaches the Python process alone.
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        start_new_session=True,
    )
    for line in process.stdout:
        if "to train" in line:
            break
    os.kill(process.pid, ending)
    said, error = process.communicate(timeout=60)
    assert process.returncode == -ending, error
    assert ending == signal.SIGKILL or said.endswith("set()\n"), "neither Hydra nor TensorFlow is loaded there"
    assert ("KeyboardInterrupt" in error) == (ending == signal.SIGINT)
    deadline = time.monotonic() + 20
    while _alive(process.pid) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not _alive(process.pid)


def _alive(group: int) -> bool:
    """Whether a process of this group is there."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_trace_is_the_chain_that_it_names():
    table = sc.trace("square,sign", 2.0, target=-1, estimator="tanh_slope", scale=0.5)
    assert table["operation"].tolist() == ["l2_loss", "sign", "square"]
    slope = 0.5 * (1 - np.tanh(0.5 * 4.0) ** 2)
    np.testing.assert_allclose(table["slope"].astype(float), [2.0, slope, 4.0], rtol=1e-5)
    np.testing.assert_allclose(float(table["downstream"].iloc[-1]), 2.0 * slope * 4.0, rtol=1e-5)
    with pytest.raises(sc.UserError, match="there is no operation 'sgn'; did you mean 'sign'"):
        sc.trace("sgn", 1.0)
    with pytest.raises(sc.UserError, match="sign is a hard function: say whose slope"):
        sc.trace("square,sign", 1.0)
    assert sc.trace(["product"], (2.0, 3.0))["downstream"][0] == (3.0, 2.0)
