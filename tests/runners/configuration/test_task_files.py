"""Tasks in files of their own: read, refused by file and line, trained, part of the records' identity."""

import json
import re
import subprocess
import sys

import pytest

import tasks
from results import load
from runners.configuration import choices, run, task_files
from runners.execution import loading
from runners.planning import identity, sources, task_sources
from steeplechase.errors import UserError
from tests.helpers.site import DOCS
from tests.oracles.command import ROOT, sweep

[TEACHER] = re.findall(
    r"```python\n(.*?)```", (DOCS / "how-to/own-task.md").read_text(encoding="utf-8"), flags=re.DOTALL
)
RACE = ("experiment=null", "estimator=ste_clipped,zero", "optimizer=adam", "seed=range(2)", "record_points=4")
RACE += ("figures=[convergence]", "tables=[summary]")


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Writes a task's file, and names it as a command does."""
    monkeypatch.setenv(task_files.NAMED, "")
    monkeypatch.setattr(sys, "path", [*sys.path])

    def write(text, name="teacher.py"):
        task_files.files_named.cache_clear()
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        task_files.name_files([f"task.file={path}"])
        return path

    yield write
    tasks.registry.pop("teacher", None)
    task_files.files_named.cache_clear()


WRONG = {
    "no Python": ("def teacher(:\n", "teacher.py, line 1 is no Python"),
    "no function": ("STEPS = 1\n", "teacher.py has no function teacher(*, ...), of the file's name"),
    "no steps": (
        TEACHER.replace("STEPS =", "STEP ="),
        "does not say for how many steps it is trained: add STEPS = 1000",
    ),
    "steps that are computed": (TEACHER.replace("= 500", "= 5 * 100"), "STEPS must be written out"),
    "by position": (TEACHER.replace("(*, inputs", "(inputs"), "line 11: teacher must take its arguments by keyword"),
    "no dtype": (TEACHER.replace(', dtype="float32"', ""), "line 11: teacher must take dtype"),
    "no default": (TEACHER.replace("units=4", "units"), "the argument 'units' of teacher needs a default, written out"),
    "a default that is computed": (TEACHER.replace("units=4", "units=2 * 2"), "'units' of teacher needs a default"),
    "a word of ours": (TEACHER.replace("units=4", "steps=4"), "an argument cannot be called 'steps'"),
}


@pytest.mark.parametrize("fault", WRONG)
def test_a_wrong_file_is_refused_by_file_and_line(fault, file):
    text, said = WRONG[fault]
    with pytest.raises(UserError) as told:
        file(text)
    assert said in str(told.value) and len(str(told.value).splitlines()) == 1


def test_a_name_that_is_taken_is_refused(file):
    with pytest.raises(UserError, match=r"sign_fitting.py, line 11: there is a task 'sign_fitting' already"):
        file(TEACHER.replace("def teacher", "def sign_fitting"), "sign_fitting.py")


def test_it_is_read_without_being_run(file, tmp_path):
    file(f"open({str(tmp_path / 'was run')!r}, 'w')\n" + TEACHER)
    expected = {"name": "teacher", "inputs": 16, "hidden": 32, "units": 4, "examples": 256, "steps": 500}
    assert choices.defaults_of("task", "teacher") == expected and "teacher" in choices.options("task")
    assert not (tmp_path / "was run").exists()


def fingerprint():
    """Of a run with this task, of which an observed process has seen that it reads nothing."""
    sources.forget()
    task_sources.reads.record("teacher", {})
    program = {"task": {"name": "teacher"}, "estimator": {"name": "ste"}, "estimator_weights": None}
    program |= {"function": {"name": "sign"}, "function_weights": None, "device": "cpu"}
    return identity.fingerprint(run.Run(program, (), {}, "", 0.0))


def test_its_code_is_part_of_the_records_identity(file, tmp_path):
    plain = TEACHER.replace("import math\n", "import math\nfrom half import HALF\n")
    (tmp_path / "half.py").write_text("HALF = 0.5\n", encoding="utf-8")
    file(plain)
    first, covers = fingerprint()
    assert {"teacher.py", "half.py", "tasks/base.py"} <= {*covers} and "tasks/sign_fitting.py" not in covers
    file(plain.replace("STEPS = 500", "STEPS = 500  # a comment"))
    assert fingerprint()[0] == first
    (tmp_path / "half.py").write_text("HALF = 0.25\n", encoding="utf-8")
    assert fingerprint()[0] != first
    task_files.name_files([])
    with pytest.raises(UserError, match=r"the task 'teacher' is in a file of its own: add task.file=PATH"):
        fingerprint()


def test_what_does_not_import_is_told_with_its_line(file):
    file("import math\nimport nothing_of_this_name\n" + TEACHER)
    with pytest.raises(UserError, match=r"teacher.py, line 2 does not import: ModuleNotFoundError"):
        loading.register_task("teacher")


def command(module, *arguments):
    line = [sys.executable, "-m", module, *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, timeout=300, check=False, cwd=ROOT, encoding="utf-8")


@pytest.mark.long
def test_swept_recorded_drawn_and_found_again(tmp_path):
    """The how-to's file, from outside of the repository: trained, drawn, not trained twice, stale where it changes."""
    path, store = tmp_path / "teacher.py", tmp_path / "store"
    path.write_text(TEACHER, encoding="utf-8")
    asked = [*RACE, f"task.file={path}", "task.teacher.hidden=8", "task.examples=64", "steps=60", "name=taught"]
    done = sweep(*asked, store=store)
    assert done.returncode == 0, done.stdout + done.stderr
    results = load(store, "taught")
    final = results.final_rows().groupby("estimator")["train_loss"].mean()
    assert set(results.rows["task"]) == {"teacher"} and final["ste_clipped"] < final["zero"]
    assert {8} == {*results.rows["task.hidden"]} and str(tmp_path) not in json.dumps(results.accounts, default=str)
    assert (store / "output/taught/convergence.png").exists()
    assert "nothing to train" in sweep(*asked, store=store).stdout
    drawn = command("runners.figures", "taught", f"--store={store}")
    assert drawn.returncode == 1 and "add task.file=PATH" in drawn.stderr
    path.write_text(TEACHER.replace(" / 2\n", " / 3\n"), encoding="utf-8")
    stale = sweep(*asked, "plan=true", store=store)
    assert "0 done, 4 missing" in stale.stdout and "teacher.py" in stale.stdout


@pytest.mark.long  # the checks themselves are in tests/tasks/test_contract.py
def test_the_contract_is_asked_before_anything_is_trained(tmp_path):
    path, store = tmp_path / "teacher.py", tmp_path / "store"
    path.write_text(TEACHER, encoding="utf-8")
    kept = command("runners.contract", path)
    assert kept.returncode == 0 and "promises are kept" in kept.stdout and "remark" not in kept.stdout, kept.stderr
    wrong = TEACHER.replace("flops=6.0 *", "flops=0.0 *").replace('target=("validation_loss"', 'target=("loss"')
    path.write_text(wrong, encoding="utf-8")
    broken = command("runners.contract", f"task.file={path}")
    assert broken.returncode == 1 and "`flops` is 0.0" in broken.stdout and "`target` is loss" in broken.stdout
    swept = sweep(*RACE, f"task.file={path}", store=store)
    assert swept.returncode == 2 and not list(store.rglob("run-*.json"))
    assert "teacher.py, line 11 breaks the contract: " in swept.stderr and "`flops` is 0.0" in swept.stderr
    assert "`target` is loss" in swept.stderr and len(swept.stderr.splitlines()) == 1


@pytest.mark.long
def test_what_a_task_reads_is_known_or_refused(tmp_path):
    """At the file's top it is part of the identity; in the function it would be found too late: nothing is trained."""
    path, store, numbers = tmp_path / "teacher.py", tmp_path / "store", tmp_path / "numbers.txt"
    numbers.write_text("1.0\n", encoding="utf-8")
    reading = f"FACTOR = float(open({str(numbers)!r}).read())\n"
    path.write_text(TEACHER.replace("STEPS = 500", reading + "STEPS = 500"), encoding="utf-8")
    asked = [*RACE, f"task.file={path}", "task.examples=64", "steps=20"]
    done = sweep(*asked, store=store)
    assert done.returncode == 0, done.stdout + done.stderr
    assert any("teacher.py reads the file numbers.txt" in name for name in load(store).accounts[0]["sources"])
    numbers.write_text("2.0\n", encoding="utf-8")
    assert "0 done, 4 missing" in sweep(*asked, "plan=true", store=store).stdout
    path.write_text(TEACHER.replace("    parts =", f"    {reading}    parts ="), encoding="utf-8")
    late = sweep(*asked, store=tmp_path / "late")
    told = " ".join(re.sub("[│─┼┤├]", " ", late.stdout + late.stderr).split())
    assert late.returncode == 1 and "teacher.py reads the file numbers.txt, which was" in told, told
    assert not list((tmp_path / "late").rglob("run-*.json"))


@pytest.mark.long
def test_from_python(tmp_path):
    """sc.sweep and sc.load take the file; without it, that cannot be seen is said."""
    (tmp_path / "teacher.py").write_text(TEACHER, encoding="utf-8")
    code = """
import warnings, steeplechase as sc
found = sc.sweep(task_file="teacher.py", estimator="ste", seed=range(2), steps=20, name="taught", verbose=False,
                 **{"task.teacher.examples": 64})
assert set(found.rows["task"]) == {"teacher"}
with warnings.catch_warnings():
    warnings.simplefilter("error")
    sc.load(plan="taught", task_file="teacher.py")
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    sc.load(plan="taught")
assert "add task.file=PATH" in str(caught[-1].message)
"""
    environment = {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("head", "holds"), [("@surogate()\ndef mine(x, *, a=1.0)", False), ("def mine(size)", True)])
def test_a_slope_without_its_decorator_is_taken_for_no_task(tmp_path, head, holds):
    """The contract then says that a function under @surrogate is missing, and nothing of tasks."""
    path = tmp_path / "mine.py"
    path.write_text(f"{head}:\n    pass\n", encoding="utf-8")
    assert task_files.holds_task(path) is holds
