"""The heart: one compiled program trains a block of replicas.

vectorized_map over replicas of the task's gradient, in while_loop over the steps of a chunk, in one XLA program.
Every parameter is one Keras variable [replicas, size]; Keras' public `apply` does the whole update. Seeds, rates,
parameters and step counts are tensor arguments and state is reset, so a program is compiled once and used for every
block, and for every run that differs in numbers only. Between chunks, outside the training clock, replicas are judged.
"""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import keras
import numpy as np
import tensorflow as tf

from estimators.base import NORMALIZATIONS, value
from runners import optimizer, sites
from runners.gradient import Hard, gradient
from steeplechase import schedules
from steeplechase.random import Chance, key
from tasks.base import Task

# A block is the largest power of two, at most LIMIT, whose parameters together are at most BUDGET numbers: on a CPU
# they then stay in a core's cache, on a GPU they fill it. The rule knows the program's shape and the device class,
# never the clock or the machine at hand, because numbers depend on the block.
# They do not where a replica is a single number, and so every operation goes element by element (a test holds it to
# the bit). There a CPU's block follows from how many replicas a run has: half of them, so that two cores have work; no
# more than LIMIT, until there are SHARES such blocks; then a share, for starting a block costs as much as training it
# for thousands of steps; and no more than SCALARS, since larger ones are slower again.
LIMIT = {"cpu": 64, "gpu": 4096}
BUDGET = {"cpu": 2**18, "gpu": 2**25}
SHARES, SCALARS = 16, 1024


def block_size(task: Task, device: str, replicas: int) -> int:
    """How many replicas one compiled call trains, in a run of so many."""
    numbers = sum(int(np.prod(shape)) for shape in task.sizes.values())
    if numbers == 1 and device == "cpu":
        wanted = max(-(-replicas // SHARES), min(LIMIT[device], -(-replicas // 2)))
        return min(SCALARS, 2 ** (wanted - 1).bit_length())
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

    @property
    def scheduled(self) -> bool:
        """Whether any of the numbers is a schedule."""
        numbers = (self.learning_rate, *self.activations.values(), *self.weights.values())
        return any(isinstance(number, Mapping) for number in numbers)


@dataclass(frozen=True)
class Program:
    """What makes a program: everything but the numbers of its replicas.

    optimizer: the Keras class name; arguments: those that are the same for all, as sorted pairs; rows: the names of
    those that each replica has its own value of. scheduled: whether numbers of replicas may be schedules; a replica is
    trained by the program without where none of its own is, so that its numbers do not depend on its neighbours'.
    tf32: whether a GPU may shorten the factors of float32 products. sites: whether what flows back through each hard
    site is measured, too.
    """

    task: Task
    hard: Hard
    optimizer: str
    arguments: tuple[tuple[str, object], ...]
    rows: tuple[str, ...]
    block: int
    precision: str
    device: str
    scheduled: bool = False
    tf32: bool = False
    sites: bool = False


@functools.cache
def trainer(program: Program, lane: int = 0) -> Trainer:
    """The trainer of this program in this lane, the same one whenever it is asked for again in this process.

    Trainers of one program in several lanes train a block each at the same time, from as many threads.
    """
    return Trainer(program)


def release() -> None:
    """Lets go of all trainers and programs, and so of what they hold on a device."""
    for cached in (trainer, _compile, _starter, _judge, _gradients, _probe, _sites):
        cached.cache_clear()


class Trainer:
    """The state of one block, and the program that trains it.

    `begin` or `restore` a block, then `advance` and `look` in turn. The clocks are seconds since the block began:
    `compile_s` (tracing and compiling, in the first calls), `train_s` and `judge_s`. sharing: how many trainers are at
    work at the same time; of training and judging each counts its share, so that sums over blocks are true.
    """

    def __init__(self, program: Program):
        self.program, self.sharing = program, 1
        with _ONE_AT_A_TIME:
            self._compiled = _compile(program)
        with tf.device(self._compiled.place):
            self._parameters = {n: tf.Variable(v.value, name=v.name) for n, v in self._compiled.parameters.items()}
            self._slots = [tf.Variable(v.value, name=v.name) for v in self._compiled.optimizer.variables]
            self._diverged = tf.Variable(tf.fill([program.block], -1))
        self.compile_s = self.train_s = self.judge_s = 0.0
        self.step = 0

    # A block

    def begin(self, replicas: Sequence[Replica], steps: int) -> None:
        """Takes these replicas (at most a block of them; dummies fill it up) to step 0 of a training of `steps`."""
        self._seat(replicas, steps)
        start = self._ask("compile_s", self._compiled.start, self._keys)
        for name, variable in self._parameters.items():
            first = start[name]
            if self.program.hard.weights is None and name in self.program.task.weights:
                first = np.where(first >= 0, 1, -1)  # no latent weights: the hard ones start at the signs
            variable.assign(first, read_value=False)
        for variable, fresh in zip(self._slots, self._compiled.fresh, strict=True):
            variable.assign(fresh, read_value=False)
        sound = np.logical_and.reduce([np.isfinite(v.numpy()).all(1) for v in self._parameters.values()])
        self._diverged.assign(np.where(sound, -1, 0).astype(np.int32))
        self._signs = self._hard_signs()

    def state(self) -> dict[str, np.ndarray]:
        """Everything that the block's future depends on, but its replicas, as arrays by name."""
        held = {f"parameters/{name}": v.numpy() for name, v in self._parameters.items()}
        held |= {f"optimizer/{i}": v.numpy() for i, v in enumerate(self._slots)}
        held |= {f"measures/signs/{name}": signs for name, signs in self._signs.items()}
        clocks = np.array([self.compile_s, self.train_s, self.judge_s])
        return held | {"measures/diverged": self._diverged.numpy(), "clocks": clocks, "step": np.array(self.step)}

    def restore(self, replicas: Sequence[Replica], steps: int, state: Mapping[str, np.ndarray]) -> None:
        """Goes on where `state` was taken, with the same replicas and the same number of steps."""
        self._seat(replicas, steps)
        for name, variable in self._parameters.items():
            variable.assign(state[f"parameters/{name}"])
        for i, variable in enumerate(self._slots):
            variable.assign(state[f"optimizer/{i}"])
        self._signs = {name: state[f"measures/signs/{name}"] for name in self.program.task.weights}
        self._diverged.assign(state["measures/diverged"])
        self.compile_s, self.train_s, self.judge_s = (float(clock) for clock in state["clocks"])
        self.before = {"compile_s": self.compile_s, "train_s": self.train_s, "judge_s": self.judge_s}
        self.step = int(state["step"])

    def advance(self, step: int) -> float:
        """Trains until `step` updates are done; returns the seconds that it took, compiling apart."""
        held = (list(self._parameters.values()), self._slots, self._diverged, self._keys, self._numbers, self._rows)
        first, last, before = tf.constant(self.step), tf.constant(step), self.train_s
        # A chunk of no steps traces and compiles, and changes nothing.
        self._ask("train_s", self._compiled.train, *held, first, last, self._steps, trial=(*held, first, first))
        self.step = step
        return self.train_s - before

    def look(self) -> dict[str, np.ndarray]:
        """The measures of the block's replicas now, float64 [replicas] by name; NaN where not applicable."""
        parameters = {name: tf.convert_to_tensor(v) for name, v in self._parameters.items()}
        step, compiled = tf.constant(self.step), self._compiled
        measures = self._ask("judge_s", compiled.judge, parameters)
        for probe in (compiled.probe, compiled.sites) if self.program.sites else (compiled.probe,):
            asked = (parameters, self._keys, self._numbers, step, self._steps, compiled.examples)
            measures |= self._ask("judge_s", probe, *asked)
        signs = self._hard_signs()
        if signs and self.step:
            flipped = {name: (signs[name] != self._signs[name]).sum(1) for name in signs}
            measures["flip_rate"] = sum(flipped.values()) / sum(s.shape[1] for s in signs.values())
            if self.program.sites:
                measures |= {
                    f"site.flip_rate.{_site(name)}": own / signs[name].shape[1] for name, own in flipped.items()
                }
        self._signs = signs
        diverged = self._diverged.numpy()
        # The loss at the last step is the next batch's, which no update has asked for.
        diverged = np.where((diverged < 0) & ~np.isfinite(measures["train_loss"]), self.step, diverged)
        measures["diverged"] = np.where(diverged < 0, np.nan, diverged)
        return {name: np.asarray(value, np.float64)[: self._seated] for name, value in measures.items()}

    @property
    def functions(self) -> dict[str, tf.types.experimental.PolymorphicFunction]:
        """What is compiled, by name: `start`, `train`, `judge`, `probe`, and `sites` where those are measured."""
        names = ("start", "train", "judge", "probe", *(["sites"] if self.program.sites else []))
        return {name: getattr(self._compiled, name) for name in names}

    # Small things

    def _seat(self, replicas, steps):
        program, block = self.program, self.program.block
        if not 1 <= len(replicas) <= block:
            raise ValueError(f"a block takes 1 to {block} replicas, not {len(replicas)}.")
        if not program.scheduled and any(replica.scheduled for replica in replicas):
            raise ValueError(
                "a number of these replicas is a schedule: their program must be made with scheduled=True."
            )
        seated = [*replicas, *[replicas[-1]] * (block - len(replicas))]
        self._seated, self._steps = len(replicas), tf.constant(steps)

        def coded(name, values):
            numbers = [schedules.encode(name, value) for value in values] if program.scheduled else values
            return tf.constant(numbers, program.precision)

        self._keys = tf.constant(np.stack([key(r.seed) for r in seated]))
        self._numbers = {"learning_rate": coded("learning_rate", [r.learning_rate for r in seated])}
        for part in ("activations", "weights"):
            names = getattr(seated[0], part)
            self._numbers[part] = {name: coded(name, [getattr(r, part)[name] for r in seated]) for name in names}
        self._numbers["normalize"] = coded("normalize", [NORMALIZATIONS.index(r.normalize) for r in seated])
        self._rows = {n: tf.constant([[r.optimizer[n]] for r in seated], program.precision) for n in program.rows}
        self.compile_s = self.train_s = self.judge_s = 0.0
        self.before = {"compile_s": 0.0, "train_s": 0.0, "judge_s": 0.0}  # what the clocks held when this sitting began
        self.step = 0

    def _ask(self, clock, function, *arguments, trial=None):
        """What a compiled function answers, as arrays; its seconds go to the clock, those of compiling to `compile_s`.

        The first call of a function compiles it, in one lane while the others wait: it is asked for nothing but that,
        with the arguments of `trial` where asking has effects.
        """
        with tf.device(self._compiled.place):
            with self._compiled.lock:
                if function not in self._compiled.warm:
                    tf.config.experimental.enable_tensor_float_32_execution(self.program.tf32)  # read while compiling
                    self._timed("compile_s", function, arguments if trial is None else (*trial, self._steps))
                    self._compiled.warm.add(function)
            return self._timed(clock, function, arguments)

    def _timed(self, clock, function, arguments):
        started = time.perf_counter()
        answer = tf.nest.map_structure(lambda t: t.numpy(), function(*arguments))  # waits for the device
        seconds = time.perf_counter() - started
        share = 1 if clock == "compile_s" else self.sharing  # the others wait for what is compiled
        setattr(self, clock, getattr(self, clock) + seconds / share)
        return answer

    def _hard_signs(self):
        return {name: self._parameters[name].numpy() >= 0 for name in self.program.task.weights}


_ONE_AT_A_TIME = threading.Lock()  # a cache computes twice what two lanes ask for at once


@functools.cache
def _compile(program: Program) -> Compiled:
    return Compiled(program)


class Compiled:
    """What all trainers of a program share: the examples on the device, and its functions, each compiled once.

    `parameters` and the optimizer's variables are what tracing needs. A trainer calls with variables of its own, which
    take their place in the trace: so one program trains several blocks at a time.
    """

    def __init__(self, program: Program):
        self.program, task, block = program, program.task, program.block
        self.place = f"/{program.device}:0"
        with tf.device(self.place):
            self.examples = tuple(
                tf.constant(a, program.precision if np.issubdtype(a.dtype, np.floating) else None)
                for a in task.examples
            )
            self.parameters = {
                name: keras.Variable(np.zeros([block, int(np.prod(shape))]), dtype=program.precision, name=_plain(name))
                for name, shape in task.sizes.items()
            }
            self.optimizer = optimizer.build(
                program.optimizer,
                dict(program.arguments),
                lambda: self._rate,
                list(self.parameters.values()),
                weights=[_plain(name) for name in task.weights],
                rows={name: tf.zeros([block, 1], program.precision) for name in program.rows},
            )
            self.fresh = [tf.constant(v.numpy()) for v in self.optimizer.variables]  # not the variables' own memory
        self.train = tf.function(self._chunk, jit_compile=True, autograph=False)
        self.start = _starter(task, block)
        self.judge = _judge(task, program.hard.forward, program.hard.at_zero, block, program.tf32)
        self.probe = _probe(task, program.hard, block, program.scheduled, program.tf32)
        self.sites = _sites(task, program.hard, block, program.scheduled, program.tf32)
        self._gradients = _gradients(task, program.hard, block)
        self.warm: set[Callable] = set()
        self.lock = threading.Lock()

    def _chunk(self, parameters, slots, diverged, keys, numbers, rows, first, last, steps):
        """The steps from `first` to `last` of a training of `steps`, on the variables that are handed in."""
        task, block = self.program.task, self.program.block
        per_epoch = len(task.examples[0]) // task.batch if self.examples else 1
        size = len(task.examples[0]) if self.examples else 0

        def order(epoch):
            return _map(lambda k: Chance(k).of("batches").at(epoch).permutation(size), keys)

        def body(step, picks):
            now = _now(numbers, step, steps, self.program.precision, self.program.scheduled)
            self._rate = now.pop("learning_rate")[:, None]
            position = step % per_epoch
            fresh = tf.logical_or(position == 0, step == first)
            if size:
                picks = tf.cond(fresh, lambda: order(step // per_epoch), lambda: picks)
            chosen = tf.slice(picks, [0, position * task.batch], [block, task.batch if size else 0])
            flat = {name: tf.convert_to_tensor(v.value) for name, v in self.parameters.items()}
            gradients, loss, _ = self._gradients(flat, chosen, keys, step, now, self.examples)
            self.optimizer.apply([gradients[name] for name in self.parameters], list(self.parameters.values()))
            for name, (low, high) in task.bounds.items():
                self.parameters[name].assign(tf.clip_by_value(self.parameters[name].value, low, high))
            after = tf.where(_finite(self.parameters.values()), -1, step + 1)
            found = tf.where(tf.math.is_finite(loss), after, step)
            diverged.assign(tf.where(diverged < 0, found, diverged))
            return step + 1, picks

        for name, row in rows.items():
            setattr(self.optimizer, name, row)
        with _standing_in([*self.parameters.values(), *self.optimizer.variables], [*parameters, *slots]):
            tf.while_loop(lambda step, _: step < last, body, (first, tf.zeros([block, size], tf.int32)))
        return tf.identity(diverged)


@contextlib.contextmanager
def _standing_in(variables, others):
    """Keras' variables act on other TensorFlow variables than their own, as they do on a replica's of tf.distribute.

    Keras has no public way to these: stateless_apply is refused on TensorFlow.
    """
    own = [variable._value for variable in variables]
    try:
        for variable, value, other in zip(variables, own, others, strict=True):
            other._distributed_container = lambda value=value: value  # by which the optimizer knows a variable
            variable._value = other
        yield
    finally:
        for variable, value in zip(variables, own, strict=True):
            variable._value = value


# Programs that do not depend on the optimizer are shared between programs (tf32 only keeps them apart).


@functools.cache
def _starter(task: Task, block: int) -> Callable:
    """keys [block, 2] -> the parameters at the start, {name: [block, size]}."""

    def one(k):
        return {name: tf.reshape(p, [-1]) for name, p in task.start(Chance(k).of("start")).items()}

    return tf.function(lambda keys: _map(one, keys), jit_compile=True, autograph=False)


@functools.cache
def _judge(task: Task, forward: str, at_zero: int, block: int, tf32: bool) -> Callable:
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
def _probe(task: Task, hard: Hard, block: int, scheduled: bool, tf32: bool) -> Callable:
    """The loss, the gradient's norm and the saturation at the batch that comes next, {measure: [block]}."""
    gradients = _gradients(task, hard, block)

    def probe(parameters, keys, numbers, step, steps, examples):
        now = _now(numbers, step, steps, next(iter(parameters.values())).dtype, scheduled)
        del now["learning_rate"]
        picks = _next_batch(task, block, keys, step)
        _, loss, measures = gradients(parameters, picks, keys, step, now, examples)
        return {**measures, "train_loss": loss}

    return tf.function(probe, jit_compile=True, autograph=False)


@functools.cache
def _sites(task: Task, hard: Hard, block: int, scheduled: bool, tf32: bool) -> Callable:
    """What flows back through each hard site at the batch that comes next, {measure: [block]} (sites.measured)."""

    def probe(parameters, keys, numbers, step, steps, examples):
        now = _now(numbers, step, steps, next(iter(parameters.values())).dtype, scheduled)
        del now["learning_rate"]

        def one(replica):
            flat, picked, k, own = replica
            batch, chance = tuple(tf.gather(a, picked) for a in examples), Chance(Chance(k).at(step).key).of("loss")
            return sites.measured(sites.follow(task, hard, _shaped(task, flat), batch, own, chance))

        return _map(one, (parameters, _next_batch(task, block, keys, step), keys, now))

    return tf.function(probe, jit_compile=True, autograph=False)


def _next_batch(task: Task, block: int, keys: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
    """The examples that the next update takes, as indices [block, batch]; [block, 0] where there are none."""
    if not task.examples:
        return tf.zeros([block, 0], tf.int32)
    size = len(task.examples[0])
    epoch, position = step // (size // task.batch), step % (size // task.batch)

    def one(k):
        order = Chance(k).of("batches").at(epoch).permutation(size)
        return tf.gather(order, position * task.batch + tf.range(task.batch))

    return _map(one, keys)


def _map(function, elements):
    """vectorized_map that fails while tracing, rather than run slowly, where an operation does not vectorise."""
    return tf.vectorized_map(function, elements, fallback_to_while_loop=False)


def _now(numbers, step, steps, precision, scheduled):
    """The numbers at this step, [block] each."""
    if not scheduled:
        return dict(numbers)
    progress = tf.cast(step, precision) / tf.cast(steps, precision)
    return tf.nest.map_structure(lambda coded: schedules.value(coded, progress), numbers)


def _finite(parameters):
    """Whether every parameter of a replica is finite, [block]."""
    each = [tf.reduce_all(tf.math.is_finite(v.value), axis=1) for v in parameters]
    return functools.reduce(tf.logical_and, each)


def _shaped(task, flat):
    return {name: tf.reshape(flat[name], shape) for name, shape in task.sizes.items()}


def _site(name):
    return name if name.endswith("/weights") else f"{name}/weights"  # where a parameter of hard weights stands


def _plain(name):
    return name.replace("/", ".")  # Keras allows no slash in a variable's name
