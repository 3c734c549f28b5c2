"""The speed of the heart under pytest-benchmark: pytest tests/perf --benchmark-only. Ratios are made by ratios.py."""

import pytest

from tests.perf.ratios import PROBLEMS, Contestant, problem_files

CASES = [("ours", problem, replicas) for problem, needs in PROBLEMS.items() for replicas in needs]
CASES += [("reference", problem, 1) for problem in PROBLEMS]


@pytest.fixture(scope="module")
def contestants():
    """Both, each in a process of its own: Keras as its users have it, not with the settings that records need."""
    with problem_files() as files, Contestant("ours", files) as ours, Contestant("reference", files) as reference:
        yield {"ours": ours, "reference": reference}


@pytest.mark.parametrize(("side", "problem", "replicas"), CASES)
def test_training(benchmark, contestants, side, problem, replicas):
    """Compiling and judging lie outside the clock; all blocks, one after another, and waiting for the device inside.

    `extra_info` holds what was trained: a time is not read without knowing that the answer was right.
    """
    one = contestants[side]
    one.ask("load", problem)
    benchmark.group = problem
    done = benchmark.pedantic(
        lambda: one.ask("go", problem, replicas)[1], setup=lambda: one.ask("reset", problem) and None, rounds=3
    )
    answer = one.ask("answer", problem)[1]
    measure = "test_accuracy" if problem == "mlp" else "x"
    benchmark.extra_info |= {"problem": problem, "side": side, "replicas": replicas, "replica_steps": done}
    benchmark.extra_info |= {"final_loss": answer.loss, measure: answer.value}
    if benchmark.stats:  # there are none under --benchmark-disable
        benchmark.extra_info["replica_steps_per_s"] = done / benchmark.stats.stats.median
        benchmark.extra_info["steps_per_s"] = done / replicas / benchmark.stats.stats.median
    if problem == "mlp":
        assert answer.value > 0.8
    else:
        assert answer.loss == 0 and answer.value > 0
