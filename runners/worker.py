"""The process that trains: started with its own TensorFlow, renewed before its memory grows past a bound.

A compiled program keeps some 43 MiB that nothing releases, so a long sweep needs more than one process; and what kills
one, a crash or the system for lack of memory, ends one run and not the sweep.
"""

from __future__ import annotations

import atexit
import multiprocessing
import multiprocessing.util
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from runners import device as devices
from runners import identity, observing, pages, sources
from runners.config import SWEEP, Run
from runners.run import Outcome, execute, identify
from steeplechase.errors import UserError

BOUND = 2 * 2**30  # bytes of resident memory after which the process is renewed

_current: tuple[ProcessPoolExecutor, object, str] | None = None  # the process, where its progress arrives, its device
_send = None  # in the process that trains: where progress goes


def warm_up(device: str) -> None:
    """Starts the process, unless one is there for this device (`cpu` or `gpu`)."""
    global _current
    if _current is None or _current[2] != device:
        close()
        if multiprocessing.get_start_method(allow_none=True) == "loky":
            multiprocessing.set_start_method("spawn", force=True)  # a spawned process knows no joblib
            parent = int(os.environ.get(SWEEP, os.getppid()))
            threading.Thread(target=_die_with, args=(parent,), daemon=True).start()
            place = int(multiprocessing.current_process().name.rpartition("-")[2]) - 1
            own = devices.share(place) if device == "gpu" else None
            if own:
                os.environ["CUDA_VISIBLE_DEVICES"] = own  # which the process that trains takes over
        context = multiprocessing.get_context("spawn")
        receive, send = context.Pipe(duplex=False)
        pool = ProcessPoolExecutor(1, mp_context=context, initializer=_begin, initargs=(send, os.getpid(), device))
        pool.submit(os.getpid)
        _current = pool, receive, device


def train(run: Run, report: Callable[[int, int, float], None]) -> Outcome:
    """`execute` in that process. Whatever happens there comes back as an outcome. report as in `execute`.

    A process that a launcher started (joblib's) has a training process of its own.
    """
    warm_up(run.program["device"])
    pool, receive, _ = _current
    try:
        learn(run)
        wanted = identify(run)
        future = pool.submit(_remote, run, (wanted.name, wanted.fingerprint))
        while not future.done():
            if receive.poll(0.1):
                report(*receive.recv())
        outcome = future.result()
    except KeyboardInterrupt:
        # What was trained is saved; waiting for the end of the run is not what was asked.
        for process in multiprocessing.active_children():
            process.terminate()
        raise
    except BrokenProcessPool:
        close()
        outcome = _failed(run, "the training process was killed, perhaps for lack of memory")
    except EOFError:
        close()
        outcome = _failed(run, "the training process ended without an answer")
    if outcome.memory_bytes > BOUND:
        close()
    return outcome


def fault(device: str) -> str:
    """Why the process cannot train through the estimators that files name, or "": it is started for this, unless it is
    there, and holds them to the contract.
    """
    warm_up(device)
    try:
        return _current[0].submit(_fault).result()
    except BrokenProcessPool:
        close()
        return f"{', '.join(page.path.name for page in pages.files().values())} ended the process that it was run in."


def learn(run: Run) -> None:
    """Has that process observe what the run's estimators read, where they may read anything and this is not known yet;
    it is started for this, unless it is there. Raises UserError."""
    names = pages.unobserved(identity.estimators(run))
    if names:
        warm_up(run.program["device"])
        try:
            found = _current[0].submit(_observe, names).result()
        except BrokenProcessPool:
            close()
            raise UserError(f"{', '.join(names)} ended the process that it was run in.") from None
        for name, reads in found.items():
            pages.note(name, reads)


def close() -> None:
    """Ends the process, if there is one."""
    global _current
    if _current is not None:
        _current[0].shutdown(wait=True, cancel_futures=True)
        _current = None


atexit.register(close)
multiprocessing.util.Finalize(None, close, exitpriority=100)  # joblib's processes end without atexit


def _begin(send, parent, device):
    global _send
    _send = send
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    threading.Thread(target=_die_with, args=(parent,), daemon=True).start()
    for module in list(sys.modules.values()):  # loaded before anything was observed: what counts is what is there now
        path = os.path.realpath(getattr(module, "__file__", None) or "<none>")
        if path.endswith(".py") and not observing.is_library(path):
            sources.tree(Path(path))
    observing.start()
    from runners import quiet

    fault = quiet.start_tensorflow(device)
    if fault:
        os.environ["STEEPLECHASE_FAULT"] = fault
        return
    import estimators  # noqa: F401
    import tasks

    for page in tasks.book:  # all code is loaded now: what changes later is noticed, and not loaded
        tasks.book[page]
    try:
        for name in pages.files():
            pages.enter(name)
    except UserError as mistake:
        os.environ["STEEPLECHASE_FAULT"] = str(mistake)


def _observe(names):
    if "STEEPLECHASE_FAULT" in os.environ:
        raise UserError(os.environ["STEEPLECHASE_FAULT"])
    for name in names:
        pages.enter(name)
    return {name: pages.observed(name) for name in names}


def _fault():
    try:
        for name in () if "STEEPLECHASE_FAULT" in os.environ else pages.files():
            pages.hold(name)
    except UserError as mistake:
        return str(mistake)
    return os.environ.get("STEEPLECHASE_FAULT", "")


def _die_with(parent):
    """A process that outlived its parent would go on writing beside the next one."""
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)


def _remote(run, expected):
    return _execute(run, lambda *progress: _send.send(progress), os.environ.get("STEEPLECHASE_FAULT"), expected)


def _execute(run: Run, report, fault: str | None, expected) -> Outcome:
    if fault:
        return _failed(run, fault)
    try:
        return execute(run, report, expected)
    except Exception as error:  # any program can fail in any way: it is told, written down, and the next one starts
        said = (str(error).strip().splitlines() or ["no reason given"])[0][:200]
        path = Path(run.store) / "errors" / f"{identify(run).name}-{os.getpid()}-{time.time_ns()}.txt"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(traceback.format_exc(), encoding="utf-8")
        except OSError as full:
            path = f"could not be written: {full.strerror}"
        return _failed(run, f"{type(error).__name__}: {said} (all of it: {path})")


def _failed(run, reason):
    wanted = identify(run)
    return Outcome(wanted.name, run.words, len(wanted.ids), error=reason)
