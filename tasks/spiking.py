"""Neurons that spike: leaky integration over time, a threshold and a reset, with a gradient through time of its own."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from steeplechase.random import Chance
from tasks.base import Measure

FIRING_RATE = Measure("Firing rate", "spikes of a neuron and step", "", (0.0, 1.0))
CHUNK = 10  # steps between two writes to what is stored of a sequence: each write costs like a copy of all of it


@dataclass(frozen=True)
class Neuron:
    """A leaky integrate-and-fire neuron whose input current leaks as well, with a threshold of 1.

    At step t it spikes where its potential V reaches the threshold: s(t) = 1[V(t) ≥ 1]. Then, with α and β what is left
    of the current I and of the potential after a step, V(t + 1) = (β·V(t) + I(t))·(1 − s(t)) where a spike resets to
    zero, or β·V(t) + I(t) − s(t) where it subtracts the threshold, and I(t + 1) = α·I(t) + what arrives.

    Attributes:
        membrane: the time constant of the potential, in steps.
        synapse: that of the current, in steps; 0: it lasts for one step.
        reset: `to_zero` or `subtract`.
        detach: whether no gradient passes through the reset.
    """

    membrane: float = 10.0
    synapse: float = 5.0
    reset: str = "to_zero"
    detach: bool = True

    @property
    def alpha(self) -> float:
        """What is left of the current after a step."""
        return math.exp(-1 / self.synapse) if self.synapse else 0.0

    @property
    def beta(self) -> float:
        """What is left of the potential after a step."""
        return math.exp(-1 / self.membrane)


def spikes(
    currents: tf.Tensor,
    hard: Callable,
    neuron: Neuron,
    *,
    at: str,
    recurrent: tf.Tensor | None = None,
    mapped: bool = True,
) -> tf.Tensor:
    """What a layer of neurons does over time.

    The potentials are found first, step after step, then all spikes at once by one call of the hard operation: so a
    site stands for all steps. What comes down to a potential through its own spikes is that operation's; what comes
    from later steps is added here, by the adjoint of the equations of Neuron, in which the slope stands at each jump.
    Zenke and Ganguli 2018, arXiv:1705.11146; Neftci, Mostafa and Zenke 2019, arXiv:1901.09948.

    Args:
        currents: [steps, examples, neurons]: what arrives at each step, to be felt at the next one.
        hard: the hard operation, 1 from zero on.
        neuron: its equations.
        at: the site.
        recurrent: [neurons, neurons]: what a spike of the first adds to the current of the second; None: nothing.
        mapped: as in `over_time`.

    Returns:
        [steps, examples, neurons]: 1 where a neuron spikes.
    """
    slope: list[tf.Tensor | None] = []

    @tf.custom_gradient
    def potentials(currents, *back):
        above, *driven = _potentials(currents, neuron, mapped, *back)

        def through_time(direct):
            assert slope[0] is not None  # nothing comes down an operation that passes nothing
            arriving = _arriving(direct, slope[0], above, driven, neuron, mapped, *back)
            if not back:
                return arriving
            fired = tf.cast(above >= 0, above.dtype)
            return arriving, tf.einsum("tbi,tbj->ij", fired, arriving)

        return above, through_time

    above = potentials(currents, *(() if recurrent is None else (recurrent,)))
    with tf.GradientTape() as tape:
        tape.watch(above)
        fired = hard(above, at=at)
    slope.append(tape.gradient(fired, above))
    return fired


def _potentials(currents, neuron, mapped, recurrent=None):
    """The potentials less the threshold, and where a gradient asks for it what a reset took away."""
    outputs = 2 if _through_reset(neuron) else 1

    def step(state, now):
        (v, i), (current,) = state, now
        fired = tf.cast(v >= 1, v.dtype)
        driven = neuron.beta * v + i
        i = neuron.alpha * i + current
        if recurrent is not None:
            i += fired @ recurrent
        return (_reset(driven, fired, neuron), i), (v - 1, driven)[:outputs]

    zeros = tf.zeros_like(currents[0])
    return over_time(step, (zeros, zeros), (currents,), outputs, mapped=mapped)


def _arriving(direct, slope, above, driven, neuron, mapped, recurrent=None):
    """The gradient to what arrived at each step.

    Args:
        direct: the gradient to each potential through its own spikes.
        slope: that of each spike by its potential.
        above: the potentials less the threshold.
        driven: what they were to become but for the reset, where a gradient passes through one to zero; else empty.
        neuron: its equations.
        mapped: as in `over_time`.
        recurrent: as in `spikes`.

    Returns:
        As `direct`, [steps, examples, neurons].
    """

    def step(state, now):
        (to_v, to_i), (own, slope, above, *driven) = state, now
        fired = tf.cast(above >= 0, above.dtype)
        to_fired = tf.zeros_like(own)
        if recurrent is not None:
            to_fired += tf.matmul(to_i, recurrent, transpose_b=True)
        if not neuron.detach:
            to_fired -= to_v * (driven[0] if _through_reset(neuron) else 1.0)
        to_driven = to_v * (1 - fired) if neuron.reset == "to_zero" else to_v
        return (neuron.beta * to_driven + own + slope * to_fired, neuron.alpha * to_i + to_driven), (to_i,)

    zeros = tf.zeros_like(direct[0])
    inputs = (direct, slope, above, *driven)
    [found] = over_time(step, (zeros, zeros), inputs, 1, backwards=True, mapped=mapped)
    return found


def _through_reset(neuron):
    """Whether a gradient passes through a reset to zero, and so needs what was reset."""
    return neuron.reset == "to_zero" and not neuron.detach


def _reset(driven, fired, neuron):
    return driven * (1 - fired) if neuron.reset == "to_zero" else driven - fired


def over_time(
    step: Callable,
    state: tuple[tf.Tensor, ...],
    inputs: Sequence[tf.Tensor],
    outputs: int,
    *,
    backwards: bool = False,
    mapped: bool = True,
) -> list[tf.Tensor]:
    """What a recurrence makes of a sequence, by a loop that compiles.

    No tape follows it: TensorFlow has no gradient of a loop over many replicas at once.

    Args:
        step: (state, what each input is at this step) -> (state, outputs). It may be asked beyond the end, too, with
            zeros.
        state: before the first step that is taken, tensors of the shape of an output.
        inputs: [steps, ...] each, of one shape.
        outputs: how many there are, of the shape that an input has at a step.
        backwards: whether the last step is taken first.
        mapped: whether it works on many replicas at once. There an array of TensorFlow's, which XLA writes to in place,
            does not compile.

    Returns:
        [steps, ...] for each output.
    """
    return (_in_chunks if mapped else _in_place)(step, state, inputs, outputs, backwards)


def _in_place(step, state, inputs, outputs, backwards):
    """`over_time` of one replica."""
    steps, dtype, inner = inputs[0].shape[0], state[0].dtype, inputs[0].shape[1:]

    def array():
        return tf.TensorArray(dtype, steps, element_shape=inner)

    read = [array().unstack(each) for each in inputs]

    def one(number, state, stores):
        at = steps - 1 - number if backwards else number
        state, made = step(state, [each.read(at) for each in read])
        return number + 1, state, tuple(own.write(at, each) for own, each in zip(stores, made, strict=True))

    begin = (tf.constant(0), state, tuple(array() for _ in range(outputs)))
    _, _, stores = tf.while_loop(lambda number, *_: number < steps, one, begin)
    return [own.stack() for own in stores]


def _in_chunks(step, state, inputs, outputs, backwards):
    """`over_time` of many replicas, or of one."""
    steps = inputs[0].shape[0]
    chunks = -(-steps // CHUNK)
    shape = [chunks, CHUNK, *inputs[0].shape[1:]]
    added = [[0, chunks * CHUNK - steps], *([0, 0] for _ in shape[2:])]
    parts = [tf.reshape(tf.pad(each, added), shape) for each in inputs]

    def chunk(number, state, stores):
        now = [tf.gather(part, number) for part in parts]
        made = []
        for at in reversed(range(CHUNK)) if backwards else range(CHUNK):
            state, outputs = step(state, [each[at] for each in now])
            made.append(outputs)
        columns = zip(*(reversed(made) if backwards else made), strict=True)
        place = tf.reshape(number, [1, 1])
        stores = tuple(
            tf.tensor_scatter_nd_update(own, place, tf.stack(column)[None])
            for own, column in zip(stores, columns, strict=True)
        )
        return number + (-1 if backwards else 1), state, stores

    begin = (tf.constant(chunks - 1 if backwards else 0), state, (tf.zeros(shape, state[0].dtype),) * outputs)
    _, _, stores = tf.while_loop(lambda number, *_: (number >= 0) & (number < chunks), chunk, begin)
    return [tf.reshape(own, [chunks * CHUNK, *shape[2:]])[:steps] for own in stores]


def leaky_sums(neuron: Neuron, arriving: tf.Tensor) -> tf.Tensor:
    """The potentials of neurons that never spike, as networks are read out by: a product with what one input leaves.

    Args:
        neuron: its time constants.
        arriving: [steps, examples, neurons].

    Returns:
        [steps + 1, examples, neurons], zeros before the first step.
    """
    steps = arriving.shape[0]
    apart = np.arange(steps + 1)[:, None] - np.arange(steps)[None, :]  # how long ago each input was
    left = np.zeros(steps + 1)
    for ago in range(2, steps + 1):  # it is in the current after one step, in the potential after two
        left[ago] = neuron.beta * left[ago - 1] + neuron.alpha ** (ago - 2)
    kernel = np.where(apart >= 0, left[np.maximum(apart, 0)], 0.0)
    return tf.tensordot(tf.constant(kernel, arriving.dtype), arriving, 1)


def sizes(inputs: int, hidden: int, outputs: int, recurrent: bool) -> dict[str, tuple[int, ...]]:
    """The parameters of a network of one hidden layer.

    Args:
        inputs: that spike.
        hidden: neurons.
        outputs: neurons that do not spike.
        recurrent: whether hidden neurons lead to each other.

    Returns:
        Their shapes, by name.
    """
    own: dict[str, tuple[int, ...]] = {"layer1/weights": (inputs, hidden), "layer2/weights": (hidden, outputs)}
    return own | ({"layer1/recurrent": (hidden, hidden)} if recurrent else {})


def start(chance: Chance, shapes: Mapping[str, tuple[int, ...]], neuron: Neuron, dtype: str) -> dict[str, tf.Tensor]:
    """Weights before training, as Zenke's tutorials have them: N(0, 1) times 7·(1 − β)/√inputs.

    Args:
        chance: each parameter has a stream of its own name.
        shapes: of `sizes`.
        neuron: whose β it is.
        dtype: of the tensors.

    Returns:
        By name.
    """
    spread = {name: 7 * (1 - neuron.beta) / math.sqrt(shape[0]) for name, shape in shapes.items()}
    return {name: tf.cast(chance.of(name).normal(shape) * spread[name], dtype) for name, shape in shapes.items()}


def network(
    trains: tf.Tensor, parameters: Mapping[str, tf.Tensor], hard: Callable, neuron: Neuron, *, mapped: bool = True
) -> tuple[tf.Tensor, tf.Tensor]:
    """What a network of one hidden layer says of trains of spikes.

    Args:
        trains: [steps, examples, inputs].
        parameters: by the names of `sizes`.
        hard: the hard operation.
        neuron: of both layers; those that are read out do not spike.
        mapped: as in `over_time`.

    Returns:
        (the largest potential of each output over time [examples, outputs], the mean of all spikes).
    """
    arriving = tf.tensordot(trains, parameters["layer1/weights"], 1)
    recurrent = parameters.get("layer1/recurrent")
    fired = spikes(arriving, hard, neuron, at="layer1/activations", recurrent=recurrent, mapped=mapped)
    potentials = leaky_sums(neuron, tf.tensordot(fired, parameters["layer2/weights"], 1))
    return tf.reduce_max(potentials, 0), tf.reduce_mean(fired)


def step_flops(shapes: Mapping[str, tuple[int, ...]], steps: int, examples: int) -> float:
    """Operations of a training step: three products at every step of time for each of the weights.

    Args:
        shapes: of `sizes`.
        steps: of time.
        examples: of a batch.

    Returns:
        Multiplications and additions.
    """
    return 6.0 * steps * examples * sum(map(math.prod, shapes.values()))


def counted(x: tf.Tensor, *, steps: int) -> tf.Tensor:
    """Counts of recorded events as what arrives: more than one at a step is so many spikes at once.

    Args:
        x: [examples, steps·inputs], as tasks.data.events counts them.
        steps: over which they were counted.

    Returns:
        [steps, examples, inputs].
    """
    return tf.transpose(tf.reshape(x, [-1, steps, x.shape[1] // steps]), [1, 0, 2])


def latency(x: tf.Tensor, *, steps: int, constant: float, threshold: float) -> tf.Tensor:
    """When each pixel spikes, once: the brighter the sooner, as a leaky neuron with its brightness for a current does.

    At constant·ln(x/(x − threshold)), rounded down; darker ones never.

    Args:
        x: [examples, pixels], from 0 to 1.
        steps: those that there are.
        constant: in steps.
        threshold: of brightness, above 0.

    Returns:
        [steps, examples, pixels] of the dtype of x, 1 where a pixel spikes.
    """
    bright = tf.maximum(x, threshold + 1e-7)
    place = tf.cast(constant * tf.math.log(bright / (bright - threshold)), tf.int32)
    place = tf.where(x < threshold, -1, place)  # one_hot has nothing for what lies outside
    return tf.one_hot(place, steps, axis=0, dtype=x.dtype)
