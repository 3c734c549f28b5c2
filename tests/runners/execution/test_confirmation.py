"""A confirmation takes draws that nobody has met, whole ones, as the table's own are."""

import subprocess
from types import SimpleNamespace

import pytest
import yaml

from results.records import frozen
from results.records.plan import Plan
from results.records.store import Store
from runners.execution import confirmation
from runners.execution.confirmation import confirm
from steeplechase.errors import RecordError
from tests.helpers.draws import drawn
from tests.oracles.records import make

CLAIM = {"says": "It is.", "table": "race", "task": "sign_fitting", "optimizer": "adam", "never": "ste"}


def asked_for(tmp_path, monkeypatch, claim, results, returncode):
    """What a confirmation asks of sweeps on three draws, which all end with this code."""
    command = "python -m runners.sweep experiment=race seeds_per_draw=2 seed=range(4)"
    frozen.write(results, {"name": "race", "command": command, "figures": [], "tables": []}, tmp_path / "frozen")
    (tmp_path / "claims.yaml").write_text(yaml.safe_dump([claim]), encoding="utf-8")
    asked = []

    def sweep(words, **_):
        asked.append(words)
        plan = Plan(f"race-{len(asked)}", "python -m runners.sweep", f"2026-01-0{len(asked)}", ())
        Store(tmp_path / "store" / "fresh" / "race").write_plan(plan)
        return SimpleNamespace(returncode=returncode)

    monkeypatch.setattr(subprocess, "run", sweep)
    monkeypatch.setattr(confirmation, "load", lambda *_: results)
    return asked


def test_what_survives_tuning_is_trained_untuned_as_well(tmp_path, monkeypatch):
    """On the same draws, into a table of its own."""
    claim = {**CLAIM, "survives": "tuned", "less_than": 0.5}
    del claim["never"]
    asked = asked_for(tmp_path, monkeypatch, claim, make(seeds=4), 0)
    confirm(tmp_path / "claims.yaml", tmp_path / "frozen", tmp_path / "store", 3)
    first, second = asked
    assert second == [*first, "untuned=true"] and "seed=range(4,7)" in first
    made = sorted(path.stem for path in (tmp_path / "frozen").glob("*.parquet"))
    assert made == ["race", "race_fresh", "race_fresh_untuned"]


@pytest.mark.parametrize(("per_draw", "seeds"), [(1, "seed=range(4,7)"), (2, "seed=range(8,14)")])
def test_fresh_draws_are_whole_and_above_all_seeds(tmp_path, monkeypatch, per_draw, seeds):
    """Draws 4 to 6 follow the seeds 0 to 3; of two seeds each they have the seeds 8 to 13, none of which was met."""
    results = make(seeds=4)
    asked = asked_for(tmp_path, monkeypatch, CLAIM, drawn(results, 2) if per_draw == 2 else results, 1)
    with pytest.raises(RecordError, match="the fresh draws of race could not be trained"):
        confirm(tmp_path / "claims.yaml", tmp_path / "frozen", tmp_path / "store", 3)
    [words] = asked
    assert [word for word in words if word.startswith("seed=")] == [seeds]
    assert "seeds_per_draw=2" in words
