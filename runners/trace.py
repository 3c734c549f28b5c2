"""python -m runners.trace: how gradients flow back through a chain of operations, or through one step of a task."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from runners import command
from runners.configuration import estimator_files, keys, resolution, schema, task_files
from runners.configuration.run import Run
from runners.tracing.chain import HARD, PLAIN, chain, check_inputs, check_operations, operations
from runners.tracing.first_step import first_step
from runners.tracing.show import demonstrations, make_console, print_chain, print_sites
from steeplechase.errors import UserError, did_you_mean

KEYS = ("operations", "x", "target")
OF_CHAIN = ("estimator", "function", "normalize", "precision")  # the sweep's keys that say something of a chain, too
EXPLANATION = """\
without arguments   three demonstrations
operations=square,square,sign x=2 target=-1
                    a chain of your own: square, product (with x=2,3), sign, step, round and ternary; with target, a
                    loss ½(y − target)² at its end; the hard ones go through estimator=NAME estimator.PARAMETER=VALUE
                    normalize=, and have their own numbers, as function.at_zero=, or function=round function.bits=
task=binarized_mlp estimator=tanh_slope estimator.scale=2 'task.hidden=[64,64]' seed=1
                    the first step of a task, site by site: any keys of `python -m runners.sweep`, for one replica
"""


@command.one_sentence
def main(arguments: list[str] | None = None) -> int:
    """The command. Exit codes: 0 shown, 2 a mistake in the command."""
    formatter = argparse.RawDescriptionHelpFormatter
    parser = command.Parser(
        prog="python -m runners.trace", description=__doc__, epilog=EXPLANATION, formatter_class=formatter
    )
    parser.add_argument("settings", nargs="*", metavar="KEY=VALUE", help="what is traced, see below")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--compiled", action="store_true", help="as one XLA program")
    how.add_argument("--eager", action="store_false", dest="compiled", help="operation by operation (the default)")
    options = parser.parse_intermixed_args(arguments)
    own, overrides = _sorted_out(options.settings)
    if "operations" in own:
        show = _chain_of(own, overrides)
    elif overrides:
        show = _task_of(overrides)
    else:
        show = demonstrations
    from runners.training import setup

    setup.start_tensorflow("cpu")
    import tensorflow as tf

    with tf.device("/cpu:0"):
        show(make_console(), options.compiled)
    return 0


def _sorted_out(settings: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """This command's own keys, and what is left for the configuration."""
    own, overrides = {}, []
    known = [*(field.name for field in fields(schema.Sweep)), *schema.GROUPS, *KEYS]
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise UserError(f"'{setting}' is no setting; settings are written as key=value.")
        if name in KEYS:
            own[name] = value
        elif name.isidentifier() and name not in (*known, *keys.OLD_KEYS, "hydra"):
            raise UserError(f"there is no key '{name}'{did_you_mean(name, known)}")
        else:
            overrides.append(setting)
    if own and "operations" not in own:
        raise UserError(f"{next(iter(own))} belongs to a chain, but none is given: add, for example, operations=sign.")
    return own, overrides


def _composed(overrides: list[str]) -> Run:
    """The run of one replica that these overrides of the sweep's configuration describe. Raises UserError."""
    from hydra import compose, initialize_config_dir
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    from runners.configuration.overrides import check_overrides, join, parse  # it registers the schema

    overrides = [override for override in join(overrides) if override != "experiment=null"]
    for group, named in (("estimator", estimator_files.files()), ("task", task_files.files())):
        if named and not any(override.startswith(f"{group}=") for override in overrides):
            overrides.append(f"{group}={next(iter(named))}")
    check_overrides(overrides)
    for override in map(parse, overrides):
        if override.is_sweep_override():
            raise UserError(f"'{override.input_line}' has several values, but one replica is traced: give one.")
    chosen = [override.split("=")[0] for override in overrides]
    for part, group in schema.AT_WEIGHTS.items():
        own = [key for key in chosen if key.startswith(f"{part}.")]
        if own and keys.choice_key(part) not in chosen:
            raise UserError(f"{own[0]} belongs to no {group}: add {keys.choice_key(part)}=NAME.")
    if "experiment" not in chosen:
        overrides = [*overrides, "~experiment"]  # Hydra's own way to choose none
    try:
        with initialize_config_dir(str(schema.CONF), version_base="1.3"):
            of_pages = {line: keys.qualified(line.split("=")[0]) for line in overrides}
            overrides = [line for line, of_page in of_pages.items() if not of_page]
            cfg: Any = OmegaConf.to_container(compose("config", overrides), resolve=True)
            for line, of_page in of_pages.items():
                if of_page:
                    key, _, value = line.partition("=")
                    keys.refuse_not_chosen(key, [(cfg[key.split(".")[0]] or {}).get("name")])
                    overrides.append(f"{of_page[1]}={value}")
            if any(of_pages.values()):
                cfg = OmegaConf.to_container(compose("config", overrides), resolve=True)
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(keys.translate_error(error)) from None
    if cfg["device"] not in ("auto", "cpu"):
        raise UserError(f"device is {cfg['device']!r}, but the trace runs on the CPU: leave it out.")
    run = resolution.resolve(cfg, "cpu")
    if len(run.replicas) != 1:
        first, *others = (replica.columns() for replica in run.replicas)
        several = [name for name in first if any(other[name] != first[name] for other in others)]
        raise UserError(
            f"{len(run.replicas)} replicas are asked for by {', '.join(several)}, but one is traced: give one."
        )
    return run


def _chain_of(settings: Mapping[str, str], overrides: list[str]) -> Callable:
    names = settings["operations"].strip("[]").split(",")
    check_operations(names)
    if "x" not in settings:
        raise UserError("x is missing: where shall the chain start?")
    x = tuple(_number("x", text) for text in settings["x"].strip("[]").split(","))
    target = _number("target", settings["target"]) if "target" in settings else None
    check_inputs([(name, PLAIN[name].inputs if name in PLAIN else 1) for name in names], len(x))
    for override in overrides:
        group = override.split("=")[0].split(".")[0]
        if group not in OF_CHAIN:
            raise UserError(f"'{override}' says nothing of a chain; with operations there are: {', '.join(OF_CHAIN)}.")
    run = _composed(overrides)
    numbers: dict[str, Any] = dict(run.replicas[0].estimator)
    for name, value in numbers.items():
        if isinstance(value, Mapping):
            raise UserError(f"estimator.{name} is a schedule, but a chain has no training: give a number.")

    def show(console, compiled):
        program = run.program
        from runners.execution import loading

        loading.register(program["estimator"]["name"])
        function = dict(program["function"])  # of another hard function in the chain its sign of zero counts as well
        choice = {"at_zero": function.pop("at_zero", None), "normalize": program["normalize"], "function": function}
        chosen = operations(names, target, program["estimator"]["name"], **choice, **numbers)
        start = tuple(np.asarray(value, program["precision"]) for value in x)
        at = ", ".join(f"{value:g}" for value in x)
        title = f"{' → '.join(operation.name for operation in chosen)} at x = {at}"
        if set(names) & set(HARD):
            title += f", through {program['estimator']['name']}"
            title += "".join(f", {name} = {value:g}" for name, value in numbers.items())
        if target is not None:
            title += f", target {target:g}"
        print_chain(console, chain(chosen, start, compiled=compiled), title, compiled)

    return show


def _task_of(overrides: list[str]) -> Callable:
    run = _composed(overrides)

    def show(console, compiled):
        from runners.execution import block, loading
        from runners.training.programs import build

        for group in ("estimator", "estimator_weights"):
            if run.program[group]:
                loading.register(run.program[group]["name"])
        loading.register_task(run.program["task"]["name"])
        task, program = build(json.dumps(dict(run.program), sort_keys=True), len(run.replicas))
        activations, weights = program.hard.activations, program.hard.weights
        block.check_parameters(run, program)
        replica = block.replica_of(run.replicas[0], run, program)
        numbers: dict[str, Any] = {"activations": replica.activations, "weights": replica.weights}
        scaled: dict[str, Any] = {"normalize": replica.normalize, "stretch": replica.stretch}
        table = first_step(
            task, program.hard, seed=replica.seed, draw=replica.draw, **numbers, **scaled, compiled=compiled
        )
        through = activations.label
        if weights is not activations:
            through += f" (weights: {weights.label if weights else 'none'})"
        title = f"{task.label} through {through}, seed {replica.seed}: the first step"
        print_sites(console, table, title, compiled)

    return show


def _number(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UserError(f"{name} is '{text}', but must be a finite number.")
    return value


if __name__ == "__main__":
    command.run(main)
