"""Bounds: real functions in the place of hard ones, and hidden layers that stay as they start."""

import json
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
import yaml

from estimators import registry
from results import load
from runners.configuration.schema import CONF
from runners.execution import block
from runners.execution.training_run import execute
from runners.training import programs
from runners.training.hard_sites import Hard
from runners.training.trainer import Trainer
from steeplechase.errors import Unsupported
from tests.helpers.configurations import BASE, changed

MLP = {
    "task": yaml.safe_load((CONF / "task/binarized_mlp.yaml").read_text(encoding="utf-8")) | {"hidden": [16, 16]},
    "seed": [0],
    "steps": 30,
    "record_points": 1,
    "optimizer__learning_rate": 0.01,
}
STE, CLIPPED, ZERO = {"name": "ste"}, {"name": "ste_clipped", "clip": 1.0}, {"name": "zero"}
REAL = {"estimator_weights": STE, "function_weights": {"name": "identity"}}
BOUNDS = {
    "real": REAL | {"estimator": CLIPPED, "function": {"name": "hard_tanh"}},
    "real weights": REAL | {"estimator": {"name": "tanh_slope", "scale": 1.0}},
    "frozen": {"estimator": ZERO, "estimator_weights": STE},
    "zero": {"estimator": ZERO},
    "": {"estimator": CLIPPED},
}


def built(**changes):
    run = changed(**MLP | changes)
    return run, *programs.build(json.dumps(dict(run.program), sort_keys=True), len(run.replicas))


def moved(**changes) -> dict[str, float]:
    """By parameter, the largest change of an element in a training."""
    run, _, program = built(**changes)
    replicas = [block.replica_of(values, run, program) for values in run.replicas]
    kind = {"scheduled": replicas[0].scheduled, "stretched": replicas[0].stretched}
    trainer = Trainer(replace(program, block=1, **kind))
    trainer.begin(replicas, run.program["steps"])
    before = trainer.state()
    trainer.advance(run.program["steps"])
    after = trainer.state()
    names = [name.removeprefix("parameters/") for name in before if name.startswith("parameters/")]
    return {name: float(np.abs(after[f"parameters/{name}"] - before[f"parameters/{name}"]).max()) for name in names}


@pytest.mark.parametrize("name", BOUNDS)
def test_of_each_network_it_is_known_which_bound_it_is(name):
    _, task, program = built(**BOUNDS[name])
    expected = {"": "", "frozen": "lower", "zero": "lower"}.get(name, "upper")
    assert program.hard.bound(task.spreads) == expected
    assert (
        program.hard.label(task.spreads)
        == {
            "real": "Real weights and activations",
            "real weights": "Real weights (Tanh slope)",
            "frozen": "Hidden layers as they start",
            "zero": "Zero (true derivative)",
            "": "Clipped STE",
        }[name]
    )


def test_a_task_with_hard_weights_alone_is_bounded_by_their_slope():
    """Whatever stands at activations that are not there: with a slope at the weights it trains as any other."""
    sites = ["x/weights"]
    for weights, bound, label in (("ste", "", "Zero (true derivative)"), ("zero", "lower", "Zero (true derivative)")):
        hard = Hard(registry["zero"], registry[weights])
        assert hard.bound(sites) == bound and hard.label(sites) == label
    assert Hard(registry["zero"], registry["ste"]).bound([]) == "lower"


def test_hidden_layers_stay_as_they_start_and_the_output_layer_trains():
    steps = moved(**BOUNDS["frozen"])
    output = {name for name in steps if name.startswith("layer3/")}
    assert output == {"layer3/weights", "layer3/scale", "layer3/shift"}
    assert all((step > 1e-3) == (name in output) for name, step in steps.items()), steps
    assert all(step == 0 for name, step in steps.items() if name not in output)


def test_with_no_slope_at_all_no_weight_moves():
    steps = moved(**BOUNDS["zero"])
    assert {name for name, step in steps.items() if step} == {"layer3/scale", "layer3/shift"}


@pytest.mark.parametrize("name", ["real", "real weights"])
@pytest.mark.parametrize("width", [None, 0.5])
def test_the_gradient_is_that_of_the_network_written_out(name, width):
    """Against TensorFlow's own derivatives of products, batch norm and hard tanh, with no slope of ours at a real
    function; whatever width and scaling hard ones are asked to have."""
    run, task, program = built(**BOUNDS[name], width=width, precision="float64", normalize="peak")
    replica = block.replica_of(run.replicas[0], run, program)
    assert set(replica.stretch) == (
        {"layer1/activations", "layer2/activations"} if width and name == "real weights" else set()
    )
    numbers = {"activations": replica.activations, "weights": replica.weights, "stretch": replica.stretch}
    hard = program.hard.operation({**numbers, "normalize": replica.normalize}, stream=None)
    draw = np.random.default_rng(0)
    x, y = tf.constant(draw.uniform(size=[64, 64])), tf.constant(draw.integers(0, 10, 64), tf.int32)
    start = {key: tf.constant(draw.normal(0, 0.2, shape) + key.endswith("scale")) for key, shape in task.sizes.items()}

    def activation(h):
        if name == "real":
            return tf.clip_by_value(h, -1.0, 1.0)
        reach = 1.0 if width is None else width / np.arccosh(np.sqrt(2))  # the half-width of sech² is .8814
        soft = reach * tf.tanh(h / reach)
        return soft + tf.stop_gradient(tf.sign(h) - soft)

    def written_out(p):
        h = x
        for i in (1, 2, 3):
            h = h @ p[f"layer{i}/weights"]
            mean, variance = tf.nn.moments(h, 0)
            h = (h - mean) / tf.sqrt(variance + 1e-4) * p[f"layer{i}/scale"] + p[f"layer{i}/shift"]
            h = activation(h) if i < 3 else h
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, h))

    found = []
    for loss in (lambda p: task.loss(p, (x, y), hard, None, {})[0], written_out):
        with tf.GradientTape() as tape:
            tape.watch(start)
            value = loss(start)
        found.append((value, tape.gradient(value, start)))
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-12)
    for key in start:
        np.testing.assert_allclose(found[0][1][key], found[1][1][key], rtol=1e-8, atol=1e-10, err_msg=key)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"function_weights": {"name": "identity"}}, "identity .*no place for tanh_slope: at weights it goes with ste"),
        (REAL | {"function": {"name": "hard_tanh"}}, "hard_tanh .*at activations it goes with ste_clipped"),
        ({"task": BASE["task"], **REAL}, "sign_fitting is written for sign, not for identity"),
    ],
    ids=["weights", "activations", "task"],
)
def test_a_real_function_goes_with_its_own_derivative_alone(changes, said):
    with pytest.raises(Unsupported, match=said):
        built(**{"estimator": {"name": "tanh_slope", "scale": 1.0}} | changes)


@pytest.mark.long
def test_a_record_says_which_bound_it_is_of(tmp_path):
    """And a slope that is no derivative is refused: the clipped one is that of hard tanh with its default alone."""
    short = MLP | {"steps": 2, "store": str(tmp_path)}
    outcome = execute(changed(**short | BOUNDS["frozen"]), lambda *_: None)
    assert not outcome.error and not outcome.unsupported
    wider = BOUNDS["real"] | {"estimator": {"name": "ste_clipped", "clip": 2.0}}
    assert (
        "ste_clipped is the derivative of hard_tanh with its defaults alone"
        in execute(changed(**short | wider), lambda *_: None).error
    )
    [account] = load(tmp_path).accounts
    assert account["labels"]["estimator"] == "Hidden layers as they start"
    assert account["bound"] == "lower" and account["control"]


def test_a_width_makes_no_replicas_where_only_real_functions_stand():
    """The slopes would be the same at every width."""
    widths = {"width": [0.5, 1.0]}
    assert len(changed(**MLP | BOUNDS["real"] | widths).replicas) == 1
    assert len(changed(**MLP | BOUNDS["real weights"] | widths).replicas) == 2
    assert len(changed(**MLP | BOUNDS["frozen"] | widths).replicas) == 1
