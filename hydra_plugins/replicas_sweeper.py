"""hydra/sweeper=replicas: splits a sweep's axes into runs and replicas, and launches what is not recorded yet.

Hydra demands that plugins live in this namespace package; the work is done in runners/. Whatever launcher is configured
is used. Nothing is imported at the top that would slow the command line down.
"""

import functools
import itertools
import math
from dataclasses import dataclass
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.errors import ConfigCompositionException
from hydra.plugins.sweeper import Sweeper
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from steeplechase.errors import UserError


@dataclass
class ReplicasSweeperConf:
    """The sweeper's own configuration: the default axes, as Hydra's basic sweeper has them."""

    _target_: str = "hydra_plugins.replicas_sweeper.ReplicasSweeper"
    params: dict[str, str] | None = None


ConfigStore.instance().store(group="hydra/sweeper", name="replicas", node=ReplicasSweeperConf, provider="steeplechase")


class ReplicasSweeper(Sweeper):
    """Axes that change a program make runs, one job each; axes that are a replica's numbers make lists in a run."""

    hydra_context: Any
    config: Any
    launcher: Any

    def __init__(self, params):
        self.params = params or {}

    def setup(self, *, hydra_context, task_function, config):
        self.hydra_context, self.config = hydra_context, config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments):
        from runners.configuration.overrides import undefer
        from runners.execution.launch import plan_and_launch

        jobs, typed = self.split(arguments), [undefer(argument) for argument in arguments]
        return [plan_and_launch(jobs, self.compose, self.launch, self.experiment(), typed)]

    def split(self, arguments: list[str]) -> list[list[str]]:
        """The overrides of each job: the product of the program axes, with every replica axis as a list."""
        from runners.configuration import estimator_files
        from runners.configuration.axes import makes_replicas
        from runners.configuration.choices import defaults_of
        from runners.configuration.keys import check_page_keys
        from runners.configuration.overrides import check_overrides, listed
        from runners.configuration.schema import refuse_too_many

        own = [f"{key}={value}" for key, value in self.params.items()]
        check_overrides(own)
        lines = own + list(arguments)
        loader = self.hydra_context.config_loader
        axes: dict[str, list[str]] = {}
        for override in OverridesParser.create(config_loader=loader).parse_overrides(lines):
            key = override.get_key_element()
            swept = override.is_sweep_override()
            axes[key] = listed(override) if swept else [override.get_value_element_as_str()]
        if estimator_files.files():  # beside those of the experiment or of the command
            axes["estimator"] = list(dict.fromkeys([*axes.get("estimator", []), *estimator_files.files()]))
        # Which of an optimizer's numbers make replicas depends on the optimizer, so that is chosen first.
        choices: Any = dict(self.config.hydra.runtime.choices)
        chosen = axes.pop("optimizer", [choices.get("optimizer")])
        jobs: list[list[list[str]]] = []
        for optimizer in chosen:
            jobs.append([])
            replicas = [
                k for k, values in axes.items() if makes_replicas(k, defaults_of("optimizer", optimizer)) and values[1:]
            ]
            lists = [f"{key}=[{','.join(axes[key])}]" for key in replicas]
            programs = {key: values for key, values in axes.items() if key not in replicas}
            refuse_too_many("the sweep has", math.prod(map(len, programs.values())) * len(chosen), "runs", 10_000)
            for values in itertools.product(*programs.values()):
                chosen_here = choices | {"optimizer": optimizer} | dict(zip(programs, values, strict=True))
                check_page_keys(chosen_here, axes)
                settings = [f"{key}={value}" for key, value in zip(programs, values, strict=True)]
                jobs[-1].append([f"optimizer={optimizer}", *settings, *lists])
        # Optimizers in turn: runs that differ in nothing else share most of what is compiled, and are best neighbours.
        return [job for turn in itertools.zip_longest(*jobs) for job in turn if job]

    @functools.cached_property
    def composer(self):
        """What composes the jobs of this sweep."""
        from runners.configuration.composition import Composer

        return Composer(self.hydra_context.config_loader, self.config)

    def compose(self, overrides: list[str]) -> dict:
        """A job's configuration as plain data, without Hydra's own part. Raises UserError."""
        from runners.configuration.keys import translate_error

        try:
            content: Any = OmegaConf.to_container(self.composer.compose(overrides), resolve=True)
        except (ConfigCompositionException, OmegaConfBaseException) as error:
            raise UserError(translate_error(error)) from None
        return content

    def launch(self, jobs: list[list[str]]) -> list:
        """The jobs' returns, from the configured launcher."""
        return self.launcher.launch(jobs, initial_job_idx=0)

    def experiment(self) -> str:
        """The name of the chosen experiment, or `none`."""
        return self.config.hydra.runtime.choices.get("experiment") or "none"
