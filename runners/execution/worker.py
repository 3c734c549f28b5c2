"""The process that trains: started with its own TensorFlow, renewed before its memory grows past a bound.

A compiled program keeps some 43 MiB that nothing releases, so a long sweep needs more than one process; and what kills
one, a crash or the system for lack of memory, ends one run and not the sweep.
"""

from __future__ import annotations

import atexit
import json
import multiprocessing
import multiprocessing.util
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from runners.configuration import named_files, task_files
from runners.configuration.run import Run
from runners.configuration.schema import SWEEP
from runners.execution import child
from runners.execution.outcome import Outcome
from runners.planning import estimator_sources, identity, task_sources
from runners.planning.device import share
from runners.planning.identity import identify
from steeplechase.errors import UserError

BOUND = 5 * 2**29  # bytes of resident memory after which the process is renewed

_current: tuple[ProcessPoolExecutor, object, str] | None = None  # the process, where its progress arrives, its device


def warm_up(device: str) -> None:
    """Starts the process, unless one is there for this device (`cpu` or `gpu`)."""
    global _current
    if _current is None or _current[2] != device:
        close()
        if multiprocessing.get_start_method(allow_none=True) == "loky":
            multiprocessing.set_start_method("spawn", force=True)  # a spawned process knows no joblib
            parent = int(os.environ.get(SWEEP, os.getppid()))
            threading.Thread(target=child.die_with, args=(parent,), daemon=True).start()
            place = int(multiprocessing.current_process().name.rpartition("-")[2]) - 1
            own = share(place) if device == "gpu" else None
            if own:
                os.environ["CUDA_VISIBLE_DEVICES"] = own  # which the process that trains takes over
        context = multiprocessing.get_context("spawn")
        receive, send = context.Pipe(duplex=False)
        pool = ProcessPoolExecutor(1, mp_context=context, initializer=child.begin, initargs=(send, os.getpid(), device))
        pool.submit(os.getpid)
        _current = pool, receive, device


def train(run: Run, report: Callable[[int, int, float], None]) -> Outcome:
    """`execute` (training_run.py) in the process that trains.

    A process that a launcher started (joblib's) has a training process of its own.

    Args:
        run: to be trained.
        report: is called with its progress, as `execute` has it.

    Returns:
        The outcome. Whatever happens there comes back as one.

    Raises:
        UserError: for a run that cannot be identified.
        KeyboardInterrupt: when it is stopped; what was trained is saved.
    """
    warm_up(run.program["device"])
    pool, receive, _ = _current
    try:
        learn(run)
        wanted = identify(run)
        future = pool.submit(child.train, run, (wanted.name, wanted.fingerprint))
        while not future.done():
            if receive.poll(0.1):
                report(*receive.recv())
        outcome = future.result()
    except KeyboardInterrupt:
        # What was trained is saved; waiting for the end of the run is not what was asked.
        for process in multiprocessing.active_children():
            process.kill()  # it leaves other signals to this process
        raise
    except BrokenProcessPool:
        close()
        outcome = child.failed(run, "the training process was killed, perhaps for lack of memory")
    except EOFError:
        close()
        outcome = child.failed(run, "the training process ended without an answer")
    if outcome.memory_bytes > BOUND:
        close()
    return outcome


def fault(runs: Sequence[Run]) -> tuple[str, list[str]]:
    """Why the process that trains cannot train what files of the user's own have.

    It is started for this, unless it is there, and holds them to the contract.

    Args:
        runs: that are to be trained, at least one.

    Returns:
        (one sentence, or ""; what of their form is not that of the house, a sentence each).
    """
    warm_up(runs[0].program["device"])
    own = [run.program for run in runs if task_files.find(run.program["task"]["name"])]
    described = dict.fromkeys((json.dumps(program["task"], sort_keys=True), program["precision"]) for program in own)
    try:
        return _current[0].submit(child.fault, list(described)).result()
    except BrokenProcessPool:
        close()
        return f"{' '.join(named_files.trained())} ended the process that it was run in.", []


def learn(run: Run) -> None:
    """Has that process observe what a run's estimators and its task read, where they may read anything and this is not
    known yet.

    It is started for this, unless it is there.

    Args:
        run: whose pages are observed.

    Raises:
        UserError: where one of them cannot be observed, or ends the process.
    """
    kinds = (estimator_sources.reads, identity.estimators(run)), (task_sources.reads, [run.program["task"]["name"]])
    ahead = [reads.unobserved(names) for reads, names in kinds]
    if any(ahead):
        warm_up(run.program["device"])
        try:
            found = _current[0].submit(child.observe, *ahead).result()
        except BrokenProcessPool:
            close()
            raise UserError(f"{', '.join(ahead[0] + ahead[1])} ended the process that it was run in.") from None
        for (reads, _), observed in zip(kinds, found, strict=True):
            for name, what in observed.items():
                reads.record(name, what)


def close() -> None:
    """Ends the process, if there is one."""
    global _current
    if _current is not None:
        _current[0].shutdown(wait=True, cancel_futures=True)
        _current = None


atexit.register(close)
multiprocessing.util.Finalize(None, close, exitpriority=100)  # joblib's processes end without atexit
