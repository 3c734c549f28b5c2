"""How gradients flow back through a chain of operations, or through the hard sites of one step of a task."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from runners.configuration.estimator_files import exact_estimator, function_names, mixes
from runners.training.backward_signals import FLOW, Recorder
from steeplechase.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from estimators.function import HardFunction


@dataclass(frozen=True)
class Operation:
    """An elementwise function and what its backward pass multiplies the upstream gradient by.

    Attributes:
        name: how it is printed.
        forward: forward(*inputs) -> output. All have one shape.
        slope: slope(*inputs) -> one slope, or one for each of several inputs, of that shape.
        inputs: how many it takes.
        signed: signed(*inputs) -> a tuple of what the size of the upstream gradient is multiplied by, for each input,
            which is added (Surrogate.signed); None: nothing is.
    """

    name: str
    forward: Callable
    slope: Callable
    inputs: int = 1
    signed: Callable | None = None

    def __call__(self, *inputs):
        from estimators.surrogate import replaced

        return replaced(self.forward, self.slopes, self.signed)(*inputs)

    def slopes(self, *inputs) -> tuple:
        """One slope for each input."""
        slope = self.slope(*inputs)
        return slope if isinstance(slope, tuple) else (slope,)


square = Operation("square", lambda x: x * x, lambda x: 2 * x)
product = Operation("product", lambda a, b: a * b, lambda a, b: (b, a), inputs=2)
PLAIN = {operation.name: operation for operation in (square, product)}
HARD = tuple(name for name in function_names() if not (exact_estimator(name) or mixes(name)))


def l2_loss(target: float) -> Operation:
    """½(y − target)²."""
    return Operation("l2_loss", lambda y: (y - target) * (y - target) / 2, lambda y: y - target)


def hard(
    estimator: str = "sigmoid_derivative",
    *,
    forward: str | HardFunction | Mapping[str, Any] = "sign",
    at_zero: int | None = None,
    normalize: str = "none",
    **parameters: float,
) -> Operation:
    """The hard function `forward`, through the slope of the surrogate of this name.

    Args:
        estimator: the surrogate's name.
        forward: the hard function, its name, or a mapping of its name and parameters.
        at_zero: the sign that zero is given: 1, 0 or −1; None: the function's own.
        normalize: as in Surrogate.gain.
        **parameters: of the surrogate; those not given have its defaults.

    Returns:
        The operation. A slope that is random draws from one stream, the same in every call.

    Raises:
        UserError: for a name, a word or a number that cannot be.
        Unsupported: for a slope that cannot be normalised so.
    """
    from estimators import registry
    from estimators.function import as_hard_function
    from steeplechase.random import Chance, key

    page = registry[estimator if isinstance(estimator, str) else repr(estimator)]
    page.check(**parameters)
    function = as_hard_function(forward)
    function = function if at_zero is None else function.fixed(at_zero=at_zero)
    page.gain(normalize, forward=function, **{**page.parameters, **parameters})
    chance = Chance(key(0)).of("slope") if page.random else None
    given = {"forward": function, "normalize": normalize, "chance": chance, **parameters}
    signed = (lambda x: (page.signed_slope(x, **given),)) if page.signed else None
    return Operation(function.name, function.value, lambda x: page.slope(x, **given), signed=signed)


def operations(
    names: Sequence[str],
    target: float | None,
    estimator: str | None,
    function: Mapping[str, Any] | None = None,
    **choice: Any,
) -> list[Operation]:
    """The operations of these names.

    Args:
        names: of PLAIN and HARD.
        target: of a loss at the end; None: there is none.
        estimator: whose slope stands at hard functions; None: there are none.
        function: the `name` of a hard function, with what its parameters are fixed to; None: all have their defaults.
        **choice: as `hard` has it, without `forward`.

    Returns:
        One for each name, and the loss.

    Raises:
        UserError: for a hard function without an estimator; as `check_operations` and `hard`.
    """
    check_operations(names)
    found = []
    for name in names:
        if name in PLAIN:
            found.append(PLAIN[name])
        elif estimator is None:
            raise UserError(f"{name} is a hard function: say whose slope stands for its derivative, by estimator=NAME.")
        else:
            chosen = function if function and function["name"] == name else {"name": name}
            found.append(hard(estimator, forward=chosen, **choice))
    return found if target is None else [*found, l2_loss(target)]


def chain(operations: Sequence[Operation], x: Any, *, compiled: bool = False) -> pd.DataFrame:
    """What flows through operations of which each takes the one before's output; a row an operation, last first.

    Args:
        operations: in the order in which they are applied.
        x: a number or an array (integers count as float32); a tuple of them where the first operation takes several
            inputs.
        compiled: as one XLA program.

    Returns:
        The columns operation, input, output, upstream, slope, downstream. A cell is a number, an array where x is one,
        and a tuple of those (but for output and upstream) where an operation has several inputs. The last upstream is
        1.

    Raises:
        UserError: for a number of inputs that does not fit, for inputs that hold no numbers, and for what is no
            Operation.
    """
    import tensorflow as tf

    from estimators.function import floating

    inputs = x if isinstance(x, tuple) else (x,)
    for operation in operations:
        if not isinstance(operation, Operation):
            raise UserError(
                f"a chain is made of operations, as chain.square or chain.hard(...) are, not of {operation!r}."
            )
    check_inputs([(operation.name, operation.inputs) for operation in operations], len(inputs))

    def run(*inputs):
        with tf.GradientTape() as tape:
            recorder = Recorder(tape)
            for operation in operations:
                inputs = tuple(recorder.watch_input(x) for x in inputs)
                output = operation(*inputs)
                recorder.record(operation.name, inputs, output, operation.slopes(*inputs))
                inputs = (output,)
        return recorder.signals(inputs[0])

    rows = [
        {
            "operation": name,
            "input": _single(flow["inputs"]),
            "output": flow["output"],
            "upstream": flow["upstream"],
            "slope": _single(flow["slopes"]),
            "downstream": _single(flow["downstreams"]),
        }
        for flows in run_plainly(run, compiled, *map(floating, inputs))
        for name, flow in flows.items()
    ]
    return pd.DataFrame(rows, columns=["operation", "input", "output", *FLOW])


def gradients(function: Callable, *inputs: Any, compiled: bool = False) -> pd.DataFrame:
    """The gradients of a function's output, and of each of its inputs, by each of its inputs.

    Args:
        function: an Operation, or any function of tensors.
        *inputs: numbers or arrays, which it is given.
        compiled: as one XLA program.

    Returns:
        The columns of, value, `by a`, `by b` …, one for each input. A gradient is None where there is no connection:
        that is not a gradient of zero.

    Raises:
        UserError: for inputs that hold no numbers, and for what is no function.
    """
    import tensorflow as tf

    from estimators.function import floating

    if not callable(function):
        raise UserError(f"gradients are those of a function of tensors, not of {function!r}.")
    names = [chr(ord("a") + i) for i in range(len(inputs))]

    def run(*inputs):
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(inputs)
            values = (function(*inputs), *inputs)
        return [(value, tape.gradient(value, list(inputs))) for value in values]

    found = run_plainly(run, compiled, *map(floating, inputs))
    rows = [
        {"of": name, "value": value, **{f"by {x}": gradient for x, gradient in zip(names, own, strict=True)}}
        for name, (value, own) in zip([getattr(function, "name", "output"), *names], found, strict=True)
    ]
    return pd.DataFrame(rows, dtype=object)


def check_operations(names: Sequence[str]) -> None:
    """Refuses a name that no operation has.

    Args:
        names: of operations.

    Raises:
        UserError: with the nearest name.
    """
    known = (*PLAIN, *HARD)
    for name in names:
        if name not in known:
            raise UserError(f"there is no operation '{name}'{did_you_mean(name, known)} Known are: {', '.join(known)}.")


def check_inputs(operations: Sequence[tuple[str, int]], given: int) -> None:
    """Refuses a chain that does not fit together.

    Args:
        operations: name and number of inputs of each.
        given: how many inputs the first one gets.

    Raises:
        UserError: with the operation that takes another number.
    """
    for name, inputs in operations:
        if inputs != given:
            takes = "1 input" if inputs == 1 else f"{inputs} inputs"
            raise UserError(f"{name} takes {takes}, but would be given {given} here.")
        given = 1


def run_plainly(function, compiled, *arguments):
    """A function's tensors as numbers and arrays.

    Args:
        function: of tensors, which returns nested tensors.
        compiled: as one XLA program.
        *arguments: which it is given.

    Returns:
        The same nest: a float for a tensor without a shape, an array for any other; None stays None.
    """
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
