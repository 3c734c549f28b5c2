"""The store: records written once and found again, each beside the account of how it came to be.

    STORE/runs/RUN/FINGERPRINT/run-*.json        how a part came to be; names its table and its SHA-256; sealed
    STORE/runs/RUN/FINGERPRINT/record-*.parquet  the part's rows; the name is the beginning of its SHA-256
    STORE/runs/RUN/FINGERPRINT/declined.json     why this run cannot be, where it cannot
    STORE/plans/NAME/*.json                      which replicas a command wanted

A part counts once its JSON is there, and that is written last; so a run that is killed, or a disk that fills up, leaves
nothing that could be taken for a record. RUN holds the program hash, FINGERPRINT the code and the numeric stack: parts
under another fingerprint are stale, stay where they are, and are not read.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import compute, parquet

from results import schema

DEFAULT = Path(__file__).parent


class StoreError(OSError):
    """A store that cannot be used, told in one sentence."""


@dataclass(frozen=True)
class Plan:
    """What a command wanted: for each run its configuration, its fingerprint, the ids of its replicas and its
    optimizer's default rate; the runs that were declined, each with its names and the reason; the estimator that the
    others are contrasted with, or ""; by task the difference that does not matter; and whether tables refuse a
    comparison that breaks a rule.
    """

    name: str
    command: str
    written: str  # ISO 8601, UTC
    runs: tuple[Mapping, ...]  # {"run", "fingerprint", "sources", "configuration", "replicas"}
    figures: tuple[str, ...] = ()  # what is drawn of it
    tables: tuple[str, ...] = ()
    declined: tuple[Mapping, ...] = ()  # {"run", "task", "estimator", "optimizer", "normalize", "reason"}
    reference: str = ""
    margins: Mapping[str, float] = field(default_factory=dict)
    strict: bool = False

    @property
    def replicas(self) -> int:
        return sum(len(run["replicas"]) for run in self.runs)


class Store:
    """One store, by its folder. Reading makes nothing; writing makes what is missing and overwrites nothing."""

    def __init__(self, root: str | Path = DEFAULT):
        self.root = Path(root)

    def folder(self, run: str, fingerprint: str) -> Path:
        return self.root / "runs" / run / fingerprint

    def make_writable(self) -> None:
        """Raises StoreError where nothing can be written."""
        try:
            (self.root / "runs").mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.root / "runs"):
                pass
        except OSError as error:
            raise StoreError(f"the store {self.root} cannot be written: {error.strerror}.") from None

    # Parts

    def write(self, run: str, fingerprint: str, table: pd.DataFrame, info: Mapping) -> None:
        """Adds one part. info: its account; `replicas` (their ids) and `measures` (declared by the task) are needed.

        Raises schema.RecordError for a table that is no record, StoreError where it cannot be written.
        """
        folder = self.folder(run, fingerprint)
        buffer = io.BytesIO()
        schema.check(table, info["measures"]).to_parquet(buffer, index=False)
        digest = hashlib.sha256(buffer.getvalue()).hexdigest()
        account = {"schema": schema.VERSION, **info, "table": f"record-{digest[:16]}.parquet", "sha256": digest}
        account["seal"] = _seal(account)
        name = hashlib.sha256("".join(sorted(info["replicas"])).encode()).hexdigest()[:16]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / account["table"]
            if path.exists() and path.read_bytes() != buffer.getvalue():
                self.set_aside(path)  # named like these bytes, but damaged since
            _publish(path, buffer.getvalue())
            _publish(folder / f"run-{name}.json", json.dumps(account, indent=1, sort_keys=True).encode())
        except OSError as error:
            raise StoreError(f"the record of {run} could not be written to {self.root}: {error.strerror}.") from None

    def parts(self, run: str, fingerprint: str) -> Iterator[tuple[Path, dict | None, str]]:
        """Each part as (path of its JSON, account, "") or, where it is damaged, (path, None, what is wrong)."""
        for path, account, _, fault in self.contents(run, fingerprint):
            yield path, account, fault

    def contents(self, run: str, fingerprint: str) -> Iterator[tuple[Path, dict | None, bytes, str]]:
        """The same with the bytes of each part's table, which were held against its SHA-256."""
        for path in sorted(self.folder(run, fingerprint).glob("run-*.json")):
            try:
                account = json.loads(path.read_bytes())
                table = (path.parent / account["table"]).read_bytes()
                digest, version, _ = account["sha256"], account["schema"], account["replicas"]
                sealed = account["seal"] == _seal(account)
            except (OSError, ValueError, KeyError, TypeError) as error:
                yield path, None, b"", f"{type(error).__name__}: {error}"
                continue
            if not sealed:
                yield path, None, b"", "it is not the account that was written"
            elif hashlib.sha256(table).hexdigest() != digest:
                yield path, None, b"", f"{account['table']} is not the table that was written"
            elif version != schema.VERSION:
                yield path, None, b"", f"its schema is version {version}, not {schema.VERSION}"
            else:
                yield path, account, table, ""

    def done(self, run: str, fingerprint: str, damaged: Callable[[Path, str], None]) -> set[str]:
        """The ids of the replicas that are recorded. `damaged(path, reason)` is told of each part that is not whole."""
        found: set[str] = set()
        for path, account, fault in self.parts(run, fingerprint):
            if account is None:
                damaged(path, fault)
            else:
                found.update(account["replicas"])
        return found

    def stale(self, run: str, fingerprint: str) -> dict[str, dict]:
        """By each other fingerprint of this run, the account of its newest part, with the replicas of all its parts."""
        found = {}
        for folder in sorted((self.root / "runs" / run).glob("*/")):
            if folder.name != fingerprint:
                accounts = [account for _, account, _ in self.parts(run, folder.name) if account]
                if accounts:
                    replicas = sorted({name for account in accounts for name in account["replicas"]})
                    newest = max(accounts, key=lambda account: account["ended"])
                    found[folder.name] = {**newest, "replicas": replicas}
        return found

    # What cannot be

    def decline(self, run: str, fingerprint: str, reason: str) -> None:
        """Notes why this run cannot be. Raises StoreError where it cannot be written."""
        try:
            self.folder(run, fingerprint).mkdir(parents=True, exist_ok=True)
            _publish(self.folder(run, fingerprint) / "declined.json", json.dumps({"reason": reason}).encode())
        except OSError as error:
            raise StoreError(f"{run} could not be noted as declined in {self.root}: {error.strerror}.") from None

    def declined(self, run: str, fingerprint: str) -> str:
        """Why this run cannot be, or "" where nothing is known against it."""
        try:
            return json.loads((self.folder(run, fingerprint) / "declined.json").read_bytes())["reason"]
        except (FileNotFoundError, ValueError, KeyError, TypeError):  # what cannot be read is found out again
            return ""

    @staticmethod
    def set_aside(path: Path) -> Path:
        """Renames a damaged file, so that it no longer counts; returns the new path. Nothing is deleted."""
        for number in range(1_000_000):
            aside = path.with_name(f"damaged-{number}-{path.name}")
            if not aside.exists():
                path.rename(aside)
                return aside
        raise StoreError(f"{path.parent} holds a million damaged parts.")

    # Plans

    def write_plan(self, plan: Plan) -> None:
        """Adds a plan; the newest of a name is the one that figures are drawn by."""
        content = json.dumps(vars(plan), indent=1, sort_keys=True).encode()
        folder = self.root / "plans" / plan.name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _publish(
                folder / f"{plan.written.replace(':', '-')}-{hashlib.sha256(content).hexdigest()[:8]}.json", content
            )
        except OSError as error:
            raise StoreError(f"the plan {plan.name} could not be written to {self.root}: {error.strerror}.") from None

    def plans(self) -> list[str]:
        """The names of all plans."""
        return sorted(folder.name for folder in (self.root / "plans").glob("*/"))

    def plan(self, name: str) -> Plan:
        """The newest plan of this name. Raises StoreError where there is none, or it cannot be read."""
        paths = sorted((self.root / "plans" / name).glob("*.json"))
        if not paths:
            raise StoreError(
                f"there is no plan '{name}' in {self.root}; known are: {', '.join(self.plans()) or 'none'}."
            )
        try:
            content = json.loads(paths[-1].read_bytes())
            return Plan(**{key: tuple(value) if isinstance(value, list) else value for key, value in content.items()})
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise StoreError(f"the plan {paths[-1]} cannot be read: {error}.") from None


def load(store: str | Path | Store = DEFAULT, plan: str | Plan | None = None) -> pd.DataFrame:
    """All recorded rows that a plan wants, as one table (columns: results/schema.py).

    plan: a plan or its name; None takes, of every run, the fingerprint whose newest part is the youngest.
    `table.attrs` holds: `parts`, the accounts of the parts that were read; `missing`, how many replicas of the plan
    were not found, by run; and of the plan `reference`, `declined` and, by run, `default_rates`. Raises
    schema.RecordError for a damaged part, StoreError for an unknown plan.
    """
    store = store if isinstance(store, Store) else Store(store)
    plan = store.plan(plan) if isinstance(plan, str) else plan
    wanted_rows, accounts, missing = [], Accounts(), {}
    for run, fingerprint, wanted in _wanted(store, plan):
        found: set[str] = set()
        for path, account, content, fault in store.contents(run, fingerprint):
            if account is None:
                raise schema.RecordError(f"the record {path} is damaged ({fault}); run its sweep again to replace it.")
            ids = set(account["replicas"]) if wanted is None else set(account["replicas"]) & wanted
            if ids - found:
                wanted_rows.append((content, ids - found))
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


def _rows(content: bytes, replicas: set[str]) -> pa.Table:
    """The rows of these replicas."""
    table = parquet.read_table(pa.BufferReader(content), use_threads=False)
    wanted = compute.is_in(table["replica"], pa.array(sorted(replicas), table.schema.field("replica").type))
    return table if compute.all(wanted).as_py() else table.filter(wanted)


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


def _wanted(store: Store, plan: Plan | None) -> Iterable[tuple[str, str, set[str] | None]]:
    if plan is not None:
        return [(run["run"], run["fingerprint"], set(run["replicas"])) for run in plan.runs]
    chosen = []
    for folder in sorted((store.root / "runs").glob("*/")):
        newest = store.stale(folder.name, "")
        if newest:
            chosen.append((folder.name, max(newest, key=lambda name: newest[name]["ended"]), None))
    return chosen


def _seal(account: Mapping) -> str:
    """SHA-256 of an account without its seal."""
    content = {key: value for key, value in account.items() if key != "seal"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _publish(path: Path, content: bytes) -> None:
    """Writes a file that is either whole or not there; one that is there stays as it is."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)
        except FileExistsError:
            return
    finally:
        os.unlink(temporary)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
