"""python -m runners.report: one self-contained HTML file of what sweeps planned and found. No TensorFlow."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from results import coverage, explorer, frozen, report, rules, sealed, style, tables, wording
from results import figures as figure_pages
from results.store import DEFAULT, Plan, Store, load
from runners import command, figures, pages
from runners.provenance import commit
from steeplechase.errors import RecordError, StoreError, UserError, did_you_mean

TABLES = ("summary", "verdicts", "aggregates", "ranking", "tuning")  # of every plan, beside its own
FEW = 40  # methods on one task, up to which a figure with a curve or a row for each can be read
FIGURES = ("convergence", "learning_rate", "profiles", "time_to_target", "ranking", "tuning", "throughput")


@dataclass(frozen=True)
class Reported:
    """A table of records, and what its plan says of it."""

    name: str
    command: str
    table: pd.DataFrame
    tables: tuple[str, ...]
    figures: tuple[str, ...]
    planned: tuple[Mapping, ...] = ()


def write(reported: list[Reported], path: Path, tell: Callable[[str], None]) -> list[str]:
    """Writes the page; returns what could not be made, a sentence each. tell: is told what is under way.

    Raises StoreError where the page cannot be written.
    """
    made = f"Made on {datetime.now(UTC):%Y-%m-%d %H:%M} UTC by commit {str(commit() or 'unknown')[:12]}."
    sections, faults = [], []
    for one in reported:
        try:
            sections.append(_section(one, tell))
        except OSError:
            raise
        except Exception as error:  # records that others wrote may say anything of themselves
            faults.append(f"{one.name}: it could not be reported: {figures.why(error)}.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sealed.replace(path.resolve(), report.page(sections, made).encode())
    except (OSError, RuntimeError) as error:  # of a link that leads to itself
        raise StoreError(f"{path} cannot be written: {getattr(error, 'strerror', error)}.") from None
    items = [(section.name, item) for section in sections for item in (*section.tables, *section.figures)]
    return faults + [f"{name}, {item.name}: {item.fault}" for name, item in items if item.fault]


def _section(one: Reported, tell: Callable[[str], None]) -> report.Section:
    jobs = [("figure", name) for name in _figures(one)] + [("table", name) for name in _tables(one)]
    tell(f"{one.name}: {len(jobs)} tables and figures")
    jobs += [(kind, "") for kind in ("coverage", "remarks", "source", "curves", "frozen")]
    found = dict(zip(jobs, _side_by_side(one, jobs), strict=True))
    accounts = one.table.attrs.get("parts", [])
    return report.Section(
        name=one.name,
        command=one.command,
        source=found["source", ""],
        coverage=found["coverage", ""],
        provenance=coverage.provenance(one.table),
        account={key: value for key, value in accounts[0].items() if key != "replicas"} if accounts else {},
        tables=[item for (kind, _), item in found.items() if kind == "table"],
        figures=[item for (kind, _), item in found.items() if kind == "figure"],
        curves=found["curves", ""],
        files=found["frozen", ""],
        remarks=found["remarks", ""],
    )


def _runs(one: Reported) -> int:
    return len({account["run"] for account in one.table.attrs.get("parts", ())})


def _tables(one: Reported) -> list[str]:
    """The plan's own tables, and where several runs can be compared those of every report."""
    return [] if one.table.empty else list(dict.fromkeys([*one.tables, *(TABLES if _runs(one) > 1 else ())]))


def _figures(one: Reported) -> list[str]:
    """The plan's own figures, and where they can be read those of every report."""
    if one.table.empty:
        return []
    methods = one.table[["task", "optimizer", "run"]].drop_duplicates().groupby(["task", "optimizer"]).size().max()
    return list(dict.fromkeys([*one.figures, *(FIGURES if methods <= FEW and _runs(one) > 1 else ())]))


def _remarks(table: pd.DataFrame) -> Iterator[str]:
    """What a reader must know before all else."""
    if table.empty:
        yield "Nothing is recorded of this plan yet: run its command."
        return
    try:
        yield from rules.broken(table)
    except RecordError as error:
        yield str(error)


# The parts of a page do not depend on one another, so they are made on all cores. A fork shares the table, which takes
# longer to send than some of them take to make; nothing here has started TensorFlow, or a thread.
_ONE: list[Reported] = []


def _side_by_side(one: Reported, jobs: list[tuple[str, str]]) -> list:
    _ONE[:] = [one]
    try:
        forked = multiprocessing.get_context("fork")
        with ProcessPoolExecutor(min(len(jobs), len(os.sched_getaffinity(0))), mp_context=forked) as pool:
            return list(pool.map(_made, jobs))
    finally:
        _ONE.clear()


def _made(job: tuple[str, str]) -> Any:
    """One of the parts of a page. What a table or figure refuses, or fails of, is told in its place."""
    (kind, name), (one,) = job, _ONE
    table = one.table
    if kind == "coverage":
        return coverage.coverage(table, one.planned)
    if kind == "remarks":
        return list(_remarks(table))
    if kind == "source":
        return frozen.source(table) if len(table) else "Nothing is recorded."
    try:
        if kind == "curves":
            return explorer.explorer(table)
        with tempfile.TemporaryDirectory() as folder:
            if kind == "table" and name not in tables.TABLES:
                raise RecordError("there is no table of this name")
            if kind == "table":
                of = tables.TABLES[name]
                found = of.find(table)
                files = _read(of.write(*found, folder))
                return report.Item(name, files, list(of.parts(*found)), of.findings(*found))
            if kind == "figure":
                drawn = figure_pages.drawn(name, table)
                files = _read(style.save(drawn, folder, name, f"Steeplechase, {one.name}"))
                return report.Item(name, picture=files.pop(f"{name}.svg"), files=files)
            own = {"name": one.name, "command": one.command, "figures": one.figures, "tables": one.tables}
            return _read([frozen.write(table, own, folder)])
    except RecordError as error:
        return {"curves": [], "frozen": {}}.get(kind, report.Item(name, fault=str(error)))
    except Exception as error:  # a figure is anybody's code, and a table may meet records that others wrote
        if kind not in ("figure", "table"):
            raise
        return report.Item(name, fault=f"the {kind} could not be made: {figures.why(error)}.")


def _read(paths: list[Path]) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in paths}


@command.one_sentence
def main(arguments: list[str] | None = None) -> int:
    """The command. Exit codes: 0 written and whole, 1 written, but something is missing, damaged or stale (or nothing
    could be written), 2 a mistake in the command."""
    parser = command.Parser(prog="python -m runners.report", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="a plan (default: every plan of the store)")
    parser.add_argument("--store", default=DEFAULT, help=f"where the records are (default: {DEFAULT})")
    parser.add_argument("--stale", action="store_true", help="report records that older code made, too")
    parser.add_argument(
        "--frozen", type=Path, nargs="?", const=True, metavar="FOLDER", help="report frozen tables instead"
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="(default: STORE/output/report.html)")
    options = parser.parse_intermixed_args(arguments)
    store = Store(options.store)
    try:
        options.names = pages.name_files(options.names)
        if options.frozen is None:
            reported, faults = _recorded(options, store)
        else:
            folder = frozen.chosen(store.root) if options.frozen is True else options.frozen
            reported, faults = _frozen(options, folder)
    except (RecordError, StoreError) as error:
        return _complain(str(error), 1)
    for fault in faults:
        _complain(fault, 1)
    if not reported:
        return 1
    path = options.output or store.root / "output" / "report.html"
    try:
        unmade = write(reported, path, lambda text: print(text, file=sys.stderr, flush=True))
    except StoreError as error:
        return _complain(str(error), 1)
    places: dict[str, list[str]] = {}
    for sentence in unmade:  # many figures often fail of one thing
        place, _, fault = sentence.partition(": ")
        places.setdefault(fault, []).append(place)
    for fault, own in places.items():
        more = f" and {len(own) - 3} more" if len(own) > 3 else ""
        _complain(f"{'; '.join(own[:3])}{more}: {fault}", 1)
    faults += unmade
    for one in reported:
        lacking = sum(one.table.attrs.get("missing", {}).values())
        if lacking or one.table.empty:
            what = f"lacks {wording.count(lacking, 'replica')}" if lacking else "has no records"
            faults.append(f"{one.name} {what}, and the report says so.")
            _complain(faults[-1], 1)
    print(f"Report: {path} ({path.stat().st_size / 2**20:.1f} MiB)")
    return 1 if faults else 0


def _recorded(options: argparse.Namespace, store: Store) -> tuple[list[Reported], list[str]]:
    """What the store has of these plans, and what is wrong with others. Raises UserError and StoreError."""
    found, faults, known = [], [], store.plans()
    if not known:
        raise StoreError(f"there is no plan in {store.root} yet; `python -m runners.sweep` makes one.")
    for name in options.names:
        if name not in known:
            raise UserError(
                f"there is no plan '{name}' in {store.root}{did_you_mean(name, known)} Known are: {', '.join(known)}."
            )
    for name in options.names or known:
        try:
            plan: Plan = store.plan(name)
            if not options.stale:
                figures.check_fresh(plan)
            table = load(store, plan)
        except UserError as error:
            faults.append(str(error))
            continue
        found.append(Reported(plan.name, plan.command, table, plan.tables, plan.figures, plan.runs))
    return found, faults


def _frozen(options: argparse.Namespace, folder: Path) -> tuple[list[Reported], list[str]]:
    """The frozen tables of these names, or all, and what is wrong with others. Raises RecordError and UserError."""
    known = {path.stem: path for path in sorted(folder.glob("*.parquet"))}
    if not known:
        raise RecordError(f"there is no frozen table in {folder}.")
    for name in options.names:
        if name not in known:
            raise UserError(
                f"there is no frozen table '{name}'{did_you_mean(name, known)} Known are: {', '.join(known)}."
            )
    found, faults = [], []
    for name in options.names or known:
        try:
            table, about = frozen.read(known[name])
        except (RecordError, StoreError) as error:
            faults.append(str(error))
            continue
        plan = about["plan"]
        found.append(Reported(name, plan["command"], table, tuple(plan["tables"]), tuple(plan["figures"])))
    return found, faults


def _complain(text: str, code: int) -> int:
    command.say(text)
    return code


if __name__ == "__main__":
    command.run(main)
