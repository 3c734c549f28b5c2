"""The wheel, installed where nothing of ours lies: it sweeps, draws, reports and freezes from an empty folder."""

import os
import shutil
import site
import subprocess
import sys
import venv
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from results import load
from results.records import declared, frozen
from runners.execution import provenance
from tests.oracles.command import ROOT

SHIPPED = ("conf", "estimators", "hydra_plugins", "results", "runners", "steeplechase", "tasks")
PIP = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
SLOPE = """\
import tensorflow as tf
from steeplechase import positive, surrogate


@surrogate(
    label="My slope",
    source="my thesis",
    area=2,
    peak=lambda width: 1 / width,
    needs={"width": positive},
    counterpart=lambda x, width: x / (width + tf.abs(x)),
)
def my_slope(x, *, width=1.0):
    \"\"\"Replaces 2 δ(x)  With width / (width + |x|)²  Needs width > 0; x: any shape.\"\"\"
    return width / tf.square(width + tf.abs(x))
"""
SWEEP = (
    "experiment=null", "task=sign_fitting", "task.dim=4", "task.steps=20", "record_points=2",
    "seed=0,1,2", "optimizer=sgd", "estimator=my_slope",
    "estimator.file=my_slope.py", "figures=[convergence]", "tables=[summary]",
)  # fmt: skip


def run(*line, **more):
    """What a command printed; a failing one is an error with all that it said."""
    done = subprocess.run([*map(str, line)], capture_output=True, text=True, encoding="utf-8", check=False, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def built(folder):
    """The wheel, from a copy of what is in the repository: nothing of it is changed."""
    source = folder / "source"
    for name in SHIPPED:
        ignored = shutil.ignore_patterns("__pycache__", *(("runs", "plans", "output") if name == "results" else ()))
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    (source / "results/frozen/control/drawn.pdf").write_bytes(b"%PDF")  # as `make figures` leaves them
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    run(*PIP, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", folder, source)
    [wheel] = folder.glob("*.whl")
    return wheel


def installed(folder, wheel, lock=None):
    """An environment that has the wheel, and an empty folder to work in. lock: the file that its dependencies are
    installed from; without it those of this environment are seen."""
    environment = folder / "environment"
    venv.create(environment, with_pip=False, symlinks=True)
    python, work = environment / "bin" / "python", folder / "work"
    packages = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    if lock:
        run(*PIP, "--python", python, "install", "--require-hashes", "--requirement", lock)
    else:  # the .pth files of this environment, and so this checkout, are not followed from there
        (packages / "dependencies.pth").write_text("\n".join(site.getsitepackages()), encoding="utf-8")
    run(*PIP, "--python", python, "install", "--no-deps", "--no-index", wheel)
    work.mkdir()
    (work / "my_slope.py").write_text(SLOPE, encoding="utf-8")
    quick = [
        claim for claim in yaml.safe_load(declared.FILE.read_text(encoding="utf-8")) if {"never", "always"} & {*claim}
    ]
    (work / "quick.yaml").write_text(yaml.safe_dump(quick, allow_unicode=True), encoding="utf-8")
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "STEEPLECHASE", "COV"))}
    return SimpleNamespace(
        python=python, packages=packages, work=work, environment=clean, wheel=wheel, pip=[*PIP, "--python", python]
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return built(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def place(wheel, tmp_path_factory):
    return installed(tmp_path_factory.mktemp("installed"), wheel)


def files(place):
    """What lies in the environment, but compiled files: a file's time and size say whether it was written."""
    every = (path for path in place.packages.parents[2].rglob("*") if path.is_file() and not path.is_symlink())
    return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in every if path.suffix != ".pyc"}


def journey(place):
    """Sweeps with a page of one's own, draws, freezes, reports; returns what the last command said of the claims."""
    own = {"cwd": place.work, "env": place.environment}
    before = files(place)
    swept = run(place.python.with_name("steeplechase"), *SWEEP, **own)
    assert "Trained 3 replicas" in swept and "My slope" in swept
    [plan] = [path.name for path in (place.work / "results/plans").iterdir()]
    assert (place.work / "results/output" / plan / "convergence.svg").exists()
    script = (  # four commands in one process: most of their time is imports
        "from runners import claims, figures, report; import sys; names = sys.argv[1:];"
        "sys.exit(figures.main(names) or figures.main(['--freeze', *names]) or report.main(names) or "
        "claims.main(['--claims', 'quick.yaml']))"
    )
    told = run(place.python, "-c", script, plan, "estimator.file=my_slope.py", **own)
    assert "<html" in (place.work / "results/output/report.html").read_text(encoding="utf-8")
    assert (place.work / "results/output" / plan / "summary.csv").exists()
    assert files(place) == before, "an installed copy is not written to"
    results, _ = frozen.read(place.work / "results/frozen" / f"{plan}.parquet")
    assert set(results.rows.estimator) == {"my_slope"}
    accounts = load(place.work / "results", plan).accounts
    assert {account["commit"] for account in accounts} == {None}, "an installed copy is of no commit"
    assert str(place.work) not in str(accounts) and str(place.packages) not in str(accounts)
    return told


def test_the_wheel_has_what_runs_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert wheel.name.startswith("steeplechase_gradients-")
    assert {top for top in tops if not top.endswith(".dist-info")} == {*SHIPPED} - {"conf"}
    assert not [name for name in names if "test" in name.split("/")[-1] or name.endswith((".pyc", ".pdf"))]
    assert [name for name in names if name.endswith("licenses/LICENSE")]
    conf = {str(path.relative_to(ROOT)) for path in (ROOT / "conf").rglob("*.yaml")}
    assert {name.removeprefix("runners/") for name in names if name.startswith("runners/conf/")} == conf
    tables = {str(path.relative_to(ROOT)) for path in (ROOT / "results/frozen").glob("*.parquet")}
    assert tables | {"results/claims.yaml", "results/report/script.js"} <= {*names}


def test_installed_it_sweeps_draws_reports_and_freezes_from_an_empty_folder(place):
    assert "supported" in journey(place)
    assert sorted(path.name for path in place.work.iterdir()) == ["my_slope.py", "quick.yaml", "results"]


def test_it_goes_without_a_trace(place):
    run(*place.pip, "uninstall", "--yes", "steeplechase-gradients")
    left = [path.relative_to(place.packages) for path in place.packages.rglob("*") if path.is_file()]
    assert [str(path) for path in left if path.suffix != ".pyc"] == ["dependencies.pth"]
    assert not place.python.with_name("steeplechase").exists()


def test_the_commit_is_ours_or_none(tmp_path, monkeypatch):
    """What is installed inside another repository, as in a .venv of somebody's project, is not of its commit."""
    inside = tmp_path / ".venv/lib/site-packages"
    inside.mkdir(parents=True)
    git = ["git", "-C", str(tmp_path), "-c", "user.name=x", "-c", "user.email=x@example.org"]
    for words in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "theirs"]):
        run(*git, *words)
    head = run(*git, "rev-parse", "HEAD").strip()
    monkeypatch.setenv("GIT_DIR", str(tmp_path / ".git"))
    asked = provenance.git_state.__wrapped__
    assert asked(inside) == asked(None) == {"commit": None, "dirty": None}
    assert asked(tmp_path) == {"commit": head, "dirty": False}


@pytest.mark.long
def test_it_installs_with_its_real_dependencies(wheel, tmp_path):
    """All from the lock, as on a machine that has never seen it."""
    assert "supported" in journey(installed(tmp_path, wheel, ROOT / "requirements.lock"))
