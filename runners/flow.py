"""How gradients flow back through a chain of operations, or through the hard sites of one step of a task."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from runners.sites import FLOW, QUANTILES, Recorder, follow
from steeplechase import schedules
from steeplechase.errors import UserError

if TYPE_CHECKING:
    from runners.gradient import Hard
    from tasks.base import Task

STATISTICS = {
    "norm": np.linalg.norm,
    **{word: lambda values, share=share: np.quantile(values, share) for word, share in QUANTILES.items()},
}


@dataclass(frozen=True)
class Operation:
    """An elementwise function and what its backward pass multiplies the upstream gradient by.

    forward(*inputs) -> output; slope(*inputs) -> one slope, or one for each of several inputs. All have one shape.
    """

    name: str
    forward: Callable
    slope: Callable
    inputs: int = 1

    def __call__(self, *inputs):
        from estimators.base import replaced

        return replaced(self.forward, self.slopes)(*inputs)

    def slopes(self, *inputs) -> tuple:
        """One slope for each input."""
        slope = self.slope(*inputs)
        return slope if isinstance(slope, tuple) else (slope,)


square = Operation("square", lambda x: x * x, lambda x: 2 * x)
product = Operation("product", lambda a, b: a * b, lambda a, b: (b, a), inputs=2)
PLAIN = {operation.name: operation for operation in (square, product)}
HARD = ("sign", "step")


def l2_loss(target: float) -> Operation:
    """½(y − target)²."""
    return Operation("l2_loss", lambda y: (y - target) * (y - target) / 2, lambda y: y - target)


def hard(
    estimator: str = "sigmoid_derivative",
    *,
    forward: str = "sign",
    at_zero: int = 1,
    normalize: str = "none",
    **parameters: float,
) -> Operation:
    """The hard function `forward` (`sign` or `step`), through the slope of the surrogate of this name.

    Raises estimators.UserError for a name, a word or a number that cannot be, and Unsupported for a slope that
    cannot be normalised so.
    """
    from estimators import book
    from estimators.base import value
    from steeplechase.random import Chance, key

    page = book[estimator if isinstance(estimator, str) else repr(estimator)]
    page.check(**parameters)
    value(0.0, forward=forward, at_zero=at_zero)
    page.gain(normalize, forward=forward, **{**page.parameters, **parameters})
    chance = Chance(key(0)).of("slope") if page.random else None
    return Operation(
        forward,
        lambda x: value(x, forward=forward, at_zero=at_zero),
        lambda x: page.slope(x, forward=forward, normalize=normalize, chance=chance, **parameters),
    )


def chain(operations: Sequence[Operation], x: Any, *, compiled: bool = False) -> pd.DataFrame:
    """What flows through operations of which each takes the one before's output; a row an operation, last first.

    x: a number or an array (integers count as float32); a tuple of them where the first operation takes several inputs.
    Returns the columns operation, input, output, upstream, slope, downstream. A cell is a number, an array where x is
    one, and a tuple of those (but for output and upstream) where an operation has several inputs. The last upstream
    is 1. compiled: as one XLA program. Raises UserError for a number of inputs that does not fit, for inputs that hold
    no numbers, and for what is no Operation.
    """
    import tensorflow as tf

    from estimators.base import floating

    inputs = x if isinstance(x, tuple) else (x,)
    for operation in operations:
        if not isinstance(operation, Operation):
            raise UserError(
                f"a chain is made of operations, as flow.square or flow.hard(...) are, not of {operation!r}."
            )
    check_inputs([(operation.name, operation.inputs) for operation in operations], len(inputs))

    def run(*inputs):
        with tf.GradientTape() as tape:
            recorder = Recorder(tape)
            for operation in operations:
                inputs = tuple(recorder.inlet(x) for x in inputs)
                output = operation(*inputs)
                recorder.note(operation.name, inputs, output, operation.slopes(*inputs))
                inputs = (output,)
        return recorder.flows(inputs[0])

    rows = [
        {
            "operation": name,
            "input": _single(flow["inputs"]),
            "output": flow["output"],
            "upstream": flow["upstream"],
            "slope": _single(flow["slopes"]),
            "downstream": _single(flow["downstreams"]),
        }
        for flows in _run(run, compiled, *map(floating, inputs))
        for name, flow in flows.items()
    ]
    return pd.DataFrame(rows, columns=["operation", "input", "output", *FLOW])


def gradients(function: Callable, *inputs: Any, compiled: bool = False) -> pd.DataFrame:
    """The gradients of a function's output, and of each of its inputs, by each of its inputs.

    function: an Operation, or any function of tensors. Returns the columns of, value, `by a`, `by b` …, one for each
    input. A gradient is None where there is no connection: that is not a gradient of zero. Raises UserError for inputs
    that hold no numbers, and for what is no function.
    """
    import tensorflow as tf

    from estimators.base import floating

    if not callable(function):
        raise UserError(f"gradients are those of a function of tensors, not of {function!r}.")
    names = [chr(ord("a") + i) for i in range(len(inputs))]

    def run(*inputs):
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(inputs)
            values = (function(*inputs), *inputs)
        return [(value, tape.gradient(value, list(inputs))) for value in values]

    found = _run(run, compiled, *map(floating, inputs))
    rows = [
        {"of": name, "value": value, **{f"by {x}": gradient for x, gradient in zip(names, own, strict=True)}}
        for name, (value, own) in zip([getattr(function, "name", "output"), *names], found, strict=True)
    ]
    return pd.DataFrame(rows, dtype=object)


def layers(
    task: Task,
    hard: Hard,
    *,
    seed: int = 0,
    activations: Mapping[str, float | Mapping] | None = None,
    weights: Mapping[str, float | Mapping] | None = None,
    normalize: str = "none",
    compiled: bool = False,
) -> pd.DataFrame:
    """What flows through the hard sites of a task in a replica's first step; a row a site, last first.

    The parameters are at their start and the batch is the first one, as the trainer draws both from `seed`.
    activations, weights: the parameters of the two surrogates, numbers or schedules (of which the first value counts);
    weights None: those of the activations. normalize: as in Surrogate.gain. compiled: as one XLA program.

    Returns the columns site and elements; `upstream_norm`, `_q05`, `_median`, `_q95` (2-norm and quantiles over
    the elements of dL/dy, y being the hard output), the same of `slope` and of `downstream`; and saturation, the share
    of slopes that are exactly zero. Missing where no slope stands, as at Bop's hard weights; and where the loss does
    not depend on a site. Raises UserError and UserError for numbers and words that cannot be.
    """
    import tensorflow as tf

    from steeplechase.random import Chance, key

    def first(page, values):
        coded = {name: schedules.encode(name, value) for name, value in (values or {}).items()}
        found = {name: schedules.value(tf.constant(own, tf.float64), 0.0) for name, own in coded.items()}
        if page is not None:
            page.check(**found)
            page.gain(normalize, forward=hard.forward, **{**page.parameters, **found})
        return found

    numbers = {
        "activations": first(hard.activations, activations),
        "weights": first(hard.weights, activations if weights is None else weights),
    }

    def run(key, numbers, examples):
        chance, batch = Chance(key), ()
        parameters = task.start(chance.of("start"))
        if hard.weights is None:  # no latent weights: the hard ones start at the signs
            signs = {name: tf.where(parameters[name] >= 0, 1.0, -1.0) for name in task.weights}
            parameters |= {name: tf.cast(value, parameters[name].dtype) for name, value in signs.items()}
        dtype = next(iter(parameters.values())).dtype
        if examples:
            picked = chance.of("batches").at(0).permutation(len(task.examples[0]))[: task.batch]
            batch = [tf.gather(a, picked) for a in examples]
            batch = tuple(tf.cast(a, dtype) if a.dtype.is_floating else a for a in batch)
        drawn = Chance(chance.at(0).key).of("loss")
        return follow(task, hard, parameters, batch, {**numbers, "normalize": normalize}, drawn)

    examples = tuple(tf.constant(a) for a in task.examples)
    rows = []
    for flows in _run(run, compiled, tf.constant(key(seed)), numbers, examples):
        for site, flow in flows.items():
            slope = flow["slopes"][0] if flow["slopes"] else None
            row = {"site": site, "elements": np.size(flow["output"])}
            for name, values in zip(FLOW, (flow["upstream"], slope, flow["downstreams"][0]), strict=True):
                row |= {f"{name}_{k}": _statistic(function, values) for k, function in STATISTICS.items()}
            rows.append(row | {"saturation": _statistic(lambda values: np.mean(values == 0), slope)})
    columns = [f"{name}_{statistic}" for name in FLOW for statistic in STATISTICS]
    return pd.DataFrame(rows, columns=["site", "elements", *columns, "saturation"])


def check_inputs(operations: Sequence[tuple[str, int]], given: int) -> None:
    """Refuses a chain that does not fit together. operations: name and number of inputs of each. Raises UserError."""
    for name, inputs in operations:
        if inputs != given:
            takes = "1 input" if inputs == 1 else f"{inputs} inputs"
            raise UserError(f"{name} takes {takes}, but would be given {given} here.")
        given = 1


def _run(function, compiled, *arguments):
    """The function's tensors as numbers (where they have no shape) and arrays; None stays None."""
    import tensorflow as tf

    def plain(tensor):
        if tensor is None:
            return None
        array = tensor.numpy()
        return array if np.ndim(array) else float(array)

    call = tf.function(function, jit_compile=True, autograph=False) if compiled else function
    return tf.nest.map_structure(plain, call(*arguments))


def _single(values):
    return values[0] if len(values) == 1 else values


def _statistic(function, values):
    return math.nan if values is None else float(function(np.ravel(values).astype(np.float64)))
