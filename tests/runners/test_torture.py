"""Torture in little: one fault of each of some kinds; and that the harness would notice what it looks for."""

import dataclasses
import json
import shutil

import pytest

from tests.torture.__main__ import kinds
from tests.torture.trial import Fault, Verdict, attempt, judge, reference

KINDS = [
    "trainer killed at a record",
    pytest.param("all processes killed", marks=pytest.mark.long),  # as in make torture, which tries every kind
    pytest.param("killed, then a file a bit flipped", marks=pytest.mark.long),
]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """(what a sweep leaves that nobody disturbs, its store)."""
    folder = tmp_path_factory.mktemp("undisturbed")
    return reference(folder), folder / "store"


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_command_ends_with_the_same_bits(kind, undisturbed):
    whole, _ = undisturbed
    verdict = attempt(next(kinds(whole)[kind]), whole)
    assert verdict.survived, verdict


def test_harm_is_done_at_every_kind_of_write(undisturbed):
    whole, _ = undisturbed
    phases = {(own["role"], own["phase"]) for own in whole.operations}
    assert phases >= {
        ("command", "a plan"),
        ("command", "tables and figures"),
        ("trainer", "a lock"),
        ("trainer", "a record"),
        ("trainer", "a checkpoint"),
    }


def test_what_is_lost_or_doubled_or_stale_would_be_noticed(undisturbed, tmp_path):
    whole, store = undisturbed

    def judged(place, reference=whole):
        verdict = Verdict(Fault("planted"), hit=True)
        judge(place, reference, verdict)
        return verdict

    assert judged(store).survived
    changed = whole.rows.assign(train_loss=whole.rows["train_loss"] * (1 + 1e-7))
    assert judged(store, dataclasses.replace(whole, rows=changed)).lost == 8
    less = shutil.copytree(store, tmp_path / "less")
    next(less.rglob("run-*.json")).unlink()
    assert judged(less).lost == 2
    twice = shutil.copytree(store, tmp_path / "twice")
    path = next(twice.rglob("run-*.json"))
    (path.parent / "run-0123456789abcdef.json").write_bytes(path.read_bytes())
    assert judged(twice).doubled == 2
    stale = shutil.copytree(store, tmp_path / "stale")
    path = next(stale.rglob("run-*.json"))
    path.write_text(json.dumps(json.loads(path.read_bytes()) | {"fingerprint": "0" * 16}), encoding="utf-8")
    assert judged(stale).stale == 1
