"""Composes the jobs of a sweep: Hydra once for each page that is chosen, and not once for each job.

Hydra takes about a tenth of a second for a configuration, nearly all of it for finding, reading and merging files. But
a page (conf/GROUP/NAME.yaml) is merged into its group's own part of the configuration and touches nothing else, so a
job's configuration is the first job's with the parts of other pages in their places. What is left of a job,
`key=value` for keys that are no groups, Hydra puts into the finished configuration one after another by
`OmegaConf.update`, and so does this module, in a copy.

That a page touches nothing else is not believed but looked at, once for each page; and whatever is not plainly a page
or a value, and whatever fails, is left to Hydra, whole, with what Hydra has to say of it.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.types import Override, OverrideType
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from runners.configuration import schema
from runners.configuration.keys import choice_key
from runners.configuration.overrides import parse

# The keys that choose a page for one part each, and that part.
PARTS = {choice_key(part): part for part in schema.PARTS}
_PLAIN = re.compile(r"[A-Za-z_]\w*(\.\w+)*")


class Composer:
    """Composes the jobs of one sweep. It must not outlive it: what it has read of files it does not read again."""

    def __init__(self, loader: ConfigLoader, master: DictConfig):
        """master: the configuration that the sweep was started with."""
        self._loader, self._master = loader, master
        self._groups = {*loader.list_groups("")}
        self.apart = choices_stay_apart(loader, master)
        self._bases: dict[tuple, _Base] = {}
        self._pages: dict[tuple, DictConfig | None] = {}

    def compose(self, overrides: Sequence[str]) -> DictConfig:
        """A job's configuration without Hydra's own part, as Hydra composes it.

        Args:
            overrides: of the job.

        Returns:
            The configuration, interpolations as they are written. It is what it is until the next call, which may
            change it: it is no copy.

        Raises:
            HydraException: or an OmegaConfBaseException, what Hydra raises.
        """
        try:
            cfg = self._assembled(overrides) if self.apart else None
        except (HydraException, OmegaConfBaseException):
            self._bases.clear()  # one may be half changed
            cfg = None
        return self.compose_whole(overrides) if cfg is None else cfg

    def _assembled(self, overrides: Sequence[str]) -> DictConfig | None:
        """The job's configuration from parts, or None where that cannot be had."""
        pages, others, values = {}, [], []
        for line in overrides:
            override = parse(line)
            key = override.get_key_element()
            if self._is_value(override):
                values.append(override)
            elif key in PARTS and _is_choice(override) and key not in pages:
                pages[key] = line
            elif _is_choice(override) and key.lstrip("~").partition("@")[0] in self._groups:
                others.append(line)
            else:
                return None
        context = (*pages, *others)
        if context not in self._bases:
            self._bases[context] = _Base(pages, self.compose_whole([*pages.values(), *others]))
        base = self._bases[context]
        parts = {}
        for key, line in pages.items():
            if line != base.lines[key]:
                if (context, line) not in self._pages:
                    self._pages[context, line] = self._choice(key, base.lines | {key: line}, others, base.whole)
                part = self._pages[context, line]
                if part is None:
                    return None
                parts[PARTS[key]] = part
        return base.changed(parts, values)

    def _choice(self, key: str, choices: dict[str, str], others: list[str], base: DictConfig) -> DictConfig | None:
        """The part that a page stands for, or None where the page changes anything else."""
        cfg, part = self.compose_whole([*choices.values(), *others]), PARTS[key]
        plain, before = (OmegaConf.to_container(c, resolve=False) for c in (cfg, base))
        same = {k: v for k, v in plain.items() if k != part} == {k: v for k, v in before.items() if k != part}
        return cfg[part] if same and isinstance(cfg[part], DictConfig) else None

    def compose_whole(self, overrides: Sequence[str]) -> DictConfig:
        """A job's configuration without Hydra's own part, composed by Hydra alone."""
        cfg = self._loader.load_sweep_config(self._master, list(overrides))
        with open_dict(cfg):
            cfg.pop("hydra")
        return cfg

    def _is_value(self, override: Override) -> bool:
        """Whether it sets a value in the finished configuration, without looking at others."""
        key = override.key_or_group
        kinds = (OverrideType.CHANGE, *([OverrideType.FORCE_ADD] if key.split(".")[0] in schema.BY_NAME else []))
        return (
            override.type in kinds
            and override.package is None
            and not override.is_sweep_override()
            and _PLAIN.fullmatch(key) is not None
            and key not in self._groups
            and key.split(".")[0] != "hydra"
            and "${" not in override.input_line
        )


class _Base:
    """A configuration that Hydra has composed, and a copy in which jobs that differ from it by parts and values follow
    one another: only what two of them have different is changed, since copying all takes longer than all the rest.

    Attributes:
        lines: by key, those that chose its pages.
        whole: the configuration, which nobody changes.
    """

    def __init__(self, lines: dict[str, str], whole: DictConfig):
        self.lines, self.whole = lines, whole
        self._copy = copy.deepcopy(whole)
        self._plain = OmegaConf.to_container(whole, resolve=False)
        self._state: dict[str, tuple] = {}  # by key, what in the copy is not as it is in whole: a part, lines of values

    def changed(self, parts: Mapping[str, DictConfig], values: Sequence[Override]) -> DictConfig:
        """The configuration with other parts, and then with values that are set in it.

        Args:
            parts: by their keys.
            values: overrides, in their order.

        Returns:
            The copy, until the next call.
        """
        state: dict[str, tuple] = {key: (part,) for key, part in parts.items()}
        for override in values:
            key = override.key_or_group.split(".")[0]
            state[key] = (*state.get(key, (None,)), override.input_line)
        different = {key for key in {*self._state, *state} if not _same(self._state.get(key), state.get(key))}
        for key in different:
            if key in self._plain:
                self._copy[key] = parts.get(key, self._plain[key])
            else:
                del self._copy[key]
        for override in values:
            if override.key_or_group.split(".")[0] in different:
                added = override.type is OverrideType.FORCE_ADD
                OmegaConf.update(self._copy, override.key_or_group, override.value(), merge=True, force_add=added)
        self._state = state
        return self._copy


def _same(one: tuple | None, other: tuple | None) -> bool:
    """Whether two states of a key have the same part, which is compared by identity, and the same lines."""
    return one is not None and other is not None and one[0] is other[0] and one[1:] == other[1:]


def _is_choice(override: Override) -> bool:
    """Whether it chooses a page by its name, or none."""
    value = override.value()
    named = override.type is OverrideType.CHANGE and isinstance(value, str)
    deleted = override.type is OverrideType.DEL and value in (None, "")
    return (named or deleted) and not override.is_sweep_override() and "${" not in override.input_line


def choices_stay_apart(loader: ConfigLoader, master: DictConfig) -> bool:
    """Whether each file's place in the configuration follows from the choice in its own group alone.

    Args:
        loader: which knows where files are looked for.
        master: the configuration that the sweep was started with.

    Returns:
        True where all files are those of conf/ and of Hydra, where no list of defaults has an interpolation, by which
        it could ask for what another group chose, and where no page has such a list or a package of its own.
    """
    places = [place for place in loader.get_search_path().get_path() if place.provider not in ("hydra", "schema")]
    if OmegaConf.select(master, "hydra.searchpath") or [_folder(place.path) for place in places] != [schema.CONF]:
        return False
    for path in schema.CONF.rglob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        if path.parent.name in PARTS and ("@package" in text or "defaults:" in text):
            return False
        if "defaults:" in text and "${" in str(yaml.safe_load(text).get("defaults")):
            return False
    return True


def _folder(place: str) -> Path:
    return Path(str(place).removeprefix("file://"))
