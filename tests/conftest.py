"""What the tests share: TensorFlow started as records are made, and each estimator and each task at a small size."""

from pathlib import Path

import jaxtyping
import pytest

import tests.oracles.typecheck  # noqa: F401  the hook below finds it by name
from runners import quiet

quiet.start_tensorflow("cpu")
jaxtyping.install_import_hook("estimators", "tests.oracles.typecheck.check")

import estimators  # noqa: E402
import tasks  # noqa: E402

# A task whose default is large is tested at these arguments; one that is not listed, at its defaults.
SMALL = {"binarized_mlp": {"hidden": [12, 8], "batch": 16}, "sign_fitting": {"dim": 6, "rows": 12}}


@pytest.fixture(params=sorted(estimators.book), scope="session")
def page(request):
    """Every surrogate of the book."""
    return estimators.book[request.param]


@pytest.fixture(params=list(tasks.book), scope="session")
def task(request):
    """Every task, small."""
    return tasks.book[request.param](**SMALL.get(request.param, {}))


# What takes longest, as it was measured: it begins first, so that no processor waits for another in the end.
LONGEST = ("fuzz", "sweep", "command", "figures", "trainer", "estimators", "pages", "trace", "optimizers", "frozen")


def pytest_collection_modifyitems(items):
    """Files in the order of what they take; those that take little stay as they are."""
    place = {f"test_{name}": i for i, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(Path(item.path).stem, len(place)))
