"""A SLURM of several nodes on the loopback interface of this machine, for tests: munge, a controller, a slurmd a node.

It needs Debian's packages slurm-wlm and munge, no accounting, no systemd and no control groups, and works for root and
for others. All that it writes is in one folder. Each daemon has a keeper (keeper.py), which ends it after some time, or
once the process that asked for the cluster has ended.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.oracles.command import ROOT

TOOLS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "srun")
_SYSTEM = "/usr/local/sbin:/usr/sbin:/sbin"
_CONF = """\
ClusterName=trial
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
# Every listener is bound to the address that its name means, which is 127.0.0.1, and not to every interface.
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd.%n.log
# No control groups, no binding of cores, no accounting of usage: a container often has none of what they need.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SwitchType=switch/none
PropagateResourceLimits=NONE
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_min_interval=100000,bf_interval=5
SlurmdParameters=config_overrides
SlurmctldTimeout=10
SlurmdTimeout=10
ReturnToService=2
JobRequeue=1
KillWait=5
MessageTimeout=10
TCPTimeout=2
InactiveLimit=0
MinJobAge=60
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
AccountingStorageType=accounting_storage/none
{nodes}
PartitionName=day Nodes=ALL Default=YES MaxTime=1440 DefaultTime=60 State=UP PriorityTier=1
PartitionName=first Nodes=ALL MaxTime=1440 DefaultTime=60 State=UP PriorityTier=9
"""


class NoCluster(Exception):
    """A cluster does not start, or does not answer."""


def lacks() -> list[str]:
    """The programs that a cluster needs and this machine has not."""
    return [tool for tool in TOOLS if not shutil.which(tool, path=f"{os.environ['PATH']}:{_SYSTEM}")]


@dataclass
class Cluster:
    """A running cluster. A context manager, which ends it.

    Attributes:
        folder: of all its files; short, for sockets lie there.
        nodes: how many.
        cores: of each, as SLURM believes.
        seconds: after which it ends by itself.
    """

    folder: Path
    nodes: int = 2
    cores: int = 1
    seconds: int = 1500
    _kept: dict[str, subprocess.Popen] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """With which commands of SLURM reach it."""
        return {**os.environ, "SLURM_CONF": str(self.folder / "slurm.conf"), "PATH": f"{os.environ['PATH']}:{_SYSTEM}"}

    def __enter__(self) -> Cluster:
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_) -> None:
        with contextlib.suppress(subprocess.SubprocessError, OSError):
            self.ask("scancel", f"--user={getpass.getuser()}")
        for name in ("slurmctld", *(f"node{i + 1}" for i in range(self.nodes)), "munged"):
            self.end(name)

    def ask(self, *line: str) -> str:
        """What a command of SLURM says.

        Args:
            *line: the command and its arguments.

        Returns:
            Its output.
        """
        done = subprocess.run(line, env=self.environment, capture_output=True, encoding="utf-8", timeout=30, check=True)
        return done.stdout.strip()

    def end(self, name: str, at_once: bool = False) -> None:
        """Ends a daemon, and all that it has started.

        Args:
            name: `slurmctld`, `node1`, ...
            at_once: as where the power fails.
        """
        keeper = self._kept.pop(name, None)
        if keeper:
            keeper.send_signal(signal.SIGUSR1 if at_once else signal.SIGTERM)
            keeper.wait(30)

    def start_node(self, number: int) -> None:
        """Starts a node's slurmd.

        Args:
            number: of the node, from 1.
        """
        (self.folder / "spool" / f"node{number}").mkdir(parents=True, exist_ok=True)
        self._keep(f"node{number}", "slurmd", "-D", "-N", f"node{number}", "-f", str(self.folder / "slurm.conf"))

    def start_controller(self) -> None:
        """Starts the controller, and waits until it answers."""
        self._keep("slurmctld", "slurmctld", "-D", "-f", str(self.folder / "slurm.conf"))
        self._until("the controller answers", lambda: self.ask("sinfo", "-h") or True)

    def _start(self) -> None:
        for name in ("state", "spool", "log"):
            (self.folder / name).mkdir(parents=True)
        munge, ports, user = self.folder / "munge", _free_ports(1 + self.nodes), getpass.getuser()
        munge.mkdir(mode=0o700)
        (munge / "key").write_bytes(os.urandom(1024))
        (munge / "key").chmod(0o400)
        files = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        self._keep(
            "munged", "munged", "-F", "--force", *(f"--{option}={munge / name}" for option, name in files.items())
        )
        self._until("munge answers", lambda: self.ask("munge", "-n", "-S", str(munge / "socket")))
        host = socket.gethostname().partition(".")[0]
        about = f"NodeHostname={host} NodeAddr=127.0.0.1 CPUs={self.cores} RealMemory=16000 State=UNKNOWN"
        nodes = "\n".join(f"NodeName=node{i + 1} Port={ports[1 + i]} {about}" for i in range(self.nodes))
        values = {"folder": self.folder, "ports": ports, "user": user, "host": host, "nodes": nodes}
        (self.folder / "slurm.conf").write_text(_CONF.format(**values), encoding="utf-8")
        (self.folder / "cgroup.conf").write_text(_groups(self.ask("slurmd", "-V")), encoding="utf-8")
        self.start_controller()
        for number in range(self.nodes):
            self.start_node(number + 1)
        self._until(
            "all nodes are there",
            lambda: len(self.ask("sinfo", "-h", "-N", "-t", "idle").splitlines()) >= 2 * self.nodes,
        )

    def _keep(self, name: str, *line: str) -> None:
        keeper = [sys.executable, "-m", "tests.slurm.keeper", str(self.seconds), str(os.getpid()), *line]
        with (self.folder / "log" / f"{name}.out").open("wb") as log:
            self._kept[name] = subprocess.Popen(
                keeper,
                cwd=ROOT,
                env={**self.environment, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _until(self, what: str, holds: Callable[[], object], seconds: float = 40.0) -> None:
        end, fault = time.monotonic() + seconds, ""
        while time.monotonic() < end:
            try:
                if holds():
                    return
            except (subprocess.SubprocessError, OSError) as error:
                fault = f"{error} {getattr(error, 'stderr', '')}"
            time.sleep(0.1)
        logs = "\n".join(
            path.read_text(encoding="utf-8", errors="replace")[-800:] for path in (self.folder / "log").iterdir()
        )
        raise NoCluster(f"after {seconds:.0f} s it is not so that {what}: {fault}\n{logs}")


def _groups(version: str) -> str:
    """SLURM 23.11 and newer are told to leave control groups alone; older ones do, where no plugin is named."""
    major, minor = (int(number) for number in version.split()[-1].split(".")[:2])
    return "CgroupPlugin=disabled\n" if (major, minor) >= (23, 11) else ""


def _free_ports(number: int) -> list[int]:
    sockets = [socket.socket() for _ in range(number)]
    try:
        for own in sockets:
            own.bind(("127.0.0.1", 0))
        return [own.getsockname()[1] for own in sockets]
    finally:
        for own in sockets:
            own.close()
