"""How a record came to be: versions, commit, device, clocks. Never a user, a host or a path of the machine."""

from __future__ import annotations

import functools
import importlib.metadata
import os
import platform
import resource
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from runners.configuration.schema import CHECKOUT
from runners.planning import identity
from runners.planning.device import instructions


def now() -> str:
    """The time, ISO 8601 to the microsecond, UTC."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


@functools.cache
def surroundings(device: str) -> dict[str, Any]:
    """What is the same for every part that this process writes."""
    import tensorflow as tf

    packages = ("tensorflow", "keras", "numpy", "pandas", "pyarrow", "hydra-core")
    details: dict[str, Any] = {"name": platform.processor() or platform.machine(), "driver": None}
    if device == "gpu":
        details = tf.config.experimental.get_device_details(tf.config.list_physical_devices("GPU")[0])
        details = {"name": details.get("device_name"), "driver": tf.sysconfig.get_build_info().get("cuda_version")}
    return {
        "versions": {"python": platform.python_version()} | {p: importlib.metadata.version(p) for p in packages},
        "xla_flags": identity.flags("XLA_FLAGS"),
        "deterministic": True,
        "device": device,
        "device_name": _processor() if device == "cpu" else details["name"],
        "driver": details["driver"],
        "instructions": instructions(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": tf.config.threading.get_intra_op_parallelism_threads() or os.cpu_count(),
        "matrix_product_flops": _matrix_product_rate(device),
        **git_state(),
    }


def rates(seconds_per_step: list[float], replicas: int, batch: int, flops: float, peak: float) -> dict[str, Any]:
    """Throughput, from the chunks of a training; the first is left out where there are others.

    Args:
        seconds_per_step: of each chunk.
        replicas: that were trained together.
        batch: examples of a replica's step.
        flops: floating-point operations of a replica's step.
        peak: those per second of a matrix product on this device.

    Returns:
        The seconds per step (median and quartiles), replica-steps and examples per second, and the share of `peak`, by
        the names that an account has.
    """
    steady = np.array(seconds_per_step[1:] or seconds_per_step)
    low, median, high = (float(q) for q in np.quantile(steady, [0.25, 0.5, 0.75]))
    per_second = replicas / median
    return {
        "step_s": {"median": median, "q25": low, "q75": high},
        "replica_steps_per_s": per_second,
        "examples_per_s": per_second * batch,
        "matrix_product_share": per_second * flops / peak,
    }


def peak_memory_bytes() -> int:
    """The largest resident size that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _matrix_product_rate(device: str) -> float:
    """Floating-point operations per second of a float32 product of 1024 × 1024, the best of five."""
    import tensorflow as tf

    with tf.device(f"/{device}:0"):
        a = tf.random.stateless_uniform([1024, 1024], [1, 2])
        product = tf.function(lambda: tf.reduce_sum(tf.matmul(a, a)))
        product().numpy()
        seconds = []
        for _ in range(5):
            started = time.perf_counter()
            product().numpy()
            seconds.append(time.perf_counter() - started)
    return 2 * 1024**3 / min(seconds)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def commit() -> str | None:
    """The commit of this checkout; None where it is none."""
    return git_state()["commit"]


@functools.cache
def git_state(folder: Path | None = CHECKOUT) -> dict[str, Any]:
    """The commit of the repository whose own folder this is, and whether files differ from it.

    Returns:
        None for both of an installed copy, wherever it lies: what lies around it is somebody else's.
    """

    # Within a hook of some repository git would look there, whatever folder it is told.
    environment = {key: value for key, value in os.environ.items() if key not in ("GIT_DIR", "GIT_WORK_TREE")}

    def ask(*arguments):
        line = ["git", "-C", str(folder), *arguments]
        told = {"capture_output": True, "encoding": "utf-8", "errors": "replace", "env": environment}
        answer = subprocess.run(line, **told, check=False)
        return answer.stdout.strip() if answer.returncode == 0 else None

    commit, changes = None, None
    try:
        if folder and (top := ask("rev-parse", "--show-toplevel")) and Path(top).samefile(folder):
            commit, changes = ask("rev-parse", "HEAD"), ask("status", "--porcelain")
    except FileNotFoundError:  # no git on this machine
        pass
    return {"commit": commit, "dirty": None if changes is None else bool(changes)}
