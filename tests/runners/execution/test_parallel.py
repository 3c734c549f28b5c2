"""Lanes: every block is trained once, beside others, and a fault of one loses nothing of the others."""

import threading

import pytest

from runners.execution.parallel import default_parallel_blocks, train_in_parallel


def test_blocks_are_trained_side_by_side_and_each_once():
    meeting, seen = threading.Barrier(2, timeout=20), []

    def train(block, lane, sharing):
        if block in (1, 2):
            meeting.wait()  # passed only if both are under way
        seen.append((block, lane, sharing))
        return block

    assert sorted(train_in_parallel([1, 2, 3, 4, 5], 2, train)) == [1, 2, 3, 4, 5]
    assert sorted(block for block, _, _ in seen) == [1, 2, 3, 4, 5]
    assert {lane for block, lane, _ in seen if block < 3} == {0, 1} and {sharing for *_, sharing in seen[:2]} == {2}
    assert list(train_in_parallel([7], 2, lambda block, lane, sharing: (block, lane, sharing))) == [(7, 0, 1)]


def test_nobody_waits_for_a_slower_one():
    """While the first block takes its time, one thread trains all others."""
    others, lanes = threading.Event(), {}

    def train(block, lane, sharing):
        lanes[block] = lane
        if block == 1:
            assert others.wait(20), "the others wait for it"
        if len(lanes) == 6:
            others.set()
        return block

    assert list(train_in_parallel([1, 2, 3, 4, 5, 6], 2, train))[-1] == 1
    assert {lanes[block] for block in range(2, 7)} == {1 - lanes[1]}


def test_a_fault_of_one_lane_loses_nothing_of_the_other():
    both, begun = threading.Barrier(2, timeout=20), []

    def train(block, lane, sharing):
        begun.append(block)
        if block in (1, 2):
            both.wait()
        if block == 1:
            raise RuntimeError("this block cannot be trained")
        return block

    results = train_in_parallel([1, 2], 2, train)
    assert next(results) == 2, "handed out before the fault is raised"
    with pytest.raises(RuntimeError, match="this block cannot"):
        next(results)

    def fails(block, lane, sharing):
        begun.append(block)
        raise RuntimeError(f"block {block}")

    begun.clear()
    with pytest.raises(RuntimeError, match="block 1"):
        list(train_in_parallel([1, 2, 3], 1, fails))
    assert begun == [1], "after a fault no other is begun"


def test_how_many_lanes_there_are(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    every = default_parallel_blocks("cpu")
    assert every >= 1 and default_parallel_blocks("gpu") == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # what joblib tells one of as many processes as there are cores
    assert default_parallel_blocks("cpu") == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "100000")
    assert default_parallel_blocks("cpu") == every
