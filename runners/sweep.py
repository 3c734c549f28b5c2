"""python -m runners.sweep: trains what is missing of a sweep, records it, and shows who won."""

from __future__ import annotations

import contextlib
import math
import os
import re
import sys
from types import TracebackType

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, Override, RangeSweep
from hydra.errors import HydraException
from hydra.utils import get_original_cwd
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from runners import allowed, command, config, pages
from steeplechase.errors import UserError

# With one of these Hydra answers by itself, or the caller has chosen the mode.
_OWN = {"-m", "--multirun", "-r", "--run", "-c", "--cfg", "-i", "--info", "-h", "--help", "--hydra-help", "--version"}
_OWN |= {"-sc", "--shell-completion", "--experimental-rerun"}

_PAGES = ("task", "estimator", "estimator_weights", "optimizer")  # whose keys depend on the page that is chosen

ConfigStore.instance().store(name="schema", node=config.Sweep, provider="steeplechase")
allowed.guard()


@hydra.main(version_base="1.3", config_path=str(config.CONF), config_name="config")
def main(cfg: DictConfig):
    """One job: one run. Returns its runners.run.Outcome, in which any error is told."""
    from runners import device, worker
    from runners.progress import Bar

    content = {k: v for k, v in OmegaConf.to_container(cfg, resolve=True).items() if k != "hydra"}
    with contextlib.chdir(get_original_cwd()):  # hydra.job.chdir moves no store and no data
        run = config.resolve(content, device.find(cfg.device))
        with Bar(run.words, run.progress) as bar:
            return worker.train(run, bar)


def join(arguments: list[str]) -> list[str]:
    """Makes the estimators from elsewhere that a command names a choice like the others; returns its other arguments.

    Raises UserError.
    """
    rest = pages.name_files(arguments)
    for page in pages.mentioned(rest):
        ConfigStore.instance().store(group="estimator", name=page.name, node=page.defaults, provider="steeplechase")
    return rest


def check_flags(arguments: list[str]) -> list[str]:
    """Refuses flags that Hydra's parser would answer with its usage, and the one that runs a pickle; returns the
    arguments with the flags at their end, where that parser reads them all. Raises UserError.
    """
    parser = get_args_parser()

    def error(message):
        raise UserError(f"{message}; `python -m runners.sweep --hydra-help` shows what there is.")

    parser.error = error
    given = parser.parse_intermixed_args(arguments)
    if given.experimental_rerun is not None:
        raise UserError("--experimental-rerun is refused: it reads a pickle, and a pickle can run anything.")
    flags, words = [], [*given.overrides]
    for argument in arguments:
        if words and argument == words[0]:
            words.pop(0)
        else:
            flags.append(argument)
    return [*given.overrides, *flags]


def check_overrides(arguments: list[str]) -> None:
    """Refuses what Hydra would report in words that mislead, or not at all. Raises UserError."""
    overrides, choices, keys = [], {}, []
    for before, argument in zip(["", *arguments], arguments, strict=False):
        if argument.startswith("~") or ("=" in argument and not argument.startswith("-")):
            overrides.append(argument)
        elif not argument.startswith("-") and not before.startswith("-"):
            key, equals, value = before.partition("=")
            hint = f"; where it belongs to the word before it, quote the two twice: \"{key}='{value} {argument}'\""
            hint = hint if equals else ""
            raise UserError(f"'{argument}' is not of the form key=value{hint}.")
    for override in map(_parsed, overrides):
        key = override.get_key_element().lstrip("+~")
        if key.split(".")[0] in ("hydra", "hydra/launcher") or key.startswith("hydra/"):
            continue
        if override.is_add() or override.is_force_add():
            raise UserError(f"'{override.input_line}' would add a key, and nothing reads keys that are not there.")
        if override.is_delete() and key != "experiment":
            raise UserError(f"'{override.input_line}' would delete a key that is needed.")
        if override.is_sweep_override():
            values = [] if isinstance(override.value(), Glob) else listed(override)
        else:
            values = [override.get_value_element_as_str()]
        config.check_key(key, values)
        keys.append(key)
        if len(values) == 1:
            choices[key] = values[0]
    # Where a page is chosen here, its keys are known here; the others are checked run by run.
    config.check_page_keys(choices, [key for key in keys if key.split(".")[0] in choices])


def _parsed(line: str) -> Override:
    """An override as Hydra's grammar has it. Raises UserError."""
    parser, (key, _, value) = OverridesParser.create(), line.partition("=")
    try:
        return parser.parse_override(line)
    except HydraException as error:
        quoted, reason = f"{key}='{value}'", str(error).splitlines()[0]
        try:
            parser.parse_override(quoted)
        except HydraException:
            quoted = ""
        plain = quoted and not set("'([{") & set(value)
        hint = f'; where it means these very letters, quote it twice: "{quoted}"' if plain else ""
        raise UserError(f"'{line}' cannot be read: {reason}{hint}.") from None


def listed(override: Override) -> list[str]:
    """The values that an override lists, as text. Raises UserError for none, for too many, and for other sweeps."""
    if not override.is_discrete_sweep():
        raise UserError(f"'{override.input_line}': only listed values and ranges can be swept.")
    swept = override.value()
    if isinstance(swept, RangeSweep):
        ends = [float(end) for end in (swept.start, swept.stop, swept.step)]
        if not all(map(math.isfinite, ends)) or not ends[2]:
            raise UserError(f"'{override.input_line}' has no end: a range needs finite ends, and a step but 0.")
        config.few(f"'{override.input_line}' lists", max(0, math.ceil((ends[1] - ends[0]) / ends[2])), "values")
    values = list(override.sweep_string_iterator())
    if not values:
        raise UserError(f"'{override.input_line}' lists no values: there is nothing to train.")
    return values


def defer(argument: str) -> str:
    """A number of a page as a sweep over the one value: Hydra then leaves it to the runs.

    It would otherwise look for `estimator.alpha` in the default estimator, whatever estimators are swept.
    """
    key, equals, value = argument.partition("=")
    if key.split(".")[0] not in _PAGES or "." not in key or not equals:
        return argument
    override = OverridesParser.create().parse_override(argument)
    plain = override.is_sweep_override() or override.value() is None  # Hydra cannot choose null
    return argument if plain else f"{key}=choice({value})"


def undefer(argument: str) -> str:
    """The argument as it was typed."""
    typed = re.fullmatch(r"([\w.]+)=choice\((.*)\)", argument)
    return f"{typed[1]}={typed[2]}" if typed and defer(f"{typed[1]}={typed[2]}") == argument else argument


def cli() -> None:
    """The command. Exit codes: 0 all recorded, 1 a run failed, 2 a mistake in the command, 128 and a signal's number
    where one stopped it."""
    command.run(_answer)


@command.one_sentence
def _answer() -> int:
    arguments = check_flags(sys.argv[1:])
    try:
        completes = bool({"-sc", "--shell-completion"} & {*arguments})
        if completes and any(a.startswith("query=") for a in arguments) and "COMP_LINE" not in os.environ:
            raise UserError("-sc query=SHELL is asked by a shell that completes a line: use -sc install=SHELL.")
        if not completes:
            arguments = join(arguments)
            check_overrides(arguments)
        # Hydra takes a group back to nothing by ~group, where everybody writes group=null.
        groups = (*config.GROUPS, "estimator@estimator_weights")
        sys.argv[1:] = [f"~{a[:-5]}" if a.endswith("=null") and a[:-5] in groups else a for a in arguments]
        if not _OWN & {a.split("=")[0] for a in arguments} and "hydra.mode=RUN" not in arguments:
            sys.argv[1:] = [*map(defer, sys.argv[1:]), "--multirun"]
        os.environ[config.SWEEP] = str(os.getpid())
        os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then raises what it would print in many lines
        main()
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(config.told(error)) from None
    except Exception as error:
        if isinstance(error, (UserError, OSError)) or not _hydras(error.__traceback__):
            raise
        raise UserError(config.told(error)) from None
    return 0


def _hydras(trace: TracebackType | None) -> bool:
    """Whether Hydra, or what it reads with, raised this: it says by a plain ValueError what it thinks of its input."""
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    module = trace.tb_frame.f_globals.get("__name__", "") if trace is not None else ""
    return module.split(".")[0] in ("hydra", "omegaconf", "yaml", "antlr4", "codecs")


if __name__ == "__main__":
    cli()
