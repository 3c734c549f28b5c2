"""The frame of every command: mistakes in one sentence, signals, pipes that close, terminals of any encoding.

A module with a command has `main(arguments) -> exit code` under `@one_sentence`, and ends with `run(main)`.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import functools
import io
import logging
import multiprocessing
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from steeplechase.errors import UserError

GRACE = 4.0  # seconds after a signal's sentence, in which what is under way may end by itself
_KEPT = "what is recorded or saved is kept, and the same command goes on from here."
_STOPPED_BY = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LONG = 200  # letters of one word that a sentence shows


class Stopped(KeyboardInterrupt):
    """A signal that ends the command as Ctrl-C does."""

    def __init__(self, number: int):
        super().__init__(signal.Signals(number).name)
        self.number = number


class Parser(argparse.ArgumentParser):
    """argparse's parser, whose errors are mistakes like all others."""

    def error(self, message: str):
        """Ends parsing, as argparse calls it.

        Args:
            message: what argparse says.

        Raises:
            UserError: always, with the message.
        """
        raise UserError(f"{message}; `{self.prog} --help` shows what there is.")


def say(text: object) -> None:
    """Prints a sentence on standard error: one line, of signs that a terminal shows."""
    words = " ".join(str(text).split())
    words = re.sub(rf"\S{{{_LONG},}}", lambda word: f"{word[0][: _LONG // 2]}...", words)
    print(f"steeplechase: {''.join(sign if sign.isprintable() else '?' for sign in words)}", file=sys.stderr)


def fail(text: object, code: int) -> int:
    """Prints a sentence on standard error, and returns an exit code: `return fail("there is no plan.", 1)`.

    Args:
        text: the sentence, or an error that says it.
        code: the exit code.

    Returns:
        `code`.
    """
    say(text)
    return code


def one_sentence(main: Callable[..., int]) -> Callable[..., int]:
    """Makes what a user got wrong one sentence and exit code 2.

    Args:
        main: a command's, which returns an exit code.

    Returns:
        The same, for any arguments.
    """

    @functools.wraps(main)
    def run_command(*arguments, **options) -> int:
        try:
            return main(*arguments, **options)
        except UserError as mistake:
            return fail(mistake, 2)
        except BrokenPipeError:
            raise
        except OSError as error:
            if error.filename is None and error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EMFILE):
                raise  # of no file: nobody's mistake
            place = (
                f"{os.fsdecode(error.filename)} cannot be used" if error.filename else "the output cannot be written"
            )
            return fail(f"{place}: {error.strerror}.", 2)

    return run_command


def run(main: Callable[[], int]) -> None:
    """Runs a command's main with what was typed, and ends the process with its exit code.

    Where it was stopped by Ctrl-C, SIGTERM or SIGHUP, it says what is kept, and ends within some seconds with 128 and
    the signal's number.

    Args:
        main: a command's, under `one_sentence`.

    Raises:
        OSError: for what is nobody's mistake: not for an output that cannot be written.
    """
    _print_anything()
    logging.StreamHandler.handleError = _unlogged  # type: ignore[assignment,method-assign]
    for number in _STOPPED_BY:
        usual = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        if threading.current_thread() is threading.main_thread() and signal.getsignal(number) is usual:
            signal.signal(number, _stop)  # not where nohup has it ignored
    try:
        try:
            code = main() or 0
        except SystemExit as end:
            if isinstance(end.code, str):
                say(end.code)
            code = end.code if isinstance(end.code, int) else 1 if end.code else 0
        sys.stdout.flush()
    except BrokenPipeError:
        _print_nothing()  # whoever read this has seen enough
        code = 128 + signal.SIGPIPE
    except Stopped as stop:
        code = 128 + stop.number
        if stop.number == signal.SIGHUP:
            _print_nothing()  # the terminal is gone
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
        _end_soon(code)
        say(f"stopped; {_KEPT}")
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            raise
        _print_nothing()
        say(f"the output cannot be written: {error.strerror}.")
        code = 1
    sys.exit(code)


def regular(path: str | Path, key: str) -> None:
    """Refuses what would block or never end when it is read: a pipe, a device, a folder.

    Args:
        path: of a file. What is not there is left to whoever opens it.
        key: of the configuration, for the sentence.

    Raises:
        UserError: for what is there and no regular file.
    """
    try:
        strange = os.path.exists(path) and not os.path.isfile(path)
    except ValueError:  # a NUL in it
        strange = True
    if strange:
        raise UserError(f"{key} is {str(path)!r}, which is no regular file.")


def _print_anything() -> None:
    """What an encoding lacks is printed as ?, here and in the processes that this one starts."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    os.environ["PYTHONIOENCODING"] = f"{getattr(sys.stdout, 'encoding', None) or 'utf-8'}:replace"
    os.environ["PYTHONUTF8"] = "1"


def _print_nothing() -> None:
    """Standard output leads nowhere from now on: Python would complain once more when it flushes at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _unlogged(handler: logging.Handler, record: logging.LogRecord) -> None:
    """What becomes of a log line that cannot be written: a pipe that nobody reads ends a command, whoever writes."""
    if isinstance(sys.exc_info()[1], BrokenPipeError):
        raise
    logging.Handler.handleError(handler, record)


def _stop(number: int, _: FrameType | None) -> None:
    """Says so, and ends this process: after the grace also where what is raised here comes to nobody's ears, as where
    Python was collecting garbage.

    Raises:
        Stopped: always.
    """
    for other in _STOPPED_BY:
        signal.signal(other, signal.SIG_IGN)  # once is enough
    by = "" if number == signal.SIGINT else f" by {signal.Signals(number).name}"
    with contextlib.suppress(OSError):  # the terminal may be gone
        os.write(2, f"steeplechase: stopped{by}; {_KEPT}\n".encode())
    _end_soon(128 + number)
    raise Stopped(number)


def _end_soon(code: int) -> None:
    """Ends this process after the grace, whatever it waits for; its children end with it."""
    for process in multiprocessing.active_children():
        process.kill()  # the one that trains leaves other signals to this one

    def end():
        time.sleep(GRACE)
        os._exit(code)

    threading.Thread(target=end, daemon=True).start()
