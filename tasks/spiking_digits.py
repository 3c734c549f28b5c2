"""A network of spiking neurons on images whose pixels spike once, the brighter the sooner."""

import tensorflow as tf

from tasks import arguments, layers, spiking
from tasks.base import Task
from tasks.labelled import labelled

PIECE = 512  # examples judged at once: each is a train of spikes


def spiking_digits(
    *,
    data: str = "digits",
    labels: str | None = None,
    hidden: int = 64,
    recurrent: bool = False,
    duration: int = 50,
    latency: float = 20.0,
    threshold: float = 0.2,
    membrane: float = 10.0,
    synapse: float = 5.0,
    reset: str = "to_zero",
    detach: bool = True,
    batch: int = 64,
    validation: float = 0.2,
    test: float = 0.2,
    split_seed: int | None = None,
    subsets: int | None = None,
    dtype: str = "float32",
) -> Task:
    """Recognise an image from when its pixels spike: one layer of leaky neurons, read out by neurons that do not spike,
    the largest potential of which over time is a logit (the second of Zenke's tutorials, github.com/fzenke/spytorch).

    A pixel of brightness x spikes once, latency·ln(x/(x − threshold)) steps after the begin, if that is before the end.
    Brightness is (v + 1)/2 of the values v from −1 to 1 that data have here. Weights start N(0, 1) times
    7·(1 − β)/√fan-in, with β what is left of a potential after a step. A neuron at rest is 1 from its threshold, and
    `width` is relative to that.

    Args:
        data: a named set, or the path of a file (tasks.data.sets.load).
        labels: the path of the labels, where the data do not have them; of a CSV the name of their column.
        hidden: neurons, at least 1.
        recurrent: whether they lead to each other.
        duration: steps of time, at least 2.
        latency: time constant of the code in steps, above 0.
        threshold: of brightness, above 0 and below 1: darker pixels do not spike.
        membrane: time constant of potentials in steps, above 0.
        synapse: that of currents, at least 0.
        reset: what a spike does to its neuron: `to_zero`, or `subtract` the threshold.
        detach: whether no gradient passes through that.
        batch: examples of a step, no more than there are to train on.
        validation: share of the examples that settings are chosen by, drawn with `split_seed`.
        test: share of the examples that is reported; a set with test files of its own keeps them.
        split_seed: of the permutation that splits the examples, which all replicas then share. None: each draw has
            its own.
        subsets: into how many disjoint subsets the examples are parted, one a draw. None: every draw splits all
            examples.
        dtype: of all tensors: `float32` or `float64`.

    Returns:
        The task. It is chosen by `validation_accuracy` and reports `test_accuracy`, shares.

    Raises:
        UserError: for arguments that make no such task, and for data that cannot be read.
    """
    arguments.spiking_digits(
        hidden=hidden,
        duration=duration,
        latency=latency,
        threshold=threshold,
        membrane=membrane,
        synapse=synapse,
        reset=reset,
        batch=batch,
        validation=validation,
        test=test,
        split_seed=split_seed,
        subsets=subsets,
    )
    examples = labelled(
        data,
        labels,
        batch=batch,
        validation=validation,
        test=test,
        split_seed=split_seed,
        subsets=subsets,
        dtype=dtype,
        piece=PIECE,
    )
    neuron = spiking.Neuron(membrane, synapse, reset, detach)
    sizes = spiking.sizes(examples.features, hidden, examples.classes, recurrent)

    def start(chance, problem):
        return spiking.start(chance, sizes, neuron, dtype)

    def losses(outputs, y):
        return layers.losses("cross_entropy", outputs, y)

    def form(mapped):
        """Loss and judgement of many replicas at once, or of one."""

        def forward(parameters, x, hard):
            trains = spiking.latency((x + 1) / 2, steps=duration, constant=latency, threshold=threshold)
            return spiking.network(trains, parameters, hard, neuron, mapped=mapped)

        def loss(parameters, batch, hard, chance, problem):
            x, y = batch
            logits, fired = forward(parameters, x, hard)
            return tf.reduce_mean(losses(logits, y)), {"firing_rate": fired}

        def judge(parameters, hard, problem):
            return examples.judge(problem, lambda x: forward(parameters, x, hard)[0], losses)

        return {"mapped": mapped, "loss": loss, "judge": judge}

    return Task(
        name="spiking_digits",
        label=f"Spiking {'recurrent ' * recurrent}network ({examples.features}-{hidden}-{examples.classes})",
        start=start,
        **form(True),
        measures={"firing_rate": spiking.FIRING_RATE},
        target=("validation_accuracy", 0.9),
        sizes=sizes,
        flops=spiking.step_flops(sizes, duration, batch),
        by_device={"cpu": form(False)},  # whose loop over time writes in place
        through_time=True,
        forwards=("step",),
        spreads={"layer1/activations": 1.0},
        **examples.fields,
    )
