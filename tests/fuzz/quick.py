"""Hydra without reading and composing the same twice: a fuzzer's lines differ in a word, and Hydra takes most of their
time. What is handed out is a copy each time, so no line sees what another did."""

from __future__ import annotations

import pickle
from collections.abc import Callable

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra._internal.core_plugins.importlib_resources_config_source import ImportlibResourcesConfigSource
from hydra._internal.core_plugins.structured_config_source import StructuredConfigSource

from runners.configuration import schema

_read: dict[tuple, bytes] = {}  # what a source has under a path, of the sources that no line changes
_composed: dict[tuple, bytes] = {}  # configurations, by what they were composed of


def install() -> None:
    """From now on, in this process and its forks."""
    for source in (FileConfigSource, ImportlibResourcesConfigSource, StructuredConfigSource):
        source.load_config = _remembering(source.load_config)
    ConfigLoaderImpl.load_configuration = _composing(ConfigLoaderImpl.load_configuration)


def learnt() -> bytes:
    """What this process has read and composed, for `learn` of another."""
    return pickle.dumps((_read, _composed))


def learn(content: bytes) -> None:
    """Takes over what another process has `learnt`."""
    for own, more in zip((_read, _composed), pickle.loads(content), strict=True):
        own.update(more)


def read_all() -> None:
    """Reads every file below `conf/` once: the forks of this process then read none of them."""
    source = FileConfigSource("main", f"file://{schema.CONF}")
    for path in sorted(schema.CONF.rglob("*.yaml")):
        source.load_config(str(path.relative_to(schema.CONF).with_suffix("")))


def _remembering(load: Callable) -> Callable:
    ours = (f"file://{schema.CONF}", str(schema.CONF), "pkg://hydra.conf", "hydra.conf")

    def remembered(self, config_path):
        if self.scheme() != "structured" and self.path not in ours:
            return load(self, config_path)
        key = self.scheme(), self.path, config_path
        if key not in _read:
            _read[key] = pickle.dumps(load(self, config_path))
        return pickle.loads(_read[key])

    return remembered


def _composing(load: Callable) -> Callable:
    def composed(self, config_name, overrides, run_mode, from_shell=True, validate_sweep_overrides=True):
        key = config_name, tuple(overrides), str(run_mode), str(self.config_search_path)
        if key in _composed and validate_sweep_overrides:
            parsed, _ = self._parse_overrides_and_create_caching_repo(config_name, overrides)
            self.validate_sweep_overrides_legal(overrides=parsed, run_mode=run_mode, from_shell=from_shell)
        if key not in _composed:
            cfg = load(self, config_name, overrides, run_mode, from_shell, validate_sweep_overrides)
            _composed[key] = pickle.dumps(cfg)
            return cfg
        return pickle.loads(_composed[key])

    return composed
