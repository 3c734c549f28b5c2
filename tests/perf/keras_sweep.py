"""python -m tests.perf.keras_sweep: the default sweep beside the same trainings as Keras `fit` calls, in turn.

One side is `python -m runners.sweep` in a fresh store: a process from its command to its last figure. The other is a
script that builds, compiles and fits a Keras model for each training, as one would write it, and looks at nothing on
the way. Both train at rates that stay as they are, through slopes of their own width. All of its trainings would take
most of an hour, so it fits some of every task and optimizer, half of them before the sweep and half after, and its time
is their median times how many the sweep trained.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tests.perf import machine
from tests.perf.contest import Contestant
from tests.perf.peers.race import say

KIND = ["task", "optimizer"]  # what a training's time depends on
SAME = [
    "experiment=constant_rate",
    "width=null",
]  # as the script trains: at rates that stay, through slopes as they are
PACKAGES = ("tensorflow", "keras", "numpy", "hydra-core")


class Script:
    """A Keras user's script, in a process of its own."""

    def __init__(self):
        from tasks.data.sets import load
        from tasks.data.split import split

        self.digits = split(load("digits"), seed=0, validation=0.2, test=0.2).train
        draw = np.random.default_rng(0)
        self.mixed = draw.normal(0, 40**-0.5, [40, 64])
        self.sums = self.mixed @ draw.choice([-1.0, 1.0], 64)

    def fit(self, task: str, estimator: str, optimizer: Mapping, steps: int, seed: int) -> None:
        """One training of the default experiment's task, from the model's first line to the end of `fit`."""
        import keras

        build = {"binarized_mlp": self._network, "sign_fitting": self._signs}[task]
        model, loss, examples = build(estimator, seed)
        model.compile(optimizer=keras.optimizers.get({**optimizer}), loss=loss)
        model.fit(examples, steps_per_epoch=steps, verbose=0, shuffle=False)

    def _network(self, estimator, seed):
        import keras

        from tests.oracles import keras_mlp

        x, y = self.digits.x, self.digits.y
        model = keras_mlp.layers(estimator, x.shape[1], (128, 128), self.digits.classes, seed)
        return model, keras.losses.SparseCategoricalCrossentropy(from_logits=True), keras_mlp.batches(x, y, 64, seed)

    def _signs(self, estimator, seed):
        import keras
        import tensorflow as tf

        from tests.oracles.keras_mlp import sign

        hard = sign(estimator)

        class Signs(keras.layers.Layer):
            def build(self, _):
                start = keras.initializers.RandomNormal(stddev=1.0, seed=seed)
                self.latent = self.add_weight(shape=(64,), initializer=start)

            def call(self, a):
                return tf.linalg.matvec(a, hard(tf.convert_to_tensor(self.latent)))

        def half_square(b, out):
            return 0.5 * tf.reduce_sum(tf.square(out - b))

        model = keras.Sequential([keras.Input([64]), Signs()])
        whole = tf.data.Dataset.from_tensors((self.mixed.astype("float32"), self.sums.astype("float32")))
        return model, half_square, whole.cache().repeat().prefetch(tf.data.AUTOTUNE)


def main(words: Sequence[str] | None = None) -> int:
    """The command."""
    options = _options(words)
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    here, watch = machine.describe(PACKAGES), machine.Watch()
    with tempfile.TemporaryDirectory() as folder:
        trainings = _trainings(Path(folder) / "plan")
        fits = _fits(trainings, options.fits, half=0)
        say("the sweep")
        started = time.perf_counter()
        command = [sys.executable, "-m", "runners.sweep", *SAME, f"store={folder}/store"]
        subprocess.run(command, cwd=machine.ROOT, check=True, stdout=subprocess.DEVNULL)
        ours = time.perf_counter() - started
        fits += _fits(trainings, options.fits, half=1)
    here["others"] = watch.others()
    rows, whole = [], 0.0
    for kind, count in trainings.groupby(KIND).size().items():
        took = [s for own, s in fits if own == kind]
        whole += count * float(np.median(took))
        rows.append({**dict(zip(KIND, kind, strict=True)), "trainings": int(count), "fit_s": took})
    found = {"machine": here, "sweep_s": ours, "keras_s": whole, "ratio": whole / ours, "kinds": rows}
    show(found)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


def _trainings(store: Path):
    """One row a training of the default sweep: `task, estimator, optimizer, keras, steps, seed`."""
    import pandas as pd

    from tests.perf import sweep_of

    found = []
    for wanted in sweep_of.plan([*SAME, f"store={store}"]):
        program, (task, estimator, optimizer) = wanted.run.program, wanted.run.names
        for replica in wanted.run.replicas:
            keras = {
                "class_name": program["optimizer"]["keras"],
                "config": {"learning_rate": replica.learning_rate} | dict(replica.optimizer),
            }
            found.append((task, estimator, optimizer, keras, program["steps"], replica.seed))
    return pd.DataFrame(found, columns=["task", "estimator", "optimizer", "keras", "steps", "seed"])


def _fits(trainings, each: int, half: int) -> list[tuple[tuple[str, str], float]]:
    """(kind, seconds) of so many fits of every kind by a fresh script, whose very first fit is not counted."""
    found = []
    with Contestant("tests.perf.keras_sweep:Script") as script:
        kinds = list(trainings.groupby(KIND))
        for i, (kind, rows) in enumerate([kinds[0], *(one for _ in range(each) for one in kinds)]):
            one = rows.iloc[(2 * i + half) * 7 % len(rows)]  # other estimators, rates and seeds each time
            say(f"Keras: {', '.join(kind)}")
            words = one["task"], one["estimator"], one["keras"], int(one["steps"]), int(one["seed"])
            seconds, _ = script.ask("fit", *words)
            if i:
                found.append((kind, seconds))
    return found


def show(found: Mapping) -> None:
    """Prints a row for each task and optimizer, and what comes of them."""
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else 120)
    table = Table(title="The default sweep's trainings as Keras fit calls", title_justify="left")
    for column in ("task", "optimizer", "trainings", "fitted", "median s", "all of them s"):
        table.add_column(column, justify="left" if column in KIND else "right")
    for row in found["kinds"]:
        median = float(np.median(row["fit_s"]))
        count = row["trainings"]
        table.add_row(
            *(row[k] for k in KIND), str(count), str(len(row["fit_s"])), f"{median:.2f}", f"{count * median:.0f}"
        )
    console.print(table)
    here = found["machine"]
    console.print(
        f"The sweep from its command to its last figure, compiling included: {found['sweep_s']:.0f} s. Its "
        f"{sum(row['trainings'] for row in found['kinds'])} trainings as Keras fit calls, one after another, without "
        f"looking at validation or test: {found['keras_s']:.0f} s. Ratio {found['ratio']:.1f}."
    )
    console.print(f"{here['cpu']}, {here['cores']} cores, {here['date']}.")
    if words := machine.load_words(here["load"], here["others"]):
        console.print(words)


def _options(words):
    parser = argparse.ArgumentParser(prog="python -m tests.perf.keras_sweep", description=__doc__.partition(": ")[2])
    parser.add_argument("--fits", type=int, default=3, help="of each kind, before and after the sweep (default: 3)")
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    options = parser.parse_args(words)
    if options.fits < 1:
        parser.error(f"--fits is {options.fits}, but must be at least 1")
    return options


if __name__ == "__main__":
    sys.exit(main())
