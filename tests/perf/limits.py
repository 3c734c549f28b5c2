"""What the machine can do: how fast it multiplies matrices of the problems' shapes, and how fast it moves bytes.

The floor of a step is the larger of two times: its matrix products (2mkn operations each) at the rate that the machine
reaches at their shapes, and the bytes that it must move (Problem.bytes_moved) at the bandwidth that arrays of the
step's size see. What is done element by element costs nothing in it and everything overlaps: it can only be neared.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from tests.perf import machine
from tests.perf.contest import Contestant, interval
from tests.perf.peers import OURS
from tests.perf.problems import PROBLEMS, Problem

SECONDS, TRIALS = 0.02, 5  # of a timing, and how many there are; the median counts
TYPES = ("float32", "bfloat16")


class Limits:
    """The machine as one process sees it, for a Contestant."""

    def __init__(self, device: str):
        from runners.training import setup

        setup.start_tensorflow(device)
        import tensorflow as tf

        self.tf, self.device = tf, device

    def product(self, m: int, k: int, n: int, kind: str) -> float:
        """Floating-point operations per second of [m, k] times [k, n]: TensorFlow's rate or NumPy's, the better one."""
        tf, draw = self.tf, np.random.default_rng(0)
        left, right = (draw.standard_normal(shape).astype(np.float32) for shape in ((m, k), (k, n)))
        with tf.device(f"/{self.device}:0"):
            a, b = (tf.cast(tf.constant(array), kind) for array in (left, right))
            seconds = [self._seconds(lambda: tf.matmul(a, b))]
        if kind == "float32" and self.device == "cpu":
            seconds.append(self._seconds(lambda: left @ right))
        return 2 * m * k * n / min(seconds)

    def bandwidth(self, size: int) -> float:
        """Bytes per second of c = a + b, the three of `size` bytes together; each core of a CPU has its part."""
        tf, count = self.tf, max(1, size // 12)
        if self.device == "gpu":
            with tf.device("/gpu:0"):
                a = tf.ones([count])
                b = tf.identity(a)
                return 12 * count / self._seconds(lambda: tf.add(a, b))
        cores = machine.cores()
        parts = [[np.ones(-(-count // cores), np.float32) for _ in range(3)] for _ in range(cores)]
        calls = max(1, int(2**27 / size))  # enough of them that starting threads is nothing

        def add(part):
            a, b, c = part
            for _ in range(calls):
                np.add(a, b, out=c)

        with ThreadPoolExecutor(cores) as pool:
            seconds = self._seconds(lambda: list(pool.map(add, parts)))
        return 12 * len(parts[0][0]) * cores * calls / seconds

    def _seconds(self, action):
        """Of one call, from as many in a row as last SECONDS; waits for the device at their end."""
        wait = (lambda result: result.numpy()) if self.device == "gpu" else (lambda result: result)
        wait(action())
        calls, found = 1, []
        while len(found) < TRIALS:
            started = time.perf_counter()
            for _ in range(calls):
                result = action()
            wait(result)
            took = time.perf_counter() - started
            if took < SECONDS / 2:
                calls = int(calls * max(2, SECONDS / max(took, 1e-9)) + 1) if calls < 10**6 else calls
                if calls < 10**6:
                    continue
            found.append(took / calls)
        return statistics.median(found)


def measure(problems: Sequence[str], cores: int, device: str) -> list[dict]:
    """One round: {cores, products: {"m,k,n": {type: rate}}, bandwidth: {problem: rate}} on one core and on all."""
    chosen, found = [PROBLEMS[name] for name in problems], []
    for used in sorted({1, cores} if device == "cpu" else {cores}):
        with _only(used), Contestant("tests.perf.limits:Limits", device) as one:
            shapes = dict.fromkeys(shape for problem in chosen for shape in problem.products())
            found.append(
                {
                    "cores": used,
                    "products": {
                        ",".join(map(str, shape)): {kind: one.ask("product", *shape, kind)[1] for kind in TYPES}
                        for shape in shapes
                    },
                    "bandwidth": {p.name: one.ask("bandwidth", working_set(p))[1] for p in chosen},
                }
            )
    return found


@contextlib.contextmanager
def _only(cores):
    """Whoever is started meanwhile has so many cores; libraries look at it before they start their threads."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:cores])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def working_set(problem: Problem) -> int:
    """Bytes of what a step of one replica reads and writes again in the next: parameters, moments and gradients."""
    return max(4 * 4 * problem.numbers(), 3 * 4 * 1024)


def floor(problem: Problem, limits: Sequence[Mapping], replicas: int = 1) -> tuple[float, float]:
    """(seconds of the matrix products, seconds of the bytes) of one step of one replica. limits: of `measure`.

    One replica has the rate of all cores together; several may also have a core each, which is faster where a product
    is too small to be cut.
    """
    whole, single = limits[-1], limits[0]
    apart = whole["cores"] // single["cores"] if replicas > 1 else 0

    def best(kind, key):
        rates = [(limit[kind][key]["float32"] if kind == "products" else limit[kind][key]) for limit in (whole, single)]
        return max(rates[0], apart * rates[1])

    products = sum(2 * m * k * n / best("products", f"{m},{k},{n}") for m, k, n in problem.products())
    return products, problem.bytes_moved() / best("bandwidth", problem.name)


def shares(rounds: Sequence[Sequence[Mapping]], rows: Sequence[Mapping]) -> list[dict]:
    """For each problem and number of replicas the floor, our step, and which share of it the floor is (1 at best).

    rounds: of `measure`. rows: of the table; ours are taken. Each round's step is held against its own floor.
    """
    found = []
    for row in (r for r in rows if r["peer"] == OURS):
        problem = PROBLEMS[row["problem"]]
        floors = [floor(problem, limits, row["replicas"]) for limits in rounds]
        steps = {r["round"]: r["rate"] for r in row["rounds"]}
        share, low, high = interval([max(floors[i]) * rate for i, rate in steps.items()])
        found.append(
            {
                "problem": row["problem"],
                "label": problem.label,
                "replicas": row["replicas"],
                "flops": problem.flops(),
                "bytes": problem.bytes_moved(),
                "products_s": statistics.median(f[0] for f in floors),
                "bytes_s": statistics.median(f[1] for f in floors),
                "step_s": 1 / row["rate"],
                "share": share,
                "low": low,
                "high": high if np.isfinite(high) else None,
            }
        )
    return found


def medians(rounds: Sequence[Sequence[Mapping]]) -> list[dict]:
    """The rates of all rounds in one, each the median."""
    return [
        {
            "cores": same[0]["cores"],
            "products": {
                shape: {kind: statistics.median(one["products"][shape][kind] for one in same) for kind in TYPES}
                for shape in same[0]["products"]
            },
            "bandwidth": {
                name: statistics.median(one["bandwidth"][name] for one in same) for name in same[0]["bandwidth"]
            },
        }
        for same in zip(*rounds, strict=True)
    ]
