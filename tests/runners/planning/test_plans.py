"""A name that a command gives its plan: whose it may be, and that nothing under it is overwritten."""

import pytest

from results.records.plan import Plan
from results.records.store import Store
from runners.planning.plans import check_name, plan_name
from steeplechase.errors import UserError


@pytest.fixture
def store(tmp_path):
    entry = {"run": "first", "fingerprint": "f" * 8, "sources": {}, "configuration": {}, "replicas": ["a", "b"]}
    own = Store(tmp_path)
    own.write_plan(Plan("tonight", "python -m runners.sweep seed=0,1 name=tonight", "2026-01-01", (entry,)))
    return own


def test_a_plan_goes_on_under_its_name_and_may_grow(store):
    check_name("tonight", store, {"first": {"a", "b"}})
    check_name("tonight", store, {"first": {"a", "b", "c"}, "second": {"d"}})
    check_name("tomorrow", store, {"second": {"d"}})


@pytest.mark.parametrize("other", [{"first": ["a"]}, {"second": ["a", "b"]}, {}])
def test_the_name_of_another_plan_is_refused(store, other):
    with pytest.raises(UserError, match=r"which another plan has \(python -m runners.sweep seed=0,1 .*take another"):
        check_name("tonight", store, {run: set(ids) for run, ids in other.items()})


@pytest.mark.parametrize("name", ["a/b", "../a", "a..b", "", "-a", ".a", "a b", "ä" * 62, "a\n"])
def test_what_is_no_name_is_told(store, name):
    with pytest.raises(UserError, match="but must be up to 61 letters"):
        check_name(name, store, {})


def test_an_experiments_own_name_is_refused(store):
    with pytest.raises(UserError, match="name is control, which an experiment has"):
        check_name("control", store, {})


def test_the_name_is_no_content():
    assert plan_name("control", ["name=tonight", "compare=[width]"]) == "control"
