"""A sweep carried by shells: a plan as data, shards of it on stores of their own, merged."""

import json
import subprocess
import sys

import pandas as pd
import pytest

from results import load
from results.records import merging
from results.records.store import Store
from runners.planning import shards
from steeplechase.errors import UserError
from tests.oracles.command import QUIET, ROOT, sweep

ASKED = [
    *("experiment=null", "task=sign_fitting", "estimator=tanh_slope,ste", "optimizer=adam", "steps=200"),
    *("seed=range(4)", "optimizer.learning_rate=0.01,0.1", "record_points=4", *QUIET),
]


def command(module, *arguments, folder):
    line = [sys.executable, "-m", module, *map(str, arguments)]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        line, cwd=folder, capture_output=True, check=False, encoding="utf-8", env=environment, timeout=240
    )


def rows(store):
    [plan] = Store(store).plans()
    table = load(store, plan).rows.drop(columns="train_s")
    return table.sort_values(["replica", "step"], ignore_index=True)


@pytest.mark.long  # merging is tried below, and shards by tests/slurm
def test_two_shells_carry_a_sweep_and_their_stores_are_merged(tmp_path):
    """Each shard on a store of its own, as on machines that share nothing; then all is there, bit for bit."""
    alone, first, second = tmp_path / "alone", tmp_path / "first", tmp_path / "second"
    assert sweep(*ASKED, store=alone).returncode == 0
    planned = sweep(*ASKED, "plan=json", store=first)
    assert planned.returncode == 0 and not first.exists(), "a plan trains nothing and writes nothing"
    (tmp_path / "plan.json").write_text(planned.stdout, encoding="utf-8")
    plan = json.loads(planned.stdout)
    assert len(plan["runs"]) == 2 and {own["missing"] for own in plan["runs"]} == {8}
    assert all(own["replica_steps"] == 1600 and own["seconds"] is None for own in plan["runs"])
    done = [
        command("runners.shard", which, "plan.json", "--store", store, folder=tmp_path)
        for which, store in (("1/2", first), ("2/2", second))
    ]
    assert [one.returncode for one in done] == [0, 0], done
    assert all("Trained 8 replicas." in one.stdout for one in done)
    merged = command("runners.records", "--merge", second, "--store", first, folder=tmp_path)
    assert merged.returncode == 0 and "Taken over: 8 replicas" in merged.stdout, merged.stderr
    again = sweep(*ASKED, store=first)
    assert "All 16 replicas of 2 runs are recorded already" in again.stdout
    pd.testing.assert_frame_equal(rows(alone), rows(first), check_exact=True, check_like=True)
    accounts = [json.loads(path.read_bytes()) for path in (first / "runs").rglob("run-*.json")]
    assert {account.get("merged_from") for account in accounts} == {None, "second"}
    twice = merging.merge(Store(first), Store(alone), "alone")
    assert (twice.replicas, twice.present, twice.left) == (0, 16, []), "the same numbers are no conflict"
    measured = json.loads(sweep(*ASKED, "plan=json", "seed=range(5)", store=first).stdout)
    assert all(own["missing"] == 2 and own["seconds"] > 0 for own in measured["runs"])


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A store with one run of four replicas, and its plan as data of before."""
    store = tmp_path_factory.mktemp("small")
    asked = [*ASKED[:2], "estimator=ste", "optimizer=sgd", "steps=50", "seed=range(4)", *QUIET]
    planned = sweep(*asked, "plan=json", store=store).stdout
    assert sweep(*asked, store=store).returncode == 0
    return store, planned


def copied(store, folder, change):
    """A store with the same run, whose rows and account were changed before they were written."""
    other, [run] = Store(folder), Store(store).runs()
    [fingerprint] = Store(store).fingerprints(run)
    for _, account, _, _ in Store(store).contents(run, fingerprint):
        table, info = change(load(store).rows.copy(), {**account})
        info = {key: value for key, value in info.items() if key not in ("schema", "table", "sha256", "seal")}
        other.write(run, fingerprint, table[table["replica"].isin(info["replicas"])], info)
    return other


def test_what_both_have_with_other_numbers_is_told_and_stays(small, tmp_path):
    store, _ = small

    def change(table, account):
        table["train_loss"] = table["train_loss"] + 1.0
        return table, account

    other = copied(store, tmp_path / "other", change)
    before = {path: path.read_bytes() for path in (store / "runs").rglob("*") if path.is_file()}
    merged = merging.merge(Store(store), other, "other")
    assert merged.replicas == merged.present == 0
    assert "are here with other numbers: those that were here stay" in merged.left[0]
    assert before == {path: path.read_bytes() for path in (store / "runs").rglob("*") if path.is_file()}


def test_of_a_part_only_what_is_lacking_is_taken_over_and_damage_is_told(small, tmp_path):
    store, _ = small
    half = copied(
        store, tmp_path / "half", lambda table, account: (table, {**account, "replicas": account["replicas"][:1]})
    )
    merged = merging.merge(half, Store(store), "whole")
    assert merged.replicas == 3 and merged.present == 1 and not merged.left
    [run], [fingerprint] = half.runs(), half.fingerprints(half.runs()[0])
    assert len(half.done(run, fingerprint, lambda *_: None)) == 4
    for path in (tmp_path / "half").rglob("record-*.parquet"):
        path.write_bytes(path.read_bytes()[:-4])
    broken = merging.merge(Store(tmp_path / "empty"), half, "half")
    assert broken.replicas == 0 and all("does not count" in sentence for sentence in broken.left)


def test_shards_cost_about_the_same_and_leave_nothing_out():
    runs = [
        {"run": f"r{at}", "seconds": None, "replica_steps": cost} for at, cost in enumerate([90, 50, 40, 30, 20, 10])
    ]
    for of in (1, 2, 3, 7):
        parts = [shards.shard(runs, number, of) for number in range(1, of + 1)]
        assert sorted(own["run"] for part in parts for own in part) == [own["run"] for own in runs]
    costs = [sum(own["replica_steps"] for own in shards.shard(runs, number, 2)) for number in (1, 2)]
    assert costs == [120, 120]
    assert shards.shard(runs, 7, 7) == []


def test_what_is_no_plan_and_no_shard_is_refused(small, tmp_path):
    _store, planned = small
    path = tmp_path / "plan.json"
    for text, said in (
        (planned[:-20], "is not what plan=json wrote"),
        (planned.replace('"missing": 4', '"missing": 3'), "is not what"),
    ):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(UserError, match=said):
            shards.read(path)
    with pytest.raises(UserError, match="there is no file"):
        shards.read(tmp_path / "nowhere.json")
    path.write_text(planned, encoding="utf-8")
    for which in ("0/2", "3/2", "1", "a/b"):
        answer = command("runners.shard", which, path, folder=tmp_path)
        assert answer.returncode == 2 and "is no shard: write K/N" in answer.stderr
    stale = json.loads(planned)
    stale["runs"][0]["fingerprint"] = "0" * 16
    from results.records import sealed

    path.write_bytes(sealed.text({key: value for key, value in stale.items() if key != "seal"}))
    answer = command("runners.shard", "1/1", path, folder=tmp_path)
    assert answer.returncode == 2 and "make it again, by its command" in answer.stderr
