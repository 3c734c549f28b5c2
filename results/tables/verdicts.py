"""The table `verdicts`, as it is printed, written and said in sentences."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from results import wording
from results.analysis import estimand
from results.analysis.comparison import ANY
from results.analysis.verdicts import RESAMPLES, Verdicts
from results.statistics import paired, resampling
from results.tables import printing

MARKS = {"better": "▲", "worse": "▼", "equivalent": "=", "undecided": "·"}
ORDER = "Rows: by optimizer, then by mean: the best method first, and beside it the others in their order."


def findings(verdicts: Verdicts) -> list[str]:
    """What the numbers say, in one sentence a task and optimizer.

    Returns:
        Of a task with several optimizers the last sentence is the one in which each method has its best.
    """
    said = []
    frame = verdicts.rows
    for (task, optimizer), order in verdicts.orders.items():
        rows = frame[(frame["task_label"] == task) & (frame["optimizer_label"] == optimizer)]
        where = f"{task}, {optimizer}"
        if rows.empty:
            alone = {
                0: "there is nobody to compare: bounds and controls take no part.",
                1: f"there is nobody to compare {''.join(order)} with, which is the only method here.",
            }
            said.append(f"{where}: {alone.get(len(order), f'none of its {len(order)} methods is compared.')}")
            continue
        seeds = int(rows["draws"].min())
        if seeds < resampling.FEWEST:
            told = "; ".join(_clauses(rows, order))
            said.append(
                f"{where}: {told}. {wording.count(seeds, _unit(rows)).capitalize()} cannot show who is first: take 8."
            )
            continue
        share = verdicts.firsts[task, optimizer]
        first = max(share, key=share.get)
        said.append(
            f"{where}: {'; '.join(_clauses(rows, order))}{_scope(rows)}. {first} is first in {share[first]:.0%} of "
            f"{RESAMPLES:,} resamples of the {_unit(rows)}s, settings chosen anew in each."
        )
    return said


def _unit(rows: pd.DataFrame) -> str:
    """What these contrasts are over: seeds, or draws that have several."""
    return "draw" if (rows["draws"] < rows["seeds"]).any() else "seed"


def _scope(rows: pd.DataFrame) -> str:
    """What a sentence is about where its draws share examples: these, and how much of it is decided for new ones."""
    decided = rows[(rows["verdict"] != "undecided") & (rows["new_verdict"] != "")]
    if decided.empty:
        return ""
    same = int((decided["verdict"] == decided["new_verdict"]).sum())
    held = {0: "none of it", len(decided): "all of it"}.get(same, f"{same} of {len(decided)}")
    return f" (over re-splits of these examples; {held} is decided for new ones)"


def _clauses(rows: pd.DataFrame, order: list[str]) -> Iterator[str]:
    """Who is better than whom, in the order of the means."""
    told = False
    for method in order:
        own = rows[rows["method"] == method]
        for word in ("better", "worse", "equivalent"):
            of = own[own["verdict"] == word]
            if len(of):
                told = True
                joint = {"better": "is better than", "worse": "is worse than", "equivalent": "is equivalent to"}[word]
                yield f"{method} {joint} {' and '.join(_apart(row) for row in of.itertuples())}"
    if not told:
        yield "nothing is decided"


def _apart(row) -> str:
    """The other method, and how far it is from this one."""
    if math.isnan(row.difference):
        return str(row.other)
    gap = wording.aggregate(abs(row.difference), *sorted(_interval(row)), row.unit)
    return f"{row.other} ({gap} apart)" if row.verdict == "equivalent" else f"{row.other} by {gap}"


def _interval(row) -> tuple[float, float]:
    sign = -1 if row.difference < 0 else 1
    return sign * row.low, sign * row.high


def show(verdicts: Verdicts, console: Console | None = None) -> list[Table]:
    """Prints a table a task, its remarks and the findings; returns the tables.

    Args:
        verdicts: of analysis.verdicts.
        console: where they are printed; a new one unless it is given.

    Returns:
        In the order of `parts`.
    """
    console = printing.wide(console or Console())
    tables = printing.show(parts(verdicts), console)
    for sentence in [*findings(verdicts), *verdicts.remarks]:
        console.print(escape(sentence), highlight=False)
    return tables


def write(verdicts: Verdicts, folder: str | Path) -> list[Path]:
    """Writes verdicts.csv (every number as it is), verdicts.md and verdicts.tex (as one would print it).

    Args:
        verdicts: of analysis.verdicts.
        folder: where they go.

    Returns:
        The paths, in this order.
    """
    said = "".join(f"- {sentence}\n" for sentence in [*findings(verdicts), *verdicts.remarks])
    markdown, latex = printing.texts(parts(verdicts), "verdicts")
    return printing.write(folder, "verdicts", verdicts.rows, f"{said}\n{markdown}", latex)


def parts(verdicts: Verdicts) -> list[printing.Part]:
    """A table a task, as one would print it."""
    by_task = verdicts.rows.groupby("task_label", sort=False)
    return [printing.Part(f"{task}: who is better", _printed(rows), _caption(rows), ORDER) for task, rows in by_task]


def _caption(rows: pd.DataFrame) -> str:
    first, margin = rows.iloc[0], rows["margin"].iloc[0]
    many = wording.units(rows["seeds"], rows["draws"], common=True)
    text = (
        f"{first.measure_label}: mean difference over {many} with 95 % t interval, not corrected; p of "
        f"the paired t test, corrected by Holm for {wording.count(first.family, 'p value')} of this task. "
        f"Better, worse: p < {paired.LEVEL:g}."
    )
    if math.isnan(margin):
        text += " No margin was declared, so nothing can be called equivalent."
    else:
        text += f" Equivalent: surely less than {margin:g} apart (two one-sided tests, in the same family)."
    if rows["failure_loss"].notna().any():
        text += (
            " Trainings can fail here, so equivalent methods must also differ in their share of failures by surely "
            "less than the margin divided by what a failure costs (exact 95 % bound)."
        )
    if _unit(rows) == "draw":
        text += " A draw counts by the mean over its seeds, and has failed or diverged if any of them has."
    if (rows["test"] == paired.SIGN_TEST).any():
        text += " Where all differences are one number their sign is tested."
    if (rows["test"] == paired.RANK_TEST).any():
        text += " Where a seed diverged without bound, the signed-rank test is taken instead, and the mean is unknown."
    if (rows["optimizer_label"] == ANY).any():
        text += f" “{ANY.capitalize()}”: the optimizer is chosen as the rate is."
    if (rows["new_verdict"] != "").any():
        text += (
            " “New examples”: the 95 % interval that reckons with what re-splits of the same examples share (Nadeau "
            "and Bengio 2003), and the verdict by it."
        )
    return f"{text} {estimand.sentence(rows['estimand'])}"


def _printed(rows: pd.DataFrame) -> pd.DataFrame:
    printed = pd.DataFrame(
        {
            "with": list(rows["optimizer_label"]),
            "method": list(rows["method"]),
            "other": list(rows["other"]),
            "difference": [
                "unknown" if math.isnan(r.difference) else wording.aggregate(r.difference, r.low, r.high, r.unit)
                for r in rows.itertuples()
            ],
            "p": [wording.p_value(p, "–") for p in rows["p"]],
            "verdict": [_verdict(row) for row in rows.itertuples()],
        }
    )
    if (rows["new_verdict"] != "").any():
        printed["new examples"] = [_new(row) for row in rows.itertuples()]
    return printed


def _verdict(row) -> str:
    needed = "" if math.isnan(row.draws_needed) else f" ({MARKS['equivalent']} from {row.draws_needed:.0f} draws)"
    return f"{MARKS[row.verdict]} {row.verdict}{needed if row.verdict == 'undecided' else ''}"


def _new(row) -> str:
    if not row.new_verdict:
        return "–"
    ends = wording.mean_and_interval(row.difference, row.new_low, row.new_high, row.unit)[1]
    return f"{ends or 'unknown'} {MARKS[row.new_verdict]}"
