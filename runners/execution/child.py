"""What runs in the process that trains: it starts TensorFlow, observes what is used, and answers its parent.

Nothing of ours that computes is imported at the top: it is loaded once TensorFlow has its settings and the process is
observed.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
from multiprocessing.connection import Connection
from pathlib import Path

from runners.configuration import estimator_files, task_files
from runners.configuration.run import Run
from runners.execution.outcome import Outcome
from runners.planning import estimator_sources, observing, sources, task_sources
from runners.planning.identity import identify
from steeplechase.errors import UserError, first_line

_send: Connection | None = None  # where progress goes
_fault = ""  # why nothing can be trained in this process


def begin(send: Connection, parent: int, device: str) -> None:
    """Starts this process.

    Args:
        send: where progress goes.
        parent: the process that it must not outlive, by its id.
        device: `cpu` or `gpu`.
    """
    global _send, _fault
    _send = send
    for name in (
        "SIGINT",
        "SIGTERM",
        "SIGUSR2",
    ):  # the parent's to answer: a cluster sends them to all processes of a job
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    threading.Thread(target=die_with, args=(parent,), daemon=True).start()
    for module in list(sys.modules.values()):  # loaded before anything was observed: what counts is what is there now
        path = os.path.realpath(getattr(module, "__file__", None) or "<none>")
        if path.endswith(".py") and not observing.is_library(path):
            sources.tree(Path(path))
    observing.start()
    from runners.training import setup

    _fault = setup.start_tensorflow(device) or ""
    if _fault:
        return
    import tasks
    from runners.execution import contract, loading, training_run  # noqa: F401

    for task in tasks.registry:  # all code is loaded now: what changes later is noticed, and not loaded
        tasks.registry[task]
    try:
        for name in estimator_files.files():
            loading.register(name)
        for name in task_files.files():
            loading.register_task(name)
    except UserError as error:
        _fault = str(error)


def observe(estimators: list[str], tasks: list[str]) -> list[dict[str, dict[str, str]]]:
    """Has estimators and tasks observed in this process.

    Args:
        estimators: names of the estimators.
        tasks: names of the tasks.

    Returns:
        Of estimators, and of tasks: what each reads, as `observing.reads` has it.

    Raises:
        UserError: where nothing can be trained here, and where one of them cannot be loaded or observed.
    """
    from runners.execution import loading

    if _fault:
        raise UserError(_fault)
    for name in estimators:
        loading.register(name)
    for name in tasks:
        loading.register_task(name)
    return [
        {name: reads.observed(name) for name in names}
        for reads, names in ((estimator_sources.reads, estimators), (task_sources.reads, tasks))
    ]


def fault(described: list[tuple[str, str]]) -> tuple[str, list[str]]:
    """Holds what named files have to the contract.

    Args:
        described: the tasks in such files, each as JSON, with its precision.

    Returns:
        (why nothing can be trained here, or which promises are broken, or ""; remarks on form).
    """
    from runners.execution import contract

    if _fault:
        return _fault, []
    try:
        return "", contract.require_contract(described)
    except UserError as error:
        return str(error), []


def train(run: Run, expected: tuple[str, str]) -> Outcome:
    """`execute` (training_run.py), whose progress goes to the parent.

    Args:
        run: to be trained.
        expected: the name and the fingerprint that the parent found for it.

    Returns:
        The outcome. Whatever happens comes back as one; of what nobody foresaw all is written to a file beside the
        records.
    """
    if _fault:
        return failed(run, _fault)
    from runners.execution.training_run import execute

    try:
        return execute(run, lambda *progress: _send.send(progress), expected)
    except Exception as error:  # any program can fail in any way: it is told, written down, and the next one starts
        first = first_line(error)[:200]
        path = Path(run.store) / "errors" / f"{identify(run).name}-{os.getpid()}-{time.time_ns()}.txt"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(traceback.format_exc(), encoding="utf-8")
        except OSError as full:
            path = f"could not be written: {full.strerror}"
        return failed(run, f"{type(error).__name__}: {first} (all of it: {path})")


def die_with(parent: int) -> None:
    """Ends this process once it has another parent: it would go on writing beside the next one."""
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)


def failed(run: Run, reason: str) -> Outcome:
    """The outcome of a run of which nothing was trained.

    Args:
        run: the run.
        reason: why, in one sentence.

    Returns:
        An outcome with this error.
    """
    planned = identify(run)
    return Outcome(planned.name, run.names, len(planned.ids), error=reason)
