"""What may be said of the jobs of a cluster, wherever it is said: `hydra.launcher.KEY` of `hydra/launcher=slurm`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class JobOptions:
    """Options of jobs, with what they are by default.

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
