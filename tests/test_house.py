"""The house: names that stand in several places are the same names, and nobody looks over a wall."""

import ast
import dataclasses
import inspect
import itertools
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import matplotlib as mpl
import pytest
import yaml
from packaging.requirements import Requirement

import estimators
import tasks
from estimators.function import functions
from results import tables
from results.drawing import style
from runners.configuration import choices, estimator_files, schema
from steeplechase import schedules
from tasks.base import parameters
from tests.helpers.configurations import pages

ROOT = Path(__file__).parents[1]


def test_every_estimator_has_its_yaml_with_its_parameters():
    given = {name: {k: v for k, v in page.items() if k != "name"} for name, page in pages("estimator").items()}
    assert set(given) == set(estimators.names())
    for name, page in ((name, estimators.find(name)) for name in estimators.names()):
        assert given[name].pop("samples", None) == getattr(page, "samples", None)
        assert given[name].keys() == page.parameters.keys()
        for parameter, value in given[name].items():
            if isinstance(value, str):  # a page whose configuration is the paper's schedule
                value = choices.unquoted(value)
                for number in schedules.values(value):
                    page.check(**{parameter: number})
                assert schedules.encode(parameter, value)
            else:
                assert value == page.parameters[parameter]
    assert all(page["name"] == name for name, page in pages("estimator").items())


def test_every_hard_function_has_its_yaml_with_its_parameters():
    given = pages("function")
    assert sorted(given) == sorted(functions) == [*estimator_files.function_names()]
    for name, function in functions.items():
        assert given[name] == {"name": name, **function.parameters}
        assert estimator_files.allowed_values(name) == dict(function.allowed)


def test_every_task_has_its_yaml_with_its_arguments():
    given = pages("task")
    assert set(given) == set(tasks.registry)
    for name, page in given.items():
        own = {k: v for k, v in page.items() if k not in ("name", "steps")}
        defaults = {k: list(v) if isinstance(v, tuple) else v for k, v in parameters(tasks.registry[name]).items()}
        defaults.pop("dtype")  # precision
        assert own == defaults and page["name"] == name and page["steps"] > 0


def test_every_optimizer_has_a_rate_inside_a_log_spaced_grid():
    for name, page in pages("optimizer").items():
        assert page["name"] == name
        for kind in ("grid", "wide"):
            for of, grid in page.get(kind, {}).items():
                least = 5 if of in ("default", *tasks.registry) else 3  # of data on which a rate costs more
                ratios = {round(b / a, 1) for a, b in itertools.pairwise(grid)}
                assert len(grid) >= least and max(ratios) < 1.4 * min(ratios) and min(ratios) > 2, (name, grid)
                assert kind == "grid" or page["learning_rate"] in grid, (name, grid)


def test_every_drawn_figure_and_table_is_there():
    drawn, asked = {path.stem for path in (ROOT / "results/figures").glob("*.py")} - {"__init__"}, set()
    config = yaml.safe_load((ROOT / "conf/config.yaml").read_text(encoding="utf-8"))
    for name, page in {**pages("experiment"), "config": config}.items():
        asked |= set(page.get("figures", []))
        assert set(page.get("tables", [])) <= set(tables.TABLES), name
    assert asked == drawn, "a figure is made from an experiment"


def test_every_name_of_the_book_has_a_look():
    """One that is pinned, or one that follows from the name and looks like no pinned one: nothing needs an entry."""
    for name in estimators.names():
        look = style.style_of(name)
        assert mpl.colors.is_color_like(look.colour) and look.marker in mpl.markers.MarkerStyle.markers
        assert name in style.PINNED or look not in style.PINNED.values()


def test_the_schema_knows_every_key():
    known = {field.name for field in dataclasses.fields(schema.Sweep)}
    assert set(yaml.safe_load((ROOT / "conf/config.yaml").read_text(encoding="utf-8"))) - {"defaults", "hydra"} <= known


@pytest.mark.parametrize("wing", ["runners", "tasks", "results"])
def test_no_estimators_name_decides_anything(wing):
    """Only oracles, conf and the pages themselves may name an estimator; style.py gives each a look."""
    for path in (ROOT / wing).rglob("*.py"):
        if path.name == "style.py":
            continue
        words = {n.value for n in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(n, ast.Constant)}
        found = {w for w in words if isinstance(w, str)} & set(estimators.names())
        defaults = {"sigmoid_derivative"} if path.name == "chain.py" else set()  # what a bare `sign` means there
        assert found <= defaults, (path, found)


def test_every_file_says_what_it_is():
    for folder in ("steeplechase", "estimators", "tasks", "runners", "results", "hydra_plugins", "tests"):
        for path in (ROOT / folder).rglob("*.py"):
            first = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
            assert first and first.splitlines()[0].strip(), path


def test_every_public_function_of_the_wings_says_what_it_does():
    for folder in ("steeplechase", "estimators", "tasks", "runners", "results"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
                    assert ast.get_docstring(node), f"{path}: {node.name}"


def test_results_and_planning_need_no_tensorflow():
    for module in (
        "results",
        "runners.figures",
        "runners.execution.launch",
        "runners.sweep",
        "tasks",
        "tasks.data.sets",
    ):
        code = f"import sys, {module}; sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0, module


def test_the_lock_holds_every_dependency_with_hashes_and_names_no_index():
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links", lock)
    pinned = re.findall(r"^([a-z0-9][a-z0-9._-]*)==", lock, re.MULTILINE)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    # The peers are not in the lock: their CPU builds, and so their hashes, differ by platform. They are pinned exactly.
    extras = {name: extra for name, extra in project["optional-dependencies"].items() if name != "peers"}
    assert all("==" in need for need in project["optional-dependencies"]["peers"])
    needs = itertools.chain(project["dependencies"], *extras.values())
    wanted = [re.match(r"[A-Za-z0-9_.-]+", need)[0] for need in needs]
    assert {w.lower() for w in wanted} <= set(pinned)
    entries = re.split(r"\n(?=[a-z0-9])", lock.strip())
    assert all("--hash=sha256:" in entry for entry in entries)


def test_the_lock_is_of_this_project():
    """Each pin is a version that pyproject.toml allows, and what builds a wheel is among them."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pinned = dict(re.findall(r"^([a-z0-9][a-z0-9._-]*)==([^ ;\\]+)", lock, re.MULTILINE))
    about = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = about["project"]
    extras = project["optional-dependencies"]
    for need in map(Requirement, [*project["dependencies"], *extras["dev"], *about["build-system"]["requires"]]):
        assert need.specifier.contains(pinned[need.name.lower()]), need
    assert all(Requirement(need).specifier == Requirement(extras["gpu"][0]).specifier
               for need in project["dependencies"] if need.startswith("tensorflow"))  # fmt: skip
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))["version"] == project["version"]


def test_the_package_is_named_as_nobody_elses_and_has_every_folder():
    about = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert about["project"]["name"] == "steeplechase-gradients"
    assert about["project"]["scripts"] == {"steeplechase": "runners.sweep:cli"}
    wings = ("steeplechase", "estimators", "tasks", "runners", "results", "hydra_plugins")
    folders = {path.parent.relative_to(ROOT) for wing in wings for path in (ROOT / wing).rglob("*.py")}
    assert {".".join(folder.parts) for folder in folders} | {"runners.conf"} == {
        *about["tool"]["setuptools"]["packages"]
    }
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("*.cff"), ROOT / "Makefile"]:
        assert not re.search(r"install\s+(-\S+\s+)*['\"]?steeplechase", path.read_text(encoding="utf-8")), path


def test_signatures_of_task_pages_are_keywords_only():
    for name in tasks.registry:
        kinds = {p.kind for p in inspect.signature(tasks.registry[name]).parameters.values()}
        assert kinds == {inspect.Parameter.KEYWORD_ONLY}


PASSED_OVER = 45  # modules that mypy passes over: this number may only become smaller


def test_the_modules_that_types_are_not_checked_in_are_there_and_become_fewer():
    """Those that have no errors any more are not found here: taking a module out of the list shows it."""
    about = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"]
    [overrides] = about["overrides"]
    assert len(overrides["module"]) == len(set(overrides["module"])) <= PASSED_OVER
    files = [ROOT / f"{module.replace('.', '/')}.py" for module in overrides["module"]]
    gone = [str(file) for file in files if not (file.exists() or (file.with_suffix("") / "__init__.py").exists())]
    assert not gone, "a module that is gone is taken out of the list"
    packages = {"steeplechase", "estimators", "tasks", "runners", "results", "hydra_plugins"}
    assert set(about["files"]) == packages and about["check_untyped_defs"]


def attributes_of_frames(tree):
    """Where a data frame would carry what belongs in a field, by line."""
    return [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == "attrs"]


def test_no_data_frame_carries_facts_beside_its_rows():
    """pandas copies `attrs` at some steps and forgets them at others; what is known beside rows stands in fields."""
    folders = ("steeplechase", "estimators", "tasks", "runners", "results", "hydra_plugins", "tests")
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    found = {str(path): attributes_of_frames(ast.parse(path.read_text(encoding="utf-8"))) for path in paths}
    assert not {path: lines for path, lines in found.items() if lines}
    assert attributes_of_frames(ast.parse('x = 1\ntable.attrs["parts"]')) == [2], "and it would be seen"


def text_without_encoding(tree):
    """Calls that read or write text in whatever encoding the locale has, by line."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name, keys = (
            ast.unparse(node.func).rpartition(".")[2],
            {keyword.arg: keyword.value for keyword in node.keywords},
        )
        mode = keys.get("mode", node.args[1] if node.args[1:] else None)
        text = {
            "read_text": not node.args,
            "write_text": len(node.args) == 1,
            "open": isinstance(node.func, ast.Name) and "b" not in ast.unparse(mode or ast.Constant("r")),
            "fdopen": "b" not in ast.unparse(mode or ast.Constant("r")),
            **dict.fromkeys(("run", "Popen", "check_output"), "text" in keys or "universal_newlines" in keys),
        }
        if text.get(name) and "encoding" not in keys:
            yield node.lineno


def test_text_is_utf_8_whatever_the_locale():
    """Of all that a user starts; and what YAML says beyond ASCII, Hydra reads as UTF-8."""
    found = {}
    for folder in ("steeplechase", "estimators", "tasks", "runners", "results", "hydra_plugins", "tests"):
        for path in (ROOT / folder).rglob("*.py"):
            lines = [*text_without_encoding(ast.parse(path.read_text(encoding="utf-8")))]
            found |= {str(path.relative_to(ROOT)): lines} if lines else {}
    assert not found


# Modules and packages whose docstrings have no sections, by folder or file: a list that may only become shorter. Of a
# surrogate's page the docstring is the page in docs/estimators.md: a formula in a form of its own.
WITHOUT_SECTIONS = (
    "estimators/expectations",
    "estimators/sampling",
    "estimators/surrogates",
)  # pages, in a form of their own
WITHOUT_SECTIONS_AT_MOST = 3  # this number may only become smaller


def sections(docstring):
    """The sections of a docstring in Google's form, {heading: its lines, at the indentation of the section}."""
    found, lines = {}, []
    for line in (docstring or "").splitlines():
        if re.fullmatch(r"(Args|Returns|Yields|Raises|Attributes):", line):
            lines = found.setdefault(line[:-1], [])
        elif line and not line.startswith(" "):
            lines = []  # a paragraph ends a section
        else:
            lines.append(line.removeprefix("    "))
    return found


def named(lines):
    """What the lines of a section name, in their order."""
    return [line.partition(":")[0] for line in lines if re.match(r"[*\w]+: \S", line)]


def public_functions(tree, within=""):
    """(name, node) of the functions and methods of a module that are public: no property, no overload, none nested."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public_functions(node, f"{node.name}.")
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and not node.name.startswith("_"):
            decorators = {ast.unparse(one).split("(")[0].rpartition(".")[2] for one in node.decorator_list}
            if not decorators & {"property", "cached_property", "setter", "overload"}:
                yield f"{within}{node.name}", node


def raised(node):
    """The exceptions that the body of a function raises by name, by what is written: not those raised again."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Raise) and child.exc is not None:
            yield ast.unparse(child.exc).split("(")[0].rpartition(".")[2]
        elif not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            yield from raised(child)


def fields_of(node):
    """The public fields of a dataclass or a named tuple; None of any other class."""
    kinds = {ast.unparse(one).split("(")[0].rpartition(".")[2] for one in (*node.decorator_list, *node.bases)}
    if kinds & {"dataclass", "NamedTuple"}:
        names = [one.target.id for one in node.body if isinstance(one, ast.AnnAssign)]
        return [name for name in names if not name.startswith("_")]
    return None


def lacking(tree):
    """What the docstrings of a module's public functions, dataclasses and named tuples lack, a sentence each."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and fields_of(node) is not None:
            documented = named(sections(ast.get_docstring(node)).get("Attributes", ()))
            if documented != fields_of(node):
                yield f"{node.name} has the fields {fields_of(node)}, and under Attributes: {documented}"
    for name, node in public_functions(tree):
        told, given = sections(ast.get_docstring(node)), node.args
        parameters = [one.arg for one in (*given.posonlyargs, *given.args) if one.arg not in ("self", "cls")]
        parameters += [f"*{one.arg}" for one in [given.vararg] if one] + [one.arg for one in given.kwonlyargs]
        parameters += [f"**{one.arg}" for one in [given.kwarg] if one]
        parameters = [one for one in parameters if not one.strip("*").startswith("_")]
        documented = named(told.get("Args", ()))
        if (len(parameters) > 1 or "Args" in told) and documented != parameters:
            yield f"{name} has the parameters {parameters}, and under Args: {documented}"
        if [*raised(node)] and not told.get("Raises"):
            yield f"{name} raises {', '.join(sorted({*raised(node)}))}, and has no Raises:"


def test_docstrings_have_a_section_for_what_is_taken_and_what_is_raised():
    """A function that takes one thing says in a sentence what that is; what it returns ruff holds (DOC201)."""
    lacks = {}
    for folder in ("steeplechase", "estimators", "tasks", "runners", "results", "hydra_plugins"):
        for path in (ROOT / folder).rglob("*.py"):
            place = path.relative_to(ROOT).as_posix()
            if not place.startswith(WITHOUT_SECTIONS):
                faults = [*lacking(ast.parse(path.read_text(encoding="utf-8")))]
                lacks |= {place: faults} if faults else {}
    assert not lacks


def test_the_list_of_what_has_no_sections_becomes_shorter():
    assert len(set(WITHOUT_SECTIONS)) == len(WITHOUT_SECTIONS) <= WITHOUT_SECTIONS_AT_MOST
    assert all((ROOT / place).exists() for place in WITHOUT_SECTIONS), "what is gone is taken out of the list"
    about = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]["lint"]
    passed_over = {place.removesuffix("/**") for place in about["per-file-ignores"]}
    assert passed_over == {"tests", *WITHOUT_SECTIONS}, "ruff passes over the same, and over tests"


@pytest.mark.parametrize(
    "docstring, said",
    [
        ("Adds.\n\n    Args:\n        a: metres.\n        *rest: metres.\n\n    Raises:\n        ValueError: if.", ()),
        ("Adds.\n\n    Args:\n        a: metres.\n\n    Raises:\n        ValueError: if.", ("under Args: ['a']",)),
        (
            "Adds.\n\n    Args:\n        *rest: m.\n        a: m.\n\n    Raises:\n        ValueError: if.",
            ("['*rest', 'a']",),
        ),
        ("Adds a and rest, in metres. Raises ValueError.", ("under Args: []", "raises ValueError")),
        ("Adds.\n\n    Args:\n        a: metres.\n        *rest: metres.", ("raises ValueError",)),
    ],
)
def test_a_section_that_is_missing_or_short_is_seen(docstring, said):
    code = f'def add(a, *rest):\n    """{docstring}"""\n    if not rest:\n        raise ValueError(a)\n'
    faults = [*lacking(ast.parse(code))]
    assert len(faults) == len(said) and all(words in fault for words, fault in zip(said, faults, strict=True)), faults
    assert not [*lacking(ast.parse(code.replace("def add", "def _add")))]


OURS = ("steeplechase", "estimators", "tasks", "runners", "results", "hydra_plugins", "tests")


def private(name):
    return name.startswith("_") and not name.endswith("_")


def private_names(tree):
    """Private names that a file gives: of functions, classes, attributes and constants."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and private(node.name):
            yield node.name
        if isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Store):
            name = node.id if isinstance(node, ast.Name) else node.attr
            if private(name):
                yield name


def private_uses(tree, given):
    """Private names of our packages that a file asks another one for, by line: imported, read, or told to `setattr`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in OURS:
            names = [*(alias.name for alias in node.names), *node.module.split(".")]
        elif isinstance(node, ast.Attribute) and getattr(node.value, "id", "") not in ("self", "cls"):
            names = [node.attr]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("attr", "patch.object")):
            names = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        else:
            continue
        yield from ((node.lineno, name) for name in names if private(name) and name in given)


def test_no_test_needs_a_private_name_or_another_test():
    """What a test needs is public in its own module; what tests share stands in tests/helpers and tests/oracles."""
    paths = [path for folder in OURS for path in (ROOT / folder).rglob("*.py")]
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in paths}
    given = {name for tree in trees.values() for name in private_names(tree)}
    tests = {path: tree for path, tree in trees.items() if path.is_relative_to(ROOT / "tests")}
    found = {str(path.relative_to(ROOT)): [*private_uses(tree, given)] for path, tree in tests.items()}
    assert not {path: uses for path, uses in found.items() if uses}
    others = {str(path.relative_to(ROOT)): [*map(ast.unparse, imports_of_tests(tree))] for path, tree in tests.items()}
    assert not {path: imports for path, imports in others.items() if imports}


def imports_of_tests(tree):
    """The imports of test modules in a file."""
    for node in ast.walk(tree):
        modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        modules += [alias.name for alias in node.names] if isinstance(node, (ast.Import, ast.ImportFrom)) else []
        if any(part.startswith("test_") for module in modules for part in module.split(".")):
            yield node


@pytest.mark.parametrize(
    "line, seen",
    [
        ("from runners.execution.provenance import _name", True),
        ("import results\nresults._name()", True),
        ("monkeypatch.setattr(results, '_name', 1)", True),
        ("getattr(results, '_name')", True),
        ("from hydra._internal.utils import x", False),
        ("os._exit(1)", False),
        ("self._name = 1", False),
    ],
)
def test_a_private_name_of_another_file_is_seen(line, seen):
    assert bool([*private_uses(ast.parse(line), {"_name"})]) == seen


def test_an_import_of_a_test_is_seen():
    for line in ("from tests.tasks.test_data import x", "import tests.test_house", "from tests.tasks import test_data"):
        assert [*imports_of_tests(ast.parse(line))]
    assert not [*imports_of_tests(ast.parse("from tests.helpers import worlds"))]
