"""The report: one HTML file without a network, made of what tables and figures say and of what they were made of."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from results.tables.printing import Part

HERE = Path(__file__).parent
MIME = {
    "csv": "text/csv",
    "md": "text/markdown",
    "tex": "application/x-tex",
    "parquet": "application/vnd.apache.parquet",
    "png": "image/png",
    "svg": "image/svg+xml",
    "pdf": "application/pdf",
}
UNKNOWN = ("", "–", "never", "unknown", "none")
NUMBER = re.compile(r"[<≤≥▲▼·=]?\s*[-−]?[\d,]+(\.\d+)?(e[-+]?\d+)?(?=$|[\s\[(%/,])")
STATUS = {"complete": "✓", "partial": "◐", "missing": "✗", "declined": "–"}


@dataclass(frozen=True)
class Item:
    """A table or a figure: its name, the sentences it says, its parts as text or its picture, and its files by name; or
    why it could not be made."""

    name: str
    files: Mapping[str, bytes] = field(default_factory=dict)
    parts: Sequence[Part] = ()
    findings: Sequence[str] = ()
    picture: bytes = b""  # SVG
    fault: str = ""


@dataclass(frozen=True)
class Section:
    """What is reported of one plan. coverage, parts: as results.coverage has them. curves: of results.explorer."""

    name: str
    command: str
    source: str
    coverage: pd.DataFrame
    provenance: pd.DataFrame
    account: Mapping[str, Any]
    tables: Sequence[Item] = ()
    figures: Sequence[Item] = ()
    curves: Sequence[Mapping] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    remarks: Sequence[str] = ()

    @property
    def findings(self) -> list[str]:
        """The verdicts in sentences."""
        return [sentence for item in self.tables for sentence in item.findings]


def html(sections: Sequence[Section], made: str) -> str:
    """The HTML of these sections. made: when and by what it was made, in words."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "address": address,
        "digest": digest,
        "matrix": matrix,
        "counts": counts,
        "cell": cell,
        "plain": plain,
        "numeric": numeric,
    }
    scripts = [(HERE / "script.js").read_text(encoding="utf-8")]
    curves = {section.name: list(section.curves) for section in sections if section.curves}
    return environment.get_template("page.html").render(
        sections=sections,
        made=made,
        style=(HERE / "style.css").read_text(encoding="utf-8"),
        scripts=[_plotly(), *scripts] if curves else scripts,
        curves=_embedded(curves),
        status=STATUS,
    )


def address(content: bytes, name: str) -> str:
    """The file as a data address, by which a page can show it or hand it out."""
    return f"data:{MIME[name.rsplit('.', 1)[-1]]};base64,{base64.b64encode(content).decode()}"


def digest(script: str) -> str:
    """A script as the page's content security policy names it: no other one runs, whatever a label may smuggle in."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"


def matrix(coverage: pd.DataFrame) -> tuple[list[tuple[str, str]], list[tuple[str, list[list[Mapping]]]]]:
    """(columns: tasks and optimizers; rows: a method, and for each column what there is of it)."""
    columns = list(dict.fromkeys(zip(coverage["task_label"], coverage["optimizer_label"], strict=True)))
    cells: dict[tuple, list[Mapping]] = {}
    for row in coverage.to_dict("records"):
        cells.setdefault((row["method"], row["task_label"], row["optimizer_label"]), []).append(row)
    methods = sorted(set(coverage["method"]))
    return columns, [(method, [cells.get((method, *column), []) for column in columns]) for method in methods]


def counts(coverage: pd.DataFrame) -> str:
    """The coverage in one sentence."""
    runs = coverage[coverage["status"] != "declined"]
    said = [
        f"{len(runs):,} run{'s' * (len(runs) != 1)} planned, {int(runs['recorded'].sum()):,} of "
        f"{int(runs['wanted'].sum()):,} replicas recorded"
    ]
    lost, declined = int(runs["diverged"].sum()), int((coverage["status"] == "declined").sum())
    said += [f"{lost:,} of them diverged"] if lost else ["none of them diverged"]
    said += [f"{declined:,} pair{'s' * (declined != 1)} declined"] if declined else []
    return ", ".join(said) + "."


def cell(value: Any) -> str:
    """A cell of a table of numbers as text."""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return str(value)


def numeric(rows: Sequence[Sequence[Any]]) -> list[bool]:
    """For each column of these rows whether it holds numbers, by which it is sorted then."""
    columns = ([cell(value).strip() for value in column] for column in zip(*rows, strict=True))
    known = ([text for text in column if text not in UNKNOWN] for column in columns)
    return [bool(texts) and all(NUMBER.match(text) for text in texts) for texts in known]


def plain(account: Mapping[str, Any]) -> str:
    """An account as text."""
    return json.dumps(account, indent=1, sort_keys=True, ensure_ascii=False)


def _embedded(curves: Mapping[str, Iterable[Mapping]]) -> str:
    """JSON that cannot end the script element that it stands in."""
    return json.dumps(curves, separators=(",", ":"), allow_nan=False, ensure_ascii=False).replace("<", "\\u003c")


def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    return get_plotlyjs().replace("\r\n", "\n")  # as a browser reads it, and then takes its digest
