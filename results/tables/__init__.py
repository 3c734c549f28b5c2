"""The tables by name: what finds, prints and writes each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from rich.console import Console

from results.analysis import aggregates as aggregates_analysis
from results.analysis import board as board_analysis
from results.analysis import fidelity as fidelity_analysis
from results.analysis import notebook as notebook_analysis
from results.analysis import orders as orders_analysis
from results.analysis import ranking as ranking_analysis
from results.analysis import spread as spread_analysis
from results.analysis import summary as summary_analysis
from results.analysis import surrogates as surrogates_analysis
from results.analysis import tuning as tuning_analysis
from results.analysis import verdicts as verdicts_analysis
from results.records.result_set import ResultSet
from results.tables import (
    aggregates,
    board,
    fidelity,
    notebook,
    orders,
    printing,
    ranking,
    summary,
    surrogates,
    tuning,
    verdicts,
)


class Kind(NamedTuple):
    """What can be made of records.

    Attributes:
        find: find(results) -> what analyses say of them, a tuple that the others take.
        show: show(*found, console) prints it.
        write: write(*found, folder) -> the files.
        parts: parts(*found) -> it as text.
        findings: findings(*found) -> it in sentences.
    """

    find: Callable[[ResultSet], tuple]
    show: Callable
    write: Callable[..., list[Path]]
    parts: Callable[..., Iterable[printing.Part]]
    findings: Callable[..., list[str]] = lambda *results: []


def _rankings(results: ResultSet) -> tuple:
    ranked = surrogates_analysis.rankings(results)
    return ranked, spread_analysis.spread(ranked)


def _of_parts(
    name: str, find: Callable[[ResultSet], pd.DataFrame], parts: Callable[[pd.DataFrame], Iterable[printing.Part]]
) -> Kind:
    """A table of one frame, printed and written part by part, with nothing beside it."""
    return Kind(
        lambda results: (find(results),),
        lambda frame, console: printing.show(parts(frame), console),
        lambda frame, folder: printing.write(folder, name, frame, *printing.texts(parts(frame), name)),
        parts,
    )


# What `tables` in the configuration may name.
TABLES = {
    "summary": Kind(
        lambda results: (summary_analysis.summary(results),),
        summary.show,
        lambda result, folder: summary.write(result, folder, "summary"),
        summary.parts,
    ),
    "verdicts": Kind(
        lambda results: (verdicts_analysis.verdicts(results),),
        verdicts.show,
        verdicts.write,
        verdicts.parts,
        lambda result: [*verdicts.findings(result), *result.remarks],
    ),
    "aggregates": Kind(
        lambda results: (aggregates_analysis.aggregates(results), aggregates_analysis.improvement(results)),
        aggregates.show,
        aggregates.write,
        aggregates.parts,
    ),
    "board": Kind(lambda results: (board_analysis.board(results),), board.show, board.write, board.parts),
    "fidelity": _of_parts("fidelity", fidelity_analysis.fidelity, fidelity.parts),
    "orders": _of_parts("orders", orders_analysis.orders, orders.parts),
    "ranking": Kind(lambda results: (ranking_analysis.stability(results),), ranking.show, ranking.write, ranking.parts),
    "tuning": Kind(
        lambda results: (tuning_analysis.tuning(results), tuning_analysis.success_grid(results)),
        tuning.show,
        tuning.write,
        tuning.parts,
    ),
    "notebook": Kind(
        lambda results: (notebook_analysis.notebook(results),), notebook.show, notebook.write, notebook.parts
    ),
    "surrogates": Kind(
        _rankings, surrogates.show, surrogates.write, surrogates.parts, lambda _, spread: surrogates.findings(spread)
    ),
}


def make(name: str, results: ResultSet, folder: str | Path, console: Console) -> list[Path]:
    """Prints the table of this name and writes its files to a folder.

    Args:
        name: of TABLES.
        results: of which it is made.
        folder: where the files go; it is made where it is not there.
        console: where it is printed.

    Returns:
        The paths of the files.

    Raises:
        RecordError: as the table's analyses do.
    """
    kind = TABLES[name]
    found = kind.find(results)
    kind.show(*found, console)
    return kind.write(*found, folder)
