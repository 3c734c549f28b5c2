"""The quick look at speed: pytest tests/perf --benchmark-only. `python -m tests.perf.check` compares two commits by it.

Every case carries counters beside its time, in `extra_info["counters"]`: the same numbers in every process, so that
more of one is a finding without any statistics.
"""

import collections
import functools
import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.perf.problems import PROBLEMS, build_program, problem_files, replica

ROOT = Path(__file__).resolve().parents[2]
TRAININGS = {  # (problem, replicas): updates of one round, a fifth of a second to a second each
    ("notebook", 2): 4_000_000,
    ("notebook", 1000): 20_000,
    ("mlp-256", 1): 200,
    ("mlp-256", 8): 100,
    ("mlp-1024", 1): 40,
}
COMMANDS = {  # words after the interpreter, STORE standing for a fresh folder; and how often it is timed
    "--help": (("-m", "runners.sweep", "--help"), 4),
    "--cfg job": (("-m", "runners.sweep", "--cfg", "job"), 5),
    "plan=true": (("-m", "runners.sweep", "plan=true", "store=STORE"), 2),
}


@pytest.fixture(scope="module")
def hearts(tmp_path_factory):
    """(problem, replicas) -> (its program, compiled; how many seconds that took; what counts what was compiled).

    XLA writes down every program that it compiles: what is counted is what runs. It reads its flags once, before its
    first program.
    """
    written = tmp_path_factory.mktemp("xla")
    before = os.environ.get("XLA_FLAGS")
    os.environ["XLA_FLAGS"] = f"{before or ''} --xla_dump_to={written}".strip()

    made = {}

    def heart(name, replicas):
        problem, old = PROBLEMS[name], set(written.iterdir())
        program = build_program(problem, files, replicas)
        if (name, program.block) not in made:
            (trained,) = train(program, problem, 1, 2)
            made[name, program.block] = program, trained.compile_s, functools.partial(_count, trained, written, old)
        return made[name, program.block]

    with problem_files() as files:
        yield heart
    if before is None:
        del os.environ["XLA_FLAGS"]
    else:
        os.environ["XLA_FLAGS"] = before


def train(program, problem, replicas, updates):
    """All blocks as a run trains them, from taking a seat to the end of the last update; returns their trainers."""
    from runners.execution.parallel import default_parallel_blocks, train_in_parallel
    from runners.training.trainer import trainer

    seats = [replica(problem, seed) for seed in range(replicas)]

    def sit(block, lane, _sharing):
        heart = trainer(program, lane)
        heart.begin(block, updates)
        heart.advance(updates)
        return heart

    blocks = [seats[at : at + program.block] for at in range(0, replicas, program.block)]
    return list(train_in_parallel(blocks, default_parallel_blocks(program.device), sit))


def _count(trained, written, old):
    """(counters, further facts) of all that this trainer's program has traced and compiled until now.

    operations: instructions of the optimized programs, those inside fusions and loops included. peak_bytes: the
    largest assignment of buffers (parameters, results, constants and temporaries) that XLA made for a program.
    """
    new = sorted(set(written.iterdir()) - old)
    texts = [path.read_text(encoding="utf-8") for path in new if path.name.endswith("after_optimizations.txt")]
    reports = [path.read_text(encoding="utf-8") for path in new if path.name.endswith("memory-usage-report.txt")]
    assert texts and len(texts) == len(reports), "XLA has not written down what it compiled"
    instructions = [re.findall(r"^\s+(?:ROOT )?%?[\w.-]+ = (?:\(.*?\)|\S+) ([\w-]+)\(", t, re.MULTILINE) for t in texts]
    counters = {
        "traces": sum(function.experimental_get_tracing_count() for function in trained.functions.values()),
        "programs": len(texts),
        "operations": sum(map(len, instructions)),
        "loops": sum(names.count("while") for names in instructions),
        "peak_bytes": max(int(re.search(r"Total bytes used: (\d+)", report)[1]) for report in reports),
    }
    kinds = collections.Counter(kind for text in texts for kind in re.findall(r"\bkind=(k\w+)", text))
    return counters, {"fusions": dict(sorted(kinds.items()))}


@pytest.mark.parametrize(("name", "replicas"), TRAININGS)
def test_training(benchmark, hearts, delayed, name, replicas):
    """Seconds of a round. Compiling lies outside; taking the seats and waiting for the device lie inside."""
    problem, updates = PROBLEMS[name], TRAININGS[name, replicas]
    program, compiled, default_parallel_blocks = hearts(name, replicas)
    benchmark.group = name
    trained = benchmark.pedantic(delayed(lambda: train(program, problem, replicas, updates)), rounds=5, warmup_rounds=1)
    counters, facts = default_parallel_blocks()
    benchmark.extra_info |= {"counters": counters, "replica_steps": replicas * updates, "compile_s": compiled, **facts}
    if benchmark.stats:  # there are none under --benchmark-disable
        benchmark.extra_info["replica_steps_per_s"] = replicas * updates / benchmark.stats.stats.median
    for heart in trained:
        state = heart.state()
        assert int(state["step"]) == updates and (state["measures/diverged"] == -1).all()
        parameters = [value for key, value in state.items() if key.startswith("parameters/")]
        assert all(np.isfinite(p).all() and abs(p).max() > 0 for p in parameters)
        assert name != "notebook" or (parameters[0] > 0).all()  # it has crossed the step


@pytest.mark.parametrize("name", COMMANDS)
def test_command(benchmark, delayed, tmp_path, name):
    """Seconds of a whole process, from start to end. packages: how many it imports that are not Python's own.

    Python writes its log of imports while it is timed, which takes some hundredths of a second.
    """
    words, rounds = COMMANDS[name]
    fresh = itertools.count()
    environment = {key: value for key, value in os.environ.items() if key != "XLA_FLAGS"}

    def command():
        asked = [word.replace("STORE", str(tmp_path / str(next(fresh)))) for word in words]
        done = subprocess.run(
            [sys.executable, "-X", "importtime", *asked],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            encoding="utf-8",
        )
        assert done.returncode == 0, done.stderr[-500:]
        return done.stderr

    benchmark.group = "commands"
    log = benchmark.pedantic(delayed(command), rounds=rounds)
    imported = {m.partition(".")[0] for m in re.findall(r"^import time:.*\| +([\w.]+)$", log, re.MULTILINE)}
    own = {path.stem for path in ROOT.iterdir()}
    benchmark.extra_info["counters"] = {"packages": len(imported - sys.stdlib_module_names - own)}
