"""What a command says to be run in jobs of SLURM: shell text and programs, which no configuration can name.

`hydra.launcher.setup=[LINE,LINE]` are lines of shell before the training, `hydra.launcher.srun_args=[ARGUMENT]` and
`hydra.launcher.additional_parameters={KEY:VALUE}` what srun and sbatch are told besides, `hydra.launcher.python=LINE`
how Python is started, as in a container. Hydra never sees them: an experiment's YAML, which somebody may have sent,
cannot have a command run; and no plan repeats them, for they may say what is secret.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from steeplechase.errors import UserError

_KEY = "hydra.launcher."
KINDS: dict[str, type] = {"setup": list, "srun_args": list, "additional_parameters": dict, "python": str}
_FORMS = {list: "a list of words, as ['module load cuda']", dict: "pairs, as {reservation: night}", str: "a word"}
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
        if not (equals and key.startswith(_KEY) and name in KINDS):
            rest.append(argument)
            continue
        try:
            override = OverridesParser.create().parse_override(argument)
            value = None if override.is_sweep_override() else override.value()
        except HydraException:
            value = None
        kind = KINDS[name]
        parts = {list: lambda v: v, dict: lambda v: [*v, *v.values()], str: lambda v: [v]}[kind]
        if not isinstance(value, kind) or not all(isinstance(part, (str, int, float)) for part in parts(value)):
            raise UserError(f'{key} must be {_FORMS[kind]}: quote it whole, as "{key}=...".')
        _given[name] = [str(part) for part in value] if kind is list else str(value) if kind is str else _plain(value)
    return rest


def given() -> dict[str, Any]:
    """What the command has said so, by the name of the key; a copy."""
    return dict(_given)


def _plain(pairs: dict[Any, Any]) -> dict[str, Any]:
    return {str(key): value for key, value in pairs.items()}
