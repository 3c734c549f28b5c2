"""Frozen tables: all that a plan's tables and figures are made of, in one file that can be committed and checked.

NAME.parquet has the rows of the records and, in its metadata, their accounts and what the plan declared, under a seal
that covers the rows, too; NAME/ beside it has what was made of them then. Whoever makes it again from the file gets
the same.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from results.records import schema, sealed
from results.records.plan import WRITTEN, PlanFacts, UnsupportedPair
from results.records.result_set import ResultSet
from steeplechase.errors import RecordError, StoreError

FOLDER = Path(__file__).parents[1] / "frozen"  # those that ship with the project
VERSION = 1
KEY = b"steeplechase"
LARGEST = 2**28  # bytes of what a table says beside its rows
UNDECLARED: dict[str, Any] = {  # what a plan declares, where the file, as an older one, does not say it
    "reference": "",
    "declined": [],
    "margins": {},
    "strict": False,
    "default_rates": {},
    "compare": [],
    "looks": {},
    "user_estimators": [],
}
DRAWN_WITH = ("matplotlib", "numpy", "pandas", "scipy", "seaborn")  # what figures depend on beside this project


def beside(root: Path) -> Path:
    """Where tables are frozen of the store in this folder; for a checkout's own store that is FOLDER."""
    return root / "frozen"


def chosen(root: Path) -> Path:
    """Where frozen tables are read, unless a folder is named: beside the store, if any are there, or else FOLDER."""
    return beside(root) if any(beside(root).glob("*.parquet")) else FOLDER


def write(results: ResultSet, plan: Mapping, folder: str | Path) -> Path:
    """Writes NAME.parquet of a complete result set.

    Args:
        results: from `results.load`.
        plan: `name`, `command`, `figures` and `tables`.
        folder: where it goes. An older file of that name is replaced: git keeps it.

    Returns:
        The file's path.

    Raises:
        RecordError: for an incomplete result set.
        StoreError: where it cannot be written.
    """
    results.complete()
    about = {
        "plan": {key: plan[key] for key in ("name", "command", "figures", "tables")},
        "attrs": _facts_written(results),
        "versions": {name: importlib.metadata.version(name) for name in DRAWN_WITH},
        "rows": digest(results.rows),
    }
    arrow = pa.Table.from_pandas(results.rows, preserve_index=False)
    path = Path(folder) / f"{sealed.named('frozen table', plan['name'])}.parquet"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sealed.replace(path, _file(arrow, about), sync=True)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}.") from None
    return path


def _file(arrow: pa.Table, about: Mapping) -> bytes:
    """The file of these rows, and what is said of them, sealed."""
    text = zlib.compress(sealed.text({"schema": VERSION, **about}, indent=None), 9)
    metadata = {key: value for key, value in (arrow.schema.metadata or {}).items() if key != KEY}
    buffer = io.BytesIO()
    arrow = arrow.replace_schema_metadata({**metadata, KEY: text})
    parquet.write_table(arrow, buffer, compression="zstd", compression_level=19)
    return buffer.getvalue()


def read(path: str | Path) -> tuple[ResultSet, dict]:
    """A frozen table.

    Args:
        path: of NAME.parquet.

    Returns:
        (the result set as `results.load` gave it, {"plan", "versions"}).

    Raises:
        RecordError: for a file that is none, for one under another table's name, or where anything it says is not what
            was written.
        StoreError: for one that cannot be read now or was written by another version.
    """  # noqa: DOC501 (ValueError is caught here)
    path = Path(path)
    try:
        content = sealed.read(path)
    except FileNotFoundError:
        raise RecordError(f"there is no frozen table {path}.") from None
    try:
        arrow = parquet.read_table(pa.BufferReader(content))
        opened = zlib.decompressobj()
        text = opened.decompress(arrow.schema.metadata[KEY], LARGEST)
        if not opened.eof:
            raise ValueError("what it says of its rows has no end")
    except (pa.ArrowException, KeyError, TypeError, zlib.error, ValueError, OSError) as error:
        raise RecordError(f"{path} is no frozen table: {type(error).__name__}: {error}.") from None
    try:
        about = sealed.parsed(text, VERSION, f"the frozen table {path}")
    except sealed.Damaged as fault:
        raise RecordError(f"{path} is damaged, or was edited: it {fault}.") from None
    if not _is_account(about):
        raise RecordError(f"{path} is damaged, or was edited: it does not say what a frozen table says of its rows.")
    if about["plan"]["name"] != path.stem:
        raise RecordError(f"{path} holds the table of '{about['plan']['name']}': give the file its own name again.")
    declared = {name: of for account in about["attrs"]["parts"] for name, of in account["measures"].items()}
    metadata = {key: value for key, value in arrow.schema.metadata.items() if key != KEY}
    damaged = RecordError(f"{path} is damaged: its rows are not those that were frozen.")
    try:
        rows = schema.check(arrow.replace_schema_metadata(metadata).to_pandas(), declared)[arrow.column_names]
    except (RecordError, pa.ArrowException, KeyError, ValueError, TypeError) as error:
        raise damaged from error
    if digest(rows) != about["rows"]:
        raise damaged
    return _facts_read(rows, about["attrs"]), {key: about[key] for key in ("plan", "versions")}


def _facts_written(results: ResultSet) -> dict[str, Any]:
    """What the file says under "attrs": its name is of the time when a data frame carried all this."""
    plan = results.plan
    later = {  # what tables of before do not have, and others only where there is any
        "compare": list(plan.compare),
        "looks": dict(plan.looks),
        "user_estimators": list(plan.user_estimators),
    }
    return {
        "parts": [_frozen_account(account) for account in results.accounts],
        "missing": dict(results.missing),
        "reference": plan.reference,
        "declined": [pair.written() for pair in plan.unsupported],
        "margins": dict(plan.margins),
        "strict": plan.strict,
        "default_rates": dict(plan.default_rates),
        **{key: fact for key, fact in later.items() if fact},
    }


def _facts_read(rows: pd.DataFrame, facts: Mapping[str, Any]) -> ResultSet:
    """The same the other way round, beside the rows."""
    facts = {**UNDECLARED, **facts}
    pairs = tuple(map(UnsupportedPair.read, facts["declined"]))
    own = {key: facts[key] for key in ("reference", "margins", "strict", "default_rates", "looks")}
    own |= {key: tuple(facts[key]) for key in ("compare", "user_estimators")}
    plan = PlanFacts(**own, unsupported=pairs)
    return ResultSet(rows, tuple(facts["parts"]), facts["missing"], plan)


def _is_account(about: Mapping) -> bool:
    """Whether it has all that `write` says of a table, of the kinds that `write` gives it."""

    def has(facts: Any, kinds: Mapping[str, type]) -> bool:
        return isinstance(facts, Mapping) and all(isinstance(facts.get(key), kind) for key, kind in kinds.items())

    return (
        has(about, {"plan": dict, "attrs": dict, "versions": dict, "rows": str})
        and has(about["plan"], {"name": str, "command": str, "figures": list, "tables": list})
        and has(about["attrs"], {"parts": list, "missing": dict})
        and all(has(account, {"measures": dict}) for account in about["attrs"]["parts"])
        and has(facts := {**UNDECLARED, **about["attrs"]}, {key: type(fact) for key, fact in UNDECLARED.items()})
        and all(has(pair, dict.fromkeys(WRITTEN, str)) for pair in facts["declined"])
    )


def digest(rows: pd.DataFrame) -> str:
    """SHA-256 of the rows, by what they say: column by column, as text."""
    found = hashlib.sha256()
    for name in rows.columns:
        column = rows[name]
        found.update(f"{name}:{column.dtype}\n".encode())
        found.update(pd.util.hash_pandas_object(column, index=False).to_numpy().tobytes())
    return found.hexdigest()


def source(results: ResultSet) -> str:
    """What a figure's file says of where it comes from: the digest of its rows, how many replicas, the commits that
    trained them, and its runs.

    Returns:
        One line.
    """
    runs = sorted({account["run"] for account in results.accounts})
    commits = sorted({str(account.get("commit") or "unknown")[:12] for account in results.accounts})
    return (
        f"Steeplechase; rows {digest(results.rows)[:16]}; {results.rows['replica'].nunique()} replicas; "
        f"commit {', '.join(commits)}; runs {', '.join(runs)}"
    )


def _frozen_account(account: Mapping) -> dict:
    """An account without what only the store needs."""
    return {key: value for key, value in account.items() if key not in ("seal", "sha256", "table", "configuration")}
