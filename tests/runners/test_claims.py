"""python -m runners.claims --fresh: what stands is trained on draws that no record has, and those decide."""

import subprocess
import sys

import pytest
import yaml

from results import claims, load
from results.records import declared, frozen
from runners import claims as command

CLAIM = {
    "says": "Zero fits no signs.",
    "table": "race",
    "task": "sign_fitting",
    "optimizer": "adam",
    "never": "zero",
}
SWEEP = ["experiment=null", "task=sign_fitting", "estimator=zero,tanh_slope", "steps=20", "record_points=2", "seed=0,1"]


def test_two_draws_are_the_fewest(capsys):
    assert command.main(["--fresh", "1"]) == 2
    assert "two draws are the fewest" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("table", "said"), [("controll", "did you mean 'control'?"), ("control", ""), ("pairings", "")]
)
def test_a_claim_about_a_table_that_nobody_makes_is_told(tmp_path, capsys, monkeypatch, table, said):
    """It would stay untested for ever; one that an experiment makes, or has made in part, is only not frozen yet."""
    (tmp_path / "claims.yaml").write_text(yaml.safe_dump([CLAIM | {"table": table}]), encoding="utf-8")
    page = tmp_path / "page.md"
    page.write_text(f"{command.BEGIN.format(table)}\n{command.END}\n", encoding="utf-8")
    own = ["--frozen", str(tmp_path), "--pages", str(page), "--ledger", str(tmp_path / "ledger.md"), "--write"]
    assert command.main(["--claims", str(tmp_path / "claims.yaml"), *own]) == 0  # of somebody's own plans
    monkeypatch.setattr(declared, "FILE", tmp_path / "claims.yaml")
    capsys.readouterr()
    assert command.main(own) == (1 if said else 0)
    errors = capsys.readouterr().err
    assert said in errors and errors.count("\n") == bool(said)


@pytest.mark.long
def test_fresh_draws_decide_what_was_claimed_before_them(tmp_path):
    """A table, then a claim that is found in it: exploratory; then three draws that the table never met. Records keep
    the project's own claims, of which this is none: so it stays exploratory."""
    line = [sys.executable, "-m", "runners.sweep", *SWEEP, "optimizer.learning_rate=0.01,0.1", f"store={tmp_path}"]
    subprocess.run(line, check=True)
    table = load(tmp_path)
    words = " ".join(["python", "-m", "runners.sweep", *line[3:-1]])
    frozen.write(table, {"name": "race", "command": words, "figures": [], "tables": []}, tmp_path / "frozen")
    (tmp_path / "claims.yaml").write_text(yaml.safe_dump([CLAIM]), encoding="utf-8")
    own = ["--claims", str(tmp_path / "claims.yaml"), "--frozen", str(tmp_path / "frozen"), "--store", str(tmp_path)]
    page = tmp_path / "page.md"
    page.write_text(f"{command.BEGIN.format('race')}\n{command.END}\n", encoding="utf-8")
    own += ["--pages", str(page), "--ledger", str(tmp_path / "ledger.md"), "--write"]
    assert command.main(own) == 0
    assert "*Supported, exploratory:* 0 of 2 trainings" in page.read_text(encoding="utf-8")
    assert command.main([*own, "--fresh", "3"]) == 0
    fresh, _ = frozen.read(tmp_path / "frozen" / "race_fresh.parquet")
    assert sorted(fresh.rows["seed"].unique()) == [2, 3, 4]
    assert (fresh.rows.groupby("run")["learning_rate"].nunique() == 1).all() and fresh.rows["run"].nunique() == 2
    [found] = claims.evaluate(tmp_path / "claims.yaml", tmp_path / "frozen")
    assert found.explored == "" and found.outcome == "supported, exploratory"
