"""What speed needs of pytest: one process, and the delay that shows whether a check would see it."""

import os
import time

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    """Nothing is timed beside another test, whatever the number of processes that the other tests are run in."""
    if hasattr(config.option, "numprocesses"):
        config.option.numprocesses = 0


@pytest.fixture
def delayed():
    """Makes a function take longer by a share of its own duration: STEEPLECHASE_DELAY=0.2 makes it a fifth slower.

    Without the variable it is the function itself. `python -m tests.perf.check --self-test` sets it.
    """
    share = float(os.environ.get("STEEPLECHASE_DELAY", 0))

    def wrap(function):
        def longer(*arguments):
            started = time.perf_counter()
            result = function(*arguments)
            end = started + (1 + share) * (time.perf_counter() - started)
            while time.perf_counter() < end:
                pass
            return result

        return longer if share else function

    return wrap
