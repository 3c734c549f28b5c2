"""python -m tests.perf.ratios: how many times faster than plain Keras and the notebook's loop, and how soon it answers.

Timings of shared machines drift, so nothing is compared across runs. In each round two fresh processes are started,
ours and the reference, each with its own TensorFlow set up as it is for its users; both compile first. Then they work
in turn (ABBA, the other one waiting), and each round gives one ratio a problem, from the geometric means of its two
turns. The table shows the median over rounds, and a 95 % t interval on the logarithms of the ratios: it holds from two
rounds on, where an order-statistic interval needs six and a bootstrap of the median covers far too little below ten.

A rate is replica-steps per second: updates x replicas / seconds. Inside the clock are the reset of the state, all
blocks in turn and waiting for the device; outside are compiling and judging.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import math
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
BATCH, HIDDEN, RATE, EPOCHS = 64, (256, 256), 0.003, 8  # of the MLP
SLOPE = "sigmoid_derivative"
UPDATES = {"ours": 200_000, "reference": 300}  # of the notebook's task, about half a second each


@dataclass(frozen=True)
class Need:
    """What is required of a row: `least` (of a ratio) or `most` (seconds) for the median, `low` for the lower end."""

    least: float = -math.inf
    low: float = -math.inf
    most: float = math.inf

    def __str__(self) -> str:
        words = [f"≥ {self.least:,.0f}×"] * (self.least > -math.inf) + [f"≤ {self.most:g} s"] * (self.most < math.inf)
        return ", ".join(words + [f"lower end ≥ {self.low:g}×"] * (self.low > -math.inf))

    def met(self, middle: float, low: float) -> bool:
        return self.least <= middle <= self.most and low >= self.low


PROBLEMS = {  # problem: what is required at each number of replicas
    "mlp": {1: Need(least=5, low=4.5), 8: Need(least=5, low=4.5)},
    "notebook": {1: Need(least=1000), 1000: Need(least=50_000)},
}
COMMANDS = {  # words of the command line after the interpreter, STORE standing for a fresh folder
    "sweep --help": (("-m", "runners.sweep", "--help"), Need(most=1.5)),
    "sweep --cfg job": (("-m", "runners.sweep", "--cfg", "job"), Need(most=1.5)),
    "sweep plan=true": (("-m", "runners.sweep", "plan=true", "store=STORE"), Need(most=5)),
}
NO_TENSORFLOW = ("-c", "import sys, results; sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)")


@dataclass(frozen=True)
class Answer:
    """What was trained, so that no time is read without it. loss: of the test part, or ours of the notebook's.

    value: test accuracy, or the notebook's x. Of ours, means over the last block.
    """

    loss: float
    value: float


# The two contestants. Each: load(problem), reset(problem), go(problem, replicas) -> replica-steps, answer(problem).
# Only `go` is timed.


class Ours:
    """The trainer as a run uses it: the precision, device, block rule and per-replica numbers of the configuration."""

    def __init__(self, files: tuple[str, str | None]):
        from runners import quiet

        quiet.start_tensorflow("cpu")
        self.files = files

    @functools.cache  # noqa: B019  it lives as long as its process
    def heart(self, problem: str):
        """(trainer, updates)"""
        import estimators
        from runners.config import PER_REPLICA
        from runners.gradient import Hard
        from runners.trainer import Program, block_size, trainer
        from tasks.binarized_mlp import binarized_mlp
        from tasks.sign_fitting import sign_fitting

        if problem == "mlp":
            task = binarized_mlp(data=self.files[0], labels=self.files[1], hidden=HIDDEN, batch=BATCH)
        else:
            task = sign_fitting(dim=1, mixing="identity", start=-1.0, target=1.0)
        page = estimators.book[SLOPE]
        hard = Hard(page, page, at_zero=1 if problem == "mlp" else -1)
        rows, fixed = PER_REPLICA["Adam"], (("amsgrad", False),)
        heart = trainer(Program(task, hard, "Adam", fixed, rows, block_size(task, "cpu"), "float32", "cpu"))
        return heart, EPOCHS * (len(task.examples[0]) // BATCH) if problem == "mlp" else UPDATES["ours"]

    def load(self, problem: str) -> None:
        self._train(problem, 1, 10)
        self.answer(problem)

    def reset(self, problem: str) -> None:
        """Nothing: taking a seat resets the state, inside the clock."""

    def go(self, problem: str, replicas: int) -> int:
        _, updates = self.heart(problem)
        self._train(problem, replicas, updates)
        return replicas * updates

    def answer(self, problem: str) -> Answer:
        heart, _ = self.heart(problem)
        seen = {name: float(np.mean(values)) for name, values in heart.look().items()}
        return Answer(*(seen[k] for k in (("test_loss", "test_accuracy") if problem == "mlp" else ("train_loss", "x"))))

    def _train(self, problem, replicas, updates):
        from runners.trainer import Replica

        heart, _ = self.heart(problem)
        rate, own = (RATE if problem == "mlp" else 0.1), {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}
        seats = [Replica(seed, rate, {"scale": 1.0}, {"scale": 1.0}, own) for seed in range(replicas)]
        for at in range(0, replicas, heart.program.block):
            heart.begin(seats[at : at + heart.program.block], updates)
            heart.advance(updates)


class Reference:
    """Keras `fit` written the ordinary way, with its defaults; and the notebook's own eager loop."""

    def __init__(self, files: tuple[str, str | None]):
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
        with open(os.devnull, "w") as nothing:  # some lines are printed before any log level is read
            kept = os.dup(2)
            os.dup2(nothing.fileno(), 2)
            try:
                from tests.oracles import keras_mlp
            finally:
                os.dup2(kept, 2)
                os.close(kept)
        self.module, self.files = keras_mlp, files

    def load(self, problem: str) -> None:
        if problem == "mlp":
            self.examples = self.module.parts(*self.files)
            train = self.examples.train
            self.count = len(train.y) // BATCH * BATCH
            self.x, self.y = train.x[: self.count], train.y[: self.count]
            self.model = self.module.network(SLOPE, self.x.shape[1], HIDDEN, train.classes, RATE, 0, "Adam")
            self.model.optimizer.build(self.model.trainable_variables)
            self.variables = [*self.model.variables, *self.model.optimizer.variables]
            self.fresh = [variable.numpy() for variable in self.variables]
            self.model.fit(self.x, self.y, batch_size=BATCH, verbose=0)
        else:
            self.loop(20)

    def reset(self, problem: str) -> None:
        if problem == "mlp":
            for variable, value in zip(self.variables, self.fresh, strict=True):
                variable.assign(value)

    def go(self, problem: str, replicas: int) -> int:
        if replicas != 1:
            raise ValueError(f"the reference trains one replica at a time, not {replicas}.")
        if problem == "mlp":
            self.model.fit(self.x, self.y, batch_size=BATCH, epochs=EPOCHS, verbose=0)
            return EPOCHS * self.count // BATCH
        self.loop(UPDATES["reference"])
        return UPDATES["reference"]

    def answer(self, problem: str) -> Answer:
        if problem != "mlp":
            return Answer(float(self.loss), float(self.last.numpy()))
        self.module.settle(self.model, self.examples.train.x[: self.module.KNOWN])
        test = self.examples.test
        found = self.model.evaluate(test.x, test.y, batch_size=1024, verbose=0, return_dict=True)
        return Answer(found["loss"], found["accuracy"])

    def loop(self, updates: int) -> None:
        """The notebook: one x from −1 by Adam, eagerly, with a sign whose slope is the sigmoid's derivative."""
        import keras
        import tensorflow as tf

        @tf.custom_gradient
        def sign(x):
            def backward(upstream):
                s = tf.sigmoid(x)
                return upstream * s * (1 - s)

            return tf.where(x > 0, 1.0, -1.0), backward

        x = tf.Variable(-1.0)
        optimizer = keras.optimizers.Adam(learning_rate=0.1)
        for _ in range(updates):
            with tf.GradientTape() as tape:
                loss = tf.nn.l2_loss(sign(x) - 1.0)
            optimizer.apply_gradients([(tape.gradient(loss, x), x)])
        x.numpy()
        self.last, self.loss = x, tf.nn.l2_loss(sign(x) - 1.0)


# A contestant in a process of its own


def _serve(side: str, files, pipe) -> None:
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # the requirements are about CPUs
    try:
        contestant = {"ours": Ours, "reference": Reference}[side](files)
        while (asked := pipe.recv()) is not None:
            name, *arguments = asked
            started = time.perf_counter()
            result = getattr(contestant, name)(*arguments)
            pipe.send((time.perf_counter() - started, result, ""))
    except EOFError:
        pass  # whoever asked is gone
    except BaseException:
        pipe.send((0.0, None, traceback.format_exc()))


class Contestant:
    """`ours` or `reference` in a fresh process. What it does is timed there, and only there."""

    def __init__(self, side: str, files: tuple[str, str | None]):
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(side, files, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def __enter__(self) -> Contestant:
        return self

    def __exit__(self, *_) -> None:
        with contextlib.suppress(OSError):
            self._pipe.send(None)
        self._process.join(10)
        self._process.kill()

    def ask(self, *words):
        """(seconds, result) of one call of the contestant."""
        self._pipe.send(words)
        seconds, result, error = self._pipe.recv()
        if error:
            raise RuntimeError(f"the contestant failed:\n{error}")
        return seconds, result

    def rate(self, problem: str, replicas: int) -> float:
        """Replica-steps per second of one turn."""
        self.ask("reset", problem)
        seconds, done = self.ask("go", problem, replicas)
        return done / seconds


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
        patterns, labels = draw.integers(0, 256, (10, 784)), draw.integers(0, 10, 8000)
        noise = draw.integers(0, 256, (8000, 784))
        images = np.where(draw.random((8000, 784)) < 0.15, patterns[labels], noise)
        path = Path(folder) / "images.npz"
        np.savez(path, x=images.astype(np.uint8), y=labels)
        yield str(path), None


# The measurement


def race(files: tuple[str, str | None], even: bool) -> dict[tuple[str, int], dict]:
    """One round: for each problem and number of replicas both rates and both answers."""
    found = {}
    with Contestant("ours", files) as ours, Contestant("reference", files) as reference:
        for problem, needs in PROBLEMS.items():
            for one in (ours, reference):
                one.ask("load", problem)
            turns = [(ours, replicas) for replicas in needs] + [(reference, 1)]
            turns = turns if even else turns[::-1]
            rates: dict = {turn: [] for turn in turns}
            answers = {}
            for turn in [*turns, *turns[::-1]]:
                one, replicas = turn
                rates[turn].append(one.rate(problem, replicas))
                answers[turn] = one.ask("answer", problem)[1]
            for replicas in needs:
                mine, other = (ours, replicas), (reference, 1)
                found[problem, replicas] = {
                    "ours": statistics.geometric_mean(rates[mine]),
                    "reference": statistics.geometric_mean(rates[other]),
                    "answer": answers[mine],
                    "reference_answer": answers[other],
                }
    return found


def seconds(words: Sequence[str]) -> float:
    """How long a command takes, from its start to its end. Raises RuntimeError where it fails."""
    with tempfile.TemporaryDirectory() as store:
        command = [sys.executable, *(word.replace("STORE", store) for word in words)]
        started = time.perf_counter()
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        took = time.perf_counter() - started
    if done.returncode:
        raise RuntimeError(f"python {' '.join(words)} ended with exit code {done.returncode}: {done.stderr[-500:]}")
    return took


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """The median, and a 95 % t interval on the logarithms (without ends where there is one value)."""
    from scipy import stats

    logs = np.log(values)
    reach = stats.t.ppf(0.975, len(logs) - 1) * stats.sem(logs) if len(logs) > 1 else math.inf
    low, high = (math.exp(logs.mean() + sign * min(reach, 700)) for sign in (-1, 1))
    return statistics.median(values), low, high


def agree(problem: str, one: Answer, other: Answer) -> bool:
    """Whether two answers are the same: x to 0.001, test accuracies (one seed each) to 0.03."""
    near = 0.03 if problem == "mlp" else 1e-3
    return abs(one.value - other.value) <= near and (problem == "mlp" or one.loss == other.loss == 0)


def measure(processes: int) -> list[dict]:
    """The table's rows, from so many rounds."""
    rounds, commands = [], {name: [] for name in COMMANDS}
    with problem_files() as files:
        for i in range(processes):
            print(f"round {i + 1} of {processes}", file=sys.stderr, flush=True)
            rounds.append(race(files, i % 2 == 0))
            for name, (words, _) in COMMANDS.items():
                commands[name].append(seconds(words))
    clean = subprocess.run([sys.executable, *NO_TENSORFLOW], cwd=ROOT, check=False).returncode == 0
    rows = []
    for problem, needs in PROBLEMS.items():
        for replicas, need in needs.items():
            seen = [found[problem, replicas] for found in rounds]
            middle, low, high = interval([s["ours"] / s["reference"] for s in seen])
            right = all(agree(problem, s["answer"], s["reference_answer"]) for s in seen)
            rows.append(
                {
                    "problem": f"{problem}, {replicas} replica{'s' * (replicas > 1)}",
                    **{side: statistics.median(s[side] for s in seen) for side in ("ours", "reference")},
                    **{"median": middle, "low": low, "high": high, "unit": "×", "need": str(need)},
                    **{k: asdict(seen[-1][k]) for k in ("answer", "reference_answer")},
                    **{"right": right, "met": right and need.met(middle, low), "rounds": seen},
                }
            )
    for name, (_, need) in COMMANDS.items():
        middle, low, high = interval(commands[name])
        row = {"problem": name, "median": middle, "low": low, "high": high, "unit": "s", "need": str(need)}
        rows.append({**row, "met": need.met(middle, low), "rounds": commands[name]})
    rows.append({"problem": "import results", "need": "no TensorFlow", "met": clean})
    return rows


def show(rows: Sequence[dict], data: str) -> None:
    """Prints the table."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title="Replica-steps per second, and seconds of whole processes", caption_justify="left")
    table.caption = (
        f"MLP 784-256-256-10 on {data}, batch {BATCH}, Adam, float32; reference: Keras fit, and the notebook's loop. "
        "Median over rounds of fresh processes, 95 % t interval on logarithms. "
        "Answer: test accuracy, or x (ours / reference)."
    )
    for name, side in zip(
        ("Problem", "Ours", "Reference", "Ratio or seconds", "95 %", "Answer", "Required", "Met"),
        ("left", "right", "right", "right", "right", "right", "left", "left"),
        strict=True,
    ):
        table.add_column(name, justify=side)
    for row in rows:
        cells = ["", "", "", "", ""]
        if "median" in row:
            digits = ".2f" if row["median"] < 100 else ",.0f"
            ends = f"{row['low']:{digits}} to {row['high']:{digits}}" if row["high"] < 1e300 else "one round"
            cells[2:4] = f"{row['median']:{digits}} {row['unit']}", ends
        if "ours" in row:
            cells[:2] = (f"{row[side]:,.0f}" for side in ("ours", "reference"))
            cells[4] = " / ".join(f"{row[side]['value']:.3f}" for side in ("answer", "reference_answer"))
            cells[4] += "" if row["right"] else " differ"
        table.add_row(row["problem"], *cells, row["need"], "yes" if row["met"] else "no")
    Console(width=None if sys.stdout.isatty() else 150).print(table)


def main() -> int:
    """Exit codes: 0 all requirements are met, 3 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m tests.perf.ratios", description=__doc__.partition(": ")[2])
    parser.add_argument("--processes", type=int, default=5, help="rounds, each with fresh processes (default: 5)")
    parser.add_argument("--json", type=Path, help="also write all numbers to this file")
    arguments = parser.parse_args()
    if arguments.processes < 1:
        parser.error(f"--processes is {arguments.processes}, but must be at least 1")
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else math.nan
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    rows = measure(arguments.processes)
    data = "10,000 MNIST images" if mnist_files() else "8,000 made-up images"
    show(rows, data)
    busy = " (not idle: the ratios of the MLP come out too small, since ours fills all cores)" * (load > 0.5)
    print(f"{cores} cores; load average before the first round {load:.1f}{busy}")
    if arguments.json:
        versions = {name: version(name) for name in ("tensorflow", "keras", "numpy")}
        whole = {"processes": arguments.processes, "data": data, "cores": cores, "load": load, "versions": versions}
        arguments.json.write_text(json.dumps(whole | {"rows": rows}, indent=1, default=asdict) + "\n", encoding="utf-8")
    return 0 if all(row["met"] for row in rows) else 3


if __name__ == "__main__":
    sys.exit(main())
