"""What the tests share: TensorFlow started as records are made, and each estimator and each task at a small size."""

from collections import Counter
from pathlib import Path

import jaxtyping
import pytest

import tests.oracles.typecheck  # noqa: F401  the hook below finds it by name
from runners.training import setup

setup.start_tensorflow("cpu")
jaxtyping.install_import_hook("estimators", "tests.oracles.typecheck.check")

import estimators  # noqa: E402
import tasks  # noqa: E402
from tests.helpers.tasks import SMALL  # noqa: E402

# Whose few tests wait for many processes. Handed out last, they would leave one of two workers idle.
FIRST = ("runners/test_sweep", "test_fuzz", "runners/configuration/test_estimator_files", "test_command", "test_wheel")
FIRST += ("docs/test_site", "test_contributing", "estimators/test_new_estimator", "runners/planning/test_observing")


def pytest_collection_modifyitems(items):
    """Files in the order in which workers get them: those that take long, then those of many tests."""
    sizes = Counter(item.path for item in items)
    first = {Path(__file__).parent / f"{name}.py": at for at, name in enumerate(FIRST)}
    items.sort(key=lambda item: (first.get(item.path, len(first)), -sizes[item.path], str(item.path)))


@pytest.fixture(params=sorted(estimators.registry), scope="session")
def page(request):
    """Every surrogate of the book."""
    return estimators.registry[request.param]


@pytest.fixture(params=list(tasks.registry), scope="session")
def task(request):
    """Every task, small."""
    return tasks.registry[request.param](**SMALL.get(request.param, {}))
