"""python -m tests.perf.gpu: is the GPU right, and how fast is it? The check of numbers, then peers, limits and scaling.

First what must be true before anything is timed, each against the CPU or against itself: products are float32 and no
shorter, a short training ends where it ends on the CPU, a replica is the same alone and among others, a program run
again gives the same bits, and steps cut otherwise as well. Then `tests.perf.peers` and `tests.perf.scaling` with
--device gpu, in their short forms, and all of it as JSON. Exit codes: 0 right, 1 a check failed, 2 there is no GPU.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tests.perf import machine
from tests.perf.problems import PROBLEMS, build_program, problem_files, replica

STEPS, APART = 20, 5e-3  # of a short training, and how far its losses may be apart on two devices: signs may turn
SEATS = 128  # replicas of the run whose block is taken
PACKAGES = ("tensorflow", "keras", "numpy", "torch", "jax", "jaxlib", "optax")


def main(words: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.perf.gpu", description=__doc__.partition(": ")[2])
    parser.add_argument(
        "--folder", type=Path, default=machine.ROOT / "docs" / "speed", help="where JSON and figures go"
    )
    options = parser.parse_args(words)
    from runners.training import setup

    fault = setup.start_tensorflow("gpu")
    if fault:
        print(f"steeplechase: {fault}", file=sys.stderr)
        return 2
    options.folder.mkdir(parents=True, exist_ok=True)
    found = {"machine": machine.describe(PACKAGES, "gpu"), "checks": checks("gpu")}
    (options.folder / "gpu-checks.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for name, check in found["checks"].items():
        print(f"{'right' if check['right'] else 'WRONG'}: {name} ({check['found']:.3g}, at most {check['most']:.3g})")
    if not all(check["right"] for check in found["checks"].values()):
        return 1
    for tool, short in (("peers", ("--processes", "2", "--no-check")), ("scaling", ("--quick",))):
        stem = options.folder / f"gpu-{tool}"
        written = ("--json", f"{stem}.json", "--figure", str(stem))
        command = [sys.executable, "-m", f"tests.perf.{tool}", "--device", "gpu", *short, *written]
        if code := subprocess.run(command, cwd=machine.ROOT, check=False).returncode:
            return code
    return 0


def checks(device: str) -> dict[str, dict]:
    """{what must be true: {found, most, right}}, on this device (`gpu`, or `cpu` to try the checks themselves)."""
    asked: Mapping[str, tuple[Callable[[], float], float]] = {
        "products are float32": (lambda: product_error(device), 1e-5),
        **{
            f"{name} ends as it does on the CPU": (lambda name=name: _against_cpu(name, device), APART)
            for name in ("notebook", "mlp-256")
        },
        "a replica is the same alone and among others": (lambda: _alone(device), 0.0),
        "the same again": (lambda: _distance(train("mlp-256", device), train("mlp-256", device)), 0.0),
        "steps may be cut anywhere": (
            lambda: _distance(train("mlp-256", device), train("mlp-256", device, cuts=(3, 11))),
            0.0,
        ),
    }
    seen = {name: (float(check()), most) for name, (check, most) in asked.items()}
    return {name: {"found": found, "most": most, "right": found <= most} for name, (found, most) in seen.items()}


def product_error(device):
    """The largest relative error of a compiled product against float64."""
    import tensorflow as tf

    draw = np.random.default_rng(0)
    a, b = (draw.standard_normal((512, 512)) for _ in range(2))
    with tf.device(f"/{device}:0"):
        multiply = tf.function(tf.matmul, jit_compile=True)
        got = multiply(tf.constant(a, tf.float32), tf.constant(b, tf.float32)).numpy()
    exact = a.astype(np.float32).astype(np.float64) @ b.astype(np.float32).astype(np.float64)
    return np.abs(got - exact).max() / np.abs(exact).max()


def train(name, device, seeds=(0, 1), cuts=()):
    """Parameters and the loss after STEPS, [replicas, numbers]."""
    from runners.training.trainer import Trainer

    problem = PROBLEMS[name]
    with problem_files() as files:
        program = _programs.setdefault((name, device), build_program(problem, files, SEATS, device=device))
    trainer = Trainer(program)
    seats = [replica(problem, seed) for seed in seeds[: program.block]]
    # Rates differ as well: the notebook's scalar takes no chance, and would be the same for every seed.
    trainer.begin([replace(seat, learning_rate=problem.rate * (1 + seat.seed)) for seat in seats], STEPS)
    for step in (*cuts, STEPS):
        trainer.advance(step)
    parameters = [v for key, v in trainer.state().items() if key.startswith("parameters/")]
    losses = trainer.evaluate()["train_loss"]
    return losses, np.concatenate([p[: len(losses)] for p in parameters], 1)


_programs: dict = {}


def _distance(one, other):
    return max(float(np.abs(a - b).max()) for a, b in zip(one, other, strict=True))


def _against_cpu(name, device):
    theirs, ours = (train(name, place, seeds=(0,))[0] for place in ("cpu", device))
    return np.abs(theirs - ours).max()


def _alone(device):
    losses, parameters = train("notebook", device, seeds=(3,))
    others, among = train("notebook", device, seeds=(7, 3, 9))
    return max(abs(losses[0] - others[1]), np.abs(parameters[0] - among[1]).max())


if __name__ == "__main__":
    sys.exit(main())
