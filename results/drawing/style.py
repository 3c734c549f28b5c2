"""How figures look: one colour and one marker per name, the same in every figure, and the settings for print."""

from __future__ import annotations

import functools
import hashlib
import io
import itertools
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.figure import Figure

from results.records import sealed

# seaborn's "colorblind" palette without its two palest colours
BLUE, ORANGE, GREEN, RED, PURPLE, BROWN, GREY, SKY = PALETTE = (
    "#0173b2",
    "#de8f05",
    "#029e73",
    "#d55e00",
    "#cc78bc",
    "#ca9161",
    "#949494",
    "#56b4e9",
)
STRONGEST = "#7a0036"  # of the user's own methods alone: the darkest colour that any method has
MARKERS_OF_STRONGEST = ("o", "s", "D", "X", "p", "*")
MARKERS = ("v", "^", "<", ">", "P", "h", "d")  # of names that are not pinned; none of them is in PINNED


class LineStyle(NamedTuple):
    """How a name is drawn.

    Attributes:
        colour: as #rrggbb.
        marker: as Matplotlib has it.
    """

    colour: str
    marker: str


# Names whose look was given away by hand, before looks followed from names, and those of estimators for drawn values,
# of which those that ask the objective are crosses, and of rules for rounding. Those of one kind share a colour, not
# those that are often drawn together. A new name needs no entry: style_of gives it a look of its own.
PINNED = {
    "sigmoid_derivative": LineStyle(BLUE, "o"),
    "sigmoid_n": LineStyle(BLUE, "s"),
    "swish_sign": LineStyle(BLUE, "D"),
    "s2nn": LineStyle(BLUE, "X"),
    "exponential": LineStyle(BLUE, "p"),
    "tanh_slope": LineStyle(GREEN, "D"),
    "ede": LineStyle(GREEN, "o"),
    "dsq": LineStyle(GREEN, "s"),
    "erf": LineStyle(GREEN, "X"),
    "gauss": LineStyle(GREEN, "p"),
    "multi_gauss": LineStyle(GREEN, "*"),
    "ste_clipped": LineStyle(ORANGE, "X"),
    "rect": LineStyle(ORANGE, "o"),
    "slope_annealing": LineStyle(ORANGE, "s"),
    "leaky": LineStyle(ORANGE, "D"),
    "mag_aware": LineStyle(ORANGE, "p"),
    "reste": LineStyle(ORANGE, "*"),
    "ste": LineStyle(RED, "s"),
    "leaky_k_relu": LineStyle(RED, "o"),
    "lso": LineStyle(RED, "D"),
    "spike_op": LineStyle(RED, "X"),
    "sso": LineStyle(RED, "p"),
    "log_tailed_relu": LineStyle(RED, "*"),
    "approx_sign": LineStyle(PURPLE, "o"),
    "triangle": LineStyle(PURPLE, "s"),
    "piecewise_quadratic": LineStyle(PURPLE, "D"),
    "rbnn": LineStyle(PURPLE, "X"),
    "fast_sigmoid": LineStyle(BROWN, "o"),
    "softsign": LineStyle(BROWN, "s"),
    "superspike_asym": LineStyle(BROWN, "D"),
    "sparse_fs": LineStyle(BROWN, "X"),
    "sparse_fs_snntorch": LineStyle(BROWN, "*"),
    "q_pseudo": LineStyle(BROWN, "p"),
    "atan": LineStyle(SKY, "o"),
    "circ": LineStyle(SKY, "s"),
    "nonzero_sign_log_abs": LineStyle(SKY, "D"),
    "fake_numerical": LineStyle(SKY, "X"),
    "zero": LineStyle(GREY, "p"),
    "fourier": LineStyle(GREY, "o"),
    "reinforce": LineStyle(GREY, "x"),
    "reinforce_moving": LineStyle(GREY, "+"),
    "reinforce_optimal": LineStyle(GREY, "1"),
    "enumeration": LineStyle(GREY, "*"),
    "leave_one_out": LineStyle(BLUE, "x"),
    "arm": LineStyle(ORANGE, "x"),
    "disarm": LineStyle(RED, "x"),
    "arms": LineStyle(SKY, "x"),
    "dr_grpo": LineStyle(SKY, "+"),
    "grpo": LineStyle(BROWN, "+"),
    "rebar": LineStyle(PURPLE, "x"),
    "relax": LineStyle(PURPLE, "+"),
    "muprop": LineStyle(BROWN, "x"),
    "spsa": LineStyle(GREEN, "+"),
    "evolution_strategy": LineStyle(GREEN, "x"),
    "finite_difference": LineStyle(ORANGE, "+"),
    "reinmax": LineStyle(RED, "H"),
    "gapped_st": LineStyle(PURPLE, "*"),
    "st_gumbel": LineStyle(ORANGE, "H"),
    "gumbel_softmax": LineStyle(SKY, "*"),
    "gumbel_rao": LineStyle(GREEN, "8"),
    "dge": LineStyle(BLUE, "H"),
    "ewgs": LineStyle(BROWN, "H"),
    "lsq_log": LineStyle(PURPLE, "8"),
    "pact": LineStyle(SKY, "8"),
    "stableqat": LineStyle(ORANGE, "8"),
    "tqt": LineStyle(GREY, "H"),
}


def style_of(name: str) -> LineStyle:
    """The look of a name: as pinned, else from the name's hash, so that it depends on no other name and no order.

    Hashed names never look like pinned ones, whose markers are their own. Two of them look the same once in 56 times:
    then `styles_of` gives one of them another look in the figures that show both.

    Args:
        name: of an estimator, or of anything else that is drawn.

    Returns:
        The same whenever it is asked for.
    """
    if name in PINNED:
        return PINNED[name]
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    return LineStyle(PALETTE[number % len(PALETTE)], MARKERS[number // len(PALETTE) % len(MARKERS)])


def styles_of(
    names: Iterable[str], looks: Mapping[str, Mapping[str, Any]] | None = None, strongest: Collection[str] = ()
) -> dict[str, LineStyle]:
    """The look of each name that one figure shows: no two are the same.

    Where two would be, the one for which less is given, and of equal ones the later in the alphabet, moves to the next
    look that is free: to another marker, then to another colour, as far as neither is given.

    Args:
        names: all that the figure shows.
        looks: the `colour` and the `marker` that names are given.
        strongest: the user's own methods.

    Returns:
        By name, in the order of the alphabet.
    """
    given = {name: {key: of[key] for key in ("colour", "marker") if key in of} for name, of in (looks or {}).items()}
    first = {name: style_of(name) for name in {*names}}
    for at, name in enumerate(sorted(strongest)):
        if name in first:
            first[name] = LineStyle(STRONGEST, MARKERS_OF_STRONGEST[at % len(MARKERS_OF_STRONGEST)])
    found: dict[str, LineStyle] = {}
    by = sorted(first, key=lambda n: (-len(given.get(n, {})), n not in strongest, n not in PINNED, n))
    for name in by:
        of = given.get(name, {})
        free = _alternatives(first[name], of, name in strongest)
        found[name] = next(look for look in free if len(of) == 2 or look not in found.values())
    return dict(sorted(found.items()))


def _alternatives(first: LineStyle, given: Mapping[str, Any], strongest: bool) -> Iterator[LineStyle]:
    """The looks that a name may have.

    Args:
        first: its own, where nothing is given.
        given: its `colour` and its `marker`.
        strongest: whether its colour stays as it is.

    Yields:
        The first one with what is given, then others without end.
    """
    colour = mpl.colors.to_hex(given["colour"]) if "colour" in given else first.colour
    marker = given.get("marker", first.marker)
    colours = [colour] if "colour" in given or strongest else [colour, *PALETTE]
    markers = [marker] if "marker" in given else [marker, *MARKERS, *MARKERS_OF_STRONGEST]
    for shade in itertools.count():
        for own, sign in itertools.product(colours, markers):
            yield LineStyle(lighter(own, shade / (shade + 1)), sign)


def drawable(text: str) -> str:
    """Text without what the fonts in force cannot draw: an ASCII equivalent in its place, else a question mark.

    Args:
        text: any.

    Returns:
        As it is, where all of its signs can be drawn.
    """
    known = drawable_signs(tuple(mpl.rcParams["font.family"]))

    def ascii_of(sign: str) -> str:
        plain = [part for part in unicodedata.normalize("NFKD", sign) if not unicodedata.combining(part)]
        return "".join(part if part.isascii() else "?" for part in plain) or "?"

    return "".join(sign if ord(sign) in known or sign.isspace() else ascii_of(sign) for sign in text)


@functools.cache
def drawable_signs(families: tuple[str, ...]) -> frozenset[int]:
    """The signs that any of these families of fonts has, by number."""
    paths = [font_manager.findfont(family) for family in families]
    return frozenset(sign for path in paths for sign in font_manager.get_font(path).get_charmap())


PRINT = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.labelsize": 8,
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 8,
    "figure.dpi": 100,
    "font.family": "DejaVu Sans",  # comes with Matplotlib, so that every machine draws the same
    "font.size": 8,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.5,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "lines.linewidth": 1.2,
    "lines.markersize": 4.5,
    "pdf.fonttype": 42,  # fonts are embedded as TrueType, and text stays text
    "ps.fonttype": 42,
    "savefig.dpi": 200,
    "svg.fonttype": "none",
    "svg.hashsalt": "steeplechase",  # the same figure has the same bytes
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
}


COLUMN = 3.35  # inches: the width of one column of a page that has two
NARROW = {  # what a figure of one column has otherwise
    "axes.labelsize": 7,
    "axes.titlesize": 6.5,
    "figure.constrained_layout.w_pad": 0.06,
    "font.size": 7,
    "legend.fontsize": 6.5,
    "lines.linewidth": 1.0,
    "lines.markersize": 3.5,
    "xtick.labelsize": 6,
    "ytick.labelsize": 6,
}


class Journal(NamedTuple):
    """What a journal or a conference asks of figures.

    Attributes:
        column: width of one column, in inches.
        text: width of the whole text; of a page that has one column the same.
        size: of letters, in points.
    """

    column: float
    text: float
    size: float


JOURNALS = {  # by their style files and instructions to authors, 2023 to 2026
    "icml": Journal(3.25, 6.75, 8),
    "neurips": Journal(5.5, 5.5, 9),
    "ieee": Journal(3.5, 7.16, 8),
}
FOR_JOURNALS = {"font.family": ["STIXGeneral", "DejaVu Sans"], "mathtext.fontset": "stix"}  # as Times; with Matplotlib
SIZES = ("axes.labelsize", "axes.titlesize", "font.size", "legend.fontsize", "xtick.labelsize", "ytick.labelsize")
_JOURNAL: ContextVar[Journal | None] = ContextVar("journal", default=None)

PLACES = 5  # of the position of a panel, as shares of its figure

# What of a file depends on the clock or on the version at hand is left out.
_METADATA = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
_SOURCE = {"png": "Source", "svg": "Source", "pdf": "Subject"}  # where a file says where it comes from


def lighter(colour: str, share: float) -> str:
    """A colour mixed with white.

    Args:
        colour: as Matplotlib takes it.
        share: of white, below 1.

    Returns:
        As #rrggbb.
    """
    return mpl.colors.to_hex([own + share * (1 - own) for own in mpl.colors.to_rgb(colour)])


@contextmanager
def printed_in(journal: str | None) -> Iterator[None]:
    """Figures are drawn for this journal meanwhile: as wide, in Times, in letters of its size.

    Args:
        journal: of JOURNALS; None: for none.

    Yields:
        Nothing.
    """
    token = _JOURNAL.set(JOURNALS[journal] if journal else None)
    try:
        yield
    finally:
        _JOURNAL.reset(token)


def figure_width(columns: int, wide: float) -> float:
    """How wide a figure is.

    Args:
        columns: of a page that it spans, one or two.
        wide: in inches, over two where no journal says it.

    Returns:
        Inches.
    """
    journal = _JOURNAL.get()
    if journal:
        return journal.column if columns == 1 else journal.text
    return COLUMN if columns == 1 else wide


def for_journal() -> bool:
    """Whether figures are drawn for a journal just now."""
    return _JOURNAL.get() is not None


def row_factor() -> float:
    """How much higher a row of panels is than in a figure for no journal: titles and ticks take more room there."""
    return 1.4 if for_journal() else 1.0


@contextmanager
def context(columns: int = 2) -> Iterator[None]:
    """Matplotlib's own defaults with the settings for print: nothing of the user's configuration shows through.

    Args:
        columns: of a page that the figure spans, one or two.

    Yields:
        Nothing: the settings are in force meanwhile.
    """
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(PRINT | (NARROW if columns == 1 else {}))
        if journal := _JOURNAL.get():
            mpl.rcParams.update(FOR_JOURNALS | dict.fromkeys(SIZES, journal.size))
        yield


def save(
    figure: Figure,
    folder: str | Path,
    name: str,
    source: str = "",
    kinds: Iterable[str] = ("png", "svg", "pdf"),
    columns: int = 2,
    journal: str | None = None,
) -> list[Path]:
    """Writes NAME.png, NAME.svg and NAME.pdf; the same figure gives the same bytes.

    The three have one layout, found once: left to itself Matplotlib finds one for each, which takes as long as drawing.

    Args:
        figure: which has no layout engine afterwards.
        folder: is made where it is missing.
        name: of the files, without a suffix.
        source: what the files' metadata say of where they come from; "" for nothing.
        kinds: to write only some of them.
        columns: those for which the figure was drawn (context).
        journal: the one for which it was drawn (printed_in).

    Returns:
        Their paths, in the order of `kinds`.

    Raises:
        OSError: where they cannot be written; none is left half written.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    with printed_in(journal), context(columns):
        figure.draw_without_rendering()
        figure.set_layout_engine(None)  # with "none" Matplotlib would draw all once more for each file
        for axes in figure.axes:  # the solver's last digits depend on where its variables lie in memory
            bounds = axes.get_position(original=True).bounds
            axes.set_position([round(bound, PLACES) for bound in bounds])
        for kind in kinds:
            paths.append(folder / f"{name}.{kind}")
            told = {**_METADATA[kind], **({_SOURCE[kind]: source} if source else {})}
            buffer = io.BytesIO()
            figure.savefig(buffer, format=kind, metadata=told)
            sealed.replace(paths[-1], buffer.getvalue())
    return paths
