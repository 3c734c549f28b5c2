"""The command line: Hydra's own answers, launchers, and every mistake told in one sentence."""

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from results import load
from runners import claims, trace
from runners.configuration import choices, keys, schema
from runners.configuration.overrides import join
from runners.sweep import check_flags
from steeplechase.errors import UserError
from tests.oracles.command import QUIET, ROOT, sweep


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """A store, and what a sweep says that trains a run, declines the other, and cannot make a table of two replicas."""
    store = tmp_path_factory.mktemp("mixed")
    done = sweep(
        *("experiment=null", "task=sign_fitting", "estimator=ste,tanh_slope", "normalize=area", "optimizer=sgd"),
        *("task.steps=20", "seed=0,1", "figures=[]", "tables=[notebook]"),
        store=store,
    )
    return store, done


def test_a_pair_that_cannot_be_is_declined_and_listed(mixed):
    store, done = mixed
    assert "1 run was declined" in done.stdout
    assert "ste cannot be normalised by area: its area is inf." in done.stdout
    results = load(store, "none-" + next((store / "plans").iterdir()).name.split("-")[1])
    assert set(results.rows.estimator) == {"tanh_slope"} and results.rows.step.max() == 20
    assert [(one.estimator, one.normalize) for one in results.plan.unsupported] == [("ste", "area")]
    assert results.missing == {}, "what cannot be is not missing"


def test_a_table_that_cannot_be_made_is_one_sentence(mixed):
    _, done = mixed
    assert done.returncode == 1 and "needs one replica" in done.stderr and "Traceback" not in done.stderr


def test_one_failing_run_leaves_the_others(tmp_path):
    mixed = sweep(
        *("experiment=null", "task=sign_fitting", "estimator=q_pseudo,atan", "estimator.alpha=1", "optimizer=sgd"),
        *("task.steps=20", *QUIET),
        store=tmp_path,
    )
    assert mixed.returncode == 1
    assert "1 of 2 runs failed" in mixed.stdout and "q_pseudo.alpha is 1.0" in mixed.stdout
    assert set(load(tmp_path).rows.estimator) == {"atan"}
    assert "Traceback" not in mixed.stdout + mixed.stderr


@pytest.mark.long
def test_joblib_launches_too_and_bop_runs(tmp_path):
    done = sweep(
        *("experiment=null", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "task=sign_fitting"),
        *("estimator=tanh_slope", "optimizer=sgd,bop", "task.steps=10", "record_points=2", *QUIET),
        store=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    table = load(tmp_path).rows.set_index("optimizer")
    assert set(table.index) == {"sgd", "bop"}
    assert table.loc["bop", "estimator_weights"].isna().all(), "without latent weights nobody estimates there"
    assert (
        table.loc["bop", "optimizer.threshold"].eq(1e-6).all() and table.loc["sgd", "estimator_weights"].notna().all()
    )


def running():
    """{process: its parent}, of all that have not ended."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            state, parent = stat.read_text(encoding="utf-8").rsplit(")", 1)[1].split()[:2]
            if state != "Z":
                parents[int(stat.parent.name)] = int(parent)
    return parents


def descendants(pid):
    """The processes below this one."""
    found, parents = {pid}, running()
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def test_nothing_outlives_a_sweep_that_is_killed(tmp_path):
    """Two processes of joblib's, each with a training process of its own."""
    arguments = ["experiment=null", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "task=binarized_mlp"]
    arguments += ["estimator=ste,tanh_slope", "optimizer=sgd", "seed=range(64)", *QUIET, f"store={tmp_path}"]
    command = [sys.executable, "-m", "runners.sweep", *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    waited = time.monotonic() + 60
    while len(left := descendants(process.pid)) < 5 and time.monotonic() < waited:
        time.sleep(0.2)
    assert len(left) >= 5, "two launched processes with a training process each, and what tracks their resources"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    waited = time.monotonic() + 40
    while left and time.monotonic() < waited:
        time.sleep(0.2)
        left &= set(running())
    assert not left


@pytest.mark.parametrize("flags", [["--help"], ["--cfg", "job"], ["--info", "searchpath"]])
def test_hydras_own_answers(flags):
    answer = sweep(*flags, store=None)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.strip()


def test_tab_completion():
    line = "steeplechase estimator=tanh"
    environment = {**os.environ, "COMP_LINE": line, "COMP_POINT": str(len(line))}
    command = [sys.executable, "-m", "runners.sweep", "-sc", "query=bash"]
    answer = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False, encoding="utf-8"
    )
    assert "estimator=tanh_slope" in answer.stdout


MISTAKES = {
    "--cfg job estimator=ste,tanh_slope": "--cfg shows the configuration of one job, but estimator=ste,tanh_slope has",
    "task=binarized_mlp task.hidden=[0]": "task.hidden[0] is 0",
    "estimator=tanh_slop": "did you mean 'tanh_slope'?",
    "task=sign_fiting": "did you mean 'sign_fitting'?",
    "optimizer=adm": "did you mean 'adam'?",
    "optimizer.keras=Lamb": "optimizer Lamb is not element-wise",
    "function=sine": "there is no function 'sine'; did you mean 'sign'?",
    "function.at_zero=2": "function.at_zero is 2, but must be one of: 1, 0, -1.",
    "function.file=mine.py": "a hard function is read from no file; one of your own needs a checkout",
    "function_weights.at_zero=1": "choose one with function@function_weights=NAME.",
    "figures=[thruput]": "there is no figure 'thruput'; did you mean 'throughput'? Known are: board, convergence, ",
    "experiment=notbook": "did you mean 'notebook'?",
    "stpes=3": "did you mean 'steps'?",
    "+foo=1": "would add a key",
    "~task": "would delete a key",
    "estimator=ste estimator.scale=2": "ste has no key 'scale'",
    "task=sign_fitting task.hidden=[3]": "sign_fitting has no key 'hidden'",
    "estimator=ste,tanh_slope estimator.scale=1,2": "ste has no key 'scale'",
    "optimizer.learning_rate=-1": "must be greater than 0",
    "optimizer.learning_rate=0": "must be greater than 0",
    "optimizer.learning_rate=abc": "must be a finite number or a schedule",
    "steps=0": "steps is 0",
    "steps=many": "must be a whole number",
    "steps=[1,2]": "must be a whole number",
    "record_points=0": "record_points is 0",
    "seed=-1": "seed is -1",
    "seed=1,1": "lists 1 twice",
    "seed=[]": "an empty list",
    "tables=[sumary]": "did you mean 'summary'?",
    "figures=[convergense]": "did you mean 'convergence'?",
    "optimizer=adamw optimizer.weight_decay=null": "is null, but needs a value",
    "optimizer=nadam optimizer.beta_1=[0.9,0.8]": "must be a number",
    "optimizer=sgd optimizer.clipvalue=abc": "must be a number or null",
    "normalize=are": "did you mean 'area'?",
    "device=gpu": "device is gpu",
    "task=binarized_mlp task.hidden=12": "must be a list",
    "task=binarized_mlp task.batch=x": "must be a whole number",
    "task=binarized_mlp task.data=nowhere.gz": "there is no such file",
    "range(3": "not of the form key=value",
    "seed=range(3": "cannot be read",
    "store=/proc/none": "cannot be written",
}


# LONG, FILE, PIPE stand for 3,000 letters, a file and a pipe.
ODD = {
    "optimizer.clipvalue=nan optimizer=sgd": "optimizer.clipvalue is nan",
    "optimizer=adamw optimizer.weight_decay=inf": "optimizer.weight_decay is inf",
    "task=sign_fitting task.start=-inf": "task.start is -inf",
    "task=binarized_mlp task.hidden=[nan]": "task.hidden is [nan]",
    "task=binarized_mlp task.batch=99999999999999": "a whole number up to 2147483647",
    "checkpoint=nan": "checkpoint is nan",
    "optimizer.learning_rate={shape:steps,values:[0.1,inf],at:[0.5]}": "finite number",
    "seed=inf": "seed is inf",
    "task=range(0)": "lists no values",
    "gradient_flow=range(1,2,0)": "a step but 0",
    "seed=range(0,inf)": "finite ends",
    "seed=range(300000000)": "300,000,000 values, but 100,000 is the most",
    "seed=range(1000) optimizer.learning_rate=range(1,1001)": "replicas of one run, but 100,000 is the most",
    "steps=range(1,20000)": "19,999 runs, but 10,000 is the most",
    "estimator.name=1": "estimator.name is 1",
    "optimizer.name=[]": "optimizer.name is []",
    "optimizer.keras=[]": "optimizer.keras is []",
    "task=null": "task needs a page",
    "experiment=null,smoke": "null stands alone",
    "estimator=[ste]": "is no name of a page",
    "estimator=LONG": "is no name of a page",
    "store=LONG plan=false": "cannot be",
    "store=FILE plan=false": "cannot be",
    "store=PIPE plan=false": "cannot be",
    "estimator.file=LONG": "cannot be",
    "estimator.file=PIPE": "no regular file",
    "task=binarized_mlp task.data=PIPE": "no regular file",
    "hydra/launcher=[basic]": "must be one of: basic, joblib",
    "hydra/launcher=nonsense": "must be one of: basic, joblib",
    "hydra/job_logging=[a]": "hydra/job_logging cannot be set",
    "hydra.verbose={a:1}": "hydra.verbose.a cannot be set",
    "hydra.launcher._target_=x": "hydra.launcher._target_ cannot be set",
    "--nonsense": "unrecognized arguments: --nonsense",
    "--cfg": "argument --cfg/-c",
    "--run --multirun": "Only one of --run",
    "store=a/lr=0.1": "quote it twice: \"store='a/lr=0.1'\"",
    "store=größe x": "\"store='größe x'\"",
    "optimizer.lr=0.1": "it is called optimizer.learning_rate here",
    "steps=abc": "steps is 'abc', but must be a whole number.",
}


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What the command says to all of these, in one process."""
    folder = tmp_path_factory.mktemp("told")
    (folder / "file").touch()
    os.mkfifo(folder / "pipe")
    places = {"LONG": "n" * 3000, "FILE": str(folder / "file"), "PIPE": str(folder / "pipe")}
    cases = []
    for mistake in (*MISTAKES, *ODD):
        line = mistake.split()
        if mistake in ODD and not mistake.startswith("-"):
            line += [word for word in ("experiment=null", "plan=true") if word.split("=")[0] not in mistake]
        line += [] if "store=" in mistake else [f"store={folder / 'store'}"]
        for name, place in places.items():
            line = [word.replace(name, place) for word in line]
        cases.append({"arguments": line})
    command = [sys.executable, "-m", "tests.oracles.commands"]
    given = json.dumps(cases)
    done = subprocess.run(
        command, cwd=ROOT, input=given, capture_output=True, encoding="utf-8", timeout=300, check=True
    )
    yield dict(zip((*MISTAKES, *ODD), json.loads(done.stdout), strict=True))
    assert not (folder / "store" / "runs").exists() or not list((folder / "store" / "runs").iterdir())


@pytest.mark.parametrize("mistake", [*MISTAKES, *ODD])
def test_a_mistake_is_one_sentence(mistake, told):
    answer = told[mistake]
    assert answer["code"] == 2, answer
    assert (MISTAKES | ODD)[mistake] in answer["err"]
    assert answer["err"].startswith("steeplechase: ") and len(answer["err"].strip().splitlines()) == 1
    assert len(answer["err"]) < 1000


def test_another_process_says_it_on_standard_error(tmp_path):
    answer = sweep("steps=many", store=tmp_path, timeout=60)
    assert answer.returncode == 2 and answer.stdout == ""
    assert answer.stderr == "steeplechase: steps is 'many', but must be a whole number.\n"


def test_a_page_that_is_not_imported_is_told_before_anything_trains(tmp_path, monkeypatch):
    monkeypatch.setattr(schema, "CONF", tmp_path)
    (tmp_path / "estimator").mkdir()
    (tmp_path / "estimator" / "mine.yaml").write_text("name: mine\n", encoding="utf-8")
    with pytest.raises(
        UserError, match="add `from estimators.surrogates.mine import mine as mine` to estimators/__init__.py"
    ):
        choices.defaults_of("estimator", "mine")


def test_arguments_may_follow_a_flag(tmp_path, monkeypatch):
    monkeypatch.setenv(choices.CONFIG_DIR, "")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a=b").mkdir()
    assert check_flags(["task=x", "-m", "seed=0,1"]) == ["task=x", "seed=0,1", "-m"]
    assert check_flags(["--config-dir", "a=b", "seed=1"]) == ["seed=1", "--config-dir", "a=b"]


@pytest.mark.parametrize("module", ["figures", "report", "contract", "claims", "gallery", "trace", "records"])
def test_every_command_answers_a_flag_that_there_is_not_alike(module, capsys):
    assert importlib.import_module(f"runners.{module}").main(["--nonsense"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("steeplechase: unrecognized arguments: --nonsense; `") and len(said.splitlines()) == 1


@pytest.mark.parametrize("key", ["--claims", "--pages"])
def test_a_pipe_is_not_waited_for(key, tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe")
    assert claims.main([key, str(tmp_path / "pipe")]) == 2
    assert "no regular file" in capsys.readouterr().err


def test_a_key_answers_by_its_old_name_for_one_release(tmp_path, capsys):
    said = "steeplechase: the key forward is called function now; the old name goes with the next release.\n"
    assert join(["forward=step", "task=sign_fitting"]) == ["function=step", "task=sign_fitting"]
    assert capsys.readouterr().err == said
    assert join(["at_zero=-1,0"]) == ["function.at_zero=-1,0"]
    assert "the key at_zero is called function.at_zero now" in capsys.readouterr().err
    assert join(["function=step", "~forward", "+forward=step"]) == ["function=step", "~forward", "+forward=step"]
    assert capsys.readouterr().err == ""
    with pytest.raises(UserError, match="there is no key 'forward'; it is called function here"):
        keys.check_key("forward", ["step"])
    assert trace.main(["task=sign_fitting", "estimator=ste", "forward=step"]) == 2
    assert capsys.readouterr().err.startswith(f"{said}steeplechase: sign_fitting is written for sign, not for step")
    line = ["experiment=null", "task=sign_fitting", "estimator=ste", "optimizer=sgd", "plan=true"]
    old, new = (sweep(*line, f"{key}=sign", store=tmp_path, timeout=120) for key in ("forward", "function"))
    assert (old.returncode, old.stdout) == (new.returncode, new.stdout) and old.stderr == said and not new.stderr


def test_trace_says_what_the_sweep_says(capsys):
    assert trace.main(["task=sign_fitting", "steps=abc"]) == 2
    assert capsys.readouterr().err == "steeplechase: steps is 'abc', but must be a whole number.\n"


@pytest.mark.parametrize("asked", [["--help"], ["--info", "searchpath", "plan=true"]])
def test_a_closed_pipe_ends_a_command_quietly(asked):
    """`--help | head -0`, and what Hydra logs, in a locale of ASCII."""
    environment = {**os.environ, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "runners.sweep", *asked]
    with os.fdopen(write, "w", encoding="utf-8") as pipe:
        ended = subprocess.run(command, cwd=ROOT, env=environment, stdout=pipe, stderr=subprocess.PIPE, check=False)
    assert ended.stderr == b"" and ended.returncode == 128 + signal.SIGPIPE


def test_any_locale_and_any_terminal_will_do(tmp_path):
    environment = {**os.environ, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    environment["PYTHONIOENCODING"] = "latin-1"
    line = ["experiment=null", "task=sign_fitting", "plan=true", f"store={tmp_path}"]
    command = [sys.executable, "-m", "runners.sweep", *line]
    shown = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, encoding="latin-1", check=False)
    assert shown.returncode == 0 and "1 run, 1 replica: 0 done, 1 missing." in shown.stdout, shown.stderr
    script = (
        "import os\nfrom runners import command\ncommand.run(lambda: print('\\u25be', os.environ['PYTHONIOENCODING']))"
    )
    printed = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, check=True)
    assert printed.stdout.startswith(b"? "), "a sign that Latin-1 has not"
    assert printed.stdout.strip().endswith(b":replace"), "and so for the processes that it starts"


@pytest.mark.parametrize("swallowed", [False, True])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_command_in_time_and_says_what_is_kept(number, swallowed):
    """Of a command that waits for something that does not come, also where what is raised comes to nobody's ears."""
    usual = "signal.default_int_handler" if number == signal.SIGINT else "signal.SIG_DFL"
    script = (
        f"import contextlib, signal, time\nsignal.signal({number:d}, {usual})  # which a shell or nohup has ignored\n"
        "from runners import command\ndef main():\n    print('ready', flush=True)\n    while True:\n"
        f"        with contextlib.suppress({'KeyboardInterrupt' if swallowed else ''}):\n            time.sleep(60)\n"
        "command.run(main)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=-1, stderr=-1, encoding="utf-8") as process:
        assert process.stdout.readline() == "ready\n"
        started = time.monotonic()
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
        assert process.returncode == 128 + number and time.monotonic() - started < 10
    by = "" if number == signal.SIGINT else f" by {number.name}"
    assert (
        said
        == f"steeplechase: stopped{by}; what is recorded or saved is kept, and the same command goes on from here.\n"
    )


def test_somebodys_own_module_is_named(tmp_path):
    """`python -m` looks into the current folder before ours."""
    (tmp_path / "tasks.py").touch()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "runners.sweep", "plan=true"]
    answer = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8", check=False)
    assert answer.returncode == 2 and answer.stdout == ""
    assert answer.stderr.startswith(f"steeplechase: {tmp_path / 'tasks.py'} stands in place of")
    assert len(answer.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "mistake, said",
    [
        pytest.param("task=binarized_mlp task.batch=5000", "task.batch is 5000", marks=pytest.mark.long),
        pytest.param("task=sign_fitting estimator.scale=-1", "tanh_slope.scale is -1", marks=pytest.mark.long),
        ("task=sign_fitting function=step", "is written for sign"),
    ],
)
def test_a_mistake_that_a_page_finds_fails_its_run(mistake, said, tmp_path):
    arguments = ["experiment=null", "estimator=tanh_slope", "optimizer=sgd", *mistake.split(), *QUIET]
    answer = sweep(*arguments, store=tmp_path)
    assert answer.returncode == 1, "nothing was trained"
    assert said in answer.stdout.replace("│", "").replace("\n", " ").replace("  ", " ") or said in answer.stdout
    assert "Traceback" not in answer.stdout + answer.stderr
