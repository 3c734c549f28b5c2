"""Overrides as they are typed, in Hydra's grammar: refused, listed, and deferred to the runs that they belong to."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import replace

from hydra.core.config_loader import ConfigLoader
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, Override, RangeSweep
from hydra.errors import HydraException

from runners.configuration import allowed, estimator_files, named_files, schema, task_files
from runners.configuration.keys import check_choice_keys, check_key, qualified, renamed
from steeplechase.errors import UserError

_NULL = "__null__"  # stands for null where Hydra could not choose it
_TYPED: dict[str, str] = {}  # by what was handed to Hydra in its place, what was typed

# What Hydra needs to know of ours before it composes anything.
ConfigStore.instance().store(name="schema", node=schema.Sweep, provider="steeplechase")
allowed.guard()


@functools.cache
def parse(line: str) -> Override:
    """An override as Hydra's grammar has it: parsed once, and shared, so that nobody may change it.

    Args:
        line: `key=value`, as a command has it.

    Returns:
        The override.

    Raises:
        HydraException: for what is not of the grammar.
    """
    return OverridesParser.create().parse_override(line)


def join(arguments: list[str]) -> list[str]:
    """Makes external estimators and tasks that a command names choices like the others, and keeps the figures that it
    names.

    Args:
        arguments: of the command.

    Returns:
        Its other arguments, with their keys as they are called now.

    Raises:
        UserError: for a file that cannot be read.
    """
    rest = list(map(renamed, named_files.name_files(arguments)))
    own = [("estimator", estimator_files.named_estimators(rest)), ("task", task_files.files().values())]
    for group, pages in own:
        for page in pages:
            ConfigStore.instance().store(group=group, name=page.name, node=page.defaults, provider="steeplechase")
    return rest


def check_overrides(arguments: list[str]) -> None:
    """Refuses what Hydra would report in words that mislead, or not at all.

    Args:
        arguments: of the command, flags included.

    Raises:
        UserError: with the first argument that is none, or whose key or choice is unknown.
    """
    overrides, choices, keys = [], {}, []
    for before, argument in zip(["", *arguments], arguments, strict=False):
        if argument.startswith("~") or ("=" in argument and not argument.startswith("-")):
            overrides.append(argument)
        elif not argument.startswith("-") and not before.startswith("-"):
            key, equals, value = before.partition("=")
            hint = f"; where it belongs to the word before it, quote the two twice: \"{key}='{value} {argument}'\""
            hint = hint if equals else ""
            raise UserError(f"'{argument}' is not of the form key=value{hint}.")
    for override in map(_parse_typed, overrides):
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
        check_key(key, values)
        keys.append(key)
        if len(values) == 1:
            choices[key] = values[0]
    # Where a page is chosen here, its keys are known here; the others are checked run by run.
    check_choice_keys(choices, [key for key in keys if key.split(".")[0] in choices])


def _parse_typed(line: str) -> Override:
    """The same of what a user typed.

    Returns:
        The override.

    Raises:
        UserError: with how it is quoted, where that is all that it lacks.
    """
    key, _, value = line.partition("=")
    try:
        return parse(line)
    except HydraException as error:
        quoted, reason = f"{key}='{value}'", str(error).splitlines()[0]
        try:
            parse(quoted)
        except HydraException:
            quoted = ""
        plain = quoted and not set("'([{") & set(value)
        hint = f'; where it means these very letters, quote it twice: "{quoted}"' if plain else ""
        raise UserError(f"'{line}' cannot be read: {reason}{hint}.") from None


def listed(override: Override) -> list[str]:
    """The values that an override lists.

    Args:
        override: a sweep.

    Returns:
        As text, in its order; at least one.

    Raises:
        UserError: for none, for too many, and for other sweeps.
    """
    if not override.is_discrete_sweep():
        raise UserError(f"'{override.input_line}': only listed values and ranges can be swept.")
    swept = override.value()
    if isinstance(swept, RangeSweep):
        ends = [float(end) for end in (swept.start, swept.stop, swept.step)]
        if not all(map(math.isfinite, ends)) or not ends[2]:
            raise UserError(f"'{override.input_line}' has no end: a range needs finite ends, and a step but 0.")
        schema.refuse_too_many(
            f"'{override.input_line}' lists", max(0, math.ceil((ends[1] - ends[0]) / ends[2])), "values"
        )
    values = list(override.sweep_string_iterator())
    if not values:
        raise UserError(f"'{override.input_line}' lists no values: there is nothing to train.")
    return values


def values_by_key(lines: Sequence[str], loader: ConfigLoader) -> dict[str, list[str]]:
    """What overrides set their keys to.

    Args:
        lines: overrides, as text.
        loader: knows what a pattern (`glob`) may choose from.

    Returns:
        By key, as text: one value, or those that are swept.

    Raises:
        UserError: for a sweep that lists none, or too many.
    """
    values = {}
    for line in lines:
        override = replace(parse(line), config_loader=loader)
        swept = override.is_sweep_override()
        own = listed(override) if swept else [override.get_value_element_as_str()]
        values[override.get_key_element()] = ["null" if value == _NULL else value for value in own]
    return values


def defer(argument: str) -> str:
    """A number of a page as a sweep over the one value: Hydra then leaves it to the runs. An entry of what has a name a
    key, as `looks.ste`, as one that is added.

    It would otherwise look for `estimator.alpha` in the default estimator, whatever estimators are swept, and for `ste`
    in the looks of before.

    Args:
        argument: of the command.

    Returns:
        The override to hand to Hydra; any other argument as it is.
    """
    key, equals, value = argument.partition("=")
    if key.split(".")[0] in schema.BY_NAME and equals:
        _TYPED[f"++{argument}"] = argument
        return f"++{argument}"
    if key.split(".")[0] not in schema.PARTS or "." not in key or not equals:
        return argument
    override = parse(argument)
    null = override.value() is None  # which Hydra cannot choose; in its own place it knows it
    if override.is_sweep_override() or (null and not qualified(key)):
        return argument
    deferred = f"{key}=choice({_NULL if null else value})"
    _TYPED[deferred] = argument
    return deferred


def undefer(argument: str) -> str:
    """The argument as it was typed."""
    return _TYPED.get(argument, argument)
