"""How whole tables are written: on the console, in Markdown, in LaTeX, in CSV."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from results import wording

FORMULA = ("=", "+", "-", "@", "\t", "\n")  # what a cell begins with that a spreadsheet may evaluate
FITTED = [{"selector": "footnotesize", "props": ":{}"}, {"selector": "setlength", "props": ":{\\tabcolsep}{3pt}"}]
WORDS = {"with", "method", "other", "verdict"}  # columns of words, which stand at the left


class Part(NamedTuple):
    """A table as it is printed.

    Attributes:
        title: what stands above it.
        printed: its cells, all text.
        caption: what stands below.
        order: how its rows are sorted, a sentence: on the console, where nobody can sort them anew.
    """

    title: str
    printed: pd.DataFrame
    caption: str
    order: str = ""


def wide(console: Console) -> Console:
    """The console, at least 100 columns wide where nobody looks."""
    return console if console.is_terminal or console.width >= 100 else Console(file=console.file, width=100)


def show(parts: Iterable[Part], console: Console) -> list[Table]:
    """Prints each part.

    Args:
        parts: in their order.
        console: at least 100 columns wide where nobody looks (`wide`).

    Returns:
        The tables as they were printed.
    """
    console, tables = wide(console), []
    for title, printed, caption, order in parts:
        caption = f"{caption} {order}".strip()
        table = Table(title=escape(title), caption=escape(caption), box=SIMPLE, padding=(0, 1, 0, 0), show_edge=False)
        table.title_justify = table.caption_justify = "left"
        for column in printed.columns:
            table.add_column(escape(column), overflow="fold", justify="left" if column in WORDS else "right")
        for row in printed.itertuples(index=False):
            table.add_row(*map(escape, row))
        console.print(table, "")
        tables.append(table)
    return tables


def texts(parts: Iterable[Part], label: str) -> tuple[str, str]:
    """The parts as Markdown and as LaTeX.

    Args:
        parts: in their order.
        label: of the LaTeX tables, whose labels are tab:LABEL-1 and so on.

    Returns:
        (Markdown, LaTeX).
    """
    markdown, latex = io.StringIO(), io.StringIO()
    for number, (title, printed, caption, _) in enumerate(parts, 1):
        printed = printed.rename(columns=lambda name: name[:1].upper() + name[1:])
        markdown.write(as_markdown(printed, title, caption))
        latex.write(as_latex(printed, f"{title}. {caption}", f"tab:{label}-{number}"))
    return markdown.getvalue(), latex.getvalue()


def as_markdown(printed: pd.DataFrame, title: str, caption: str) -> str:
    """A table of text as Markdown, under its title and above its caption.

    Args:
        printed: cells that are text.
        title: a heading of the third level.
        caption: plain text.

    Returns:
        Markdown that ends with an empty line.
    """
    return f"### {title}\n\n{wording.markdown_table(printed)}\n\n{caption}\n\n"


def as_latex(printed: pd.DataFrame, caption: str, label: str, bold: pd.DataFrame | None = None) -> str:
    """A table of text as LaTeX has it, with booktabs.

    Args:
        printed: cells that are text.
        caption: plain text.
        label: as LaTeX has it.
        bold: of a table that is to fit one column of a page, in small letters: which of its cells are bold.

    Returns:
        A table environment, in which special characters are escaped.
    """
    styled = printed.style.hide(axis="index").format(tex).format_index(tex, axis=1)
    if bold is not None:
        styled = styled.apply(lambda cells: bold.map({True: "textbf:--rwrap", False: ""}.get), axis=None)
        styled = styled.set_table_styles(FITTED)
    return (
        styled.to_latex(
            hrules=True,
            position="htbp",
            position_float="centering",
            column_format="l" * len(printed.columns),
            caption=tex(caption),
            label=label,
        )
        + "\n"
    )


def write(
    folder: str | Path, name: str, table: pd.DataFrame, markdown: str, latex: str, **beside: pd.DataFrame
) -> list[Path]:
    """Writes NAME.csv, NAME.md and NAME.tex; returns their paths.

    Args:
        folder: it is made where it is not there.
        name: of the files.
        table: the numbers as they are.
        markdown: all of NAME.md.
        latex: all of NAME.tex.
        **beside: other tables, by the names of their CSV files.

    Returns:
        In this order.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.{kind}" for kind in ("csv", "md", "tex")]
    csv(table, paths[0])
    paths[1].write_text(markdown, encoding="utf-8")
    paths[2].write_text(latex, encoding="utf-8")
    for other, numbers in beside.items():
        paths.append(folder / f"{other}.csv")
        csv(numbers, paths[-1])
    return paths


def csv(table: pd.DataFrame, path: str | Path) -> None:
    """Writes a table's numbers as they are, and its text so that a spreadsheet shows it and evaluates none of it: text
    that could begin a formula begins with an apostrophe instead.

    Args:
        table: without its index.
        path: of the file, whose folder is there already.
    """
    texts = table.select_dtypes(exclude=["number", "bool"]).columns
    safe = table.assign(**{name: table[name].map(_shown) for name in texts}).rename(columns=_shown)
    safe.to_csv(path, index=False, encoding="utf-8")


def tex(text: str) -> str:
    """Text as LaTeX has it."""
    special = {c: f"\\{c}" for c in "&%$#_{}"}
    special |= {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}"}
    signs = {"≤": r"\leq", "≥": r"\geq", "×": r"\times", "▲": r"\bigtriangleup", "▼": r"\bigtriangledown"}
    signs |= {"∞": r"\infty", "−": "-", "·": r"\cdot", "ρ": r"\rho", "†": r"\dagger"}
    return text.translate(str.maketrans({**special, **{c: f"${sign}$" for c, sign in signs.items()}, "–": "--"}))


def _shown(value: object) -> object:
    if isinstance(value, str):
        value = value.replace("\r\n", "\n").replace("\r", "\n")  # which Python's csv would not quote: a row of its own
    if not isinstance(value, str) or not value.startswith(FORMULA):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value  # a number, which is what it says
