"""Frozen tables: all that a plan's tables and figures are made of, in one file that can be committed and checked.

NAME.parquet has the rows of the records and, in its metadata, their accounts and what the plan declared; NAME/ beside
it has what was made of them then. Whoever makes it again from the file gets the same.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import zlib
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from results import figures, schema, statistics
from results.store import Accounts

FOLDER = Path(__file__).parent / "frozen"
KEY = b"steeplechase"
DRAWN_WITH = ("matplotlib", "numpy", "pandas", "scipy", "seaborn")  # what figures depend on beside this project


def write(table: pd.DataFrame, plan: Mapping, folder: str | Path = FOLDER) -> Path:
    """Writes NAME.parquet of a complete table from `results.load`; returns its path.

    plan: `name`, `command`, `figures` and `tables`. An older file of that name is replaced: git keeps it.
    Raises schema.RecordError for an incomplete table.
    """
    figures.complete(table)
    attrs = {**table.attrs, "parts": [_kept(account) for account in table.attrs["parts"]]}
    about = {
        "plan": {key: plan[key] for key in ("name", "command", "figures", "tables")},
        "attrs": attrs,
        "versions": {name: importlib.metadata.version(name) for name in DRAWN_WITH},
        "rows": digest(table),
    }
    arrow = pa.Table.from_pandas(statistics.bare(table), preserve_index=False)
    text = json.dumps(about, sort_keys=True, allow_nan=True).encode()
    arrow = arrow.replace_schema_metadata({**(arrow.schema.metadata or {}), KEY: zlib.compress(text, 9)})
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path, new = folder / f"{plan['name']}.parquet", folder / f".{plan['name']}-{os.getpid()}.parquet"
    try:
        parquet.write_table(arrow, new, compression="zstd", compression_level=19)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
    return path


def read(path: str | Path) -> tuple[pd.DataFrame, dict]:
    """(the table as `results.load` gave it, {"plan", "versions"}). Raises schema.RecordError for a file that is none,
    or whose rows are not those that were written."""
    try:
        arrow = parquet.read_table(path)
        about = json.loads(zlib.decompress(arrow.schema.metadata[KEY]))
    except FileNotFoundError:
        raise schema.RecordError(f"there is no frozen table {path}.") from None
    except (pa.ArrowException, KeyError, TypeError, zlib.error, ValueError, OSError) as error:
        raise schema.RecordError(f"{path} is no frozen table: {type(error).__name__}: {error}.") from None
    declared = {name: of for account in about["attrs"]["parts"] for name, of in account["measures"].items()}
    metadata = {key: value for key, value in arrow.schema.metadata.items() if key != KEY}
    table = schema.check(arrow.replace_schema_metadata(metadata).to_pandas(), declared)[arrow.column_names]
    if digest(table) != about["rows"]:
        raise schema.RecordError(f"{path} is damaged: its rows are not those that were frozen.")
    table.attrs = {**about["attrs"], "parts": Accounts(about["attrs"]["parts"])}
    return table, {key: about[key] for key in ("plan", "versions")}


def digest(table: pd.DataFrame) -> str:
    """SHA-256 of the rows, by what they say: column by column, as text."""
    found = hashlib.sha256()
    for name in table.columns:
        column = table[name]
        found.update(f"{name}:{column.dtype}\n".encode())
        found.update(pd.util.hash_pandas_object(column, index=False).to_numpy().tobytes())
    return found.hexdigest()


def source(table: pd.DataFrame) -> str:
    """What a figure's file says of where it comes from: the digest of its rows, how many replicas, the commits that
    trained them, and its runs."""
    accounts = table.attrs["parts"]
    runs = sorted({account["run"] for account in accounts})
    commits = sorted({str(account.get("commit") or "unknown")[:12] for account in accounts})
    return (
        f"Steeplechase; rows {digest(table)[:16]}; {table['replica'].nunique()} replicas; commit {', '.join(commits)}; "
        f"runs {', '.join(runs)}"
    )


def _kept(account: Mapping) -> dict:
    """An account without what only the store needs."""
    return {key: value for key, value in account.items() if key not in ("seal", "sha256", "table", "configuration")}
