"""How figures look: one colour and one marker per name, the same in every figure, and the settings for print."""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
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
MARKERS = ("v", "^", "<", ">", "P", "h", "d")  # of names that are not pinned; none of them is in PINNED


class LineStyle(NamedTuple):
    """How a name is drawn.

    Attributes:
        colour: as #rrggbb.
        marker: as Matplotlib has it.
    """

    colour: str
    marker: str


# Names whose look was given away by hand, before looks followed from names; slopes of one kind share a colour. A new
# name needs no entry: style_of gives it a look of its own.
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
}


def style_of(name: str) -> LineStyle:
    """The look of a name: as pinned, else from the name's hash, so that it depends on no other name and no order.

    Hashed names never look like pinned ones, whose markers are their own. Two of them share a colour once in 8 times
    and look the same altogether once in 56: `styles_of` warns of that, and pinning one of the two ends it.

    Args:
        name: of an estimator, or of anything else that is drawn.

    Returns:
        The same whenever it is asked for.
    """
    if name in PINNED:
        return PINNED[name]
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    return LineStyle(PALETTE[number % len(PALETTE)], MARKERS[number // len(PALETTE) % len(MARKERS)])


def styles_of(names: Iterable[str]) -> dict[str, LineStyle]:
    """The look of each name that one figure shows; warns where two look the same."""
    found, seen = {}, {}
    for name in sorted(set(names)):
        found[name] = style_of(name)
        if found[name] in seen:
            warnings.warn(
                f"'{seen[found[name]]}' and '{name}' look the same; pin one in results/drawing/style.py", stacklevel=2
            )
        seen.setdefault(found[name], name)
    return found


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
        yield


def save(
    figure: Figure,
    folder: str | Path,
    name: str,
    source: str = "",
    kinds: Iterable[str] = ("png", "svg", "pdf"),
    columns: int = 2,
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

    Returns:
        Their paths, in the order of `kinds`.

    Raises:
        OSError: where they cannot be written; none is left half written.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    with context(columns):
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
