"""Several plans as one: what it wants is what all want, and where their rules differ it is said where."""

from dataclasses import replace

import pandas as pd
import pytest

from results import load
from results.records.joined import joined
from results.records.plan import Plan, check_plan
from results.records.store import Store
from runners import figures
from steeplechase.errors import UserError
from tests.oracles.records import make


def entry(run, *replicas, fingerprint="f" * 16):
    return {"run": run, "fingerprint": fingerprint, "sources": {}, "configuration": {}, "replicas": [*replicas]}


def of_task(run, task):
    return {**run, "configuration": {"task": {"name": task}}}


ONE = Plan("one", "a", "2026-01-01", (entry("a", "x", "y"), entry("b", "x")), ("convergence",), ("summary",))
TWO = Plan("two", "b", "2026-01-02", (entry("a", "y", "z"), entry("c", "x")), ("ranking", "convergence"))


def test_it_wants_what_all_want():
    two = replace(TWO, looks={"ste": {"order": 1}}, user_estimators=("mine",))
    both = joined("both", [ONE, two], "command", "2026-01-03")
    assert both.looks == {"ste": {"order": 1}} and both.user_estimators == ("mine",)
    check_plan(both)
    assert {run["run"]: run["replicas"] for run in both.runs} == {"a": ["x", "y", "z"], "b": ["x"], "c": ["x"]}
    assert both.figures == ("convergence", "ranking") and both.tables == ("summary",)
    assert ONE.runs[0]["replicas"] == ["x", "y"], "the plans stay as they are"


def test_a_pair_that_one_has_recorded_is_declined_by_none():
    pair = {"run": "c", "task": "t", "estimator": "e", "optimizer": "o", "normalize": "area", "reason": "e: no."}
    assert not joined("both", [replace(ONE, declined=(pair,)), TWO], "", "").declined
    assert len(joined("both", [replace(ONE, declined=(pair,)), replace(ONE, declined=(pair,))], "", "").declined) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"reference": "ste"}, "one and two cannot be drawn as one: reference is none in the one and ste in the other"),
        ({"strict": True}, "strict is false in the one and true in the other"),
        ({"compare": ("width",)}, "compare is nothing in the one and width in the other"),
        ({"looks": {"ste": {"colour": "blue"}}}, "looks.ste is another in each"),
        ({"margins": {"t": 0.2}}, "margins.t is 0.1 before and 0.2 in the last"),
        ({"runs": (entry("a", "x", fingerprint="e" * 16),)}, "a was recorded by other code: run both sweeps again"),
    ],
)
def test_rules_that_differ_are_told(change, said):
    with pytest.raises(UserError, match=said):
        joined("both", [replace(ONE, margins={"t": 0.1}, looks={"ste": {"order": 1}}), replace(TWO, **change)], "", "")


def test_a_margin_that_one_lacks_is_no_others():
    """Else the other's undecided pairs could become equivalent."""
    one, two = (replace(plan, runs=tuple(of_task(run, "t") for run in plan.runs)) for plan in (ONE, TWO))
    with pytest.raises(UserError, match="margins.t is none before and 0.5 in the last"):
        joined("both", [one, replace(two, margins={"t": 0.5})], "", "")
    apart = replace(two, runs=tuple(of_task(run, "u") for run in two.runs[1:]), margins={"u": 0.5})
    assert joined("both", [one, apart], "", "").margins == {"u": 0.5}


def test_the_command_draws_two_sweeps_as_one(tmp_path, capsys):
    made = make(tasks=("sign_fitting",), estimators=("ste", "tanh_slope"), seeds=2, rates=(0.1,), rows=2)
    store = Store(tmp_path)
    for account in made.accounts:
        store.write(account["run"], account["fingerprint"], made.rows[made.rows["run"] == account["run"]], account)
        wanted = entry(account["run"], *account["replicas"], fingerprint=account["fingerprint"])
        store.write_plan(Plan(account["run"].split("-")[1], "c", "2026-01-01", (wanted,), tables=("summary",)))
    arguments = ["ste", "tanh_slope", "--stale", "--store", str(tmp_path), "--name"]
    assert figures.main([*arguments, "both"]) == 0
    assert set(pd.read_csv(tmp_path / "output" / "both" / "summary.csv")["estimator"]) == {"ste", "tanh_slope"}
    capsys.readouterr()
    assert set(load(tmp_path, "both").rows["estimator"]) == {"ste", "tanh_slope"}
    assert figures.main(["ste", "--store", str(tmp_path), "--name", "both"]) == 2
    assert "give the names of two or more" in capsys.readouterr().err
    assert figures.main([*arguments, "ste"]) == 2 and "take another" in capsys.readouterr().err
    assert figures.main([*arguments, "both"]) == 0, "it is the same plan"
    assert figures.main([*arguments, "control"]) == 2 and "which an experiment has" in capsys.readouterr().err
