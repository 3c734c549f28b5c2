"""Code that nobody named as code: what may stand under `hydra`, and that nothing else is reached from there."""

import json
import pickle
import shutil
import subprocess
import sys

import pytest
from hydra._internal.utils import create_config_search_path
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import ConfigCompositionException
from hydra.types import RunMode

import runners.sweep  # noqa: F401  it registers the schema
from runners.configuration import allowed, schema
from steeplechase.errors import UserError
from tests.oracles.command import ROOT

CALLABLES = [
    *("joblib.load", "pandas.read_pickle", "os.system", "subprocess.call", "builtins.eval", "builtins.exec"),
    *("runpy.run_path", "importlib.import_module", "numpy.load", "logging.config.fileConfig", "canary.called"),
]


@pytest.fixture(scope="module")
def loader():
    return allowed.Loader(create_config_search_path(str(schema.CONF)))


@pytest.fixture(scope="module")
def node(loader):
    """The `hydra` node of a sweep with a launcher that has numbers and words."""
    cfg = loader.load_configuration("config", ["hydra/launcher=joblib"], RunMode.MULTIRUN)
    return allowed.plain(cfg.hydra)


def places(node, path=("hydra",)):
    """Every key under hydra, at any depth."""
    yield path
    for key, inner in node.items() if isinstance(node, dict) else ():
        yield from places(inner, (*path, key))


def planted(node, path, what):
    """The node with this at that place."""
    if len(path) == 1:
        return {**node, **what}
    first, *rest = path[1:]
    own = node[first] if rest and isinstance(node.get(first), dict) else {}
    return {**node, first: planted(own, ("", *rest), what) if rest else what}


@pytest.mark.parametrize("target", CALLABLES)
def test_no_object_is_named_at_any_place(node, target):
    """Composed, whatever file it came from: in place of each key, and beside the keys that are there."""
    allowed.check(node, filled=True)
    for path in places(node):
        if path[1:2] in (("overrides",), ("runtime",), ("job",)):
            continue  # filled in by Hydra; see the next test
        logging = [{"()": target}, {"class": target}] if path[-1].endswith("logging") else []
        for what in ({"_target_": target}, {"x": {"_target_": target}}, *logging):
            with pytest.raises(UserError, match="hydra"):
                allowed.check(planted(node, path, what), filled=True)


@pytest.mark.parametrize("target", CALLABLES)
def test_no_override_names_one_at_any_place(node, target):
    parser = OverridesParser.create()
    for path in places(node):
        key = ".".join(path)
        if not all(part.replace("_", "").isalnum() for part in path):
            continue  # of runtime.choices: cannot be written so
        for line in (
            *(f"{key}._target_={target}", f"+{key}.x._target_={target}", f"++{key}._partial_=true"),
            *(f"{key}={{_target_:{target}}}", f"++{key}={{x:{{y:{{_target_:{target}}}}}}}", f"{key}={{_args_:[1]}}"),
        ):
            [override] = parser.parse_overrides([line])
            with pytest.raises(UserError, match="hydra"):
                allowed.check_override(override)


FINE = [
    *("hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "hydra/launcher=basic", "hydra/sweeper=replicas"),
    *("hydra.sweeper.params.seed=3", "~hydra.sweeper.params.seed", "hydra.verbose=true", "hydra.verbose=[a.b,c]"),
    *("hydra/launcher=slurm", "hydra.launcher.partition=gpu", "hydra.launcher.runs_per_job=8"),
    *("hydra.mode=RUN", "hydra.help.header=Hello", "hydra.launcher.temp_folder=/tmp/x", "hydra={verbose:true}"),
]
REFUSED = [
    *("hydra.run.dir=/tmp/x", "hydra.sweep.subdir=../x", "hydra.output_subdir=x", "hydra.job.chdir=true"),
    *("hydra.job.env_set={A:b}", "+hydra.job.env_set.A=b", "hydra.job.env_copy=[NO_SUCH_VARIABLE]", "hydra=3"),
    *("hydra/job_logging=stdout", "hydra/hydra_logging=none", "hydra/env=x", "hydra/callbacks=x", "hydra/output=x"),
    *("hydra.searchpath=[pkg://canary]", "hydra.searchpath=[file:///tmp]", "~hydra.job_logging", "~hydra/launcher"),
    *(
        "hydra.launcher._target_=os.system",
        "hydra/launcher=submitit_slurm",
        "hydra/launcher=[basic]",
        "hydra/launcher={a:b}",
    ),
    *("hydra/sweeper=basic", "+estimator@hydra.callbacks.x=ste", "+hydra.anything=1", "hydra.launcher={_target_:x}"),
    *("hydra.launcher.n_jobs=[1]", "hydra.launcher.temp_folder=${oc.env:HOME}", "hydra.verbose={a:1}"),
    *("hydra.verbose=3", "hydra.mode=x", "hydra.help.template=$X", "hydra.help.header=${oc.env:HOME}"),
    *(
        "hydra.overrides.task=[a]",
        "hydra.runtime.choices.task=x",
        "hydra.callbacks={}",
        "hydra.launcher={}",
        "hydra.help=3",
    ),
    *("+hydra.sweeper.params.hydra.x=1", "hydra.sweeper.params={hydra/launcher:x}", "hydra.launcher.n_jobs=1,2"),
    *("hydra.launcher={}", "hydra.launcher.setup=[rm]", "hydra.launcher.python=x"),
]


@pytest.mark.parametrize("line", FINE)
def test_what_is_in_the_list_may_be_set(loader, line):
    [override] = OverridesParser.create().parse_overrides([line])
    allowed.check_override(override)


@pytest.mark.parametrize("line", REFUSED)
def test_what_is_not_in_the_list_is_refused_by_its_name(line):
    [override] = OverridesParser.create().parse_overrides([line])
    with pytest.raises(UserError, match="hydra"):
        allowed.check_override(override)


@pytest.mark.parametrize(
    ("launcher", "wrong"),
    [
        *(("joblib", one) for one in ("n_jobs=0", "batch_size=0", "prefer=both", "require=sharedmem", "timeout=-1")),
        *(("joblib", one) for one in ("pre_dispatch=9**9**9", "timeout=nan", "max_nbytes=much", "mmap_mode=zz")),
        *(("slurm", one) for one in ("runs_per_job=0", "timeout_min=-1", "gpus_per_node=-1", "name='a b'")),
        *(("slurm", one) for one in ("partition='x;rm'", "comment='$(rm)'", "exclude='`rm`'", "lost_retries=-1")),
    ],
)
def test_a_launchers_numbers_and_words_are_those_that_it_takes(loader, launcher, wrong):
    with pytest.raises(UserError, match=rf"hydra\.launcher\.{wrong.split('=')[0]} is"):
        loader.load_configuration("config", [f"hydra/launcher={launcher}", f"hydra.launcher.{wrong}"], RunMode.MULTIRUN)


@pytest.mark.parametrize("launcher", ["basic", "slurm"])
def test_what_an_experiment_says_of_its_launcher_is_for_no_other_one(loader, launcher):
    lines = ["experiment=control", f"hydra/launcher={launcher}"]
    cfg = loader.load_configuration("config", lines, RunMode.MULTIRUN)
    assert "n_jobs" not in cfg.hydra.launcher
    assert loader.load_configuration("config", lines[:1], RunMode.MULTIRUN).hydra.launcher.n_jobs == 2


@pytest.mark.parametrize("said", ["nowhere: 3", "setup: [rm -r x]", "additional_parameters: {wrap: rm}", "python: rm"])
@pytest.mark.parametrize("launcher", ["joblib", "slurm"])
def test_an_experiment_has_nothing_run_by_its_launcher(tmp_path, launcher, said):
    folder = tmp_path / "experiment"
    folder.mkdir()
    text = (
        f"# @package _global_\ndefaults:\n  - override /hydra/launcher: {launcher}\nhydra:\n  launcher:\n    {said}\n"
    )
    (folder / "sent.yaml").write_text(text, encoding="utf-8")
    path = create_config_search_path(str(schema.CONF))
    path.prepend("command-line", str(tmp_path))
    with pytest.raises((UserError, ConfigCompositionException), match=said.partition(":")[0]):
        allowed.Loader(path).load_configuration("config", ["experiment=sent"], RunMode.MULTIRUN)


# Where a file may say it. CALL stands for {_target_: canary.called}.
FILES = {
    "a callback of an experiment": ("experiment/evil.yaml", "hydra:\n  callbacks:\n    x: CALL\n", []),
    "a callback in a group": ("hydra/callbacks/evil.yaml", "x: CALL\n", ["hydra/callbacks=evil"]),
    "a callback chosen by an experiment": ("hydra/callbacks/evil.yaml", "x: CALL\n", ["experiment=chooses"]),
    "a package": ("experiment/evil.yaml", "# @package hydra\ncallbacks:\n  x: CALL\n", []),
    "a page": ("estimator/evil.yaml", "# @package hydra.callbacks.x\n_target_: canary.called\n", ["estimator=evil"]),
    "logging": (
        "experiment/evil.yaml",
        "hydra:\n  job_logging:\n    version: 1\n    root: {handlers: [x]}\n    handlers: {x: {'()': canary.called}}\n",
        [],
    ),
    "the logging of one job of several": (
        "experiment/evil.yaml",
        "hydra:\n  job_logging:\n    version: 1\n    root: {handlers: [x]}\n"
        "    handlers: {x: {class: canary.called}}\n",
        ["experiment=smoke,evil"],
    ),
    "a launcher": ("hydra/launcher/joblib.yaml", "_target_: canary.called\n", ["hydra/launcher=joblib"]),
    "a sweeper": ("hydra/sweeper/replicas.yaml", "_target_: canary.called\n", []),
    "an axis": (
        "experiment/evil.yaml",
        "hydra:\n  sweeper:\n    params:\n      hydra.callbacks.x: '{_target_: canary.called}'\n",
        [],
    ),
    "planted overrides": (
        "experiment/evil.yaml",
        "hydra:\n  overrides:\n    hydra: ['+hydra.callbacks.x={_target_: canary.called}']\n",
        [],
    ),
    "a variable": ("experiment/evil.yaml", "hydra:\n  job:\n    env_copy: [NO_SUCH_VARIABLE]\n", []),
    "the schema": ("hydra/config.yaml", "callbacks:\n  x: CALL\n", []),
    "a configuration": (
        "other.yaml",
        "defaults: [config, _self_]\nhydra:\n  callbacks:\n    x: CALL\n",
        ["-cn", "other"],
    ),
    "a module in its search path": (
        "other.yaml",
        "defaults: [config, _self_]\nhydra:\n  searchpath: ['structured://canary']\n",
        ["-cn", "other"],
    ),
    "a package in its search path": (
        "other.yaml",
        "defaults: [config, _self_]\nhydra:\n  searchpath: ['pkg://canary']\n",
        ["-cn", "other"],
    ),
}
COMMANDS = {
    "a module as the configuration's place": ["--config-path", "structured://canary"],
    "a package as the configuration's place": ["-cp", "pkg://canary"],
    "a search path": ["hydra.searchpath=[structured://canary]"],
    "a pickle": ["--experimental-rerun", "PICKLE"],
    "a pickle, abbreviated": ["--experimental=PICKLE"],
}


class Evil:
    """Pickled, it calls the canary."""

    def __reduce__(self):
        import canary

        return canary.called, ()


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """What the command answers to all of these, in one process: {(place, planned): {"code", "out", "err", ...}}."""
    folder = tmp_path_factory.mktemp("attacks")
    (folder / "canary.py").write_text("def called(*a, **k):\n    import canary_was_called\n", encoding="utf-8")
    sys.path.insert(0, str(folder))
    try:
        (folder / "evil.pickle").write_bytes(pickle.dumps(Evil()))
    finally:
        sys.path.remove(str(folder))
    cases = {}
    for number, (place, (name, text, arguments)) in enumerate(FILES.items()):
        conf = folder / str(number)
        shutil.copytree(schema.CONF, conf)
        header = "" if text.startswith("# @package") or "experiment/" not in name else "# @package _global_\n"
        (conf / name).parent.mkdir(parents=True, exist_ok=True)
        (conf / name).write_text(header + text.replace("CALL", "{_target_: canary.called}"), encoding="utf-8")
        chooses = "# @package _global_\ndefaults:\n  - override /hydra/callbacks: evil\n"
        (conf / "experiment" / "chooses.yaml").write_text(chooses, encoding="utf-8")
        arguments = arguments or (["experiment=evil"] if "experiment/" in name else [])
        both = place in ("a callback of an experiment", "logging")
        for plan in (False, True) if both else (number % 2 == 0,):
            own = ["--config-path", str(conf), *arguments, *["plan=true"] * plan, f"store={folder / 'store'}"]
            cases[place, plan] = {"arguments": own, "conf": str(conf)}
    for place, arguments in COMMANDS.items():
        own = [word.replace("PICKLE", str(folder / "evil.pickle")) for word in arguments]
        cases[place, True] = {"arguments": [*own, "plan=true", f"store={folder / 'store'}"]}
    command = [sys.executable, "-m", "tests.oracles.commands", str(folder)]
    given = json.dumps([*cases.values()])
    done = subprocess.run(command, cwd=ROOT, input=given, capture_output=True, encoding="utf-8", check=True)
    yield dict(zip(cases, json.loads(done.stdout), strict=True))
    assert not (folder / "store").exists()


@pytest.mark.parametrize("place", [*FILES, *COMMANDS])
def test_no_configuration_makes_code_run(place, answers):
    for plan in (True, False):
        if (place, plan) in answers:
            said = answers[place, plan]
            assert said["code"] == 2 and said["reached"] == [], said
            assert said["err"].startswith("steeplechase: ") and len(said["err"].strip().splitlines()) == 1, said


def test_a_configuration_that_leaves_ours_out_is_told_how_to_begin(tmp_path):
    (tmp_path / "own.yaml").write_text("steps: 3\n", encoding="utf-8")
    own = allowed.Loader(create_config_search_path(str(tmp_path)))
    with pytest.raises(UserError, match=r"defaults: \[config, _self_\]"):
        own.load_configuration("own", [], RunMode.MULTIRUN)
