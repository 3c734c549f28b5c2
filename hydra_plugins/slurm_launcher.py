"""hydra/launcher=slurm: has the runs of a sweep trained by jobs of SLURM.

Hydra demands that plugins live in this namespace package; the work is done in runners/execution/slurm.py. Nothing is
imported at the top that would slow the command line down.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher


@dataclass
class SlurmLauncherConf:
    """What may be said of the jobs: `hydra.launcher.KEY`.

    Attributes:
        runs_per_job: how many runs one job trains, one after the other.
        timeout_min: minutes that SLURM gives a job. Shortly before their end it is put back into the queue, and goes on
            from its checkpoints.
        max_num_timeout: how often.
        lost_retries: how often a job that has ended without an answer (cancelled, its node lost) is submitted again.
        cpus_per_task: cores of a job.
        mem_gb: its memory.
        gpus_per_node: its GPUs; null: one where the runs are for a GPU.
        array_parallelism: how many jobs run at the same time, at most.
        signal_delay_s: seconds before the end of its time at which a job is told.
        name: of the jobs, which a number of their own is added to.
        partition: of the cluster, or null; so are the next five.
        account: that pays.
        qos: quality of service.
        constraint: what nodes must have.
        exclude: nodes that are not taken.
        comment: for people.
    """

    _target_: str = "hydra_plugins.slurm_launcher.SlurmLauncher"
    runs_per_job: int = 4
    timeout_min: int = 60
    max_num_timeout: int = 20
    lost_retries: int = 2
    cpus_per_task: int = 2
    mem_gb: int = 8
    gpus_per_node: int | None = None
    array_parallelism: int = 256
    signal_delay_s: int = 60
    name: str = "steeplechase"
    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    exclude: str | None = None
    comment: str | None = None


ConfigStore.instance().store(group="hydra/launcher", name="slurm", node=SlurmLauncherConf, provider="steeplechase")


class SlurmLauncher(Launcher):
    """Hands planned runs to SLURM, and waits for what they come to."""

    config: Any

    def __init__(self, **options):
        self.options = {field.name: options[field.name] for field in fields(SlurmLauncherConf) if field.name in options}

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

        outcomes = slurm.train(states, slurm.Options(**self.options), leave=self.config.submit == "leave")
        return [JobReturn(status=JobStatus.COMPLETED, _return_value=outcome) for outcome in outcomes]

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Not offered: the sweeper `replicas` hands over planned runs, and there is no other.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("hydra/launcher=slurm is for hydra/sweeper=replicas.")
