"""Several sweeps at once into one store: each replica is trained once, whoever trains it and whatever becomes of it."""

import json
import os
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest

from results import load
from results.records.store import Store
from tests.oracles.command import QUIET, ROOT, sweep

ASKED = [
    *("experiment=null", "task=sign_fitting", "estimator=tanh_slope,ste", "optimizer=adam"),
    *("task.steps=3000", "seed=range(4)", "record_points=4", *QUIET),
]
OTHERS = [*ASKED[:2], "estimator=ste,sigmoid_derivative", *ASKED[3:5], "seed=range(2,8)", *ASKED[6:]]
LONG = ["experiment=null", "task=sign_fitting", "estimator=ste", "optimizer=adam", "seed=range(4)", *QUIET]
LONG += ["task.steps=800000", "record_points=40", "checkpoint=0"]
PATIENT = """
import sys
from results.records import locks
locks.LOST = 12.0
from runners import sweep
sys.argv = ["runners.sweep", *sys.argv[1:]]
sweep.cli()
"""


def start(*arguments, store, code=None):
    line = [sys.executable, *(["-c", code] if code else ["-m", "runners.sweep"]), *arguments, f"store={store}"]
    return subprocess.Popen(
        line, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", start_new_session=True
    )


def under_way(store):
    """A long sweep that has saved a state."""
    process = start(*LONG, store=store)
    while not list(store.rglob("state-*.npz")):
        assert process.poll() is None
        time.sleep(0.2)
    return process


def end(processes, seconds=300):
    """What each said, once all have ended well."""
    said = [process.communicate(timeout=seconds) for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), said
    return [out for out, _ in said]


def trained_once(store):
    """How many replicas are recorded, each in one part alone."""
    accounts = [json.loads(path.read_bytes()) for path in (store / "runs").rglob("run-*.json")]
    ids = [(account["run"], name) for account in accounts for name in account["replicas"]]
    assert len(ids) == len(set(ids)), "a replica was trained twice"
    return len(ids)


def wanted(store):
    plans = [Store(store).plan(name) for name in Store(store).plans()]
    return {(run["run"], name) for plan in plans for run in plan.runs for name in run["replicas"]}


@pytest.mark.long  # locks, waiting and resuming are each tried in the short form
def test_two_sweeps_at_once_train_what_is_needed_and_both_have_all_of_it(tmp_path):
    """Of which some replicas are the same: these are trained by one of them, bit for bit as if it were alone."""
    store = tmp_path / "store"
    said = end([start(*ASKED, store=store), start(*OTHERS, store=store)])
    assert trained_once(store) == len(wanted(store)) == 2 * 4 + 2 * 6 - 2
    assert all(not results.missing for results in (load(store, name) for name in Store(store).plans()))
    assert all("Trained" in out for out in said)
    assert all(json.loads(path.read_bytes())["state"] == "free" for path in store.rglob("lock-*.json"))
    alone = tmp_path / "alone"
    assert sweep(*ASKED, store=alone).returncode == 0
    [plan] = Store(alone).plans()
    tables = [load(place, plan).rows.drop(columns="train_s") for place in (alone, store)]
    one, other = (table.sort_values(["replica", "step"], ignore_index=True) for table in tables)
    pd.testing.assert_frame_equal(one, other, check_exact=True, check_like=True)


@pytest.mark.long
@pytest.mark.parametrize("number", range(10))
@pytest.mark.parametrize("sweeps", [2, 4])
def test_ten_times_two_and_four_sweeps_at_once(sweeps, number, tmp_path):
    asked = [ASKED if at % 2 == 0 or number % 2 else OTHERS for at in range(sweeps)]
    end([start(*own, store=tmp_path) for own in asked], 600)
    assert trained_once(tmp_path) == len(wanted(tmp_path))


@pytest.mark.long  # a stopped holder is tried on locks alone in the short form
def test_a_trainer_that_is_stopped_for_ever_is_given_up_and_writes_nothing_when_it_wakes(tmp_path):
    first = under_way(tmp_path)
    os.killpg(first.pid, signal.SIGSTOP)
    try:
        second = start(*LONG, store=tmp_path, code=PATIENT)
        [said] = end([second])
        assert "1 run is being trained by another process: waiting." in said
        before = {path: path.read_bytes() for path in tmp_path.rglob("run-*.json")}
    finally:
        os.killpg(first.pid, signal.SIGCONT)
    end([first])
    assert {path: path.read_bytes() for path in tmp_path.rglob("run-*.json")} == before
    assert trained_once(tmp_path) == 4


@pytest.mark.long
def test_where_the_first_is_killed_the_second_goes_on_from_its_checkpoint(tmp_path):
    first = under_way(tmp_path)
    second = start(*LONG, store=tmp_path)
    time.sleep(8)
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    [said] = end([second])
    assert "4 went on from where they were" in said and trained_once(tmp_path) == 4
