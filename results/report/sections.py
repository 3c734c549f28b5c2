"""The sections of a report: a plan each, its tables and figures made on all cores."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from results import figures as figure_pages
from results import outputs, tables
from results.analysis import coverage, fairness, labels
from results.drawing import style
from results.records import frozen, sealed
from results.records.result_set import ResultSet
from results.report import document, explorer
from steeplechase.errors import RecordError, StoreError

TABLES = ("summary", "verdicts", "aggregates", "ranking", "tuning")  # of every plan, beside its own
FEW = 40  # methods on one task, up to which a figure with a curve or a row for each can be read
FIGURES = ("convergence", "learning_rate", "profiles", "time_to_target", "ranking", "tuning", "throughput")


@dataclass(frozen=True)
class Reported:
    """What was recorded, and what its plan says of it.

    Attributes:
        name: of the plan.
        command: that asked for it.
        results: what was recorded.
        tables: the names of the plan's own.
        figures: the names of the plan's own.
        planned: its runs (Plan.runs).
    """

    name: str
    command: str
    results: ResultSet
    tables: tuple[str, ...]
    figures: tuple[str, ...]
    planned: tuple[Mapping, ...] = ()


def write(reported: list[Reported], path: Path, report: Callable[[str], None], commit: str | None) -> list[str]:
    """Writes the page.

    Args:
        reported: a section each.
        path: of the page.
        report: is called with what is under way, in words.
        commit: of the checkout; None where it is not known.

    Returns:
        What could not be made, a sentence each.

    Raises:
        StoreError: where the page, or the frozen table that it holds, cannot be written.
        OSError: where processes or temporary files cannot be made.
    """
    made = f"Made on {datetime.now(UTC):%Y-%m-%d %H:%M} UTC by commit {str(commit or 'unknown')[:12]}."
    sections, faults = [], []
    for one in reported:
        try:
            sections.append(_section(one, report))
        except OSError:
            raise
        except Exception as error:  # records that others wrote may say anything of themselves
            faults.append(f"{one.name}: it could not be reported: {outputs.why(error)}.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sealed.replace(path.resolve(), document.html(sections, made).encode())
    except (OSError, RuntimeError) as error:  # of a link that leads to itself
        raise StoreError(f"{path} cannot be written: {getattr(error, 'strerror', error)}.") from None
    items = [(section.name, item) for section in sections for item in (*section.tables, *section.figures)]
    return faults + [f"{name}, {item.name}: {item.fault}" for name, item in items if item.fault]


def _section(one: Reported, report: Callable[[str], None]) -> document.Section:
    jobs = [("figure", name) for name in figures_of(one)] + [("table", name) for name in _tables(one)]
    report(f"{one.name}: {len(jobs)} tables and figures")
    jobs += [(kind, "") for kind in ("coverage", "remarks", "source", "curves", "frozen")]
    found = dict(zip(jobs, make_parts(one, jobs), strict=True))
    accounts = one.results.accounts
    return document.Section(
        name=one.name,
        command=one.command,
        source=found["source", ""],
        coverage=found["coverage", ""],
        provenance=coverage.provenance(one.results),
        account={key: value for key, value in accounts[0].items() if key != "replicas"} if accounts else {},
        tables=[item for (kind, _), item in found.items() if kind == "table"],
        figures=[item for (kind, _), item in found.items() if kind == "figure"],
        curves=found["curves", ""],
        files=found["frozen", ""],
        remarks=found["remarks", ""],
    )


def _runs(one: Reported) -> int:
    return len({account["run"] for account in one.results.accounts})


def _tables(one: Reported) -> list[str]:
    """The plan's own tables, and where several runs can be compared those of every report."""
    return [] if one.results.rows.empty else list(dict.fromkeys([*one.tables, *(TABLES if _runs(one) > 1 else ())]))


def figures_of(one: Reported) -> list[str]:
    """The plan's own figures, and where they can be read those of every report."""
    if one.results.rows.empty:
        return []
    methods = (
        one.results.rows[["task", "optimizer", "run"]].drop_duplicates().groupby(["task", "optimizer"]).size().max()
    )
    shared = FIGURES if methods <= FEW and _runs(one) > 1 else ()
    return list(dict.fromkeys([*one.figures, *figure_pages.named_files(), *shared]))


def _remarks(results: ResultSet) -> Iterator[str]:
    """What a reader must know before all else."""
    if results.rows.empty:
        yield "Nothing is recorded of this plan yet: run its command."
        return
    try:
        yield from fairness.violations(results)
    except RecordError as error:
        yield str(error)


# The parts of a page do not depend on one another, so they are made on all cores. A fork shares the rows, which take
# longer to send than some of them take to make; nothing here has started TensorFlow, or a thread.
REPORTED: list[Reported] = []


def make_parts(one: Reported, jobs: list[tuple[str, str]]) -> list:
    """What `make_part` makes of each of these jobs, on all cores.

    Args:
        one: what is reported.
        jobs: (kind, name), at least one.

    Returns:
        In the order of the jobs.
    """
    REPORTED[:] = [one]
    try:
        forked = multiprocessing.get_context("fork")
        with ProcessPoolExecutor(min(len(jobs), len(os.sched_getaffinity(0))), mp_context=forked) as pool:
            return list(pool.map(make_part, jobs))
    finally:
        REPORTED.clear()


def make_part(job: tuple[str, str]) -> Any:
    """One of the parts of a page. What a table or figure refuses, or fails of, is told in its place.

    Args:
        job: (kind, name): a table or a figure and its name, or another part and "".

    Returns:
        What Section has of that kind.

    Raises:
        Exception: whatever another part than a table or a figure meets but a RecordError.
    """  # noqa: DOC501 (RecordError is caught here)
    (kind, name), (one,) = job, REPORTED
    results = one.results
    if kind == "coverage":
        return coverage.coverage(results, one.planned)
    if kind == "remarks":
        return list(_remarks(results))
    if kind == "source":
        return frozen.source(results) if len(results.rows) else "Nothing is recorded."
    shown = labels.labelled(results)
    try:
        if kind == "curves":
            return explorer.explorer(shown)
        with tempfile.TemporaryDirectory() as folder:
            if kind == "table" and name not in tables.TABLES:
                raise RecordError("there is no table of this name")
            if kind == "table":
                of = tables.TABLES[name]
                found = of.find(shown)
                files = _read(of.write(*found, folder))
                return document.Item(name, files, list(of.parts(*found)), of.findings(*found))
            if kind == "figure":
                drawn = figure_pages.drawn(name, shown)
                files = _read(style.save(drawn, folder, name, f"Steeplechase, {one.name}"))
                return document.Item(name, picture=files.pop(f"{name}.svg"), files=files)
            own = {"name": one.name, "command": one.command, "figures": one.figures, "tables": one.tables}
            return _read([frozen.write(results, own, folder)])
    except RecordError as error:
        return {"curves": [], "frozen": {}}.get(kind, document.Item(name, fault=str(error)))
    except Exception as error:  # a figure is anybody's code, and a table may meet records that others wrote
        if kind not in ("figure", "table"):
            raise
        return document.Item(name, fault=f"the {kind} could not be made: {outputs.why(error)}.")


def _read(paths: list[Path]) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in paths}
