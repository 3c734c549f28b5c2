"""The table `notebook`, as it is printed and written."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from results.tables import printing


def show(frame: pd.DataFrame, console: Console) -> list[Table]:
    """Prints the table; returns it.

    Args:
        frame: of analysis.notebook.notebook.
        console: where it is printed.

    Returns:
        A list of one table.
    """
    shown = Table(title="The notebook's table: loss, gradient and y before the step's update, x after it", box=SIMPLE)
    for column in frame.columns:
        shown.add_column(column, justify="right")
    for row in frame.itertuples(index=False):
        shown.add_row(str(row.step), *(f"{number:z.6f}" for number in row[1:]))
    console.print(shown)
    return [shown]


def write(frame: pd.DataFrame, folder: str | Path) -> list[Path]:
    """Writes notebook.csv into this folder; returns its path.

    Args:
        frame: of analysis.notebook.notebook.
        folder: it is made where it is not there.

    Returns:
        A list of one path.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    printing.csv(frame, folder / "notebook.csv")
    return [folder / "notebook.csv"]


def parts(frame: pd.DataFrame) -> list[printing.Part]:
    """The table as text."""
    printed = frame.assign(**{name: frame[name].map("{:z.6f}".format) for name in frame.columns[1:]})
    return [printing.Part("The notebook's table", printed.astype(str), "Before the step's update; x after it.")]
