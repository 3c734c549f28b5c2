"""The command, end to end, as a user types it: in processes of its own, in a folder of its own."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from results import load
from results.records.store import Store
from tests.oracles.command import QUIET, ROOT, sweep

# Steps enough that a good part of it is training, in which a kill may fall.
SMALL = [
    *("experiment=null", "task=sign_fitting", "estimator=tanh_slope,ste", "optimizer=adam", "task.steps=10000"),
    *("seed=0,1", "optimizer.learning_rate=0.003,0.03", "record_points=20", "checkpoint=0", *QUIET),
]
ONE = [*SMALL[:2], "estimator=tanh_slope", *SMALL[3:]]  # the first of its two runs
LARGE = [*SMALL[:1], "task=sign_fitting,binarized_mlp", *ONE[2:4], "task.steps=2000", *SMALL[5:]]


def records(store) -> pd.DataFrame:
    table = load(store).rows.drop(columns="train_s")
    return table.sort_values(["replica", "step"], ignore_index=True)


def same_run(store, whole):
    """The run of ONE in this store is that of the whole sweep, bit for bit."""
    theirs = records(whole)
    pd.testing.assert_frame_equal(
        records(store).dropna(axis=1, how="all"),
        theirs[theirs.estimator == "tanh_slope"].dropna(axis=1, how="all").reset_index(drop=True),
        check_exact=True,
        check_like=True,
        check_dtype=False,  # a column that another estimator has not is a float there
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A store in which a small sweep has run once, undisturbed, and how many seconds that took."""
    store, started = tmp_path_factory.mktemp("finished"), time.monotonic()
    done = sweep(*SMALL, store=store)
    assert done.returncode == 0, done.stderr
    return store, time.monotonic() - started, done


def test_a_sweep_trains_records_and_says_so(finished):
    store, _, done = finished
    results = load(store)
    assert results.rows.replica.nunique() == 8 and results.rows.run.nunique() == 2
    assert (results.rows.groupby("replica").step.nunique() == 21).all()
    assert "Trained 8 replicas" in done.stdout and "Traceback" not in done.stderr
    assert results.missing == {}
    [account, *_] = results.accounts
    for key in ("versions", "commit", "dirty", "cores", "started", "ended", "compile_s", "step_s", "peak_memory_bytes"):
        assert key in account
    assert account["replica_steps_per_s"] > 0
    text = json.dumps(results.accounts)
    assert str(Path.home()) not in text and str(ROOT) not in text and os.uname().nodename not in text


def test_the_second_time_nothing_is_trained(finished):
    store, _, _ = finished
    before = {path: path.stat().st_mtime_ns for path in (store / "runs").rglob("*") if path.is_file()}
    again = sweep(*SMALL, store=store)
    assert again.returncode == 0
    assert "All 8 replicas of 2 runs are recorded already: nothing to train." in again.stdout
    assert before == {path: path.stat().st_mtime_ns for path in (store / "runs").rglob("*") if path.is_file()}


@pytest.mark.long  # identities and blocks are tried without a sweep
def test_more_seeds_train_the_new_ones_only_and_equal_a_sweep_of_all(finished, tmp_path):
    store, _, _ = finished
    some = [*ONE[:5], "seed=0", *ONE[6:]]
    assert "Trained 2 replicas" in sweep(*some, store=tmp_path).stdout
    assert "4 replicas: 2 are recorded, 2 in 1 run to train" in sweep(*ONE, store=tmp_path).stdout
    same_run(tmp_path, store)


def test_a_plan_trains_nothing(finished, tmp_path):
    store, _, _ = finished
    shown = sweep(*SMALL, "plan=true", store=store)
    assert "2 runs, 8 replicas: 8 done, 0 missing." in shown.stdout
    empty = sweep(*SMALL, "plan=true", store=tmp_path / "new")
    assert "8 missing" in empty.stdout and not (tmp_path / "new").exists()


def killed_at(moments, store, line):
    """Starts this sweep again and again, kills it with its children after so many seconds, then lets it end."""
    cut = 0
    for seconds in moments:
        command = [sys.executable, "-m", "runners.sweep", *line, f"store={store}"]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            cut += 1
            os.kill(process.pid, signal.SIGKILL)  # its training process must notice by itself
            process.wait()
    last = sweep(*line, store=store)
    assert last.returncode == 0, last.stderr
    return cut


def check_killed(finished, folder, shares, line=SMALL):
    """Kills at these shares of the time that the undisturbed sweep took; on a machine that has become faster since, and
    has finished before it could be killed, once more and sooner."""
    store, seconds, _ = finished
    for attempt in range(6):
        place = folder / str(attempt)
        cut = killed_at([share * seconds * 0.7**attempt for share in shares], place, line)
        pd.testing.assert_frame_equal(records(place), records(store), check_exact=True)
        assert not list(place.rglob("state-*.npz")), "a finished block leaves no state"
        if cut:
            return
    raise AssertionError("six times the sweep was over before it could be killed")


@pytest.mark.long  # tests/runners/test_torture.py kills in the short form
def test_killed_at_any_moment_it_ends_with_the_same_records(finished, tmp_path):
    """Two random moments: while it starts, compiles, trains or writes. They are printed, to be tried again."""
    moments = [random.SystemRandom().uniform(0.2, 0.98) for _ in range(2)]
    print("killed at", moments)
    check_killed(finished, tmp_path, moments)


@pytest.mark.long
def test_killed_at_twenty_moments(tmp_path):
    """With a network, too, whose compiling and training take longer."""
    store, started = tmp_path / "whole", time.monotonic()
    done = sweep(*LARGE, store=store)
    assert done.returncode == 0, done.stderr
    finished = store, time.monotonic() - started, done
    for i in range(20):
        moment = random.SystemRandom().uniform(0.2, 1.0)
        print("killed at", moment)
        check_killed(finished, tmp_path / str(i), [moment], LARGE)


@pytest.mark.long
def test_a_resumed_block_goes_on_and_does_not_start_anew(finished, tmp_path):
    """Killed right after its first state was saved, it says that it went on."""
    command = [sys.executable, "-m", "runners.sweep", *ONE, f"store={tmp_path}"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list(tmp_path.rglob("state-*.npz")) and time.monotonic() < deadline:
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    time.sleep(0.5)
    kept = list(tmp_path.rglob("state-*.npz"))  # none, if the block was recorded in the same moment
    last = sweep(*ONE, store=tmp_path)
    assert not kept or "went on from where they were" in last.stdout
    same_run(tmp_path, finished[0])


@pytest.mark.long  # tests/results/records has each kind of damage, without training
def test_a_damaged_record_is_set_aside_and_trained_again(finished, tmp_path):
    store, _, _ = finished
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-r", str(store), str(copy)], check=True)
    victim = next(copy.rglob("*/record-*.parquet"))
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.write_bytes(content)
    mended = sweep(*SMALL, store=copy)
    assert mended.returncode == 0, mended.stderr
    assert "was damaged" in mended.stdout and "Trained 4 replicas" in mended.stdout
    assert list(copy.rglob("damaged-*"))
    pd.testing.assert_frame_equal(records(copy), records(store), check_exact=True)


def test_the_notebook(tmp_path):
    """Its printed table against NumPy in float64, to 5·10⁻⁵."""
    import numpy as np

    done = sweep("experiment=notebook", store=tmp_path)
    assert done.returncode == 0, done.stderr
    printed = pd.read_csv(tmp_path / "output" / "notebook" / "notebook.csv").set_index("step")
    assert list(printed.index) == list(range(0, 100, 10))
    x, m, v = -1.0, 0.0, 0.0
    for k in range(100):
        y = 1.0 if x > 0 else -1.0
        loss, gradient = 0.5 * (y - 1) ** 2, (y - 1) / (1 + np.exp(-x)) / (1 + np.exp(x))
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        x -= 0.1 * np.sqrt(1 - 0.999 ** (k + 1)) / (1 - 0.9 ** (k + 1)) * m / (np.sqrt(v) + 1e-7)
        if k % 10 == 0:
            row = printed.loc[k]
            np.testing.assert_allclose([row.train_loss, row.gradient, row.y, row.x], [loss, gradient, y, x], atol=5e-5)
            assert f"{row.x:.6f}" in done.stdout
    assert load(tmp_path).rows.step.tolist() == list(range(101))


@pytest.fixture
def house(tmp_path):
    """A copy of the project's code that a test may edit."""
    copy = tmp_path / "house"
    folders = ["conf", "steeplechase", "estimators", "tasks", "runners", "results", "hydra_plugins"]
    copy.mkdir()
    for folder in folders:
        subprocess.run(["cp", "-r", str(ROOT / folder), str(copy / folder)], check=True)
    subprocess.run(["rm", "-rf", str(copy / "results" / "runs"), str(copy / "results" / "plans")], check=True)
    return copy


@pytest.mark.long  # tests/runners/planning/test_identity.py edits every page, without training
def test_editing_a_page_makes_exactly_its_records_stale(house, tmp_path):
    store = tmp_path / "store"
    small = [
        "experiment=null",
        "estimator=ste,tanh_slope",
        "optimizer=sgd",
        "task=sign_fitting",
        "task.steps=10",
        *QUIET,
    ]
    assert sweep(*small, store=store, root=house).returncode == 0
    page = house / "estimators" / "surrogates" / "tanh_slope.py"
    text = page.read_text(encoding="utf-8")

    page.write_text(text.replace('"""The slope', '"""A slope') + "# a comment\n", encoding="utf-8")
    assert "2 done, 0 missing" in sweep(*small, "plan=true", store=store, root=house).stdout

    page.write_text(text.replace("return 4 * scale", "return 4.0000001 * scale"), encoding="utf-8")
    shown = sweep(*small, "plan=true", store=store, root=house).stdout
    assert "1 done, 1 missing" in shown
    assert "estimators/surrogates/tanh_slope.py changed" in shown.replace("\n", "")
    figures = sweep("--store", str(store), store=None, module="runners.figures", root=house)
    assert figures.returncode == 1 and "stale" in figures.stderr and "tanh_slope.py changed" in figures.stderr
    again = sweep(*small, store=store, root=house).stdout
    assert "Trained 1 replica in" in again

    page.write_text(text, encoding="utf-8")  # the old records are still there
    assert "2 done, 0 missing" in sweep(*small, "plan=true", store=store, root=house).stdout


@pytest.mark.long  # tests/results/records fills a disk at every write, without training
def test_a_full_disk_leaves_nothing_that_could_be_read(tmp_path):
    """A store of 64 KiB: the record does not fit, the run says so, and nothing half-written counts."""
    store = tmp_path / "small"
    store.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(store)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small file system needs rights that this user has not")
    try:
        line = [*ONE[:4], "task.steps=2000", "seed=range(64)", "record_points=400", *QUIET]
        done = sweep(*line, store=store)
        assert done.returncode in (1, 2)
        rows = [line.split("│") for line in done.stdout.splitlines() if line.startswith("│")]
        why = " ".join(row[2].strip() for row in rows)  # a long path breaks the sentence anywhere
        assert "No space left" in why + done.stderr and "Traceback" not in done.stdout + done.stderr
        assert not list(Store(store).root.rglob("run-*.json"))
    finally:
        subprocess.run(["umount", str(store)], check=True)
