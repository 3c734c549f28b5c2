"""Looks: what is given is drawn, what cannot be drawn is told, no two methods look alike, and one's own stands out."""

import itertools
import warnings
from collections import Counter
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb
from matplotlib.text import Text

from results import figures
from results.analysis import labels, lookup
from results.drawing import layout, looks, style
from results.records.plan import PlanFacts
from results.tables import TABLES
from steeplechase.errors import UserError
from tests.oracles.records import made_for, make

MINE = {"estimators": ("sigmoid_derivative", "mine", "ste", "tanh_slope"), "tasks": ("binarized_mlp",)}


def given(results, **facts):
    """The results as tables and figures show them, these facts among what the plan declared."""
    return labels.labelled(replace(results, plan=replace(results.plan, **facts)))


def lightness(colour):
    """CIE L*: how light a colour is in grey, 0 to 100."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    luminance = float(np.dot(linear, (0.2126, 0.7152, 0.0722)))
    return 116 * luminance ** (1 / 3) - 16 if luminance > 0.008856 else 903.3 * luminance


# What is refused


@pytest.mark.parametrize(
    ("of", "said"),
    [
        ({"color": "red"}, "looks.ste has no field 'color'; known are: colour, marker, label, order; did you mean"),
        ({"colour": "rde"}, "looks.ste.colour is 'rde', which Matplotlib knows as no colour; did you mean 'red'"),
        ({"colour": "none"}, "no colour"),
        ({"colour": 3}, "no colour"),
        ({"marker": "circle"}, "looks.ste.marker is 'circle', which Matplotlib knows as no marker; did you mean 'o'"),
        ({"marker": ""}, "no marker"),
        ({"marker": "None"}, "no marker"),
        ({"marker": 99}, "no marker"),
        ({"marker": True}, "no marker"),
        ({"label": " "}, "looks.ste.label is ' ', but must be text in one line"),
        ({"label": "a\nb"}, "text in one line"),
        ({"label": 5}, "text in one line"),
        ({"label": r"$\frac$ slope"}, "whose mathematics cannot be read"),
        ({"order": "last"}, "looks.ste.order is 'last', but must be a number"),
        ({"order": float("nan")}, "must be a number"),
        ("red", "looks.ste is 'red', but must be fields"),
    ],
)
def test_what_cannot_be_drawn_is_told_in_one_sentence(of, said):
    with pytest.raises(UserError) as caught:
        looks.check({"ste": of})
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_two_may_not_be_given_one_look():
    with pytest.raises(UserError, match=r"looks.b is the look of a as well \(#FF0000, o\): change one"):
        looks.check({"a": {"colour": "red", "marker": "o"}, "b": {"colour": "#FF0000", "marker": "o"}})
    looks.check({"a": {"colour": "red", "marker": "o"}, "b": {"colour": "red", "marker": "s"}, "c": {"colour": "red"}})


@pytest.mark.parametrize("marker", ["x", "o", "1", 4, "$a$", "*"])
def test_any_marker_of_matplotlib_may_be_given(marker):
    looks.check({"ste": {"colour": "tab:blue", "marker": marker, "label": r"$\alpha$ for 5 \$", "order": -1.5}})


@pytest.mark.parametrize("marker", ["x", "$a$", 4])
@pytest.mark.parametrize("figure", ["convergence", "throughput", "sensitivity"])
def test_any_marker_is_drawn_without_a_warning(figure, marker):
    facts = {"looks": {"ste": {"marker": marker}}, "user_estimators": ("mine",)}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figures.drawn(figure, given(make(**MINE, rows=3, seeds=2), **facts)).draw_without_rendering()


# One's own


@pytest.mark.parametrize("figure", figures.names())
def test_the_users_own_method_stands_out_in_every_figure(figure):
    """In its colour, which nothing else has: as the last line of the legend, above the others; or as a bold label."""
    made = made_for(figure, **MINE)
    plain, shown = (figures.drawn(figure, given(made, user_estimators=own)) for own in ((), ("mine",)))
    plain.draw_without_rendering()
    shown.draw_without_rendering()

    def coloured(drawn):
        lines = [line for axes in drawn.axes for line in axes.lines if to_hex(line.get_color()) == style.STRONGEST]
        words = [text for text in drawn.findobj(Text) if to_hex(text.get_color()) == style.STRONGEST]
        return lines, [text for text in words if text.get_text() and text.get_visible()]

    assert coloured(plain) == ([], [])
    lines, words = coloured(shown)
    assert lines or words
    assert {(text.get_text(), text.get_fontweight()) for text in words} <= {("mine", "bold")}
    if figure not in ("board", "ranking", "surrogates", "pairings"):
        assert shown.legends[0].get_texts()[-1].get_text() == "mine"


@pytest.mark.parametrize("figure", ["convergence", "learning_rate", "profiles", "time_to_target", "tuning"])
def test_its_line_is_wider_and_lies_above_the_others(figure):
    [axes] = figures.drawn(figure, given(make(**MINE), user_estimators=("mine",))).axes
    curves = [line for line in axes.lines if line.get_linestyle() == "-"]
    mine = [line for line in curves if to_hex(line.get_color()) == style.STRONGEST]
    others = [line for line in curves if line not in mine]
    assert len(mine) == 1 and len(others) == 3
    assert mine[0].get_zorder() > max(line.get_zorder() for line in others)
    assert mine[0].get_linewidth() > max(line.get_linewidth() for line in others)


def test_its_colour_is_nobody_elses_and_the_darkest_in_grey():
    others = {look.colour for look in style.PINNED.values()} | {*style.PALETTE, *layout.BOUNDS.values()}
    assert style.STRONGEST not in others
    assert lightness(style.STRONGEST) < min(map(lightness, others)) - 5, "told apart where there are no colours"


# No two look alike


def drawn_looks(lines):
    return Counter((line.get_color(), str(line.get_marker()), line.get_linestyle()) for line in lines.values())


def test_no_two_methods_of_a_figure_share_colour_marker_and_dashes():
    chance = np.random.default_rng(0)
    pinned = list(style.PINNED)
    for trial in range(20):
        names = [*chance.choice(pinned, 20, replace=False), *(f"n{trial}_{i}" for i in range(60))]
        methods = [(name, f"{name} ({v})") for name in names for v in range(chance.integers(1, 7))]
        one, other = chance.choice(names, 2, replace=False)
        as_pinned = style.style_of(pinned[0])
        facts = PlanFacts(
            looks={one: {"colour": as_pinned.colour, "marker": as_pinned.marker}, other: {"colour": style.BLUE}},
            user_estimators=tuple(names[5:8]),
        )
        lines = layout.lines([*methods, (pinned[0], "first")], plan=facts)
        assert max(drawn_looks(lines).values()) == 1


def test_who_moves_does_not_hang_on_the_order_and_what_is_given_stays():
    seen = {}
    for i in itertools.count():
        first = seen.setdefault(style.style_of(f"mine {i}"), f"mine {i}")
        if first != f"mine {i}":
            break
    two = (first, f"mine {i}")
    there, back = style.styles_of(two), style.styles_of(reversed(two))
    assert there == back and there[min(two)] == style.style_of(min(two)) and there[max(two)] != there[min(two)]
    fixed = style.style_of(max(two))
    moved = style.styles_of(two, {max(two): {"colour": fixed.colour, "marker": fixed.marker}})
    assert moved[max(two)] == fixed != moved[min(two)]
    coloured = style.styles_of(["a", "b", "c"], {name: {"colour": "gold", "marker": "o"} for name in "ab"})
    assert coloured["a"] == coloured["b"] == (to_hex("gold"), "o"), (
        "what is given twice is refused before (looks.check)"
    )


def test_what_is_given_is_drawn_and_an_edge_alone_has_its_own_colour():
    facts = {"ste": {"colour": "gold", "marker": "x", "order": 1}, "tanh_slope": {"order": -1}}
    shown = figures.drawn("convergence", given(make(**MINE), looks=facts))
    lines = dict(
        zip([t.get_text() for t in shown.legends[0].get_texts()], shown.legends[0].legend_handles, strict=True)
    )
    assert list(lines) == ["Tanh slope", "mine", "Sigmoid derivative", "Straight-through"]
    line = lines["Straight-through"]
    assert (to_hex(line.get_color()), line.get_marker()) == (to_hex("gold"), "x")
    assert to_hex(line.get_markeredgecolor()) == to_hex("gold"), "white would leave nothing to be seen"
    heights = {to_hex(line.get_color()): line.get_zorder() for line in shown.axes[0].lines}
    assert heights[to_hex("gold")] == max(heights.values()) and heights[style.GREEN] == min(heights.values())


# Labels


def methods(results):
    return {*lookup.methods(lookup.run_labels(results))}


def test_a_label_is_in_tables_and_figures():
    results = given(make(**MINE), looks={"ste": {"label": "Ours"}})
    assert methods(results) == {"Ours", "Tanh slope", "Sigmoid derivative", "mine"}
    for name in ("summary", "verdicts"):
        kind = TABLES[name]
        texts = " ".join(part.printed.to_string() for part in kind.parts(*kind.find(results)))
        assert "Ours" in texts and "Straight-through" not in texts


def test_a_label_of_an_estimator_is_none_of_the_bounds_made_with_it():
    made = make(estimators=("ste", "tanh_slope", "real"), bounds={"real": "upper"}, tasks=("binarized_mlp",))
    results = given(made, looks={"real": {"label": "Ours"}, "ste": {"label": "Mine"}})
    assert methods(results) == {"Mine", "Tanh slope", "real"}


def test_equal_labels_are_told_apart_by_the_name():
    results = given(make(**MINE), looks={"ste": {"label": "Tanh slope"}})
    assert methods(results) == {"Tanh slope (ste)", "Tanh slope (tanh_slope)", "Sigmoid derivative", "mine"}


def test_of_compared_values_one_may_have_a_look_of_its_own():
    made = make(estimators=("ste", "tanh_slope"), tasks=("binarized_mlp",), rates=(0.01, 0.1))
    facts = {"compare": ("optimizer.learning_rate",)}
    method = "Tanh slope (learning_rate=0.1)"
    assert method in methods(given(made, **facts))
    shown = given(made, **facts, looks={method: {"colour": "gold", "label": "The fast one"}})
    assert "The fast one" in methods(shown) and method not in methods(shown)
    lines = layout.lines(
        zip(lookup.run_labels(shown)["estimator"], lookup.methods(lookup.run_labels(shown)), strict=True),
        plan=shown.plan,
    )
    assert to_hex(lines["The fast one"].get_color()) == to_hex("gold")
    assert lines["Tanh slope (learning_rate=0.01)"].get_color() == style.style_of("tanh_slope").colour


def test_a_method_that_is_given_a_look_and_is_not_there_is_told():
    made = make(**MINE)
    asked = replace(made, plan=replace(made.plan, looks={"Tanh slpe (scale=2)": {}, "erf": {}, "ste": {}}))
    assert labels.unknown_methods(asked) == [
        "looks names 'Tanh slpe (scale=2)', but no method is called so; did you mean 'Tanh slope'?"
    ]


@pytest.mark.parametrize(
    ("label", "drawn"),
    [
        ("café ≥ 2", "café ≥ 2"),
        ("测试", "??"),
        ("ⓐ slope", None),
        ("\U0001d7d9 𝒳 slope", None),
        ("a\u200bb", None),
    ],
)
def test_what_a_font_lacks_is_replaced_and_nobody_is_warned(label, drawn):
    results = given(make(**MINE), looks={"ste": {"label": label}})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for figure in ("convergence", "ranking"):
            shown = figures.drawn(figure, results)
            shown.draw_without_rendering()
            texts = " ".join(text.get_text() for text in shown.findobj(Text))
            assert drawn is None or drawn in texts


def test_labels_that_become_equal_without_their_signs_are_told_apart():
    results = given(make(**MINE), looks={"ste": {"label": "测"}, "tanh_slope": {"label": "试"}})
    shown = figures.drawn("convergence", results)
    assert {"? (ste)", "? (tanh_slope)"} <= {text.get_text() for text in shown.legends[0].get_texts()}


def test_a_look_without_ascii_is_a_question_mark_and_an_accent_its_letter(monkeypatch):
    monkeypatch.setattr(style, "drawable_signs", lambda families: frozenset(range(32, 127)))
    assert style.drawable("naïve ½ → 测\n") == "naive 1?2 ? ?\n"


def test_a_long_label_is_wrapped_in_legends():
    long = "The straight-through estimator as Bengio and others have it"
    shown = figures.drawn("convergence", given(make(**MINE), looks={"ste": {"label": long}}))
    [text] = [text.get_text() for text in shown.legends[0].get_texts() if text.get_text().startswith("The straight")]
    assert max(map(len, text.split("\n"))) <= 24 and " ".join(text.split("\n")) == long


# Where a legend stands


LEGENDS = [  # journal, columns, methods, long names
    (None, 1, 30, False),
    (None, 2, 30, False),
    (None, 2, 9, True),
    ("neurips", 2, 30, False),
]
MORE = [(j, c, *of) for j in (None, *style.JOURNALS) for c in (1, 2) for of in ((3, False), (9, True), (30, False))]


@pytest.mark.parametrize(
    ("journal", "columns", "count", "long"),
    [*LEGENDS, *(pytest.param(*case, marks=pytest.mark.long) for case in MORE if case not in LEGENDS)],
)
def test_a_legend_covers_no_panel_and_no_caption(journal, columns, count, long):
    names = [f"a method of my own that is called number {i}" if long else f"own {i}" for i in range(count)]
    made = make(estimators=names, tasks=("binarized_mlp",), rates=(0.1,), seeds=2, rows=3)
    shown = figures.drawn("time_to_target", labels.labelled(made), columns, journal)
    with style.printed_in(journal), style.context(columns):
        shown.draw_without_rendering()
    [legend], [axes] = shown.legends, shown.axes
    box, (width, height) = legend.get_window_extent(), shown.bbox.size
    assert box.x0 >= -1 and box.y0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1, "inside the figure"
    for other in (axes.get_tightbbox(), *(text.get_window_extent() for text in shown.texts)):
        assert not box.overlaps(other)
    assert min(axes.get_window_extent().size) > 0.3 * shown.dpi


def test_a_legend_below_covers_nothing_where_there_is_no_caption_either():
    with style.context(1):
        lines = layout.lines([(f"own {i}", f"own {i}") for i in range(30)])
        shown, panels = layout.grid(["a"], ["b"], list(lines), 1.8, 1)
        layout.legend(shown, list(lines.values()), list(lines))
        shown.draw_without_rendering()
    assert not shown.legends[0].get_window_extent().overlaps(panels[0, 0].get_tightbbox())


# Journals


WIDTHS = {("icml", 1): 3.25, ("icml", 2): 6.75, ("neurips", 1): 5.5, ("neurips", 2): 5.5}
WIDTHS |= {("ieee", 1): 3.5, ("ieee", 2): 7.16}


@pytest.mark.parametrize("figure", figures.names())
@pytest.mark.parametrize(
    ("journal", "columns"),
    [pytest.param(*of, marks=[pytest.mark.long] * (of != ("icml", 1))) for of in WIDTHS],
)
def test_a_figure_for_a_journal_is_as_wide_as_its_page(figure, journal, columns, tmp_path):
    made = made_for(figure, optimizers=("adam", "sgd"), seeds=2, rows=3)
    shown = figures.drawn(figure, labels.labelled(made), columns, journal)
    style.save(shown, tmp_path, figure, kinds=["svg"], columns=columns, journal=journal)
    assert shown.get_size_inches()[0] == WIDTHS[journal, columns]
    box, (width, height) = shown.get_tightbbox(), shown.get_size_inches()
    assert min(box.x0, box.y0) >= -0.02 and box.x1 <= width + 0.02 and box.y1 <= height + 0.02, box
    sizes = [axes.get_window_extent().size for axes in shown.axes if axes.get_visible()]
    assert min(map(min, sizes)) > 0.3 * shown.dpi, "no panel was squeezed away"
    assert "STIXGeneral" in (tmp_path / f"{figure}.svg").read_text(encoding="utf-8")


def test_letters_for_a_journal_are_of_eight_to_ten_points_and_no_other_figure_has_them():
    for journal in style.JOURNALS:
        with style.printed_in(journal), style.context(1):
            sizes = {mpl.rcParams[key] for key in ("axes.labelsize", "legend.fontsize", "xtick.labelsize", "font.size")}
        assert len(sizes) == 1 and 8 <= min(sizes) <= 10
    with style.context(1):
        assert mpl.rcParams["font.family"] == ["DejaVu Sans"] and mpl.rcParams["font.size"] == 7
