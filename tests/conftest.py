"""What the tests share: TensorFlow started as records are made, and each estimator and each task at a small size."""

import jaxtyping
import pytest

import tests.oracles.typecheck  # noqa: F401  the hook below finds it by name
from runners.training import setup

setup.start_tensorflow("cpu")
jaxtyping.install_import_hook("estimators", "tests.oracles.typecheck.check")

import estimators  # noqa: E402
import tasks  # noqa: E402

# A task whose default is large is tested at these arguments; one that is not listed, at its defaults.
SMALL = {"binarized_mlp": {"hidden": [12, 8], "batch": 16}, "sign_fitting": {"dim": 6, "rows": 12}}


@pytest.fixture(params=sorted(estimators.registry), scope="session")
def page(request):
    """Every surrogate of the book."""
    return estimators.registry[request.param]


@pytest.fixture(params=list(tasks.registry), scope="session")
def task(request):
    """Every task, small."""
    return tasks.registry[request.param](**SMALL.get(request.param, {}))
