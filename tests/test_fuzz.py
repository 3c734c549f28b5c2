"""The fuzzer: every line and every store is accepted or refused, and it counts what is planted."""

import json
import os
import subprocess
import sys

import pytest

from tests.fuzz import counts, grammar, harness, stores
from tests.fuzz.harness import Line, judge
from tests.oracles.command import ROOT

LINES, STORES = 50, 31  # the fewest, about, that have one of each kind; `make fuzz` counts 500 and 60


def fuzzed(folder, *arguments, timeout):
    """(what the fuzzer found, what it printed). It runs in a process without TensorFlow, and forks from that."""
    path = folder / "found.json"
    command = [sys.executable, "-m", "tests.fuzz", *arguments, "--json", str(path)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=False, encoding="utf-8"
    )
    assert path.exists(), done.stdout + done.stderr
    return json.loads(path.read_text(encoding="utf-8")), done.stdout


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """A line and a store of each kind, and the planted faults, in one process."""
    own = ("--lines", str(LINES), "--stores", str(STORES), "--planted")
    return fuzzed(tmp_path_factory.mktemp("fuzz"), *own, timeout=1800)


def all_good(found, printed, capsys):
    with capsys.disabled():
        print(f"\n{counts.table(found['counts'])}")
    bad = [one for one in found["found"] if one[2] not in harness.GOOD]
    assert not bad, printed


def test_lines_and_stores_are_accepted_or_refused(short, capsys):
    assert {what: sum(own.values()) for what, own in short[0]["counts"].items()} == {"lines": LINES, "stores": STORES}
    all_good(*short, capsys)


@pytest.mark.long
def test_many_lines_and_stores_are_accepted_or_refused(tmp_path, capsys):
    own = ("--lines", "10000", "--stores", "2000", "--seed", "1", "--processes", str(len(os.sched_getaffinity(0))))
    found, printed = fuzzed(tmp_path, *own, timeout=6 * 3600)
    assert {what: sum(own.values()) for what, own in found["counts"].items()} == {"lines": 10_000, "stores": 2_000}
    all_good(found, printed, capsys)


def test_each_planted_fault_is_counted(short):
    planted = short[0]["planted"]
    assert {name: kind for name, (_, kind, _) in planted.items()} == {
        name: wanted for name, (wanted, _, _) in planted.items()
    }
    assert {wanted for wanted, _, _ in planted.values()} == set(harness.KINDS), "each count can rise"


def test_every_kind_is_among_the_lines_and_stores():
    for seed in (0, 3):
        assert {line.kind for line in grammar.Grammar(seed).lines(LINES)} == set(grammar.Grammar(seed).kinds)
        assert {kind for kind, _ in stores.kinds(STORES, seed)} == set(stores.Spoiler.KINDS)
    lines = [*grammar.Grammar(3).lines(500)]
    assert [*map(str, lines)] == [*map(str, grammar.Grammar(3).lines(500))], "a seed says it all"
    assert not any("\0" in word for line in lines for word in line.arguments)


@pytest.mark.parametrize(
    "line, code, out, err, kind",
    [
        (Line("runners.sweep", ["plan=true"]), 0, "fine", "", "accepted"),
        (Line("runners.sweep", ["plan=true"]), 2, "", "steeplechase: no.\n", "refused"),
        (Line("runners.sweep", ["plan=true"]), 2, "", "steeplechase: no.\nand more\n", "traceback"),
        (Line("runners.figures", []), 1, "", "steeplechase: no.\nsteeplechase: nor that.\n", "refused"),
        (Line("runners.report", []), 1, "", "x: 3 tables and figures\nsteeplechase: no.\n", "refused"),
        (
            Line("runners.sweep", []),
            2,
            "",
            "steeplechase: the key a is called b.a now; so.\nsteeplechase: no.\n",
            "refused",
        ),
        (Line("runners.sweep", []), 2, "", "steeplechase: the key a is called b.a now; so.\n", "traceback"),
        (Line("runners.sweep", []), 1, "1 of 2 runs failed", "", "refused"),
        (Line("runners.sweep", []), 1, "", "", "traceback"),
        (Line("runners.sweep", []), 0, "Traceback (most recent call last):\nKeyError", "", "traceback"),
        (Line("runners.sweep", []), 2, "", f"steeplechase: {'n' * 3000}.", "traceback"),
        (Line("runners.sweep", []), None, "", "", "hang"),
        (Line("runners.sweep", []), harness.LOSS, "", "", harness.LOST),
    ],
)
def test_what_is_said_is_judged(line, code, out, err, kind):
    assert judge(line, code, out, err, []).kind == kind


def test_the_page_says_what_was_counted(monkeypatch, tmp_path):
    page = tmp_path / "reliability.md"
    page.write_text(f"before\n{counts.BEGIN}\nold\n{counts.END}\nafter\n", encoding="utf-8")
    monkeypatch.setattr(counts, "PAGE", page)
    counts.write({"lines": {"accepted": 1200, "hang": 1}, "stores": {}}, seed=7)
    text = page.read_text(encoding="utf-8")
    assert "| command lines | 1,201 | 1,200 | 0 | 0 | 1 |" in text and "old" not in text
    assert "Seed 7, commit " in text and " cores of " in text and text.endswith("after\n")
    page.write_text("no marks", encoding="utf-8")
    with pytest.raises(ValueError, match="needs the lines"):
        counts.write({"lines": {}, "stores": {}}, seed=7)
