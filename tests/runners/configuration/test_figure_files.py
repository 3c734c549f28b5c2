"""Figures from files that a command names: drawn beside the others, found again by what the command repeats."""

import sys

import pytest

from results import figures
from results.figures import drawn
from results.records.store import Store
from runners.configuration import figure_files, named_files
from steeplechase.errors import RecordError, UserError
from tests.oracles.command import QUIET, sweep
from tests.oracles.records import make

DRAWS = """from __future__ import annotations

from dataclasses import dataclass

from beside import words
from matplotlib.figure import Figure


@dataclass
class Look:
    title: str = words


def draw(results):
    figure = Figure()
    figure.suptitle(Look().title + str(len(results.rows)))
    return figure
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Writes files and names the first, as a command line does."""

    def write(text, name="mine.py", **more):
        for other, content in {name: text, **{f"{k}.py": v for k, v in more.items()}}.items():
            (tmp_path / other).write_text(content, encoding="utf-8")
        return figure_files.name_files(["a", f"figure.file={tmp_path / name}", "b"])

    monkeypatch.setenv(figures.FILES, "")
    monkeypatch.setattr(sys, "path", [*sys.path])  # to which folders are added
    monkeypatch.delitem(sys.modules, "beside", raising=False)
    return write


def test_a_file_is_a_figure_like_the_others(file):
    """Its neighbour is there, and a dataclass with postponed annotations works, as where Python runs the file."""
    assert file(DRAWS, beside="words = 'so many: '") == ["a", "b"]
    assert "mine" in figures.names() and "mine" not in figures.listed()
    assert named_files.every() == ["figure.file=mine.py"]
    results = make(seeds=2)
    assert drawn("mine", results).get_suptitle() == f"so many: {len(results.rows)}"
    figure_files.name_files([])
    with pytest.raises(RecordError, match="no figure 'mine' here; one in a file of its own needs figure.file=PATH"):
        drawn("mine", results)


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        ("def draw(:", "mine.py", "mine.py, line 1 is no Python"),
        ("def drawn(results): ...", "mine.py", "mine.py has no function draw"),
        (DRAWS, "con-vergence.py", "con-vergence.py cannot name a figure"),
        (DRAWS, "convergence.py", "there is a figure 'convergence' already"),
        (DRAWS, "flow.py", "there is a figure 'flow' already"),
    ],
)
def test_a_file_that_is_no_figure_is_refused(file, text, name, said):
    with pytest.raises(UserError, match=said):
        file(text, name)


def test_a_neighbour_that_means_something_else_as_well_is_refused(file, tmp_path):
    """Where Python runs the file it would be the neighbour; here libraries come first."""
    with pytest.raises(UserError, match="mine.py imports 'json', which is a file beside it and something else as well"):
        file("import json\n" + DRAWS, beside="words = ''", json="x = 1")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "beside.py").write_text("words = 'others: '", encoding="utf-8")
    (tmp_path / "other" / "its.py").write_text(DRAWS, encoding="utf-8")
    file(DRAWS, beside="words = ''")
    with pytest.raises(UserError, match="its.py imports 'beside', which is a file beside it and something else"):
        figure_files.name_files([f"figure.file={tmp_path}/other/its.py"])


def test_what_a_figure_calls_columns_it_is_told(file):
    """And no other argument is taken for it."""
    text = "from matplotlib.figure import Figure\n\ndef draw({}):\n    return Figure(figsize=({}, 1))"
    file(text.format("results, bins=30", "bins"))
    assert drawn("mine", make(seeds=2)).get_figwidth() == 30
    file(text.format("results, *, columns", "columns"), "other.py")
    assert drawn("other", make(seeds=2), 1).get_figwidth() == 1


def test_what_names_nothing_is_refused(tmp_path):
    for argument in ("figure.file=", "figure.file=a.py,"):
        with pytest.raises(UserError, match="figure.file names no file"):
            figure_files.name_files([argument])
    with pytest.raises(UserError, match="nowhere.py cannot be read in"):
        figure_files.name_files([f"figure.file={tmp_path}/nowhere.py"])
    with pytest.raises(UserError, match="which is no regular file"):
        figure_files.name_files([f"figure.file={tmp_path}"])


@pytest.mark.long
def test_a_sweep_names_it_in_its_plan_and_draws_it(tmp_path):
    """The test is one sweep and one drawing; `test_a_report_has_it` is the other command."""
    store, _ = swept(tmp_path)
    assert (store / "output" / "with_mine" / "mine.pdf").exists()
    assert Store(store).plan("with_mine").command.endswith("name=with_mine figure.file=mine.py")
    lacking = sweep("with_mine", "--store", str(store), module="runners.figures", store=None)
    assert lacking.returncode == 1
    assert "no figure 'mine' here; one in a file of its own needs figure.file=PATH" in lacking.stderr


@pytest.mark.long
def test_a_report_has_it(tmp_path):
    store, named = swept(tmp_path)
    for arguments, said in (([], True), ([named], False)):
        done = sweep("with_mine", *arguments, "--store", str(store), module="runners.report", store=None)
        assert ("one in a file of its own needs figure.file=PATH" in done.stderr) is said
        assert done.returncode == int(said), done.stderr


def swept(folder):
    """A sweep that draws a figure of the folder; the store, and the argument that names the figure."""
    (folder / "mine.py").write_text(DRAWS, encoding="utf-8")
    (folder / "beside.py").write_text("words = 'rows: '", encoding="utf-8")
    one = ["experiment=null", "task=sign_fitting", "estimator=ste", "optimizer=sgd", "steps=20", "record_points=2"]
    named = f"figure.file={folder / 'mine.py'}"
    done = sweep(*one, *QUIET, "name=with_mine", named, store=folder / "store")
    assert done.returncode == 0, done.stderr
    return folder / "store", named
