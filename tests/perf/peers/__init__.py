"""Peers: the same problems trained by others, each written as its own good users write it, and as short as it can be.

A peer's module holds `Network(case)` and `Notebook(case)`, each with

    unit                   how many steps one unit of training has (an epoch, of the networks)
    train(units)           trains on, with batches that the peer draws in its own way, and waits for the device
    follow(batches)        trains on with these batches, int [steps, replicas, batch], through the same code
    losses(batches)        the training losses at these batches, [replicas, batch] -> [replicas], nothing trained
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

from tests.perf.problems import Problem

EVERYWHERE = ("notebook", "mlp-256", "mlp-1024")
SPIKES = (*EVERYWHERE, "spikes")
CONVNET = (*SPIKES, "convnet")


@dataclass(frozen=True)
class Peer:
    """variant: which of its module's forms; needs: the packages that its users install.

    problems: those that it trains; together: those of which it trains many replicas in one go. Of the others it trains
    one replica after another, and its rate is that of one.
    """

    name: str
    label: str
    module: str
    needs: tuple[str, ...]
    variant: str = ""
    problems: tuple[str, ...] = EVERYWHERE
    together: tuple[str, ...] = ("notebook",)


PEERS = {
    peer.name: peer
    for peer in (
        Peer("ours", "Steeplechase", "ours", ("tensorflow", "keras"), "", CONVNET, SPIKES),
        Peer(
            "eager", "TensorFlow eager (the notebook)", "tf_loop", ("tensorflow", "keras"), "eager", ("notebook",), ()
        ),
        Peer("keras", "Keras fit", "keras_fit", ("tensorflow", "keras"), "", CONVNET),
        Peer(
            "keras_steps",
            "Keras fit, jit, many steps per execution",
            "keras_fit",
            ("tensorflow", "keras"),
            "steps",
            SPIKES,
        ),
        Peer("tf_function", "tf.function loop", "tf_loop", ("tensorflow", "keras")),
        Peer("torch", "PyTorch eager", "torch_loop", ("torch",), "", SPIKES),
        Peer("torch_compile", "torch.compile", "torch_loop", ("torch",), "compile", SPIKES),
        Peer("jax", "JAX jit + vmap + scan", "jax_scan", ("jax", "optax"), "", SPIKES, SPIKES),
    )
}
OURS = "ours"


@dataclass(frozen=True, eq=False)
class Case:
    """What a peer is given: a problem, how many replicas to train together, where and how precisely, and the numbers.

    x [n, features], of spikes [n, steps of time, features], y int [n]; start: each parameter [replicas, *shape].
    keras_epsilon: whether Adam's epsilon is to stand where Keras has it, so that trainings can be compared. Keras adds
    it before the bias of the second moment is corrected, others add it after, as if Keras' were EPSILON / √(1 − β₂ᵗ)
    at step t: 32 times as much at first.
    """

    problem: Problem
    replicas: int
    precision: str
    device: str
    variant: str
    x: np.ndarray
    y: np.ndarray
    start: dict[str, np.ndarray]
    keras_epsilon: bool = False

    def layers(self) -> list[tuple[np.ndarray, ...]]:
        """(weights, scale, shift) of each layer at the start, of spikes (weights,), every one with the replicas as its
        first axis."""
        names = ("weights",) if self.problem.duration else ("weights", "scale", "shift")
        return [
            tuple(self.start[f"layer{i}/{name}"].astype(self.precision) for name in names)
            for i in range(1, len(self.problem.layers) + 1)
        ]


def missing(names: Sequence[str]) -> list[dict]:
    """Of these peers the ones that cannot run here, each with the packages that are not installed."""
    found = [{"peer": n, "label": PEERS[n].label, "packages": _absent(PEERS[n].needs)} for n in names]
    return [entry for entry in found if entry["packages"]]


def _absent(packages):
    return [package for package in packages if find_spec(package) is None]
