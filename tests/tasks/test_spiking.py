"""Spiking neurons: against loops written out, in NumPy and under a tape, and against closed forms."""

import json
import math

import numpy as np
import pytest
import tensorflow as tf
import yaml

import tasks
from estimators import registry
from estimators.function import functions, value
from runners.configuration.schema import CONF
from runners.training import programs
from runners.training.hard_sites import Hard
from steeplechase.errors import Unsupported, UserError
from steeplechase.random import Chance, key
from tasks import spiking
from tasks.spiking import Neuron
from tests.helpers.configurations import changed
from tests.helpers.tasks import SMALL, problem_of

STEP = functions["step"]
NEURONS = {
    "zero": Neuron(),
    "zero, through the reset": Neuron(detach=False),
    "subtract": Neuron(reset="subtract", membrane=4.0),
    "subtract, through the reset": Neuron(reset="subtract", detach=False),
    "no synapse": Neuron(synapse=0.0, membrane=3.0),
}
STEPS = 23  # no multiple of the chunk


def drawn(steps=STEPS, examples=5, neurons=4, seed=0):
    """(currents, recurrent weights): enough for a spike in every few steps."""
    draw = np.random.Generator(np.random.PCG64(seed))
    return draw.normal(0.3, 1.0, [steps, examples, neurons]), draw.normal(0, 0.5, [neurons, neurons])


def step_by_step(currents, neuron, recurrent, hard, stop):
    """The neurons as their equations read, by whatever `hard` and `stop` are: NumPy's or those of a tape."""
    v = i = currents[0] * 0.0
    fired = []
    for now in currents:
        s = hard(v - 1.0)
        held = stop(s) if neuron.detach else s
        v, i = (
            (neuron.beta * v + i) * (1.0 - held) if neuron.reset == "to_zero" else neuron.beta * v + i - held,
            neuron.alpha * i + now + (0.0 if recurrent is None else s @ recurrent),
        )
        fired.append(s)
    return fired


@pytest.mark.parametrize("mapped", [False, True], ids=["in place", "in chunks"])
@pytest.mark.parametrize("back", [False, True], ids=["", "recurrent"])
@pytest.mark.parametrize("name", NEURONS)
def test_they_spike_when_their_equations_say(name, back, mapped):
    currents, recurrent = drawn()
    neuron, recurrent = NEURONS[name], recurrent if back else None
    found = spiking.spikes(
        tf.constant(currents),
        lambda x, at: value(x, forward="step"),
        neuron,
        at="a/activations",
        recurrent=None if recurrent is None else tf.constant(recurrent),
        mapped=mapped,
    ).numpy()
    known = step_by_step(currents, neuron, recurrent, lambda x: (x >= 0).astype(float), lambda s: s)
    assert 0.02 < found.mean() < 0.9
    np.testing.assert_array_equal(found, np.stack(known))


def gradients(currents, recurrent, out, network):
    """Of the sum of all spikes, each weighted by a number of its own."""
    inputs = [tf.constant(currents), *([] if recurrent is None else [tf.constant(recurrent)])]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        loss = tf.reduce_sum(network(*inputs) * out)
    return [gradient.numpy() for gradient in tape.gradient(loss, inputs)]


@pytest.mark.parametrize("mapped", [False, True], ids=["in place", "in chunks"])
@pytest.mark.parametrize("back", [False, True], ids=["", "recurrent"])
@pytest.mark.parametrize("name", NEURONS)
def test_their_gradient_is_that_of_a_tape_through_all_steps(name, back, mapped):
    """Which TensorFlow has outside of a compiled loop alone."""
    currents, recurrent = drawn(seed=1)
    neuron, recurrent = NEURONS[name], recurrent if back else None
    out = tf.constant(np.random.Generator(np.random.PCG64(2)).normal(size=currents.shape))

    def hard(x, at="a/activations"):
        return registry["fast_sigmoid"].hard(x, forward=STEP, scale=3.0)

    def ours(currents, recurrent=None):
        return spiking.spikes(currents, hard, neuron, at="a/activations", recurrent=recurrent, mapped=mapped)

    def theirs(currents, recurrent=None):
        return tf.stack(step_by_step(tf.unstack(currents), neuron, recurrent, hard, tf.stop_gradient))

    for found, known in zip(
        gradients(currents, recurrent, out, ours), gradients(currents, recurrent, out, theirs), strict=True
    ):
        assert np.abs(known).max() > 0.1
        np.testing.assert_allclose(found, known, rtol=1e-9, atol=1e-11)


def test_what_passes_through_the_reset_shows():
    """Or the comparison of gradients would be blind to whether it is detached."""
    currents, _ = drawn(seed=1)

    def found(detach):
        def network(currents):
            return spiking.spikes(
                currents, lambda x, at: registry["ste"].hard(x, forward=STEP), Neuron(detach=detach), at="a"
            )

        return gradients(currents, None, tf.ones_like(tf.constant(currents)), network)[0]

    assert np.abs(found(True) - found(False)).max() > 0.1


@pytest.mark.parametrize("neuron", [Neuron(), Neuron(synapse=0.0), Neuron(membrane=7.0, synapse=2.0)])
def test_what_is_read_out_is_the_leaky_sum(neuron):
    arriving, _ = drawn()
    flat = out = np.zeros_like(arriving[0])
    known = [out]
    for now in arriving:
        flat, out = neuron.alpha * flat + now, neuron.beta * out + flat
        known.append(out)
    np.testing.assert_allclose(spiking.leaky_sums(neuron, tf.constant(arriving)), known, rtol=1e-12, atol=1e-12)


def test_a_pixel_spikes_the_sooner_the_brighter():
    x = np.array([[1.0, 0.5, 0.25, 0.2000001, 0.19, 0.0]])
    trains = spiking.latency(tf.constant(x), steps=40, constant=20.0, threshold=0.2).numpy()
    assert trains.shape == (40, 1, 6)
    places = [list(np.flatnonzero(trains[:, 0, pixel])) for pixel in range(6)]
    # 20·ln(1/0.8) = 4.46, 20·ln(0.5/0.3) = 10.2, 20·ln(0.25/0.05) = 32.2; the fourth comes after the end.
    assert places == [[4], [10], [32], [], [], []]
    assert set(np.unique(trains)) == {0.0, 1.0}


def test_the_published_start():
    """7·(1 − e^(−0.1)) = 0.666138 over the root of what leads to a neuron."""
    task = tasks.registry["spike_memorisation"]()
    start = task.start(Chance(key(0)).of("start"), {})
    assert np.std(start["layer1/weights"]) == pytest.approx(0.666138 / 10, rel=0.1)
    assert np.std(start["layer2/weights"]) == pytest.approx(0.666138 / 2, rel=0.5)
    assert task.sizes == {"layer1/weights": (100, 4), "layer2/weights": (4, 2)}


def test_trains_are_as_frequent_as_asked_and_differ_by_draw():
    task = tasks.registry["spike_memorisation"]()
    one, other = (problem_of(task, draw) for draw in (0, 1))
    assert one["spikes"].shape == (200, 256, 100)
    # 5.12 million throws of 0.005: the share's standard error is 3e-5.
    assert float(tf.reduce_mean(one["spikes"])) == pytest.approx(0.005, abs=5 * math.sqrt(0.005 / 5.12e6))
    assert float(tf.reduce_mean(tf.cast(one["labels"], tf.float32))) == pytest.approx(0.5, abs=0.16)
    assert (one["labels"].numpy() != other["labels"].numpy()).any()


def test_without_a_slope_nothing_reaches_the_hidden_layer():
    task = tasks.registry["spike_memorisation"](**SMALL["spike_memorisation"])
    problem, chance = problem_of(task), Chance(key(0))
    start = task.start(chance.of("start"), problem)
    norms = {}
    for estimator in ("zero", "superspike_asym"):
        hard = Hard(registry[estimator], registry[estimator], STEP)
        operation = hard.operation({"activations": {}, "weights": {}, "normalize": "none"}, chance)
        with tf.GradientTape() as tape:
            tape.watch(start)
            loss, _ = task.loss(start, (), operation, chance, problem)
        norms[estimator] = {name: float(tf.norm(own)) for name, own in tape.gradient(loss, start).items()}
    assert norms["zero"]["layer1/weights"] == 0 < norms["superspike_asym"]["layer1/weights"]
    assert norms["zero"]["layer2/weights"] > 0
    judged = task.judge(start, hard.values(task), problem)
    assert 0 < judged["firing_rate"] < 1 and 0 < judged["training_accuracy"] < 1


@pytest.mark.parametrize(
    "name, arguments, said",
    [
        ("spike_memorisation", {"rate": 0.0}, "task.rate is 0.0, but must be a share of the steps"),
        ("spike_memorisation", {"duration": 200_000}, "at most 10485 steps can be held"),
        ("spike_memorisation", {"reset": "half"}, "task.reset is 'half', but must be one of: to_zero, subtract"),
        ("spike_memorisation", {"membrane": 0.0}, "task.membrane is 0.0"),
        ("spiking_digits", {"threshold": 1.0}, "task.threshold is 1.0, but must be a brightness"),
        ("spiking_digits", {"hidden": 0}, "task.hidden is 0"),
        ("spiking_digits", {"duration": 10**6}, "at most 65536 steps can be held"),
        ("spiking_digits", {"latency": 0.0}, "task.latency is 0.0"),
    ],
)
def test_what_makes_no_task_is_refused(name, arguments, said):
    with pytest.raises(UserError, match=said):
        tasks.registry[name](**arguments)


@pytest.mark.parametrize(
    "estimator, function, said",
    [
        (
            {"name": "ewgs", "delta": 0.2},
            {"name": "step", "at_zero": 1},
            "goes back through time, where ewgs has no meaning",
        ),
        ({"name": "ste"}, {"name": "step", "at_zero": 0}, "spike at their threshold: leave function.at_zero at 1"),
        ({"name": "ste"}, {"name": "sign", "at_zero": 1}, "is written for step, not for sign"),
    ],
)
def test_what_has_no_meaning_for_spikes_is_declined(estimator, function, said):
    page = yaml.safe_load((CONF / "task/spike_memorisation.yaml").read_text(encoding="utf-8"))
    run = changed(task=page | SMALL["spike_memorisation"], estimator=estimator, function=function)
    with pytest.raises(Unsupported, match=said):
        programs.build(json.dumps(dict(run.program), sort_keys=True), 1)
