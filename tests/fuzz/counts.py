"""The counts, as a table, and between their marks in docs/reliability.md."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from runners.execution.provenance import commit
from tests.fuzz.harness import KINDS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- counts: made by `python -m tests.fuzz --write` -->", "<!-- end of counts -->"


def table(counts: Mapping[str, Mapping[str, int]]) -> str:
    """As Markdown: a line for command lines, and one for stores."""
    head = ["", "tried", *KINDS]
    rows = [head, ["---"] + ["---:"] * (len(head) - 1)]
    for name, title in (("lines", "command lines"), ("stores", "spoilt stores")):
        own = counts[name]
        rows.append([title, *(f"{number:,}" for number in (sum(own.values()), *(own.get(k, 0) for k in KINDS)))])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def write(counts: Mapping[str, Mapping[str, int]], seed: int) -> None:
    """Puts them into the page, with the commit, the machine and the date."""
    made = f"Seed {seed}, commit {str(commit() or 'unknown')[:7]}, {machine()}, {datetime.now(UTC):%Y-%m-%d}."
    page = PAGE.read_text(encoding="utf-8")
    marks = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    if len(marks.findall(page)) != 1:
        raise ValueError(f"{PAGE.name} needs the lines “{BEGIN}” and “{END}”, once each.")
    body = f"{BEGIN}\n\n{table(counts)}\n\n{made}\n\n{END}"
    PAGE.write_text(marks.sub(lambda _: body, page), encoding="utf-8")


def machine() -> str:
    """The processor's name and how many cores there are; no host's name."""
    name = platform.processor() or platform.machine()
    for line in (
        Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if Path("/proc/cpuinfo").exists() else ()
    ):
        if line.startswith("model name"):
            name = line.split(":", 1)[1].strip()
            break
    return f"{len(os.sched_getaffinity(0))} cores of {name}"
