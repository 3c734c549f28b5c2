"""Calls of an estimator at a state of a training: many independent ones, by running sums in one compiled program."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from estimators.expectation import Expectation
from estimators.surrogate import Surrogate
from results.statistics.agreement import Sums
from runners.fidelity.averages import Average
from runners.training.asking import asked_gradient, asked_sites
from runners.training.gradient import gradient
from runners.training.hard_sites import Hard
from runners.training.step import batch_indices, batch_of, examples_of
from steeplechase.random import Chance
from tasks.base import Task

BATCHES = 20  # of whose means errors are told
CHUNK = 1000  # calls at once, at most
BUDGET = 2**22  # numbers of gradients at once, at most
DIRECTIONS = 16  # at random, for each parameter, beside that of the reference


class State(NamedTuple):
    """Where the calls are made: a replica of a training, at one of its steps.

    Attributes:
        parameters: by name, in the task's own shapes.
        problem: the replica's own of the task.
        key: uint32 [2], of its chance.
        step: whose batch it is, an int32 scalar.
    """

    parameters: dict[str, tf.Tensor]
    problem: dict[str, tf.Tensor]
    key: tf.Tensor
    step: tf.Tensor


class CallSums(NamedTuple):
    """What calls came to.

    Attributes:
        whole: of the whole gradient.
        parts: of each parameter alone, by name.
        cosine: the mean over calls of the cosine with the reference; NaN without one.
        loss: the mean loss.
        seconds: of all calls, without compiling.
        compile_s: seconds of compiling.
    """

    whole: Sums
    parts: dict[str, Sums]
    cosine: float
    loss: float
    seconds: float
    compile_s: float


@functools.cache
def caller(task: Task, hard: Hard, precision: str, device: str, *, average: Average | None, of: str) -> Caller:
    """What calls this estimator, made once in a process.

    Args:
        task: whose loss it is.
        hard: what stands at its sites.
        precision: of the program.
        device: `cpu` or `gpu`.
        average: not the estimator is called, but the gradient of the loss, averaged over this. None: the estimator.
        of: a word that names the stream of chance. Of one word all estimators have the same first draws; calls under
            different words are independent.

    Returns:
        The same one whenever it is asked for again.
    """
    return Caller(task, hard, precision, device, average, of)


class Caller:
    """Calls an estimator again and again at one state, by a program that is compiled once.

    Attributes:
        slices: where each parameter stands in a flat gradient.
    """

    def __init__(self, task: Task, hard: Hard, precision: str, device: str, average: Average | None, of: str):
        self.task, self.hard, self.precision, self._place = task, hard, precision, f"/{device}:0"
        self._average, self._of = average, of
        with tf.device(self._place):
            self._examples = examples_of(task, precision)
        self.slices, at = {}, 0
        for name, shape in task.sizes.items():
            self.slices[name] = slice(at, at + math.prod(shape))
            at += math.prod(shape)
        self.size = at
        self.directions = {name: _directions(name, part.stop - part.start) for name, part in self.slices.items()}
        self._remembered = dict(one for site in asked_sites(task, hard) for one in site.remembered)
        self._run = tf.function(self._sums, jit_compile=task.xla, autograph=False)
        self._fill = tf.function(self._filled, jit_compile=task.xla, autograph=False)
        self._warm: set[int] = set()

    def call(
        self, state: State, numbers: Mapping[str, Any], calls: int, warm_up: int, reference: np.ndarray | None
    ) -> CallSums:
        """Many independent calls.

        Args:
            state: where they are made.
            numbers: as Hard.operation has them, tensors.
            calls: how many, nearly: each batch has as many whole chunks. Of an estimator that gives the same whenever
                it is asked, one counts.
            warm_up: calls before the first, by which a memory is filled; it stays during the calls.
            reference: the flat reference gradient; None: there is none.

        Returns:
            What they came to.
        """
        truth = np.zeros(self.size) if reference is None else reference
        length = np.linalg.norm(truth)
        along = {name: self._along(name, truth) for name in self.slices}
        given = {name: tf.constant(own, self.precision) for name, own in along.items()}
        towards = tf.constant(truth / length if length > 0 else truth, self.precision)
        compile_s = 0.0
        memory = {name: tf.zeros(shape, self.precision) for name, shape in self._remembered.items()}
        with tf.device(self._place):
            if memory:
                began = time.perf_counter()
                memory = self._fill(state, numbers, memory, tf.constant(warm_up))
                tf.nest.map_structure(lambda tensor: tensor.numpy(), memory)
                compile_s += time.perf_counter() - began

            def ask(chunk, first, count):
                nonlocal compile_s
                arguments = (state, numbers, memory, given, towards, tf.constant(first))
                if chunk not in self._warm:
                    began = time.perf_counter()
                    self._run(*arguments, tf.constant(0), chunk=chunk)["loss"].numpy()
                    compile_s += time.perf_counter() - began
                    self._warm.add(chunk)
                sums = self._run(*arguments, tf.constant(count), chunk=chunk)
                return {n: s.numpy() if n != "parts" else {k: v.numpy() for k, v in s.items()} for n, s in sums.items()}

            if self._may_be_constant():
                pair = 2 if self.task.mapped else 1
                two = ask(pair, 0, 2 // pair)
                if _never_varies(two):
                    return self._collected([two], 2, along, compile_s, 0.0, one=True)
            chunk = self.chunk(calls)
            count = -(-calls // (BATCHES * chunk))
            began, compiled = time.perf_counter(), compile_s
            batches = [ask(chunk, at * count * chunk, count) for at in range(BATCHES)]
            seconds = time.perf_counter() - began - (compile_s - compiled)
        return self._collected(batches, count * chunk, along, compile_s, seconds)

    def chunk(self, calls: int) -> int:
        """How many of so many calls are made at once."""
        return max(1, min(CHUNK, BUDGET // self.size, calls // BATCHES)) if self.task.mapped else 1

    def _along(self, name: str, truth: np.ndarray) -> np.ndarray:
        """The directions of a parameter, [1 + DIRECTIONS, size]: the reference's first."""
        own = truth[self.slices[name]]
        length = np.linalg.norm(own)
        return np.concatenate([[own / length if length > 0 else own], self.directions[name]])

    def _may_be_constant(self) -> bool:
        """Whether it may give the same whenever it is asked: what draws nothing, and what sums over all states."""
        page = self.hard.activations
        if self._average is not None:
            return self._average.exact
        if isinstance(page, Expectation):
            return bool(page.most)
        return isinstance(page, Surrogate) and not page.random and not any(f.law for f in self.hard.functions)

    def _collected(self, batches, calls, along, compile_s, seconds, one=False) -> CallSums:
        """The sums of batches of so many calls each."""
        number = 1 if one else len(batches) * calls
        means = np.stack([batch["total"] for batch in batches]) / calls
        squares, projected, again = {}, {}, {}
        for name in self.slices:
            parts = np.stack([batch["parts"][name] for batch in batches]).sum(0) / (calls * len(batches))
            directions = len(along[name])
            squares[name], projected[name], again[name] = parts[0], parts[1 : 1 + directions], parts[1 + directions :]
        parts = {
            name: Sums(number, means[:, part], float(squares[name]), projected[name], again[name])
            for name, part in self.slices.items()
        }
        every, twice = (np.concatenate([*of.values()]) for of in (projected, again))
        whole = Sums(number, means, float(sum(squares.values())), every, twice)
        share = calls * len(batches)
        cosine, loss = (float(sum(batch[name] for batch in batches)) / share for name in ("cosine", "loss"))
        return CallSums(whole, parts, cosine, loss, seconds, compile_s)

    def against(self, reference: np.ndarray) -> np.ndarray:
        """The directions along which the sums are taken, over the whole gradient: [directions, size]."""
        rows = []
        for name, part in self.slices.items():
            own = np.zeros([1 + DIRECTIONS, self.size])
            own[:, part] = self._along(name, reference)
            rows.append(own)
        return np.concatenate(rows)

    # What is compiled

    def _one(self, state, numbers, memory, stream):
        """(the flat gradient, the loss, what is remembered then) of one call."""
        task, parameters = self.task, state.parameters
        batch = batch_of(self._examples, batch_indices(task, state.key, state.step, state.problem))
        if self._average is not None:
            by_name, loss = self._average.gradient(task, self.hard, parameters, batch, stream, state.problem)
        elif isinstance(self.hard.activations, Expectation):
            by_name, loss, _, memory = asked_gradient(
                task, self.hard, parameters, batch, numbers, stream, state.problem, memory
            )
        else:
            operation = self.hard.operation(numbers, stream)
            by_name, loss, _ = gradient(task, parameters, batch, operation, stream, state.problem)
        return tf.concat([tf.reshape(by_name[name], [-1]) for name in self.slices], 0), loss, memory

    def _stream(self, state, number):
        return Chance(state.key).of("fidelity", self._of).at(state.step).at(number)

    def _filled(self, state, numbers, memory, count):
        def update(at, memory):
            return at + 1, self._one(state, numbers, memory, self._stream(state, at).of("warm up"))[2]

        loop = tf.while_loop(lambda at, _: at < count, update, (tf.constant(0), memory), parallel_iterations=1)
        return loop[1]

    def _sums(self, state, numbers, memory, along, towards, first, count, *, chunk):
        def one(number):
            flat, loss, _ = self._one(state, numbers, memory, self._stream(state, number))
            return flat, loss

        def add(at, sums):
            numbers_of = first + at * chunk + tf.range(chunk)
            if self.task.mapped:
                flat, loss = tf.vectorized_map(one, numbers_of, fallback_to_while_loop=False)
            else:
                flat, loss = (tensor[None] for tensor in one(numbers_of[0]))
            norms = tf.norm(flat, axis=1)
            cosine = tf.where(norms > 0, tf.linalg.matvec(flat, towards) / tf.where(norms > 0, norms, 1.0), 0.0)
            parts = {}
            for name, part in self.slices.items():
                projected = tf.matmul(flat[:, part], along[name], transpose_b=True)
                square = tf.reduce_sum(tf.square(tf.cast(flat[:, part], tf.float64)), [0, 1])
                own = tf.concat([[square], _total(projected), _total(tf.square(projected))], 0)
                parts[name] = sums["parts"][name] + own
            then = {"total": sums["total"] + _total(flat), "parts": parts}
            then |= {n: sums[n] + _total(own) for n, own in (("cosine", cosine), ("loss", loss))}
            return at + 1, then

        zeros = {"total": tf.zeros([self.size], tf.float64), "cosine": tf.zeros([], tf.float64)}
        zeros |= {"loss": tf.zeros([], tf.float64)}
        zeros |= {"parts": {n: tf.zeros([1 + 2 * own.shape[0]], tf.float64) for n, own in along.items()}}
        loop = tf.while_loop(lambda at, _: at < count, add, (tf.constant(0), zeros), parallel_iterations=1)
        return loop[1]


def _total(values):
    """The sum over the first axis, in double precision."""
    return tf.reduce_sum(tf.cast(values, tf.float64), 0)


def _directions(name: str, size: int) -> np.ndarray:
    """Directions at random, the same in every run: [DIRECTIONS, size], of length 1."""
    draw = np.random.default_rng([size, *name.encode()]).normal(size=[DIRECTIONS, size])
    return draw / np.linalg.norm(draw, axis=1, keepdims=True)


def _never_varies(sums) -> bool:
    """Of the sums of two calls: whether both were the same, but for rounding."""
    mean = sums["total"] / 2
    square = sum(float(own[0]) for own in sums["parts"].values()) / 2
    return bool(square - float(mean @ mean) <= 1e-9 * max(square, 1e-300))


def release() -> None:
    """Lets go of all programs."""
    caller.cache_clear()
