"""The binarized convolutional network: against NumPy and SciPy, in both of its forms, and what it refuses."""

import json
import math

import numpy as np
import pytest
import tensorflow as tf
import yaml
from scipy.signal import correlate

import tasks
from estimators import registry
from estimators.function import value
from runners.configuration.schema import CONF
from runners.training import programs
from runners.training.hard_sites import Hard
from runners.training.programs import Program, Replica, on_device
from runners.training.trainer import Trainer
from steeplechase.errors import Unsupported, UserError
from steeplechase.random import Chance, key
from tasks.data.sets import load
from tests.helpers.configurations import changed
from tests.helpers.tasks import problem_of

SMALL = {"channels": [3, 4], "batch": 8, "reference": 40}


def sign(x, *, at):
    return value(x)


def convolved(x, kernel):
    """[examples, side, side, inputs] with zeros around, by SciPy, one image and filter at a time."""
    out = np.zeros([*x.shape[:3], kernel.shape[3]])
    for n in range(len(x)):
        for j in range(kernel.shape[3]):
            # Centred on an odd filter, "same" of all channels together leaves the middle one: that of their sum.
            out[n, :, :, j] = sum(correlate(x[n, :, :, i], kernel[:, :, i, j], "same") for i in range(x.shape[3]))
    return out


@pytest.mark.parametrize("device", ["cpu", "gpu"])
@pytest.mark.parametrize("pools", [1, 2])
def test_against_numpy(pools, device):
    """Training loss and judgement, in the form of each device."""
    task = on_device(tasks.registry["binarized_convnet"](pools=pools, dtype="float64", **SMALL), device)
    problem = problem_of(task, 1)
    draw = np.random.Generator(np.random.PCG64(3))
    p = {n: v.numpy() for n, v in task.start(Chance(key(1)).of("start"), problem).items()}
    p |= {n: p[n] + draw.normal(0, 0.3, p[n].shape) for n in p if not n.endswith("weights")}
    hard = {n: np.where(p[n] >= 0, 1.0, -1.0) for n in p if n.endswith("weights")}

    def normalised(h, i, statistics):
        axes = tuple(range(h.ndim - 1))
        mean, variance = statistics[i - 1] if statistics else (h.mean(axes), h.var(axes))
        return (h - mean) / np.sqrt(variance + 1e-4) * p[f"layer{i}/scale"] + p[f"layer{i}/shift"], (mean, variance)

    def forward(x, statistics=None):
        used, x = [], x.reshape(-1, 8, 8, 1)
        for i in (1, 2):
            h = convolved(x, hard[f"layer{i}/weights"])
            if i > 2 - pools:
                n, side, _, c = h.shape
                h = h.reshape(n, side // 2, 2, side // 2, 2, c).max((2, 4))
            h, own = normalised(h, i, statistics)
            used.append(own)
            x = np.where(h >= 0, 1.0, -1.0)
        h, own = normalised(x.reshape(len(x), -1) @ hard["layer3/weights"], 3, statistics)
        return h, [*used, own]

    def losses(z, y):
        return np.log(np.exp(z).sum(1)) - z[np.arange(len(y)), y]

    whole = load("digits")
    parts = {name: (whole.x[places].astype(np.float64), whole.y[places]) for name, places in problem.items()}
    x, y = parts["train"]
    tensors = {n: tf.constant(v) for n, v in p.items()}
    got, _ = task.loss(tensors, (tf.constant(x[:8]), tf.constant(y[:8])), sign, None, problem)
    np.testing.assert_allclose(got, losses(forward(x[:8])[0], y[:8]).mean(), rtol=1e-9)
    _, statistics = forward(x[:40])
    judged = task.judge(tensors, sign, problem)
    x, y = parts["test"]
    z, _ = forward(x, statistics)
    np.testing.assert_allclose(judged["test_loss"], losses(z, y).mean(), rtol=1e-9)
    np.testing.assert_allclose(judged["test_accuracy"], (z.argmax(1) == y).mean(), atol=1e-9)


def trained(device, steps=12, **arguments):
    """Rows and parameters of one replica, in the form of a device, on the CPU."""
    task, page = tasks.registry["binarized_convnet"](**SMALL, **arguments), registry["tanh_slope"]
    task = on_device(task, device)
    trainer = Trainer(Program(task, Hard(page, page), "Adam", (), (), 1, arguments.get("dtype", "float32"), "cpu"))
    trainer.begin([Replica(0, 0.01, page.parameters, page.parameters)], steps)
    trainer.advance(steps)
    return trainer.evaluate(), trainer.state()


@pytest.mark.long  # their losses and gradients are compared in the others
def test_both_forms_train_the_same_thing():
    """XLA and the pool written out, or TensorFlow's kernels: equal ones of four give the gradient to the same place."""
    one, other = (trained(device, dtype="float64") for device in ("cpu", "gpu"))
    for name in ("train_loss", "gradient_norm", "validation_loss", "test_accuracy", "flip_rate"):
        np.testing.assert_allclose(one[0][name], other[0][name], rtol=1e-7, err_msg=name)
    for name in one[1]:
        if name.startswith("parameters/"):
            np.testing.assert_allclose(one[1][name], other[1][name], atol=1e-8, err_msg=name)


@pytest.mark.parametrize("device, xla", [("cpu", False), ("gpu", True)])
def test_a_run_trains_the_form_of_its_device_one_replica_at_a_time(device, xla):
    page = yaml.safe_load((CONF / "task/binarized_convnet.yaml").read_text(encoding="utf-8"))
    run = changed(task=page | {"channels": [3], "pools": 1})
    program = {**run.program, "device": device}
    task, built = programs.build(json.dumps(program, sort_keys=True), 6)
    assert (task.xla, task.mapped, built.block) == (xla, False, 1)
    assert programs.build(json.dumps(program, sort_keys=True), 6)[0] is task, "what is compiled is shared"
    with pytest.raises(Unsupported, match="binarized_convnet is trained one replica at a time: leave block out"):
        programs.build(json.dumps({**program, "block": 2}, sort_keys=True), 6)


def test_the_first_of_equal_ones_gets_the_gradient():
    task = tasks.registry["binarized_convnet"](channels=[2], pools=1, batch=4, dtype="float64")
    start = task.start(Chance(key(0)).of("start"), {})
    batch = tf.zeros([4, 64], tf.float64), tf.constant([0, 1, 2, 3])

    def loss(form):
        with tf.GradientTape() as tape:
            tape.watch(batch[0])
            found, _ = form.loss(start, batch, lambda h, *, at: registry["ste"].hard(h), None, {})
        return tape.gradient(found, batch[0]).numpy()

    cpu, gpu = (loss(on_device(task, device)) for device in ("cpu", "gpu"))
    np.testing.assert_allclose(cpu, gpu, atol=1e-12)
    assert np.abs(cpu).max() > 0, "all places are equal, and the gradient goes somewhere"


def test_sizes_follow_the_images_and_the_layers():
    task = tasks.registry["binarized_convnet"](channels=[5, 6, 7], pools=2, batch=64)
    assert task.sizes["layer1/weights"] == (3, 3, 1, 5) and task.sizes["layer3/weights"] == (3, 3, 6, 7)
    assert task.sizes["layer4/weights"] == (2 * 2 * 7, 10)
    products = [64 * 9 * 5, 64 * 9 * 5 * 6, 16 * 9 * 6 * 7, 28 * 10]  # places of each layer, numbers that it looks at
    assert task.flops == 2 * 64 * (3 * sum(products) - products[0])
    assert task.spreads["layer2/weights"] == pytest.approx(math.sqrt(2 / (9 * 11)))
    start = task.start(Chance(key(0)).of("start"), {})
    assert np.std(start["layer3/weights"]) == pytest.approx(task.spreads["layer3/weights"], rel=0.1)


@pytest.mark.parametrize(
    "arguments, said",
    [
        ({"channels": []}, r"task.channels is \[\], but there must be at least one layer"),
        ({"channels": [4, 0]}, r"task.channels\[1\] is 0"),
        ({"channels": [4], "pools": 2}, "task.pools is 2, but there are 1 layers"),
        ({"channels": [4, 4, 4, 4], "pools": 4}, "images of 8 × 8 cannot be halved 4 times"),
        ({"colours": 3}, "an example of digits has 64 numbers, which are no square image of 3 a place"),
        ({"loss": "hinge"}, "task.loss is 'hinge', but must be one of: cross_entropy, squared_hinge"),
    ],
)
def test_what_makes_no_task_is_refused(arguments, said):
    with pytest.raises(UserError, match=said):
        tasks.registry["binarized_convnet"](**arguments)


def test_coloured_images_are_read_place_by_place(tmp_path):
    """Files of the layout that Keras gives CIFAR-10: 32 × 32 × 3 bytes, a label each."""
    draw = np.random.Generator(np.random.PCG64(0))
    path = tmp_path / "cifar.npz"
    images, labels = draw.integers(0, 256, [60, 32, 32, 3], dtype=np.uint8), np.arange(60, dtype=np.uint8) % 10
    np.savez(path, x_train=images, y_train=labels[:, None], x_test=images[:20], y_test=labels[:20, None])
    task = tasks.registry["binarized_convnet"](data=str(path), colours=3, channels=[4], pools=1, batch=8, test=0.0)
    assert task.sizes["layer1/weights"] == (3, 3, 3, 4) and task.sizes["layer2/weights"] == (16 * 16 * 4, 10)
    assert task.examples[0].shape == (60, 3072)
    np.testing.assert_allclose(
        task.examples[0][5].reshape(32, 32, 3)[3, 4, 1], images[5, 3, 4, 1] / 127.5 - 1, rtol=1e-6
    )
