"""What makes two records the same: everything that moves numbers, and nothing else."""

import ast
import json

import pytest
import yaml

from runners import identity
from runners.config import CONF, Run, resolve
from runners.mistake import Mistake

BASE = {
    "task": yaml.safe_load((CONF / "task/sign_fitting.yaml").read_text()),
    "estimator": {"name": "tanh_slope", "scale": 1.0},
    "estimator_weights": {},
    "optimizer": yaml.safe_load((CONF / "optimizer/adam.yaml").read_text()),
    "seed": [0, 1],
    "forward": "sign",
    "at_zero": 1,
    "normalize": "none",
    "steps": 100,
    "rows": 10,
    "layers": False,
    "precision": "float32",
    "device": "cpu",
    "block": None,
    "store": "results",
    "checkpoint": 10.0,
    "lanes": None,
    "reference": "",
    "margins": {},
    "strict": False,
    "plan": False,
    "figures": [],
    "tables": [],
    "progress": "",
}


def changed(**changes) -> Run:
    cfg = json.loads(json.dumps(BASE))
    for key, value in changes.items():
        group, _, name = key.partition("__")
        if name:
            cfg[group][name] = value
        else:
            cfg[group] = value
    return resolve(cfg, cfg["device"])


def ids(run: Run) -> set[str]:
    _, whole = identity.program(run)
    return {identity.replica(whole, values) for values in run.replicas}


def test_what_moves_numbers_makes_another_program():
    seen = {identity.program(changed())[1]}
    for change in (
        {"task__dim": 8},
        {"task__instance_seed": 1},
        {"optimizer__amsgrad": True},
        {"forward": "step"},
        {"at_zero": -1},
        {"normalize": "area"},
        {"steps": 101},
        {"rows": 11},
        {"precision": "float64"},
        {"device": "gpu"},
        {"block": 4},
        {"estimator": {"name": "sigmoid_derivative", "scale": 1.0}},
        {"estimator_weights": {"name": "ste"}},
    ):
        seen.add(identity.program(changed(**change))[1])
    assert len(seen) == 14


def test_what_moves_no_numbers_changes_nothing():
    same = {
        "store": "elsewhere",
        "checkpoint": 0.0,
        "lanes": 2,
        "progress": "3/4",
        "plan": True,
        "figures": ["convergence"],
        "margins": {"sign_fitting": 0.5},
        "strict": True,
    }
    for name, value in same.items():
        assert ids(changed(**{name: value})) == ids(changed())


@pytest.mark.parametrize(("margins", "said"), [({"sign_fiting": 1}, "sign_fitting"), ({"sign_fitting": 0}, "above 0")])
def test_a_margin_is_a_known_tasks_and_above_zero(margins, said):
    with pytest.raises(Mistake, match=said):
        changed(margins=margins)


def test_a_replica_is_its_own_values_not_its_position():
    assert ids(changed(seed=[1, 0])) == ids(changed())
    assert ids(changed(seed=[0, 1, 2])) > ids(changed())
    rates = ids(changed(optimizer__learning_rate=[0.1, 0.01]))
    assert ids(changed(optimizer__learning_rate=0.01)) < rates and len(rates) == 4
    assert not ids(changed(estimator__scale=2.0)) & ids(changed())
    assert ids(changed(estimator__scale=1)) == ids(changed(estimator__scale=1.0))
    assert identity.program(changed(estimator__scale=2.0)) == identity.program(changed())


def test_numbers_of_an_optimizer_that_were_tested_are_replicas():
    run = changed(optimizer__beta_1=[0.5, 0.9])
    assert len(run.replicas) == 4 and run.program["per_replica"] == ["beta_1", "beta_2", "epsilon"]
    with pytest.raises(Mistake, match="amsgrad is .*must be true or false"):
        changed(optimizer__amsgrad=[True, False])


def test_a_file_counts_by_its_content_and_base_name(tmp_path):
    import numpy as np

    page = yaml.safe_load((CONF / "task/binarized_mlp.yaml").read_text())
    x, y = np.zeros([30, 4], np.uint8), np.arange(30) % 3

    def program(folder, x):
        folder.mkdir(exist_ok=True)
        np.savez(folder / "set.npz", x=x, y=y)
        return identity.program(changed(task={**page, "data": str(folder / "set.npz")}))[1]

    assert program(tmp_path / "a", x) == program(tmp_path / "b", x)
    assert program(tmp_path / "c", x + 1) != program(tmp_path / "a", x)


@pytest.fixture
def source(tmp_path, monkeypatch):
    """A file whose tree is read anew each time."""
    monkeypatch.setattr(identity, "ROOT", tmp_path)

    def tree(text):
        path = tmp_path / f"source{len(list(tmp_path.iterdir()))}.py"
        path.write_text(text)
        return identity.tree(path)

    return tree


def test_comments_docstrings_and_formatting_do_not_count_and_code_does(source):
    plain = source('def f(x):\n    """Says."""\n    return x + 1\n')
    assert source('"""Of the module."""\n\n\ndef f( x ):  # a comment\n\n    return (x + 1)\n') == plain
    assert source("def f(x):\n    return x + 2\n") != plain
    assert source("def f(x, y=1):\n    return x + 1\n") != plain


def test_the_closure_is_what_the_run_uses():
    _, covers = identity.fingerprint(changed())
    files = {name for name in covers if name.endswith(".py")}
    assert {"estimators/tanh_slope.py", "estimators/base.py", "tasks/sign_fitting.py", "tasks/base.py"} <= files
    assert {"runners/trainer.py", "runners/block.py", "runners/building.py", "runners/quiet.py"} <= files
    assert not {name for name in files if name.startswith(("results/", "runners/sweep", "runners/worker"))}
    assert "estimators/ste.py" not in files and "tasks/binarized_mlp.py" not in files
    assert {"tensorflow", "keras", "numpy", "python"} <= set(covers)


def test_flags_that_move_numbers_count(monkeypatch):
    before = identity.fingerprint(changed())[0]
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_use_fusion_emitters=false")
    assert identity.fingerprint(changed())[0] != before


def test_why_two_fingerprints_differ():
    told = identity.changed({"a.py": "1", "b.py": "2", "keras": "3.15"}, {"a.py": "9", "c.py": "3", "keras": "3.16"})
    assert told == "a.py changed, b.py is gone, c.py is new, keras 3.15 → 3.16"


def test_tables_of_contents_hold_nothing_but_contents():
    """They are outside every fingerprint, so they may not hold anything that moves numbers."""
    for wing in ("estimators", "tasks", "runners"):
        for node in ast.parse((identity.ROOT / wing / "__init__.py").read_text()).body:
            docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            book = isinstance(node, ast.Assign) and wing == "tasks" and ast.unparse(node.value).startswith("Book(")
            assert docstring or book or isinstance(node, ast.ImportFrom), ast.unparse(node)


def test_a_process_that_may_hold_older_code_trains_nothing(tmp_path):
    from runners.run import execute

    outcome = execute(changed(store=str(tmp_path)), lambda *_: None, ("another name", "another fingerprint"))
    assert "changed while the sweep was under way" in outcome.error and not list(tmp_path.rglob("run-*.json"))
