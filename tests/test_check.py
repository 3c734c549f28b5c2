"""The regression check on planted numbers: its rule, fitness, counters, and a sentence for each mistake."""

import subprocess
import sys

import numpy as np
import pytest

from steeplechase.errors import UserError
from tests.perf import check, trees, verdict
from tests.perf.trees import Timing, Tree
from tests.perf.verdict import Machine

GIT = ("git", "-c", "user.name=somebody", "-c", "user.email=somebody@example.org", "-c", "commit.gpgsign=false")
CALM = [1.00, 1.01, 0.99, 1.02, 1.00]


def noisy(spread, trials=400):
    """What verdict.called asks, of sides that are the same but for normal noise; `slower` makes ours slower."""
    random = np.random.default_rng(0)

    def sides(slower=0.0):
        return lambda n: tuple(random.normal(shift, spread, (trials, n)) for shift in (0.0, np.log1p(slower)))

    return sides


# The rule


def test_a_fifth_slower_is_flagged_and_equal_is_not():
    assert verdict.judge(CALM, [1.2 * s for s in CALM]).word == "slower"
    assert verdict.judge([1.2 * s for s in CALM], CALM).word == "faster"
    assert verdict.judge(CALM, CALM).word == verdict.judge(CALM, CALM[::-1]).word == "same"
    assert verdict.judge(CALM, [1.04 * s for s in CALM]).word == "same"


def test_a_ratio_of_medians_alone_does_not_decide():
    ours = [1.0, 1.0, 1.15, 1.15, 1.16]
    found = verdict.judge(CALM, ours)
    assert found.ratio > 1.1 and found.least < 1.02 and found.word != "slower"


def test_one_stray_process_neither_flags_nor_hides():
    assert verdict.judge(CALM, [1.0, 1.01, 0.99, 1.0, 3.0]).word == "same"
    assert verdict.judge(CALM, [1.2, 1.21, 1.19, 1.2, 3.0]).word == "slower"


def test_the_threshold_is_what_equal_sides_show_and_no_difference_raises_it():
    calm, wild = verdict.judge(CALM, CALM), verdict.judge([1.0, 1.2, 0.85, 1.1, 0.9], [1.1, 1.0, 0.9, 1.25, 0.8])
    assert calm.threshold == verdict.LEAST < wild.threshold
    assert verdict.judge(CALM, [5 * s for s in CALM]).threshold == pytest.approx(calm.threshold)


def test_numbers_that_differ_too_much_are_not_judged():
    wild = [1.0, 2.0, 0.5, 1.6, 0.7]
    assert verdict.judge(wild, [3 * s for s in wild]).word == "unfit"


def test_all_splits_are_taken_where_they_are_few():
    few, many = verdict.splits(3), verdict.splits(8)
    assert len(few) == 20 == len({frozenset(split[:3]) for split in few.tolist()})
    assert many.shape == (verdict.SPLITS, 16) and (np.sort(many, 1) == np.arange(16)).all()


@pytest.mark.parametrize("spread", [0.02, 0.05])
def test_noise_is_seldom_called_slower_and_a_fifth_is_nearly_always(spread):
    sides = noisy(spread)
    nothing, fifth = verdict.called(sides(), 5), verdict.called(sides(0.2), 5)
    assert nothing["slower"] <= 0.01 and nothing["unfit"] <= 0.01
    assert fifth["slower"] >= 0.95


def test_much_noise_makes_the_machine_unfit_rather_than_this_tree_slower():
    nothing = verdict.called(noisy(0.5)(), 5)
    assert nothing["slower"] <= 0.01 and nothing["unfit"] > 0.5


def test_false_alarms_are_summed_over_cases():
    wild = [1.0, 1.25, 0.8, 1.1, 0.9]
    assert verdict.false_alarms([(CALM, CALM)] * 3) == 0
    assert 0 <= verdict.false_alarms([(wild, wild)]) < 0.05


# Counters


def test_counters_are_compared_exactly_and_only_where_both_have_them():
    base, ours = [{"traces": 3, "bytes": 10}] * 2, [{"traces": 3, "bytes": 11, "new": 1}] * 2
    assert verdict.differing(base, ours) == {"bytes": (10, 11)}
    assert verdict.differing(base, base) == verdict.differing([{}], ours) == verdict.differing([], ours) == {}


def test_what_differs_between_processes_is_no_counter():
    loose = [{"traces": 3, "bytes": 10}, {"traces": 3, "bytes": 12}]
    assert verdict.differing(loose, [{"traces": 4, "bytes": 20}] * 2) == {"traces": (3, 4)}
    assert verdict.unsettled(loose) == ["bytes"] and verdict.unsettled(loose[:1]) == []


# Fitness


def test_a_machine_under_load_is_told():
    gib = 2**30
    assert verdict.unfit(Machine(2, 0.1, 0.01, 0.0, 8 * gib)) == verdict.unfit(Machine(2)) == []
    assert "load average is 1.9 on 2 cores" in verdict.unfit(Machine(2, 1.9))[0]
    assert "other processes use 50% of its 2 cores" in verdict.unfit(Machine(2, 0.1, 0.5))[0]
    assert "took 9%" in verdict.unfit(Machine(2, 0.1, 0.0, 0.09))[0]
    assert "1.0 GiB" in verdict.unfit(Machine(2, 0.1, 0.0, 0.0, gib))[0]


def test_a_load_average_of_what_has_ended_is_no_load():
    assert verdict.unfit(Machine(2, 1.9, 0.02)) == []


def test_a_window_sees_the_machine():
    state = check.Window().state()
    assert state.load is None and state.cores >= 1
    if sys.platform == "linux":
        assert state.busy >= 0 and 0 <= state.steal <= 1 and state.free > 0


def test_a_machine_under_load_ends_the_command_before_anything_is_measured(monkeypatch, capsys):
    monkeypatch.setattr(check.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(check.Window, "state", lambda self: Machine(2, None, 0.9))
    monkeypatch.setattr(check.os, "getloadavg", lambda: (0.0, 0.0, 0.0))
    monkeypatch.setattr(trees, "checkout", None)
    assert check.main(["HEAD"]) == 4
    assert capsys.readouterr().err.startswith("steeplechase: the machine is not fit to judge: other processes use 90%")


# The command


def test_turns_are_taken_abba():
    assert check.order(["A", "B"], 5) == list("ABBAABBAAB")


def rows(*words, counters=()):
    found = {f"f::test_{word}": {"judgement": verdict.Judgement(1, 1, 0.05, word), "counters": {}} for word in words}
    next(iter(found.values()))["counters"] = dict(counters)
    return found


def test_exit_codes():
    rose, fell, busy = {"traces": (1, 2)}, {"traces": (2, 1)}, ["it is busy"]
    assert check.decide(rows("same", "faster"), []) == check.decide(rows("same", counters=fell), []) == 0
    assert check.decide(rows("slower", "unfit"), []) == check.decide(rows("same", counters=rose), []) == 3
    assert check.decide(rows("same", "unfit"), []) == check.decide(rows("slower"), busy) == 4
    assert check.decide(rows("same", counters=rose), busy) == 3
    assert check.sentence(rows("slower"), busy, 4).startswith("The machine was not fit to judge times: it is busy.")
    assert check.sentence(rows("slower", counters=rose), [], 3) == "Counters rose: slower; slower: slower. Exit code 3."
    assert check.sentence(rows("same"), [], 0) == "Not slower. Exit code 0."


@pytest.fixture
def planted(monkeypatch, tmp_path):
    """Lets the command run on planted processes: side -> seconds of a process, drawn with a little noise."""
    random = np.random.default_rng(0)
    seen = []

    def plant(base, ours, counters=({}, {})):  # noqa: B006 (nobody writes into them)
        def measure(tree, wanted, environ=None):
            seen.append(tree.name)
            side = tree.name == "this tree"
            seconds = (base, ours)[side] * random.normal(1, 0.01)
            return {name: Timing(seconds, counters[side]) for name in wanted}

        monkeypatch.setattr(trees, "measure", measure)
        return seen

    monkeypatch.setattr(check, "fit_to_start", lambda: None)
    monkeypatch.setattr(check.Window, "state", lambda self: Machine(2))
    monkeypatch.setattr(trees, "environment", lambda *_: tmp_path)
    monkeypatch.setattr(trees, "need_benchmarks", lambda *_: None)
    monkeypatch.setattr(trees, "compile_python", lambda *_: None)
    monkeypatch.setattr(trees, "names", lambda tree: ["tests/perf/test_speed.py::test_training[notebook-1]"])
    return plant


def test_what_is_flagged_is_measured_again_and_then_fails(planted, capsys, tmp_path):
    seen = planted(1.0, 1.3)
    assert check.main(["HEAD", "--json", str(tmp_path / "found.json")]) == 3
    assert len(seen) == 10 + 20 and (tmp_path / "found.json").stat().st_size
    told = capsys.readouterr()
    assert "Slower: training[notebook-1]. Exit code 3." in told.out and "would be expected" in told.out
    assert "process 20 of 20: this tree" in told.err or "process 20 of 20: BASE" in told.err


def test_what_is_equal_is_measured_once_and_passes(planted, capsys):
    seen = planted(1.0, 1.0, ({"traces": 3}, {"traces": 3}))
    assert check.main(["HEAD"]) == 0 and len(seen) == 10
    assert "Not slower." in capsys.readouterr().out


def test_a_counter_that_rose_fails_without_any_time(planted, capsys):
    seen = planted(1.0, 1.0, ({"traces": 3}, {"traces": 4}))
    assert check.main(["HEAD"]) == 3 and len(seen) == 10
    assert "traces 3 → 4" in capsys.readouterr().out


def test_the_self_test_tells_how_often_it_was_right(planted, monkeypatch, capsys):
    planted(1.0, 1.0)
    measured = trees.measure

    def delayed(tree, wanted, environ=None):
        share = float((environ or {}).get("STEEPLECHASE_DELAY", 0))
        return {name: Timing(one.seconds * (1 + share), {}) for name, one in measured(tree, wanted).items()}

    monkeypatch.setattr(trees, "measure", delayed)
    assert check.main(["--self-test", "--trials", "200"]) == 0
    told = capsys.readouterr().out
    assert "20% delay" in told and "100.0%" in told and "fit to judge" in told


# Mistakes, in one sentence each


@pytest.fixture
def repository(tmp_path):
    """A git repository of one commit, whose tree has a lock and a benchmark that cannot be imported."""
    root = tmp_path / "repository"
    (root / "tests/perf").mkdir(parents=True)
    (root / trees.LOCK).write_text("", encoding="utf-8")
    (root / "tests/perf/test_speed.py").write_text("import no_such_module\n", encoding="utf-8")
    for words in (("init", "--quiet"), ("add", "."), ("commit", "--quiet", "--message", "first")):
        subprocess.run([*GIT, *words], cwd=root, check=True)
    return root


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "BASE names the commit to compare with, and is missing"),
        (["no-such-commit"], "BASE is 'no-such-commit', which is no commit here"),
        (["--output=x"], "unrecognized arguments"),
        (["HEAD", "--processes", "1"], "--processes is 1, but"),
        (["HEAD", "--trials", "0"], "--trials is 0, but"),
        (["HEAD", "--json", "no/such/folder/x"], "--json is 'no/such/folder/x', but"),
    ],
)
def test_mistakes_are_one_sentence(words, told, capsys):
    try:
        code = check.main(words)
    except SystemExit as end:
        code = end.code
    error = capsys.readouterr().err
    assert code == 2 and error.startswith("steeplechase: ") and told in error and error.count("\n") == 1


def test_outside_a_checkout_base_cannot_be_looked_up(tmp_path):
    with pytest.raises(UserError, match="not a git checkout"):
        trees.resolve("HEAD", tmp_path)


def test_a_worktree_is_gone_afterwards_also_after_an_error(repository):
    commit = trees.resolve("HEAD", repository)
    with pytest.raises(ZeroDivisionError), trees.checkout(commit, repository) as path:
        assert (path / trees.LOCK).exists()
        raise ZeroDivisionError
    listed = subprocess.run(
        [*GIT, "worktree", "list"], cwd=repository, capture_output=True, text=True, check=True, encoding="utf-8"
    )
    assert not path.exists() and len(listed.stdout.splitlines()) == 1


def test_a_base_without_benchmarks_is_told(tmp_path):
    with pytest.raises(UserError, match="BASE has no benchmarks: there is no test in tests/perf"):
        trees.need_benchmarks(tmp_path, "BASE")
    (tmp_path / "tests/perf").mkdir(parents=True)
    (tmp_path / "tests/perf/test_speed.py").write_text("X = 1\n", encoding="utf-8")
    trees.need_benchmarks(tmp_path, "BASE")
    with pytest.raises(UserError, match="BASE has no benchmarks: pytest finds none"):
        trees.names(Tree(tmp_path, "BASE", sys.executable))


def test_a_base_that_cannot_be_imported_is_told(repository):
    with pytest.raises(UserError, match="BASE does not build: ModuleNotFoundError: No module named 'no_such_module'"):
        trees.names(Tree(repository, "BASE", sys.executable))


def test_a_base_whose_lock_cannot_be_installed_is_told(tmp_path, monkeypatch):
    (tmp_path / trees.LOCK).write_text("no-such-package==1\n", encoding="utf-8")
    real = trees.run_command

    def run(words, cwd, environ=None):
        if "pip" in map(str, words):
            return subprocess.CompletedProcess(words, 1, "", "ERROR: No matching distribution found\n\n")
        return real([*words[:3], "--without-pip", *words[3:]], cwd, environ)

    monkeypatch.setattr(trees, "run_command", run)
    with pytest.raises(UserError, match="BASE does not build: ERROR: No matching distribution found"):
        trees.environment(tmp_path, "BASE", tmp_path / "own", cache=tmp_path / "cache")
    assert not any((tmp_path / "cache").iterdir())


def test_a_base_without_a_lock_is_told(tmp_path):
    with pytest.raises(UserError, match="BASE does not build: it has no requirements.lock"):
        trees.environment(tmp_path, "BASE", tmp_path / "own")


def test_an_environment_borrows_packages_but_no_tree(tmp_path):
    python = trees.environment(trees.ROOT, "BASE", tmp_path / "own")
    code = "import numpy, sys; print([p for p in sys.path if 'borrowed' in p or p == sys.argv[1]])"
    done = subprocess.run(
        [python, "-c", code, str(trees.ROOT)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        encoding="utf-8",
    )
    assert done.stdout.strip() == "[]"


def test_the_code_of_a_benchmark_is_what_it_imports_under_tests(tmp_path):
    (tmp_path / "tests/perf").mkdir(parents=True)
    benchmark, helper = tmp_path / "tests/perf/test_x.py", tmp_path / "tests/perf/helper.py"
    benchmark.write_text("from tests.perf import helper\nimport numpy\n", encoding="utf-8")
    helper.write_text('"""What it is."""\n\nX = 1\n', encoding="utf-8")
    before = trees.sources(tmp_path, "tests/perf/test_x.py::test_x[1]")
    assert set(before) == {"tests/perf/test_x.py", "tests/perf/helper.py"}
    trees.code.tree.cache_clear()
    helper.write_text('"""What it is, in other words."""\n\nX = 1  # one\n', encoding="utf-8")
    assert trees.sources(tmp_path, "tests/perf/test_x.py::test_x[1]") == before
    trees.code.tree.cache_clear()
    helper.write_text("X = 2\n", encoding="utf-8")
    assert trees.sources(tmp_path, "tests/perf/test_x.py::test_x[1]") != before


def test_a_benchmark_of_pytest_is_read(tmp_path):
    (tmp_path / "tests/perf").mkdir(parents=True)
    (tmp_path / "tests/perf/test_x.py").write_text(
        "def test_x(benchmark):\n"
        "    benchmark.pedantic(int, rounds=2)\n"
        "    benchmark.extra_info['counters'] = {'traces': 1}\n\n\n"
        "def test_no_benchmark():\n    pass\n",
        encoding="utf-8",
    )
    tree = Tree(tmp_path, "BASE", sys.executable)
    found = trees.measure(tree, trees.names(tree))
    assert list(found) == ["tests/perf/test_x.py::test_x"]
    assert found["tests/perf/test_x.py::test_x"].counters == {"traces": 1}
    (tmp_path / "tests/perf/test_x.py").write_text("def test_x(benchmark):\n    assert not 'right'\n", encoding="utf-8")
    with pytest.raises(UserError, match="the benchmarks of BASE fail: "):
        trees.measure(tree, ["tests/perf"])
