"""Locks: one holder at a time; the dead and the stopped lose them; whoever has lost one writes nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from results.records import locks, sealed
from tests.oracles.command import ROOT

RACE = """
import os, sys, time
from pathlib import Path
from results.records import locks
folder, log, wanted = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
taken = 0
while taken < wanted:
    lock = locks.acquire(folder, {"run": "r"})
    if isinstance(lock, locks.Holder):
        continue
    with lock, open(log, "a") as file:
        for word in ("begins", "ends"):
            file.write(f"{os.getpid()} {word}\\n")
            file.flush()
            time.sleep(0.001)
    taken += 1
"""
HOLD = """
import sys, time
from pathlib import Path
from results.records import locks
locks.BEAT = 0.1
folder = Path(sys.argv[1])
with locks.acquire(folder, {"run": "r"}) as lock:
    print("holds", flush=True)
    for number in range(600):
        time.sleep(0.05)
        try:
            lock.require()
        except locks.LostLock as lost:
            print(lost, flush=True)
            break
        (folder / "written").write_text(str(number))
"""


def python(code, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)], cwd=ROOT, stdout=subprocess.PIPE, encoding="utf-8"
    )


@pytest.fixture
def holding(tmp_path):
    """A process that holds the lock of a folder, and writes there as long as it does."""
    process = python(HOLD, tmp_path)
    assert process.stdout.readline() == "holds\n"
    yield process
    if process.poll() is None:
        process.kill()
    process.wait()
    process.stdout.close()


def test_one_process_at_a_time_holds_a_lock(tmp_path):
    """Six processes want it ten times each: what they do under it never overlaps, and none goes without."""
    folder, log = tmp_path / "run", tmp_path / "log"
    racing = [python(RACE, folder, log, 10) for _ in range(6)]
    assert [process.wait(timeout=100) for process in racing] == [0] * 6
    for process in racing:
        process.stdout.close()
    lines = [line.split() for line in log.read_text(encoding="utf-8").splitlines()]
    assert len(lines) == 6 * 10 * 2
    for (one, begins), (other, ends) in zip(lines[::2], lines[1::2], strict=True):
        assert one == other and (begins, ends) == ("begins", "ends")
    [last] = folder.glob("lock-*.json")
    assert int(last.stem.removeprefix("lock-")) == 60, "each holder has a number of its own, and the last one stays"


def test_a_dead_holders_lock_is_free_at_once(tmp_path, holding):
    assert isinstance(found := locks.acquire(tmp_path, {}), locks.Holder) and found.process == holding.pid
    holding.kill()
    holding.wait()
    began = time.monotonic()
    assert isinstance(locks.acquire(tmp_path, {}), locks.Lock) and time.monotonic() - began < 1


def test_a_stopped_holder_loses_its_lock_and_writes_nothing_when_it_wakes(tmp_path, holding, monkeypatch):
    monkeypatch.setattr(locks, "LOST", 1.0)
    watch = locks.Watch(tmp_path)
    until = time.monotonic() + 1.5
    while time.monotonic() < until:
        assert watch.holder() is not None, "it moves, and keeps its lock for longer than LOST"
        time.sleep(0.05)
    written = tmp_path / "written"
    last = written.read_bytes()
    while written.read_bytes() in (last, b""):  # right after it wrote it sleeps, and is not between a look and a write
        time.sleep(0.001)
    os.kill(holding.pid, signal.SIGSTOP)
    began = time.monotonic()
    while watch.holder() is not None:
        assert time.monotonic() - began < 20
        time.sleep(0.05)
    assert time.monotonic() - began > 0.8, "not before its time"
    with locks.acquire(tmp_path, {}) as lock:
        before = written.read_bytes()
        os.kill(holding.pid, signal.SIGCONT)
        assert "another process has taken over" in holding.stdout.readline()
        assert holding.wait(timeout=20) == 0 and written.read_bytes() == before
        assert lock.held(), "nor did it give free what is another's"


def of_another_node(folder, **changed):
    """A lock that a process of another machine holds."""
    lock = locks.acquire(folder, {})
    [path] = Path(folder).glob("lock-*.json")
    content = json.loads(path.read_bytes()) | {"node": "node-7", "place": "elsewhere", "process": 1, **changed}
    sealed.replace(path, sealed.text(content))
    return lock, path


def test_a_holder_of_another_node_is_believed_while_it_moves(tmp_path, monkeypatch):
    """Its process cannot be seen here, and its clock is not looked at."""
    monkeypatch.setattr(locks, "LOST", 0.4)
    _, path = of_another_node(tmp_path, began="1")
    watch = locks.Watch(tmp_path)
    for beats in range(1, 8):
        time.sleep(0.1)
        sealed.replace(path, sealed.text(json.loads(path.read_bytes()) | {"beats": beats}))
        os.utime(path, (0, 0))
        found = watch.holder()
        assert found.name == "process 1 on node-7" and found.beats == beats
    assert isinstance(locks.acquire(tmp_path, {}), locks.Holder), "who has not watched it takes nothing"
    time.sleep(0.5)
    assert watch.holder() is None and isinstance(locks.acquire(tmp_path, {}), locks.Lock)


def test_two_that_wait_free_a_lost_lock_once(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "LOST", 0.2)
    of_another_node(tmp_path)
    first, second = locks.Watch(tmp_path), locks.Watch(tmp_path)
    assert first.holder() and second.holder()
    time.sleep(0.3)
    assert first.holder() is None
    lock = locks.acquire(tmp_path, {})
    assert second.holder() is not None and lock.held(), "what was taken since is another holder's, who was not watched"


def test_a_damaged_lock_is_held_until_it_has_not_moved_for_long(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "LOST", 0.2)
    _, path = of_another_node(tmp_path)
    path.write_bytes(path.read_bytes()[:-10])
    watch = locks.Watch(tmp_path)
    assert watch.holder().node == "?"
    time.sleep(0.3)
    assert watch.holder() is None


def test_a_process_of_the_same_id_is_another_one(tmp_path):
    """Ids are given again: by when it began it is seen that the holder has ended."""
    lock, path = of_another_node(tmp_path)
    content = json.loads(path.read_bytes())
    own = locks.acquire(tmp_path / "own", {})
    assert own and lock
    [mine] = (tmp_path / "own").glob("lock-*.json")
    said = json.loads(mine.read_bytes())
    sealed.replace(path, sealed.text(content | {"place": said["place"], "process": os.getpid(), "began": "1"}))
    assert isinstance(locks.acquire(tmp_path, {}), locks.Lock)
    assert isinstance(locks.acquire(tmp_path / "own", {}), locks.Holder)


@pytest.mark.parametrize(
    ("job", "restart", "free"), [("7 of trial", 1, True), ("7 of trial", 2, False), ("8 of trial", 1, False)]
)
def test_an_earlier_life_of_the_same_job_has_lost_its_lock(job, restart, free, tmp_path, monkeypatch):
    """A cluster has begun the job anew, on another node: what it was before is over."""
    of_another_node(tmp_path, job=job, restart=restart)
    assert isinstance(locks.acquire(tmp_path, {}), locks.Holder), "outside of jobs it is another's"
    for name, value in {"JOB_ID": "7", "CLUSTER_NAME": "trial", "RESTART_COUNT": "2"}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    found = locks.acquire(tmp_path, {})
    assert isinstance(found, locks.Lock if free else locks.Holder)
    if free:
        [path] = tmp_path.glob("lock-*.json")
        said = json.loads(path.read_bytes())
        assert (said["job"], said["restart"]) == ("7 of trial", 2)
