"""The gallery: the committed page says what the book says, and the figure shows the slopes as they are."""

import re
import warnings

import numpy as np
import pytest

import estimators
from estimators.excluded import EXCLUDED
from estimators.surrogate import BESIDE
from results.drawing import gallery as gallery_drawing
from results.drawing import staircase as staircase_drawing
from results.drawing import style
from runners import gallery
from runners.docs import estimators_markdown
from runners.docs import shapes as shapes_docs
from steeplechase.errors import RecordError, UserError
from steeplechase.random import Chance, key
from tests.oracles.command import ROOT
from tests.oracles.records import make

BOOK = sorted(estimators.registry)
PLAIN = next(name for name in BOOK if not estimators.registry[name].parameters)
RANDOM = next(name for name in BOOK if estimators.registry[name].random)
OTHER = next(name for name in BOOK if estimators.registry[name].parameters and name != RANDOM)
MINE = '''\
"""A page from elsewhere."""

import tensorflow as tf

from steeplechase import positive, surrogate


@surrogate(
    label="Somebody's own",
    source="nobody <b>",
    area=lambda wide: 4 * wide,
    peak=2,
    support=lambda wide: wide,
    corners=lambda wide: (-wide, wide),
    counterpart=lambda x, wide: 2 * tf.clip_by_value(x, -wide, wide),
    needs={"wide": positive},
)
def mine_alone(x, *, wide=0.01):
    r"""A box.

    Replaces  d sign(x)/dx = 2 δ(x)
    With      2 where |x| < wide
              0 elsewhere
    Needs     wide > 0

    With a remark, of *two*
    lines.

    x: any shape; returns the same shape and dtype.
    """
    return 2 * tf.cast(tf.abs(x) < wide, x.dtype)
'''


@pytest.fixture(scope="module")
def shapes():
    """Of the whole book."""
    return shapes_docs.shapes(BOOK)


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A page in a file of its own; afterwards the book is as it was."""
    monkeypatch.setenv("STEEPLECHASE_ESTIMATORS", "")  # so that it is undone
    path = tmp_path / "mine.py"
    path.write_text(MINE, encoding="utf-8")
    yield path
    estimators.registry.pop("mine_alone", None)


# The page


def test_the_committed_page_is_what_the_book_says():
    """Of the estimators that it has. One that was entered since is added by `make docs`, whose `--check` compares the
    whole book: whoever enters an estimator need not draw the documentation anew for the tests to pass."""
    text = (ROOT / "docs/estimators.md").read_text(encoding="utf-8")
    names = re.findall(r"^### (.*)$", text, re.MULTILINE)
    assert text == estimators_markdown.table(names), (
        "docs/estimators.md is not what the book says now: run `make docs`."
    )


def test_the_page_has_every_estimator_and_what_was_left_out():
    text = estimators_markdown.table(BOOK)
    headings = re.findall(r"^### (.*)$", text, re.MULTILINE)
    assert headings == BOOK
    for name, page in estimators.registry.items():
        row, *_ = re.findall(rf"^\| \[{name}\]\(#{name}\) .*$", text, re.MULTILINE)
        assert page.label in row and "`" in row, "no formula"
        section = text.split(f"\n### {name}\n")[1].split("\n#")[0]
        assert all(f"`{parameter}` = {default:.4g}" in section for parameter, default in page.parameters.items())
        assert all(word in section for word in ("Needs", "Source", *page.aliases, *page.ships)), name
        assert page.outside_spread in section and ("Left out of spreads" in section) == bool(page.outside_spread)
        told = re.findall(r"^\* Its source uses it at: (.*) only$", section, re.MULTILINE)
        assert told == [" and ".join(page.sites)] * bool(page.sites), name
    for name, reason in EXCLUDED.items():
        assert re.search(rf"^\| {name} +\| {re.escape(reason)}\. +\|$", text, re.MULTILINE)
    assert not re.search(r"\(#(?!(?:" + "|".join(BOOK) + r")\))", text), "a link into nothing"


def test_a_table_of_one_page_needs_no_other():
    for name in BOOK:
        text = estimators_markdown.table([name])
        assert re.findall(r"\(#(.*?)\)", text) == [name] * text.count("(#")


def test_a_name_that_is_none():
    with pytest.raises(UserError, match="did you mean"):
        estimators_markdown.table([BOOK[0] + "x"])


# The figure


@pytest.mark.parametrize("name", BOOK)
def test_shapes_are_the_slopes(shapes, name):
    page, rows = estimators.registry[name], shapes[shapes["estimator"] == name]
    tried = [own for own in page.example_parameters()[:3] if not {page.roles.get(one) for one in own} & {*BESIDE}]
    settings = {",".join(f"{k}={v:g}" for k, v in own.items()): own for own in tried}
    assert list(rows["setting"].unique()) == list(settings)
    for setting, own in settings.items():
        part = rows[rows["setting"] == setting]
        x = part["x"].to_numpy()
        assert -x.min() == x.max() and (np.diff(x) > 0).all()
        chance = Chance(key(0)).of("gallery") if page.random else None
        m = page.slope(x, chance=chance, **own).numpy()
        assert np.array_equal(part["slope"], m)
        assert np.array_equal(part["forward"], np.sign(x)) and np.isfinite(m).all()
        for corner in map(float, page.trait("corners", **own)):
            assert {corner} <= {*x} and ((x > corner) & (x < corner + 1e-6)).any(), "both sides of a jump"
            assert ((x < corner) & (x > corner - 1e-6)).any()
        if page.counterpart is None:
            assert part["counterpart"].isna().all()
        else:
            inner = (np.diff(x) > 1e-4 * x.max()) & (np.abs(np.diff(m)) < 0.05 * np.ptp(m) + 1e-12)
            steps = np.diff(part["counterpart"]) / np.diff(x)
            assert part["counterpart"].to_numpy()[x == 0] == 0
            np.testing.assert_allclose(steps[inner], ((m[1:] + m[:-1]) / 2)[inner], atol=0.02 * np.abs(m).max())


@pytest.mark.parametrize("name", BOOK)
def test_the_staircase_has_the_slope_at_every_jump(name):
    """Three steps of rounding, each as high as a step where it can be scaled so; and what the slope is derived from."""
    page, rows = estimators.registry[name], shapes_docs.staircase([name])
    if page.random or not page.elementwise:
        assert rows.empty
        return
    x, m, y = (rows[column].to_numpy() for column in ("x", "slope", "counterpart"))
    assert (x.min(), x.max()) == (-2, 1) and set(rows["value"]) == {-2, -1, 0, 1}
    assert np.array_equal(rows["value"], np.clip(np.rint(x), -2, 1))
    within = [(x > k + 1e-8) & (x < k + 1 - 1e-8) for k in (-2, -1, 0)]
    for one in within[1:]:
        same = np.isclose(m[one], m[within[0]], rtol=1e-6, atol=1e-9)
        assert np.mean(same) > 0.99, "the same at each jump, but where x is rounded to another side of a corner"
    if rows["normalised"].all():
        area = sum(np.trapezoid(m[one], x[one]) for one in within)
        assert area == pytest.approx(3, rel=0.05), "a mean of 1 over a step"
        [places] = np.where(within[1])
        assert y[places[-1]] - y[places[0]] == pytest.approx(1, abs=0.05)
        assert np.interp(-0.5, x, y) == pytest.approx(-0.5, abs=1e-6), "in the middle of a jump"


def test_the_whole_staircase_is_drawn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn = staircase_drawing.draw(shapes_docs.staircase(BOOK))
        drawn.draw_without_rendering()
    titles = [axes.get_title() for axes in drawn.axes if axes.get_title()]
    assert len(titles) == sum(page.elementwise and not page.random for page in estimators.registry.values())
    with pytest.raises(RecordError, match="draws it"):
        staircase_drawing.draw(make(seeds=1).rows)


def test_the_whole_book_is_drawn(shapes):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn = gallery_drawing.draw(shapes)
        drawn.draw_without_rendering()
    titles = [" ".join(axes.get_title().split()) for axes in drawn.axes if axes.get_title()]
    assert titles == [estimators.registry[name].label for name in BOOK]
    assert drawn.get_size_inches()[0] <= 7.3 and drawn.get_size_inches()[1] <= 9.6
    assert len(drawn.legends) == 1


@pytest.mark.parametrize("name", [PLAIN, RANDOM, OTHER])
def test_one_page_is_drawn_the_same_twice(shapes, name, tmp_path):
    own = shapes[shapes["estimator"] == name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first, second = (style.save(gallery_drawing.draw(own), tmp_path / which, "one") for which in "ab")
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes() and one.stat().st_size > 1000
    values = [
        text.get_text()
        for text in gallery_drawing.draw(own).axes[0].findobj(lambda artist: hasattr(artist, "get_text"))
    ]
    assert all(f"{default:g}" in values for default in list(estimators.registry[name].parameters.values())[:1])


def test_a_foreign_label_of_any_length(shapes):
    label = "A label that is rather long, and has $2 or $3 in it"
    own = shapes[shapes["estimator"] == BOOK[0]].assign(estimator="somebody's", label=label)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn = gallery_drawing.draw(own)
        drawn.draw_without_rendering()
    assert drawn.axes[0].get_title().replace("\n", " ") == label


@pytest.mark.parametrize("table", [make().rows, make().rows.iloc[:0]], ids=["records", "nothing"])
def test_records_are_refused(table):
    with pytest.raises(RecordError, match="`python -m runners.gallery` draws it"):
        gallery_drawing.draw(table)


# The command


@pytest.mark.long
def test_a_page_from_elsewhere(mine, tmp_path, capsys):
    arguments = ["mine_alone", f"estimator.file={mine}", "--folder", str(tmp_path / "out")]
    assert gallery.main([*arguments, "--check"]) == 1
    assert "run `make docs`" in capsys.readouterr().err and not (tmp_path / "out").exists()
    assert gallery.main(arguments) == 0
    assert str(tmp_path / "out" / "estimators.md") in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "estimators.md",
        *(f"surrogates.{kind}" for kind in ("pdf", "png", "svg")),
    ]
    text = (tmp_path / "out" / "estimators.md").read_text(encoding="utf-8")
    assert "```text\n2 where |x| < wide\n0 elsewhere\n```" in text
    assert r"`2 where \|x\| < wide ; 0 elsewhere`" in text
    assert r"With a remark, of \*two\* lines." in text and r"nobody \<b>" in text
    assert re.search(r"\| 0\.04 +\| 2 +\| 0\.01 +\|", text)
    assert gallery.main([*arguments, "--check"]) == 0


@pytest.mark.parametrize("arguments", [["no_such_estimator"], ["estimator.file=no_such_file.py"]])
def test_a_mistake_is_one_sentence(arguments, monkeypatch, capsys):
    monkeypatch.setenv("STEEPLECHASE_ESTIMATORS", "")
    assert gallery.main(arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith("steeplechase: ") and said.count("\n") == 1
