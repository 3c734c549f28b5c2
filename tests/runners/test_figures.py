"""The command that draws: what is refused of several plans is said once, with the names of the plans."""

from pathlib import Path

import pytest

from results.records.plan import Plan
from results.records.store import Store
from runners import figures
from steeplechase.errors import RecordError

ENTRY = {"run": "first", "fingerprint": "f" * 8, "sources": {}, "configuration": {}, "replicas": ["a"]}


@pytest.mark.parametrize("names", [["one"], ["one", "two"]])
def test_what_is_refused_of_several_plans_is_said_once(names, tmp_path: Path, monkeypatch, capsys):
    for name in names:
        Store(tmp_path).write_plan(Plan(name, "python -m runners.sweep", "2026-01-01", (ENTRY,)))

    def refuse(plan):
        raise RecordError("what was recorded is stale.")

    monkeypatch.setattr(figures, "check_fresh", refuse)
    assert figures.main(["--store", str(tmp_path)]) == 1
    of = f"{', '.join(names)}: " if len(names) > 1 else ""
    assert capsys.readouterr().err == f"steeplechase: {of}what was recorded is stale.\n"
