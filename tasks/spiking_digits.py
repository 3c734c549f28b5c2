"""A network of spiking neurons on images whose pixels spike once, the brighter the sooner, or on recorded events."""

import tensorflow as tf

from tasks import arguments, layers, spiking
from tasks.base import Task, parameters
from tasks.data.events import Counting
from tasks.labelled import labelled

PIECE = 512  # examples judged at once: each is a train of spikes


def spiking_digits(
    *,
    data: str = "digits",
    labels: str | None = None,
    test_data: str | None = None,
    hidden: int = 64,
    recurrent: bool = False,
    duration: int = 50,
    latency: float = 20.0,
    threshold: float = 0.2,
    window: float = 1.4,
    inputs: int = 70,
    units: int = 700,
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

    Data may also be recorded events, in HDF5 files of the layout of the Spiking Heidelberg Digits (Cramer et al. 2020,
    arXiv:1910.07407). One at t seconds of unit u is a spike at step ⌊t/window·duration⌋ of input ⌊u/units·inputs⌋;
    several at one place are added up.

    Args:
        data: a named set, or the path of a file (tasks.data.sets.load_any).
        labels: the path of the labels, where the data do not have them; of a CSV the name of their column.
        test_data: the path of the recorded events that are reported, beside events alone. None: a share of the others.
        hidden: neurons, at least 1.
        recurrent: whether they lead to each other.
        duration: steps of time, at least 2.
        latency: time constant of the code in steps, above 0; of images alone.
        threshold: of brightness, above 0 and below 1: darker pixels do not spike; of images alone.
        window: seconds of recorded events that are seen, above 0; of events alone, and so refused beside images, as are
            the next two.
        inputs: to which their units are pooled, at least 1 and at most as many.
        units: channels that they come from, at least 1.
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
        window=window,
        inputs=inputs,
        units=units,
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
        counting=Counting(duration, window, inputs, units, test_data),
    )
    recorded = examples.whole.steps > 0
    neuron = spiking.Neuron(membrane, synapse, reset, detach)
    arriving = inputs if recorded else examples.features
    sizes = spiking.sizes(arriving, hidden, examples.classes, recurrent)

    def start(chance, problem):
        return spiking.start(chance, sizes, neuron, dtype)

    def losses(outputs, y):
        return layers.losses("cross_entropy", outputs, y)

    def form(mapped):
        """Loss and judgement of many replicas at once, or of one."""

        def forward(parameters, x, hard):
            if recorded:
                trains = spiking.counted(x, steps=duration)
            else:
                trains = spiking.latency((x + 1) / 2, steps=duration, constant=latency, threshold=threshold)
            return spiking.network(trains, parameters, hard, neuron, mapped=mapped)

        def loss(parameters, batch, hard, chance, problem):
            x, y = batch
            logits, fired = forward(parameters, x, hard)
            return tf.reduce_mean(losses(logits, y)), {"firing_rate": fired}

        def judge(parameters, hard, problem):
            return examples.judge(problem, lambda x: forward(parameters, x, hard)[0], losses)

        return {"mapped": mapped, "loss": loss, "judge": judge}

    own = examples.fields
    if recorded:
        own["remarks"] += _unused(data, latency=latency, threshold=threshold)
    return Task(
        name="spiking_digits",
        label=f"Spiking {'recurrent ' * recurrent}network ({arriving}-{hidden}-{examples.classes})",
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
        **own,
    )


def _unused(data, **of_images):
    """A remark on each argument of images that was set beside recorded events."""
    defaults = parameters(spiking_digits)
    return tuple(
        f"task.{name} is {value}, but {data} holds recorded events, of which each has its time: it changes nothing."
        for name, value in of_images.items()
        if value != defaults[name]
    )
