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
from collections.abc import Sequence
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
        self._bases: dict[tuple, tuple[dict[str, str], DictConfig]] = {}
        self._pages: dict[tuple, DictConfig | None] = {}

    def compose(self, overrides: Sequence[str]) -> DictConfig:
        """A job's configuration without Hydra's own part, as Hydra composes it.

        Args:
            overrides: of the job.

        Returns:
            The configuration, interpolations as they are written.

        Raises:
            HydraException: or an OmegaConfBaseException, what Hydra raises.
        """
        try:
            cfg = self._assembled(overrides) if self.apart else None
        except (HydraException, OmegaConfBaseException):
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
            self._bases[context] = pages, self.compose_whole([*pages.values(), *others])
        first, base = self._bases[context]
        cfg = copy.deepcopy(base)
        for key, line in pages.items():
            if line != first[key]:
                if (context, line) not in self._pages:
                    self._pages[context, line] = self._choice(key, first | {key: line}, others, base)
                part = self._pages[context, line]
                if part is None:
                    return None
                cfg[PARTS[key]] = part  # which copies it
        for override in values:
            added = override.type is OverrideType.FORCE_ADD
            OmegaConf.update(cfg, override.key_or_group, override.value(), merge=True, force_add=added)
        return cfg

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
