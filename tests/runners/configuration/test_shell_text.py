"""Shell text for jobs: from the command line alone, and nothing else of it."""

import pytest

from runners.configuration import shell_text
from steeplechase.errors import UserError


def test_shell_text_is_taken_out_of_the_command():
    line = ["task=sign_fitting", "hydra.launcher.setup=['module load cuda','source env/activate']", "seed=0,1"]
    line += ["hydra.launcher.additional_parameters={reservation: night, nice: 3}", "hydra.launcher.python='env python'"]
    assert shell_text.take(line) == ["task=sign_fitting", "seed=0,1"]
    found = shell_text.given()
    assert found["setup"] == ["module load cuda", "source env/activate"] and found["python"] == "env python"
    assert found["additional_parameters"] == {"reservation": "night", "nice": 3}
    found.clear()
    assert shell_text.given(), "a copy"
    assert (
        shell_text.take(["hydra.launcher.partition=gpu"]) == ["hydra.launcher.partition=gpu"] and not shell_text.given()
    )


@pytest.mark.parametrize(
    "line",
    [
        *("setup=rm", "setup={a: b}", "setup=[[a]]", "setup=a,b", "setup=", "setup=[a", "srun_args=x"),
        *("additional_parameters=[a]", "additional_parameters={a: [b]}", "python=[a]", "python=a,b"),
    ],
)
def test_what_has_another_form_is_one_sentence(line):
    with pytest.raises(UserError, match=rf"hydra\.launcher\.{line.partition('=')[0]} must be .* quote it whole"):
        shell_text.take([f"hydra.launcher.{line}"])
