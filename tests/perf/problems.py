"""The problems that speed is measured on: their data, start, batches and counts, the same for everyone who trains them.

Five of them: the notebook's scalar (½(sign(x) − 1)² from x = −1), two binarized MLPs, one whose parameters fit a core's
cache and one whose parameters do not, a binarized network of three convolutions, and a network of neurons that spike,
on the digits. All by Adam with the slope of one estimator. Nothing here imports TensorFlow before it is needed, so that
a peer's process holds only what the peer's user would import.
"""

from __future__ import annotations

import contextlib
import math
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
SLOPE = "sigmoid_derivative"
BATCH = 64
FEATURES, CLASSES = 784, 10
PIXELS = 64  # of a digit
# By Keras' names. Its Adam rounds the betas to float32, in float64 too: so they are what float32 has for 0.9 and 0.999.
ADAM = {"beta_1": float(np.float32(0.9)), "beta_2": float(np.float32(0.999)), "epsilon": 1e-7}
BATCH_NORM_EPSILON = 1e-4
MEMBRANE, SYNAPSE, LATENCY, DARK = 10.0, 5.0, 20.0, 0.2  # of neurons that spike, as tasks.spiking_digits has them
ALPHA, BETA = math.exp(-1 / SYNAPSE), math.exp(-1 / MEMBRANE)  # what is left of a current and a potential after a step


@dataclass(frozen=True)
class Problem:
    """What is trained. hidden: the widths between input and output, of convolutions the channels; () is the scalar.

    replicas: how many of them a table shows. pools: how many of the last convolutions halve what they see; None: the
    layers are products. duration: how many steps of time neurons spike for; None: they are signs.
    """

    name: str
    hidden: tuple[int, ...]
    rate: float
    replicas: tuple[int, ...]
    pools: int | None = None
    duration: int | None = None

    @property
    def layers(self) -> list[tuple[int, int, int, int]]:
        """Of each layer the rows of its product, how many numbers a row is made of, in how many places it looks, and
        the width of what comes out."""
        if self.pools is None:
            return [(BATCH * (self.duration or 1), before, 1, after) for before, after in pairwise(self.widths)]
        found, side, before = [], math.isqrt(FEATURES), 1
        for i, after in enumerate(self.hidden):
            found.append((BATCH * side**2, before, 9, after))
            side, before = side // 2 if i >= len(self.hidden) - self.pools else side, after
        return [*found, (BATCH, side**2 * before, 1, CLASSES)]

    @property
    def widths(self) -> tuple[int, ...]:
        """Of all layers, input and output included; () for the scalar."""
        return (PIXELS if self.duration else FEATURES, *self.hidden, CLASSES) if self.hidden else ()

    @property
    def label(self) -> str:
        """For people."""
        if self.pools is not None:
            return f"28 × 28, {'-'.join(map(str, self.hidden))}, {CLASSES}"
        spiking = f", {self.duration} steps of spikes" if self.duration else ""
        return "-".join(map(str, self.widths)) + spiking if self.hidden else "notebook's scalar"

    def products(self) -> list[tuple[int, int, int]]:
        """The matrix products of one step of one replica, each as (m, k, n): [m, k] times [k, n].

        A layer has three (forward, gradient by the weights, gradient by the input); the first has no third.
        """
        found = []
        for i, (rows, before, places, after) in enumerate(self.layers):
            found += [(rows, before * places, after), (before * places, rows, after)]
            found += [(rows, after, before * places)] if i else []
        return found

    def flops(self) -> float:
        """Floating-point operations of one step of one replica, as the tasks' pages count them.

        2mkn a product; what is done element by element is not counted, but for the scalar, which is nothing else.
        Spikes count as any numbers do; their page has a third product of the first layer, which nobody needs.
        """
        return float(sum(2 * m * k * n for m, k, n in self.products())) if self.hidden else 4.0

    def numbers(self) -> int:
        """How many parameters a replica has: weights, and a scale and a shift for each unit that does not spike."""
        of_units = 0 if self.duration else 2
        return sum(a * k * b + of_units * b for _, a, k, b in self.layers) if self.hidden else 1

    def bytes_moved(self, width: int = 4) -> float:
        """What one step of one replica must at least move between memory and core, with numbers of `width` bytes.

        width × (8P + 2W − W₁ + 2·B·Σ in + 3·B·Σ out), where P are all parameters, W the weights, W₁ those of the
        first layer, B the batch, `in` and `out` a layer's widths:
        Adam reads gradient, parameter and two moments and writes the last three, and the gradient was written before
        (8P); forward reads the weights, and so does the gradient by the input, which the first layer lacks (2W − W₁);
        a layer's input is read forward and backward; its output is written, and its output's gradient written and
        read. Everything element by element (batch norm, sign, slope) is taken to be fused into its neighbours: a lower
        bound, and one that holds for a replica alone and in a cold cache.
        """
        if not self.hidden:
            return 8.0 * width
        of_layers = [a * k * b for _, a, k, b in self.layers]
        weights, first = sum(of_layers), of_layers[0]
        activations = sum(rows * (2 * a + 3 * b) for rows, a, _, b in self.layers)
        return float(width * (8 * self.numbers() + 2 * weights - first + activations))


PROBLEMS = {
    problem.name: problem
    for problem in (
        Problem("notebook", (), 0.1, (1, 100, 10_000)),
        Problem("mlp-256", (256, 256), 0.003, (1, 8, 64)),
        Problem("mlp-1024", (1024, 1024, 1024), 0.003, (1, 8)),
        Problem("convnet", (32, 64, 64), 0.003, (1,), 2),
        Problem("spikes", (64,), 0.003, (1, 8), duration=50),
    )
}


# The data


def mnist_files() -> tuple[str, str] | None:
    """The paths of 10,000 MNIST images and their labels, or None where there are none.

    Looked for in the folder that STEEPLECHASE_MNIST names, else in shared/data/mnist-10k beside the repository.
    """
    folder = Path(os.environ.get("STEEPLECHASE_MNIST", ROOT.parent / "shared" / "data" / "mnist-10k"))
    paths = [folder / f"t10k-{name}-ubyte.gz" for name in ("images-idx3", "labels-idx1")]
    return (str(paths[0]), str(paths[1])) if all(path.is_file() for path in paths) else None


@contextlib.contextmanager
def problem_files() -> Iterator[tuple[str, str | None]]:
    """The 10,000 MNIST images where they are; else 8,000 made-up ones of the same shape, ten noisy patterns."""
    if found := mnist_files():
        yield found
        return
    with tempfile.TemporaryDirectory() as folder:
        draw = np.random.default_rng(0)
        patterns, labels = draw.integers(0, 256, (10, FEATURES)), draw.integers(0, CLASSES, 8000)
        noise = draw.integers(0, 256, (8000, FEATURES))
        images = np.where(draw.random((8000, FEATURES)) < 0.15, patterns[labels], noise)
        path = Path(folder) / "images.npz"
        np.savez(path, x=images.astype(np.uint8), y=labels)
        yield str(path), None


def data_name() -> str:
    """What `problem_files` gives here, in words."""
    return "10,000 MNIST images" if mnist_files() else "8,000 made-up images"


def training_part(problem: Problem, files: tuple[str, str | None]) -> tuple[np.ndarray, np.ndarray]:
    """The images [n, 784] and labels [n] that batches are drawn from: the task's own split. Of spikes their trains, as
    `spike_trains` has them."""
    from tasks.data.sets import load
    from tasks.data.split import split

    part = split(load(*source(problem, files)), seed=0, validation=0.2, test=0.2).train
    return (spike_trains(part.x, problem.duration) if problem.duration else part.x), part.y


def source(problem: Problem, files: tuple[str, str | None]) -> tuple[str, str | None]:
    """Where the problem's examples are: in these files, but spikes are of the digits."""
    return ("digits", None) if problem.duration else files


def spike_trains(x: np.ndarray, steps: int) -> np.ndarray:
    """Images [n, pixels] from −1 to 1 as spikes [n, steps, pixels] of 0 and 1: one a pixel, the brighter the sooner.

    Brightness b spikes at step LATENCY·ln(b/(b − DARK)), rounded down; what is darker than DARK never does.
    """
    bright = (x.astype(np.float64) + 1) / 2
    light = np.maximum(bright - DARK, 1e-7)
    at = np.where(bright < DARK, -1, LATENCY * np.log(bright.clip(DARK) / light)).astype(int)
    return (np.arange(steps)[:, None] == at[:, None]).astype(np.float32)


# Ours


def build_task(problem: Problem, files: tuple[str, str | None], precision: str = "float32"):
    """The problem as this project's task."""
    from tasks.binarized_convnet import binarized_convnet
    from tasks.binarized_mlp import binarized_mlp
    from tasks.sign_fitting import sign_fitting
    from tasks.spiking_digits import spiking_digits

    data, labels = source(problem, files)
    own = {"data": data, "labels": labels, "split_seed": 0, "batch": BATCH, "dtype": precision}
    if problem.duration:
        own |= {"membrane": MEMBRANE, "synapse": SYNAPSE, "latency": LATENCY, "threshold": DARK}
        return spiking_digits(hidden=problem.hidden[0], duration=problem.duration, reset="to_zero", detach=True, **own)
    if problem.pools is not None:
        return binarized_convnet(channels=problem.hidden, pools=problem.pools, **own)
    if problem.hidden:
        return binarized_mlp(hidden=problem.hidden, **own)
    return sign_fitting(dim=1, mixing="identity", start=-1.0, target=1.0, dtype=precision)


def build_program(
    problem: Problem,
    files: tuple[str, str | None],
    replicas: int,
    precision: str = "float32",
    device: str = "cpu",
):
    """The problem as this project's program: the block rule and the numbers of a replica's own are those of a run."""
    import estimators
    from estimators.function import functions
    from runners.optimizer_traits import traits
    from runners.training.hard_sites import Hard
    from runners.training.programs import Program, block_size, on_device

    task, page = on_device(build_task(problem, files, precision), device), estimators.registry[SLOPE]
    sign = functions["sign"].fixed(at_zero=1 if problem.hidden else -1)
    hard = Hard(page, page, functions["step"] if problem.duration else sign)
    rows, fixed = traits("Adam").per_replica, (("amsgrad", False),)
    return Program(task, hard, "Adam", fixed, rows, block_size(task, device, replicas), precision, device)


def replica(problem: Problem, seed: int):
    """One training of the problem for this project's trainer."""
    import estimators
    from runners.training.programs import Replica

    own = dict(estimators.registry[SLOPE].parameters)
    return Replica(seed, problem.rate, own, own, ADAM)


# The same start and the same batches for everyone


def draw_start(problem: Problem, files: tuple[str, str | None], replicas: int) -> dict[str, np.ndarray]:
    """Each parameter at the start, [replicas, *shape], with the seeds 0, 1, …: what our trainer starts from."""
    import tensorflow as tf

    from runners.training.programs import on_device
    from steeplechase.random import Chance, key

    task = on_device(build_task(problem, files), "cpu")
    # Compiled as the trainer does it: XLA rounds the normal distribution in another way.
    start = tf.function(lambda own: task.start(Chance(own).of("start"), {}), jit_compile=task.xla)
    starts = [start(key(seed)) for seed in range(replicas)]
    return {name: np.stack([np.asarray(start[name]) for start in starts]) for name in task.sizes}


def draw_batches(problem: Problem, size: int, replicas: int, steps: int) -> np.ndarray:
    """The examples of each batch, int32 [steps, replicas, batch]: those that our trainer takes with seeds 0, 1, …"""
    if not problem.hidden:
        return np.zeros([steps, replicas, 0], np.int32)
    from steeplechase.random import Chance, key

    per_epoch = size // BATCH
    drawn = []
    for seed in range(replicas):
        orders = [
            np.asarray(Chance(key(seed)).of("batches").at(epoch).permutation(size))[: per_epoch * BATCH]
            for epoch in range(-(-steps // per_epoch))
        ]
        drawn.append(np.concatenate(orders).reshape(-1, BATCH)[:steps])
    return np.stack(drawn, 1)
