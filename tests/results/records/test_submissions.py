"""What was handed to a cluster, and what came of it."""

import json

import pytest

from results.records import submissions
from results.records.store import Store
from steeplechase.errors import StoreError

JOBS = [[("run-a", "f1"), ("run-b", "f1")], [("run-c", "f2")]]


def test_what_was_handed_over_is_found_again(tmp_path):
    store = Store(tmp_path)
    assert submissions.listed(store) == []
    submission = submissions.write(store, "night-01", "2026-11-29 23:00", JOBS)
    assert submissions.listed(store) == [submission] and submission.jobs[1] == (("run-c", "f2"),)
    assert [submission.answered(store, number) for number in (0, 1)] == [None, None]
    submission.answer(store, 1, {"outcomes": [{"run": "run-c"}]})
    submission.answer(store, 1, {"lost": "too late: the first answer stays"})
    assert submission.answered(store, 1)["outcomes"] == [{"run": "run-c"}] and submission.answered(store, 0) is None
    with pytest.raises(FileExistsError):
        submissions.write(store, "night-01", "", JOBS)
    with pytest.raises(StoreError, match="name of a submission"):
        submissions.write(store, "../elsewhere", "", JOBS)


def test_what_is_damaged_is_no_submission_and_no_outcome(tmp_path):
    store = Store(tmp_path)
    submission = submissions.write(store, "night-01", "", JOBS)
    submission.answer(store, 0, {"outcomes": [{"run": "run-a"}, {"run": "run-b"}]})
    submission.answer(store, 1, {"outcomes": []})
    assert "lost" not in submission.answered(store, 0) and "not of all" in submission.answered(store, 1)["lost"]
    path = tmp_path / "cluster/night-01/answer-0000.json"
    path.write_bytes(path.read_bytes()[:-9])
    assert "damaged" in submission.answered(store, 0)["lost"]
    whole = tmp_path / "cluster/night-01/jobs.json"
    whole.write_text(json.dumps(json.loads(whole.read_bytes()) | {"written": "later"}), encoding="utf-8")
    assert submissions.listed(store) == []
    (tmp_path / "cluster/never-written").mkdir()
    assert submissions.listed(store) == []
