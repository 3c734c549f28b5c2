"""A confirmation takes draws that nobody has met, whole ones, as the table's own are."""

import subprocess
from types import SimpleNamespace

import pytest
import yaml

from results.records import frozen
from runners.execution.confirmation import confirm
from steeplechase.errors import RecordError
from tests.helpers.draws import drawn
from tests.oracles.records import make

CLAIM = {"says": "It is.", "table": "race", "task": "sign_fitting", "optimizer": "adam", "never": "ste"}


@pytest.mark.parametrize(("per_draw", "seeds"), [(1, "seed=range(4,7)"), (2, "seed=range(8,14)")])
def test_fresh_draws_are_whole_and_above_all_seeds(tmp_path, monkeypatch, per_draw, seeds):
    """Draws 4 to 6 follow the seeds 0 to 3; of two seeds each they have the seeds 8 to 13, none of which was met."""
    command = "python -m runners.sweep experiment=race seeds_per_draw=2 seed=range(4)"
    results = make(seeds=4)
    frozen.write(
        drawn(results, 2) if per_draw == 2 else results,
        {"name": "race", "command": command, "figures": [], "tables": []},
        tmp_path / "frozen",
    )
    (tmp_path / "claims.yaml").write_text(yaml.safe_dump([CLAIM]), encoding="utf-8")
    asked = []
    monkeypatch.setattr(subprocess, "run", lambda words, **_: asked.extend(words) or SimpleNamespace(returncode=1))
    with pytest.raises(RecordError, match="the fresh draws of race could not be trained"):
        confirm(tmp_path / "claims.yaml", tmp_path / "frozen", tmp_path / "store", 3)
    assert [word for word in asked if word.startswith("seed=")] == [seeds]
    assert "seeds_per_draw=2" in asked
