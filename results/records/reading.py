"""Reading: all rows that a plan wants, as one table, with the accounts of the parts that they are from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import compute, parquet

from results import wording
from results.records import schema
from results.records.place import DEFAULT as DEFAULT
from results.records.plan import Plan
from results.records.store import Store, uncounted
from steeplechase.errors import RecordError


def load(store: str | Path | Store = DEFAULT, plan: str | Plan | None = None) -> pd.DataFrame:
    """All recorded rows that a plan wants, as one table (columns: results/records/schema.py).

    store: its folder; without it the one that commands use, `results` in the current folder. plan: a plan or its name;
    None takes, of every run, the fingerprint whose newest part is the youngest.
    `table.attrs` holds: `parts`, the accounts of the parts that were read; `missing`, how many replicas of the plan
    were not found, by run; and of the plan `reference`, `declined` and, by run, `default_rates`. Raises
    RecordError for a part that does not count, StoreError for an unknown plan and what cannot be read.
    """
    store = store if isinstance(store, Store) else Store(store)
    plan = store.plan(plan) if isinstance(plan, str) else plan
    wanted_rows, accounts, missing = [], Accounts(), {}
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
    whole = _joined(tables, accounts) if tables else pd.DataFrame(columns=list(schema.COLUMNS))
    del tables
    pa.default_memory_pool().release_unused()  # of a thousand runs it holds half a GiB that nobody asks for again
    whole.attrs = {"parts": accounts, "missing": missing}
    if plan is not None:
        whole.attrs["reference"], whole.attrs["declined"] = plan.reference, [dict(one) for one in plan.declined]
        whole.attrs["margins"], whole.attrs["strict"] = dict(plan.margins), plan.strict
        whole.attrs["default_rates"] = {run["run"]: run["default_rate"] for run in plan.runs if "default_rate" in run}
    return whole


class Accounts(list):
    """The accounts of a table's parts. pandas copies what a table's `attrs` hold at nearly every step, and deeply: of
    a thousand accounts that would take most of the time that a figure takes. Nobody changes them, so they stay."""

    def __deepcopy__(self, memo: dict) -> Accounts:
        return self


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
    chosen = ((run, store.youngest(run)) for run in store._runs())
    return [(run, fingerprint, None, None) for run, fingerprint in chosen if fingerprint]


def accounts(table: pd.DataFrame) -> dict[str, dict]:
    """The account of each run, from `table.attrs["parts"]`; of several parts of one run the last.

    Raises RecordError where a run has none: such a table did not come from `results.load`.
    """
    found = {account["run"]: account for account in table.attrs.get("parts", ())}
    absent = sorted(set(without_attrs(table)["run"].unique()) - set(found)) if len(table) else []
    if absent:
        raise RecordError(f"run {absent[0]} has no account; take the table from results.load as it is.")
    return found


def without_attrs(table: pd.DataFrame) -> pd.DataFrame:
    """The table without its attributes, which pandas would copy deeply at every step."""
    out = table.reset_index(drop=True)
    out.attrs = {}
    return out


def complete(table: pd.DataFrame) -> None:
    """Raises RecordError, naming what is missing, unless the table holds every replica that its plan wants."""
    missing = table.attrs.get("missing")
    if missing:
        named = [f"{count} of {run}" for run, count in sorted(missing.items())]
        more = f" and {wording.count(len(named) - 3, 'more run')}" if len(named) > 3 else ""
        lacking = wording.count(sum(missing.values()), "replica")
        raise RecordError(f"the table lacks {lacking}: {', '.join(named[:3])}{more}.")
    if table.empty:
        raise RecordError("the table is empty: nothing has been recorded yet.")
    if missing is None:
        raise RecordError("the table does not say whether it is complete; take it from results.load as it is.")
    accounts(table)
