"""python -m runners.records: lists, shows, exports and removes; it asks before it removes, and overwrites nothing."""

import io

import pandas as pd
import pytest

from results.records.plan import Plan
from results.records.store import Store
from runners import records
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
