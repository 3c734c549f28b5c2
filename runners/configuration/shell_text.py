"""What a command says to be run in jobs of SLURM: shell text and programs, which no configuration can name.

`hydra.launcher.setup=[LINE,LINE]` are lines of shell before the training, `hydra.launcher.srun_args=[ARGUMENT]` and
`hydra.launcher.additional_parameters={KEY:VALUE}` what srun and sbatch are told besides, `hydra.launcher.python=LINE`
how Python is started, as in a container. Hydra never sees them: an experiment's YAML, which somebody may have sent,
cannot have a command run; and no plan repeats them, for they may say what is secret.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from steeplechase.errors import UserError

_KEY = "hydra.launcher."
_given: dict[str, Any] = {}


def take(arguments: Sequence[str]) -> list[str]:
    """Takes what is said so out of a command's arguments, and keeps it for this process.

    Args:
        arguments: of the command.

    Returns:
        The other arguments.

    Raises:
        UserError: for what is not of the right form.
    """
    _given.clear()
    rest = []
    for argument in arguments:
        key, equals, _ = argument.partition("=")
        name = key.removeprefix(_KEY)
        if not (equals and key.startswith(_KEY) and name in _FORMS):
            rest.append(argument)
            continue
        value = _value(argument)
        if not _FORMS[name][0](value):
            raise UserError(f'{key} must be {_FORMS[name][1]}: quote it whole, as "{key}=...".')
        _given[name] = value
    return rest


def given() -> dict[str, Any]:
    """What the command has said so, by the name of the key; a copy."""
    return dict(_given)


def _value(argument: str) -> Any:
    """What an override sets its key to; None for what is not of Hydra's grammar, and for a sweep."""
    try:
        override = OverridesParser.create().parse_override(argument)
    except HydraException:
        return None
    return None if override.is_sweep_override() else override.value()


def _is_word(value: Any) -> bool:
    return isinstance(value, (str, int, float))


_FORMS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "setup": (lambda v: isinstance(v, list) and all(map(_is_word, v)), "a list of lines, as ['module load cuda']"),
    "srun_args": (lambda v: isinstance(v, list) and all(map(_is_word, v)), "a list of words, as ['--overlap']"),
    "additional_parameters": (
        lambda v: isinstance(v, dict) and all(map(_is_word, [*v, *v.values()])),
        "pairs, as {reservation: night}",
    ),
    "python": (lambda v: isinstance(v, str), "a line, as 'apptainer exec image.sif python'"),
}
