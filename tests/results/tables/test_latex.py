"""The summary as LaTeX for one column: its columns, what is bold and why, its width, and how rows are sorted."""

import io
import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath
from rich.console import Console

from results import outputs
from results.analysis import labels
from results.analysis.best import best
from results.records import frozen
from results.tables import TABLES, latex
from steeplechase.errors import UserError
from tests.oracles.command import ROOT
from tests.oracles.records import make, name

FROZEN = ROOT / "results" / "frozen"


def tables(path):
    """(caption, header, rows) of each table of a file, cells as they stand there."""
    found = []
    for text in re.findall(r"\\begin{table}.*?\\end{table}", Path(path).read_text(encoding="utf-8"), re.S):
        [caption] = re.findall(r"\\caption{(.*)}", text)
        body = text.split(r"\toprule")[1].split(r"\bottomrule")[0]
        header, *rows = [line.rstrip("\\ ").split(" & ") for line in body.splitlines() if " & " in line]
        found.append((caption, header, rows))
    return found


def plain(cell):
    return re.sub(r"\\textbf{(.*)}", r"\1", cell).replace(r" $\dagger$", "").replace("\\", "")


@pytest.mark.parametrize("table", ["control", "control_mnist"])
def test_bold_is_what_the_frozen_verdicts_do_not_find_worse_than_the_best(table, tmp_path):
    """Read from verdicts.csv and summary.csv, which were written when the table was frozen."""
    results = labels.labelled(frozen.read(FROZEN / f"{table}.parquet")[0])
    latex.write(results, tmp_path, ("estimator", "optimizer", "end"))
    verdicts, summary = (pd.read_csv(FROZEN / table / f"{kind}.csv") for kind in ("verdicts", "summary"))
    shown = {caption.split(". ")[0]: rows for caption, _, rows in tables(tmp_path / "summary.tex")}
    assert {*shown} == {*summary["task_label"]}
    for (task, optimizer), rows in summary[summary["bound"].isna()].groupby(["task_label", "optimizer_label"]):
        lower = "loss" in rows["reports"].iloc[0]
        first = rows.sort_values("end_mean", ascending=lower, kind="stable")["end_mean"].iloc[0]
        leading = {*rows.loc[rows["end_mean"] == first, "estimator_label"]}
        own = verdicts[(verdicts["task_label"] == task) & (verdicts["optimizer_label"] == optimizer)]
        worse = {*own.loc[own["method"].isin(leading) & (own["verdict"] == "better"), "other"]}
        expected = {*rows["estimator_label"]} - worse
        bold = {plain(row[0]) for row in shown[task] if row[1] == rf"\textbf{{{optimizer}}}"}
        assert bold == expected, (task, optimizer)
    for row in (row for rows in shown.values() for row in rows):
        assert len({cell.startswith(r"\textbf") for cell in row}) == 1, "a row is bold as a whole"


def test_a_better_mean_alone_makes_nothing_bold_and_a_bound_is_never():
    """Of two a hair apart both are; of two far apart one; whatever reaches more as a bound is not."""
    made = make(
        estimators=("far", "near", "nearer", "real"),
        tasks=("binarized_mlp",),
        seeds=8,
        rates=(0.01,),
        bounds={"real": "upper"},
        merit=lambda estimator, normalize, rate, seed: {"far": 1, "near": 3, "nearer": 3.001, "real": 4}[estimator],
        spread=0.3,
    )
    found = best(made)
    assert found.runs == {name("binarized_mlp", which, "adam") for which in ("near", "nearer")} and found.every_pair


def test_of_many_methods_those_without_a_contrast_are_not_bold_and_the_caption_says_so(tmp_path):
    names = [f"own{i}" for i in range(12)]
    made = make(estimators=names, tasks=("binarized_mlp",), rates=(0.01,), reference="own11", seeds=4)
    assert not best(replace(made, plan=replace(made.plan, reference="own3"))).every_pair
    assert best(made).every_pair, "the reference is the best, and all are compared with it"
    latex.write(replace(made, plan=replace(made.plan, reference="own3")), tmp_path, latex.NARROW)
    [(caption, _, _)] = tables(tmp_path / "summary.tex")
    assert "Only methods that have a contrast with it can be bold." in caption


def test_a_caption_says_what_bold_is_and_how_rows_are_sorted(tmp_path):
    made = make(estimators=("ste", "tanh_slope", "zero"), bounds={"zero": "lower"})
    text = latex.write(made, tmp_path, ("rate", "estimator")).read_text(encoding="utf-8")
    for caption, header, rows in tables(tmp_path / "summary.tex"):
        assert "Rows: by optimizer, then by estimator, in the order of the alphabet." in caption
        assert "Bold: the best mean with each optimizer" in caption and r"$\dagger$: a bound" in caption
        assert header == ["Rate", "Estimator"] and rows[-1][1] == r"zero $\dagger$"
    assert all(rule in text for rule in (r"\toprule", r"\midrule", r"\bottomrule", r"\footnotesize"))


@pytest.mark.parametrize("table", ["control", "control_mnist"])
def test_the_narrow_columns_fit_the_narrowest_column_of_a_page(table, tmp_path):
    """Set in Times of 8 points, measured letter by letter, and 3 points at both sides of a column."""
    latex.write(labels.labelled(frozen.read(FROZEN / f"{table}.parquet")[0]), tmp_path, latex.NARROW)
    for _, header, rows in tables(tmp_path / "summary.tex"):
        wide = 0.0
        for column in zip(header, *rows, strict=True):
            lines = [
                TextPath(
                    (0, 0),
                    cell.replace(r"$\dagger$", "†").replace(r"\textbf{", "").replace("}", ""),
                    prop=FontProperties(family="STIXGeneral", size=8, weight="bold" if "textbf" in cell else "normal"),
                )
                for cell in column
            ]
            wide += max(line.get_extents().width for line in lines) + 6
        assert wide <= 3.25 * 72.27


@pytest.mark.parametrize(
    ("names", "said"),
    [(["estimtor"], "no column 'estimtor'; did you mean 'estimator'"), (["end", "end"], "'end' is named twice")],
)
def test_a_column_that_there_is_not_is_told(names, said):
    with pytest.raises(UserError, match=said):
        latex.check_columns(names)
    latex.check_columns(latex.COLUMNS)


def test_what_is_printed_says_how_its_rows_are_sorted(tmp_path):
    """On the console; the files are as they were, of which anybody may sort the numbers anew."""
    made = make(estimators=("ste", "tanh_slope", "sigmoid_derivative"), optimizers=("adam", "sgd"), seeds=4)
    for table in ("summary", "verdicts", "aggregates", "ranking", "tuning"):
        console = Console(file=io.StringIO(), width=400)
        outputs.make(console, made, [table], [], tmp_path)
        said = console.file.getvalue()
        kind = TABLES[table]
        assert said.count("Rows: by ") == len(list(kind.parts(*kind.find(made)))), table
        assert "Rows: by" not in (tmp_path / f"{table}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("table", "column"), [("summary", "Optimizer"), ("verdicts", "with"), ("aggregates", "with")])
def test_rows_are_sorted_by_optimizer_as_said(table, column):
    made = make(estimators=("tanh_slope", "ste"), optimizers=("sgd", "adam"), seeds=4)
    kind = TABLES[table]
    for part in kind.parts(*kind.find(made)):
        of = [word for word in part.printed[column] if not word.startswith("each")]
        assert of == sorted(of) and "by optimizer" in part.order
