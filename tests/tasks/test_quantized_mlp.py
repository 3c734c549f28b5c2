"""The quantized MLP against NumPy, its steps, and what it refuses."""

import numpy as np
import pytest
import tensorflow as tf

import tasks
from estimators import registry
from estimators.function import functions
from runners.training.hard_sites import Hard
from runners.training.programs import Program, Replica
from runners.training.step import batch_indices, batch_of, loss_stream
from runners.training.trainer import Trainer
from steeplechase.errors import UserError
from steeplechase.random import Chance, key
from tasks.data.sets import load
from tests.helpers.tasks import problem_of

WEIGHTS, ACTIVATIONS = functions["round"], functions["round"].fixed(range="unsigned")


def small(**arguments):
    return tasks.registry["quantized_mlp"](**{"hidden": [9, 7], "batch": 16, "reference": 100, **arguments})


def rounded(x, s, low, high):
    return s * np.clip(np.rint(x / s), low, high)


def hard(x, *, at, step_size):
    function = WEIGHTS if at.endswith("/weights") else ACTIVATIONS
    return step_size * function.value(x / step_size)


@pytest.mark.parametrize("ends", ["quantized", "real"])
@pytest.mark.parametrize("per", ["tensor", "channel"])
def test_against_numpy(ends, per):
    """The training loss at random parameters and steps, and the judgement, restated in NumPy float64."""
    task = small(ends=ends, per=per, dtype="float64")
    problem = problem_of(task, 2)
    p = {n: v.numpy() for n, v in task.start(Chance(key(2)).of("start"), problem).items()}
    draw = np.random.Generator(np.random.PCG64(4))
    for name in p:
        if name.endswith("step"):
            p[name] = draw.uniform(0.2, 0.6, p[name].shape)
        elif not name.endswith("weights"):
            p[name] = p[name] + draw.normal(0, 0.3, p[name].shape)
    quantized = [f"layer{i}/weights" for i in ((1, 2, 3) if ends == "quantized" else (2,))]
    assert [name for name in p if name.endswith("weights/step")] == [f"{name}/step" for name in quantized]
    assert {p[f"{name}/step"].shape for name in quantized} <= ({()} if per == "tensor" else {(9,), (7,), (10,)})
    w = {n: rounded(p[n], p[f"{n}/step"], -2, 1) if n in quantized else p[n] for n in p if n.endswith("weights")}

    def forward(x, statistics=None):
        used = []
        for i in (1, 2, 3):
            h = x @ w[f"layer{i}/weights"]
            if i == 3:
                return h + p["layer3/shift"], used
            mean, variance = statistics[i - 1] if statistics else (h.mean(0), h.var(0))
            used.append((mean, variance))
            x = (h - mean) / np.sqrt(variance + 1e-4) * p[f"layer{i}/scale"] + p[f"layer{i}/shift"]
            x = rounded(np.maximum(x, 0), p[f"layer{i}/activations/step"], 0, 3)

    def losses(z, y):
        return np.log(np.exp(z - z.max(1, keepdims=True)).sum(1)) + z.max(1) - z[np.arange(len(y)), y]

    whole = load("digits")
    parts = {name: (whole.x[places].astype(np.float64), whole.y[places]) for name, places in problem.items()}
    tensors, (x, y) = {n: tf.constant(v) for n, v in p.items()}, parts["train"]
    got, _ = task.loss(tensors, (tf.constant(x[:16]), tf.constant(y[:16])), hard, None, problem)
    np.testing.assert_allclose(got, losses(forward(x[:16])[0], y[:16]).mean(), rtol=1e-9)
    _, statistics = forward(x[:100])
    judged = task.judge(tensors, hard, problem)
    for name in ("validation", "test"):
        z, _ = forward(parts[name][0], statistics)
        np.testing.assert_allclose(judged[f"{name}_loss"], losses(z, parts[name][1]).mean(), rtol=1e-9)
        np.testing.assert_allclose(judged[f"{name}_accuracy"], (z.argmax(1) == parts[name][1]).mean(), atol=1e-12)
    flat = [np.concatenate([own[n].ravel() for n in quantized]) for own in (p, w)]
    error = np.linalg.norm(flat[1] - flat[0]) / np.linalg.norm(flat[0])
    np.testing.assert_allclose(judged["rounding_error"], error, rtol=1e-9)


def trained(estimator="ste", steps=30, function=ACTIVATIONS, weights=WEIGHTS, **arguments):
    """A trainer of two replicas after so many updates, and its state at the start."""
    task, page = small(split_seed=0, dtype="float64", **arguments), registry[estimator]
    trainer = Trainer(Program(task, Hard(page, page, function, weights), "SGD", (), (), 2, "float64", "cpu"))
    trainer.begin([Replica(seed, 0.05, page.parameters, page.parameters) for seed in (3, 4)], steps)
    start = trainer.state()
    trainer.advance(steps)
    return trainer, start


@pytest.mark.parametrize("per", [pytest.param("tensor", marks=pytest.mark.long), "channel"])
def test_steps_start_by_what_first_arrives_and_are_trained(per):
    """LSQ's start, of weights by the weights and of activations by the first batch, layer by layer; then they move."""
    trainer, start = trained(per=per)
    own = {
        name.removeprefix("parameters/"): array[1] for name, array in start.items() if name.startswith("parameters/")
    }
    sizes = trainer.program.task.sizes
    for i in (1, 2, 3):
        w = own[f"layer{i}/weights"].reshape(sizes[f"layer{i}/weights"])
        wanted = 2 * np.abs(w).mean(0 if per == "channel" else None)
        np.testing.assert_allclose(own[f"layer{i}/weights/step"], np.ravel(wanted), rtol=1e-12)
    task, chance = trainer.program.task, key(4)
    x = tf.gather(tf.constant(task.examples[0], tf.float64), batch_indices(task, chance, tf.constant(0), {})).numpy()
    w = own["layer1/weights"].reshape(sizes["layer1/weights"])
    h = x @ rounded(w, own["layer1/weights/step"], -2, 1)
    arriving = np.maximum((h - h.mean(0)) / np.sqrt(h.var(0) + 1e-4), 0)
    np.testing.assert_allclose(own["layer1/activations/step"], 2 * arriving.mean() / np.sqrt(3), rtol=1e-9)
    after = trainer.state()
    for name in task.step_sizes.values():
        assert (after[f"parameters/{name}"] != start[f"parameters/{name}"]).all(), name
        assert (after[f"parameters/{name}"] > 0).all()


def test_a_training_is_that_of_an_eager_loop_in_double_precision():
    """Plain gradient descent with the tape, from the same start; tanh's slope, so that the steps' gradient is more than
    a difference of whole numbers."""
    trainer, start = trained("tanh_slope", steps=25)
    task, hard, own = trainer.program.task, trainer.program.hard, key(4)
    parameters = {name: tf.reshape(start[f"parameters/{name}"][1], shape) for name, shape in task.sizes.items()}
    numbers = {"activations": {"scale": 1.0}, "weights": {"scale": 1.0}, "normalize": "none"}
    examples = tuple(tf.constant(a, tf.float64 if a.dtype == np.float32 else None) for a in task.examples)
    for step in range(25):
        stream = loss_stream(own, tf.constant(step))
        batch = batch_of(examples, batch_indices(task, own, tf.constant(step), {}))
        with tf.GradientTape() as tape:
            tape.watch(parameters)
            loss, _ = task.loss(parameters, batch, hard.operation(numbers, stream), stream, {})
        gradients = tape.gradient(loss, parameters)
        parameters = {name: p - 0.05 * gradients[name] for name, p in parameters.items()}
    for name, wanted in parameters.items():
        found = trainer.state()[f"parameters/{name}"][1]
        np.testing.assert_allclose(found, np.ravel(wanted), rtol=1e-7, atol=1e-9, err_msg=name)


@pytest.mark.long
def test_flips_are_changes_of_level_in_units_of_the_step():
    trainer, start = trained(steps=12)
    rate, after = trainer.evaluate()["flip_rate"], trainer.state()
    changed, count = np.zeros(2), 0
    for i in (1, 2, 3):
        name = f"parameters/layer{i}/weights"
        before, now = (np.clip(np.rint(s[name] / s[f"{name}/step"]), -2, 1) for s in (start, after))
        changed, count = changed + (before != now).sum(1), count + now.shape[1]
    np.testing.assert_allclose(rate, changed / count)
    assert (rate > 0).all()


@pytest.mark.long
def test_a_step_that_follows_from_the_weights_stays_as_it_started_and_flips_are_counted_by_it():
    trainer, start = trained("absmean", steps=12)
    rate, after = trainer.evaluate()["flip_rate"], trainer.state()
    changed, count = np.zeros(2), 0
    for i in (1, 2, 3):
        name = f"parameters/layer{i}/weights"
        np.testing.assert_array_equal(after[f"{name}/step"], start[f"{name}/step"])
        levels = [np.clip(np.rint(s[name] / np.abs(s[name]).mean(1, keepdims=True)), -2, 1) for s in (start, after)]
        changed, count = changed + (levels[0] != levels[1]).sum(1), count + levels[0].shape[1]
    np.testing.assert_allclose(rate, changed / count)
    assert (rate > 0).all()


@pytest.mark.long
@pytest.mark.parametrize("estimator", ["lsq_log", "pact", "tqt", "tanh_slope"])
def test_every_rule_trains_and_starts_where_it_says(estimator):
    trainer, start = trained(estimator, steps=40)
    rule, page = registry[estimator].step_size, registry[estimator]
    w, name = start["parameters/layer2/weights"][0], "parameters/layer2/weights/step"
    own = {k: tf.constant(v, tf.float64) for k, v in page.parameters.items()}
    np.testing.assert_allclose(start[name][0], [rule.begin(tf.constant(w), (), WEIGHTS, **own)], rtol=1e-12)
    after = trainer.state()
    assert (after["measures/diverged"] == -1).all() and (after[name] != start[name]).all()


@pytest.mark.long
def test_a_real_network_has_no_steps_to_train():
    trainer, start = trained(steps=20, function=functions["identity"], weights=functions["identity"])
    after = trainer.state()
    for name in trainer.program.task.step_sizes.values():
        np.testing.assert_array_equal(after[f"parameters/{name}"], start[f"parameters/{name}"])
    assert (trainer.evaluate()["rounding_error"] == 0).all()


@pytest.mark.parametrize(
    "arguments, said",
    [
        ({"ends": "float"}, "task.ends is 'float', but must be one of: quantized, real"),
        ({"per": "layer"}, "task.per is 'layer', but must be one of: tensor, channel"),
        ({"hidden": [8], "ends": "real"}, "at least two hidden layers with task.ends=real, or no weight is rounded"),
        ({"hidden": []}, "at least a hidden layer"),
        ({"hidden": [8, 0]}, r"task.hidden\[1\] is 0, but must be a whole number of at least 1"),
        ({"batch": 5000}, "task.batch is 5000, but digits leaves only 1079 training examples"),
    ],
)
def test_what_makes_no_task_is_refused(arguments, said):
    with pytest.raises(UserError, match=said):
        small(**arguments)


def test_weights_need_levels_below_zero():
    with pytest.raises(UserError, match="the weights of quantized_mlp are signed, .* function@function_weights=round"):
        small().for_levels(ACTIVATIONS.outputs)
    task = small()
    assert task.for_levels(WEIGHTS.outputs) is task


@pytest.mark.parametrize("per", ["tensor", "channel"])
def test_switches_are_weights_whose_level_changed(per):
    """Of three matrices with 64·9 + 9·7 + 7·10 weights: two moved to another level, one by less, while steps grew."""
    task = small(per=per)
    problem = problem_of(task, 2)
    values = Hard(registry["ste"], registry["ste"], ACTIVATIONS, WEIGHTS).values(task)
    before = dict(task.start(Chance(key(2)).of("start"), problem))
    before = {n: tf.fill(p.shape, 0.5) if n.endswith("/step") else tf.zeros_like(p) for n, p in before.items()}
    after = {n: tf.fill(p.shape, 0.6) if n.endswith("/step") else p for n, p in before.items()}
    moved = np.zeros(before["layer2/weights"].shape, "float32")
    moved[0, 0], moved[3, 2], moved[1, 1] = 0.4, -0.7, 0.2
    found = task.each_update(before, {**after, "layer2/weights": tf.constant(moved)}, values, problem)
    assert float(found["switches"]) == pytest.approx(2 / (64 * 9 + 9 * 7 + 7 * 10))
    assert float(task.each_update(before, after, values, problem)["switches"]) == 0
