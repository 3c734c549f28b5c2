"""Memorise random trains of spikes with four spiking neurons: what no slope leaves at chance."""

import tensorflow as tf

from tasks import arguments, layers, spiking
from tasks.base import Draw, Measure, Task


def spike_memorisation(
    *,
    hidden: int = 4,
    examples: int = 256,
    inputs: int = 100,
    duration: int = 200,
    rate: float = 0.005,
    membrane: float = 10.0,
    synapse: float = 5.0,
    reset: str = "to_zero",
    detach: bool = True,
    recurrent: bool = False,
    dtype: str = "float32",
) -> Task:
    """Tell two kinds of random trains of spikes apart that differ by nothing but their labels: the first of Zenke's
    tutorials on surrogate gradients (github.com/fzenke/spytorch), with its sizes, start, neurons and readout.

    In each step each input spikes with probability `rate`; labels are the throws of a coin. All examples are one batch.
    A hidden layer of leaky neurons spikes, and two neurons that do not are read out: the largest potential of each over
    time is a logit. A neuron at rest is 1 from its threshold, and `width` is relative to that. With the true
    derivative (`zero`) the hidden layer stays as it starts, and what is read out is trained alone. Guessing the more
    frequent label is right for 0.525 in the mean.

    Args:
        hidden: neurons, at least 1.
        examples: at least 2.
        inputs: at least 1.
        duration: steps of time, at least 2.
        rate: above 0 and below 1.
        membrane: time constant of potentials in steps, above 0.
        synapse: that of currents, at least 0.
        reset: what a spike does to its neuron: `to_zero`, or `subtract` the threshold.
        detach: whether no gradient passes through that.
        recurrent: whether hidden neurons lead to each other.
        dtype: of all tensors: `float32` or `float64`.

    Returns:
        The task. It reports `training_accuracy`: there is nothing else to be right about.

    Raises:
        UserError: for arguments that make no task.
    """
    arguments.spike_memorisation(
        hidden=hidden,
        examples=examples,
        inputs=inputs,
        duration=duration,
        rate=rate,
        membrane=membrane,
        synapse=synapse,
        reset=reset,
    )
    neuron = spiking.Neuron(membrane, synapse, reset, detach)
    sizes = spiking.sizes(inputs, hidden, 2, recurrent)

    def problem(chance, draw):
        trains = tf.cast(chance.of("spikes").uniform([duration, examples, inputs]) < rate, dtype)
        return {"spikes": trains, "labels": tf.cast(chance.of("labels").uniform([examples]) < 0.5, tf.int32)}

    def start(chance, problem):
        return spiking.start(chance, sizes, neuron, dtype)

    def outputs(parameters, hard, problem):
        return spiking.network(problem["spikes"], parameters, hard, neuron, mapped=False)

    def mean_loss(logits, problem):
        return tf.reduce_mean(layers.losses("cross_entropy", logits, problem["labels"]))

    def loss(parameters, _, hard, chance, problem):
        return mean_loss(outputs(parameters, hard, problem)[0], problem), {}

    def judge(parameters, hard, problem):
        logits, fired = outputs(parameters, hard, problem)
        right = tf.argmax(logits, -1, tf.int32) == problem["labels"]
        accuracy = tf.reduce_mean(tf.cast(right, dtype))
        return {"training_loss": mean_loss(logits, problem), "training_accuracy": accuracy, "firing_rate": fired}

    return Task(
        name="spike_memorisation",
        label=f"Spike memorisation ({inputs}-{hidden}-2)",
        start=start,
        loss=loss,
        judge=judge,
        measures={
            "training_loss": Measure("Training loss, all examples", "nats", "lower", (0.0, float("inf"))),
            "training_accuracy": Measure("Training accuracy", "share of examples", "higher", (0.0, 1.0)),
            "firing_rate": spiking.FIRING_RATE,
        },
        selects="training_loss",
        reports="training_accuracy",
        target=("training_accuracy", 0.8),
        sizes=sizes,
        flops=spiking.step_flops(sizes, duration, examples),
        mapped=False,  # a replica's spikes are 20 megabytes
        through_time=True,
        forwards=("step",),
        spreads={"layer1/activations": 1.0},
        problem=problem,
        draw=Draw("instance", None, 0.0),
    )
