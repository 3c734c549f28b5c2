"""One weight between two levels: how long it is above, and how often it switches, is known for every slope."""

import tensorflow as tf

from tasks import arguments
from tasks.base import Measure, Task


def oscillation(
    *,
    target: float = 0.3,
    start: float = 0.5,
    spread: float = 0.01,
    dampening: float = 0.0,
    dtype: str = "float32",
) -> Task:
    """Minimise ½·(hard(x) − target)² over one x, for a target between the levels 0 and 1: there is no rest for it.

    The gradient is 1 − target above the jump and −target below it, so x comes back to the jump for ever (Nagel et al.
    2022, arXiv:2203.11086). Under gradient descent with a slope that is m₋ just below the jump and m₊ just above it,
    x is above for target·m₋/(target·m₋ + (1 − target)·m₊) of the time: for `target` of it, exactly, by every slope that
    is even, whatever the rate, and also with momentum. Without momentum and with a constant slope it switches
    2·min(target, 1 − target) times per update.

    `dampening`·(hard(x) − x)², in which the level is a constant, pulls x away from the jump of `round`. Then it is
    above for (target − dampening)/(1 − 2·dampening) of the time, and from dampening = min(target, 1 − target) on it
    comes to rest, at the nearest level.

    With `function=round` the jump between 0 and 1 is at ½, where x starts by default; with `step` it is at 0. A rate of
    more than the distance between two jumps leaves these two levels. Learning rates had best not decay
    (`decay=constant`): a row is a mean over all updates since the row before it.

    Args:
        target: above 0 and below 1.
        start: where x starts.
        spread: times N(0, 1) is added to it, with the replica's own chance; at least 0.
        dampening: at least 0.
        dtype: of x: `float32` or `float64`.

    Returns:
        The task. It reports `switches`, per update; `above` is the mean level, which is the share of time above.

    Raises:
        UserError: for arguments that make no task.
    """
    arguments.oscillation(target=target, start=start, spread=spread, dampening=dampening)

    def begin(chance, problem):
        return {"x": tf.cast(start + spread * chance.normal([1]), dtype)}

    def loss(parameters, batch, hard, chance, problem):
        level = hard(parameters["x"], at="x/weights")
        found = tf.reduce_sum(tf.square(level - target)) / 2
        if dampening:
            found += dampening * tf.reduce_sum(tf.square(tf.stop_gradient(level) - parameters["x"]))
        return found, {}

    def judge(parameters, hard, problem):
        return {"x": parameters["x"][0]}

    def each_update(before, after, hard, problem):
        old, new = (hard(parameters["x"], at="x/weights")[0] for parameters in (before, after))
        return {"above": new, "switches": tf.cast(old != new, dtype)}

    return Task(
        name="oscillation",
        label=f"Oscillation (target {target:g})",
        start=begin,
        loss=loss,
        judge=judge,
        each_update=each_update,
        measures={
            "above": Measure("Mean level", "1", ""),
            "switches": Measure("Switches", "per update", "lower", (0.0, 1.0)),
            "x": Measure("x", "1", ""),
        },
        selects="train_loss",
        reports="switches",
        target=("train_loss", 0.0),
        sizes={"x": (1,)},
        flops=8.0,
        weights=("x",),
        optimum=min(target, 1 - target) ** 2 / 2,  # no dampening is felt at a level
        forwards=("round", "ternary", "step"),
    )
