"""Traces, printed: a row for each operation or site."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence

import numpy as np
import pandas as pd

from runners.tracing.chain import FLOW, chain, gradients, hard, l2_loss, product, square
from runners.tracing.first_step import STATISTICS


def demonstrations(console, compiled):
    """Prints three chains that show the rule: downstream = upstream × slope.

    Args:
        console: of `make_console`.
        compiled: as XLA programs.
    """
    print_chain(
        console,
        chain([square] * 3, 2.0, compiled=compiled),
        "square three times, at x = 2",
        compiled,
        "Each operation hands down upstream × slope; from the last to the first the slopes multiply to 8·2⁷ = 1024.",
    )
    print_chain(
        console,
        gradients(product, 2.0, 3.0, compiled=compiled),
        "product of a = 2 and b = 3",
        compiled,
        "The gradient by one factor is the other; a and b are not connected, so between them is none: that is not 0.",
    )
    print_chain(
        console,
        chain([hard(), l2_loss(-1.0)], 3.0, compiled=compiled),
        "sign at x = 3, target −1, through sigmoid_derivative",
        compiled,
        "The true slope of sign is 0 here; the surrogate's slope is not, and lets the gradient of the loss pass.",
    )


def make_console():
    """Where traces are printed: as wide as the terminal, else 120 columns."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 120, highlight=False)


def _rich(console, title: str, compiled: bool, texts: Sequence[str], numbers: Sequence[str]):
    from rich.box import SIMPLE
    from rich.markup import escape
    from rich.table import Table

    how = "compiled" if compiled else "eager"
    console.print(escape(f"{title} ({how})"), style="bold", soft_wrap=True)
    table = Table(box=SIMPLE)
    for name in texts:
        table.add_column(name, overflow="fold")
    for name in numbers:
        table.add_column(name, justify="right", overflow="fold")
    return table


def print_chain(console, frame: pd.DataFrame, title: str, compiled: bool, line: str = "") -> None:
    """Prints what `chain` or `gradients` gives.

    Args:
        console: of `make_console`.
        frame: the table.
        title: the line above it.
        compiled: whether it was compiled, which the title says.
        line: a line below it, or "".
    """
    name, *numbers = frame.columns
    table = _rich(console, title, compiled, [name], numbers)
    for row in frame.itertuples(index=False):
        table.add_row(row[0], *(_written(cell) for cell in row[1:]))
    console.print(table)
    if line:
        console.print(f"{line}\n")


def print_sites(console, frame: pd.DataFrame, title: str, compiled: bool) -> None:
    """Prints what `first_step` gives: three rows for each site.

    Args:
        console: of `make_console`.
        frame: the table.
        title: the line above it.
        compiled: whether it was compiled, which the title says.
    """
    table = _rich(console, title, compiled, ["site", "gradient"], ["elements", *STATISTICS, "exactly zero"])
    for row in frame.to_dict("records"):
        for name in FLOW:
            site, elements = (row["site"], str(row["elements"])) if name == FLOW[0] else ("", "")
            share = f"{row['saturation']:.1%}" if name == "slope" and not math.isnan(row["saturation"]) else ""
            cells = [row[f"{name}_{statistic}"] for statistic in STATISTICS]
            shown = ["–" if math.isnan(cell) else f"{cell:.4g}" for cell in cells]
            table.add_row(site, name, elements, *shown, share, end_section=name == FLOW[-1])
    console.print(table)
    console.print("upstream is dL/dy at the hard output y; downstream = upstream × slope is what is handed on.")


def _written(cell) -> str:
    if cell is None:
        return "none"
    if isinstance(cell, tuple):
        return ", ".join(map(_written, cell))
    return f"{cell:.9g}" if np.ndim(cell) == 0 else str(cell)
