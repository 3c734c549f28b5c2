"""What flows back through the hard sites of a task: upstream, slope and downstream, and statistics of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import tensorflow as tf

    from runners.training.hard_sites import Hard
    from steeplechase.random import Chance
    from tasks.base import Task

FLOW = ("upstream", "slope", "downstream")
QUANTILES = {"q05": 0.05, "median": 0.5, "q95": 0.95}


class Recorder:
    """Follows operations under a tape, and has the tape tell what came back to each of them.

    Nothing is kept but tensors of the program that is being run or traced, and `signals` hands them out as its values:
    so the same code records eagerly, in tf.function and under XLA.
    """

    def __init__(self, tape):
        self._tape = tape
        self._seen: list[tuple] = []

    def watch_input(self, x):
        """An operation's input, apart from all else that it is used for.

        Args:
            x: a tensor.

        Returns:
            The same values. What comes back here came through this operation alone.
        """
        import tensorflow as tf

        x = tf.identity(x)
        self._tape.watch(x)
        return x

    def record(self, name: str, inputs: tuple, output, slopes: tuple) -> None:
        """An operation from its inputs to its output.

        Args:
            name: of the operation or the site.
            inputs: tensors of `watch_input`.
            output: what the operation made of them.
            slopes: one for each input, or () where none stands there.
        """
        self._seen.append((name, inputs, output, slopes))

    def signals(self, result) -> list[dict[str, dict[str, Any]]]:
        """What came back to each operation.

        Args:
            result: a scalar tensor, whose gradients they are.

        Returns:
            {name: {inputs, output, upstream, slopes, downstreams}} for each operation, last first. A gradient is None
            where `result` does not depend on the operation.
        """
        ends = [(output, inputs) for _, inputs, output, _ in self._seen]
        gradients = self._tape.gradient(result, ends)
        return [
            {
                name: {
                    "inputs": inputs,
                    "output": output,
                    "upstream": upstream,
                    "slopes": slopes,
                    "downstreams": downstreams,
                }
            }
            for (name, inputs, output, slopes), (upstream, downstreams) in zip(self._seen, gradients, strict=True)
        ][::-1]


def trace_sites(
    task: Task, hard: Hard, parameters: Mapping, batch: tuple, numbers: Mapping, stream: Chance, problem: Mapping
) -> list[dict]:
    """What flows back through each hard site of one replica's loss at one batch.

    Args:
        task: whose loss it is.
        hard: what stands at its sites.
        parameters: in the task's own shapes, by name.
        batch: a slice of each array in the task's examples.
        numbers: as Hard.operation has them, "normalize" included.
        stream: what the loss draws from.
        problem: the replica's own.

    Returns:
        `Recorder.signals`, an entry a site, last first.
    """
    import tensorflow as tf

    with tf.GradientTape() as tape:
        recorder = Recorder(tape)

        def followed(x, *, at, **step):
            x, slopes = recorder.watch_input(x), []
            y = hard.operation(numbers, stream, lambda site, x, slope: slopes.append(slope))(x, at=at, **step)
            recorder.record(at, (x,), y, tuple(slopes))
            return y

        loss, _ = task.loss(parameters, batch, followed, stream, problem)
    return recorder.signals(loss)


def site_statistics(signals: list[dict]) -> dict[str, tf.Tensor]:
    """Statistics of what flows back through each site.

    Args:
        signals: of `trace_sites`.

    Returns:
        {"site.STATISTIC.SITE": a number}: of upstream, slope and downstream the 2-norm and the quantiles over their
        elements, and `saturation`, the share of slopes that are exactly zero. Nothing of what is not there.
    """
    import tensorflow as tf

    found = {}
    for flow in signals:
        for site, own in flow.items():
            slope = own["slopes"][0] if own["slopes"] else None
            for name, values in zip(FLOW, (own["upstream"], slope, own["downstreams"][0]), strict=True):
                if values is not None:
                    values = tf.reshape(values, [-1])
                    found[f"site.{name}_norm.{site}"] = tf.norm(values)
                    ordered = tf.sort(values)
                    for word, share in QUANTILES.items():
                        found[f"site.{name}_{word}.{site}"] = _quantile(ordered, share)
            if slope is not None:
                found[f"site.saturation.{site}"] = tf.reduce_mean(tf.cast(slope == 0, slope.dtype))
    return found


def _quantile(ordered: tf.Tensor, share: float) -> tf.Tensor:
    """Of sorted numbers, linear between two of them, as NumPy has it."""
    position = share * (ordered.shape[0] - 1)
    below = int(position)
    above, part = min(below + 1, ordered.shape[0] - 1), position - below
    return ordered[below] * (1 - part) + ordered[above] * part
