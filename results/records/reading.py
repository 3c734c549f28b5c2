"""Reading: all rows that a plan wants, as a result set, with the accounts of the parts that they are from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import compute, parquet

from results.records import schema
from results.records.place import DEFAULT as DEFAULT
from results.records.plan import Plan, PlanFacts
from results.records.result_set import ResultSet
from results.records.store import Store, uncounted


def load(store: str | Path | Store = DEFAULT, plan: str | Plan | None = None) -> ResultSet:
    """All recorded rows that a plan wants, with the accounts of their parts and what the plan declared.

    Args:
        store: its folder; without it the one that commands use, `results` in the current folder.
        plan: a plan or its name; None takes, of every run, the fingerprint whose newest part is the youngest.

    Returns:
        The result set; its `rows` have the columns of results/records/schema.py.

    Raises:
        RecordError: for a part that does not count.
        StoreError: for an unknown plan and what cannot be read.
    """  # noqa: DOC501 (uncounted makes a RecordError)
    store = store if isinstance(store, Store) else Store(store)
    plan = store.plan(plan) if isinstance(plan, str) else plan
    wanted_rows: list[tuple[Path, bytes, set[str]]] = []
    accounts: list[dict] = []
    missing: dict[str, int] = {}
    for run, fingerprint, sources, wanted in _planned_parts(store, plan):
        found: set[str] = set()
        for path, account, content, fault in store.contents(run, fingerprint, sources):
            if account is None:
                raise uncounted(path, fault)
            ids = set(account["replicas"]) if wanted is None else set(account["replicas"]) & wanted
            if ids - found:
                wanted_rows.append((path, content, ids - found))
                accounts.append(account)
                found |= ids
        if wanted is not None and wanted - found:
            missing[run] = len(wanted - found)
    with ThreadPoolExecutor() as pool:  # parquet is read without Python's lock
        tables = list(pool.map(lambda part: _rows(*part), wanted_rows))
    del wanted_rows
    rows = _joined(tables, accounts) if tables else pd.DataFrame(columns=list(schema.COLUMNS))
    del tables
    pa.default_memory_pool().release_unused()  # of a thousand runs it holds half a GiB that nobody asks for again
    return ResultSet(rows, tuple(accounts), missing, PlanFacts() if plan is None else plan.facts)


def _rows(path: Path, content: bytes, replicas: set[str]) -> pa.Table:
    """The rows of these replicas. Raises RecordError where it is no table that has them."""
    try:
        table = parquet.read_table(pa.BufferReader(content), use_threads=False)
        own = table["replica"]
        wanted = compute.is_in(own, pa.array(sorted(replicas), table.schema.field("replica").type))
    except (pa.ArrowException, KeyError, OSError) as error:
        raise uncounted(path, f"its table has no rows to read ({type(error).__name__}: {error})") from None
    found = {*compute.unique(own).to_pylist()}
    if not replicas <= found:
        raise uncounted(path, f"its table lacks {len(replicas - found)} of its replicas")
    return table if found == replicas else table.filter(wanted)


def _joined(tables: list[pa.Table], accounts: list[dict]) -> pd.DataFrame:
    """The parts as one table, checked, in their order.

    Those of one form are joined before pandas sees them: it takes milliseconds for each frame, and the parts of a sweep
    have few forms.

    Args:
        tables: the rows of each part.
        accounts: of each part, in the same order.

    Returns:
        All rows, numbered from 0, in the types of schema.check.
    """
    forms: dict[tuple, list[int]] = {}
    for at, (table, account) in enumerate(zip(tables, accounts, strict=True)):
        form = table.schema.serialize().to_pybytes(), json.dumps(account["measures"], sort_keys=True)
        forms.setdefault(form, []).append(at)
    frames = [
        schema.check(pa.concat_tables([tables[at] for at in parts]).to_pandas(), accounts[parts[0]]["measures"])
        for parts in forms.values()
    ]
    whole = pd.concat(frames, ignore_index=True)
    several = [name for name in map(str, whole) if schema.is_parameter(name) and whole[name].dtype == object]
    whole = whole.assign(**{name: schema.as_one_kind(whole[name]) for name in several})  # of tasks that share a name
    stand = [at for parts in forms.values() for at in parts]
    if stand == sorted(stand):
        return whole
    lengths = np.array([len(table) for table in tables])
    starts = np.empty(len(tables), "int64")
    starts[stand] = np.cumsum([0, *lengths[stand][:-1]])
    rows = np.concatenate([np.arange(start, start + length) for start, length in zip(starts, lengths, strict=True)])
    return whole.take(rows).reset_index(drop=True)


def _planned_parts(store: Store, plan: Plan | None) -> Iterable[tuple[str, str, Mapping | None, set[str] | None]]:
    """(run, fingerprint, its sources, ids) of what is asked for; None where nothing is known of them."""
    if plan is not None:
        return [(run["run"], run["fingerprint"], run["sources"], set(run["replicas"])) for run in plan.runs]
    chosen = ((run, store.youngest(run)) for run in store.runs())
    return [(run, fingerprint, None, None) for run, fingerprint in chosen if fingerprint]
