"""The inventory of a store: what plans have of it, and what goes with them and with nobody else's."""

import os
import time

import pytest

from results.records import inventory
from results.records.plan import Plan
from results.records.store import Store
from steeplechase.errors import StoreError


def entry(run, replicas, fingerprint="f" * 16):
    return {"run": run, "fingerprint": fingerprint, "sources": {}, "configuration": {}, "replicas": replicas}


@pytest.fixture
def store(tmp_path):
    """Two plans that share a run, each with one of its own; and records of older code that no plan wants."""
    own = Store(tmp_path)
    own.write_plan(
        Plan("first", "python -m runners.sweep seed=0", "2026-01-02", (entry("a-1", ["x"]), entry("b-1", ["y"])))
    )
    own.write_plan(Plan("second", "-", "2026-01-01", (entry("b-1", ["y", "z"]), entry("c-1", ["w"]))))
    for run, fingerprint in (("a-1", "f" * 16), ("b-1", "f" * 16), ("c-1", "f" * 16), ("c-1", "0" * 16)):
        own.folder(run, fingerprint).mkdir(parents=True)
        (own.folder(run, fingerprint) / "record-0.parquet").write_bytes(b"x" * 100)
    (tmp_path / "output" / "first").mkdir(parents=True)
    (tmp_path / "output" / "first" / "figure.png").write_bytes(b"x")
    return own


def places(store, folders):
    return [str(folder.relative_to(store.root)) for folder in folders]


def test_sweeps_are_listed_by_date_with_what_is_there(store):
    second, first = inventory.sweeps(store, store.plans())
    assert (first.plan.name, second.plan.name) == ("first", "second")
    assert first.size == second.size == 200 and first.recorded == 0  # no account says what these bytes are
    assert [records.others for records in first.records] == [(), ("second",)]
    assert all(records.ended for records in first.records)


def test_what_goes_with_a_plan_is_what_nobody_else_wants(store):
    folders = inventory.removable(store, ["first"])
    assert places(store, folders) == ["plans/first", "output/first", f"runs/a-1/{'f' * 16}"]
    assert places(store, inventory.unwanted(store)) == [f"runs/c-1/{'0' * 16}"]
    old(store)
    assert inventory.remove(folders, store) > 100
    assert store.plans() == ["second"] and not (store.root / "runs" / "a-1").exists()
    assert store.folder("b-1", "f" * 16).is_dir()
    every = inventory.removable(store, ["second"])
    assert f"runs/b-1/{'f' * 16}" in places(store, every) and f"runs/c-1/{'0' * 16}" not in places(store, every)


def old(store):
    """An hour later."""
    hour = time.time() - 3600
    for path in store.root.rglob("*"):
        os.utime(path, (hour, hour), follow_symlinks=False)


def test_what_may_be_being_trained_stays(store):
    """A plan that lacks replicas and wrote something a moment ago; one of an hour ago is of a sweep that was killed."""
    folders = inventory.removable(store, ["first"])
    with pytest.raises(StoreError, match="first is not finished, .* nothing is removed"):
        inventory.remove(folders, store)
    assert all(folder.is_dir() for folder in folders)
    old(store)
    (store.folder("a-1", "f" * 16) / "state-0.npz").write_bytes(b"x")
    with pytest.raises(StoreError, match="first is not finished"):
        inventory.remove(folders, store)
    old(store)
    inventory.remove(folders, store)
    assert not any(folder.exists() for folder in folders)


def test_why_a_pair_was_declined_is_wanted(store):
    pair = {"run": "d-1", "task": "t", "estimator": "e", "optimizer": "o", "normalize": "area", "reason": "no area"}
    store.folder("d-1", "f" * 16).mkdir(parents=True)
    assert f"runs/d-1/{'f' * 16}" in places(store, inventory.unwanted(store))
    store.write_plan(Plan("second", "-", "2026-01-03", store.plan("second").runs, declined=(pair,)))
    assert f"runs/d-1/{'f' * 16}" not in places(store, inventory.unwanted(store))
    assert f"runs/d-1/{'f' * 16}" in places(store, inventory.removable(store, ["second"]))


def test_a_plan_that_cannot_be_read_is_told_and_can_be_removed(store):
    """With nothing else, since what it wanted is not known; and where it may want them, records of others stay."""
    [path] = (store.root / "plans" / "first").glob("*.json")
    path.write_text("{}", encoding="utf-8")
    assert list(inventory.unreadable(store)) == ["first"]
    assert [sweep.plan.name for sweep in inventory.sweeps(store, store.plans())] == ["second"]
    with pytest.raises(StoreError, match="plan"):
        inventory.removable(store, ["second"])
    folders = inventory.removable(store, ["first"])
    assert places(store, folders) == ["plans/first", "output/first"]
    inventory.remove(folders, store)
    assert store.plans() == ["second"]


def test_a_link_is_no_way_out(store, tmp_path_factory):
    """What a link in a store leads to is not removed with it, nor counted."""
    outside = tmp_path_factory.mktemp("outside")
    (outside / "kept").write_bytes(b"x" * 1000)
    (store.folder("a-1", "f" * 16) / "link").symlink_to(outside)
    (store.folder("a-1", "f" * 16) / "file").symlink_to(outside / "kept")
    assert inventory.sweeps(store, ["first"])[0].size == 200
    old(store)
    inventory.remove(inventory.removable(store, ["first"]), store)
    assert (outside / "kept").exists()


def test_plans_are_named_by_patterns(store):
    assert inventory.named(store, ["f*"]) == ["first"] and inventory.named(store, ["*"]) == ["first", "second"]
    with pytest.raises(StoreError, match=r"there is no plan 'third' .* known are: first, second"):
        inventory.named(store, ["first", "third"])
