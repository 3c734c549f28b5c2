"""What the result table says, and how it is printed and written."""

import csv
import io
import math

import pandas as pd
import pytest
import tabulate
from rich.console import Console

from results import wording
from results.analysis import selection
from results.analysis import summary as summary_analysis
from results.records.result_set import ResultSet
from results.statistics import intervals
from results.tables import printing
from results.tables import summary as summary_table
from steeplechase.errors import RecordError
from tests.oracles.command import ROOT
from tests.oracles.records import make, name


def printed(summary, width=100):
    console = Console(width=width, file=io.StringIO(), force_terminal=True, color_system=None)
    shown = summary_table.show(summary, console)
    return shown, console.file.getvalue()


def test_one_row_a_task_estimator_and_optimizer():
    out = summary_analysis.summary(make(optimizers=("adam", "sgd"), seeds=4)).rows
    assert list(out.columns) == list(summary_analysis.COLUMNS)
    assert len(out) == 2 * 3 * 2 and not out.duplicated(["task", "estimator", "optimizer"]).any()
    assert (out.seeds == 4).all() and (out.replicas == 12).all() and (out.diverged == 0).all()


def test_the_numbers_are_those_of_the_statistics():
    results = make(tasks=("binarized_mlp",), estimators=("ste",), seeds=5, parts=2)
    row = summary_analysis.summary(results).rows.iloc[0]
    account = results.accounts[0]
    kept = results.rows[results.rows.replica.isin(selection.chosen_settings(results).replicas[0])]
    last = kept[kept.step == kept.step.max()]
    assert (row.end_mean, row.end_low, row.end_high) == intervals.t_interval(last.test_accuracy)
    assert row.validated_mean == intervals.t_interval(selection.validated(kept, account).value)[0]
    assert row.steps_to_target == selection.steps_to_target(kept, account).steps.median() and row.reached == 5
    assert (row.learning_rate, row.selects, row.reports) == (0.01, "validation_accuracy", "test_accuracy")
    assert row.replica_steps_per_s == pd.DataFrame(results.accounts).replica_steps_per_s.median()


def test_diverged_replicas_are_counted_over_all_settings():
    results = make(seeds=4, diverged=lambda estimator, rate, seed: estimator == "ste" and (rate == 0.1 or seed == 0))
    out = summary_analysis.summary(results).rows.set_index(["task", "estimator"])
    assert (out.loc[("binarized_mlp", "ste"), ["diverged", "replicas"]] == [6, 12]).all()
    assert out.loc[("binarized_mlp", "tanh_slope"), "diverged"] == 0
    assert math.isnan(out.loc[("sign_fitting", "ste"), "end_mean"]), "a loss that diverged has no mean"
    _, text = printed(summary_analysis.summary(results))
    assert "unknown" in text and "6/12" in text and "Unknown: at least one" in text
    assert "worst share" in text


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r=", "x\r="])
def test_a_spreadsheet_evaluates_no_text(start, tmp_path):
    """Formulas in names are shown; numbers stay numbers, and what is no formula stays to the byte."""
    text = f"{start}HYPERLINK(1)"
    shown = "'" * (start[0] != "x") + text.replace("\r", "\n")
    table = pd.DataFrame(
        {"name": [text, "a-b"], "number": [-1.5, 2.0], "count": [-1, 2], "kept": ["-0.5", "−3 [−4, 1]"]}
    )
    table[text] = pd.Series([None, text], dtype=object)
    printing.csv(table, tmp_path / "t.csv")
    with open(tmp_path / "t.csv", encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    assert head == ["name", "number", "count", "kept", shown]
    assert rows == [[shown, "-1.5", "-1", "-0.5", ""], ["a-b", "2.0", "2", "−3 [−4, 1]", shown]]


def test_every_csv_is_written_in_one_place():
    for path in [*(ROOT / "results").rglob("*.py"), *(ROOT / "runners").rglob("*.py"), *(ROOT / "tasks").rglob("*.py")]:
        assert (".to_csv(" in path.read_text(encoding="utf-8")) == (path.name == "printing.py"), path


def test_remarks():
    results = make(seeds=2, missing={name("binarized_mlp", "ste", "adam"): 3})
    out = summary_analysis.summary(results).rows.set_index(["task", "estimator"]).remark
    assert out["binarized_mlp", "ste"] == "3 planned replicas missing"
    assert out["sign_fitting", "ste"] == "nothing held out: chosen by what is reported"
    text = printed(summary_analysis.summary(results))[1]
    assert "INCOMPLETE: 3 planned replicas of 1 run are missing" in " ".join(text.split())
    slow = results.rows[results.rows.learning_rate != 0.1].copy()
    slow.loc[slow.learning_rate == 0.001, "learning_rate"] = 1.0
    assert set(summary_analysis.summary(results.with_rows(slow)).rows.edge) == {""}, "two rates have no edge"


def test_the_edge_is_said():
    results = make(tasks=("binarized_mlp",), estimators=("ste",))
    results.rows["learning_rate"] = results.rows["learning_rate"].replace({0.01: 1.0})  # the best is now the largest
    row = summary_analysis.summary(results).rows.iloc[0]
    assert (row.learning_rate, row.edge, row.remark) == (1.0, "high", "largest rate tried")
    assert "largest" in printed(summary_analysis.summary(results))[1]


def test_the_printed_table_fits_a_hundred_columns():
    shown, text = printed(summary_analysis.summary(make(optimizers=("adam", "momentum", "sgd"), seeds=8)))
    assert len(shown) == 2
    assert max(map(len, text.splitlines())) <= 100
    for word in ("Straight-through", "Sigmoid derivative", "momentum", "8 seeds with 95 % t interval"):
        assert word in " ".join(text.split()), word
    assert "[0." in text, "intervals are not taken for markup"


def test_labels_are_not_taken_for_markup():
    results = make(tasks=("binarized_mlp",), estimators=("[red]ste",), seeds=1)
    assert "[red]ste" in printed(summary_analysis.summary(results))[1]


def test_written_files(tmp_path):
    out = summary_analysis.summary(make(optimizers=("adam", "sgd"), estimators=("ste", "under_score & co"), seeds=3))
    paths = summary_table.write(out, tmp_path / "deep", "results")
    assert [path.name for path in paths] == ["results.csv", "results.md", "results.tex"]
    back = pd.read_csv(paths[0], keep_default_na=True)
    assert list(back.columns) == list(summary_analysis.COLUMNS) and back.end_mean.tolist() == out.rows.end_mean.tolist()
    markdown, latex = (path.read_text(encoding="utf-8") for path in paths[1:])
    assert (
        markdown.count("### ") == 2 and "Test accuracy (share) at end" in markdown and "| under_score & co" in markdown
    )
    assert latex.count("\\toprule") == 2 and r"under\_score \& co" in latex and r"95 \% t interval" in latex
    assert not set(latex) - set(map(chr, range(128))), "plain LaTeX has no other letters"
    assert [p.read_bytes() for p in summary_table.write(out, tmp_path / "again", "results")] == [
        p.read_bytes() for p in paths
    ]


def test_one_seed_has_no_interval(tmp_path):
    out = summary_analysis.summary(make(tasks=("binarized_mlp",), seeds=1))
    assert out.rows[["end_low", "end_high"]].isna().all(axis=None) and out.rows.end_mean.notna().all()
    assert "Mean over 1 seed;" in printed(out)[1]
    summary_table.write(out, tmp_path, "one")


def test_nothing_recorded_gives_an_empty_table(tmp_path):
    out = summary_analysis.summary(make().with_rows(make().rows.iloc[:0]))
    assert out.rows.empty and list(out.rows.columns) == list(summary_analysis.COLUMNS)
    assert printed(out) == ([], "")
    assert len(summary_table.write(out, tmp_path, "none")) == 3


def test_rows_without_accounts_are_refused():
    with pytest.raises(RecordError, match="has no account"):
        summary_analysis.summary(ResultSet(make().rows))


def test_a_table_in_markdown_is_the_same_whatever_is_installed():
    """wcwidth, which IPython brings, makes some signs two wide or none, and tabulate asks it."""
    table = pd.DataFrame({"with": ["一", "σ̂"], "n": ["1", "22"]})
    lines = wording.markdown_table(table).splitlines()
    assert {len(line) for line in lines} == {len(lines[0])}
    wide = tabulate.WIDE_CHARS_MODE
    padded = {len(line) for line in table.to_markdown(index=False, disable_numparse=True).splitlines()}
    assert (len(padded) == 1) != wide, "it is another one where that is installed and asked"
