"""What another store has, taken over into this one: only what is sealed, nothing twice, nothing overwritten."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from results.records import locks, sealed
from results.records.plan import Plan
from results.records.store import Store
from steeplechase.errors import StoreError

CLOCKS = ("train_s", "call_s")  # columns that differ each time


@dataclass
class Merged:
    """What was taken over.

    Attributes:
        replicas: how many were taken over.
        present: how many were here already, with the same numbers.
        plans: the names of plans that were taken over.
        left: what was not taken over, a sentence each.
    """

    replicas: int = 0
    present: int = 0
    plans: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def merge(store: Store, other: Store, name: str) -> Merged:
    """Takes over the records and the plans of another store.

    Args:
        store: that gets them.
        other: that has them; it stays as it is.
        name: of the other one, which the accounts of what is taken over keep under `merged_from`.

    Returns:
        What was taken over. A replica that both have counts as present where all its numbers but clocks are the same;
        where they are not, this store's stays, and that is told.

    Raises:
        StoreError: where one of them cannot be read, or this one cannot be written.
    """
    merged = Merged()
    store.make_writable()
    for run in other.runs():
        for fingerprint in other.fingerprints(run):
            holder = locks.holder(store.folder(run, fingerprint))
            if holder:
                merged.left.append(f"{run} is being trained here by {holder.name}: merge again when it has ended.")
                continue
            for path, account, content, fault in other.contents(run, fingerprint):
                if account is None:
                    merged.left.append(f"{path} does not count: {fault}.")
                else:
                    try:
                        states = other.states_in(account)
                    except sealed.Damaged as damage:
                        merged.left.append(f"{path} does not count: it {damage}.")
                        continue
                    _take(store, account, pd.read_parquet(io.BytesIO(content)), states, name, merged)
            reason = other.unsupported_reason(run, fingerprint)
            if reason and not store.unsupported_reason(run, fingerprint):
                store.write_unsupported(run, fingerprint, reason)
    _take_plans(store, other, merged)
    return merged


def _take(
    store: Store,
    account: dict[str, Any],
    table: pd.DataFrame,
    states: Mapping[str, np.ndarray],
    name: str,
    merged: Merged,
) -> None:
    """Takes over a part, or what of it is not here yet."""
    run, fingerprint = account["run"], account["fingerprint"]
    here = _rows(store, run, fingerprint)
    known: set[str] = set()
    if here is not None:
        known = {*here["replica"]} & {*account["replicas"]}
    if here is not None and known:
        ours, theirs = (_sorted(rows, known) for rows in (here, table))
        if not ours.equals(theirs):
            merged.left.append(
                f"{len(known)} replicas of {run} are here with other numbers: those that were here stay."
            )
        else:
            merged.present += len(known)
    new = [one for one in account["replicas"] if one not in known]
    if new:
        info = {key: value for key, value in account.items() if key not in ("schema", "table", "sha256", "seal")}
        rows = table[table["replica"].isin(new)].reset_index(drop=True)
        places = [account["replicas"].index(one) for one in new]
        own = {of: array[places] for of, array in states.items()}
        store.write(run, fingerprint, rows, {**info, "replicas": new, "merged_from": name}, own or None)
        merged.replicas += len(new)


def _rows(store: Store, run: str, fingerprint: str) -> pd.DataFrame | None:
    """All rows that a store has of a run."""
    tables = [
        pd.read_parquet(io.BytesIO(content))
        for _, account, content, _ in store.contents(run, fingerprint)
        if account is not None
    ]
    return pd.concat(tables, ignore_index=True) if tables else None


def _sorted(rows: pd.DataFrame, replicas: set[str]) -> pd.DataFrame:
    """The rows of these replicas, in an order and with columns that do not depend on who wrote them."""
    own = rows[rows["replica"].isin(replicas)].drop(columns=list(CLOCKS), errors="ignore")
    return own.sort_values(["replica", "step"], ignore_index=True).dropna(axis=1, how="all").sort_index(axis=1)


def _runs(plan: Plan) -> dict[tuple[str, str], set[str]]:
    """What a plan asks for: by run and fingerprint its replicas."""
    return {(run["run"], run["fingerprint"]): {*run["replicas"]} for run in plan.runs}


def _take_plans(store: Store, other: Store, merged: Merged) -> None:
    known = store.plans()
    for name in other.plans():
        try:
            plan = other.plan(name)
        except StoreError as error:
            merged.left.append(str(error))
            continue
        if name not in known:
            store.write_plan(plan)
            merged.plans.append(name)
        elif _runs(store.plan(name)) != _runs(plan):
            merged.left.append(f"there is a plan '{name}' here that asks for something else: it stays.")
