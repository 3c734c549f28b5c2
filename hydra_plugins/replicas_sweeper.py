"""hydra/sweeper=replicas: splits a sweep's axes into runs and replicas, and launches what is not recorded yet.

Hydra demands that plugins live in this namespace package; the work is done in runners/. Whatever launcher is configured
is used. Nothing is imported at the top that would slow the command line down.
"""

import functools
from dataclasses import dataclass
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.errors import ConfigCompositionException
from hydra.plugins.sweeper import Sweeper
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from steeplechase.errors import UserError


@dataclass
class ReplicasSweeperConf:
    """The sweeper's own configuration.

    Attributes:
        params: the default axes, as Hydra's basic sweeper has them.
    """

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
        """Takes what a sweep is made of, as Hydra calls it.

        Args:
            hydra_context: with the loader of configurations.
            task_function: the command's main, for the launcher.
            config: with which the sweep was started.
        """
        self.hydra_context, self.config = hydra_context, config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments):
        """Plans a sweep and has it launched, as Hydra calls it.

        Args:
            arguments: of the command.

        Returns:
            A list of one batch: the returns of its runs.

        Raises:
            UserError: for a `submit` that the launcher cannot do, and as plan_and_launch.
        """
        from runners.configuration.overrides import undefer
        from runners.execution.launch import plan_and_launch

        if self.config.submit not in ("wait", "leave"):
            raise UserError(f"submit is {self.config.submit!r}, but must be one of: wait, leave.")
        if self.config.submit == "leave" and not self.takes_runs:
            raise UserError(
                "submit=leave is for hydra/launcher=slurm: other launchers end with what they have launched."
            )
        jobs, typed = self.split(arguments), [undefer(argument) for argument in arguments]
        return [plan_and_launch(jobs, self.compose, self.launch, self.experiment(), typed)]

    def split(self, arguments: list[str]) -> list[list[str]]:
        """The overrides of each job: the product of the program axes, every replica axis as a list; then bounds."""
        from runners.configuration import axes, estimator_files, task_files
        from runners.configuration.overrides import check_overrides, values_by_key

        own = [f"{key}={value}" for key, value in self.params.items()]
        check_overrides(own)
        values = values_by_key([*own, *arguments], self.hydra_context.config_loader)
        choices, loader = dict(self.config.hydra.runtime.choices), self.hydra_context.config_loader
        typed = {*values_by_key(arguments, loader)}
        named = {"estimator": list(estimator_files.files()), "task": list(task_files.files())}
        jobs = axes.split(values, choices, named, typed)
        lines = [line.split() for line in self.config.bounds]
        for line in lines:
            check_overrides(line)
        lines = [values_by_key(line, loader) for line in lines]
        return jobs + axes.bounds(lines, values, choices, typed)

    @functools.cached_property
    def composer(self):
        """What composes the jobs of this sweep."""
        from runners.configuration.composition import Composer

        return Composer(self.hydra_context.config_loader, self.config)

    def compose(self, overrides: list[str]) -> dict:
        """A job's configuration, without Hydra's own part.

        Args:
            overrides: of the job.

        Returns:
            Plain data, interpolations resolved.

        Raises:
            UserError: what Hydra or OmegaConf says, in one sentence.
        """
        from runners.configuration.keys import translate_error

        try:
            content: Any = OmegaConf.to_container(self.composer.compose(overrides), resolve=True)
        except (ConfigCompositionException, OmegaConfBaseException) as error:
            raise UserError(translate_error(error)) from None
        return content

    @property
    def takes_runs(self) -> bool:
        """Whether the launcher is handed planned runs. (Its class does not tell: Hydra loads plugins twice.)"""
        return hasattr(self.launcher, "train")

    def launch(self, states: list, places: list[str]) -> list:
        """Has planned runs trained by the configured launcher.

        Args:
            states: of the runs.
            places: which of how many each is, as "2/7".

        Returns:
            What each came to.
        """
        if self.takes_runs:
            return self.launcher.train(states)  # as they are planned: no job composes them anew
        jobs = [[*state.overrides, f"progress={place}"] for state, place in zip(states, places, strict=True)]
        return self.launcher.launch(jobs, initial_job_idx=0)

    def experiment(self) -> str:
        """The name of the chosen experiment, or `none`."""
        return self.config.hydra.runtime.choices.get("experiment") or "none"
