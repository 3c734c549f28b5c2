"""python -m runners.recommend: which estimator and setting to start from, by the frozen tables. No TensorFlow."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.markup import escape

from results import wording
from results.analysis import lookup
from results.analysis.advice import advice, functions_of
from results.records import frozen
from results.records.place import DEFAULT
from results.records.result_set import ResultSet
from results.records.store import Store
from runners import command
from runners.configuration import choices, estimator_files
from steeplechase.errors import RecordError, StoreError, UserError, did_you_mean

ASKED = {"function": "functions", "bits": "bits", "task": "task", "optimizer": "optimizer"}  # and the columns of advice
CONFIRMS = re.compile(r"_(fresh(_untuned)?|tuning)$")  # tables of what was chosen elsewhere, or is told elsewhere


@command.one_sentence
def main(arguments: list[str] | None = None) -> int:
    """The command. Exit codes: 0 said, 1 nothing of the kind was measured or a table is damaged, 2 a mistake."""
    parser = command.Parser(prog="python -m runners.recommend", description=__doc__)
    parser.add_argument("--function", metavar="NAME", help="the hard function: sign, step, round, argmax ...")
    parser.add_argument("--bits", type=int, metavar="N", help="of a function that rounds")
    parser.add_argument("--task", metavar="NAME", help="on which it was measured")
    parser.add_argument("--optimizer", metavar="NAME", help="with which it was measured")
    parser.add_argument("--frozen", type=Path, metavar="FOLDER", help="instead of what ships with the project")
    parser.add_argument("--store", default=DEFAULT, help=f"whose frozen tables are read, if it has any ({DEFAULT})")
    options = parser.parse_args(arguments)
    _check(options)
    console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
    asked = {key: value for key in ASKED if (value := getattr(options, key)) is not None}
    try:
        found, measured = [], []
        for path in _tables(options.frozen or frozen.chosen(Store(options.store).root)):
            results, _ = frozen.read(path)
            own = offers(results)
            measured += own
            if any(_fits(offer, asked) for offer in own):
                rows = [{str(key): value for key, value in row.items()} for row in advice(results).to_dict("records")]
                found += [_sentences(row, path.stem, results) for row in rows if _fits(row, asked)]
    except (RecordError, StoreError) as error:
        return command.fail(error, 1)
    if not found:
        return command.fail(_not_measured(measured, asked), 1)
    for words in found:
        console.print(words, soft_wrap=True)
    return 0


def _check(options: argparse.Namespace) -> None:
    """Refuses what there is no page of. Raises UserError with the nearest name."""
    functions = estimator_files.function_names()
    if options.function is not None and options.function not in functions:
        raise UserError(f"there is no hard function '{options.function}'{did_you_mean(options.function, functions)}")
    for group in ("task", "optimizer"):
        if getattr(options, group) is not None:
            choices.defaults_of(group, getattr(options, group))


def _tables(folder: Path) -> list[Path]:
    """The frozen tables of races. Raises RecordError where there is none."""
    paths = [path for path in sorted(folder.glob("*.parquet")) if not CONFIRMS.search(path.stem)]
    if not paths:
        raise RecordError(f"there is no frozen table in {folder}; `python -m runners.figures --freeze NAME` makes one.")
    return paths


def offers(results: ResultSet) -> list[dict[str, Any]]:
    """What may be asked for and was measured.

    Args:
        results: of a frozen table.

    Returns:
        A row for each task and optimizer, with columns of advice; none of a table that measures and races nobody.
    """
    rows, role = results.rows, "fidelity.role"
    if role in rows and rows[role].notna().any():
        return []
    rows = rows[~rows["run"].isin([*lookup.bounds(results)])]
    return [
        {
            "task": task,
            "optimizer": optimizer,
            **functions_of(own),
        }
        for (task, optimizer), own in rows.groupby(["task", "optimizer"])
    ]


def _fits(row: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    return all(value in _values(row, key) for key, value in asked.items())


def _values(row: Mapping[str, Any], key: str) -> tuple:
    """What a row has of something that may be asked for."""
    of = row[ASKED[key]]
    return of if isinstance(of, tuple) else (of,)


def _not_measured(measured: list[dict[str, Any]], asked: dict[str, Any]) -> str:
    """Says so, and what there is instead.

    Returns:
        Of each thing asked for what was measured with all others, or else with the first of them alone.
    """
    words = " with ".join(f"{key} {value}" for key, value in asked.items())
    instead = [f"{key} {others}" for key in asked if (others := _others(measured, asked, key, [*asked]))]
    if instead or len(asked) < 2:
        there = f"; with the rest of it there is {', or '.join(instead)}" if instead else ""
        return f"nothing was measured of {words}{there}."
    first, *rest = asked
    also = [f"{key} {others}" for key in rest if (others := _others(measured, asked, key, [first]))]
    return f"nothing was measured of {words}; with {first} {asked[first]} there is {', and '.join(also) or 'nothing'}."


def _others(measured: list[dict[str, Any]], asked: dict[str, Any], key: str, others: list[str]) -> str:
    """What was measured of this key where those others, but this, are as they were asked for; "" for nothing."""
    fixed = {name: asked[name] for name in others if name != key}
    values = sorted({value for row in measured if _fits(row, fixed) for value in _values(row, key)})
    return ", ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in values)


def _sentences(row: Mapping[str, Any], table: str, results: ResultSet) -> str:
    """What is said of one task with one optimizer, in a few lines."""
    commits = ", ".join(sorted({str(account["commit"])[:7] for account in results.accounts}))
    unit = row["unit"]
    bits = f", {', '.join(f'{b:g}' for b in row['bits'])} bits" if row["bits"] else ""
    edge = f" ({row['edge']}est rate tried)".replace("lowest", "the smallest").replace("highest", "the largest")
    reached = wording.aggregate(row["mean"], row["low"], row["high"], unit)
    level = ", ".join(row["level"]) or "nobody"
    worse = "; ".join(f"{name} by {_number(apart)}" for name, apart in row["worse"])
    told = row["detectable"]
    lines = [
        f"[bold]{escape(row['task_label'])}[/bold], {', '.join(row['functions'])}{bits}, {row['optimizer_label']}: "
        f"start from [bold]{escape(row['method'])}[/bold], {escape(row['setting'])}{edge if row['edge'] else ''}.",
        f"  {row['measure_label']} {escape(reached)}, over {wording.units([row['seeds']], [row['draws']])}.",
        f"  Not told from it: {escape(level)}." + (f" Worse: {escape(worse)}." if worse else ""),
        f"  By table {table} ({commits}): {row['methods']} methods, {row['estimand']}"
        + ("" if pd.isna(told) else f"; a difference of {_number(told)} would be told in 80 of 100")
        + ".",
    ]
    return "\n".join(lines)


def _number(value: float) -> str:
    return "an unknown amount" if pd.isna(value) else f"{value:.2g}"


if __name__ == "__main__":
    command.run(main)
