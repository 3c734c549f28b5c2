"""The trainer: one compiled program trains a block of replicas.

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
from runners.training.asking import asked_sites
from runners.training.compiled import COMPILE_LOCK, compiled_program
from runners.training.probes import batch_probe, judgement, site_probe, update_probe
from runners.training.programs import PARTS, Program, Replica
from runners.training.state import Replicas, TrainState
from runners.training.step import block_gradients, fitter, problems, starter
from steeplechase import schedules
from steeplechase.random import key


@functools.cache
def trainer(program: Program, thread: int = 0) -> Trainer:
    """The trainer of this program for this thread.

    Args:
        program: what it trains.
        thread: trainers of one program for several threads train a block each at the same time.

    Returns:
        The same one whenever it is asked for again in this process.
    """
    return Trainer(program)


def release() -> None:
    """Lets go of all trainers and programs, and so of what they hold on a device."""
    probes = judgement, batch_probe, site_probe, update_probe
    for cached in (trainer, compiled_program, asked_sites, problems, starter, fitter, block_gradients, *probes):
        cached.cache_clear()


class Trainer:
    """The state of one block, and the program that trains it.

    `begin` or `restore` a block, then `advance` and `evaluate` in turn. The clocks are seconds since the block began.

    Attributes:
        program: what is trained.
        sharing: how many trainers are at work at the same time; of training and judging each counts its share, so that
            sums over blocks are true.
        compile_s: seconds of tracing and compiling, in the first calls.
        train_s: seconds of training.
        judge_s: seconds of judging.
        before: the three clocks as they were when this process took over, by name.
        step: updates that are done.
    """

    def __init__(self, program: Program):
        self.program, self.sharing = program, 1
        with COMPILE_LOCK:
            self.compiled = compiled_program(program)
        with tf.device(self.compiled.place):
            followed = {f"sum/{name}": tf.zeros([program.block], program.precision) for name in self.compiled.followed}
            followed |= {"updates": tf.constant(0)} if followed else {}
            self._state = TrainState(
                parameters={n: tf.Variable(v.value, name=v.name) for n, v in self.compiled.parameters.items()},
                optimizer=[tf.Variable(v.value, name=v.name) for v in self.compiled.optimizer.variables],
                estimator={
                    name: tf.Variable(tf.zeros([program.block, *shape], program.precision))
                    for name, shape in self.compiled.remembered.items()
                },
                measures={
                    "diverged": tf.Variable(tf.fill([program.block], -1)),
                    **{name: tf.Variable(zero) for name, zero in followed.items()},
                },
                step=tf.constant(0),
            )
        self.compile_s = self.train_s = self.judge_s = 0.0
        self.step = 0
        self._replicas: Replicas

    # A block

    def begin(self, replicas: Sequence[Replica], steps: int) -> None:
        """Takes replicas to step 0.

        Args:
            replicas: at most a block of them; dummies fill it up.
            steps: the length of their training, in updates.
        """
        self._take(replicas, steps)
        start = self._ask("compile_s", self.compiled.start, self._replicas.keys, self._replicas.problem)
        if self.compiled.fit:
            at_start, plain = {n: tf.constant(p) for n, p in start.items()}, self._replicas.without_optimizer()
            start = self._ask("compile_s", self.compiled.fit, at_start, plain, self.compiled.examples)
        for name, variable in self._state.parameters.items():
            variable.assign(start[name], read_value=False)
        for variable, fresh in zip(self._state.optimizer, self.compiled.fresh, strict=True):
            variable.assign(fresh, read_value=False)
        for variable in self._state.estimator.values():
            variable.assign(tf.zeros_like(variable))
        sound = np.logical_and.reduce([np.isfinite(v.numpy()).all(1) for v in self._state.parameters.values()])
        self._state.measures["diverged"].assign(np.where(sound, -1, 0).astype(np.int32))
        self._forget_updates()
        self._levels = self._hard_levels()

    def state(self) -> dict[str, np.ndarray]:
        """Everything that the block's future depends on, but its replicas, as arrays by name."""
        arrays = {f"parameters/{name}": v.numpy() for name, v in self._state.parameters.items()}
        arrays |= {f"optimizer/{i}": v.numpy() for i, v in enumerate(self._state.optimizer)}
        arrays |= {f"estimator/{name}": v.numpy() for name, v in self._state.estimator.items()}
        arrays |= {f"measures/{name}": v.numpy() for name, v in self._state.measures.items()}
        arrays |= {f"measures/levels/{name}": levels for name, levels in self._levels.items()}
        clocks = np.array([self.compile_s, self.train_s, self.judge_s])
        return arrays | {"clocks": clocks, "step": np.array(self.step)}

    def snapshot(self) -> dict[str, np.ndarray]:
        """The parameters, the optimizer's variables and the problems of the block's replicas now.

        Returns:
            [replicas, ...] by PARAMETER, optimizer/NUMBER and problem/NAME; what an optimizer has for all replicas
            together stands there once for each.
        """
        arrays = {name: v.numpy() for name, v in self._state.parameters.items()}
        for i, variable in enumerate(self._state.optimizer):
            own = variable.numpy()
            arrays[f"optimizer/{i}"] = own if own.ndim else np.repeat(own, self._count)
        arrays |= {f"problem/{name}": tensor.numpy() for name, tensor in self._replicas.problem.items()}
        return {name: array[: self._count] for name, array in arrays.items()}

    def restore(self, replicas: Sequence[Replica], steps: int, state: Mapping[str, np.ndarray]) -> None:
        """Goes on where a state was taken.

        Args:
            replicas: the same as then.
            steps: the same as then.
            state: what `state` returned.
        """
        self._take(replicas, steps)
        for name, variable in self._state.parameters.items():
            variable.assign(state[f"parameters/{name}"])
        for i, variable in enumerate(self._state.optimizer):
            variable.assign(state[f"optimizer/{i}"])
        for part in ("estimator", "measures"):
            for name, variable in getattr(self._state, part).items():
                variable.assign(state[f"{part}/{name}"])
        self._levels = {name: state[f"measures/levels/{name}"] for name in self.program.task.weights}
        compiling = self.compile_s  # of the problem
        self.compile_s, self.train_s, self.judge_s = (float(clock) for clock in state["clocks"])
        self.before = {"compile_s": self.compile_s, "train_s": self.train_s, "judge_s": self.judge_s}
        self.compile_s += compiling
        self.step = int(state["step"])

    def advance(self, step: int) -> float:
        """Trains on.

        Args:
            step: how many updates are done then.

        Returns:
            The seconds that it took, compiling apart.
        """
        state, last, before = self._state._replace(step=tf.constant(self.step)), tf.constant(step), self.train_s
        # A chunk of no steps traces and compiles, and changes nothing.
        trial = (state, self._replicas, state.step)
        self._ask("train_s", self.compiled.train, state, self._replicas, last, trial=trial)
        self.step = step
        return self.train_s - before

    def evaluate(self) -> dict[str, np.ndarray]:
        """The measures of the block's replicas now, float64 [replicas] by name; NaN where not applicable."""
        parameters = {name: tf.convert_to_tensor(v) for name, v in self._state.parameters.items()}
        memory = {name: tf.convert_to_tensor(v) for name, v in self._state.estimator.items()}
        step, compiled, replicas = tf.constant(self.step), self.compiled, self._replicas.without_optimizer()
        measures = self._ask("judge_s", compiled.judge, parameters, self._replicas.problem)
        for probe in (compiled.probe, compiled.sites) if self.program.sites else (compiled.probe,):
            measures |= self._ask("judge_s", probe, parameters, replicas, step, compiled.examples, memory)
        levels = self._hard_levels()
        if levels and self.step:
            flipped = {name: (levels[name] != self._levels[name]).sum(1) for name in levels}
            measures["flip_rate"] = sum(flipped.values()) / sum(each.shape[1] for each in levels.values())
            if self.program.sites:
                measures |= {
                    f"site.flip_rate.{_site(name)}": own / levels[name].shape[1] for name, own in flipped.items()
                }
        self._levels = levels
        measures |= self._means_over_updates()
        diverged = self._state.measures["diverged"].numpy()
        # The loss at the last step is the next batch's, which no update has asked for.
        diverged = np.where((diverged < 0) & ~np.isfinite(measures["train_loss"]), self.step, diverged)
        measures["diverged"] = np.where(diverged < 0, np.nan, diverged)
        return {name: np.asarray(value, np.float64)[: self._count] for name, value in measures.items()}

    @property
    def functions(self) -> dict[str, tf.types.experimental.PolymorphicFunction]:
        """What is compiled, by name: `start`, `train`, `judge`, `probe`; `problem`, `fit` and `sites` where there are
        such."""
        names = [*(["problem"] if self.program.task.problem else []), "start", "train", "judge", "probe"]
        names += ["fit"] if self.compiled.fit else []
        names += ["sites"] if self.program.sites else []
        return {name: getattr(self.compiled, name) for name in names}

    # Small things

    def _take(self, replicas, steps):
        """Makes these replicas those of the block, at step 0 and with clocks at 0."""
        program, block = self.program, self.program.block
        if not 1 <= len(replicas) <= block:
            raise ValueError(f"a block takes 1 to {block} replicas, not {len(replicas)}.")
        unforeseen = {name for replica in replicas for name in replica.scheduled} - {*program.scheduled}
        if unforeseen:
            named = ", ".join(sorted(unforeseen))
            raise ValueError(f"these numbers are schedules, but not in the program's `scheduled`: {named}.")
        if any(replica.stretched != program.stretched for replica in replicas):
            raise ValueError("these replicas do not stretch the slopes of the sites in the program's `stretched`.")
        filled = [*replicas, *[replicas[-1]] * (block - len(replicas))]
        self._count = len(replicas)

        def coded(name, values):
            numbers = [schedules.encode(name, value) for value in values] if name in program.scheduled else values
            return tf.constant(numbers, program.precision)

        numbers = {"learning_rate": coded("learning_rate", [r.learning_rate for r in filled])}
        for part in PARTS:
            names = getattr(filled[0], part)
            numbers[part] = {n: coded(f"{part}.{n}", [getattr(r, part)[n] for r in filled]) for n in names}
        numbers["normalize"] = coded("normalize", [NORMALIZATIONS.index(r.normalize) for r in filled])
        own = {n: tf.constant([[r.optimizer[n]] for r in filled], program.precision) for n in program.per_replica}
        keys = tf.constant(np.stack([key(r.seed) for r in filled]))
        self.compile_s = self.train_s = self.judge_s = 0.0
        self.before = {"compile_s": 0.0, "train_s": 0.0, "judge_s": 0.0}  # since this process took over
        self.step = 0
        problem = {}
        if program.task.problem:
            draws = [r.seed if r.draw is None else r.draw for r in filled]
            own_keys = tf.constant(np.stack([key(draw) for draw in draws]))
            problem = self._ask("compile_s", self.compiled.problem, own_keys, tf.constant(draws, tf.int32))
        with tf.device(self.compiled.place):
            problem = {name: tf.constant(array) for name, array in problem.items()}
        self._replicas = Replicas(keys, numbers, own, tf.constant(steps), problem)

    def _ask(self, clock, function, *arguments, trial=None):
        """What a compiled function answers; its seconds go to the clock, those of compiling to `compile_s`.

        The first call of a function compiles it, in one thread while the others wait: it is asked for nothing but that,
        with the arguments of `trial` where asking has effects.

        Returns:
            Its tensors as arrays.
        """
        with tf.device(self.compiled.place):
            with self.compiled.lock:
                if function not in self.compiled.warm:
                    tf.config.experimental.enable_tensor_float_32_execution(self.program.tf32)  # read while compiling
                    self._timed("compile_s", function, arguments if trial is None else trial)
                    self.compiled.warm.add(function)
            return self._timed(clock, function, arguments)

    def _timed(self, clock, function, arguments):
        started = time.perf_counter()
        answer = tf.nest.map_structure(lambda t: t.numpy(), function(*arguments))  # waits for the device
        seconds = time.perf_counter() - started
        share = 1 if clock == "compile_s" else self.sharing  # the others wait for what is compiled
        setattr(self, clock, getattr(self, clock) + seconds / share)
        return answer

    def _means_over_updates(self):
        """What the task measures at every update, over those since it was last asked; nothing before the first."""
        followed, updates = self.compiled.followed, 0
        if followed:
            updates = int(self._state.measures["updates"])
        means = {name: self._state.measures[f"sum/{name}"].numpy() / updates for name in followed if updates}
        self._forget_updates()
        return means

    def _forget_updates(self):
        """Begins the sums over updates anew."""
        for name, variable in self._state.measures.items():
            if name != "diverged":
                variable.assign(tf.zeros_like(variable), read_value=False)

    def _hard_levels(self):
        """Of each hard weight the place of its value among the levels of its function; of real weights the sign."""
        function, weights = self.program.hard.functions[1], self.program.task.weights
        latent = {name: self._over_its_step(name) for name in weights}
        if len(function.outputs) < 3:  # one comparison: what several levels take is a tenth of a training of millions
            place = -float(function.from_jump(tf.zeros([]))) if function.outputs else 0.0
            return {name: own.numpy() >= place for name, own in latent.items()}
        middles = np.convolve(function.outputs, [0.5, 0.5], "valid")
        values = {name: function.value(own).numpy() for name, own in latent.items()}
        return {name: np.searchsorted(middles, own).astype(np.uint16) for name, own in values.items()}

    def _over_its_step(self, name):
        """A latent weight in units of its step, [block, size]."""
        task, latent = self.program.task, self._state.parameters[name]
        trained = task.step_sizes.get(_site(name))
        if trained is None:
            return latent
        whole = tf.reshape(latent, [-1, *task.sizes[name]])
        step_size = tf.reshape(self._state.parameters[trained], [-1, *task.sizes[trained]])
        step = self.program.hard.values(task).step(whole, _site(name), step_size, apart=1)
        return latent if step is None else tf.reshape(whole / step, latent.shape)


def _site(name):
    return name if name.endswith("/weights") else f"{name}/weights"  # where a parameter of hard weights stands
