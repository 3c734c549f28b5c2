"""What may be set under `hydra`, wherever it is set: a list of what may, and everything else is refused.

Hydra makes objects of what it finds there (callbacks, launchers, handlers of logging) before any code of ours is asked,
and imports the modules that a search path names: a configuration would be code that nobody named as code. So what loads
a configuration, in the command and in each process that a launcher starts, looks at it first.

OmegaConf's resolvers (`${oc.env:HOME}`, `${oc.select:...}`, `${now:...}`) read values and reach no code: they are free
outside `hydra`.
"""

from __future__ import annotations

import functools
import re
import string
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from typing import Any

import hydra._internal.hydra
import yaml
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.conf import HydraConf
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.types import Override
from omegaconf import OmegaConf, open_dict

from steeplechase.errors import UserError, did_you_mean

_WORD = r"[\w.:+@%,/ -]{0,200}"
_COUNT = r"[1-9]\d{0,5}"
# What a launcher may be given, by its name; whatever else it has stays as it was shipped. A launcher counts once it is
# installed. What is run in SLURM's jobs as shell text is said by commands alone (shell_text.py).
_SLURM = dict.fromkeys(("partition", "account", "qos", "constraint", "exclude", "comment"), f"None|{_WORD}")
_SLURM |= dict.fromkeys(("runs_per_job", "timeout_min", "cpus_per_task", "mem_gb", "array_parallelism"), _COUNT)
_SLURM |= dict.fromkeys(("max_num_timeout", "lost_retries", "signal_delay_s"), rf"0|{_COUNT}")
_SLURM |= {"gpus_per_node": rf"None|0|{_COUNT}", "name": r"[A-Za-z][\w.-]{0,40}"}
LAUNCHERS: dict[str, dict[str, str]] = {
    "basic": {},
    "joblib": {
        "n_jobs": r"-?[1-9]\d{0,2}",
        "backend": "None|loky",
        "prefer": "None|processes|threads",
        "require": "None",
        "verbose": r"\d{1,3}",
        "timeout": r"None|(?!0+(\.0*)?$)\d{1,9}(\.\d+)?",
        "pre_dispatch": rf"all|{_COUNT}|([1-9]\d?\*)?n_jobs",
        "batch_size": f"auto|{_COUNT}",
        "temp_folder": f"None|{_WORD}",
        "max_nbytes": r"None|\d{1,9}[KMG]?",
        "mmap_mode": r"None|r|r\+|w\+|c",
    },
    "slurm": _SLURM,
}
SWEEPER = "replicas"
_HELP = ("app_name", "header", "footer", "template")
_IN_HELP = {"FLAGS_HELP", "HYDRA_CONFIG_GROUPS", "APP_CONFIG_GROUPS", "CONFIG"}
_MODES = (None, "RUN", "MULTIRUN")
# What conf/config.yaml sets once and for all.
_REQUIRED = {"output_subdir": None, "run": {"dir": "${store}"}, "sweep": {"dir": "${store}", "subdir": "runs"}}
_KEY = re.compile(r"[A-Za-z]\w*(@[A-Za-z]\w*)?(\.[A-Za-z0-9]\w*)*")
_LIST = (
    "under hydra there are only hydra/launcher=NAME and its numbers and words, hydra.sweeper.params, hydra.help, "
    "hydra.verbose and hydra.mode: anything else could make code run that nobody named"
)

_NOT_OURS = "the configuration named by --config-name leaves out ours: put `defaults: [config, _self_]` at its top."


class Loader(ConfigLoaderImpl):
    """Hydra's loader of configurations, which refuses what is not in the list, before anything is made of it."""

    def __init__(self, config_search_path):
        for place in config_search_path.get_path():
            scheme, colon, _ = str(place.path).partition("://")
            if place.provider in ("main", "command-line") and colon and scheme != "file":
                raise UserError(
                    f"{place.path} is no folder of configurations: --config-path and --config-dir need the path of "
                    "one, written out whole."
                )
        super().__init__(config_search_path)

    def load_configuration(self, config_name, *arguments, **options):
        """A configuration, as Hydra calls for it.

        Args:
            config_name: of the file; None for `--hydra-help`.
            *arguments: as Hydra's own loader takes them.
            **options: as Hydra's own loader takes them.

        Returns:
            What Hydra's own loader returns.

        Raises:
            UserError: for what is not in the list.
        """
        cfg = super().load_configuration(config_name, *arguments, **options)
        check(plain(cfg.hydra), bare=config_name is None, filled=True)
        return cfg

    def _process_config_searchpath(self, config_name, parsed_overrides, repo):
        for override in parsed_overrides:
            check_override(override)
        primary = repo.load_config(config_path=config_name) if config_name is not None else None
        given = plain(primary.config) if primary is not None and OmegaConf.is_dict(primary.config) else {}
        own = given.get("hydra") or {}
        if not isinstance(own, Mapping):
            _refuse("hydra")
        if own.get("searchpath"):
            _refuse("hydra.searchpath")
        super()._process_config_searchpath(config_name, parsed_overrides, repo)

    def _load_single_config(self, default, repo):
        place = str(default.config_path)
        own = repo.load_config(place) if place.startswith("hydra/") else None
        if own is not None and own.path.startswith("file:"):
            raise UserError(f"{place}.yaml cannot stand among the configurations: {_LIST}.")
        loaded = super()._load_single_config(default, repo)
        launcher = OmegaConf.select(loaded.config, "hydra.launcher") if place.startswith("experiment/") else None
        if OmegaConf.is_dict(launcher):
            with open_dict(launcher):  # what an experiment says of its launcher is for no other
                for key in _of_others(self._launcher, launcher):
                    del launcher[key]
        return loaded

    def _compose_config_from_defaults_list(self, defaults, repo):
        chosen = [str(default.config_path) for default in defaults if default.config_path]
        self._launcher = next((c.rpartition("/")[2] for c in chosen if c.startswith("hydra/launcher/")), "basic")
        cfg = super()._compose_config_from_defaults_list(defaults, repo)
        check(plain(cfg.get("hydra")), bare=not any(default.primary for default in defaults))
        return cfg


def _of_others(launcher: str, keys: Iterable[str]) -> list[str]:
    """Those of these keys that other launchers have, and this one has not."""
    known = {key for name in LAUNCHERS for key in LAUNCHERS[name] if name != launcher}
    return [key for key in keys if key in known and key not in LAUNCHERS.get(launcher, {})]


def guard() -> None:
    """From now on Hydra loads configurations in this process by `Loader`."""
    hydra._internal.hydra.ConfigLoaderImpl = Loader


def launchers() -> list[str]:
    """The launchers that are in the list and installed."""
    return [name for name in LAUNCHERS if _registered("launcher", name)]


def check_override(override: Override) -> None:
    """Refuses an override that would set something else under hydra.

    Args:
        override: of any key; those outside `hydra` are not looked at.

    Raises:
        UserError: with the key, and what there may be.
    """
    key = override.key_or_group
    if "hydra" not in (key.split(".")[0].split("/")[0], (override.package or "").split(".")[0]):
        return
    if override.package is not None:
        _refuse(f"{key}@{override.package}")
    value = override.value()
    if "/" in key:
        allowed = {"hydra/launcher": launchers(), "hydra/sweeper": [SWEEPER]}.get(key)
        if allowed is None or override.is_delete():
            _refuse(key)
        if not isinstance(value, str) or value not in allowed:
            near = did_you_mean(str(value)[:99], allowed)
            raise UserError(f"{key} is {_short(value)}, but must be one of: {', '.join(allowed)}{near}")
        return
    if override.is_delete():
        if key != "hydra.sweeper.params" and not key.startswith("hydra.sweeper.params."):
            _refuse(key)
        return
    if override.is_sweep_override():
        raise UserError(f"'{override.input_line}' lists values, but nothing under hydra can be swept.")
    for path, leaf in _leaves(key.split("."), value):
        _check_leaf(path, leaf)


def check(node: Any, bare: bool = False, filled: bool = False) -> None:
    """Refuses a composed `hydra` node that is anything but what is shipped and what is in the list.

    Args:
        node: as plain data, interpolations as they are written.
        bare: of no configuration, as `--hydra-help` composes it.
        filled: Hydra has filled in already what is its own.

    Raises:
        UserError: with the first key that is something else.
    """
    if not isinstance(node, Mapping):
        _refuse("hydra")
    for key, value in node.items():
        if key in ("launcher", "sweeper"):
            _check_plugin(key, value, bare)
        elif key == "help":
            _check_help(value)
        elif key == "verbose":
            _check_verbose(value)
        elif key == "mode":
            if value not in _MODES:
                _refuse("hydra.mode")
        elif not (filled and key in ("overrides", "runtime", "job")):
            shipped = _shipped(bare).get(key, ())
            if value not in shipped:
                if value in _shipped(True).get(key, ()):
                    raise UserError(_NOT_OURS)
                nearest_to = next((s for s in shipped if isinstance(s, Mapping)), {})
                _refuse(".".join(["hydra", key, *_difference(value, nearest_to)]))


def _check_leaf(path: list[str], value: Any) -> None:
    """One value that an override sets. What the plugins are called is known only once all is composed."""
    key, name = ".".join(path), ".".join(path[2:])
    inner = any(part.startswith("_") for part in path)
    if inner or len(path) < 2:
        _refuse(key)
    elif path[1] == "launcher":
        if not any(name in names for names in LAUNCHERS.values()):
            _refuse(key)
        if isinstance(value, (list, dict)) or "${" in str(value):
            raise UserError(f"{key} is {_short(value)}, but must be a number or a word.")
    elif path[1:3] == ["sweeper", "params"] and len(path) > 3:
        _check_axis(".".join(path[3:]), value)
    elif path[1] == "help" and name in _HELP:
        _check_help({name: value})
    elif path[1:] == ["verbose"]:
        _check_verbose(value)
    elif path[1:] == ["mode"]:
        if value not in _MODES:
            raise UserError(f"hydra.mode is {_short(value)}, but must be one of: RUN, MULTIRUN.")
    else:
        _refuse(key)


def _check_plugin(kind: str, node: Any, bare: bool) -> None:
    """The launcher or the sweeper."""
    if not isinstance(node, Mapping):
        raise UserError(f"hydra/{kind} is {_short(node)}, but must be one of: {', '.join(_names(kind))}.")
    name = next((n for n in _names(kind, bare) if _registered(kind, n)["_target_"] == node.get("_target_")), None)
    if name is None:
        if node == _registered(kind, "basic"):
            raise UserError(_NOT_OURS)
        _refuse(f"hydra.{kind}._target_")
    shipped = _registered(kind, name)
    for key, value in node.items():
        if key in shipped and shipped[key] == value and type(shipped[key]) is type(value):
            continue
        whole = f"hydra.{kind}.{key}"
        if kind == "sweeper" and key == "params" and isinstance(value, Mapping):
            for axis, values in value.items():
                _check_axis(axis, values)
            continue
        wanted = LAUNCHERS[name].get(key) if kind == "launcher" and key in shipped else None
        if wanted is None:
            _refuse(whole)
        if isinstance(value, (bool, Mapping, list)) or not re.fullmatch(wanted, str(value)):
            raise UserError(f"{whole} is {_short(value)}, which {name} cannot do anything with.")


def _check_axis(key: Any, value: Any) -> None:
    """A default axis of the sweeper: read as if it stood on the command line, where it may name nothing of Hydra's."""
    whole = f"hydra.sweeper.params.{key}"
    if not isinstance(key, str) or not _KEY.fullmatch(key) or key.split(".")[0].split("@")[0] == "hydra":
        _refuse(whole)
    if isinstance(value, (Mapping, list)) or "${" in str(value):
        raise UserError(f"{whole} is {_short(value)}, but must be one word with the values, as 'a,b' or 'range(8)'.")


def _check_help(node: Any) -> None:
    shipped = _packaged("help/default.yaml")
    if not isinstance(node, Mapping):
        raise UserError(f"hydra.help is {_short(node)}, but has the keys {', '.join(_HELP)}.")
    for key, text in node.items():
        if key not in _HELP:
            _refuse(f"hydra.help.{key}")
        template = string.Template(text) if isinstance(text, str) else None
        if text in (shipped[key], "???"):
            continue
        if template is None or "${" in text or not template.is_valid() or {*template.get_identifiers()} - _IN_HELP:
            words = ", ".join(f"${word}" for word in sorted(_IN_HELP))
            raise UserError(
                f"hydra.help.{key} is {_short(text)}, but must be text, in which a $ begins one of {words}."
            )


def _check_verbose(value: Any) -> None:
    words = value if isinstance(value, list) else [value]
    if not isinstance(value, bool) and not all(isinstance(w, str) and re.fullmatch(_WORD, w) for w in words):
        raise UserError(f"hydra.verbose is {_short(value)}, but must be true, false, or the names of loggers.")
    if any("${" in str(word) for word in words):
        _refuse("hydra.verbose")


def _names(kind: str, bare: bool = False) -> list[str]:
    names = launchers() if kind == "launcher" else [SWEEPER, *["basic"] * bare]
    return [name for name in names if _registered(kind, name)]


def _registered(kind: str, name: str) -> Mapping[str, Any]:
    """What the code of a plugin registers as its configuration, or nothing where it is not installed."""
    found = ConfigStore.instance().repo.get("hydra", {}).get(kind, {})
    node = found.get(f"{name}.yaml") if isinstance(found, Mapping) else None
    return plain(node.node) if node is not None else {}


@functools.cache
def _shipped(bare: bool) -> dict[str, list[Any]]:
    """What the other keys may be: as Hydra's own files have them, or as conf/config.yaml does."""
    schema = {key: [value] for key, value in plain(OmegaConf.structured(HydraConf())).items() if key != "defaults"}
    for key, value in _REQUIRED.items():
        schema[key].append(value)
    for key in ("hydra_logging", "job_logging"):
        schema[key] = [_packaged(f"{key}/{name}.yaml") for name in ("disabled", *["default"] * bare)]
    if bare:
        schema["run"].append(_packaged("output/default.yaml")["run"])
        schema["sweep"].append(_packaged("output/default.yaml")["sweep"])
    schema["env"] = [{}]
    schema["hydra_help"] = [schema["hydra_help"][0] | _packaged("hydra_help/default.yaml")]
    return schema


@functools.cache
def _packaged(name: str) -> Any:
    return yaml.safe_load(resources.files("hydra.conf").joinpath("hydra", name).read_text(encoding="utf-8"))


def plain(node: Any) -> Any:
    """A node as plain data, interpolations as they are written."""
    return OmegaConf.to_container(node, resolve=False, enum_to_str=True) if OmegaConf.is_config(node) else node


def _leaves(path: list[str], value: Any) -> Iterator[tuple[list[str], Any]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _leaves([*path, *str(key).split(".")], inner)
    else:
        yield path, value


def _difference(value: Any, shipped: Any) -> list[str]:
    """The keys that lead to the first difference."""
    if not isinstance(value, Mapping) or not isinstance(shipped, Mapping):
        return []
    for key, inner in value.items():
        if key not in shipped or shipped[key] != inner:
            return [str(key), *_difference(inner, shipped.get(key, {}))]
    return []


def _refuse(key: str) -> None:
    raise UserError(f"{_short(key)[1:-1]} cannot be set: {_LIST}.")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 100 else f"{text[:96]}...{text[0]}"
