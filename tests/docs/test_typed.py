"""What README and docs say to type can be typed: each override after the bare command, each command, each snippet."""

import os
import re
import shlex
import subprocess
import sys

import pytest
import yaml

from runners import api
from runners.configuration import axes
from runners.configuration.overrides import check_overrides, values_by_key
from runners.configuration.schema import CONF
from tests.helpers.site import DOCS, ROOT
from tests.oracles.command import sweep

README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [README, *(path.read_text(encoding="utf-8") for path in sorted(DOCS.rglob("*.md")))]
CODE = [c for page in PAGES for c in re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", page, flags=re.DOTALL))]
CODE = [" ".join(c.split()) for c in CODE]
PLACEHOLDER = re.compile(r"\b[A-Z][A-Z_]+\b|…|my_slope|teacher")
OVERRIDE = re.compile(r"'?[a-z][\w.@/]*=\S*")
SWEEP = "python -m runners.sweep "
OF_PYTHON = {"experiment=None", "read_value=False"}
OF_XLA = {c for c in CODE if c.startswith("xla_")}
OVERRIDES = sorted({c for c in CODE if OVERRIDE.fullmatch(c) and not PLACEHOLDER.search(c)} - OF_PYTHON - OF_XLA)
COMMANDS = sorted({c for c in CODE if c.startswith(SWEEP) and not PLACEHOLDER.search(c) and "--" not in c})
OF_OTHERS = {"device=gpu", "precision=tf32", "untuned=true"}  # refused without a GPU, or without settings=TABLE


def test_there_are_examples():
    assert len(OVERRIDES) > 20 and len(COMMANDS) > 3, (OVERRIDES, COMMANDS)


@pytest.mark.parametrize("line", [*OVERRIDES, *COMMANDS])
def test_an_example_is_a_sweep(line):
    """Beside the axes of the experiment that runs when nothing is said: its keys, choices and pages are there."""
    words = shlex.split(line.removeprefix(SWEEP))
    check_overrides(words)
    page = yaml.safe_load((CONF / "experiment" / "convergence.yaml").read_text(encoding="utf-8"))
    own = [f"{key}={value}" for key, value in page["hydra"]["sweeper"]["params"].items()]
    words = [word for word in words if not word.startswith(("experiment=", "hydra"))]
    assert axes.split(values_by_key([*own, *words], None), {"function": "sign"}, {})


@pytest.mark.long
@pytest.mark.parametrize("line", [line for line in (*OVERRIDES, *COMMANDS) if line not in OF_OTHERS])
def test_an_example_is_planned_as_it_is_typed(line, tmp_path):
    done = sweep(*shlex.split(line.removeprefix(SWEEP)), "plan=true", store=None if "store=" in line else tmp_path)
    assert done.returncode == 0, done.stderr
    assert "nothing is trained" in done.stdout


PYTHON = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


def test_the_python_of_the_readme_runs_as_it_stands(tmp_path):
    """All of it in one process and one empty folder, but for the slope of which test_estimator_files makes a file."""
    snippets = [snippet for snippet in PYTHON if "@surrogate" not in snippet]
    assert len(snippets) == 1
    done = subprocess.run(
        [sys.executable, "-c", snippets[0]],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "convergence.pdf").exists() and "Sign fitting" in done.stdout


def test_the_shell_says_what_the_python_says(monkeypatch):
    """They are the same sweep: what the one has trained, the other finds."""
    shell = next(c for c in CODE if c.startswith(SWEEP) and c in " ".join(README.split()))
    said, given = [], api.overrides
    monkeypatch.setattr(api, "overrides", lambda *one, **settings: said.extend(given(*one, **settings)) or 1 / 0)
    with pytest.raises(ZeroDivisionError):  # nothing is trained here
        exec(next(snippet for snippet in PYTHON if "sc.sweep(" in snippet), {})
    assert sorted(shlex.split(shell.removeprefix(SWEEP).replace("range(8)", "0,1,2,3,4,5,6,7"))) == sorted(
        word for word in said if not word.startswith("store=")
    )
