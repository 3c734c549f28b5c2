"""The heart: one compiled program trains a block of replicas.

vectorized_map over replicas of the task's gradient, in while_loop over the steps of a chunk, in one XLA program.
Every parameter is one Keras variable [replicas, size]; Keras' public `apply` does the whole update. Seeds, rates,
parameters and step counts are tensor arguments and state is reset, so a program is compiled once and used for every
block, and for every run that differs in numbers only. Between chunks, outside the training clock, replicas are judged.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from estimators.surrogate import NORMALIZATIONS
from runners.training.compiled import COMPILE_LOCK, compiled_program
from runners.training.probes import batch_probe, judgement, site_probe
from runners.training.programs import Program, Replica
from runners.training.step import block_gradients, starter
from steeplechase import schedules
from steeplechase.random import key


@functools.cache
def trainer(program: Program, lane: int = 0) -> Trainer:
    """The trainer of this program in this lane, the same one whenever it is asked for again in this process.

    Trainers of one program in several lanes train a block each at the same time, from as many threads.
    """
    return Trainer(program)


def release() -> None:
    """Lets go of all trainers and programs, and so of what they hold on a device."""
    for cached in (trainer, compiled_program, starter, judgement, block_gradients, batch_probe, site_probe):
        cached.cache_clear()


class Trainer:
    """The state of one block, and the program that trains it.

    `begin` or `restore` a block, then `advance` and `look` in turn. The clocks are seconds since the block began:
    `compile_s` (tracing and compiling, in the first calls), `train_s` and `judge_s`. sharing: how many trainers are at
    work at the same time; of training and judging each counts its share, so that sums over blocks are true.
    """

    def __init__(self, program: Program):
        self.program, self.sharing = program, 1
        with COMPILE_LOCK:
            self._compiled = compiled_program(program)
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


def _site(name):
    return name if name.endswith("/weights") else f"{name}/weights"  # where a parameter of hard weights stands
