"""What Python is given: a sweep by arguments, trained by the command in a process of its own; and a trace.

The command is started anew for each sweep: what a kernel has loaded an hour ago is then never taken for what the files
say now.
"""

from __future__ import annotations

import math
import numbers
import os
import re
import subprocess
import sys
import tempfile
import warnings
from collections import deque
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from results import figures, public
from results.public import ResultSet
from results.records.place import DEFAULT
from results.records.plan import Plan
from results.records.store import Store
from runners import answer, command
from runners.configuration import schema
from runners.configuration.choices import defaults_of, options
from runners.configuration.keys import choice_key, qualified
from steeplechase.errors import UserError

_WORD = re.compile(r"[A-Za-z_][\w./-]*", re.ASCII)  # what Hydra's grammar takes for a word without quotes
_LAST = 30  # lines of the command that are told where it ends without an answer
_NO_WORD = ("true", "false", "null", "nan", "inf")
_LISTS = ("compare", "figures", "tables", "bounds")  # keys of the sweep whose value is a list
_NOT_HERE = {  # keys of the command, and what there is instead
    "plan": "steeplechase.plan says what would be trained",
    "hydra.mode": "leave it out",
    "figure.file": "draw what you like of the result set, or name the file in a command",
}
_FILES = {"estimator_file": "estimator.file", "task_file": "task.file"}
_SHORT = {"learning_rate": "optimizer.learning_rate", **_FILES}


class SweepFailed(RuntimeError):
    """Trainings of a sweep failed; what is recorded of the others is kept.

    Attributes:
        failed: why, by the run's name.
    """

    def __init__(self, sentence: str, failed: Mapping[str, str]):
        super().__init__(sentence)
        self.failed = dict(failed)

    def __reduce__(self):
        return SweepFailed, (str(self), self.failed)


def sweep(
    *,
    task: Any = None,
    estimator: Any = None,
    optimizer: Any = None,
    seed: Any = None,
    learning_rate: Any = None,
    width: Any = None,
    experiment: str | None = None,
    estimator_file: str | os.PathLike | Iterable | None = None,
    task_file: str | os.PathLike | Iterable | None = None,
    config_dir: str | os.PathLike | None = None,
    name: str | None = None,
    store: str | os.PathLike = DEFAULT,
    verbose: bool = True,
    **settings: Any,
) -> ResultSet:
    """Trains what is not recorded yet of a sweep, and returns all of it: `python -m runners.sweep`, from Python.

    Several values of a setting are swept, whatever they come in: a list, a range, an array. Of a setting that is a list
    itself, such as `task.hidden`, they are lists in a list. A mapping is a schedule: `{"from": 0.1, "to": 10, "shape":
    "log"}`. None leaves a setting as it is.

    Args:
        task: name of a task, or several.
        estimator: name of an estimator, or one of `sc.estimators`, or several.
        optimizer: name of an optimizer, or several.
        seed: of the replicas: `range(16)` is sixteen draws.
        learning_rate: of the optimizers, short for `optimizer.learning_rate`.
        width: of the slopes, in spreads of what arrives at a site.
        experiment: name of a recipe in conf/experiment, which the other arguments change.
        estimator_file: a file with an estimator of your own, or several; it is swept beside the others.
        task_file: a file with a task of your own, or several; trained on unless `task` says otherwise.
        config_dir: a folder with experiments and optimizers of your own, as `experiment/NAME.yaml`.
        name: of the plan, by which `load`, figures and reports find the sweep again.
        store: the folder of records.
        verbose: print what the command prints: how much is recorded, progress, what became of it.
        **settings: any other key of the command. One with a dot is given as
            `**{"estimator.tanh_slope.scale": [1, 2], "task.hidden": [64]}`.

    Returns:
        The records that the sweep wants, as `load(store, plan)` gives them, whoever has trained them.

    Raises:
        UserError: for what the command refuses with one sentence.
        SweepFailed: where trainings failed; the others are recorded.
        KeyboardInterrupt: when it is interrupted; what was trained is saved.
    """
    given = {"task": task, "estimator": estimator, "optimizer": optimizer, "seed": seed, "learning_rate": learning_rate}
    given |= {"width": width, "estimator_file": estimator_file, "task_file": task_file}
    given |= {"config_dir": config_dir, "name": name, "store": store}
    facts = _command(overrides(experiment, **given, **settings), verbose)
    return public.load(facts["store"], facts["plan"])


def plan(*, verbose: bool = False, **settings: Any) -> pd.DataFrame:
    """What of a sweep is recorded, missing or stale; trains nothing.

    Args:
        verbose: as in `sweep`.
        **settings: those of `sweep`.

    Returns:
        One row per run: its task, estimator, optimizer and name, how many replicas are wanted, done and missing, and in
        `remark` why what is recorded does not count, or why there can be no such run.

    Raises:
        UserError: for what the command refuses with one sentence.
    """
    return planned(overrides(**settings), verbose)


def planned(arguments: list[str], verbose: bool = False) -> pd.DataFrame:
    """The same of a sweep that is given as the command's words.

    Args:
        arguments: overrides in Hydra's grammar.
        verbose: as in `sweep`.

    Returns:
        As `plan`.

    Raises:
        UserError: for what the command refuses with one sentence.
    """
    columns = ["task", "estimator", "optimizer", "run", "wanted", "done", "missing", "remark"]
    return pd.DataFrame(_command([*arguments, "plan=true"], verbose)["runs"], columns=columns)


def load(
    store: str | Path | Store = DEFAULT,
    plan: str | Plan | None = None,
    estimator_file: str | os.PathLike | Iterable | None = None,
    task_file: str | os.PathLike | Iterable | None = None,
) -> ResultSet:
    """All recorded rows that a plan wants, with the accounts of their parts and what the plan declared.

    Warns (UserWarning) where the code that made a plan's records has changed since, or where that cannot be seen.

    Args:
        store: its folder; without it the one that commands use, `results` in the current folder.
        plan: a plan or its name; None takes, of every run, the records of its newest code.
        estimator_file: the file of an estimator of your own that the plan has, or several: its code is looked at, too.
        task_file: the same of a task.

    Returns:
        The result set.

    Raises:
        RecordError: for records that are damaged.
        StoreError: for an unknown plan and what cannot be read.
        UserError: for a folder that there is not, and for a file that cannot be read.
    """
    results = public.load(store, plan)
    if plan is not None:
        store = store if isinstance(store, Store) else Store(store)
        files = {"estimator.file": estimator_file, "task.file": task_file}
        named = [
            f"{key}={','.join(os.fspath(path) for path in _values(key, given))}"
            for key, given in files.items()
            if given is not None
        ]
        doubt = _doubt(store.plan(plan) if isinstance(plan, str) else plan, named)
        if doubt:
            warnings.warn(doubt, UserWarning, stacklevel=2)
    return results


def _doubt(plan: Plan, named: list[str]) -> str:
    """Why a plan's records may not be what the code would make now.

    Args:
        plan: whose records they are.
        named: the arguments that name files of the user's own.

    Returns:
        A sentence; "" where nothing is known against them.

    Raises:
        UserError: for a file that cannot be read.
    """
    from runners.configuration import estimator_files, named_files, task_files
    from runners.execution import freshness
    from runners.planning import sources

    sources.forget()  # a kernel lives long, and files change
    estimator_files.files_named.cache_clear()
    task_files.files_named.cache_clear()
    variables = (estimator_files.NAMED, task_files.NAMED, figures.FILES)
    before = {variable: os.environ.get(variable) for variable in variables}
    try:
        named_files.name_files(named)
        reason = freshness.why_stale(plan)
    except UserError as error:
        if named:
            raise
        return f"whether the records of {plan.name} are stale cannot be seen: {error}"
    finally:
        for variable, value in before.items():
            os.environ.pop(variable, None)
            if value is not None:
                os.environ[variable] = value
    return f"the records of {plan.name} are stale ({reason}): run the sweep again." if reason else ""


def trace(
    operations: str | Iterable[str],
    x: Any,
    *,
    target: float | None = None,
    estimator: str | None = None,
    at_zero: int | None = None,
    normalize: str = "none",
    compiled: bool = False,
    **parameters: float,
) -> pd.DataFrame:
    """How gradients flow back through a chain of operations: `python -m runners.trace operations=…`, from Python.

    Args:
        operations: their names, in the order in which they are applied: `square`, `product`, and hard functions such as
            `sign` and `step`; one text with commas, or several.
        x: a number or an array; a tuple of two where the first operation is `product`.
        target: of a loss ½(y − target)² at the end; None: there is none.
        estimator: whose slope stands at hard functions; None: there are none.
        at_zero: the sign that a hard function gives to zero; None: its own.
        normalize: none, peak, area or period, as in Surrogate.gain.
        compiled: as one XLA program, rather than operation by operation.
        **parameters: of the estimator; those not given have its defaults.

    Returns:
        One row per operation, the last first: the columns operation, input, output, upstream, slope, downstream.

    Raises:
        UserError: for a name, a number or a number of inputs that cannot be.
    """
    from runners.tracing import chain

    names = operations.split(",") if isinstance(operations, str) else list(operations)
    chosen = chain.operations(names, target, estimator, None, at_zero=at_zero, normalize=normalize, **parameters)
    return chain.chain(chosen, x, compiled=compiled)


def overrides(experiment: str | None = None, **settings: Any) -> list[str]:
    """The arguments of the command that says the same.

    Args:
        experiment: as in `sweep`.
        **settings: as in `sweep`; None is left out.

    Returns:
        Overrides in Hydra's grammar, in the order of the settings; `config_dir` is a flag.

    Raises:
        UserError: for a setting that lists nothing, and for a value that no configuration has.
    """
    for key in settings:
        if key in _NOT_HERE:
            raise UserError(f"{key} is nothing that Python gives a sweep: {_NOT_HERE[key]}.")
    words = [f"experiment={'null' if experiment is None else _literal('experiment', experiment)}"]
    for key, value in settings.items():
        if key == "config_dir" and value is not None:
            words += ["--config-dir", os.fspath(value)]
        elif value is not None:
            key = _SHORT.get(key, key)
            key = choice_key(key) if key in schema.PARTS else key
            words.append(f"{key}={','.join(_literal(key, one) for one in _values(key, value))}")
    return words


def _values(key: str, value: Any) -> list:
    """What a setting is swept over: one value, or several."""
    if not isinstance(value, Iterable) or isinstance(value, (str, Mapping)) or getattr(value, "shape", None) == ():
        return [value]
    values = list(value)
    if not values and _is_list(key):
        return [values]
    if not values:
        raise UserError(f"{key} is empty: there is nothing to train.")
    nested = all(isinstance(one, Iterable) and not isinstance(one, (str, Mapping)) for one in values)
    return [values] if _is_list(key) and not nested else values


def _is_list(key: str) -> bool:
    """Whether one value of this key is a list."""
    group, _, own = (qualified(key) or ("", key))[1].partition(".")
    if not own:
        return group in _LISTS
    pool = schema.PARTS.get(group)
    return pool is not None and any(isinstance(defaults_of(pool, one).get(own), list) for one in options(pool))


def _literal(key: str, value: Any) -> str:
    """A value in Hydra's grammar; of an estimator its name."""
    if key.partition("@")[0] == "estimator" and isinstance(getattr(value, "name", None), str):
        value = value.name
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if isinstance(value, (np.generic, np.ndarray)) and value.shape == ():
        value = value.item()
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, numbers.Integral):
        return str(int(value))
    if isinstance(value, numbers.Real):
        if not math.isfinite(value):
            raise UserError(f"{key} is {value}, but must be finite.")
        return repr(float(value))
    if isinstance(value, str):
        if key in _FILES.values() or (_WORD.fullmatch(value) and value.lower() not in _NO_WORD):
            return value
        escaped = re.sub(r"(\\*)'", r"\1\1\\'", re.sub(r"(\\+)$", r"\1\1", value)).replace("${", r"\${")
        return f"'{escaped}'"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{_literal(key, k)}:{_literal(key, v)}" for k, v in value.items()) + "}"
    if isinstance(value, Iterable):
        return "[" + ",".join(_literal(key, one) for one in value) + "]"
    raise UserError(f"{key} is {value!r}, but must be a number, a word, a list or a schedule.")


def _end(process: subprocess.Popen) -> None:
    """Ends the command, which saves what it has trained, and waits for that: a second one would meet it at its work."""
    for stop in (lambda: None, process.terminate, process.kill):  # it may have the signal already, as in a terminal
        stop()
        try:
            process.wait(command.GRACE + 1)
            return
        except subprocess.TimeoutExpired:
            continue


def _command(arguments: list[str], verbose: bool) -> dict[str, Any]:
    """Runs the command, and returns what it answers. Raises what `sweep` does."""
    last: deque[str] = deque(maxlen=_LAST)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "answer.json"
        environment = {**os.environ, answer.ANSWER: str(path), answer.PARENT: str(os.getpid())}
        # With the folders that this process imports from: it is the same code.
        folders = [str(schema.CHECKOUT)] * bool(schema.CHECKOUT) + [
            entry for entry in sys.path if isinstance(entry, str)
        ]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, folders))
        terminal = verbose and sys.stderr is sys.__stderr__ and sys.__stderr__ is not None and sys.__stderr__.isatty()
        told = None if terminal else subprocess.PIPE
        with subprocess.Popen(
            [sys.executable, "-m", "runners.sweep", *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=told,
            stderr=None if terminal else subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        ) as process:
            try:
                for line in process.stdout or ():
                    last.append(line)
                    if verbose:
                        print(line, end="", flush=True)
                code = process.wait()
            except BaseException:
                _end(process)
                raise
        facts = answer.read(path)
    if "error" in facts:
        raise UserError(facts["error"])
    if facts.get("failed"):
        failed = facts["failed"]
        first = next(iter(failed))
        raise SweepFailed(
            f"{len(failed)} of the runs failed, the first of them {first}: {failed[first]}. What is recorded of the "
            f"others is kept, and load({facts['store']!r}, {facts['plan']!r}) gives it.",
            failed,
        )
    if code:
        raise SweepFailed(f"the command ended with exit code {code}, its last words: {''.join(last).strip()}", {})
    return facts
