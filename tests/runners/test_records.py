"""python -m runners.records, status and why: what a store holds, what is trained there, and what made a record."""

import io
import json
import os
import time

import numpy as np
import pandas as pd
import pytest

from results.records import checkpoint, locks, sealed
from results.records.plan import Plan
from results.records.store import Store
from runners import records, status, why
from tests.oracles.command import sweep
from tests.oracles.records import make


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def store(tmp_path):
    """A plan whose two replicas are recorded."""
    made = make(tasks=("sign_fitting",), estimators=("ste",), seeds=2, rates=(0.1,), rows=2)
    [account] = made.accounts
    own = Store(tmp_path / "store")
    own.write(account["run"], account["fingerprint"], made.rows, account)
    entry = {"sources": account.get("sources", {}), "configuration": {}}
    entry |= {key: account[key] for key in ("run", "fingerprint", "replicas")}
    own.write_plan(Plan("tonight", "python -m runners.sweep name=tonight", "2026-01-01T02:03:04", (entry,)))
    return own


@pytest.fixture
def ask(store, capsys, monkeypatch):
    def ask(*arguments, answer=None):
        monkeypatch.setattr("sys.stdin", io.StringIO() if answer is None else Terminal(answer))
        code = records.main(["--store", str(store.root), *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return ask


def test_it_lists_sweeps_and_shows_one(ask, store):
    code, output, _ = ask()
    [line] = [line for line in output.splitlines() if "tonight" in line]
    assert code == 0 and line.split()[:7] == ["tonight", "2026-01-01", "02:03", "1", "2", "2", "0"]
    code, output, _ = ask("toni*")
    assert code == 0 and "python -m runners.sweep name=tonight" in output
    assert store.plan("tonight").runs[0]["run"] in output


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_rows_are_exported_and_nothing_is_overwritten(ask, tmp_path, kind):
    path = tmp_path / f"rows.{kind}"
    code, output, _ = ask("tonight", "--export", str(path))
    rows = pd.read_csv(path) if kind == "csv" else pd.read_parquet(path)
    assert code == 0 and len(rows) == 4 and rows["replica"].nunique() == 2 and "4 rows of 2 replicas" in output
    before = path.read_bytes()
    code, _, errors = ask("tonight", "--export", str(path))
    assert code == 1 and "nothing is overwritten" in errors and path.read_bytes() == before


@pytest.mark.parametrize(("answer", "gone"), [("n\n", False), ("\n", False), (None, False), ("y\n", True)])
def test_it_asks_before_it_removes(ask, store, answer, gone):
    code, output, errors = ask("--remove", "tonight", answer=answer)
    assert code == (0 if gone else 1) and "plans/tonight" in output
    assert ("Removed: " in output) is gone and ("nothing is removed" in errors) is not gone
    assert store.plans() == ([] if gone else ["tonight"])
    assert any((store.root / "runs").rglob("*.parquet")) is not gone


def test_it_removes_without_a_question_where_it_is_told_to(ask, store):
    assert ask("--remove", "tonight", "--yes")[0] == 0 and store.plans() == []
    assert ask("--remove", "--unwanted", "--yes")[1] == "There is nothing to remove.\n"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["yesterday"], 1, "there is no plan 'yesterday'"),
        (["--remove"], 2, "--remove needs the NAME of a plan"),
        (["--remove", "tonight", "--unwanted"], 2, "--remove needs the NAME of a plan"),
        (["tonight", "--export", "rows.txt"], 2, "--export takes FILE.csv or FILE.parquet"),
        (["--remove", "tonight", "--export", "rows.csv"], 2, "removes nothing"),
        (["--remov"], 2, ""),
    ],
)
def test_a_mistake_is_one_sentence(ask, store, arguments, code, said):
    found, _, errors = ask(*arguments)
    assert found == code and said in errors and errors.count("\n") == 1 and store.plans() == ["tonight"]


def test_what_killed_processes_have_left_is_removed_and_nothing_else(ask, store):
    """Half written files, tables that no account names, states of what is recorded; not while the run is trained."""
    [folder] = [path.parent for path in (store.root / "runs").rglob("run-*.json")]
    replicas = store.plan("tonight").runs[0]["replicas"]
    left = [folder / ".writing-0123", folder / "record-0123456789abcdef.parquet"]
    kept = folder / "state-unfinished.npz"
    for path in left:
        path.write_bytes(b"half")
    for name, ids in (("done", replicas[:1]), ("unfinished", ["another"])):
        whose = {"run": folder.parent.name, "fingerprint": folder.name, "block": 1, "replicas": ids}
        checkpoint.Checkpoint(folder / f"state-{name}.npz", whose, print).save({"x": np.zeros(1)})
    left.append(folder / "state-done.npz")
    before = {path for path in store.root.rglob("*") if path.is_file()} - {*left}
    code, output, _ = ask("--tidy", "--yes")
    assert code == 0 and "nothing to remove" in output, "somebody may be at it"
    for path in before | {*left}:
        os.utime(path, (0, 0))
    with locks.acquire(folder, {"run": "r"}):
        assert "nothing to remove" in ask("--tidy", "--yes")[1], "it is being trained"
    code, output, _ = ask("--tidy", "--yes")
    assert code == 0 and all(str(path.relative_to(store.root)) in output for path in left)
    now = {path for path in store.root.rglob("*") if path.is_file()}
    assert before <= now and not now & {*left} and kept in now


def test_what_is_being_trained_is_not_removed_and_status_says_by_whom(ask, store, capsys, monkeypatch):
    monkeypatch.setattr(locks, "BEAT", 0.1)
    [folder] = [path.parent for path in (store.root / "runs").rglob("run-*.json")]
    assert status.main(["--store", str(store.root)]) == 0 and "Nothing is being trained" in capsys.readouterr().out
    with locks.acquire(folder, {"run": "r"}) as lock:
        lock.report(30, 120, 2.0)
        code, _, errors = ask("--remove", "tonight", "--yes")
        assert code == 1 and f"is being trained by process {os.getpid()} on" in errors and store.plans() == ["tonight"]
        time.sleep(0.3)
        assert status.main(["--store", str(store.root)]) == 0
        said = capsys.readouterr().out
        assert folder.parent.name[:20] in said and "25%" in said and "15" in said and "has not moved" not in said


@pytest.mark.long
def test_a_record_is_explained_field_by_field(tmp_path, capsys):
    """What its name stands for, and what of its fingerprint has changed since."""
    store, asked = tmp_path / "store", ["experiment=null", "task=sign_fitting", "estimator=ste", "optimizer=sgd"]
    assert sweep(*asked, "steps=20", "figures=[]", "tables=[]", store=store).returncode == 0
    [run] = Store(store).runs()
    assert why.main([run[-8:], "--store", str(store)]) == 0
    said = capsys.readouterr().out
    assert "task.dim" in said and "optimizer.keras" in said and "tasks/sign_fitting.py" in said
    assert "The records count." in said and "changed" not in said
    [path] = store.rglob("run-*.json")
    content = json.loads(path.read_bytes())
    content["sources"]["tasks/base.py"], content["fingerprint"] = "0" * 64, "0" * 16
    older = path.parent.parent / ("0" * 16)
    path.parent.rename(older)
    (older / path.name).write_bytes(sealed.text({key: value for key, value in content.items() if key != "seal"}))
    assert why.main([run, "--store", str(store)]) == 1
    said = capsys.readouterr().out
    [line] = [line for line in said.splitlines() if "tasks/base.py" in line]
    assert "changed" in line and "the records are stale" in " ".join(said.split())
    assert why.main(["nothing", "--store", str(store)]) == 2 and "there is no run 'nothing'" in capsys.readouterr().err
