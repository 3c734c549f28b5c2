"""A peer inside its own process: loaded with its problem, then built, trained and checked as it is asked."""

from __future__ import annotations

import importlib

import numpy as np

from tests.perf import contest
from tests.perf.peers import PEERS, Case
from tests.perf.problems import PROBLEMS, problem_files, training_part


class Entrant:
    """Made before any clock runs: the peer's packages are imported and the data read.

    start: an NPZ file with each parameter's start, [replicas, *shape], and `batches`, int [steps + 1, replicas, batch].
    """

    def __init__(self, peer: str, problem: str, start: str, device: str):
        self.peer, self.problem, self.device = PEERS[peer], PROBLEMS[problem], device
        self.module = importlib.import_module(f"tests.perf.peers.{self.peer.module}")
        with np.load(start) as arrays:
            self.start = dict(arrays)
        self.batches = self.start.pop("batches")
        self.built: dict = {}
        self.x, self.y = np.zeros([0, 0], np.float32), np.zeros([0], np.int32)
        if self.problem.hidden:
            with problem_files() as files:
                self.x, self.y = training_part(self.problem, files)

    def first(self, replicas: int) -> int:
        """Builds the peer for so many replicas and trains one unit, whatever must be compiled included."""
        self.trained = self._build(replicas)
        return self.train(1)

    def train(self, units: int) -> int:
        """Trains on; returns the replica-steps done."""
        self.trained.train(units)
        return units * self.trained.unit * self.replicas

    def take(self, replicas: int) -> None:
        """Goes back to the training of so many replicas that `first` has built."""
        self.trained, self.replicas = self.built[replicas], replicas

    def peak(self) -> int:
        """The largest resident size so far, in bytes."""
        return contest.peak_memory_bytes()

    def check(self, precision: str, keras_epsilon: bool, steps: int) -> list[float]:
        """The losses of each replica at the batch after so many steps of those that it was told to follow."""
        replicas = self.batches.shape[1] if self.problem.name in self.peer.together else 1
        trained = self._made(replicas, precision, keras_epsilon)
        batches = self.batches[: steps + 1, :replicas]
        trained.follow(batches[:-1])
        return [float(loss) for loss in trained.losses(batches[-1])]

    def _build(self, replicas):
        self.built[replicas], self.replicas = self._made(replicas, "float32", False), replicas
        return self.built[replicas]

    def _made(self, replicas, precision, keras_epsilon):
        start = {name: array[:replicas] for name, array in self.start.items()}
        case = Case(
            self.problem, replicas, precision, self.device, self.peer.variant, self.x, self.y, start, keras_epsilon
        )
        return (self.module.Network if self.problem.hidden else self.module.Notebook)(case)
