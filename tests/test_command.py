"""The command line: Hydra's own answers, launchers, and every mistake told in one sentence."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from results import load
from tests.oracles.command import QUIET, ROOT, sweep


def test_a_pair_that_cannot_be_is_declined_and_listed(tmp_path):
    mixed = sweep(
        *("experiment=null", "task=sign_fitting", "estimator=ste,tanh_slope", "normalize=area", "optimizer=sgd"),
        *("task.steps=20", *QUIET),
        store=tmp_path,
    )
    assert mixed.returncode == 0, mixed.stderr
    assert "1 run was declined" in mixed.stdout
    assert "ste cannot be normalised by area: its area is inf." in mixed.stdout
    table = load(tmp_path, "none-" + next((tmp_path / "plans").iterdir()).name.split("-")[1])
    assert set(table.estimator) == {"tanh_slope"} and table.step.max() == 20
    assert [(one["estimator"], one["normalize"]) for one in table.attrs["declined"]] == [("ste", "area")]
    assert table.attrs["missing"] == {}, "what cannot be is not missing"


def test_one_failing_run_leaves_the_others(tmp_path):
    mixed = sweep(
        *("experiment=null", "task=sign_fitting", "estimator=q_pseudo,atan", "estimator.alpha=1", "optimizer=sgd"),
        *("task.steps=20", *QUIET),
        store=tmp_path,
    )
    assert mixed.returncode == 1
    assert "1 of 2 runs failed" in mixed.stdout and "q_pseudo.alpha is 1.0" in mixed.stdout
    assert set(load(tmp_path).estimator) == {"atan"}
    assert "Traceback" not in mixed.stdout + mixed.stderr


def test_joblib_launches_too(tmp_path):
    done = sweep(
        *("experiment=null", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "task=sign_fitting"),
        *("estimator=ste,tanh_slope", "optimizer=sgd", "task.steps=10", *QUIET),
        store=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert load(tmp_path).estimator.nunique() == 2


def running():
    """{process: its parent}, of all that have not ended."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            state, parent = stat.read_text().rsplit(")", 1)[1].split()[:2]
            if state != "Z":
                parents[int(stat.parent.name)] = int(parent)
    return parents


def descendants(pid):
    """The processes below this one."""
    found, parents = {pid}, running()
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def test_nothing_outlives_a_sweep_that_is_killed(tmp_path):
    """Two processes of joblib's, each with a training process of its own."""
    arguments = ["experiment=null", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "task=binarized_mlp"]
    arguments += ["estimator=ste,tanh_slope", "optimizer=sgd", "seed=range(64)", *QUIET, f"store={tmp_path}"]
    command = [sys.executable, "-m", "runners.sweep", *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    waited = time.monotonic() + 60
    while len(left := descendants(process.pid)) < 5 and time.monotonic() < waited:
        time.sleep(0.2)
    assert len(left) >= 5, "two launched processes with a training process each, and what tracks their resources"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    waited = time.monotonic() + 40
    while left and time.monotonic() < waited:
        time.sleep(0.2)
        left &= set(running())
    assert not left


@pytest.mark.parametrize("flags", [["--help"], ["--cfg", "job"], ["--info", "searchpath"]])
def test_hydras_own_answers(flags):
    answer = sweep(*flags, store=None)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.strip()


def test_tab_completion():
    line = "steeplechase estimator=tanh"
    environment = {**os.environ, "COMP_LINE": line, "COMP_POINT": str(len(line))}
    command = [sys.executable, "-m", "runners.sweep", "-sc", "query=bash"]
    answer = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert "estimator=tanh_slope" in answer.stdout


MISTAKES = {
    "estimator=tanh_slop": "did you mean 'tanh_slope'?",
    "task=sign_fiting": "did you mean 'sign_fitting'?",
    "optimizer=adm": "did you mean 'adam'?",
    "experiment=notbook": "did you mean 'notebook'?",
    "stpes=3": "did you mean 'steps'?",
    "+foo=1": "would add a key",
    "~task": "would delete a key",
    "estimator=ste estimator.scale=2": "ste has no key 'scale'",
    "task=sign_fitting task.hidden=[3]": "sign_fitting has no key 'hidden'",
    "estimator=ste,tanh_slope estimator.scale=1,2": "ste has no key 'scale'",
    "optimizer.learning_rate=-1": "must be greater than 0",
    "optimizer.learning_rate=0": "must be greater than 0",
    "optimizer.learning_rate=abc": "must be a finite number or a schedule",
    "steps=0": "steps is 0",
    "steps=many": "must be a whole number",
    "steps=[1,2]": "must be a whole number",
    "rows=0": "rows is 0",
    "seed=-1": "seed is -1",
    "seed=1,1": "lists 1 twice",
    "seed=[]": "an empty list",
    "tables=[sumary]": "did you mean 'summary'?",
    "figures=[convergense]": "did you mean 'convergence'?",
    "optimizer=adamw optimizer.weight_decay=null": "is null, but needs a value",
    "optimizer=nadam optimizer.beta_1=[0.9,0.8]": "must be a number",
    "optimizer=sgd optimizer.clipvalue=abc": "must be a number or null",
    "normalize=are": "did you mean 'area'?",
    "device=gpu": "device is gpu",
    "task=binarized_mlp task.hidden=12": "must be a list",
    "task=binarized_mlp task.batch=x": "must be a whole number",
    "task=binarized_mlp task.data=nowhere.gz": "there is no such file",
    "range(3": "not of the form key=value",
    "seed=range(3": "cannot be read",
    "store=/proc/none": "cannot be written",
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_sentence(mistake, tmp_path):
    store = None if "store=" in mistake else tmp_path
    answer = sweep(*mistake.split(), store=store, timeout=60)
    assert answer.returncode == 2, answer.stdout
    assert MISTAKES[mistake] in answer.stderr
    assert answer.stderr.startswith("steeplechase: ") and len(answer.stderr.strip().splitlines()) == 1
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize(
    "mistake, said",
    [
        ("task=binarized_mlp task.hidden=[0]", "task.hidden[0] is 0"),
        pytest.param("task=binarized_mlp task.batch=5000", "task.batch is 5000", marks=pytest.mark.long),
        ("task=sign_fitting estimator.scale=-1", "tanh_slope.scale is -1"),
        pytest.param("task=sign_fitting optimizer.keras=Lamb", "not element-wise", marks=pytest.mark.long),
        ("task=sign_fitting forward=step", "is written for sign"),
    ],
)
def test_a_mistake_that_a_page_finds_fails_its_run(mistake, said, tmp_path):
    arguments = ["experiment=null", "estimator=tanh_slope", "optimizer=sgd", *mistake.split(), *QUIET]
    answer = sweep(*arguments, store=tmp_path)
    assert answer.returncode == 1, "nothing was trained"
    assert said in answer.stdout.replace("│", "").replace("\n", " ").replace("  ", " ") or said in answer.stdout
    assert "Traceback" not in answer.stdout + answer.stderr


def test_bop_runs(tmp_path):
    done = sweep("experiment=null", "task=sign_fitting", "optimizer=bop", "steps=20", "rows=2", *QUIET, store=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    table = load(tmp_path)
    assert table.estimator_weights.isna().all() and table["optimizer.threshold"].eq(1e-6).all()


def test_a_table_that_cannot_be_made_is_one_sentence(tmp_path):
    answer = sweep("experiment=notebook", "seed=0,1", "steps=10", "rows=10", store=tmp_path)
    assert answer.returncode == 1 and "needs one replica" in answer.stderr and "Traceback" not in answer.stderr
