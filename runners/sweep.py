"""python -m runners.sweep: trains what is missing of a sweep, records it, and shows who won."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from types import TracebackType
from typing import Any

import hydra
from hydra._internal.utils import get_args_parser
from hydra.errors import HydraException
from hydra.utils import get_original_cwd
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from runners import answer, command
from runners.configuration import choices, keys, schema, shell_text
from runners.configuration.overrides import check_overrides, defer, join, parse
from steeplechase.errors import UserError

# With one of these Hydra answers by itself, or the caller has chosen the mode.
_OWN = {"-m", "--multirun", "-r", "--run", "-c", "--cfg", "-i", "--info", "-h", "--help", "--hydra-help", "--version"}
_OWN |= {"-sc", "--shell-completion", "--experimental-rerun"}
_ONE_JOB = ("--cfg", "-c", "--info", "-i")  # of them those that show one


@hydra.main(version_base="1.3", config_path=str(schema.CONF), config_name="config")
def main(cfg: DictConfig):
    """One job: one run. Returns its Outcome (runners/execution/outcome.py), in which any error is told."""
    from runners.execution import worker
    from runners.execution.progress import Bar
    from runners.planning.references import run_of

    composed: Any = OmegaConf.to_container(cfg, resolve=True)
    content = {k: v for k, v in composed.items() if k != "hydra"}
    with contextlib.chdir(get_original_cwd()):  # hydra.job.chdir moves no store and no data
        run = run_of(content)
        with Bar(run.names, run.progress) as bar:
            return worker.train(run, bar)


def check_flags(arguments: list[str]) -> list[str]:
    """Refuses flags that Hydra's parser would answer with its usage, and the one that runs a pickle; takes in where
    the user's own pages lie.

    Args:
        arguments: of the command.

    Returns:
        The same with the flags at their end, where that parser reads them all.

    Raises:
        UserError: with the flag, and for a folder of one's own that cannot be used.
    """
    parser = get_args_parser()

    def error(message):
        raise UserError(f"{message}; `python -m runners.sweep --hydra-help` shows what there is.")

    parser.error = error  # type: ignore[method-assign]
    given = parser.parse_intermixed_args(arguments)
    if given.experimental_rerun is not None:
        raise UserError("--experimental-rerun is refused: it reads a pickle, and a pickle can run anything.")
    choices.name_folder(given.config_dir)
    flags, words = [], [*given.overrides]
    for argument in arguments:
        if words and argument == words[0]:
            words.pop(0)
        else:
            flags.append(argument)
    return [*given.overrides, *flags]


def refuse_several(arguments: list[str]) -> None:
    """Refuses several values of a key beside a flag that shows one job.

    Args:
        arguments: of the command, whose overrides are Hydra's.

    Raises:
        UserError: with the first such key.
    """
    shown = next((flag for flag in _ONE_JOB if flag in arguments), None)
    for argument in arguments if shown else ():
        if "=" in argument and not argument.startswith("-") and parse(argument).is_sweep_override():
            raise UserError(
                f"{shown} shows the configuration of one job, but {argument} has several values: give it one, or see "
                "all runs by plan=true."
            )


def cli() -> None:
    """The command. Exit codes: 0 all recorded, 1 a run failed, 2 a mistake in the command, 128 and a signal's number
    where one stopped it."""
    command.run(_answer)


@command.one_sentence
def _answer() -> int:
    if answer.asked():
        from runners.execution import child

        threading.Thread(target=child.die_with, args=(int(os.environ[answer.PARENT]),), daemon=True).start()
    try:
        return _sweep()
    except (UserError, OSError) as error:
        answer.report(error=" ".join(str(error).split()))
        raise


def _sweep() -> int:
    arguments = check_flags(sys.argv[1:])
    try:
        completes = bool({"-sc", "--shell-completion"} & {*arguments})
        if completes and any(a.startswith("query=") for a in arguments) and "COMP_LINE" not in os.environ:
            raise UserError("-sc query=SHELL is asked by a shell that completes a line: use -sc install=SHELL.")
        if not completes:
            arguments = join(shell_text.take(arguments))
            check_overrides(arguments)
            refuse_several(arguments)
        # Hydra takes a group back to nothing by ~group, where everybody writes group=null.
        groups = {*schema.GROUPS, *map(keys.choice_key, schema.PARTS)}
        sys.argv[1:] = [f"~{a[:-5]}" if a.endswith("=null") and a[:-5] in groups else a for a in arguments]
        if not _OWN & {a.split("=")[0] for a in arguments} and "hydra.mode=RUN" not in arguments:
            sys.argv[1:] = [*map(defer, sys.argv[1:]), "--multirun"]
        os.environ[schema.SWEEP] = str(os.getpid())
        os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then raises what it would print in many lines
        main()
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(keys.translate_error(error)) from None
    except Exception as error:
        if isinstance(error, (UserError, OSError)) or not _hydras(error.__traceback__):
            raise
        raise UserError(keys.translate_error(error)) from None
    return 0


def _hydras(trace: TracebackType | None) -> bool:
    """Whether Hydra, or what it reads with, raised this: it says by a plain ValueError what it thinks of its input."""
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    module = trace.tb_frame.f_globals.get("__name__", "") if trace is not None else ""
    return module.split(".")[0] in ("hydra", "omegaconf", "yaml", "antlr4", "codecs")


if __name__ == "__main__":
    cli()
