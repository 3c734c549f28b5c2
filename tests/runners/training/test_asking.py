"""Gradients by asking the objective: two layers against enumeration, memory, what is counted, what is declined."""

import dataclasses
import itertools

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import yaml

import estimators
import tasks
from estimators.function import functions
from results import load
from runners.configuration.schema import CONF
from runners.execution.training_run import execute
from runners.fidelity.moments import moments
from runners.training.asking import asked_gradient, asked_sites, evaluations
from runners.training.hard_sites import Hard
from runners.training.programs import Program, Replica, block_size
from runners.training.trainer import Trainer
from steeplechase.errors import Unsupported
from steeplechase.random import Chance, key
from tasks.base import Measure, Task
from tasks.drawn import mean_of
from tests.helpers.configurations import changed

SIZES = {"first": (4, 3), "shift": (3,), "second": (3, 3), "out": (3, 2)}
X = np.random.default_rng(0).normal(size=[5, 4])
Y = np.array([0, 1, 1, 0, 1])
START = {name: np.random.default_rng([1, i]).normal(size=shape) for i, (name, shape) in enumerate(SIZES.items())}
LAYERS = ("layer1/activations", "layer2/activations")


def two_layers(parameters, batch, hard, chance, problem):
    """A loss for each of five examples: 4-3-3-2, both hidden layers of drawn bits."""
    x, y = tf.constant(X, parameters["first"].dtype), tf.constant(Y)
    h = hard(x @ parameters["first"] + parameters["shift"], at=LAYERS[0])
    h = hard(2 * h @ parameters["second"] - 1, at=LAYERS[1])
    return tf.nn.sparse_softmax_cross_entropy_with_logits(y, 3 * h @ parameters["out"]), {}


def task_of(losses=two_layers, **fields):
    return Task(
        name="two_layers",
        label="Two layers",
        start=lambda chance, problem: {n: tf.constant(a, tf.float32) for n, a in START.items()},
        loss=mean_of(losses),
        losses=losses,
        judge=lambda parameters, hard, problem: {"size": tf.norm(parameters["first"])},
        measures={"size": Measure("Size", "1", "")},
        selects="train_loss",
        reports="size",
        target=("size", 0.0),
        sizes=SIZES,
        flops=1.0,
        forwards=("bernoulli",),
        **fields,
    )


def hard_of(name, function="bernoulli", **more):
    page = estimators.find(name)
    return Hard(page, page, functions[function], **more)


def exact_gradient():
    """Over all 2⁶ states of both layers, by a tape through their probabilities; of the mean loss, in float64."""
    parameters = {name: tf.constant(array) for name, array in START.items()}
    with tf.GradientTape() as tape:
        tape.watch(parameters)
        total = 0.0
        for state in itertools.product([0.0, 1.0], repeat=6):
            layers = {LAYERS[0]: state[:3], LAYERS[1]: state[3:]}
            chances = []

            def fixed(x, *, at, layers=layers, chances=chances):
                bits = tf.constant([layers[at]] * 5, tf.float64)
                p = tf.sigmoid(x)
                chances.append(tf.reduce_prod(bits * p + (1 - bits) * (1 - p), -1))
                return bits

            losses, _ = two_layers(parameters, (), fixed, None, {})
            total += tf.reduce_mean(chances[0] * chances[1] * losses)
    return total, tape.gradient(total, parameters)


@pytest.mark.parametrize(
    "name",
    ["disarm", *(pytest.param(name, marks=pytest.mark.long) for name in ("reinforce", "leave_one_out", "enumeration"))],
)
def test_two_layers_have_the_gradient_of_an_enumeration(name):
    """20,000 calls: no element of 27 is further than 4.5 standard errors from the truth (2 false alarms in 10,000)."""
    task, hard = task_of(), hard_of(name)
    parameters = {n: tf.constant(a, tf.float32) for n, a in START.items()}
    numbers = {"activations": {}, "weights": {}, "normalize": tf.constant(0.0)}

    def call(chance):
        gradients, _, _, memory = asked_gradient(task, hard, parameters, (), numbers, chance, {}, {})
        assert not memory
        return tf.concat([tf.reshape(gradients[n], [-1]) for n in SIZES], 0)

    calls = 2_000 if name == "enumeration" else 20_000
    found = moments(call, calls, chunk=1000)
    truth = np.concatenate([exact_gradient()[1][n].numpy().ravel() for n in SIZES])
    error = np.sqrt(np.diag(found.covariance) / found.calls)
    assert (np.abs(found.mean - truth) < 4.5 * error + 1e-6).all()
    assert np.linalg.norm(error) < 0.2 * np.linalg.norm(truth), "or nothing would be seen"


def test_every_parameter_of_the_two_layers_matters():
    """Were one layer's estimate left out, the test above would see it: no parameter's gradient is small."""
    truth = exact_gradient()[1]
    assert min(np.abs(truth[n]).max() for n in SIZES) > 0.01


def trained(store, **changes) -> pd.DataFrame:
    given = {
        "task": {"name": "bernoulli_toy", "dim": 3, "target": 0.4, "start": 0.2, "spread": 0.5},
        "function": {"name": "bernoulli"},
        "seed": [0, 1],
        "steps": 20,
        "record_points": 20,
        "precision": "float64",
        "optimizer__learning_rate": 0.5,
        "decay": "constant",
    }
    outcome = execute(changed(**given | {"store": str(store)} | changes), lambda *_: None)
    assert not outcome.error and not outcome.unsupported, outcome
    return load(store).rows.sort_values(["seed", "step"], ignore_index=True)


def test_training_with_the_exact_gradient_is_gradient_descent_on_the_expected_loss(tmp_path):
    optimizer = yaml.safe_load((CONF / "optimizer/sgd.yaml").read_text(encoding="utf-8")) | {"learning_rate": 0.5}
    rows = trained(tmp_path, estimator={"name": "enumeration"}, optimizer=optimizer)
    begin = tf.function(
        tasks.registry["bernoulli_toy"](dim=3, target=0.4, start=0.2, spread=0.5, dtype="float64").start,
        jit_compile=True,
    )
    for seed, own in rows.groupby("seed"):
        x = begin(Chance(key(seed)).of("start"), {})["logits"].numpy()
        for expected in own.expected_loss:
            p = 1 / (1 + np.exp(-x))
            np.testing.assert_allclose(expected, np.mean(0.16 + 0.2 * p), rtol=1e-12)
            x = x - 0.5 * 0.2 * p * (1 - p) / 3
    assert (rows.evaluations == 8 * rows.step).all()


@pytest.mark.parametrize(
    "name, samples, calls",
    [
        *(pytest.param(*of, marks=pytest.mark.long) for of in (("reinforce", None, 1), ("arm", None, 2))),
        ("leave_one_out", 3, 3),
    ],
)
def test_evaluations_are_counted(name, samples, calls, tmp_path):
    estimator = {
        "name": name,
        **({"samples": samples} if samples else {"baseline": 0.3} if name == "reinforce" else {}),
    }
    rows = trained(tmp_path, estimator=estimator, steps=4, record_points=2)
    assert (rows.evaluations == calls * rows.step).all()
    assert "estimator.samples" not in rows if samples is None else (rows["estimator.samples"] == samples).all()


def test_two_sites_share_what_the_network_computes_anyway():
    found = asked_sites(task_of(), hard_of("disarm"))
    assert [site.name for site in found] == [*LAYERS] and evaluations(found) == 3
    assert evaluations(asked_sites(task_of(), hard_of("enumeration"))) == 1 + 2 * 7
    assert asked_sites(task_of(), hard_of("tanh_slope")) == ()


def program_of(name, **fields):
    task = tasks.registry["bernoulli_toy"](dim=4)
    return Program(task, hard_of(name), "Adam", (), (), 2, "float32", "cpu", **fields)


def test_what_is_remembered_is_saved_and_taken_up(tmp_path):
    """A moving baseline after 7 and 13 more steps, saved between, is that of 20 steps at once, to the bit."""
    page = estimators.find("reinforce_moving")
    replicas = [Replica(seed, 0.1, page.parameters, page.parameters) for seed in range(2)]
    trainer = Trainer(program_of("reinforce_moving"))
    trainer.begin(replicas, 20)
    trainer.advance(7)
    state = trainer.state()
    assert (state["estimator/bits/activations/asked"] == 7).all()
    assert (
        (state["estimator/bits/activations/baseline"] > 0.1) & (state["estimator/bits/activations/baseline"] < 0.5)
    ).all()
    trainer.advance(20)
    whole = trainer.state()
    other = Trainer(program_of("reinforce_moving"))
    other.restore(replicas, 20, state)
    other.advance(20)
    for name, array in other.state().items():
        if name != "clocks":
            np.testing.assert_array_equal(array, whole[name], err_msg=name)
    other.begin(replicas, 20)
    assert (other.state()["estimator/bits/activations/asked"] == 0).all()


def test_a_moving_baseline_is_the_mean_of_what_came_before():
    """The first steps of one replica, in NumPy from the draws that the losses show."""
    page = estimators.find("reinforce_moving")
    trainer = Trainer(dataclasses.replace(program_of("reinforce_moving"), block=1))
    trainer.begin([Replica(3, 0.1, {"decay": 0.8}, {"decay": 0.8})], 5)
    baseline = None
    for step in range(5):
        loss = trainer.evaluate()["train_loss"][0]  # of the next step's draw
        trainer.advance(step + 1)
        baseline = loss if baseline is None else 0.8 * baseline + 0.2 * loss
        np.testing.assert_allclose(trainer.state()["estimator/bits/activations/baseline"], [baseline], rtol=1e-6)
    assert page.memory is not None


def test_a_replica_alone_is_the_same_as_among_others():
    page = estimators.find("leave_one_out")
    found = []
    for block, seeds in ((1, [5]), (2, [4, 5])):
        trainer = Trainer(dataclasses.replace(program_of("leave_one_out"), block=block))
        trainer.begin([Replica(seed, 0.1, page.parameters, {}) for seed in seeds], 10)
        trainer.advance(10)
        found.append(trainer.state()["parameters/logits"][-1])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-5)
    assert block_size(tasks.registry["bernoulli_toy"](dim=4), "cpu", 8) > 1


def unsupported(tmp_path, task="sign_fitting", **changes):
    whole = yaml.safe_load((CONF / f"task/{task}.yaml").read_text(encoding="utf-8"))
    given = {name: changes.pop(name) for name in [*changes] if name.startswith("task__")}
    run = changed(**{"store": str(tmp_path), "steps": 2, "record_points": 1, "task": whole} | changes | given)
    return execute(run, lambda *_: None)


BERNOULLI = {"name": "bernoulli"}


@pytest.mark.parametrize(
    "changes, said",
    [
        (
            {"estimator": {"name": "arm"}},
            "arm is for values that are drawn, and sign is not: it goes with function=bernoulli",
        ),
        (
            {
                "estimator": {"name": "arm"},
                "task": "polynomial_programming",
                "function": {"name": "categorical"},
            },
            "arm goes with function=bernoulli, not with categorical",
        ),
        (
            {
                "estimator": {"name": "st_gumbel", "temperature": 1.0},
                "task": "bernoulli_toy",
                "function": BERNOULLI,
                "normalize": "area",
            },
            "st_gumbel has no slope that could be normalised",
        ),
        (
            {"estimator": {"name": "enumeration"}, "task": "bernoulli_toy", "task__dim": 20, "function": BERNOULLI},
            "enumeration sums over all states of a site, and here there are 1,048,576",
        ),
        (
            {
                "estimator": {"name": "enumeration"},
                "task": "bernoulli_toy",
                "function": BERNOULLI,
                "gradient_flow": True,
            },
            "enumeration has no gradient that flows through a site",
        ),
    ],
    ids=["not drawn", "other law", "normalised", "too many states", "flow"],
)
def test_what_cannot_be_asked_is_declined(changes, said, tmp_path):
    outcome = unsupported(tmp_path, **changes)
    assert said in outcome.unsupported and not outcome.error


def test_losses_that_are_no_losses_of_draws_are_declined():
    with pytest.raises(Unsupported, match="asks for the loss of each example, which two_layers does not have alone"):
        asked_sites(dataclasses.replace(task_of(), losses=None), hard_of("arm"))

    def together(*given):
        losses, measures = two_layers(*given)
        return tf.reduce_mean(losses), measures

    with pytest.raises(Unsupported, match=r"the draws at layer1/activations of two_layers have the shape \(5,\)"):
        asked_sites(task_of(together), hard_of("arm"))
    with pytest.raises(Unsupported, match="what layer1/activations draws decides what layer2/activations draws"):
        asked_sites(task_of(), hard_of("muprop"))
