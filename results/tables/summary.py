"""The table `summary`, as it is printed and written."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from results import wording
from results.analysis import estimand, lookup
from results.analysis.summary import Summary, edge_words
from results.tables import printing

# The columns of a table as it is written, and those that it may do without.
CELLS = (
    *("estimator", "bound", "optimizer", "rate", "parameters", "seeds", "draws", "end", "validated", "spread", "steps"),
    *("diverged", "speed", "remark"),
)
WHERE_THERE = ("bound", "parameters", "draws", "spread", "remark")
ORDER = "Rows: by optimizer, then by estimator, in the order of the alphabet."


def show(summary: Summary, console: Console | None = None) -> list[Table]:
    """Prints the summary as one table a task, at most 100 columns wide with short names; returns the tables.

    Args:
        summary: of analysis.summary.
        console: where it is printed; a new one unless it is given.

    Returns:
        Sorted by task.
    """
    console, tables = printing.wide(console or Console()), []
    for task, rows in _tasks(summary):
        first = rows.iloc[0]
        name = _called(first, "reports")
        table = Table(
            title=escape(f"{task}: {name}"),
            caption=escape(f"{_caption(rows, summary.missing)} {ORDER}"),
            title_justify="left",
            caption_justify="left",
            box=SIMPLE,
            padding=0,
            show_edge=False,
        )
        table.add_column("estimator", no_wrap=True)
        for header in ("optimizer", "rate", f"{name}\nat end", "at validated\nstep"):
            table.add_column(header, overflow="fold")
        if _parted(rows):
            table.add_column("SD between,\nwithin draws", justify="right", no_wrap=True)
        for header in ("steps to\ntarget", "di-\nverged", "replica-\nsteps/s"):
            table.add_column(header, justify="right", no_wrap=True)
        for row in rows.itertuples():
            table.add_row(
                escape("\n".join(filter(None, [row.estimator_label, row.variant, row.bound and f"{row.bound} bound"]))),
                escape(row.optimizer_label),
                "\n".join(
                    word
                    for word in (
                        f"{row.learning_rate:g}",
                        edge_words(row.edge),
                        escape(lookup.short_names(row.parameters).replace(", ", "\n")),
                    )
                    if word
                ),
                _aggregate(row, "end", apart="\n"),
                _aggregate(row, "validated", apart="\n"),
                *([_spreads(row, apart="\n")] if _parted(rows) else []),
                _steps(row).replace(" (", "\n("),
                f"{row.diverged}/{row.replicas}",
                _rate(row.replica_steps_per_s),
            )
        console.print(table, "", soft_wrap=False)
        tables.append(table)
    return tables


def write(summary: Summary, folder: str | Path, name: str) -> list[Path]:
    """Writes NAME.csv (every number as it is, columns as in COLUMNS), and NAME.md and NAME.tex (as one would print it,
    a table a task).

    Args:
        summary: of analysis.summary.
        folder: where they go.
        name: of the files.

    Returns:
        The paths, in this order.
    """
    return printing.write(folder, name, summary.rows, *printing.texts(parts(summary), name))


def parts(summary: Summary) -> list[printing.Part]:
    """A table a task, as one would print it."""
    return [
        printing.Part(str(task), _printed(rows), _caption(rows, summary.missing), ORDER)
        for task, rows in _tasks(summary)
    ]


def _tasks(summary: Summary) -> Iterator[tuple[str, pd.DataFrame]]:
    yield from summary.rows.groupby("task_label", sort=True)


def cells(rows: pd.DataFrame) -> tuple[dict[str, str], pd.DataFrame]:
    """The rows of one task as text.

    Args:
        rows: of analysis.summary.

    Returns:
        (by each of CELLS its header, with the unit; the cells, their columns by CELLS).
    """
    first = rows.iloc[0]
    name = _called(first, "reports") + (f" ({first.unit})" if first.unit else "")
    columns = {
        "Estimator": [r.estimator_label + (f" ({r.variant})" if r.variant else "") for r in rows.itertuples()],
        "Bound": list(rows["bound"]),
        "Optimizer": list(rows["optimizer_label"]),
        "Learning rate": [f"{r.learning_rate:g}" for r in rows.itertuples()],
        "Parameters": list(rows["parameters"]),
        "Seeds": [str(n) for n in rows["seeds"]],
        "Draws": [str(n) if _parted(rows) else "" for n in rows["draws"]],
        f"{name} at end": [_aggregate(r, "end") for r in rows.itertuples()],
        f"{name} at validated step": [_aggregate(r, "validated") for r in rows.itertuples()],
        "SD between, within draws": [_spreads(r) if _parted(rows) else "" for r in rows.itertuples()],
        "Steps to target (reached)": [_steps(r) for r in rows.itertuples()],
        "Diverged": [f"{r.diverged}/{r.replicas}" for r in rows.itertuples()],
        "Replica-steps/s": [_rate(r.replica_steps_per_s) for r in rows.itertuples()],
        "Remark": list(rows["remark"]),
    }
    return dict(zip(CELLS, columns, strict=True)), pd.DataFrame(dict(zip(CELLS, columns.values(), strict=True)))


def _printed(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of one task as text, with labels and units in the headers."""
    headers, texts = cells(rows)
    shown = [key for key in CELLS if key not in WHERE_THERE or texts[key].astype(bool).any()]
    return texts[shown].rename(columns=headers)


def short_caption(rows: pd.DataFrame) -> str:
    """What one needs to read some of the columns of one task.

    Args:
        rows: of analysis.summary.

    Returns:
        Two sentences.
    """
    text = f"Mean over {wording.units(rows['seeds'], rows['draws'])}"
    text += " with 95 % t interval" if rows["draws"].max() > 1 else ""
    first = rows.iloc[0]
    chosen = _called(first, "selects").lower()
    return f"{text} at the last step, settings chosen by {chosen} there. Target: {first['target']}."


def _caption(rows: pd.DataFrame, missing: Mapping[str, int]) -> str:
    first = rows.iloc[0]
    text = f"Mean over {wording.units(rows['seeds'], rows['draws'])}"
    text += " with 95 % t interval" if rows["draws"].max() > 1 else ""
    chosen = "settings" if rows["parameters"].astype(bool).any() else "learning rate"
    text += f"; {chosen} chosen by {_called(first, 'selects').lower()} at the last step"
    if first["selects"] == first["reports"]:
        text += ", which is also what is reported: nothing is held out, and the validated step is the best one"
    text += f". Target: {first['target']}; median over seeds, of which one that never reached it counts as the latest."
    if rows[["end_mean", "validated_mean"]].isna().any(axis=None):
        text += " Unknown: at least one of the seeds diverged, and its value is not finite."
    elif rows["diverged"].any() and wording.is_share(first["unit"]):
        text += " A seed that diverged counts as the worst share."
    if _parted(rows):
        text += (
            " A draw counts by the mean over its seeds. SD: standard deviation between draws, that of the seeds taken "
            "off, and between seeds of one draw, both at the end."
        )
    if missing:
        text += f" INCOMPLETE: {wording.missing(missing)}"
    return f"{text} {estimand.sentence(rows['estimand'])}"


def _called(row: pd.Series, column: str) -> str:
    return str(row[column]).replace("_", " ").capitalize()


def _aggregate(row, which: str, apart: str = " ") -> str:
    ends = (getattr(row, f"{which}_{part}") for part in ("mean", "low", "high"))
    return apart.join(word for word in wording.mean_and_interval(*ends, row.unit) if word)


def _parted(rows: pd.DataFrame) -> bool:
    """Whether draws have several seeds."""
    return bool((rows["draws"] < rows["seeds"]).any())


def _spreads(row, apart: str = " ") -> str:
    return f",{apart}".join("–" if math.isnan(sd) else f"{sd:.2g}" for sd in (row.between, row.within))


def _rate(number: float) -> str:
    """A rate to three significant digits, with its thousands set apart: 2,040."""
    return "unknown" if math.isnan(number) else f"{float(f'{number:.3g}'):z,.{0 if number >= 100 else 2}f}"


def _steps(row) -> str:
    steps = f"{row.steps_to_target:.0f}" if math.isfinite(row.steps_to_target) else "never"
    return f"{steps} ({row.reached}/{row.seeds})"
