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
    """A table or a figure.

    Attributes:
        name: of the table or figure.
        files: their content by name.
        parts: of a table, as text.
        findings: the sentences that a table says.
        picture: of a figure, SVG.
        fault: why it could not be made; "" where it was.
    """

    name: str
    files: Mapping[str, bytes] = field(default_factory=dict)
    parts: Sequence[Part] = ()
    findings: Sequence[str] = ()
    picture: bytes = b""
    fault: str = ""


@dataclass(frozen=True)
class Section:
    """What is reported of one plan.

    Attributes:
        name: of the plan.
        command: that asked for it.
        source: where it comes from, in one line (frozen.source).
        coverage: of analysis.coverage.coverage.
        provenance: of analysis.coverage.provenance.
        account: of its first part, without replicas; empty where nothing is recorded.
        tables: each as an item.
        figures: each as an item.
        curves: of explorer.explorer.
        files: the frozen table's content by name.
        remarks: what a reader must know before all else, a sentence each.
    """

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
    """The HTML of these sections.

    Args:
        sections: a plan each.
        made: when and by what it was made, in words.

    Returns:
        A whole page, which asks for nothing over a network.
    """
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
    """The file as a data address, by which a page can show it or hand it out.

    Args:
        content: of the file.
        name: whose ending says what it is (MIME).

    Returns:
        data:TYPE;base64,CONTENT.
    """
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
