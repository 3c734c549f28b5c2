"""One trial: a sweep meets a fault, then its command is typed again until it ends well, and is held to the bits."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from results import load
from results.records.store import Store
from steeplechase.errors import UserError
from tests.oracles.command import ROOT

INSIDE = ROOT / "tests" / "torture" / "inside"
SWEEP = [
    *("experiment=null", "task=sign_fitting", "estimator=tanh_slope,ste", "optimizer=adam", "task.steps=2000"),
    *("seed=0,1", "optimizer.learning_rate=0.003,0.03", "record_points=5", "checkpoint=0", "block=2"),
    *("figures=[convergence]", "tables=[summary]"),
]
JOBLIB = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
AGAIN = 3  # times that the command is typed again, at most
PROMPT = 5.0  # seconds within which a sweep that is asked to end has ended
PATIENT = """
import sys
from results.records import locks
locks.LOST = 7.0
from runners import sweep
sys.argv = ["runners.sweep", *sys.argv[1:]]
sweep.cli()
"""


@dataclass(frozen=True)
class Fault:
    """What is done to a sweep.

    Attributes:
        kind: of which the table has a row.
        at: when: a share of the time that an undisturbed sweep takes; None: at an operation, or on its files.
        sent: the signal that the command gets then, 0 for none.
        group: whether its children get it, too.
        operation: at which operation harm is done (inside/sitecustomize.py), or {}.
        files: how a file of the store is changed after an interruption, or "".
        joblib: whether two processes train.
        clock: by how many seconds the clock was set back when the command is typed again.
        seed: of what is chosen at random within the trial.
    """

    kind: str
    at: float | None = None
    sent: int = 0
    group: bool = False
    operation: dict = field(default_factory=dict)
    files: str = ""
    joblib: bool = False
    clock: float = 0.0
    seed: int = 0


@dataclass
class Verdict:
    """What became of a trial.

    Attributes:
        fault: that was injected.
        hit: whether the fault met the sweep before it had ended.
        lost: replicas that were not recorded in the end, or with other numbers.
        doubled: replicas that are recorded twice.
        stale: parts of other code, or a finished sweep that says something else than all is recorded.
        slow: why the command did not end in time, or did not end well; "".
    """

    fault: Fault
    hit: bool = False
    lost: int = 0
    doubled: int = 0
    stale: int = 0
    slow: str = ""

    @property
    def survived(self) -> bool:
        return not (self.lost or self.doubled or self.stale or self.slow)


@dataclass(frozen=True)
class Reference:
    """A sweep that nobody disturbed.

    Attributes:
        rows: its records, clocks aside.
        seconds: that it took.
        operations: that its processes did on the store, as they noted them.
    """

    rows: pd.DataFrame
    seconds: float
    operations: list[dict]


def reference(folder: Path) -> Reference:
    """Runs the sweep undisturbed.

    Args:
        folder: an empty one.

    Returns:
        What it left.
    """
    started = time.monotonic()
    process = start(folder / "store", log=folder / "log")
    out, error = process.communicate(timeout=300)
    if process.returncode:
        raise RuntimeError(f"the undisturbed sweep failed: {out}{error}")
    lines = (folder / "log").read_text(encoding="utf-8").splitlines()
    return Reference(records(folder / "store"), time.monotonic() - started, [json.loads(line) for line in lines])


def records(store: Path) -> pd.DataFrame:
    """All rows of a store without clocks, in one order."""
    rows = load(store).rows.drop(columns="train_s")
    return rows.sort_values(["replica", "step"], ignore_index=True)


def start(
    store: Path, log: Path | None = None, fault: Fault | None = None, code: str = "", clock: float = 0.0
) -> subprocess.Popen:
    """Starts the sweep, in a group of processes of its own.

    Args:
        store: where it records.
        log: where its operations on the store are noted; None: nowhere, and no harm is done.
        fault: whose operation is harmful, and which launcher is used.
        code: what is run in the place of the command.
        clock: by how many seconds the clock was set back.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "-1"}
    if log:
        environment |= {"PYTHONPATH": f"{INSIDE}{os.pathsep}{ROOT}", "TORTURE_LOG": str(log)}
        environment["TORTURE"] = json.dumps(fault.operation if fault else {})
    line = [sys.executable, *(["-c", code] if code else ["-m", "runners.sweep"]), *SWEEP]
    if clock:  # Debian's package faketime; what only counts is left alone, as a clock that is set leaves it
        environment |= {"FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        line = ["faketime", "-f", f"-{clock:.0f}s", *line]
    line += [*(JOBLIB if fault and fault.joblib else []), f"store={store}"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen(line, cwd=ROOT, env=environment, start_new_session=True, encoding="utf-8", **pipes)


def attempt(fault: Fault, whole: Reference) -> Verdict:
    """One trial.

    Args:
        fault: that is injected.
        whole: what the sweep leaves undisturbed.

    Returns:
        What became of it.
    """
    verdict = Verdict(fault)
    folder = Path(tempfile.mkdtemp(prefix="steeplechase-torture-"))
    try:
        store, rng = folder / "store", random.Random(fault.seed)
        stopped = _disturb(fault, whole, store, folder / "log", verdict)
        if fault.files:
            verdict.hit = _damage(store, fault.files, rng)
        said = ""
        for _ in range(AGAIN):
            process = start(store, code=PATIENT if stopped else "", clock=fault.clock)
            said, _ = process.communicate(timeout=300)
            if process.returncode == 0:
                break
        else:
            verdict.slow = f"typed {AGAIN} times again, it did not end well: {' '.join(said.split())[-300:]}"
        if stopped:
            _wake(stopped, verdict)
        judge(store, whole, verdict)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return verdict


def _disturb(fault: Fault, whole: Reference, store: Path, log: Path, verdict: Verdict) -> subprocess.Popen | None:
    """Runs the sweep into its fault. Returns it where it was stopped, and has to be woken."""
    process = start(store, log, fault)
    if fault.operation.get("harm") == "stopped" and _comes_to(fault.operation, process, log):
        verdict.hit = True
        return process
    try:
        process.wait(fault.at * whole.seconds if fault.at is not None else 300)
    except subprocess.TimeoutExpired:
        verdict.hit = True
        sent = time.monotonic()
        os.killpg(process.pid, fault.sent) if fault.group else process.send_signal(fault.sent)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        if fault.sent != signal.SIGKILL and time.monotonic() - sent > PROMPT:
            verdict.slow = f"asked to end by signal {fault.sent}, it took {time.monotonic() - sent:.1f} s"
    else:
        verdict.hit = bool(fault.operation) and process.returncode != 0
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    return None


def _comes_to(operation: dict, process: subprocess.Popen, log: Path) -> bool:
    """Waits until a sweep has come to an operation, and harm is done; False where it ends before."""
    noted = {key: value for key, value in operation.items() if key != "harm"}
    end = time.monotonic() + 300
    while process.poll() is None and time.monotonic() < end:
        lines = log.read_text(encoding="utf-8").splitlines(keepends=True) if log.exists() else []
        if any(line.endswith("\n") and json.loads(line) == noted for line in lines):
            time.sleep(1.0)
            return True
        time.sleep(0.2)
    return False


def _wake(process: subprocess.Popen, verdict: Verdict) -> None:
    """Wakes a sweep that was stopped, which must end by itself and write nothing any more."""
    os.killpg(process.pid, signal.SIGCONT)
    try:
        process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        verdict.slow = "once woken, it did not end within a minute"
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _damage(store: Path, how: str, rng: random.Random) -> bool:
    """Changes a file of the store, of those that records and plans consist of. Whether there was one."""
    files = sorted(path for part in ("runs", "plans") for path in (store / part).rglob("*") if path.is_file())
    if not files:
        return False
    path = rng.choice(files)
    content = bytearray(path.read_bytes())
    at = rng.randrange(max(1, len(content)))
    if how == "cut short":
        path.write_bytes(content[:at])
    elif how == "a bit flipped" and content:
        content[at] ^= 1 << rng.randrange(8)
        path.write_bytes(content)
    else:
        path.unlink()
    return True


def judge(store: Path, whole: Reference, verdict: Verdict) -> None:
    """Holds a store against the undisturbed sweep, and writes into the verdict what is not as it should be."""
    accounts = []
    for path in (store / "runs").rglob("run-*.json"):
        with contextlib.suppress(ValueError):  # a damaged one that was set aside has another name
            accounts.append(json.loads(path.read_bytes()))
    names = [name for account in accounts for name in account["replicas"]]
    verdict.doubled = len(names) - len(set(names))
    codes = {(account["run"], account["fingerprint"]) for account in accounts}
    verdict.stale = len(codes) - len({run for run, _ in codes})
    try:
        rows = records(store)
    except UserError as error:
        verdict.lost, verdict.slow = len(whole.rows["replica"].unique()), verdict.slow or str(error)
        return
    expected = whole.rows.groupby("replica")
    found = dict(list(rows.groupby("replica")))
    for name, own in expected:
        other = found.get(name)
        verdict.lost += other is None or not own.reset_index(drop=True).equals(
            other.reset_index(drop=True)[own.columns]
        )
    if not verdict.slow and not Store(store).plans():
        verdict.slow = "no plan is left"
