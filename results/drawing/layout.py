"""What figures share: grids of panels, legends, scales, captions."""

from __future__ import annotations

import itertools
import math
import re
import textwrap
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import ticker
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.markers import MarkerStyle
from matplotlib.text import Text

from results import wording
from results.analysis import estimand, lookup, measures
from results.analysis.comparison import Group
from results.drawing import style
from results.records.plan import PlanFacts
from results.records.result_set import ResultSet

DASHES = ("-", "--", ":", "-.")  # of variants of one estimator, which share its colour
MARKERS = ("o", "s", "D", "^", "P", "X", "v", "*")  # of those after the first, which has the marker of the estimator
WIDER = 1.7  # how many times as wide as others the lines of the user's own methods are
LONG, WRAPPED = 34, 24  # signs: a longer label of a legend is wrapped, into lines of so many
BELOW = "below"  # what a legend is labelled there, for the caption to stand under it
CROWDED = 4.0  # inches: in a narrower figure a decade has room for two numbers
ABOVE, LINE = 4, 0.17  # lines of a legend above the panels, at most; inches of a line
BOUNDS = {"upper": "#505050", "lower": "#a0a0a0"}  # colours of bounds, which are told apart by their dashes


def lines(
    methods: Iterable[tuple[str, str]], bounds: Mapping[str, str] | None = None, plan: PlanFacts | None = None
) -> dict[str, Line2D]:
    """For each method the line that stands for it.

    Args:
        methods: (estimator's name, what the legend says).
        bounds: "upper" or "lower" by what the legend says, of those that are bounds (lookup.bound_methods).
        plan: what looks are given, and which estimators are the user's own.

    Returns:
        Lines by what the legend says, in the order that is given, else of the alphabet, numbers by size; variants of
        one estimator share its colour, and are told apart by dashes, by markers where no other one has its colour, and,
        of more than these, by the shade of the colour. The user's own come after all others, are wider, and lie above
        them. Bounds come last, and are thin and grey, without markers.
    """
    bounds, plan = bounds or {}, plan or PlanFacts()
    every = list(dict.fromkeys(methods))
    ordered = sorted((method for method in every if method[1] not in bounds), key=_natural)
    kinds = {text: _kind(name, text, plan) for name, text in ordered}
    looks, found, variants = _looks({kinds[text]: name for name, text in ordered}, plan), {}, {}
    shades = {kind: -(-number // len(DASHES)) for kind, number in Counter(kinds.values()).items()}
    places = {text: _place(name, text, plan) for name, text in ordered}
    levels = {place: 2 + 0.9 * at / len(places) for at, place in enumerate(sorted({*places.values()}))}
    alone = len({look.colour for look in looks.values()}) == len(looks)  # else another one of the colour may have it
    for name, text in ordered:
        colour, marker = looks[kinds[text]]
        number = variants[kinds[text]] = variants.get(kinds[text], -1) + 1
        round_, dash = divmod(number, len(DASHES))
        if alone and "marker" not in {**plan.looks.get(name, {}), **_given(text, plan)}:
            marker = [marker, *(sign for sign in MARKERS if sign != marker)][number % len(MARKERS)]
        if round_:
            colour = style.lighter(colour, round_ / shades[kinds[text]])
        look = {"color": colour, "marker": marker, "linestyle": DASHES[dash]}
        found[text] = Line2D([], [], **look, **_edge(marker, colour), zorder=levels[places[text]])
        if name in plan.user_estimators:
            found[text].set_linewidth(WIDER * found[text].get_linewidth())
    found = {text: found[text] for text in sorted(found, key=lambda text: places[text])}
    for word, colour in BOUNDS.items():
        for at, text in enumerate(sorted({text for _, text in every if bounds.get(text) == word})):
            dash = DASHES[1:][at % len(DASHES[1:])]
            found[text] = Line2D([], [], color=colour, marker="", linestyle=dash, linewidth=0.7)
    return found


def _kind(name: str, text: str, plan: PlanFacts) -> str:
    """What a method has its look from: itself, where it is given a colour or a marker, else its estimator."""
    return text if {"colour", "marker"} & {*_given(text, plan)} else name


def _given(text: str, plan: PlanFacts) -> Mapping[str, Any]:
    """What a method is given beside what its estimator is."""
    of_methods = lookup.method_looks(plan)
    return next((of for name, of in of_methods.items() if of.get("label", name) == text), {})


def _looks(kinds: Mapping[str, str], plan: PlanFacts) -> dict[str, style.LineStyle]:
    """The look of each of `_kind`, whose estimators are given by it."""
    strongest = {kind for kind, name in kinds.items() if name in plan.user_estimators}
    given = {kind: {**plan.looks.get(name, {}), **_given(kind, plan)} for kind, name in kinds.items()}
    return style.styles_of(kinds, given, strongest)


def _place(name: str, text: str, plan: PlanFacts) -> float:
    """Where a method stands among the others; those of no order count as 0, the user's own as the last."""
    given = {**plan.looks.get(name, {}), **_given(text, plan)}
    return given.get("order", math.inf if name in plan.user_estimators else 0)


def styles_of_estimators(names: Iterable[str], plan: PlanFacts) -> dict[str, style.LineStyle]:
    """The look of each estimator in a figure that has none of its variants.

    Args:
        names: of estimators.
        plan: what looks are given, and which are the user's own.

    Returns:
        By name, in the order that is given, else of the alphabet; the user's own last.
    """
    looks = _looks({name: name for name in names}, plan)
    return {name: looks[name] for name in sorted(looks, key=lambda name: (_place(name, name, plan), name))}


def emphasise(labels: Iterable[Text], names: Iterable[str], plan: PlanFacts) -> None:
    """Writes the user's own methods in their colour, and bold.

    Args:
        labels: of an axis.
        names: of their estimators.
        plan: what looks are given, and which are the user's own.
    """
    for label, name in zip(labels, names, strict=True):
        if name in plan.user_estimators:
            label.set(color=styles_of_estimators([name], plan)[name].colour, fontweight="bold")


def _natural(method: tuple[str, str]) -> tuple[str, list[tuple[int, float, str]]]:
    """By the estimator's name, then by what the legend says: numbers in it by their size."""
    parts = re.split(r"(\d+(?:\.\d+)?(?:e[+-]?\d+)?)", method[1])
    return method[0], [(0, float(part), "") if at % 2 else (1, 0.0, part) for at, part in enumerate(parts)]


def is_bound(line: Line2D) -> bool:
    """Whether the line of `lines` stands for a bound: nothing is drawn around it."""
    return line.get_marker() == ""


def strokes(line: Line2D) -> dict[str, Any]:
    """Colour, dashes, width and height of a line of `lines`, as Matplotlib's functions take them."""
    look = {"color": line.get_color(), "linestyle": line.get_linestyle(), "linewidth": line.get_linewidth()}
    return {**look, "zorder": line.get_zorder()}


def marks(line: Line2D) -> dict[str, Any]:
    """Colour, marker and height of a line of `lines`, in the same way."""
    look = {"color": line.get_color(), "marker": line.get_marker(), "zorder": line.get_zorder()}
    return {**look, **_edge(line.get_marker(), line.get_color())}


def _edge(marker: Any, colour: Any) -> dict[str, Any]:
    """A thin white edge of a marker; of one that has nothing but its edge, such as ×, its own colour."""
    filled = marker == "" or MarkerStyle(marker).is_filled()
    return {"markeredgecolor": "white" if filled else colour, "markeredgewidth": 0.4 if filled else 1.0}


def levels(
    axes: Axes,
    bounds: Sequence[Group],
    handles: Mapping[str, Line2D],
    *,
    horizontal: bool = False,
    error: bool = False,
) -> set[str]:
    """Draws bounds across a panel, each at its mean at its chosen setting. An upper one takes room where it lies beyond
    the limits; a lower one is left out there, so that it flattens nothing.

    Args:
        axes: the panel, its scale and limits set.
        bounds: of comparison.bounds, on the panel's task with its optimizer.
        handles: the line of each method.
        horizontal: the horizontal axis is the measure's, rather than the vertical one.
        error: the axis shows a share's error (as_error).

    Returns:
        The methods that were drawn.
    """
    drawn = set()
    draw = axes.axvline if horizontal else axes.axhline
    get_limits, set_limits = (axes.get_xlim, axes.set_xlim) if horizontal else (axes.get_ylim, axes.set_ylim)
    scale = axes.xaxis.get_transform() if horizontal else axes.yaxis.get_transform()
    for group in bounds:
        for method, value in zip(group.methods, group.values().mean(1), strict=True):
            low, high = get_limits()
            value = 1 - value if error else value
            if not np.isfinite(value) or (BOUNDS["lower"] == handles[method].get_color() and not low <= value <= high):
                continue
            drawn.add(method)
            draw(value, **{**strokes(handles[method]), "zorder": 1})
            ends = scale.transform([min(low, value), max(high, value)])
            room = 0.04 * (ends[1] - ends[0])
            wider = scale.inverted().transform([ends[0] - room, ends[1] + room])
            set_limits(wider[0] if value < low else low, wider[1] if value > high else high)
    return drawn


def seen(
    handles: Mapping[str, Line2D], bounds: Sequence[Group], drawn: Collection[str]
) -> tuple[dict[str, Line2D], list[Group]]:
    """What legend and caption speak of: not of a bound that `levels` left out of every panel.

    Args:
        handles: the line of each method.
        bounds: of comparison.bounds.
        drawn: of all that `levels` returned.

    Returns:
        (the lines, the bounds).
    """
    lines = {method: line for method, line in handles.items() if not is_bound(line) or method in drawn}
    return lines, [group for group in bounds if not {*drawn}.isdisjoint(group.methods)]


def bounds_sentence(seeds: Iterable[int], draws: Iterable[int]) -> str:
    """What a caption says of bounds, after a space; "" where there are none.

    Args:
        seeds: how many each of them has.
        draws: how many draws of the problem these met.

    Returns:
        A sentence.
    """
    seeds = list(seeds)
    if not seeds:
        return ""
    many = wording.units(seeds, draws)
    return f" Thin, grey: bounds, means over {many} at rates chosen in the same way, compared with nobody."


def sides(
    groups: Sequence[Group], bounds: Sequence[Group], marks: Mapping[str, str], plan: PlanFacts
) -> tuple[list[str], list[str], dict[str, Line2D]]:
    """The sides of a grid, and its legend.

    Args:
        groups: what is shown.
        bounds: of comparison.bounds, which are shown as well.
        marks: of lookup.bound_methods.
        plan: as in `lines`.

    Returns:
        (tasks, optimizers, the line of each method). A line takes the settings in force when it is made: ask within
        style.context.
    """
    tasks, optimizers = (sorted({getattr(group, key) for group in groups}) for key in ("task_label", "optimizer"))
    pairs = (pair for group in (*groups, *bounds) for pair in zip(group.names, group.methods, strict=True))
    return tasks, optimizers, lines(pairs, marks, plan)


def common_seeds(groups: Sequence[Group]) -> tuple[str, bool]:
    """How many seeds or draws the methods of these groups have in common, in words, and whether it is more than one."""
    counts = sorted({tuple(group.counts.values()) for group in groups})
    seeds, draws = zip(*counts, strict=True)
    return wording.units(seeds, draws, common=len(counts) == 1), max(draws) > 1


def unit(seeds: Iterable[int], draws: Iterable[int]) -> str:
    """What is counted in a figure.

    Args:
        seeds: how many each of its methods has.
        draws: how many draws of the problem these met.

    Returns:
        "draw" where several seeds met one, else "seed".
    """
    return "draw" if any(met < own for own, met in zip(seeds, draws, strict=True)) else "seed"


def grid(
    tasks: Sequence[str],
    optimizers: Sequence[str],
    labels: Sequence[str],
    tall: float,
    columns: int,
    sharex: bool | str = False,
    sharey: bool | str = False,
) -> tuple[Figure, np.ndarray]:
    """A figure and its panels, titled: a row for each task, a column for each optimizer.

    Args:
        tasks: as titles have them.
        optimizers: as titles have them.
        labels: of the legend, which takes room.
        tall: of a row, in inches.
        columns: of a page that the figure spans; in one of them the optimizers stand one below another, and at most two
            tasks side by side.
        sharex: True for all panels, "row" for those of a task.
        sharey: the same of the vertical axis.

    Returns:
        (the figure, its panels [tasks, optimizers]).
    """
    narrow = columns == 1
    width = style.figure_width(columns, max(4.6, 0.5 + 2.25 * len(optimizers)))
    room = 1.1 + 0.14 * legend_lines(width, labels) if narrow else 0.9 + LINE * max(0, legend_lines(width, labels) - 3)
    down = lines_down(len(tasks), len(optimizers), columns)
    tall *= style.row_factor() * (0.7 if narrow else 1)
    figure = Figure(figsize=(width, room + tall * down), layout="constrained")
    panels = place(figure, len(tasks), len(optimizers), columns, sharex, sharey)
    for (task, optimizer), axes in zip(itertools.product(tasks, optimizers), panels.flat, strict=True):
        axes.set_title(title(task, optimizer, columns))
    return figure, panels


def place(
    parent: Figure | SubFigure,
    tasks: int,
    optimizers: int,
    columns: int,
    sharex: bool | str = False,
    sharey: bool | str = False,
    abreast: int = 2,
) -> np.ndarray:
    """The panels of `grid`, placed in a figure or a part of one.

    Args:
        parent: the figure, or the part.
        tasks: how many there are.
        optimizers: how many there are.
        columns: as in `grid`.
        sharex: as in `grid`.
        sharey: as in `grid`.
        abreast: how many tasks stand side by side in one column of a page, at most.

    Returns:
        Axes [tasks, optimizers].
    """
    if columns != 1:
        return parent.subplots(tasks, optimizers, squeeze=False, sharex=sharex, sharey=sharey)
    across, down = min(tasks, abreast), lines_down(tasks, optimizers, columns, abreast)
    places = parent.subplots(down, across, squeeze=False)
    for axes in places[down - optimizers :, 1:].flat if tasks % across else ():
        axes.set_visible(False)
    pairs = itertools.product(range(tasks), range(optimizers))
    panels = np.empty((tasks, optimizers), dtype=object)
    panels.flat = [places[task // across * optimizers + optimizer, task % across] for task, optimizer in pairs]
    for row in panels:
        for axes in row:
            for key, how in (("sharex", sharex), ("sharey", sharey)):
                first = panels[0, 0] if how is True else row[0]
                if how and axes is not first:
                    getattr(axes, key)(first)
    return panels


def lines_down(tasks: int, optimizers: int, columns: int, abreast: int = 2) -> int:
    """How many lines the panels of `place` stand in.

    Args:
        tasks: as in `place`.
        optimizers: as in `place`.
        columns: as in `place`.
        abreast: as in `place`.

    Returns:
        At least one.
    """
    return optimizers * -(-tasks // min(tasks, abreast)) if columns == 1 else tasks


def title(task: str, optimizer: str, columns: int, letters: int = 24) -> str:
    """What stands above a panel.

    Args:
        task: as it is printed.
        optimizer: as it is printed.
        columns: as in `grid`.
        letters: of a line, where a page says how wide the figure is.

    Returns:
        The task above the optimizer.
    """
    words = (task, optimizer)
    tight = columns == 1 or style.for_journal()
    return "\n".join(textwrap.fill(word, letters) for word in words) if tight else "\n".join(words)


def head_columns(panels: np.ndarray, titles: Sequence[str]) -> None:
    """Leaves panels one title a column, where what rows show stands at their axes.

    Args:
        panels: of `grid`, over two columns of a page.
        titles: of the columns.
    """
    for row in panels:
        for text, axes in zip(titles, row, strict=True):
            axes.set_title(text if axes in panels[0] else "")


LONGEST = 35  # letters of a vertical axis' name in one line: panels stand below each other


def ylabel(row: Iterable[Axes], text: str) -> None:
    """Names the vertical axis of panels that share it: at the left of each line of them.

    Args:
        row: of panels, from the left.
        text: the name, with its unit.
    """
    named = set()
    for axes in row:
        line = axes.get_subplotspec().rowspan.start
        if line not in named:
            axes.set_ylabel(text if len(text) <= LONGEST else text.replace(" (", "\n("))
            named.add(line)


def scale(axes: Axes, means: pd.Series, measure: measures.Measure, *, horizontal: bool = False) -> None:
    """The scale of a measure with these values: of a loss that spans a decade or more logarithmic, and linear near zero
    where it reaches zero; else linear.

    Args:
        axes: whose scale is set.
        means: the values that are shown.
        measure: which they are of.
        horizontal: the horizontal axis, rather than the vertical one.
    """
    above = means[means > 0]
    if measure.bounded or measure.better != "lower" or above.empty or means.min() < 0:
        return
    set_scale, set_limits = (axes.set_xscale, axes.set_xlim) if horizontal else (axes.set_yscale, axes.set_ylim)
    if len(above) < len(means):
        smallest = 10.0 ** math.floor(math.log10(above.min()))
        set_scale("symlog", linthresh=smallest, linscale=0.5)
        set_limits(-0.4 * smallest, None)
    elif above.max() >= 10 * above.min():
        set_scale("log", nonpositive="clip")
        set_limits(0.5 * above.min(), None)
        name_decades(axes, above, horizontal)


def name_decades(axes: Axes, values: pd.Series, horizontal: bool) -> None:
    """Numbers a logarithmic axis within its decades, where it has few of them: a single one has a single number
    otherwise, or one at each of its lines.

    Args:
        axes: whose axis it is.
        values: that are shown, above 0.
        horizontal: the horizontal axis, rather than the vertical one.
    """
    if values.max() >= 100 * values.min():
        return
    axis = axes.xaxis if horizontal else axes.yaxis
    crowded = horizontal and axes.figure.get_size_inches()[0] < CROWDED
    axis.set_major_locator(ticker.LogLocator(subs=(1, 3) if crowded else (1, 2, 5)))
    axis.set_major_formatter(ticker.FormatStrFormatter("%g"))
    axis.set_minor_formatter(ticker.NullFormatter())  # which would name what lies between them as well


def curve(axes: Axes, x: pd.Series, of: pd.DataFrame, line: Line2D) -> None:
    """Draws a method's means over an axis, and their intervals as a band, or of one mean as a line; of a bound the
    means alone.

    Args:
        axes: where it is drawn.
        x: where each mean stands.
        of: with the columns `mean`, `low` and `high`; the band has a gap where an interval is not finite.
        line: that stands for the method.
    """
    if not is_bound(line):
        low, high = (of[name].where(np.isfinite(of[name])) for name in ("low", "high"))
        if len(x) > 1:
            axes.fill_between(x, low, high, color=line.get_color(), alpha=0.18, linewidth=0)
        else:  # a band over one value would not be seen
            axes.vlines(x, low, high, color=line.get_color(), linewidth=0.8)
    small = {} if is_bound(line) else {"markersize": 3.5}
    axes.plot(x, of["mean"], **{**strokes(line), **marks(line), **small})


ARROW = 0.35  # of a bound's height, how far down its arrow reaches


def below(axes: Axes, x: float, y: float, line: Line2D) -> None:
    """Marks that what is drawn there is an upper bound, by an arrow downwards.

    Args:
        axes: whose vertical axis is logarithmic.
        x: where.
        y: how high, above 0.
        line: that stands for the method.
    """
    arrow = {"arrowstyle": "->", "color": line.get_color(), "linewidth": 0.7, "shrinkA": 2, "shrinkB": 0}
    axes.annotate("", (x, y * ARROW), (x, y), arrowprops=arrow)


NEAR = 0.8  # a share above it is near 1, where a linear axis does not tell good from better


def as_error(curves: pd.DataFrame, measure: measures.Measure) -> tuple[pd.DataFrame, measures.Measure]:
    """Curves of a share near 1 as its error, 1 − share, which a logarithmic axis tells apart; others as they are.

    Args:
        curves: with the columns `mean`, `low` and `high`, in the measure's unit.
        measure: which they are of.

    Returns:
        The curves and the measure that they are of then: of an error lower is better, and it has no upper end to be
        kept within.
    """
    error = error_of(curves["mean"].dropna(), measure)
    if error is measure:
        return curves, measure
    return curves.assign(mean=1 - curves["mean"], low=1 - curves["high"], high=1 - curves["low"]), error


def error_of(values: pd.Series, measure: measures.Measure) -> measures.Measure:
    """The measure of the error, 1 − share, of shares near 1; of others the measure itself.

    Args:
        values: all that are shown, finite.
        measure: which they are of.

    Returns:
        As in `as_error`.
    """
    if not measure.share or measure.better != "higher" or values.empty or values.max() < NEAR:
        return measure
    label = (
        measure.label.replace("accuracy", "error") if "accuracy" in measure.label else f"1 − {measure.label.lower()}"
    )
    return measures.Measure(measure.name, label, measure.unit, "lower", (-math.inf, math.inf))


def cut_above(row: Iterable[Axes], top: float, beyond: Iterable[tuple[Axes, Artist]]) -> None:
    """Ends the vertical axis of a row of panels above what is to be compared, and marks what lies beyond.

    Args:
        row: of panels, from the left.
        top: the upper end, in the axis' unit.
        beyond: the panel and the line in the legend of each that is not seen.
    """
    for axes in row:
        axes.set_ylim(None, top)
    for axes, line in beyond:
        look = {"color": line.get_color(), "marker": "^", "markersize": 4, "linestyle": "", "clip_on": False}
        axes.plot([1], [1], transform=axes.transAxes, **look)


def within_bounds(axes: Axes, measure: measures.Measure) -> None:
    """Keeps the limits of a vertical axis within the bounds of its measure, and a little room.

    Args:
        axes: whose limits are set.
        measure: with finite bounds.
    """
    (low, high), (least, most) = axes.get_ylim(), measure.bounds
    room = 0.03 * (most - least)
    axes.set_ylim(max(low, least - room), min(high, most + room))


def mark_unknown(
    axes: Axes, curves: pd.DataFrame, place: str, handles: Mapping[str, Line2D], measure: measures.Measure
) -> None:
    """Crosses at the worse edge of a panel where there is no mean.

    Args:
        axes: the panel, its scale and limits set.
        curves: with the columns `method` and `mean`, and where each stands.
        place: the name of that column.
        handles: the line of each method.
        measure: which they are of.
    """
    low, high = axes.get_ylim()
    for method, curve in curves[curves["mean"].isna()].groupby("method"):
        edge = [low if measure.better == "higher" else high] * len(curve)
        look = {"color": handles[str(method)].get_color(), "marker": "x", "markersize": 4, "linestyle": ""}
        axes.plot(curve[place], edge, **look, clip_on=False)
    axes.set_ylim(low, high)


def note(axes: Axes, text: str) -> None:
    """Says in the middle of an empty panel why it is empty.

    Args:
        axes: the panel.
        text: the reason.
    """
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color="#808080")


def legend(figure: Figure, handles: Sequence[Artist], labels: Sequence[str]) -> None:
    """One legend for all panels, which covers none of them: along the upper edge, in one line if it fits. Where that
    would take more than ABOVE lines, at the right of a figure that may become wider and is tall enough, else below.

    Args:
        figure: that gets it; with a constrained layout.
        handles: what stands for each entry.
        labels: in the same order; long ones are wrapped.
    """
    (width, height), texts = figure.get_size_inches(), [wrapped(label) for label in labels]
    lines, columns = legend_lines(width, labels), _columns(width, labels)
    if lines <= ABOVE:
        figure.legend(handles, texts, loc="outside upper center", ncols=columns)
        return
    lower, every = height - LINE * (lines - 3), sum(text.count("\n") + 1 for text in texts)  # without its room above
    if not style.for_journal() and width != style.COLUMN and LINE * every <= lower - 0.5:
        figure.set_size_inches(width + max(map(_inches, texts)), lower)
        figure.legend(handles, texts, loc="outside right upper")
        return
    below = figure.legend(handles, texts, loc="lower center", bbox_to_anchor=(0.5, 0), ncols=columns)
    below.set_label(BELOW)
    tall = _below(figure)
    figure.get_layout_engine().set(rect=(0, tall, 1, 1 - tall))


def _below(figure: Figure) -> float:
    """The share of a figure's height that a legend below its panels takes, and what parts the two."""
    talls = [own.get_window_extent().height / figure.dpi + 0.1 for own in figure.legends if own.get_label() == BELOW]
    return sum(talls) / figure.get_size_inches()[1]


def legend_lines(width: float, labels: Sequence[str]) -> int:
    """How many lines the legend takes of a figure.

    Args:
        width: of the figure, in inches.
        labels: of the legend.

    Returns:
        The number of lines.
    """
    most = max((wrapped(label).count("\n") + 1 for label in labels), default=1)
    return -(-len(labels) // _columns(width, labels)) * most


def wrapped(label: str) -> str:
    """A label as a legend or an axis has it: in several lines where it is LONG."""
    return textwrap.fill(label, WRAPPED) if len(label) > LONG else label


def _inches(label: str) -> float:
    """About how wide a legend is with this label alone."""
    return 0.5 + 0.065 * max(map(len, label.split("\n")))


def _columns(width: float, labels: Sequence[str]) -> int:
    if not labels:
        return 1
    wide = [_inches(wrapped(label)) for label in labels]
    room = width - 0.2
    return len(labels) if sum(wide) <= room else max(1, int(room / max(wide)))


def caption(figure: Figure, text: str, results: ResultSet | None = None, size: float = 7) -> None:
    """Writes a text along the lower edge, and keeps the panels above it.

    Args:
        figure: with a constrained layout.
        text: in one line; it is wrapped.
        results: what the figure shows means over seeds of: what those are draws of is said as well.
        size: of its letters in points; a figure of one column of a page has 6 instead.
    """
    width, height = figure.get_size_inches()
    size = 6 if width == style.COLUMN else size
    text = " ".join(filter(None, [text, estimand.by_task(results) if results else ""]))
    letter = 0.43 if style.for_journal() else 0.53  # how wide one is about, by its height: Times is narrow
    lines = textwrap.wrap(text, int((width - 0.2) * 72 / (letter * size)))
    tall = len(lines) * size * 1.35 / 72 + 0.1
    said = figure.text(0.1 / width, 0.05 / height, "\n".join(lines), va="bottom", ha="left", size=size, color="#404040")
    if style.for_journal():  # whose lines are further apart
        tall = said.get_window_extent().height / figure.dpi + 0.1
    below = _below(figure)
    for own in figure.legends if below else ():
        own.set_bbox_to_anchor((0.5, tall / height))
    figure.get_layout_engine().set(rect=(0, below + tall / height, 1, 1 - below - tall / height))
