"""python -m runners.trace: how gradients flow back through a chain of operations, or through one step of a task."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from runners import config, schedule
from runners.config import Mistake, nearest

if TYPE_CHECKING:
    from runners.gradient import Hard
    from tasks.base import Task

FLOW = ("upstream", "slope", "downstream")
STATISTICS = {
    "norm": np.linalg.norm,
    "q05": lambda values: np.quantile(values, 0.05),
    "median": np.median,
    "q95": lambda values: np.quantile(values, 0.95),
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
        import tensorflow as tf

        @tf.custom_gradient
        def operation(*inputs):
            def backward(upstream):
                return [upstream * slope for slope in self.slopes(*inputs)]

            return self.forward(*inputs), backward

        return operation(*inputs)

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

    Raises estimators.base.EstimatorError for a name, a parameter or a normalisation that cannot be.
    """
    from estimators import book
    from estimators.base import value

    page = book[estimator]
    page.check(**parameters)
    return Operation(
        forward,
        lambda x: value(x, forward=forward, at_zero=at_zero),
        lambda x: page.slope(x, forward=forward, normalize=normalize, **parameters),
    )


class Recorder:
    """Follows operations under a tape, and has the tape tell what came back to each of them.

    Nothing is kept but tensors of the program that is being run or traced, and `flows` hands them out as its values:
    so the same code records eagerly, in tf.function and under XLA.
    """

    def __init__(self, tape):
        self._tape = tape
        self._seen: list[tuple] = []

    def inlet(self, x):
        """x, apart from all else that x is used for: what comes back here came through this operation alone."""
        import tensorflow as tf

        x = tf.identity(x)
        self._tape.watch(x)
        return x

    def note(self, name: str, inputs: tuple, output, slopes: tuple) -> None:
        """An operation from its inlets to its output. slopes: one for each input, or () where none stands there."""
        self._seen.append((name, inputs, output, slopes))

    def flows(self, result) -> list[dict[str, dict[str, Any]]]:
        """{name: {inputs, output, upstream, slopes, downstreams}} for each operation, last first.

        The gradients are those of `result`; None where it does not depend on the operation.
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


def chain(operations: Sequence[Operation], x: Any, *, compiled: bool = False) -> pd.DataFrame:
    """What flows through operations of which each takes the one before's output; a row an operation, last first.

    x: a number or an array (integers count as float32); a tuple of them where the first operation takes several inputs.
    Returns the columns operation, input, output, upstream, slope, downstream. A cell is a number, an array where x is
    one, and a tuple of those (but for output and upstream) where an operation has several inputs. The last upstream
    is 1. compiled: as one XLA program. Raises Mistake for a number of inputs that does not fit.
    """
    import tensorflow as tf

    inputs = x if isinstance(x, tuple) else (x,)
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
        for flows in _run(run, compiled, *map(_floating, inputs))
        for name, flow in flows.items()
    ]
    return pd.DataFrame(rows, columns=["operation", "input", "output", *FLOW])


def gradients(function: Callable, *inputs: Any, compiled: bool = False) -> pd.DataFrame:
    """The gradients of a function's output, and of each of its inputs, by each of its inputs.

    function: an Operation, or any function of tensors. Returns the columns of, value, `by a`, `by b` …, one for each
    input. A gradient is None where there is no connection: that is not a gradient of zero.
    """
    import tensorflow as tf

    names = [chr(ord("a") + i) for i in range(len(inputs))]

    def run(*inputs):
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(inputs)
            values = (function(*inputs), *inputs)
        return [(value, tape.gradient(value, list(inputs))) for value in values]

    found = _run(run, compiled, *map(_floating, inputs))
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
    compiled: bool = False,
) -> pd.DataFrame:
    """What flows through the hard sites of a task in a replica's first step; a row a site, last first.

    The parameters are at their start and the batch is the first one, as the trainer draws both from `seed`.
    activations, weights: the parameters of the two surrogates, numbers or schedules (of which the first value counts);
    weights None: those of the activations. compiled: as one XLA program.

    Returns the columns site and elements; `upstream_norm`, `_q05`, `_median`, `_q95` (2-norm and quantiles over
    the elements of dL/dy, y being the hard output), the same of `slope` and of `downstream`; and saturation, the share
    of slopes that are exactly zero. Missing where no slope stands, as at Bop's hard weights; and where the loss does
    not depend on a site.
    """
    import tensorflow as tf

    from runners.chance import Chance, key

    def first(values):
        coded = {name: schedule.encode(name, value) for name, value in (values or {}).items()}
        return {name: schedule.value(tf.constant(own, tf.float64), 0) for name, own in coded.items()}

    numbers = {"activations": first(activations), "weights": first(activations if weights is None else weights)}

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
        with tf.GradientTape() as tape:
            recorder = Recorder(tape)

            def followed(x, *, at):
                x, slopes = recorder.inlet(x), []
                operation = hard.operation(numbers, lambda site, x, slope: slopes.append(slope))
                y = operation(x, at=at)
                recorder.note(at, (x,), y, tuple(slopes))
                return y

            loss, _ = task.loss(parameters, batch, followed, Chance(chance.at(0).key).of("loss"))
        return recorder.flows(loss)

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
    """Refuses a chain that does not fit together. operations: name and number of inputs of each. Raises Mistake."""
    for name, inputs in operations:
        if inputs != given:
            takes = "1 input" if inputs == 1 else f"{inputs} inputs"
            raise Mistake(f"{name} takes {takes}, but would be given {given} here.")
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


def _floating(x):
    import tensorflow as tf

    x = tf.convert_to_tensor(x)
    return x if x.dtype.is_floating else tf.cast(x, tf.float32)


def _single(values):
    return values[0] if len(values) == 1 else values


def _statistic(function, values):
    return math.nan if values is None else float(function(np.ravel(values).astype(np.float64)))


# The command

KEYS = ("operations", "x", "target")
OF_CHAIN = ("estimator", "at_zero", "normalize", "precision")  # the sweep's keys that say something of a chain, too
EXPLANATION = """\
without arguments   three demonstrations
operations=square,square,sign x=2 target=-1
                    a chain of your own: square, product (with x=2,3), sign and step; with target, a loss ½(y − target)²
                    at its end; sign and step go through estimator=NAME estimator.PARAMETER=VALUE at_zero= normalize=
task=binarized_mlp estimator=tanh_slope estimator.scale=2 'task.hidden=[64,64]' seed=1
                    the first step of a task, site by site: any keys of `python -m runners.sweep`, for one replica
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        raise Mistake(f"{message}; `python -m runners.trace --help` shows what there is.")


def main(arguments: list[str] | None = None) -> int:
    """The command. Exit codes: 0 shown, 2 a mistake in the command."""
    formatter = argparse.RawDescriptionHelpFormatter
    parser = _Parser(prog="python -m runners.trace", description=__doc__, epilog=EXPLANATION, formatter_class=formatter)
    parser.add_argument("settings", nargs="*", metavar="KEY=VALUE", help="what is traced, see below")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--compiled", action="store_true", help="as one XLA program")
    how.add_argument("--eager", action="store_false", dest="compiled", help="operation by operation (the default)")
    try:
        options = parser.parse_intermixed_args(arguments)
        own, overrides = _sorted_out(options.settings)
        if "operations" in own:
            show = _own_chain(own, overrides)
        elif overrides:
            show = _own_task(overrides)
        else:
            show = _demonstrations
        from runners import quiet

        quiet.start_tensorflow("cpu")
        import tensorflow as tf

        from estimators.base import EstimatorError

        try:
            with tf.device("/cpu:0"):
                show(_console(), options.compiled)
        except EstimatorError as error:
            raise Mistake(str(error)) from None
    except Mistake as mistake:
        print(f"steeplechase: {mistake}", file=sys.stderr)
        return 2
    return 0


def _sorted_out(settings: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """This command's own keys, and what is left for the configuration."""
    own, overrides = {}, []
    known = [*(field.name for field in fields(config.Sweep)), *config.GROUPS, *KEYS]
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise Mistake(f"'{setting}' is no setting; settings are written as key=value.")
        if name in KEYS:
            own[name] = value
        elif name.isidentifier() and name not in (*known, "hydra"):
            raise Mistake(f"there is no key '{name}'{nearest(name, known)}")
        else:
            overrides.append(setting)
    if own and "operations" not in own:
        raise Mistake(f"{next(iter(own))} belongs to a chain, but none is given: add, for example, operations=sign.")
    return own, overrides


def _composed(overrides: list[str]) -> config.Run:
    """The run of one replica that these overrides of the sweep's configuration describe. Raises Mistake."""
    from hydra import compose, initialize_config_dir
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    from runners import sweep  # it registers the schema

    overrides = [override for override in overrides if override != "experiment=null"]
    sweep.check_overrides(overrides)
    for override in OverridesParser.create().parse_overrides(overrides):
        if override.is_sweep_override():
            raise Mistake(f"'{override.input_line}' has several values, but one replica is traced: give one.")
    chosen = [override.split("=")[0] for override in overrides]
    own = [key for key in chosen if key.startswith("estimator_weights.")]
    if own and "estimator@estimator_weights" not in chosen:
        raise Mistake(f"{own[0]} belongs to no estimator: add estimator@estimator_weights=NAME.")
    if "experiment" not in chosen:
        overrides = [*overrides, "~experiment"]  # Hydra's own way to choose none
    try:
        with initialize_config_dir(str(config.CONF), version_base="1.3"):
            cfg = OmegaConf.to_container(compose("config", overrides), resolve=True)
    except (HydraException, OmegaConfBaseException) as error:
        cause = error.__cause__ if isinstance(error.__cause__, OmegaConfBaseException) else error
        key, sentence = getattr(cause, "full_key", None), " ".join(str(cause).split("\n")[0].split())
        raise Mistake(f"{key}: {sentence}." if key else sentence) from None
    if cfg["device"] not in ("auto", "cpu"):
        raise Mistake(f"device is {cfg['device']!r}, but the trace runs on the CPU: leave it out.")
    run = config.resolve(cfg, "cpu")
    if len(run.replicas) != 1:
        first = run.replicas[0]
        several = [name for name in first if any(replica[name] != first[name] for replica in run.replicas)]
        raise Mistake(
            f"{len(run.replicas)} replicas are asked for by {', '.join(several)}, but one is traced: give one."
        )
    return run


def _part(run: config.Run, group: str) -> dict[str, Any]:
    """The parameters of a surrogate of the only replica."""
    values = run.replicas[0]
    return {k.removeprefix(f"{group}."): v for k, v in values.items() if k.startswith(f"{group}.")}


def _own_chain(own: Mapping[str, str], overrides: list[str]) -> Callable:
    names = own["operations"].strip("[]").split(",")
    known = (*PLAIN, *HARD)
    for name in names:
        if name not in known:
            raise Mistake(f"there is no operation '{name}'{nearest(name, known)} Known are: {', '.join(known)}.")
    if "x" not in own:
        raise Mistake("x is missing: where shall the chain start?")
    x = tuple(_number("x", text) for text in own["x"].strip("[]").split(","))
    target = _number("target", own["target"]) if "target" in own else None
    check_inputs([(name, PLAIN[name].inputs if name in PLAIN else 1) for name in names], len(x))
    for override in overrides:
        group = override.split("=")[0].split(".")[0]
        if group not in OF_CHAIN:
            raise Mistake(f"'{override}' says nothing of a chain; with operations there are: {', '.join(OF_CHAIN)}.")
    run = _composed(overrides)
    numbers = _part(run, "estimator")
    for name, value in numbers.items():
        if isinstance(value, Mapping):
            raise Mistake(f"estimator.{name} is a schedule, but a chain has no training: give a number.")

    def show(console, compiled):
        program = run.program
        choice = {name: program[name] for name in ("at_zero", "normalize")}
        operations = [
            PLAIN[name] if name in PLAIN else hard(program["estimator"]["name"], forward=name, **choice, **numbers)
            for name in names
        ]
        operations += [] if target is None else [l2_loss(target)]
        start = tuple(np.asarray(value, program["precision"]) for value in x)
        at = ", ".join(f"{value:g}" for value in x)
        title = f"{' → '.join(operation.name for operation in operations)} at x = {at}"
        if set(names) & set(HARD):
            title += f", through {program['estimator']['name']}"
            title += "".join(f", {name} = {value:g}" for name, value in numbers.items())
        if target is not None:
            title += f", target {target:g}"
        _print(console, chain(operations, start, compiled=compiled), title, compiled)

    return show


def _own_task(overrides: list[str]) -> Callable:
    run = _composed(overrides)

    def show(console, compiled):
        from runners.run import _build

        task, program = _build(json.dumps(dict(run.program), sort_keys=True))
        pages = {"activations": program.hard.activations, "weights": program.hard.weights}
        numbers = {"activations": _part(run, "estimator")}
        own = _part(run, "estimator_weights") if run.program["estimator_weights"] else numbers["activations"]
        numbers["weights"] = own if pages["weights"] else {}
        for place, values in numbers.items():
            for end in ("from", "to") if pages[place] else ():
                pages[place].check(**{k: v[end] if isinstance(v, Mapping) else v for k, v in values.items()})
        seed = run.replicas[0]["seed"]
        table = layers(task, program.hard, seed=seed, **numbers, compiled=compiled)
        through = pages["activations"].label
        if pages["weights"] is not pages["activations"]:
            through += f" (weights: {pages['weights'].label if pages['weights'] else 'none'})"
        title = f"{task.label} through {through}, seed {seed}: the first step"
        _print_layers(console, table, title, compiled)

    return show


def _demonstrations(console, compiled):
    _print(
        console,
        chain([square] * 3, 2.0, compiled=compiled),
        "square three times, at x = 2",
        compiled,
        "Each operation hands down upstream × slope; from the last to the first the slopes multiply to 8·2⁷ = 1024.",
    )
    _print(
        console,
        gradients(product, 2.0, 3.0, compiled=compiled),
        "product of a = 2 and b = 3",
        compiled,
        "The gradient by one factor is the other; a and b are not connected, so between them is none: that is not 0.",
    )
    _print(
        console,
        chain([hard(), l2_loss(-1.0)], 3.0, compiled=compiled),
        "sign at x = 3, target −1, through sigmoid_derivative",
        compiled,
        "The true slope of sign is 0 here; the surrogate's slope is not, and lets the gradient of the loss pass.",
    )


def _number(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise Mistake(f"{name} is '{text}', but must be a finite number.")
    return value


def _console():
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 120, highlight=False)


def _rich(console, title: str, compiled: bool, words: Sequence[str], numbers: Sequence[str]):
    from rich.box import SIMPLE
    from rich.markup import escape
    from rich.table import Table

    how = "compiled" if compiled else "eager"
    console.print(escape(f"{title} ({how})"), style="bold", soft_wrap=True)
    table = Table(box=SIMPLE)
    for name in words:
        table.add_column(name, overflow="fold")
    for name in numbers:
        table.add_column(name, justify="right", overflow="fold")
    return table


def _print(console, frame: pd.DataFrame, title: str, compiled: bool, line: str = "") -> None:
    name, *numbers = frame.columns
    table = _rich(console, title, compiled, [name], numbers)
    for row in frame.itertuples(index=False):
        table.add_row(row[0], *(_written(cell) for cell in row[1:]))
    console.print(table)
    if line:
        console.print(f"{line}\n")


def _print_layers(console, frame: pd.DataFrame, title: str, compiled: bool) -> None:
    table = _rich(console, title, compiled, ["site", "gradient"], ["elements", *STATISTICS, "exactly zero"])
    for row in frame.to_dict("records"):
        for name in FLOW:
            site, elements = (row["site"], str(row["elements"])) if name == FLOW[0] else ("", "")
            share = f"{row['saturation']:.1%}" if name == "slope" and not math.isnan(row["saturation"]) else ""
            cells = [row[f"{name}_{statistic}"] for statistic in STATISTICS]
            shown = ["–" if math.isnan(cell) else f"{cell:.4g}" for cell in cells]
            table.add_row(site, name, elements, *shown, share, end_section=name == FLOW[-1])
    console.print(table)
    console.print("upstream is dL/dy at the hard output y; downstream = upstream × slope is what is handed on.")


def _written(cell) -> str:
    if cell is None:
        return "none"
    if isinstance(cell, tuple):
        return ", ".join(map(_written, cell))
    return f"{cell:.9g}" if np.ndim(cell) == 0 else str(cell)


if __name__ == "__main__":
    sys.exit(main())
