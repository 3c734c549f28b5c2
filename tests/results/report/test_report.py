"""The report: what it embeds is what was found, what is missing is said in view, and no label can break the page."""

import base64
import hashlib
import html
import json
import re
from dataclasses import replace

import pandas as pd
import pytest

from results.analysis import coverage, selection
from results.records.plan import Plan
from results.records.result_set import ResultSet
from results.records.store import Store
from results.report import document, explorer, sections
from results.report.document import Item, Section
from results.statistics import intervals
from results.tables.printing import Part
from runners import report as command
from tests.helpers.worlds import world
from tests.oracles.records import ACCURACY, make, name

HOSTILE = "</script><b>&amp; \"quoted\" 'too' <!--"


def shown(page):
    """The text of a page, without what stands in scripts and styles."""
    body = re.sub(r"(?s)<(script|style).*?</\1>", "", page)
    return html.unescape(re.sub(r"<[^>]+>", " ", body))


def written(results, tmp_path, **plan):
    """The page of this table, and what could not be made."""
    own = {"name": "race", "command": "steeplechase", "tables": (), "figures": (), **plan}
    faults = sections.write(
        [sections.Reported(results=results, **own)], tmp_path / "report.html", lambda text: None, "0" * 40
    )
    return (tmp_path / "report.html").read_text(encoding="utf-8"), faults


# Coverage


def test_coverage_counts_what_is_there_and_what_is_not():
    results = make(
        seeds=2, diverged=lambda e, rate, seed: e == "ste" and rate == 0.1, normalizes=("none", "area"),
        declined={"tanh_slope": "its slope has no finite area"},
        missing={name("binarized_mlp", "ste", "adam"): 3, "a-run-that-never-was": 6},
    )  # fmt: skip
    planned = [
        {
            "run": "a-run-that-never-was",
            "configuration": {
                "task": {"name": "sign_fitting"}, "optimizer": {"name": "sgd"}, "estimator": {"name": "zero"},
                "normalize": "area",
            },
        }
    ]  # fmt: skip
    found = coverage.coverage(results, planned)
    assert list(found.columns) == list(coverage.COLUMNS)
    assert found["status"].value_counts().to_dict() == {"complete": 9, "declined": 2, "partial": 1, "missing": 1}
    part = found[found["status"] == "partial"].iloc[0]
    assert (part.wanted, part.recorded, part.diverged) == (9, 6, 2) and "Straight-through" in part["method"]
    gone = found[found["status"] == "missing"].iloc[0]
    assert (gone.task_label, gone.optimizer_label, gone["method"], gone.wanted) == (
        "sign_fitting",
        "sgd",
        "zero (normalize=area)",
        6,
    )
    assert set(found.loc[found["status"] == "declined", "reason"]) == {"its slope has no finite area"}
    assert "13" not in document.counts(found) and document.counts(found).startswith(
        "11 runs planned, 60 of 69 replicas"
    )
    assert "2 pairs declined" in document.counts(found)


def test_the_matrix_has_a_cell_for_every_run():
    found = coverage.coverage(make(optimizers=("adam", "sgd")))
    columns, rows = document.matrix(found)
    assert len(columns) == 4 and len(rows) == 3 and all(len(cells) == 4 for _, cells in rows)
    assert sorted(run["run"] for _, cells in rows for cell in cells for run in cell) == sorted(found["run"])


# The explorer


def test_curves_are_means_and_t_intervals_of_every_rate_and_step():
    results = make(seeds=4, optimizers=("adam", "sgd"), rows=6)
    found = explorer.explorer(results)
    assert [of["task"] for of in found] == sorted({ACCURACY["label"], "Sign fitting (identity, 1)"})
    (mlp,) = [of for of in found if of["task"] == ACCURACY["label"]]
    assert [measure["name"] for measure in mlp["measures"]] == ["test_accuracy", "validation_accuracy", "train_loss"]
    chosen = selection.chosen_settings(results).set_index(["estimator_label", "optimizer_label", "task"])
    for curve in mlp["curves"]:
        own = chosen.loc[(curve["method"], curve["optimizer"], "binarized_mlp")]
        assert curve["rates"][curve["chosen"]] == own["learning_rate"] and curve["seeds"] == 4
        mine = results.rows[(results.rows["run"] == own["run"])]
        for i, rate in enumerate(curve["rates"]):
            for j, step in enumerate(mlp["steps"]):
                values = mine[(mine["learning_rate"] == rate) & (mine["step"] == step)]["test_accuracy"]
                told = [curve["values"]["test_accuracy"][end][i][j] for end in range(3)]
                assert told == pytest.approx(intervals.t_interval(values), rel=1e-4)


def test_what_is_not_known_is_null_and_a_share_that_is_lost_is_the_worst():
    results = make(seeds=3, diverged=lambda e, rate, seed: rate == 0.1 and seed == 0, rows=5)
    json.dumps(explorer.explorer(results), allow_nan=False)
    by_task = {of["task"]: of for of in explorer.explorer(results)}
    loss = by_task["Sign fitting (identity, 1)"]["curves"][0]["values"]["train_loss"][0][2]
    assert loss[:2] != [None, None] and loss[-1] is None
    share = by_task[ACCURACY["label"]]["curves"][0]["values"]["test_accuracy"][0][2][-1]
    rows = results.rows[
        (results.rows["task"] == "binarized_mlp")
        & (results.rows["learning_rate"] == 0.1)
        & (results.rows["step"] == 400)
    ]
    first = rows[rows["estimator"] == "sigmoid_derivative"]["test_accuracy"].fillna(0)
    assert share == pytest.approx(first.mean(), rel=1e-4)
    assert explorer.explorer(results.with_rows(results.rows.iloc[:0])) == []


def test_of_what_else_was_swept_each_rate_shows_the_best():
    results = make(tasks=("binarized_mlp",), estimators=("tanh_slope",), seeds=3)
    other = results.rows.copy()
    other["replica"] = "x" + other["replica"]
    better = 0.5 + other[["validation_accuracy", "test_accuracy"]] / 2
    other = other.assign(**better, **{"estimator.scale": 2.0})
    both = pd.concat([results.rows.assign(**{"estimator.scale": 1.0}), other], ignore_index=True)
    (task,) = explorer.explorer(results.with_rows(both))
    last = other[(other["step"] == 400) & (other["learning_rate"] == 0.01)]["test_accuracy"].mean()
    curve = task["curves"][0]
    assert curve["values"]["test_accuracy"][0][curve["rates"].index(0.01)][-1] == pytest.approx(last, rel=1e-4)
    assert curve["parameters"] == "estimator.scale=2"


# The page


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    results = world(optimizers=("adam", "sgd"))
    return written(results, tmp_path_factory.mktemp("page"))


def test_a_page_has_it_all_and_fetches_nothing(page):
    text, faults = page
    assert not faults
    words = shown(text)
    for wanted in (
        "Coverage",
        "Verdicts",
        "Table: ranking",
        "Learning-rate explorer",
        "Figure: profiles",
        "Provenance",
    ):
        assert wanted in words
    assert "Tanh slope is better than Straight-through by" in words
    assert not re.findall(r"""(?:src|href)=["']?(?!data:|#)[^"'> ]+""", re.sub(r"(?s)<script.*?</script>", "", text))


def test_no_script_runs_but_the_pages_own(page):
    """The content security policy names each script by its digest, and allows nothing from elsewhere."""
    text, _ = page
    [policy] = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]+)">', text)
    rules = dict(rule.strip().partition(" ")[::2] for rule in html.unescape(policy).split(";"))
    assert text.index("Content-Security-Policy") < text.index("<style") < text.index("<script")
    assert rules.pop("style-src") == "'unsafe-inline'" and rules.pop("img-src") == "data:"
    scripts = re.findall(r"(?s)<script>(.*?)</script>", text)
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    assert len(scripts) == 2 and rules.pop("script-src") == " ".join(f"'sha256-{digest}'" for digest in digests)
    assert rules == dict.fromkeys(("default-src", "base-uri", "form-action"), "'none'")
    assert "\r" not in text and not re.search(r"<[^>]+ on[a-z]+=", re.sub(r"(?s)<script.*?</script>", "", text))


def test_downloads_are_the_files(page):
    text, _ = page
    links = dict(re.findall(r'download="([^"]+)" href="data:[^,]+;base64,([^"]+)"', text))
    assert {"verdicts.csv", "verdicts.tex", "ranking.csv", "profiles.pdf", "profiles.png", "race.parquet"} <= set(links)
    csv = base64.b64decode(links["verdicts.csv"]).decode()
    assert csv.startswith("task,task_label,optimizer_label") and csv.count("\n") == 10
    assert base64.b64decode(links["profiles.pdf"]).startswith(b"%PDF")


def test_every_link_has_its_place_and_every_place_its_own_name(page):
    text, _ = page
    names = re.findall(r' id="([^"]+)"', text)
    assert len(names) == len(set(names))
    assert set(re.findall(r' href="#([^"]+)"', text)) <= set(names)


def test_an_incomplete_table_is_reported_with_what_is_missing(tmp_path):
    text, faults = written(make(missing={name("binarized_mlp", "ste", "adam"): 2}), tmp_path)
    words = shown(text)
    assert "◐" in words and "planned replicas of 1 run are missing" in words
    assert len(faults) == len(sections.FIGURES) and all("lacks 2 replicas" in fault for fault in faults)
    assert words.count("lacks 2 replicas") == len(faults), "a figure that is not drawn says why"


def test_nothing_recorded_is_said(tmp_path):
    empty = ResultSet(make().rows.iloc[:0], missing={"sign_fitting-ste-adam-00000000": 4})
    words = shown(written(empty, tmp_path)[0])
    assert "Nothing is recorded" in words and "0 of 4 replicas recorded" in words


@pytest.mark.parametrize("kind", ["one seed", "all diverged", "constant", "two measures"])
def test_odd_tables_are_reported(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(sections, "FIGURES", ("convergence",))  # tests/results/figures/test_figures.py draws them all
    results = {
        "one seed": lambda: make(seeds=1),
        "all diverged": lambda: make(diverged=lambda *of: True),
        "constant": lambda: make(spread=0.0, merit=lambda *of: 2.0),
        "two measures": lambda: make(),
    }[kind]()
    if kind == "two measures":
        results.accounts[0]["selects"] = "train_loss"
    text, faults = written(results, tmp_path)
    words = shown(text)
    expected = {
        "one seed": "One seed decides nothing",
        "all diverged": "diverged",
        "constant": "is equivalent to" if results.plan.margins else "nothing is decided",
        "two measures": "chosen by another measure",
    }
    assert expected[kind] in words and bool(faults) == (kind == "two measures")


def test_no_label_breaks_the_page(tmp_path, monkeypatch):
    monkeypatch.setattr(sections, "FIGURES", ("convergence", "ranking"))
    results = make(tasks={"binarized_mlp": {**ACCURACY, "label": HOSTILE}}, estimators=(HOSTILE, "ste"), seeds=2)
    text, _ = written(results, tmp_path, command=HOSTILE)
    assert "<b>&amp;" not in text.replace("\\u003c", "<ESCAPED>")
    assert HOSTILE in shown(text)
    curves = re.search(r'(?s)<script type="application/json" id="curves">(.*?)</script>', text).group(1)
    assert json.loads(curves)["race"][0]["task"] == HOSTILE


@pytest.mark.parametrize(
    ("column", "numbers"),
    [
        (["0.97 [0.96, 0.98]", "unknown", "0.5"], True),
        (["160 (16/16)", "never"], True),
        (["< 0.001", "0.02"], True),
        (["1 ▲ 0.9", "2 · 0.8"], True),
        (["1,234", "12 %", "-3.5e-07"], True),
        (["2026-11-27 10:00", "2026-11-28 10:00"], False),
        (["152bd3e", "92db6f6"], False),
        (["STE", "–"], False),
        (["–", ""], False),
    ],
)
def test_which_columns_hold_numbers(column, numbers):
    assert document.numeric([[cell] for cell in column]) == [numbers]


def test_a_section_without_tables_is_a_page():
    section = Section(
        "x", "command", "source", coverage.coverage(make()), pd.DataFrame(), {},
        tables=[Item("t", parts=[Part("title", pd.DataFrame({"a": ["1"], "b": ["<i>"]}), "caption")])],
    )  # fmt: skip
    text = document.html([section], "made")
    assert "&lt;i&gt;" in text and "plotly" not in text


# The command


def run(*arguments):
    return command.main([str(argument) for argument in arguments])


def test_mistakes_are_one_sentence(tmp_path, capsys):
    assert run("--store", tmp_path) == 1
    Store(tmp_path).write_plan(Plan("race", "steeplechase", "2026-01-01T00:00:00", ()))
    assert run("--store", tmp_path, "raze") == 2
    assert run("--frozen", tmp_path) == 1 and run("--frozen", "results/frozen", "contrl") == 2
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert run("--store", tmp_path, "race", "--output", tmp_path / "file" / "report.html") == 1
    errors = capsys.readouterr().err.splitlines()
    for words in (
        "there is no plan in",
        "there is no plan 'raze'",
        "there is no frozen table in",
        "there is no frozen table 'contrl'; did you mean 'control'?",
        "report.html cannot be written",
    ):
        assert any(words in line for line in errors), (words, errors)
    assert all(line.startswith("steeplechase: ") for line in errors if "tables and figures" not in line)


def test_a_plan_of_which_nothing_is_recorded_is_reported_and_not_whole(tmp_path, capsys):
    runs = ({"run": "r", "fingerprint": "f", "sources": {}, "configuration": {}, "replicas": ["a", "b"]},)
    Store(tmp_path).write_plan(Plan("race", "steeplechase", "2026-01-01T00:00:00", runs))
    assert run("--store", tmp_path, "--stale") == 1
    assert "0 of 2 replicas recorded" in shown((tmp_path / "output" / "report.html").read_text(encoding="utf-8"))
    printed = capsys.readouterr()
    assert "Report:" in printed.out and "steeplechase: race lacks 2 replicas, and the report says so." in printed.err


def test_a_table_that_cannot_be_reported_leaves_the_others(tmp_path):
    """One of whose records somebody else wrote, and sealed."""
    odd = make(seeds=1, rows=2)
    odd = replace(odd, accounts=({**odd.accounts[0], "configuration": "none"},))
    one, other = (
        sections.Reported(name, "c", results, (), ()) for name, results in (("odd", odd), ("well", make(seeds=1)))
    )
    [fault] = sections.write([one, other], tmp_path / "r.html", lambda text: None, None)
    assert fault.startswith("odd: it could not be reported: ")
    assert "well" in shown((tmp_path / "r.html").read_text(encoding="utf-8"))


def test_frozen_tables_are_found_without_naming_their_folder(capsys):
    from runners import report as command

    assert command.main(["nobody", "--frozen"]) == 2
    assert "there is no frozen table 'nobody'" in capsys.readouterr().err
