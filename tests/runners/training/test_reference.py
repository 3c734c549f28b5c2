"""Our trainer against an independent Keras training of the same network: the mean test accuracies must agree."""

import math
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import estimators
from runners.training.hard_sites import Hard
from runners.training.programs import Program, Replica, block_size
from runners.training.trainer import trainer
from tasks.binarized_mlp import binarized_mlp
from tests.oracles import keras_mlp
from tests.perf.problems import mnist_files

RATE, BATCH = 0.003, 64
ESTIMATORS = ("sigmoid_derivative", "ste", "tanh_slope")


def interval(values):
    """The mean, and the two ends of its 95 % t interval."""
    mean, reach = np.mean(values), stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
    return float(mean), float(mean - reach), float(mean + reach)


def overlap(one, other):
    """Whether the two 95 % intervals have a point in common."""
    (_, low, high), (_, other_low, other_high) = interval(one), interval(other)
    return low <= other_high and other_low <= high


def detects(one, other, trials=4000):
    """The true difference (a multiple of 0.0025) from which on 80 % of such pairs of intervals do not overlap.

    Simulated: normal accuracies with the spreads and the numbers of seeds of these two.
    """
    draw = np.random.default_rng(0)
    gap, reach = 0.0, 0.0
    for values in (one, other):
        n = len(values)
        simulated = draw.normal(0, np.std(values, ddof=1), (trials, n))
        gap = simulated.mean(1) - gap
        reach = reach + stats.t.ppf(0.975, n - 1) * simulated.std(1, ddof=1) / math.sqrt(n)
    return next(d for d in np.arange(0, 1, 0.0025) if np.mean(np.abs(gap + d) > reach) >= 0.8)


def ours(name, data, labels, hidden, steps, seeds):
    """Test accuracies of our trainer, block after block."""
    task = binarized_mlp(data=data, labels=labels, hidden=hidden, batch=BATCH, split_seed=0)
    page = estimators.registry[name]
    heart = trainer(Program(task, Hard(page, page), "Adam", (), (), block_size(task, "cpu", seeds), "float32", "cpu"))
    replicas = [Replica(seed, RATE, page.parameters, page.parameters) for seed in range(seeds)]
    accuracies = []
    for at in range(0, seeds, heart.program.block):
        heart.begin(replicas[at : at + heart.program.block], steps)
        heart.advance(steps)
        accuracies.extend(heart.evaluate()["test_accuracy"])
    return accuracies


def reference(name, data, labels, hidden, steps, seeds):
    """Test accuracies of the Keras trainings, one by one."""
    return [keras_mlp.train(name, data, labels, hidden, RATE, steps, BATCH, 100 + i, "Adam") for i in range(seeds)]


def line(data, steps, name, mine, slope, other):
    """One line of the table. name, slope: the estimator here, and the one of the reference."""
    row = {"data": data, "steps": steps, "estimator": name, "reference": slope}
    for side, values in (("ours", mine), ("keras", other)):
        mean, low, high = interval(values)
        row |= {side: mean, f"{side}_low": low, f"{side}_high": high, f"{side}_seeds": len(values)}
    return row | {"detects": detects(mine, other), "overlap": overlap(mine, other)}


def show(rows):
    """Prints the table; returns it."""
    table = pd.DataFrame(rows)
    print("\n" + table.to_string(index=False, float_format="{:.4f}".format))
    return table


@pytest.mark.long  # tests/steeplechase/test_keras.py compares single steps
def test_means_agree_and_a_fault_would_show():
    """One estimator on digits, 300 steps, 8 seeds of ours and 4 of Keras; and Keras with a slope of zero.

    Power, simulated with the spreads seen (standard deviations 0.007 and 0.008): a true difference of 0.02 in accuracy
    parts the intervals in 64 % of cases, one of 0.03 in 96 %, and none in fewer than 2 %. It finds gross faults; the
    long form below finds those of half the size. The planted fault costs 0.84.
    """
    name, setting = "sigmoid_derivative", ("digits", None, (128, 128), 300)
    mine = ours(name, *setting, seeds=8)
    true, faulty = reference(name, *setting, seeds=4), reference("zero", *setting, seeds=2)
    show(line("digits", 300, name, mine, slope, other) for slope, other in ((name, true), ("zero", faulty)))
    assert overlap(mine, true)
    assert not overlap(mine, faulty), "a reference whose slope is zero was not told apart"


@pytest.fixture(scope="module")
def written():
    """The long form's lines, collected over its data sets."""
    return []


@pytest.mark.long
@pytest.mark.parametrize("data", ["digits", "mnist"])
def test_means_agree_for_three_estimators(data, written):
    """Three estimators, 8 seeds each of ours and of Keras, 600 steps, on digits and on 10,000 MNIST images.

    Power, simulated with the spreads seen (standard deviations 0.005 to 0.011 on digits, 0.004 to 0.008 on MNIST):
    the intervals part in most cases from a true difference of 0.015 on digits (61 % to 96 %, by estimator) and of 0.01
    on MNIST (57 % to 85 %); differences of 0.005 are missed (5 % to 21 %). Where the means are the same they part in
    fewer than 2 %. The column `detects` is the difference found in 80 % of cases. On MNIST the table itself shows that
    it tells estimators apart: our sigmoid_derivative and Keras' ste do not overlap.

    STEEPLECHASE_REFERENCE, if set, is the file that the table is written to: CSV by its ending, else Markdown.
    """
    files, hidden = ("digits", None), (128, 128)
    if data == "mnist":
        files, hidden = mnist_files(), (256, 256)
        if files is None:
            pytest.skip("no MNIST images: STEEPLECHASE_MNIST names no folder with t10k-images-idx3-ubyte.gz and labels")
    trained = {}
    for name in ESTIMATORS:
        trained[name] = tuple(side(name, *files, hidden, 600, seeds=8) for side in (ours, reference))
        written.append(line(data, 600, name, trained[name][0], name, trained[name][1]))
    table = show(written)
    if path := os.environ.get("STEEPLECHASE_REFERENCE"):
        whole = table.to_csv(index=False) if path.endswith(".csv") else table.to_markdown(index=False, floatfmt=".4f")
        Path(path).write_text(whole + "\n" * (not whole.endswith("\n")), encoding="utf-8")
    apart = [name for name in ESTIMATORS if not overlap(*trained[name])]
    assert not apart, f"the intervals do not overlap for {', '.join(apart)}"
    if data == "mnist":
        assert not overlap(trained["sigmoid_derivative"][0], trained["ste"][1])
