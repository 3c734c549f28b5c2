"""The tasks as Markdown: what each asks in its own words, what it reports, what it costs, what its races could show."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

import tasks
from results import wording
from results.statistics import paired
from runners.docs.estimators_markdown import plain
from tasks.base import Task

FROZEN = Path(__file__).resolve().parents[2] / "results" / "frozen"
DRAWN = {"split": "a split of the examples", "subset": "a subset of the examples", "instance": "an instance"}


def sections() -> list[str]:
    """A section for each task, in the order of the registry.

    Returns:
        Lines of Markdown.
    """
    lines: list[str] = []
    for name in tasks.registry:
        task = tasks.registry[name]()
        lines += [f"## {name}", "", *_text(inspect.getdoc(tasks.registry[name]) or ""), "", *_facts(task), ""]
    return lines


def powers(name: str, folder: Path = FROZEN) -> dict[str, tuple[float, int, str]]:
    """What differences the frozen races of a task could have shown.

    Args:
        name: of the task.
        folder: of the frozen tables.

    Returns:
        By the name of a race the median, over its contrasts, of the smallest difference that would have been found in
        80 % of cases, corrected as they are; how many draws it had; and the unit.
    """
    found = {}
    for path in sorted(folder.glob("*/verdicts.csv")):
        rows = pd.read_csv(path)
        rows = rows[(rows["task"] == name) & (rows["draws"] > 1) & (rows["high"] > rows["low"])]
        if len(rows):
            half = (rows["high"] - rows["low"]) / 2
            errors = half / stats.t.ppf(1 - paired.LEVEL / 2, rows["draws"] - 1)
            each = zip(errors, rows["draws"], rows["family"], strict=True)
            known = [paired.detectable(float(error), int(draws), int(family)) for error, draws, family in each]
            unit = str(rows["unit"].iloc[0]) if isinstance(rows["unit"].iloc[0], str) else ""
            found[path.parent.name] = float(np.median(known)), int(rows["draws"].max()), unit
    return found


def _text(docstring: str) -> Iterator[str]:
    """A docstring up to its sections: sentences as they read, formulas as code."""
    for line in re.split(r"\n\n?(?=Args:)", docstring)[0].splitlines():
        yield line if line.startswith("    ") else plain(line)


def _facts(task: Task) -> Iterator[str]:
    """What its fields say, a line each."""
    measured, at = task.target
    numbers = sum(int(np.prod(shape)) for shape in task.sizes.values())
    drawn = DRAWN.get(task.draw.of, "its start and its batches alone")
    yield f"* Reported: `{task.reports}`; settings are chosen by `{task.selects}`; arrived: `{measured}` at {at:g}."
    yield f"* Hard functions: {', '.join(f'`{name}`' for name in task.forwards)}. A seed draws {drawn}."
    yield f"* Trainings {'can' if task.can_fail else 'were never seen to'} miss the target for good."
    if task.optimum is not None:
        yield f"* The smallest possible loss: {task.optimum:g}."
    yield f"* Cost: {numbers:,} parameters, {task.flops:,.0f} operations a step, at the defaults."
    for race, (difference, draws, unit) in powers(task.name).items():
        shown = wording.aggregate(difference, np.nan, np.nan, unit)
        found = f"would have found a difference of {shown} in 80 % of cases"
        yield f"* Power: `experiment={race}`, of {draws} draws, {found}."
