"""A sweep through a real SLURM: cancelled, preempted, out of time, without its node; its command killed in between."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from results import load
from results.records import submissions
from results.records.store import Store
from tests.oracles.command import ROOT
from tests.slurm.cluster import Cluster, NoCluster, lacks

pytestmark = pytest.mark.skipif(
    bool(lacks()), reason=f"no SLURM here (without {', '.join(lacks())}): Debian's packages slurm-wlm and munge have it"
)
SWEEP = [
    *("experiment=null", "task=sign_fitting", "estimator=tanh_slope,ste", "optimizer=adam,momentum", "figures=[]"),
    *("seed=0,1", "optimizer.learning_rate=0.01", "record_points=40", "checkpoint=0.1", "tables=[summary]"),
]
JOBS = ["hydra/launcher=slurm", "hydra.launcher.cpus_per_task=1", "hydra.launcher.mem_gb=4"]
SHORT, LONG = "task.steps=200000", "task.steps=800000"


@pytest.fixture(scope="module")
def cluster():
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder, contextlib.ExitStack() as stack:
        try:
            running = stack.enter_context(Cluster(Path(folder) / "c"))
        except NoCluster as fault:
            pytest.skip(f"SLURM does not start here: {fault}")
        yield running


@pytest.fixture
def sweep(cluster, tmp_path):
    """Makes the sweep with more overrides. What was started of it is ended with the test."""
    made = []

    def make(*more: str) -> Sweep:
        made.append(Sweep(cluster, tmp_path / "store", *more))
        return made[-1]

    yield make
    for process in (process for own in made for process in own.started):
        if process.poll() is None:
            process.kill()
            process.communicate()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Callable[[str], pd.DataFrame]:
    """By the number of steps, what the sweep leaves where it runs here, in one process."""
    found: dict[str, pd.DataFrame] = {}

    def rows(steps: str) -> pd.DataFrame:
        if steps not in found:
            store = tmp_path_factory.mktemp("undisturbed") / "store"
            line = [sys.executable, "-m", "runners.sweep", *SWEEP, steps, f"store={store}"]
            subprocess.run(line, cwd=ROOT, check=True, capture_output=True, timeout=600)
            found[steps] = records(store)
        return found[steps]

    return rows


def records(store: Path) -> pd.DataFrame:
    """All rows of a store without clocks, in one order."""
    rows = load(store).rows.drop(columns="train_s")
    return rows.sort_values(["replica", "step"], ignore_index=True)


class Sweep:
    """The sweep by jobs of a cluster, into one store. Its commands are `started`."""

    def __init__(self, cluster: Cluster, store: Path, *more: str):
        self.cluster, self.store, self.started = cluster, Store(store), []
        self.line = [sys.executable, "-m", "runners.sweep", *SWEEP, *JOBS, *more, f"store={store}"]

    def start(self, *more: str) -> subprocess.Popen:
        """Types the command."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "encoding": "utf-8"}
        self.started.append(subprocess.Popen([*self.line, *more], cwd=ROOT, env=self.cluster.environment, **pipes))
        return self.started[-1]

    def run(self, *more: str, code: int = 0) -> str:
        """Types the command, and waits. Returns what it said."""
        process = self.start(*more)
        said, _ = process.communicate(timeout=900)
        assert process.returncode == code, said
        return said

    def queue(self) -> list[str]:
        """The jobs that SLURM has: number in their submission, state and node."""
        names = ",".join(own.name for own in submissions.listed(self.store))
        return self.cluster.ask("squeue", "-h", "--array", f"--name={names}", "--format=%K %T %N %i").splitlines()

    def until_trained(self, number: int) -> tuple[str, str]:
        """Waits until this job of the first submission has a checkpoint. Returns its node and its id."""
        end = time.monotonic() + 240
        while time.monotonic() < end:
            for run, fingerprint in (place for own in submissions.listed(self.store)[:1] for place in own.jobs[number]):
                if list(self.store.folder(run, fingerprint).glob("state-*.npz")):
                    own = next((row.split() for row in self.queue() if row.startswith(f"{number} RUNNING")), None)
                    if own:
                        return own[2], own[3]
            time.sleep(0.2)
        raise AssertionError(f"job {number} has no checkpoint: {self.queue()}")

    def logs(self) -> str:
        """What the jobs have printed."""
        paths = sorted((self.store.root / "cluster").rglob("*_log.*"))
        return "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in paths)

    def expect(self, whole: pd.DataFrame) -> None:
        """Nothing is lost, nothing is doubled, and all has the bits of the undisturbed sweep."""
        accounts = [json.loads(path.read_bytes()) for path in (self.store.root / "runs").rglob("run-*.json")]
        names = [name for account in accounts for name in account["replicas"]]
        assert len(names) == len(set(names)) == whole["replica"].nunique()
        own = records(self.store.root)[whole.columns]
        pd.testing.assert_frame_equal(own, whole, check_exact=True, check_dtype=False)  # of what only some runs have


def test_a_sweep_survives_its_command_and_a_cancelled_job(cluster, undisturbed, sweep):
    sweep = sweep(SHORT, "hydra.launcher.runs_per_job=2")
    said = sweep.run("submit=leave")
    assert "Submitted 2 jobs to SLURM" in said and "4 runs left to 2 jobs" in said
    assert "4 runs queued or running already" in sweep.run("submit=leave")  # the same again submits nothing
    (submission,) = submissions.listed(sweep.store)
    assert sorted(map(len, submission.jobs)) == [2, 2]

    waiting = sweep.start()
    _, job = sweep.until_trained(0)
    waiting.send_signal(signal.SIGKILL)
    cluster.ask("scancel", job)
    waiting.communicate()
    said = sweep.run()
    assert len(submissions.listed(sweep.store)) == 2, said  # of the cancelled job alone
    sweep.expect(undisturbed(SHORT))
    assert "nothing to train" in sweep.run("submit=leave")


def test_what_slurm_refuses_is_one_sentence(sweep):
    sweep = sweep(SHORT)
    said = sweep.run("hydra.launcher.partition=nowhere", code=2)
    assert said.count("steeplechase: ") == 1 and "sbatch: error" in said and "nowhere" in said
    assert not sweep.queue()


@pytest.mark.long
def test_a_node_is_lost(cluster, undisturbed, sweep):
    sweep = sweep(LONG, "hydra.launcher.runs_per_job=2")
    waiting = sweep.start()
    node, _ = sweep.until_trained(0)
    cluster.end(node, at_once=True)
    time.sleep(15)  # SLURM notices
    cluster.start_node(int(node.removeprefix("node")))
    said, _ = waiting.communicate(timeout=900)
    assert waiting.returncode == 0 and "went on from where they were" in said, said
    sweep.expect(undisturbed(LONG))


@pytest.mark.long
def test_the_time_of_a_job_is_over(undisturbed, sweep):
    limits = ("hydra.launcher.timeout_min=1", "hydra.launcher.signal_delay_s=30")
    sweep = sweep(LONG, "estimator=ste", "optimizer=adam", *limits)
    said = sweep.run()
    assert "Requeued job" in sweep.logs()
    assert len(submissions.listed(sweep.store)) == 1, said  # SLURM has the job back by itself
    whole = undisturbed(LONG)
    mine = whole[(whole.estimator == "ste") & (whole.optimizer == "adam")].dropna(axis="columns", how="all")
    sweep.expect(mine.reset_index(drop=True))


@pytest.mark.long
def test_a_job_is_preempted(cluster, undisturbed, sweep):
    sweep = sweep(LONG, "hydra.launcher.runs_per_job=2")
    waiting = sweep.start()
    sweep.until_trained(1)
    cluster.ask("sbatch", "--partition=first", "--nodes=2", "--output=/dev/null", "--wrap=srun sleep 5")
    said, _ = waiting.communicate(timeout=900)
    assert waiting.returncode == 0, said
    assert len(submissions.listed(sweep.store)) == 1, said
    sweep.expect(undisturbed(LONG))
