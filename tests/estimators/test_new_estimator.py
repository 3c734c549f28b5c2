"""An estimator is entered by a file, an import line and a YAML, and nothing else: all that is checked of it passes."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.oracles.command import ROOT

FOLDERS = ("steeplechase", "estimators", "tasks", "runners", "results", "hydra_plugins", "conf", "docs", "tests")
FILES = ("pyproject.toml", "requirements.lock", "README.md", "CHANGELOG.md", "CITATION.cff", "Makefile")
PAGE = '''\
"""A slope that nobody has published: a Cauchy density to the power of two."""

import math

import tensorflow as tf
from jaxtyping import Float

from estimators.parameters import positive
from estimators.surrogate import surrogate


@surrogate(
    label="Made up",
    family="power",
    source="this test",
    area=lambda breadth: math.pi / 2 * breadth,
    peak=1,
    known=((0.0, 1.0), (1.0, 0.25), (-1.0, 0.25)),
    needs={"breadth": positive},
    roles={"breadth": "width"},
)
def made_up(x: Float[tf.Tensor, "*shape"], *, breadth=1.0) -> Float[tf.Tensor, "*shape"]:
    r"""It falls as the fourth power.

    Replaces  d sign(x)/dx = 2 δ(x)
    With      1 / (1 + (x/breadth)²)²
    Needs     breadth > 0

    x: any shape; returns the same shape and dtype.
    """
    root = 1 / (1 + tf.square(x / breadth))
    return root * root
'''


@pytest.fixture
def tree(tmp_path):
    """A copy of the project without its frozen results, in which the estimator is entered as the README says."""
    for name in FOLDERS:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "frozen", "runs"))
    for name in FILES:
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "estimators/surrogates/made_up.py").write_text(PAGE, encoding="utf-8")
    (tmp_path / "conf/estimator/made_up.yaml").write_text("name: made_up\nbreadth: 1.0\n", encoding="utf-8")
    with (tmp_path / "estimators/__init__.py").open("a", encoding="utf-8") as contents:
        contents.write("from estimators.surrogates.made_up import made_up as made_up\n")
    return tmp_path


@pytest.mark.long  # tests/test_contributing.py does what the lists say, an estimator's as well
def test_a_new_estimator_needs_three_files_and_passes_what_is_checked(tree):
    """The house, the contract, and the committed documentation, of which nothing was made anew.

    Less what takes processes of its own and has nothing to do with estimators: who imports TensorFlow.
    """
    house = ["tests/test_house.py", "tests/runners/docs/test_gallery.py::test_the_committed_page_is_what_the_book_says"]
    contract = [
        "tests/estimators/test_contract.py",
        "-k",
        "made_up or (not test_contract and not need_no_tensorflow)",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n0", "-rp", *house, *contract],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree)},
        capture_output=True,
        encoding="utf-8",
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    passed = {line.removeprefix("PASSED ") for line in done.stdout.splitlines() if line.startswith("PASSED ")}
    for promise in ("shape_and_type", "known_values", "area_and_peak", "same_everywhere", "normalised"):
        assert f"tests/estimators/test_contract.py::test_the_contract[made_up-{promise}]" in passed
    assert "tests/test_house.py::test_every_name_of_the_book_has_a_look" in passed
    assert "tests/runners/docs/test_gallery.py::test_the_committed_page_is_what_the_book_says" in passed
