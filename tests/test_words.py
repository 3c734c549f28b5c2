"""One word for one thing: no name and no text takes up a word again that was given up, and those left become fewer."""

import pytest
import yaml

from tests.oracles import words

LEFT = yaml.safe_load((words.ROOT / "tests/words_left.yaml").read_text(encoding="utf-8"))


def differences(there, listed):
    """(what there is beyond the list, what is listed and gone), each as sentences."""
    new = [f"{file}: {one}" for file in there for one in there[file] if one not in listed.get(file, ())]
    gone = [f"{file}: {one}" for file in listed for one in listed[file] if one not in there.get(file, ())]
    return new, gone


def test_no_new_name_bears_a_word_that_was_given_up():
    there = words.names_left()
    new, gone = differences(there, LEFT["names"])
    better = [f"{line} -> {words.instead(*line.split(': ')[1].split(), line.split(': ')[0])}" for line in new]
    assert not new, f"write something else: {better}"
    assert not gone, f"take these out of tests/words_left.yaml: {gone}"


def test_no_text_takes_up_such_a_word_again():
    there = words.texts_left()
    new, gone = differences(there, LEFT["texts"])
    assert not new, f"write something else: {new}"
    assert not gone, f"take these out of tests/words_left.yaml: {gone}"
    for file, counts in there.items():
        for word, count in counts.items():
            assert count == LEFT["texts"][file][word], f"{file} has {word} {count} times: list fewer, not more"


@pytest.mark.parametrize(
    "kind, name, file, better",
    [
        ("key", "max_lanes", "conf/config.yaml", "parallel_blocks"),
        ("class", "HeartState", "runners/training/a.py", "trainer"),
        ("function", "_told", "results/a.py", "translate, text"),
        ("parameter", "page", "runners/a.py", "surrogate, defaults, estimator_file, task, html, readme"),
        ("parameter", "page", "estimators/a.py", ""),
        ("parameter", "chance", "results/a.py", "rng (NumPy's), stream (ours)"),
        ("parameter", "chance", "estimators/a.py", ""),
        ("function", "ends", "results/analysis/a.py", "final_rows"),
        ("function", "weekends", "results/analysis/a.py", ""),
        ("function", "train_side_by_side", "runners/a.py", "train_in_parallel"),
        ("function", "__enter__", "runners/a.py", ""),
        ("function", "planes", "runners/a.py", ""),
        ("parameter", "rows", "tasks/a.py", "equations"),
        ("parameter", "rows", "results/a.py", ""),
    ],
)
def test_a_word_is_seen_where_it_means_what_was_given_up(kind, name, file, better):
    assert words.instead(kind, name, file) == better


def test_every_kind_of_name_and_text_is_looked_at(tmp_path):
    """A file with each of them, in a tree of its own."""
    (tmp_path / "runners").mkdir()
    (tmp_path / "conf").mkdir()
    text = (
        "FRESH = 1\nclass Seat:\n    wanted: int\n    def look(self, *kept, own=1, **told):\n"
        "        return lambda found: 'the heart'\n"
    )
    (tmp_path / "runners/lanes.py").write_text(text, encoding="utf-8")
    (tmp_path / "conf/config.yaml").write_text("a:\n  lanes: 1\nhydra:\n  lanes: 1\n", encoding="utf-8")
    kinds = "class Seat, constant FRESH, field wanted, function look, module lanes, "
    kinds += "parameter found, parameter kept, parameter own, parameter told"
    assert words.names_left(tmp_path) == {"conf/config.yaml": ["key lanes"], "runners/lanes.py": kinds.split(", ")}
    assert list(words.texts_left(tmp_path)["runners/lanes.py"].values()) == [1]


def test_every_word_says_what_is_written_instead():
    rules = [*words.WORDS["parts"].values(), *words.WORDS["pairs"].values(), *words.WORDS["texts"].values()]
    assert all(isinstance(rule, str) and rule for rule in rules + [rule["instead"] for rule in words.WORDS["names"]])
    kinds = {kind for rule in words.WORDS["names"] for kind in rule["kinds"]}
    assert kinds <= {"module", "class", "function", "parameter", "field", "constant", "key"}
    places = [place for rule in words.WORDS["names"] for place in rule["where"]]
    assert all((words.ROOT / place).exists() for place in places + words.WORDS["means_an_estimator"]["where"])
