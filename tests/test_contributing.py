"""CONTRIBUTING.md, done as it says: its map is in the packages' own words, and its touch lists are whole."""

import ast
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from results import load
from tests.oracles.command import sweep

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
FOLDERS = ("conf", "estimators", "hydra_plugins", "results", "runners", "steeplechase", "tasks", "tests")
PACKAGES = ("steeplechase", "estimators", "tasks", "results", "runners")


def section(title):
    """What stands below a heading, up to the next one of any level."""
    return re.split(rf"^#+ {re.escape(title)}$", PAGE, flags=re.MULTILINE)[1].split("\n#")[0]


def cells(title):
    """The rows of a section's table, below its head: the first cell's code, and the second cell."""
    rows = re.findall(r"^\| (.+?) \| (.+) \|$", section(title), re.MULTILINE)[1:]
    return {first.strip("`"): second for first, second in rows if not set(first) <= {"-"}}


def lines(title):
    """The two lines below a section's list, as the arguments of Python: what shows it, and what tests it."""
    typed = re.findall(r"^\.venv/bin/python (.+)$", section(title), re.MULTILINE)
    shows, tests = (shlex.split(re.sub("NAME", NEW[title]["NAME"], line)) for line in typed)
    assert (shows[:2], tests[:2]) == (["-m", "runners.sweep"], ["-m", "pytest"])
    return [argument.replace("FUNCTION", "added_function") for argument in shows], tests


def after(text, line, addition):
    """The text with an addition below a line that it has."""
    assert text.count(line) == 1, line
    return text.replace(line, line + addition)


ESTIMATOR = '''"""The slope of x/(1 + |x|), made for a test."""

import tensorflow as tf
from jaxtyping import Float

from estimators.parameters import positive
from estimators.surrogate import surrogate


@surrogate(
    label="Added",
    source="tests/test_contributing.py",
    area=2,
    peak=lambda width: 1 / width,
    counterpart=lambda x, width: x / (width + tf.abs(x)),
    needs={"width": positive},
    roles={"width": "width"},
)
def added_slope(x: Float[tf.Tensor, "*shape"], *, width=1.0) -> Float[tf.Tensor, "*shape"]:
    """The derivative of x/(width + |x|).

    Replaces  d sign(x)/dx = 2 δ(x)
    With      width/(width + |x|)²
    Needs     width > 0

    x: any shape; returns the same shape and dtype.
    """
    return width / tf.square(width + tf.abs(x))
'''
FUNCTION = '''"""Three levels at two jumps, made for a test."""

import tensorflow as tf
from jaxtyping import Float

from estimators.function import hard_function


@hard_function(
    label="added(x)",
    levels=(-1.0, 0.5, 2.0),
    rise=1.5,
    jump=lambda x: x - tf.where(x < 0.5, tf.zeros_like(x), tf.ones_like(x)),
    period=1.0,
)
def added_function(x: Float[tf.Tensor, "*shape"]) -> Float[tf.Tensor, "*shape"]:
    """−1 below 0, ½ from there to 1, 2 above; of any shape and floating dtype."""
    return 1.5 * (tf.cast(x > 0, x.dtype) + tf.cast(x > 1, x.dtype)) - 1
'''
TASK = '''"""A sign that reaches a number, made for a test."""

import tensorflow as tf

from tasks import arguments
from tasks.base import Measure, Task


def added_task(*, dim: int = 3, dtype: str = "float32") -> Task:
    """Minimise the mean of (sign(x) − 1)² over x of [dim]. Raises UserError for arguments that make no task."""
    arguments.added_task(dim=dim)

    def start(chance, problem):
        return {"x": tf.cast(chance.normal([dim]), dtype)}

    def loss(parameters, batch, hard, chance, problem):
        return tf.reduce_mean(tf.square(hard(parameters["x"], at="x/weights") - 1)), {}

    def judge(parameters, hard, problem):
        return {"wrong": tf.reduce_mean(tf.cast(hard(parameters["x"], at="x/weights") < 0, dtype))}

    return Task(
        name="added_task",
        label="Added task",
        start=start,
        loss=loss,
        judge=judge,
        measures={"wrong": Measure("Wrong signs", "share of coordinates", "lower")},
        selects="train_loss",
        reports="wrong",
        target=("wrong", 0.0),
        sizes={"x": (dim,)},
        flops=float(dim),
        weights=("x",),
        forwards=("added_function",),
    )
'''
FIGURE = '''"""The last loss of every replica, made for a test."""

from matplotlib.figure import Figure

from results import ResultSet
from results.drawing import style


def draw(results: ResultSet, columns: int = 2) -> Figure:
    """A point for each replica. Raises RecordError for incomplete results."""
    results.complete()
    final = results.final_rows().sort_values("replica")
    labels = {name: account["labels"]["estimator"] for name, account in results.runs().items()}
    with style.context(columns):
        figure = Figure(figsize=(style.COLUMN * columns, 3), layout="constrained")
        axes = figure.subplots()
        axes.set_title("Last losses")
        for run in sorted(labels, key=lambda run: (labels[run], run)):
            losses = final.loc[final["run"] == run, "train_loss"]
            axes.plot(losses, [labels[run]] * len(losses), "o")
    return figure
'''
ANALYSIS = '''"""The analysis `added_table`: how many rows each run has. Made for a test."""

import pandas as pd

from results import ResultSet


def added_table(results: ResultSet) -> pd.DataFrame:
    """A row for each estimator: how many rows were recorded."""
    return results.rows.groupby("estimator").size().rename("rows").reset_index()
'''
TABLE = '''"""The table `added_table`, as it is printed and written. Made for a test."""

from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from results.tables import printing


def show(counted: pd.DataFrame, console: Console) -> list[Table]:
    """Prints the table; returns it."""
    return printing.show(parts(counted), console)


def write(counted: pd.DataFrame, folder: str | Path) -> list[Path]:
    """Writes added_table.csv into this folder; returns its path."""
    path = Path(folder) / "added_table.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    printing.csv(counted, path)
    return [path]


def parts(counted: pd.DataFrame) -> list[printing.Part]:
    """The table as text."""
    return [printing.Part("Rows of each estimator", counted.astype(str), "Made for a test.")]
'''
ARGUMENTS = '''

def added_task(*, dim: int, **_) -> None:
    """Raises UserError with one sentence for arguments that make no such task."""
    at_least(1, dim=dim)
'''
EXPERIMENT = """# @package _global_
# Made for a test: what was added, on nothing else.
defaults:
  - override /task: added_task
  - override /estimator: added_slope
  - override /function: added_function
  - override /optimizer: added_optimizer
record_points: 2
figures: [added_figure]
tables: [added_table]
hydra:
  sweeper:
    params:
      seed: range(2)
"""
IMPORTS = """
from results.analysis import added_table as added_analysis
from results.tables import added_table
"""
LINE = """    "added_table": Kind(
        lambda results: (added_analysis.added_table(results),), added_table.show, added_table.write, added_table.parts
    ),
"""
# What goes into each file of a list: a new one's text, or what becomes of the text of one that is there.
NEW = {
    "An estimator": {
        "NAME": "added_slope",
        "estimators/surrogates/NAME.py": ESTIMATOR,
        "estimators/__init__.py": lambda text: (
            text + "from estimators.surrogates.added_slope import added_slope as added_slope\n"
        ),
        "conf/estimator/NAME.yaml": "name: added_slope\nwidth: 1.0\n",
    },
    "A hard function": {
        "NAME": "added_function",
        "estimators/functions/NAME.py": FUNCTION,
        "estimators/__init__.py": lambda text: (
            text + "from estimators.functions.added_function import added_function as added_function\n"
        ),
        "conf/function/NAME.yaml": "# Three levels.\nname: added_function\n",
        "tasks/TASK.py": lambda text: after(text, 'forwards=("round", ', '"added_function", '),
    },
    "A task": {
        "NAME": "added_task",
        "tasks/NAME.py": TASK,
        "tasks/__init__.py": lambda text: after(text, '    "sign_fitting",\n', '    "added_task",\n'),
        "tasks/arguments.py": lambda text: text + ARGUMENTS,
        "conf/task/NAME.yaml": "name: added_task\ndim: 3\nsteps: 2\n",
    },
    "An optimizer": {
        "NAME": "added_optimizer",
        "conf/optimizer/NAME.yaml": (
            "name: added_optimizer\nkeras: Adagrad\nlearning_rate: 0.1\n"
            "grid:\n  default: [0.001, 0.01, 0.1, 1.0, 10.0]\ninitial_accumulator_value: 0.1\n"
        ),
    },
    "A figure": {
        "NAME": "added_figure",
        "results/figures/NAME.py": FIGURE,
        "conf/experiment/NAME.yaml": EXPERIMENT,
    },
    "A table": {
        "NAME": "added_table",
        "results/analysis/NAME.py": ANALYSIS,
        "results/tables/NAME.py": TABLE,
        "results/tables/__init__.py": lambda text: after(
            after(text, "from __future__ import annotations\n", IMPORTS), "TABLES = {\n", LINE
        ),
    },
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of the project to which everything was added that there are lists for: the files of the lists alone."""
    copy = tmp_path_factory.mktemp("project")
    ignored = shutil.ignore_patterns("__pycache__", "runs", "plans", "output", "errors", "frozen")
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, copy / folder, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", copy)
    for title, files in NEW.items():
        for path in cells(title):
            name = path.replace("NAME", files["NAME"]).replace("TASK", "quantized_regression")
            place, content = copy / name, files[path]
            assert place.exists() == callable(content), path
            text = content(place.read_text(encoding="utf-8")) if callable(content) else content
            place.write_text(text, encoding="utf-8")
    return copy


@pytest.mark.parametrize("title", NEW)
def test_a_list_names_the_files_that_are_needed(title):
    assert {*cells(title)} == {*NEW[title]} - {"NAME"}


def test_every_list_is_done_here():
    assert set(re.findall(r"^### (.+)$", PAGE, re.MULTILINE)) == set(NEW)


def test_what_the_lists_add_is_planned_trained_printed_and_drawn(tree, tmp_path):
    store = tmp_path / "store"
    done = sweep("experiment=added_figure", store=store, root=tree)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Rows of each estimator" in done.stdout
    rows = load(store).rows
    [run] = rows[["estimator", "forward", "task", "optimizer"]].drop_duplicates().itertuples(index=False)
    assert tuple(run) == ("added_slope", "added_function", "added_task", "added_optimizer") and len(rows) == 6
    made = {path.name for path in (store / "output" / "added_figure").iterdir()}
    assert {"added_figure.png", "added_table.csv"} <= made
    refused = sweep("experiment=added_figure", "task.dim=0", "plan=true", store=store, root=tree)
    assert refused.returncode == 2 and "task.dim is 0" in refused.stderr, "without TensorFlow"


def typed(arguments, tree, given=None):
    asked = [sys.executable, *arguments]
    return subprocess.run(asked, cwd=tree, input=given, capture_output=True, check=False, encoding="utf-8")


def test_the_lines_that_show_what_is_new_can_be_typed(tree):
    """In one process, and without the training, which takes seconds each: that is the long form below."""
    cases = [{"arguments": [*lines(title)[0][2:], "plan=true"]} for title in NEW]
    done = typed(["-m", "tests.oracles.commands"], tree, json.dumps(cases))
    assert done.returncode == 0, done.stderr
    for title, plan in zip(NEW, json.loads(done.stdout), strict=True):
        assert plan["code"] == 0 and not plan["err"], (title, plan)
        assert "2 runs, 8 replicas: 0 done, 8 missing." in plan["out"] and "declined" not in plan["out"], (title, plan)


@pytest.mark.long
@pytest.mark.parametrize("title", NEW)
def test_the_lines_show_what_is_new_and_test_it(title, tree):
    """What is new has another curve than what stands beside it, or a file. Nothing else has to be touched: it keeps
    what is promised of its kind, and what stands in several places agrees."""
    shows, tests = lines(title)
    shown = typed(shows, tree)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    if title in ("A figure", "A table"):
        assert list((tree / "tried/output").glob(f"*/{NEW[title]['NAME']}.*"))
    else:
        rows = load(tree / "tried", plan_of(shown.stdout)).rows
        one, other = (run.sort_values(["seed", "step"])["train_loss"] for _, run in rows.groupby("run"))
        assert (one.to_numpy() != other.to_numpy()).any()
    tested = typed([*tests, "-n0"], tree)
    assert tested.returncode == 0 and " passed" in tested.stdout, tested.stdout + tested.stderr


def plan_of(printed):
    """The plan whose outputs were printed."""
    return re.search(r"tried/output/([\w-]+)/", printed)[1]


def first_line(path):
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))).splitlines()[0]


def test_the_map_has_every_package_in_its_own_words():
    paths = [path for package in PACKAGES for path in (ROOT / package).rglob("__init__.py")]
    own = {str(path.parent.relative_to(ROOT)): first_line(path) for path in paths}
    assert cells("Where things are") == own


def test_where_it_is_decided_it_is_decided():
    """Each file is there, and has the function that is named beside it."""
    for question, answer in re.findall(r"^\| (.+?) \| (`.+) \|$", section("Where is it decided"), re.MULTILINE):
        path, *names = re.findall(r"`([^`]+)`", answer)
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert set(names) <= functions, question


def test_every_path_and_target_that_is_named_is_there():
    named = [path for path in re.findall(r"`([\w./]+)`", PAGE) if "/" in path and not re.search("NAME|TASK", path)]
    named += [path for title in NEW for path in lines(title)[1] if path.startswith("tests/")]
    assert named and not [path for path in named if not (ROOT / path).exists()]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"(?:^|`)make ([a-z-]+)", PAGE, re.MULTILINE))
    assert {"setup", "lint", "test"} <= targets and not [t for t in targets if f"\n{t}: " not in makefile]
