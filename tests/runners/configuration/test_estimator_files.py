"""Estimators from elsewhere: a file that the user names, an installed package; and what happens when they are wrong."""

import importlib.metadata
import os
import re
import subprocess
import sys

import pytest

import estimators
from results import load
from results.records.store import Store
from runners.configuration import choices, estimator_files, run
from runners.execution import contract as contracts
from runners.execution import loading
from runners.planning import file_sources, identity, sources
from steeplechase.errors import UserError
from tests.helpers.slopes import HEAD, PAGE
from tests.oracles.command import QUIET, ROOT, sweep

ONE_RUN = ["experiment=null", "task=sign_fitting", "optimizer=sgd", "steps=20", "record_points=2", *QUIET]


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Writes a page to a file and names it, as the command line does; forgets it in the end."""

    def write(text, name="my_slope.py"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        estimator_files.name_files([f"estimator.file={path}"])
        return path

    monkeypatch.setenv("STEEPLECHASE_ESTIMATORS", "")
    yield write
    estimator_files.files_named.cache_clear()
    sources.forget()


def test_a_page_is_read_without_being_run(file):
    file("raise SystemExit('it was run')\n" + PAGE)
    page = estimator_files.find("cauchy")
    assert page.defaults == {"name": "cauchy", "width": 1.0} and page.place == "my_slope.py, line 7"
    assert choices.defaults_of("estimator", "cauchy") == page.defaults and "cauchy" in choices.options("estimator")
    with pytest.raises(UserError, match="did you mean 'cauchy'"):
        choices.defaults_of("estimator", "cauchi")


WRONG = {
    "no Python": ("def (:", "my_slope.py, line 1 is no Python"),
    "no page": ("x = 1\n", "my_slope.py has no page: a function under @surrogate"),
    "two pages": (PAGE + PAGE[len(HEAD) :].replace("cauchy", "other"), "has a second page, 'other' beside 'cauchy'"),
    "a name of the book": (PAGE.replace("cauchy", "atan"), "the book has an estimator 'atan' already"),
    "no default": (PAGE.replace("width=1.0", "width"), "the parameter 'width' of cauchy needs a number as its default"),
    "a word as default": (PAGE.replace("width=1.0", "width='a'"), "needs a number as its default"),
    "by position": (
        PAGE.replace("*, width", "width"),
        "line 6: cauchy must take x, and its parameters by keyword",
    ),
    "a word of ours": (PAGE.replace("width", "forward"), "a parameter cannot be called 'forward'"),
}
WRONG_WHEN_RUN = {
    "does not import": ("import nothing_of_this_name\n" + PAGE, "line 1 does not import: ModuleNotFoundError"),
    "crashes": (PAGE.replace("    return", "    undefined\n    return"), "fails on a plain tensor: NameError"),
    "None": (PAGE.replace("    return 2", "    2"), "line 6: cauchy returned None for a float16 x"),
    "another type": (PAGE.replace("return 2", "return tf.cast(x, tf.float64)\n    2"), "cauchy returned float64"),
    "another shape": (PAGE.replace("return 2", "return tf.reduce_sum(x)\n    2"), "cauchy returned the shape ()"),
    "an unknown trait": (PAGE.replace("area=2", "aera=2"), "has no trait 'aera'; did you mean 'area'?"),
}  # fmt: skip


@pytest.mark.parametrize("fault", WRONG)
def test_a_wrong_file_is_refused_by_file_and_line(fault, file):
    text, said = WRONG[fault]
    with pytest.raises(UserError) as told:
        file(text)
    assert said in str(told.value) and len(str(told.value).splitlines()) == 1


@pytest.mark.parametrize("fault", WRONG_WHEN_RUN)
def test_a_page_that_does_not_work_is_refused_by_file_and_line(fault, file, monkeypatch):
    import estimators

    text, said = WRONG_WHEN_RUN[fault]
    file(text)
    with pytest.raises(UserError) as told:
        loading.register("cauchy")
    estimators.registry.pop("cauchy", None)
    assert said in str(told.value) and len(str(told.value).splitlines()) == 1


def test_two_files_of_one_name_are_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("STEEPLECHASE_ESTIMATORS", "")
    for folder, name in (("a", "one"), ("b", "two")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "slope.py").write_text(PAGE.replace("cauchy", name), encoding="utf-8")
    with pytest.raises(UserError, match=r"two files are called slope.py: rename one"):
        estimator_files.name_files([f"estimator.file={tmp_path}/a/slope.py,{tmp_path}/b/slope.py"])


def test_a_name_of_the_book_stays_the_books(monkeypatch):
    """Whatever installed packages announce; and of two that announce one name, neither is guessed."""
    point = importlib.metadata.EntryPoint("ste", "their_slopes", estimator_files.GROUP)
    twice = [importlib.metadata.EntryPoint("cauchy", module, estimator_files.GROUP) for module in ("a", "b")]
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [point, *twice])
    estimator_files.entry_points.cache_clear()
    try:
        assert estimator_files.find("ste") is None and list(estimator_files.entry_points()) == ["cauchy"]
        with pytest.raises(UserError, match="'cauchy' is announced by 2 installed packages"):
            estimator_files.find("cauchy")
    finally:
        estimator_files.entry_points.cache_clear()


def test_its_code_is_part_of_the_records_identity(file):
    def fingerprint(text):
        file(text)
        estimator_files.files_named.cache_clear()
        sources.forget()
        program = {
            "task": {"name": "sign_fitting"},
            "estimator": {"name": "cauchy"},
            "estimator_weights": None,
            "function": {"name": "sign"},
            "function_weights": None,
            "device": "cpu",
        }
        found, covers = identity.fingerprint(run.Run(program, (), {}, "", 0.0))
        assert "my_slope.py" in covers and "estimators/surrogate.py" in covers
        assert not any("site-packages" in name or os.sep == name[0] for name in covers)
        return found

    plain = fingerprint(PAGE)
    assert fingerprint(PAGE.replace("@surrogate", "# a comment\n@surrogate")) == plain
    assert fingerprint(PAGE.replace("(1 + tf", "(1.5 + tf")) != plain
    assert fingerprint(PAGE.replace("area=2", "area=3")) != plain
    assert fingerprint("import scipy\n" + PAGE) != plain, "what it imports counts, by its version"


RECIPES = {
    "a file of an estimator's": "estimator:\n  file: SPY\n",
    "what named files travel in": "hydra:\n  job:\n    env_set:\n      STEEPLECHASE_ESTIMATORS: SPY\n",
}


def test_a_configuration_never_makes_a_file_run(tmp_path):
    """Recipes from elsewhere, in a folder that the command names; without its secret one runs."""
    folder, spy = tmp_path / "conf", tmp_path / "spy.py"
    spy.write_text(f"open({str(tmp_path / 'was run')!r}, 'w')\n" + PAGE, encoding="utf-8")
    path = folder / "experiment" / "foreign.yaml"
    path.parent.mkdir(parents=True)
    asked = ["--config-dir", str(folder), "experiment=foreign", *ONE_RUN[1:]]
    for recipe in RECIPES.values():
        path.write_text("# @package _global_\n" + recipe.replace("SPY", str(spy)), encoding="utf-8")
        answer = sweep(*asked, store=tmp_path / "store")
        assert answer.returncode == 2 and not (tmp_path / "was run").exists(), answer.stdout + answer.stderr
        assert len(answer.stderr.splitlines()) == 1 and answer.stderr.startswith("steeplechase: ")
    path.write_text("# @package _global_\nseed: 1\n", encoding="utf-8")
    environment = {**os.environ, "STEEPLECHASE_ESTIMATORS": str(spy)}
    answer = command("runners.sweep", *asked, f"store={tmp_path / 'store'}", env=environment)
    assert answer.returncode == 0 and not (tmp_path / "was run").exists(), "nor does what a shell has left behind"


@pytest.mark.long  # the README's page is swept, drawn and held to the contract, too
def test_swept_recorded_drawn_and_held_to_the_contract(tmp_path):
    """The README's way, from outside the repository."""
    mine = tmp_path / "my_slope.py"
    mine.write_text(PAGE, encoding="utf-8")
    steps = [
        "experiment=null",
        "task=sign_fitting",
        "optimizer=sgd",
        "steps=20",
        "record_points=2",
        "tables=[summary]",
    ]
    asked = [*steps, "estimator=ste,cauchy", "estimator.width=1,2", "figures=[convergence]", f"estimator.file={mine}"]
    wrong = sweep(*asked, store=tmp_path / "store")
    assert wrong.returncode == 2 and "ste has no key 'width'" in wrong.stderr
    asked = [part for part in asked if not part.startswith("estimator=")]
    done = sweep(*asked, store=tmp_path / "store")
    assert done.returncode == 0, done.stderr
    [plan] = Store(tmp_path / "store").plans()
    results = load(tmp_path / "store", plan)
    assert set(results.rows.estimator) == {"cauchy"} and set(results.rows["estimator.width"]) == {1.0, 2.0}
    assert (tmp_path / "store/output" / plan / "convergence.png").exists()
    assert str(tmp_path) not in str(results.accounts), "records name no path"
    again = sweep(*asked, store=tmp_path / "store")
    assert "nothing to train" in again.stdout
    mine.write_text(PAGE.replace("(1 + tf", "(1.5 + tf"), encoding="utf-8")
    stale = sweep(*asked, "plan=true", store=tmp_path / "store")
    assert "my_slope.py changed" in stale.stdout.replace("\n", "").replace("│", "") or "my_slope" in stale.stdout
    assert "0 done, 2 missing" in stale.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["my_slope.py", "store"], "no trace beside the file"


def command(module, *arguments, **more):
    line = [sys.executable, "-m", module, *map(str, arguments)]
    return subprocess.run(
        line, capture_output=True, text=True, timeout=120, check=False, **{"cwd": ROOT, **more}, encoding="utf-8"
    )


@pytest.mark.long
def test_the_contract_is_one_command(tmp_path):
    mine = tmp_path / "my_slope.py"
    mine.write_text(PAGE, encoding="utf-8")
    kept = command("runners.contract", mine)
    every = f"{len(contracts.CHECKS)} of {len(contracts.CHECKS)} promises are kept"
    assert kept.returncode == 0 and every in kept.stdout, kept.stdout + kept.stderr
    mine.write_text(PAGE.replace("area=2", "area=1"), encoding="utf-8")
    broken = command("runners.contract", mine)
    assert broken.returncode == 1 and "my_slope.py, line 6" in broken.stdout
    assert "cauchy has another area than it declares: 2 instead of 1" in broken.stdout
    swept = sweep(*ONE_RUN, f"estimator.file={mine}", store=tmp_path / "store")
    assert swept.returncode == 2 and "my_slope.py, line 6 breaks the contract: cauchy has another area" in swept.stderr
    assert not list((tmp_path / "store").rglob("run-*.json"))
    planned = [
        sweep("experiment=surrogates", *own, "plan=true", store=tmp_path / "store").stdout
        for own in ((), (f"estimator.file={mine}",))
    ]
    runs = [int(re.search(r"(\d+) runs", plan)[1]) for plan in planned]
    assert runs[1] == runs[0] + 2 and "cauchy" in planned[1], "the experiment's own, and this one on both of its tasks"
    mine.write_text(PAGE.replace("return 2 ", "return None"), encoding="utf-8")
    wrong = command("runners.contract", mine)
    assert wrong.returncode == 2 and "Traceback" not in wrong.stderr and len(wrong.stderr.splitlines()) == 1
    for name, said in (("identity", "it is called 'ste' here"), ("tanh_slop", "did you mean 'tanh_slope'")):
        answer = command("runners.contract", name)
        assert answer.returncode == 2 and said in answer.stderr


@pytest.mark.long
def test_an_installed_package_announces_its_pages(tmp_path):
    """A package as pip leaves it: its modules, and what it announces."""
    package = tmp_path / "site" / "their_slopes"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("", encoding="utf-8")
    (package / "constants.py").write_text("FACTOR = 1.0\n", encoding="utf-8")
    text = "from their_slopes.constants import FACTOR\n" + PAGE.replace("return 2 /", "return FACTOR * 2 /")
    (package / "slopes.py").write_text(text, encoding="utf-8")
    info = tmp_path / "site" / "their_slopes-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-slopes\nVersion: 1.2\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(
        "[steeplechase.estimators]\ncauchy = their_slopes.slopes\n", encoding="utf-8"
    )
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path / 'site'}"}
    arguments = [*ONE_RUN, "estimator=cauchy,ste", f"store={tmp_path / 'store'}"]
    done = command("runners.sweep", *arguments, env=environment)
    assert done.returncode == 0, done.stderr + done.stdout
    results = load(tmp_path / "store")
    assert set(results.rows.estimator) == {"cauchy", "ste"}
    account = next(a for a in results.accounts if "cauchy" in a["run"])
    assert account["sources"]["their_slopes"] == "their-slopes 1.2"
    assert {"their_slopes/slopes.py", "their_slopes/constants.py"} <= set(account["sources"])
    (package / "constants.py").write_text("FACTOR = 2.0\n", encoding="utf-8")
    plan = command("runners.sweep", *arguments, "plan=true", env=environment)
    assert "2 runs, 2 replicas: 1 done, 1 missing." in plan.stdout
    unknown = command("runners.sweep", *ONE_RUN, "estimator=cauchy", f"store={tmp_path / 'store'}")
    assert unknown.returncode == 2 and "there is no estimator 'cauchy'" in unknown.stderr


NEIGHBOURS = """from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf
from neighbour import half
from steeplechase import surrogate

try:
    import surely_nowhere
except ImportError:
    surely_nowhere = None


@dataclass
class Shape:
    height: float = half


@surrogate(label="Rough", source="a thesis", area=None, peak=None, known=((0.0, 0.5),))
def rough(x, *, scale=1.0):
    return Shape().height * tf.exp(-tf.square(scale * x))
"""


def test_what_a_file_imports_is_seen_as_python_has_it(file, tmp_path, monkeypatch):
    """Dataclasses with postponed annotations, a neighbour, an import that may be missing."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "neighbour.py").write_text("half = 0.5\n", encoding="utf-8")
    file(NEIGHBOURS, "rough.py")
    files, packages = file_sources.files_and_packages(estimator_files.find("rough"))
    assert {*files} == {"rough.py", "neighbour.py"} and packages["surely_nowhere"] == "not there"
    try:
        loading.register("rough")
        assert float(estimators.registry["rough"].multiplier([0.0])[0]) == 0.5
    finally:
        del estimators.registry["rough"]
        sys.modules.pop("neighbour")


@pytest.mark.long  # test_what_a_file_imports_is_seen_as_python_has_it, by the command
def test_a_file_is_loaded_as_python_loads_it(tmp_path):
    """Dataclasses with postponed annotations, a neighbour, an import that may be missing; form is a remark."""
    mine = tmp_path / "rough.py"
    mine.write_text(NEIGHBOURS, encoding="utf-8")
    (tmp_path / "neighbour.py").write_text("half = 0.5\n", encoding="utf-8")
    asked = [*ONE_RUN, "estimator=rough", f"estimator.file={mine}"]
    done = sweep(*asked, store=tmp_path / "store")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "a remark: rough.py, line 21: rough's docstring lacks Replaces" in done.stdout
    [account] = load(tmp_path / "store").accounts
    assert {"rough.py", "neighbour.py"} <= {*account["sources"]} and account["sources"]["surely_nowhere"] == "not there"
    (tmp_path / "neighbour.py").write_text("half = 0.25\n", encoding="utf-8")
    stale = sweep(*asked, "plan=true", store=tmp_path / "store")
    assert "neighbour.py" in stale.stdout and "0 done, 1 missing" in stale.stdout
    mine.write_text(
        NEIGHBOURS.replace("try:\n", "if True:\n").replace("except ImportError:", "if False:"), encoding="utf-8"
    )
    missing = sweep(*asked, "plan=true", store=tmp_path / "store")
    assert missing.returncode == 2 and "rough.py imports 'surely_nowhere', which cannot be found" in missing.stderr


@pytest.mark.long
def test_all_faults_of_all_files_are_told_at_once(tmp_path):
    first, second = tmp_path / "cauchy.py", tmp_path / "rough.py"
    first.write_text(PAGE.replace("area=2", "area=1"), encoding="utf-8")
    second.write_text(NEIGHBOURS.replace("0.5),)", "0.7),)"), encoding="utf-8")
    (tmp_path / "neighbour.py").write_text("half = 0.5\n", encoding="utf-8")
    done = sweep(*ONE_RUN, f"estimator.file={first},{second}", store=tmp_path / "store")
    assert done.returncode == 2 and not list((tmp_path / "store").rglob("run-*.json"))
    assert "cauchy.py, line 6 breaks the contract: cauchy has another area" in done.stderr
    assert "rough.py, line 21 breaks the contract: rough" in done.stderr and "0.7" in done.stderr


@pytest.mark.parametrize(
    ("roles", "widens"), [("", ("width",)), ("roles={'a': 'width'}", ("width", "a")), ("roles={'width': 'other'}", ())]
)
def test_a_parameter_called_width_widens_unless_its_role_says_otherwise(tmp_path, roles, widens):
    """So that one is told whose file declares no roles that the key `width` takes its place."""
    path = tmp_path / "my_slope.py"
    path.write_text(f"@surrogate({roles})\ndef my_slope(x, *, width=1.0, a=1.0):\n    pass\n", encoding="utf-8")
    assert estimator_files.read(path).widens == widens
