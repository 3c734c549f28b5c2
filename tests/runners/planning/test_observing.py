"""The second look at what a process used: every page of the book, and planted ones that hide what they take."""

import json
import os
import subprocess
import sys

import pytest

import estimators
from runners.configuration import estimator_files
from runners.execution import fresh
from runners.execution.contract import same_in_fresh_interpreters
from runners.planning import estimator_sources
from steeplechase.contract import ContractError
from steeplechase.errors import UserError
from tests.oracles.command import ROOT

PAGE = '''import tensorflow as tf
from steeplechase import surrogate
{top}

@surrogate(label="L", source="S", known=((0.0, 1.0),))
def {name}(x):
    """Replaces 2 δ(x)  With 1  Needs nothing; x: any shape."""
    {within}
    return tf.ones_like(x)
'''
# name: what stands at the top of the file, and what in its function.
PLANTED = {
    "variable": ('import os\n\nWIDTH = float(os.environ.get("SLOPE_WIDTH", "1"))', "pass"),
    "variable_within": ("import os", 'os.getenv("SLOPE_WIDTH")'),
    "absent": ("import os", '"SLOPE_HEIGHT" in os.environ'),
    "file": ('WIDTH = open(__file__.replace("page_file.py", "width.txt")).read()', "pass"),
    "through_a_library": (
        'import numpy as np\n\nW = np.loadtxt(__file__.replace("page_through_a_library.py", "width.txt"))',
        "pass",
    ),
    "computed_import": ("import importlib", 'importlib.import_module("planted_" + "helper").width()'),
    "late_variable": ("import os", 'tf.executing_eagerly() and x.shape == [2] and os.getenv("SLOPE_LATE")'),
    "draws": ("import random\n\nWIDTH = random.random()", "return tf.ones_like(x) * WIDTH"),
    "asks": ('import subprocess\n\nsubprocess.run(["true"])', "pass"),
    "unseen": ("", 'tf.io.read_file("width.txt")'),
    "home": ("import os.path\nimport scipy.special", "pass"),
}


@pytest.fixture(scope="module")
def interpreters(tmp_path_factory):
    """What two fresh interpreters answer (tests/oracles/observed.py)."""
    folder = tmp_path_factory.mktemp("planted")
    for name, (top, within) in PLANTED.items():
        (folder / f"page_{name}.py").write_text(
            PAGE.format(top=top, name=f"page_{name}", within=within), encoding="utf-8"
        )
    (folder / "width.txt").write_text("0.5\n", encoding="utf-8")
    (folder / "planted_helper.py").write_text("def width():\n    return 1\n", encoding="utf-8")
    answers, asked = [], []
    for seed in ("1", "2"):
        told = {"PYTHONHASHSEED": seed, "SLOPE_WIDTH": "0.05", "PYTHONPATH": os.pathsep.join([str(ROOT), str(folder)])}
        command = [sys.executable, "-m", "tests.oracles.observed", str(folder)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        asked.append(subprocess.Popen(command, cwd=ROOT, env={**os.environ, **told}, **pipes))
    for said, noise, code in [(*process.communicate(timeout=240), process.returncode) for process in asked]:
        assert code == 0, noise.decode()[-2000:]
        answers.append(json.loads(said.splitlines()[-1]))
    return answers


def test_every_page_has_the_same_slope_in_two_fresh_interpreters(interpreters):
    first, second = (answer["slopes"] for answer in interpreters)
    assert set(estimators.registry) <= set(first)
    assert {name for name in first if first[name] != second[name]} == {"page_draws"}, "which draws as it loads"


def test_the_contract_says_that_a_page_draws_as_it_loads(interpreters, monkeypatch):
    monkeypatch.setattr(estimator_sources, "known", lambda name: True)
    monkeypatch.setattr(estimator_sources.reads, "may_read", lambda name: True)
    monkeypatch.setattr(fresh, "slopes", lambda names: [answer["slopes"] for answer in interpreters])
    page = estimators.registry["ste"]
    same_in_fresh_interpreters(page)
    with pytest.raises(ContractError, match="another slope in each interpreter"):
        same_in_fresh_interpreters(type(page)(name="page_draws", rule=page.rule, label="L", source="S"))


def test_only_the_code_of_its_own_page_runs_for_a_run_and_its_identity_covers_it(interpreters):
    """In a process that has run every other page before."""
    for name, (beyond, ran) in interpreters[0]["used"].items():
        assert beyond == "", (name, beyond)
        assert ran == [f"{name}.py"], (name, ran)


def test_what_a_page_reads_is_named_and_counts(interpreters):
    for answer in interpreters:
        reads = answer["reads"]
        assert list(reads["page_variable"]) == ["page_variable.py reads the variable SLOPE_WIDTH"]
        assert list(reads["page_variable_within"]) == ["page_variable_within.py reads the variable SLOPE_WIDTH"]
        assert reads["page_absent"] == {"page_absent.py reads the variable SLOPE_HEIGHT": "not set"}
        for name in ("page_file", "page_through_a_library"):
            assert list(reads[name]) == [f"{name}.py reads the file width.txt"]
        assert reads["page_home"] == {}, "what libraries read is nobody's business"
        assert "0.05" not in json.dumps(reads), "values are digests"
    assert interpreters[0]["reads"] == interpreters[1]["reads"]


def test_what_was_not_seen_when_the_run_was_planned_is_an_error_that_names_it(interpreters):
    said = interpreters[0]["planted"]
    assert "this run used planted_helper.py, which its identity does not cover" in said["page_computed_import"]
    assert "page_late_variable.py reads the variable SLOPE_LATE, which was not seen" in said["page_late_variable"]
    assert "page_asks.py starts a process, and no record could say" in said["page_asks"]
    assert "page_unseen.py, line 8 uses TensorFlow's own access to files" in said["page_unseen"]
    quiet = {"page_variable", "page_variable_within", "page_absent", "page_file", "page_home"}
    assert {name for name, sentence in said.items() if not sentence} >= quiet


def test_a_page_that_may_read_is_not_planned_unobserved(tmp_path, monkeypatch):
    path = tmp_path / "page_variable.py"
    path.write_text(
        PAGE.format(top="import os", name="page_variable", within='os.getenv("SLOPE_WIDTH")'), encoding="utf-8"
    )
    monkeypatch.setenv(estimator_files.NAMED, "")
    estimator_files.name_files([f"estimator.file={path}"])
    try:
        assert estimator_sources.reads.unobserved(["page_variable", "ste", "page_variable"]) == ["page_variable"]
        with pytest.raises(UserError, match="'page_variable' may read variables or files"):
            estimator_sources.reads.observed("page_variable")
        estimator_sources.reads.record("page_variable", {})
        assert (
            estimator_sources.reads.unobserved(["page_variable"]) == []
            and estimator_sources.reads.observed("ste") == {}
        )
    finally:
        estimator_files.files_named.cache_clear()
