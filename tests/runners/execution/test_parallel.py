"""Lanes: every block is trained once, beside others, and a fault of one loses nothing of the others."""

import threading

import pytest

from runners.execution.parallel import default_parallel_blocks, train_in_parallel


def test_blocks_are_trained_side_by_side_and_each_once():
    meeting, seen = threading.Barrier(2, timeout=20), []

    def train(block, lane, sharing):
        if sharing == 2:
            meeting.wait()  # passed only if both of a group are under way
        seen.append((block, lane, sharing))
        return block

    assert sorted(train_in_parallel([1, 2, 3, 4, 5], 2, train)) == [1, 2, 3, 4, 5]
    assert sorted(seen) == [(1, 0, 2), (2, 1, 2), (3, 0, 2), (4, 1, 2), (5, 0, 1)]


def test_a_fault_of_one_lane_loses_nothing_of_the_other():
    both, got = threading.Barrier(2, timeout=20), []

    def train(block, lane, sharing):
        both.wait()
        if block == 1:
            raise RuntimeError("this block cannot be trained")
        return block

    with pytest.raises(RuntimeError, match="this block cannot"):
        got += train_in_parallel([1, 2, 3, 4], 2, train)
    results = train_in_parallel([1, 2, 3, 4], 2, train)
    assert next(results) == 2  # handed out before the fault is raised; 3 and 4 are not begun
    with pytest.raises(RuntimeError):
        next(results)


def test_how_many_lanes_there_are(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    every = default_parallel_blocks("cpu")
    assert every >= 1 and default_parallel_blocks("gpu") == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # what joblib tells one of as many processes as there are cores
    assert default_parallel_blocks("cpu") == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "100000")
    assert default_parallel_blocks("cpu") == every
