"""What was entered by halves, or is another one in conf than in its file: one sentence, and no TensorFlow."""

import shutil
import sys

import pytest

from runners import contract
from runners.configuration import choices, estimator_files, schema, task_files
from steeplechase.errors import UserError
from tests.helpers.configurations import changed
from tests.oracles.command import ROOT

FUNCTION = '''"""Three levels, made for a test."""

from estimators.function import hard_function


@hard_function(label="NAME(x)", levels=(-1.0, 1.0), rise=2.0, allowed={"at_zero": (1, -1)})
def NAME(x, *, at_zero=1):
    """The sign."""
    return x
'''


@pytest.fixture
def house(tmp_path, monkeypatch):
    """Enters a hard function in a copy of the house: its file, its line, its YAML; None leaves one out."""
    shutil.copytree(schema.CONF, tmp_path / "conf")
    shutil.copytree(ROOT / "estimators", tmp_path / "estimators", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(schema, "CONF", tmp_path / "conf")
    monkeypatch.setattr(estimator_files, "ESTIMATORS_DIR", tmp_path / "estimators")
    monkeypatch.setattr(estimator_files, "FUNCTIONS_DIR", tmp_path / "estimators/functions")

    def enter(name, code=FUNCTION, line="from estimators.functions.NAME import NAME as NAME\n", page="at_zero: 1\n"):
        if code is not None:
            (tmp_path / f"estimators/functions/{name}.py").write_text(code.replace("NAME", name), encoding="utf-8")
        if page is not None:
            (tmp_path / f"conf/function/{name}.yaml").write_text(f"name: {name}\n{page}", encoding="utf-8")
        with (tmp_path / "estimators/__init__.py").open("a", encoding="utf-8") as contents:
            contents.write(line.replace("NAME", name))
        estimator_files.listed_functions.cache_clear()
        return choices.defaults_of("function", name)

    yield enter
    estimator_files.listed_functions.cache_clear()


@pytest.fixture
def named_before(monkeypatch):
    """What a command that names files changes of its process is as before afterwards."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    for variable in (estimator_files.NAMED, task_files.NAMED):
        monkeypatch.setenv(variable, "")


def test_a_function_that_is_entered_whole_is_planned(house):
    assert changed(function=house("whole")).program["function"] == {"name": "whole", "at_zero": 1}


BY_HALVES = {
    "no_file": ({"code": None}, "'no_file' is in conf/function, but has no file estimators/functions/no_file.py."),
    "no_line": (
        {"line": ""},
        "'no_line' is in conf/function, but not in the book: add `from estimators.functions.no_line import no_line as "
        "no_line` to estimators/__init__.py.",
    ),
    "no_yaml": (
        {"page": None},
        "there is estimators/functions/no_yaml.py, but no conf/function/no_yaml.yaml: its name and parameters.",
    ),
    "too_many": (
        {"page": "at_zero: 1\ntop: 2\n"},
        "conf/function/too_many.yaml has the keys: at_zero, top; but too_many takes: at_zero. Make them the same.",
    ),
    "too_few": (
        {"page": ""},
        "conf/function/too_few.yaml has the keys: none; but too_few takes: at_zero. Make them the same.",
    ),
    "another": (
        {"code": FUNCTION.replace("def NAME", "def other")},
        "estimators/functions/another.py must have one function under @hard_function(...), of the name another.",
    ),
    "computed": (
        {"code": FUNCTION.replace("(1, -1)", "tuple(range(2))")},
        "estimators/functions/computed.py, line 6: allowed must be written out, since plans read it.",
    ),
    "no_python": ({"code": "def (:\n"}, "no_python.py, line 1 is no Python: invalid syntax."),
}


@pytest.mark.parametrize("name", BY_HALVES)
def test_what_a_function_lacks_is_said_when_it_is_planned(house, name):
    given, said = BY_HALVES[name]
    with pytest.raises(UserError) as told:
        changed(function=house(name, **given))
    assert str(told.value) == said


@pytest.mark.parametrize(
    "group, name, text, said",
    [
        (
            "estimator",
            "ste",
            "name: ste\nwidth: 1.0\n",
            "has the keys: width; but ste takes: none. Make them the same.",
        ),
        ("task", "gates", "name: gates\nsteps: 2\n", "has the keys: none; but gates takes: "),
    ],
)
def test_the_keys_of_other_pages_are_held_against_their_files_too(house, group, name, text, said):
    (schema.CONF / group / f"{name}.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as told:
        changed(**{group: choices.defaults_of(group, name)})
    assert str(told.value).startswith(f"conf/{group}/{name}.yaml {said}")


def test_a_task_without_its_yaml_is_told_so(house):
    (schema.CONF / "task/gates.yaml").unlink()
    with pytest.raises(
        UserError, match=r"'gates' is in the book, but has no conf/task/gates.yaml: its name, arguments"
    ):
        choices.defaults_of("task", "gates")


@pytest.mark.parametrize(
    "name, said",
    [
        ("rond", "there is no estimator, hard function or task 'rond'; did you mean 'round'? Known are: absmax, "),
        ("sortin", "did you mean 'sorting'?"),
        ("tanh_slop", "did you mean 'tanh_slope'?"),
        ("identity", "there is no estimator, hard function or task 'identity': it is called 'ste' here."),
        ("function.file=mine.py", "a hard function is read from no file; one of your own needs a checkout"),
    ],
)
def test_the_contract_knows_what_was_meant_among_all_that_keep_one(named_before, name, said, capsys):
    assert contract.main([name]) == 2
    assert said in (sentence := capsys.readouterr().err) and len(sentence.splitlines()) == 1


@pytest.mark.parametrize("key", ["", "estimator.file="])
def test_a_hard_function_in_a_file_of_ones_own_is_told_what_it_needs(named_before, key, tmp_path, capsys):
    path = tmp_path / "mine.py"
    path.write_text(FUNCTION.replace("NAME", "mine"), encoding="utf-8")
    assert contract.main([f"{key}{path}"]) == 2
    said = "mine.py has a hard function, but no command reads one: one of your own needs a checkout of the repository"
    assert said in capsys.readouterr().err
