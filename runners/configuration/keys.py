"""Keys of the configuration: which there are, which belong to a choice, and what was meant by one that there is not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from runners import command
from runners.configuration.choices import GRID_KEYS, defaults_of, options
from runners.configuration.estimator_files import CHECKOUT
from runners.configuration.schema import AT_WEIGHTS, BY_NAME, GROUPS, PARTS, Fidelity, Sweep
from steeplechase.errors import UserError, did_you_mean


def check_key(key: str, values: list[str]) -> None:
    """Refuses an override whose key, or whose choice in a group, is unknown.

    Args:
        key: as in an override: `estimator.scale`, or the name of a group.
        values: what it is set to, as text; only those of a group are looked at.

    Raises:
        UserError: with what may have been meant.
    """
    if key == "figure.file":
        raise UserError("figure.file is read from the command line only, as figure.file=PATH.")
    group, _, rest = key.partition("@")[0].partition(".")
    if group in GROUPS and not rest:
        optional = group == "experiment" or "@" in key
        for value in values:
            if value == "null" and (not optional or values[1:]):
                needs = f"{key}: null stands alone" if optional else f"{group} needs a page"
                raise UserError(f"{needs}, and null is none.")
            names = value.strip("[]'\"")
            if names != value and "," in names:
                raise UserError(
                    f"{key} is {value}, which is one value: several are typed as {key}={names.replace(' ', '')}, and "
                    "given as a list from Python."
                )
            if value != "null":
                defaults_of(group, value)
        return
    known = [f.name for f in fields(Sweep)]
    if group not in known:
        raise UserError(f"there is no key '{key}'{_meant(key, [*known, *GROUPS, *_choice_keys()])}")
    if group == "fidelity" and rest not in (own := [f.name for f in fields(Fidelity)]):
        raise UserError(f"there is no key '{key}'{did_you_mean(key, [f'fidelity.{name}' for name in own])}")
    pool = AT_WEIGHTS.get(group, group)
    if pool in ("estimator", "task") and rest == "file":
        raise UserError(f"{pool}.file is read from the command line only, as {pool}.file=PATH.")
    if pool == "function" and rest == "file":
        raise UserError(f"{key} cannot be: a hard function is read from no file; {CHECKOUT}.")
    of_page = qualified(key)
    if of_page:
        page, plain = of_page
        check_choice_key(defaults_of(pool, page), page, plain.split(".")[1], key)
    elif rest and pool in GROUPS:
        known = {name for option in options(pool) for name in defaults_of(pool, option)}
        if rest.split(".")[0] not in known:
            known |= {*options(pool)} if "." in rest else set()
            raise UserError(f"there is no key '{key}'{_meant(rest, known)}")


def qualified(key: str) -> tuple[str, str] | None:
    """What a key of one page alone sets: that of `estimator.tanh_slope.scale` is `estimator.scale`.

    Args:
        key: as in an override.

    Returns:
        (the page, the key without it); None for any other key.
    """
    part, _, rest = key.partition(".")
    page, dot, name = rest.partition(".")
    return (page, f"{part}.{name}") if dot and part in PARTS and page in options(PARTS[part]) else None


def refuse_not_chosen(key: str, chosen: Iterable[str | None]) -> None:
    """Refuses a key of one page that nobody chose.

    Args:
        key: as `qualified` takes it.
        chosen: the pages that are chosen for its part.

    Raises:
        UserError: with those that are chosen, unless the page is among them.
    """
    part, page = key.split(".")[:2]
    names = [name for name in chosen if name and name != "null"]
    if page not in names:
        said = f"chosen are: {', '.join(names)}" if names else "nothing is"
        raise UserError(f"{key} is of {page}, which is not chosen ({said}): add it to {choice_key(part)}=.")


OLD_KEYS = {  # what keys were called before, and may be for one release more
    "at_zero": "function.at_zero",
    "forward": "function",
    "lanes": "parallel_blocks",
    "layers": "gradient_flow",
    "rows": "record_points",
}


def renamed(argument: str) -> str:
    """An argument of a command with its key as it is called now; says on standard error where that is another."""
    key, equals, value = argument.partition("=")
    if not equals or key not in OLD_KEYS:
        return argument
    command.say(f"the key {key} is called {OLD_KEYS[key]} now; the old name goes with the next release.")
    return f"{OLD_KEYS[key]}={value}"


_ELSEWHERE = {  # what others call it
    "lr": "optimizer.learning_rate",
    "learning_rate": "optimizer.learning_rate",
    "wd": "optimizer.weight_decay",
    "batch_size": "task.batch",
    "epochs": "steps",
    "seeds": "seed",
    "dataset": "task.data",
}


def _meant(key: str, known: Iterable[str]) -> str:
    """What may have been meant by a key that there is not."""
    other = OLD_KEYS.get(key) or _ELSEWHERE.get(key.rpartition(".")[2])
    return f"; it is called {other} here." if other else did_you_mean(key, known)


def translate_error(error: Exception) -> str:
    """What Hydra or OmegaConf says in several lines, in one sentence that names the key.

    Args:
        error: of Hydra or OmegaConf.

    Returns:
        The sentence.
    """
    page = re.match(r"In '.*': Could not find '(\w+)/(.+)'", str(error))
    if page and page[1] in GROUPS:
        return f"there is no {page[1]} '{page[2]}'{did_you_mean(page[2], options(page[1]))}"
    of_file = re.match(r"In '(\S+)': (?:\w+ raised while composing config:)?", str(error))
    if of_file:
        return f"{of_file[1]}.yaml: {_translate_file(error, str(error)[of_file.end() :].strip())}"
    several = re.match(r"Multiple values for (\S+)\. To override a value use 'override (.*)'", str(error))
    if several:
        return f"under defaults {several[1]} is chosen twice: a recipe writes `- override /{several[2]}`."
    cause = error.__cause__ if getattr(error.__cause__, "full_key", None) else error
    return _translate_value(getattr(cause, "full_key", None), " ".join(str(cause).split("\n")[0].split()))


def _translate_file(error: Exception, text: str) -> str:
    """The same of what a file has that cannot be: what is likely wrong there. text: without the file."""
    key, first = str(getattr(error.__context__, "full_key", None) or ""), " ".join(text.split("\n")[0].split())
    top = key.partition(".")[0]
    choice = re.match(r"Could not override '(?:experiment/)?([^'@]+).*No match in the defaults list", first)
    if choice and choice[1] in GROUPS:
        return f"under defaults write `- override /{choice[1]}: NAME`."
    if choice:
        return f"under defaults nothing is called {choice[1]}{did_you_mean(choice[1], GROUPS)}"
    if "Cannot assign" in first and top in GROUPS:
        return (
            f"{top} is one word, but which {top} stands under hydra.sweeper.params, or under defaults as "
            f"`- override /{top}: NAME`."
        )
    if "Cannot assign" in first and top in BY_NAME:
        return f"{key} is one value, but needs a line of its own for each name below it."
    if top == "experiment" and "not in" in first:
        return "its first line must be `# @package _global_`, without which its keys are looked for under experiment."
    if "not in" in first and top in ("hydra", "sweeper", "params"):
        return f"there is no key '{key}': what is swept stands under hydra.sweeper.params."
    if "is not a ListConfig" in first:
        return f"{key} is a list: write it in brackets, as `{key}: [A, B]`."
    return _translate_value(key or None, first)


def _translate_value(key: str | None, first: str) -> str:
    """The same of one value. first: the first line of what is said of it."""
    kinds = {"Integer": "a whole number", "Float": "a number", "Boolean": "true or false"}
    wrong = re.match(r"Value '(.*)' of type '.*' could not be converted to (\w+)", first)
    if wrong and key:
        return f"{key} is '{wrong[1]}', but must be {kinds.get(wrong[2], wrong[2])}."
    if key and "is not a ListConfig" in first:
        return f"{key} is a list: write it in brackets and quotes, as '{key}=[A,B]'."
    if key and ("is not in" in first or "' not in '" in first):
        if "." in key:  # of a page, where another one may have it
            return f"{key}: there is no such key in the {key.split('.')[0]} that is chosen."
        return f"there is no key '{key}'{_meant(key, [f.name for f in fields(Sweep)])}"
    return f"{key}: {first}" if key and key not in first else first


def check_choice_keys(choices: Mapping[str, str | None], keys: Iterable[str]) -> None:
    """Refuses keys like `estimator.scale` that the page chosen in that group does not have.

    Args:
        choices: what is chosen in each group.
        keys: of any kind; those of no group's page, and those of one page alone, are not looked at.

    Raises:
        UserError: with the keys that the page has, or where nothing is chosen.
    """
    for key in keys:
        group, _, name = key.partition(".")
        if group not in PARTS or not name or qualified(key):
            continue
        chosen, pool = choices.get(choice_key(group)), PARTS[group]
        if not chosen:
            raise UserError(f"{key} has no meaning without {group}: choose one with {choice_key(group)}=NAME.")
        check_choice_key(defaults_of(pool, chosen), chosen, name.split(".")[0], key)


def choice_key(part: str) -> str:
    """The key by which a part of the configuration is chosen: `task`, or `estimator@estimator_weights`."""
    return f"{PARTS[part]}@{part}" if part in AT_WEIGHTS else part


def check_choice_key(defaults: Mapping[str, Any], chosen: str, name: str, key: str) -> None:
    """Refuses a key that the chosen page does not have.

    Args:
        defaults: of the page.
        chosen: its name.
        name: of the key within the page: `scale`.
        key: the whole key, for the sentence.

    Raises:
        UserError: with the keys that it has.
    """
    if name not in defaults:
        known = [k for k in defaults if k not in ("name", "keras", *GRID_KEYS)]
        has = f"its keys are: {', '.join(known)}" if known else "it has none"
        alone = "" if qualified(key) else f" A page that has it gets it alone by {key.replace('.', '.NAME.', 1)}=."
        raise UserError(f"{chosen} has no key '{name}' ({key}); {has}.{alone}")


def _choice_keys():
    return [
        f"{group}.{key}" for group in GROUPS[:-1] for option in options(group) for key in defaults_of(group, option)
    ]
