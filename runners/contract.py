"""python -m runners.contract: holds estimators, hard functions and tasks to what they promise, yours and ours."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from runners import command
from runners.configuration import choices, estimator_files, keys, named_files, task_files
from steeplechase import registry
from steeplechase.contract import Check
from steeplechase.errors import UserError

_KEYS = (estimator_files.KEY, task_files.KEY)


@command.one_sentence
def main(arguments: list[str] | None = None) -> int:
    """The command. Exit codes: 0 every promise is kept, 1 one is broken, 2 a mistake in the command or in the file."""
    parser = command.Parser(prog="python -m runners.contract", description=__doc__)
    parser.add_argument(
        "pages",
        nargs="*",
        metavar="PAGE",
        help="a file with an estimator or a task, or a name of one or of a hard function; none: all of the house",
    )
    given = parser.parse_intermixed_args(arguments).pages
    names = [part for part in given if not part.endswith(".py")]
    named_files.name_files(list(_as_arguments(part for part in given if part.endswith(".py"))))
    chosen = [("estimator", name) for name in estimator_files.files()] + [("task", name) for name in task_files.files()]
    chosen += [_known(name) for name in names]
    from runners.training import setup

    setup.start_tensorflow("cpu")
    import estimators
    import tasks
    from runners.execution import loading

    load = {"estimator": loading.register, "task": loading.register_task}
    for group, name in chosen:
        if group in load:
            load[group](name)
    every = [("estimator", name) for name in estimators.names()] + [("task", name) for name in tasks.registry]
    every += [("function", name) for name in _hard_functions()]
    console = Console(highlight=False, soft_wrap=True)
    broken = [name for group, name in chosen or every if not _passes(console, group, name, verbose=bool(given))]
    if broken:
        command.say(f"the contract is broken by {', '.join(broken)}.")
    return 1 if broken else 0


def _as_arguments(files: Iterable[str]) -> Iterable[str]:
    """What names these files, as a sweep's command would: `KEY=PATH`, or a path, whose file says what it holds."""
    for part in files:
        key, equals, _ = part.partition("=")
        if equals and key in _KEYS:
            yield part
        elif equals and key == "function.file":
            keys.check_key(key, [])  # which refuses it
        else:
            path = Path(part)
            of_task = task_files.holds_task(path) and not estimator_files.holds_entry(path)
            yield f"{task_files.KEY if of_task else estimator_files.KEY}={part}"


def _known(name: str) -> tuple[str, str]:
    """(group, name) of what there is by this name; a name that is none is answered here, in no time."""
    names = {"task": choices.options("task"), "function": _hard_functions(), "estimator": choices.options("estimator")}
    for group in names:
        if name in names[group]:
            choices.defaults_of(group, name)
            return group, name
    aliases, excluded = estimator_files.field_names()
    every = {one: aliases.get(one, ()) for group in names for one in names[group]}
    sentence = registry.unknown("estimator, hard function or task", name, every, excluded)
    raise UserError(f"{sentence} One in a file of your own is named by its path.")


def _hard_functions() -> list[str]:
    """Those that are hard: a real one has a derivative of its own, and promises nothing else."""
    return [name for name in estimator_files.function_names() if not estimator_files.exact_estimator(name)]


def _passes(console: Console, group: str, name: str, verbose: bool) -> bool:
    """Prints what is promised and how it is kept; the kept ones only where it is asked for."""
    with console.status(f"{name} ..."):
        label, found = {"estimator": _estimator, "function": _function, "task": _task}[group](name)
    find = {"estimator": estimator_files.find, "task": task_files.find}.get(group)
    external = find(name) if find else None
    faults = [promise for promise in found if promise.fault and not (promise.form and external)]
    console.print(
        f"{escape(label)} ({name}{f', {external.place}' if external else ''}): "
        f"{len(found) - len(faults)} of {len(found)} promises are kept."
    )
    for promise in found:
        if promise.fault:
            console.print(f"  [red]broken[/] {promise.text}" if promise in faults else f"  remark {promise.text}")
            console.print(f"         {promise.fault}", markup=False)
        elif verbose:
            console.print(f"  kept   {promise.text}")
    return not faults


def _estimator(name: str) -> tuple[str, list[Check]]:
    """The label of an estimator, and what became of each promise."""
    import estimators
    from runners.execution import contract

    page = estimators.find(name)
    return page.label, list(contract.check(page))


def _function(name: str) -> tuple[str, list[Check]]:
    """The same of a hard function, at all its example parameters."""
    from estimators.contract import function
    from estimators.function import functions

    return functions[name].label, list(function.check_all(functions[name]))


def _task(name: str) -> tuple[str, list[Check]]:
    """The same of a task, at its defaults."""
    from runners.execution import contract
    from runners.training import programs

    page, defaults = task_files.find(name), choices.defaults_of("task", name)
    text = json.dumps({key: value for key, value in defaults.items() if key != "steps"}, sort_keys=True)
    if page is None:
        task = programs.task_of(text, "float32")
        return task.label, list(contract.check_task(task))
    found = contract.check_task_file(page, text)
    broken = found[0].text == contract.MADE
    return name if broken else programs.task_of(text, "float32").label, found


if __name__ == "__main__":
    command.run(main)
