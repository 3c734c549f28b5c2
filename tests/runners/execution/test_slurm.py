"""What is said to SLURM, and what it answers, without one: tests/slurm has a real one."""

import os
from dataclasses import replace
from types import SimpleNamespace

import pytest

from runners.configuration.job_options import JobOptions
from runners.execution import slurm
from steeplechase.errors import UserError

DEFAULT = JobOptions()


def planned(device):
    return SimpleNamespace(planned=SimpleNamespace(run=SimpleNamespace(program={"device": device})))


def command(folder, name, text):
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """Where programs are put that answer in the place of SLURM's."""
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    for name in ("sbatch", "srun", "squeue"):
        command(tmp_path, name, "exit 1")
    return tmp_path


def test_without_slurm_it_is_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="there is no sbatch here"):
        slurm.train([planned("cpu")], DEFAULT, leave=False)


@pytest.mark.parametrize(
    ("changed", "said"),
    [({"gpus_per_node": 1}, "planned for a CPU"), ({"timeout_min": 1, "signal_delay_s": 60}, "a job has 1 min")],
)
def test_what_no_job_could_train_is_refused(changed, said, tools):
    with pytest.raises(UserError, match=said):
        slurm.train([planned("cpu")], replace(DEFAULT, **changed), leave=False)


def test_the_states_of_jobs_are_read(tools):
    command(tools, "squeue", "printf 'night-1|0|RUNNING\\nnight-1|12|PENDING\\nnight-2|N/A|NODE_FAIL\\n'")
    found = slurm.states({"night-1", "night-2"})
    assert found == {("night-1", 0): "RUNNING", ("night-1", 12): "PENDING", ("night-2", 0): "NODE_FAIL"}


def test_a_silent_slurm_is_told_and_nothing_is_taken_for_lost(tools, capsys):
    command(tools, "squeue", "echo 'the controller is away' >&2; exit 1")
    assert slurm.states({"night-1"}) is None
    assert "squeue does not answer: the controller is away" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("device", "asked", "gpus"), [("cpu", None, None), ("gpu", None, 1), ("gpu", 0, 0), ("gpu", 4, 4)]
)
def test_jobs_have_gpus_where_runs_are_for_them(device, asked, gpus):
    given = slurm.parameters(replace(DEFAULT, gpus_per_node=asked), "night-1", device, {})
    assert given.get("gpus_per_node") == gpus and "slurm_partition" not in given
    assert given["slurm_additional_parameters"] == {"requeue": True}


def test_what_the_command_says_in_shells_words_reaches_the_jobs():
    typed = {"setup": ["module load x"], "additional_parameters": {"no-requeue": True, "nice": 3}}
    given = slurm.parameters(DEFAULT, "night-1", "cpu", typed)
    assert given["slurm_setup"] == ["module load x"]
    assert given["slurm_additional_parameters"] == {"no-requeue": True, "nice": 3}
