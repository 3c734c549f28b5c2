"""The ledger: what did not hold first, every claim in it, and none that was ever declared missing."""

import subprocess
from pathlib import Path

import pytest
import yaml

from results import ledger
from results.claims import Claim
from results.records import declared
from runners import claims as command
from runners.configuration.schema import CHECKOUT


def claim(text, verdict, kind="better", before=None):
    return Claim(text, kind, "race", verdict, "so it was found.", before)


CLAIMS = [
    claim("a", "supported"),
    claim("b", "refuted"),
    claim("c", "withdrawn"),
    claim("d", "supported", "equivalent", before=True),
    claim("e", "undecided", before=False),
]


def test_what_did_not_hold_stands_first_and_then_what_claims_no_difference():
    lines = [line for line in ledger.text(CLAIMS).splitlines() if "| race" in line]
    assert [line.split("|")[1].strip() for line in lines] == ["b", "e", "c", "d", "a"]
    assert "no: exploratory" in lines[1] and "| yes" in lines[3] and "not known" in lines[0]


def test_they_are_counted_by_what_they_came_to():
    assert ledger.counted(CLAIMS) == "5 claims declared: 1 refuted, 1 undecided, 1 withdrawn, 2 supported."
    assert ledger.counted(CLAIMS[:1]) == "1 claim declared: 1 supported."


def test_a_page_counts_all_claims_between_the_marks_of_all():
    page = f"x\n{command.BEGIN.format('all')}\nold\n{command.END}\n{command.BEGIN.format('race')}\n{command.END}\ny"
    [made] = command.replaced({Path("page.md"): page}, CLAIMS).values()
    assert f"{command.BEGIN.format('all')}\n\n{ledger.counted(CLAIMS)}\n\n{command.END}" in made and "old" not in made


def test_no_claim_that_was_ever_committed_is_missing():
    """A claim is known by what it is about; its words and its margin may have been mended since."""
    git = ["git", "-C", str(CHECKOUT)]
    name = str(declared.FILE.relative_to(CHECKOUT))
    log = subprocess.run([*git, "log", "--format=%h", "--", name], capture_output=True, encoding="utf-8", check=False)
    if log.returncode:
        pytest.skip("this is no checkout with a history")

    def about(text):
        free = ("says", "withdrawn", "margin")
        return {tuple(sorted((k, str(v)) for k, v in one.items() if k not in free)) for one in yaml.safe_load(text)}

    there = about(declared.FILE.read_text(encoding="utf-8"))
    for commit in log.stdout.split():
        then = subprocess.run(
            [*git, "show", f"{commit}:{name}"], capture_output=True, encoding="utf-8", check=True
        ).stdout
        assert about(then) <= there, commit
