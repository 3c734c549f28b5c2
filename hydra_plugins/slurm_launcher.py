"""hydra/launcher=slurm: has the runs of a sweep trained by jobs of SLURM.

Hydra demands that plugins live in this namespace package; the work is done in runners/execution/slurm.py. Nothing is
imported at the top that would slow the command line down.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher

from runners.configuration.job_options import JobOptions


@dataclass
class SlurmLauncherConf(JobOptions):
    """What may be said of the jobs: `hydra.launcher.KEY`."""

    _target_: str = "hydra_plugins.slurm_launcher.SlurmLauncher"


ConfigStore.instance().store(group="hydra/launcher", name="slurm", node=SlurmLauncherConf, provider="steeplechase")


class SlurmLauncher(Launcher):
    """Hands planned runs to SLURM, and waits for what they come to."""

    config: Any

    def __init__(self, **options):
        self.options = JobOptions(**options)

    def setup(self, *, hydra_context, task_function, config):
        """Takes what a sweep is made of, as Hydra calls it.

        Args:
            hydra_context: with the loader of configurations.
            task_function: the command's main.
            config: with which the sweep was started.
        """
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config

    def train(self, states: list) -> list[JobReturn]:
        """Has planned runs trained.

        Args:
            states: of the runs (runners/planning/plans.py).

        Returns:
            What each came to, in their order.

        Raises:
            UserError: where SLURM is not there, or does not take the jobs.
        """
        from runners.execution import slurm

        outcomes = slurm.train(states, self.options, leave=self.config.submit == "leave")
        return [JobReturn(status=JobStatus.COMPLETED, _return_value=outcome) for outcome in outcomes]

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Not offered: the sweeper `replicas` hands over planned runs, and there is no other.

        Args:
            job_overrides: as Hydra's launchers take them.
            initial_job_idx: as Hydra's launchers take it.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("hydra/launcher=slurm is for hydra/sweeper=replicas.")
