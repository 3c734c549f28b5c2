"""The tables by name: what finds, prints and writes each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from rich.console import Console

from results.analysis import aggregates as aggregates_analysis
from results.analysis import notebook as notebook_analysis
from results.analysis import ranking as ranking_analysis
from results.analysis import spread as spread_analysis
from results.analysis import summary as summary_analysis
from results.analysis import surrogates as surrogates_analysis
from results.analysis import tuning as tuning_analysis
from results.analysis import verdicts as verdicts_analysis
from results.tables import aggregates, notebook, printing, ranking, summary, surrogates, tuning, verdicts


class Kind(NamedTuple):
    """What can be made of a table of records.

    find(table) -> what it says, a tuple of tables, each of which the others take: show(*found, console) prints it,
    write(*found, folder) -> the files, parts(*found) -> it as text, findings(*found) -> it in sentences.
    """

    find: Callable[[pd.DataFrame], tuple]
    show: Callable
    write: Callable[..., list[Path]]
    parts: Callable[..., Iterable[printing.Part]]
    findings: Callable[..., list[str]] = lambda *frames: []


def _rankings(table: pd.DataFrame) -> tuple:
    ranked = surrogates_analysis.rankings(table)
    return ranked, spread_analysis.spread(ranked)


# What `tables` in the configuration may name.
TABLES = {
    "summary": Kind(
        lambda table: (summary_analysis.summary(table),),
        summary.show,
        lambda frames, folder: summary.write(frames, folder, "summary"),
        summary.parts,
    ),
    "verdicts": Kind(
        lambda table: (verdicts_analysis.verdicts(table),),
        verdicts.show,
        verdicts.write,
        verdicts.parts,
        lambda frames: [*verdicts.findings(frames), *frames.attrs["remarks"]],
    ),
    "aggregates": Kind(
        lambda table: (aggregates_analysis.aggregates(table), aggregates_analysis.improvement(table)),
        aggregates.show,
        aggregates.write,
        aggregates.parts,
    ),
    "ranking": Kind(lambda table: (ranking_analysis.stability(table),), ranking.show, ranking.write, ranking.parts),
    "tuning": Kind(
        lambda table: (tuning_analysis.tuning(table), tuning_analysis.success_grid(table)),
        tuning.show,
        tuning.write,
        tuning.parts,
    ),
    "notebook": Kind(lambda table: (notebook_analysis.notebook(table),), notebook.show, notebook.write, notebook.parts),
    "surrogates": Kind(
        _rankings, surrogates.show, surrogates.write, surrogates.parts, lambda _, spread: surrogates.findings(spread)
    ),
}


def make(name: str, table: pd.DataFrame, folder: str | Path, console: Console) -> list[Path]:
    """Prints the table of this name and writes its files to a folder; returns their paths."""
    kind = TABLES[name]
    found = kind.find(table)
    kind.show(*found, console)
    return kind.write(*found, folder)
