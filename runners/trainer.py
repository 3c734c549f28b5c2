"""The heart: one compiled program trains a block of replicas.

vectorized_map over replicas of the task's gradient, in while_loop over the steps of a chunk, in one XLA program.
Every parameter is one Keras variable [replicas, size]; Keras' public `apply` does the whole update. Seeds, rates,
parameters and step counts are tensor arguments and state is reset, so a program is compiled once and used for every
block, and for every run that differs in numbers only. Between chunks, outside the training clock, replicas are judged.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import keras
import numpy as np
import tensorflow as tf

from estimators.base import NORMALIZATIONS, value
from runners import optimizer, schedule
from runners.chance import Chance, key
from runners.gradient import Hard, gradient
from tasks.base import Task

# A block is the largest power of two, at most LIMIT, whose parameters together are at most BUDGET numbers: on a CPU
# they then stay in a core's cache, on a GPU they fill it. The rule knows the program's shape and the device class,
# never the clock or the machine at hand, because numbers depend on the block.
LIMIT = {"cpu": 64, "gpu": 4096}
BUDGET = {"cpu": 2**18, "gpu": 2**25}


def block_size(task: Task, device: str) -> int:
    """How many replicas one compiled call trains."""
    numbers = sum(int(np.prod(shape)) for shape in task.sizes.values())
    fitting = max(1, BUDGET[device] // numbers)
    return min(LIMIT[device], 2 ** (fitting.bit_length() - 1))


@dataclass(frozen=True)
class Replica:
    """The numbers of one training. The learning rate and the slopes' parameters are numbers or schedules.

    normalize: how the slopes are scaled. It is a number of the replica's, so that it costs no program of its own.
    """

    seed: int
    learning_rate: float | Mapping
    activations: Mapping[str, float | Mapping] = field(default_factory=dict)
    weights: Mapping[str, float | Mapping] = field(default_factory=dict)
    optimizer: Mapping[str, float] = field(default_factory=dict)
    normalize: str = "none"


@dataclass(frozen=True)
class Program:
    """What makes a program: everything but the numbers of its replicas.

    optimizer: the Keras class name; arguments: those that are the same for all, as sorted pairs; rows: the names of
    those that each replica has its own value of.
    """

    task: Task
    hard: Hard
    optimizer: str
    arguments: tuple[tuple[str, object], ...]
    rows: tuple[str, ...]
    block: int
    precision: str
    device: str


@functools.cache
def trainer(program: Program) -> Trainer:
    """The trainer of this program, the same one whenever it is asked for again in this process."""
    return Trainer(program)


class Trainer:
    """A program and the state of the block that it trains.

    `begin` or `restore` a block, then `advance` and `look` in turn. The clocks are seconds since the block began:
    `compile_s` (tracing and compiling, in the first calls), `train_s` and `judge_s`.
    """

    def __init__(self, program: Program):
        self.program, task, block = program, program.task, program.block
        self._place = f"/{program.device}:0"
        with tf.device(self._place):
            self._examples = tuple(
                tf.constant(a, program.precision if np.issubdtype(a.dtype, np.floating) else None)
                for a in task.examples
            )
            self._variables = {
                name: keras.Variable(np.zeros([block, int(np.prod(shape))]), dtype=program.precision, name=_plain(name))
                for name, shape in task.sizes.items()
            }
            self._rows = {name: tf.Variable(np.zeros([block, 1]), dtype=program.precision) for name in program.rows}
            self._optimizer = optimizer.build(
                program.optimizer,
                dict(program.arguments),
                lambda: self._rate,
                list(self._variables.values()),
                weights=[_plain(name) for name in task.weights],
                rows=self._rows,
            )
            self._diverged = tf.Variable(tf.fill([block], -1))
        self._fresh = [v.numpy() for v in self._optimizer.variables]
        self._train = tf.function(self._chunk, jit_compile=True, autograph=False)
        self._start = _starter(task, block)
        self._judge = _judge(task, program.hard.forward, program.hard.at_zero, block)
        self._probe = _probe(task, program.hard, block)
        self._gradients = _gradients(task, program.hard, block)
        self._warm: set[Callable] = set()
        self.compile_s = self.train_s = self.judge_s = 0.0
        self.step = 0

    # A block

    def begin(self, replicas: Sequence[Replica], steps: int) -> None:
        """Takes these replicas (at most a block of them; dummies fill it up) to step 0 of a training of `steps`."""
        self._seat(replicas, steps)
        with tf.device(self._place):
            start = self._timed("compile_s", self._start, self._keys)
        for name, variable in self._variables.items():
            first = start[name].numpy()
            if self.program.hard.weights is None and name in self.program.task.weights:
                first = np.where(first >= 0, 1, -1)  # no latent weights: the hard ones start at the signs
            variable.assign(first)
        for variable, fresh in zip(self._optimizer.variables, self._fresh, strict=True):
            variable.assign(fresh)
        self._diverged.assign(tf.fill([self.program.block], -1))
        self._signs = self._hard_signs()

    def state(self) -> dict[str, np.ndarray]:
        """Everything that the block's future depends on, but its replicas, as arrays by name."""
        held = {f"parameters/{name}": v.numpy() for name, v in self._variables.items()}
        held |= {f"optimizer/{i}": v.numpy() for i, v in enumerate(self._optimizer.variables)}
        held |= {f"measures/signs/{name}": signs for name, signs in self._signs.items()}
        clocks = np.array([self.compile_s, self.train_s, self.judge_s])
        return held | {"measures/diverged": self._diverged.numpy(), "clocks": clocks, "step": np.array(self.step)}

    def restore(self, replicas: Sequence[Replica], steps: int, state: Mapping[str, np.ndarray]) -> None:
        """Goes on where `state` was taken, with the same replicas and the same number of steps."""
        self._seat(replicas, steps)
        for name, variable in self._variables.items():
            variable.assign(state[f"parameters/{name}"])
        for i, variable in enumerate(self._optimizer.variables):
            variable.assign(state[f"optimizer/{i}"])
        self._signs = {name: state[f"measures/signs/{name}"] for name in self.program.task.weights}
        self._diverged.assign(state["measures/diverged"])
        self.compile_s, self.train_s, self.judge_s = (float(clock) for clock in state["clocks"])
        self.before = {"compile_s": self.compile_s, "train_s": self.train_s, "judge_s": self.judge_s}
        self.step = int(state["step"])

    def advance(self, step: int) -> float:
        """Trains until `step` updates are done; returns the seconds that it took, compiling apart."""
        first, last = tf.constant(self.step), tf.constant(step)
        before = self.train_s
        with tf.device(self._place):
            if self._train not in self._warm:  # a chunk of no steps traces and compiles, and changes nothing
                self._timed("compile_s", self._train, self._keys, self._numbers, first, first, self._steps)
                self._warm.add(self._train)
            self._timed("train_s", self._train, self._keys, self._numbers, first, last, self._steps)
        self.step = step
        return self.train_s - before

    def look(self) -> dict[str, np.ndarray]:
        """The measures of the block's replicas now, float64 [replicas] by name; NaN where not applicable."""
        parameters = {name: tf.convert_to_tensor(v.value) for name, v in self._variables.items()}
        step = tf.constant(self.step)
        with tf.device(self._place):
            measures = self._judged(self._judge, parameters)
            probed = self._judged(self._probe, parameters, self._keys, self._numbers, step, self._steps, self._examples)
        measures |= probed
        signs = self._hard_signs()
        if signs and self.step:
            flipped = [(signs[name] != self._signs[name]).sum(1) for name in signs]
            measures["flip_rate"] = np.sum(flipped, 0) / sum(s.shape[1] for s in signs.values())
        self._signs = signs
        diverged = self._diverged.numpy()
        measures["diverged"] = np.where(diverged < 0, np.nan, diverged)
        return {name: np.asarray(value, np.float64)[: self._seated] for name, value in measures.items()}

    # What is compiled

    def _chunk(self, keys, numbers, first, last, steps):
        """The steps from `first` to `last` of a training of `steps`, on the variables."""
        task, block = self.program.task, self.program.block
        per_epoch = len(task.examples[0]) // task.batch if self._examples else 1

        size = len(task.examples[0]) if self._examples else 0

        def order(epoch):
            return _map(lambda k: Chance(k).of("batches").at(epoch).permutation(size), keys)

        def body(step, picks):
            now = _now(numbers, step, steps, self.program.precision)
            self._rate = now.pop("learning_rate")[:, None]
            position = step % per_epoch
            fresh = tf.logical_or(position == 0, step == first)
            if size:
                picks = tf.cond(fresh, lambda: order(step // per_epoch), lambda: picks)
            chosen = tf.slice(picks, [0, position * task.batch], [block, task.batch if size else 0])
            flat = {name: tf.convert_to_tensor(v.value) for name, v in self._variables.items()}
            gradients, loss, _ = self._gradients(flat, chosen, keys, step, now, self._examples)
            self._optimizer.apply([gradients[name] for name in self._variables], list(self._variables.values()))
            for name, (low, high) in task.bounds.items():
                self._variables[name].assign(tf.clip_by_value(self._variables[name].value, low, high))
            news = tf.logical_and(self._diverged < 0, tf.logical_not(tf.math.is_finite(loss)))
            self._diverged.assign(tf.where(news, step, self._diverged))
            return step + 1, picks

        tf.while_loop(lambda step, _: step < last, body, (first, tf.zeros([block, size], tf.int32)))
        return tf.identity(self._diverged)

    # Small things

    def _seat(self, replicas, steps):
        program, block = self.program, self.program.block
        if not 1 <= len(replicas) <= block:
            raise ValueError(f"a block takes 1 to {block} replicas, not {len(replicas)}.")
        seated = [*replicas, *[replicas[-1]] * (block - len(replicas))]
        self._seated, self._steps = len(replicas), tf.constant(steps)

        def coded(name, values):
            return tf.constant([schedule.encode(name, value) for value in values], program.precision)

        self._keys = tf.constant(np.stack([key(r.seed) for r in seated]))
        self._numbers = {"learning_rate": coded("learning_rate", [r.learning_rate for r in seated])}
        for part in ("activations", "weights"):
            names = getattr(seated[0], part)
            self._numbers[part] = {name: coded(name, [getattr(r, part)[name] for r in seated]) for name in names}
        self._numbers["normalize"] = coded("normalize", [NORMALIZATIONS.index(r.normalize) for r in seated])
        for name, variable in self._rows.items():
            variable.assign([[r.optimizer[name]] for r in seated])
        self.compile_s = self.train_s = self.judge_s = 0.0
        self.before = {"compile_s": 0.0, "train_s": 0.0, "judge_s": 0.0}  # what the clocks held when this sitting began
        self.step = 0

    def _timed(self, clock, function, *arguments):
        started = time.perf_counter()
        result = function(*arguments)
        tf.nest.map_structure(lambda t: t.numpy(), result)  # waits for the device
        setattr(self, clock, getattr(self, clock) + time.perf_counter() - started)
        return result

    def _judged(self, function, *arguments):
        if function not in self._warm:
            self._timed("compile_s", function, *arguments)
            self._warm.add(function)
        return {name: value.numpy() for name, value in self._timed("judge_s", function, *arguments).items()}

    def _hard_signs(self):
        return {name: self._variables[name].numpy() >= 0 for name in self.program.task.weights}


# Programs that do not depend on the optimizer are shared between trainers.


@functools.cache
def _starter(task: Task, block: int) -> Callable:
    """keys [block, 2] -> the parameters at the start, {name: [block, size]}."""

    def one(k):
        return {name: tf.reshape(p, [-1]) for name, p in task.start(Chance(k).of("start")).items()}

    return tf.function(lambda keys: _map(one, keys), jit_compile=True, autograph=False)


@functools.cache
def _judge(task: Task, forward: str, at_zero: int, block: int) -> Callable:
    """{name: [block, size]} -> the task's judgement, {measure: [block]}. No slope is used, so none is asked for."""

    def one(flat):
        return task.judge(_shaped(task, flat), lambda x, *, at: value(x, forward=forward, at_zero=at_zero))

    return tf.function(lambda parameters: _map(one, parameters), jit_compile=True, autograph=False)


@functools.cache
def _gradients(task: Task, hard: Hard, block: int) -> Callable:
    """The block's gradients at a batch: what training and probing have in common, traced once for both.

    ({name: [block, size]}, indices of examples [block, batch], keys [block, 2], step, the numbers now, the examples) ->
    (gradients {name: [block, size]}, losses [block], further measures {name: [block]}). What a program does not use of
    it, XLA leaves out.
    """

    def gradients(parameters, picks, keys, step, now, examples):
        def one(replica):
            flat, picked, k, own = replica
            batch, zeros = tuple(tf.gather(a, picked) for a in examples), []
            chance = Chance(Chance(k).at(step).key).of("loss")

            def watch(site, x, slope):
                zeros.append((tf.reduce_sum(tf.cast(slope == 0, tf.float32)), slope.shape.num_elements()))

            found, loss, measures = gradient(
                task, _shaped(task, flat), batch, hard.operation(own, chance, watch), chance
            )
            square = sum(tf.reduce_sum(tf.square(g)) for g in found.values())
            out = {**measures, "gradient_norm": tf.sqrt(square)}
            if "gradient" in task.measures:  # declared where there is a single parameter
                out["gradient"] = tf.reshape(*found.values(), [])
            if zeros:
                out["saturation"] = tf.add_n([count for count, _ in zeros]) / sum(size for _, size in zeros)
            return {name: tf.reshape(g, [-1]) for name, g in found.items()}, loss, out

        return _map(one, (parameters, picks, keys, now))

    return tf.function(gradients, autograph=False)


@functools.cache
def _probe(task: Task, hard: Hard, block: int) -> Callable:
    """The loss, the gradient's norm and the saturation at the batch that comes next, {measure: [block]}."""
    gradients = _gradients(task, hard, block)

    def probe(parameters, keys, numbers, step, steps, examples):
        now = _now(numbers, step, steps, next(iter(parameters.values())).dtype)
        del now["learning_rate"]
        picks = tf.zeros([block, 0], tf.int32)
        if examples:
            size = len(task.examples[0])
            epoch, position = step // (size // task.batch), step % (size // task.batch)

            def next_batch(k):
                order = Chance(k).of("batches").at(epoch).permutation(size)
                return tf.gather(order, position * task.batch + tf.range(task.batch))

            picks = _map(next_batch, keys)
        _, loss, measures = gradients(parameters, picks, keys, step, now, examples)
        return {**measures, "train_loss": loss}

    return tf.function(probe, jit_compile=True, autograph=False)


def _map(function, elements):
    """vectorized_map that fails while tracing, rather than run slowly, where an operation does not vectorise."""
    return tf.vectorized_map(function, elements, fallback_to_while_loop=False)


def _now(numbers, step, steps, precision):
    """The scheduled numbers at this step, [block] each."""
    progress = tf.cast(step, precision) / tf.cast(steps, precision)
    return tf.nest.map_structure(lambda coded: schedule.value(coded, progress), numbers)


def _shaped(task, flat):
    return {name: tf.reshape(flat[name], shape) for name, shape in task.sizes.items()}


def _plain(name):
    return name.replace("/", ".")  # Keras allows no slash in a variable's name
