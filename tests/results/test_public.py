"""The result set as Python is given it: tables as frames, findings, figures, and what each column holds."""

import matplotlib.figure
import pandas as pd
import pytest

import steeplechase as sc
from results.analysis import contrasts, summary
from results.public import ResultSet
from results.records import schema
from tests.oracles.records import make


@pytest.fixture(scope="module")
def results():
    return ResultSet(**vars(make(estimators=("ste", "tanh_slope"), seeds=4)))


def test_tables_are_frames_with_their_documented_columns(results):
    assert list(results.summary().columns) == list(summary.COLUMNS) and len(results.summary())
    assert list(results.verdicts().columns) == list(contrasts.COLUMNS)
    assert results.findings() and all(isinstance(one, str) for one in results.findings())


def test_every_column_of_the_rows_is_explained(results):
    told = results.columns()
    assert list(told.index) == list(results.rows.columns)
    assert (told["meaning"].str.len() > 3).all()
    assert told.loc["train_s", "unit"] == "s" and told.loc["test_loss", "better"] == "lower"
    flows = results.with_rows(results.rows.assign(**{"site.slope_q05.layer1/weights": 0.5}))
    assert "5 % quantile" in flows.columns().loc["site.slope_q05.layer1/weights", "meaning"]
    assert isinstance(flows, ResultSet), "what is made of it has the methods, too"
    assert set(results.with_rows(results.rows.assign(mine=1)).columns().loc["mine"]) == {""}


def test_a_parameter_is_one_and_a_measure_is_the_tasks_own(results):
    told = results.columns()
    assert (told.loc[[name for name in told.index if schema.is_parameter(name)], "kind"] == "parameter").all()
    assert told.loc["wrong_signs", "better"] == "lower"


def test_show_prints_the_table_of_the_command(results, capsys):
    results.show()
    results.show("verdicts", "summary")
    assert capsys.readouterr().out.count("Tanh slope") > 2
    with pytest.raises(sc.UserError, match="there is no table 'sumary'; did you mean 'summary'"):
        results.show("sumary")


def test_a_figure_is_matplotlibs(results, tmp_path):
    wide, narrow = results.figure("convergence"), results.figure("convergence", columns=1)
    assert isinstance(wide, matplotlib.figure.Figure) and wide.get_figwidth() > narrow.get_figwidth()
    wide.savefig(tmp_path / "a.pdf")
    assert b"/Type3" not in (tmp_path / "a.pdf").read_bytes(), "journals refuse these fonts"
    with pytest.raises(sc.UserError, match="there is no figure 'convergance'; did you mean 'convergence'"):
        results.figure("convergance")
    with pytest.raises(sc.UserError, match="columns is 3, but must be 1 or 2"):
        results.figure(columns=3)
    assert results.figure("convergence", columns=1, journal="ieee").get_figwidth() == 3.5
    with pytest.raises(sc.UserError, match="there is no journal 'icm'; did you mean 'icml'"):
        results.figure(journal="icm")
    lacking = ResultSet(results.rows, results.accounts, {"a-run": 2})
    with pytest.raises(sc.RecordError, match="lacks 2 replicas"):
        lacking.figure()


def test_no_records_have_tables_without_rows():
    nothing = ResultSet(pd.DataFrame(columns=list(schema.COLUMNS)))
    assert nothing.summary().empty and nothing.verdicts().empty and len(nothing.columns()) == len(schema.COLUMNS)


def test_a_store_that_is_no_folder_is_refused(monkeypatch, tmp_path):
    """The name of a plan, typed where the store stands, gave an empty result set."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(sc.UserError, match=r"no store mine: .* load\(plan='mine'\)\?$"):
        sc.load("mine")
    with pytest.raises(sc.UserError, match=r"no store results: .* has written\.$"):
        sc.load()
    with pytest.raises(sc.UserError, match=r"no store a/b: .* has written\.$"):
        sc.load("a/b", "mine")
    (tmp_path / "mine").mkdir()
    assert sc.load("mine").rows.empty
