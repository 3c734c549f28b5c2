"""What every figure promises: it draws from a complete table, refuses any other, and is the same twice."""

import errno
import importlib
import io
import itertools
import os
import pkgutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from rich.console import Console

from results import figures, outputs
from results.drawing import layout, style
from results.records import sealed
from results.records.plan import Plan
from results.records.result_set import ResultSet
from results.records.store import Store
from results.report import sections
from runners import figures as command
from runners import report
from steeplechase.errors import RecordError
from tests.oracles.command import ROOT
from tests.oracles.records import ACCURACY, MEASURED, make, measured, name

NAMES = sorted(module.name for module in pkgutil.iter_modules(figures.__path__))
every = pytest.mark.parametrize("figure", NAMES)


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    """How many there are decides how exact a band is, and most of the time that it takes."""
    for module in ("results.analysis.ranking", "results.figures.profiles", "results.figures.tuning"):
        monkeypatch.setattr(f"{module}.RESAMPLES", 50)


def draw(figure, results, columns=2):
    results = measured(results) if figure in MEASURED else results
    return importlib.import_module(f"results.figures.{figure}").draw(results, columns)


CASES = {
    "tiny": {"estimators": ("ste",), "tasks": ("sign_fitting",), "seeds": 1, "rates": (0.1,), "rows": 2},
    "two tasks": {},
    "five estimators": {
        "estimators": ("sigmoid_derivative", "ste", "tanh_slope", "zero", "somebody's own"),
        "optimizers": ("adam", "sgd"),
        "rows": 3,
    },
    "some diverged": {"diverged": lambda estimator, rate, seed: estimator == "ste" and seed == 1},
    "all diverged": {"diverged": lambda estimator, rate, seed: True},
    "only the start": {"rows": 1, "seeds": 2},
    "bounds": {
        "estimators": ("sigmoid_derivative", "ste", "zero", "real"),
        "bounds": {"zero": "lower", "real": "upper"},
        "optimizers": ("adam", "sgd"),
    },
    "bounds alone": {"estimators": ("zero", "real"), "bounds": {"zero": "lower", "real": "upper"}, "rows": 3},
    "several parts": {"parts": 3, "seeds": 2},
    "two scales": {
        "normalizes": ("none", "area"),
        "reference": "ste",
        "default_rate": 0.001,
        "controls": ("tanh_slope",),
        "declined": {"tanh_slope": "its slope has no finite area"},
        "diverged": lambda estimator, rate, seed: estimator == "sigmoid_derivative" and seed == 1,
    },
}


# In one column, where there is least room; in two as well in the long form.
NARROW = ("five estimators", "two scales", "bounds")


@every
@pytest.mark.parametrize("case", [pytest.param(c, marks=[pytest.mark.long] * (c in NARROW)) for c in CASES])
def test_draws_from_a_complete_table(figure, case):
    if (figure, case) == ("knobs", "tiny"):
        with pytest.raises(RecordError, match="no number of an estimator differs"):
            draw(figure, make(**CASES[case]))
        return
    drawn = draw(figure, make(**CASES[case]))
    drawn.draw_without_rendering()
    assert isinstance(drawn, Figure) and any(axes.get_title() for axes in drawn.axes)


@every
@pytest.mark.parametrize("case", [pytest.param(c, marks=[pytest.mark.long] * (c != NARROW[0])) for c in NARROW])
def test_fits_one_column_of_a_page(figure, case, tmp_path):
    """As wide as a column, and nothing that is drawn sticks out of it or of its height."""
    drawn = draw(figure, make(**CASES[case]), 1)
    assert drawn.get_size_inches()[0] == style.COLUMN
    style.save(drawn, tmp_path, figure, kinds=["svg"], columns=1)
    box, (width, height) = drawn.get_tightbbox(), drawn.get_size_inches()
    assert min(box.x0, box.y0) >= -0.02 and box.x1 <= width + 0.02 and box.y1 <= height + 0.02, box
    boxes = [axes.get_window_extent() for axes in drawn.axes if axes.get_visible()]
    assert min(min(box.width, box.height) for box in boxes) > 0.3 * drawn.dpi, "no panel was squeezed away"


@every
def test_refuses_an_incomplete_table(figure):
    runs = {name("t", str(i), "o"): i + 1 for i in range(5)}
    with pytest.raises(RecordError, match="lacks 15 replicas.*and 2 more runs"):
        draw(figure, make(missing=runs))
    with pytest.raises(RecordError, match="lacks 2 replicas: 2 of some-run"):
        draw(figure, make(missing={"some-run": 2}))


@every
def test_refuses_what_is_empty_and_rows_without_accounts(figure):
    empty = make().with_rows(make().rows.iloc[:0])
    with pytest.raises(RecordError, match="empty"):
        draw(figure, empty)
    with pytest.raises(RecordError, match="lacks 3 replicas"):
        draw(figure, replace(empty, missing={"some-run": 3}))
    with pytest.raises(RecordError, match="no account.*results.load"):
        draw(figure, ResultSet(make().rows))


@every
def test_the_same_table_gives_the_same_bytes(figure, tmp_path):
    kinds = ["png", "svg", "pdf"] if figure == "convergence" else ["svg"]  # the others are of the same machinery
    first, second = (style.save(draw(figure, make()), tmp_path / which, figure, kinds=kinds) for which in "ab")
    assert [path.suffix for path in first] == [f".{kind}" for kind in kinds]
    for one, other in zip(first, second, strict=True):
        assert one.stat().st_size > 1000
        assert one.read_bytes() == other.read_bytes(), one.suffix
    text = first[kinds.index("svg")].read_text(encoding="utf-8")
    assert "<dc:date>" not in text and "Straight-through" in text, "text stays text"


@every
def test_drawing_leaves_table_settings_and_chance_alone(figure):
    results, settings, state = make(), dict(mpl.rcParams), np.random.get_state()[1].copy()
    before = results.rows.copy()
    draw(figure, results)
    assert results.rows.equals(before)
    assert dict(mpl.rcParams) == settings and (np.random.get_state()[1] == state).all()


@every
def test_order_of_rows_means_nothing(figure, tmp_path):
    results = make(optimizers=("adam", "sgd"))
    mixed = results.with_rows(results.rows.sample(frac=1, random_state=np.random.default_rng(0)))
    plain = _labels(draw(figure, results))
    assert _labels(draw(figure, mixed)) == plain


def _labels(figure):
    return [text.get_text() for text in figure.findobj(mpl.text.Text)]


def _colours(figure):
    """What the legend says: label and colour."""
    legend = figure.legends[0]
    lines = legend.legend_handles
    return {text.get_text(): to_hex(line.get_color()) for text, line in zip(legend.get_texts(), lines, strict=True)}


def test_a_name_has_one_colour_in_every_figure():
    few = make(estimators=("tanh_slope", "somebody's own"))
    many = make(estimators=("zero", "somebody's own", "ste", "tanh_slope", "sigmoid_derivative"))
    of_estimators = sorted(
        set(NAMES) - {"board", "surrogates", "ranking", "pairings", "fidelity", "next_step"}
    )  # whose colours are of conditions and shares, and whose methods have a number each
    shown = [_colours(draw(figure, results)) for figure in of_estimators for results in (few, many)]
    for label, name_ in (("Tanh slope", "tanh_slope"), ("somebody's own", "somebody's own")):
        assert {colours[label] for colours in shown} == {style.style_of(name_).colour}


BOUNDS = {"estimators": ("ste", "tanh_slope", "zero", "real"), "bounds": {"zero": "lower", "real": "upper"}}


@pytest.mark.parametrize("figure", ["convergence", "learning_rate", "profiles", "time_to_target", "tuning"])
def test_bounds_are_thin_lines_without_bands_behind_what_is_compared(figure):
    """They come last in the legend, and a panel has as many bands as methods that are compared."""
    drawn = draw(figure, make(**BOUNDS, tasks=("binarized_mlp",)))
    lines = dict(zip(_labels_of_legend(drawn), drawn.legends[0].legend_handles, strict=True))
    assert list(lines) == ["Straight-through", "Tanh slope", "real", "zero"]
    assert lines["real"].get_linewidth() == lines["zero"].get_linewidth() < lines["Tanh slope"].get_linewidth()
    assert lines["real"].get_color() == layout.BOUNDS["upper"] and lines["zero"].get_color() == layout.BOUNDS["lower"]
    [axes] = drawn.axes
    assert len(axes.collections) == 2
    thin = [line for line in axes.lines if line.get_linewidth() == lines["real"].get_linewidth()]
    assert {line.get_color() for line in thin} >= {layout.BOUNDS["upper"]}
    assert "Thin, grey: bounds" in " ".join(_labels(drawn))


@pytest.mark.parametrize(("merit", "error"), [(3.0, True), (0.5, False)])
def test_profiles_of_shares_near_one_are_of_their_error(merit, error):
    """Each step is the share of the seeds that are at least so good, counted here."""
    made = make(
        estimators=("ste",), tasks=("binarized_mlp",), seeds=8, rates=(0.01,), merit=lambda *_: merit, spread=0.3
    )
    [axes] = draw("profiles", made).axes
    assert axes.get_xlabel() == ("Test error (share)" if error else "Test accuracy (share)")
    [line] = [line for line in axes.lines if line.get_drawstyle().startswith("steps")]
    values = made.final_rows()["test_accuracy"].to_numpy("float64")
    assert values.max() > layout.NEAR if error else values.max() < layout.NEAR
    at, shares = line.get_data()
    assert len(at) == 8 and (np.diff(at) > 0).all()
    good = (1 - values)[:, None] <= at + 1e-12 if error else values[:, None] >= at - 1e-12
    assert shares == pytest.approx(good.mean(0))
    assert line.get_drawstyle() == ("steps-post" if error else "steps-pre")


def test_a_profile_of_one_value_says_which():
    same = draw("profiles", make(tasks=("binarized_mlp",), rates=(0.01,), rows=2, merit=lambda *_: 1e3, spread=0))
    assert "all: 0" in _labels(same)


def _labels_of_legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


@pytest.mark.parametrize(
    ("parts", "said"), [(1, "One part each: no spread shown."), (3, "slowest part to the fastest")]
)
def test_throughput_shows_the_spread_over_parts_or_says_that_there_is_none(parts, said):
    """A line from the slowest part of a run to its fastest, both counted here."""
    made = make(estimators=("ste",), tasks=("sign_fitting",), parts=parts, seeds=parts)
    drawn = draw("throughput", made)
    drawn.draw_without_rendering()
    rates = [account["replica_steps_per_s"] for account in made.accounts]
    spans = [tuple(line.get_xdata()) for line in drawn.axes[0].lines if len(line.get_xdata()) == 2]
    assert said in " ".join(" ".join(_labels(drawn)).split())
    assert ((min(rates), max(rates)) in spans) == (parts > 1)


FOR_JOURNALS = {
    (): ("", ["summary.csv", "summary.md", "summary.tex"]),
    ("--columns", "1"): ("one_column", []),
    ("--for", "icml"): ("icml", ["summary.tex"]),
    ("--for", "ieee", "--columns", "1"): ("ieee_one_column", ["summary.tex"]),
}


@pytest.mark.parametrize("arguments", FOR_JOURNALS)
def test_what_is_drawn_for_a_journal_lies_in_a_folder_of_its_own(arguments, tmp_path, monkeypatch):
    results = make(tasks=("sign_fitting",), seeds=2, rows=2, rates=(0.1,))
    Store(tmp_path).write_plan(Plan("race", "steeplechase", "2026-01-01", (), ("throughput",), ("summary",)))
    monkeypatch.setattr(outputs, "load", lambda *_: results)
    assert command.main(["race", "--store", str(tmp_path), *arguments]) == 0
    folder, tables = FOR_JOURNALS[arguments]
    made = [path.relative_to(tmp_path / "output/race") for path in (tmp_path / "output").rglob("*.*")]
    assert {str(path.parent) for path in made} == {folder or "."}
    assert sorted(path.name for path in made if path.stem == "summary") == tables
    assert len([path for path in made if path.stem == "throughput"]) == 3


def test_columns_of_the_summary_as_latex_may_be_chosen(tmp_path, monkeypatch, capsys):
    results = make(tasks=("sign_fitting",), seeds=2, rows=2, rates=(0.1,))
    Store(tmp_path).write_plan(Plan("race", "steeplechase", "2026-01-01", (), (), ("summary",)))
    monkeypatch.setattr(outputs, "load", lambda *_: results)
    assert command.main(["race", "--store", str(tmp_path), "--latex-columns", "rate,estimator"]) == 0
    text = (tmp_path / "output/race/summary.tex").read_text(encoding="utf-8")
    assert "Rate & Estimator" in text and "Optimizer" not in text
    capsys.readouterr()
    for arguments, said in (
        (["--latex-columns", "rat"], "the summary has no column 'rat'; did you mean 'rate'"),
        (["--for", "icm"], "invalid choice: 'icm'"),
        (["--freeze", "--for", "icml"], "leave out --for"),
        (["--verify", "--latex-columns", "rate"], "leave out --latex-columns"),
    ):
        assert command.main(["race", "--store", str(tmp_path), *arguments]) == 2
        assert said in capsys.readouterr().err


def test_a_look_of_a_method_that_there_is_not_is_told_once(tmp_path):
    made = make(tasks=("sign_fitting",), seeds=2, rows=2, rates=(0.1,))
    made = replace(made, plan=replace(made.plan, looks={"Tanh slpe (scale=2)": {"colour": "red"}}))
    console = Console(file=io.StringIO())
    _, faults = outputs.make(console, made, ["summary"], ["throughput", "convergence"], tmp_path, ["svg"])
    assert len(faults) == 1 and faults[0].startswith("looks names 'Tanh slpe (scale=2)', but no method is called so")


def test_throughput_leaves_bounds_out():
    assert _labels_of_legend(draw("throughput", make(**BOUNDS))) == ["Straight-through", "Tanh slope"]


def test_an_upper_bound_takes_room_and_a_lower_one_flattens_nothing():
    """Across panels of the error: the limits reach the upper bound, and are else those of what is compared. What is
    not drawn is not in the legend, and nothing is said of bounds where none is drawn."""

    def drawn(names, figure="tuning"):
        merit = {"merit": lambda e, *_: FAR.get(e, 2.0)}
        return draw(figure, make(tasks=("binarized_mlp",), **BOUNDS | {"estimators": names} | merit))

    def limits(names):
        return drawn(names).axes[0].get_ylim()

    for figure in ("tuning", "profiles"):
        assert _labels_of_legend(drawn(BOUNDS["estimators"], figure)) == ["Straight-through", "Tanh slope", "real"]
        without = drawn(("ste", "tanh_slope", "zero"), figure)
        assert _labels_of_legend(without) == ["Straight-through", "Tanh slope"]
        assert "bounds" not in " ".join(_labels(without))

    upper, lower, compared = (1 - 1 / (1 + np.exp(2.2 - 2 * merit)) for merit in (FAR["real"], FAR["zero"], 2.0))
    plain, beside = limits(("ste", "tanh_slope")), limits(BOUNDS["estimators"])
    assert beside[0] < upper < 0.03 < plain[0] < compared < plain[1] == pytest.approx(beside[1]) and plain[1] < lower


FAR = {"real": 3.0, "zero": 0.1}


# A figure of one's own

OWN = {
    "alone": "from matplotlib.figure import Figure\ndef draw(results):\n    return Figure()\n",
    "both": "from matplotlib.figure import Figure\n"
    "def draw(results, columns=2):\n    return Figure(figsize=(columns, 1))\n",
    "failing": "def draw(results):\n    return results.rows['no such column']\n",
    "nothing": "def draw(results):\n    pass\n",
    "undrawable": "from matplotlib.figure import Figure\ndef draw(results):\n    figure = Figure()\n"
    "    figure.text(0, 0, '$\\\\frac$')\n    return figure\n",
    "unwritten": "def draw(results:\n",
    "empty": "",
}


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Pages beside those of results/figures."""
    for name_, text in OWN.items():
        (tmp_path / "pages").mkdir(exist_ok=True)
        (tmp_path / "pages" / f"{name_}.py").write_text(text, encoding="utf-8")
        monkeypatch.delitem(sys.modules, f"results.figures.{name_}", raising=False)
    monkeypatch.setattr(figures, "__path__", [*figures.__path__, str(tmp_path / "pages")])
    return tmp_path


@pytest.mark.parametrize("columns", [1, 2])
def test_a_figure_may_take_the_results_alone(own, columns):
    """As the README has it: draw(results) -> figure."""
    assert isinstance(figures.drawn("alone", make(), columns), Figure)
    assert figures.drawn("both", make(), columns).get_size_inches()[0] == columns


def test_a_figure_that_fails_is_one_sentence_and_the_others_are_drawn(own):
    console = Console(file=io.StringIO())
    names = [*OWN, "unknown", "throughput"]
    written, faults = outputs.make(console, make(seeds=1, rows=2), ["mine", "summary"], names, own / "out", ["svg"])
    assert sorted(path.name for path in written if path.suffix == ".svg") == ["alone.svg", "both.svg", "throughput.svg"]
    assert (own / "out" / "summary.csv").exists()
    for fault, words in zip(
        faults,
        (
            "the table mine could not be made: there is none of this name.",
            "the figure failing could not be drawn: KeyError: 'no such column' (failing.py, line 2).",
            "the figure nothing could not be drawn: draw in results/figures/nothing.py returns NoneType, and no",
            "the figure undrawable could not be drawn: ValueError:",
            "the figure unwritten could not be drawn: SyntaxError: '(' was never closed (unwritten.py, line 1).",
            "the figure empty could not be drawn: results/figures/empty.py has no function draw(results).",
            "the figure unknown could not be drawn: there is no figure 'unknown' here",
        ),
        strict=True,
    ):
        assert fault.startswith(words) and "\n" not in fault, fault


def test_every_command_that_draws_says_so_and_ends_with_1(own, monkeypatch, capsys):
    results = make(tasks=("sign_fitting",), seeds=1, rows=2, rates=(0.1,))
    plan = Plan("race", "steeplechase", "2026-01-01", (), ("failing", "alone"))
    Store(own / "store").write_plan(plan)
    for module in (outputs, report):
        monkeypatch.setattr(module, "load", lambda *_: results)
    monkeypatch.setattr(sections, "figures_of", lambda one: one.figures)
    monkeypatch.setattr(sections, "TABLES", ())
    assert command.main(["--store", str(own / "store")]) == 1
    assert (own / "store/output/race/alone.pdf").exists()
    assert report.main(["--store", str(own / "store")]) == 1
    err = capsys.readouterr().err
    assert err.count("KeyError: 'no such column'") == 2 and "Traceback" not in err
    assert "KeyError" in (own / "store/output/report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("number", [errno.EROFS, errno.ENOSPC, errno.EACCES])
def test_a_folder_that_cannot_be_written_is_named(own, monkeypatch, number, capsys):
    def fails(*_, **__):
        raise OSError(number, os.strerror(number))

    results = make(tasks=("sign_fitting",), seeds=1, rows=2, rates=(0.1,))
    Store(own / "store").write_plan(Plan("race", "steeplechase", "2026-01-01", (), ("throughput",), ("summary",)))
    monkeypatch.setattr(outputs, "load", lambda *_: results)
    for owner, call in ((Path, "mkdir"), (sealed, "replace"), (pd.DataFrame, "to_csv")):
        with monkeypatch.context() as patch:
            patch.setattr(owner, call, fails)
            assert command.main(["--store", str(own / "store")]) == 1
        err = capsys.readouterr().err
        assert err == f"steeplechase: {own / 'store/output/race'} cannot be written: {os.strerror(number)}.\n"


# Looks


def test_pinned_looks_are_distinct_and_no_hashed_name_has_one():
    assert len(set(style.PINNED.values())) == len(style.PINNED)
    assert not {pinned.marker for pinned in style.PINNED.values()} & set(style.MARKERS)


def test_the_look_of_a_name_depends_on_the_name_alone():
    assert style.styles_of(["b", "ste", "a"])["a"] == style.style_of("a") == style.styles_of(["a"])["a"]
    code = "from results.drawing import style; print(style.style_of('somebody'), style.style_of('ste'))"
    first, second = (_python(code, PYTHONHASHSEED=seed) for seed in ("1", "2"))
    assert first == second


def test_the_print_settings_are_known_to_matplotlib_and_undone():
    before = dict(mpl.rcParams)
    with mpl.rc_context({"font.size": 30}):
        with style.context():
            assert mpl.rcParams["pdf.fonttype"] == 42 and mpl.rcParams["font.size"] == 8
        assert mpl.rcParams["font.size"] == 30
    assert dict(mpl.rcParams) == before


# Imports


def test_results_and_drawing_import_no_tensorflow():
    code = f"""
import sys
from tests.oracles.records import MEASURED, make, measured
import results
from results.analysis import summary as found
from results.tables import summary
import importlib
made = make(tasks=("sign_fitting",), rows=2, seeds=1)
summary.show(found.summary(made))
for name in {NAMES!r}:
    importlib.import_module("results.figures." + name).draw(measured(made) if name in MEASURED else made)
named = {{name.split(".")[0] for name in sys.modules}}
print(sorted(named & {{"tensorflow", "keras", "hydra", "estimators", "tasks", "runners"}}))
"""
    assert _python(code).splitlines()[-1] == "[]"


def _python(code, **environment):
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT), **environment},
        timeout=120,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("columns", [1, 2])
def test_names_of_a_dozen_tasks_stand_apart_on_a_board(columns):
    accounts = {f"task{i}": ACCURACY | {"label": f"A task of its own (784-128-{i})"} for i in range(12)}
    drawn = draw("board", make(tasks=accounts, seeds=2, rates=(0.1,), rows=3), columns)
    drawn.draw_without_rendering()
    boxes = [label.get_window_extent() for label in drawn.axes[0].get_xticklabels()]
    assert len(boxes) == 12 and all(one.x1 <= other.x0 + 0.5 for one, other in itertools.pairwise(boxes))
    assert all(box.y1 <= drawn.bbox.y1 for box in boxes)
