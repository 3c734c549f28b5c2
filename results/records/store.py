"""The store: records written once and found again, each beside the account of how it came to be.

    STORE/runs/RUN/FINGERPRINT/run-*.json        how a part came to be; names its table and its SHA-256; sealed
    STORE/runs/RUN/FINGERPRINT/record-*.parquet  the part's rows; the name is the beginning of its SHA-256
    STORE/runs/RUN/FINGERPRINT/kept-*.npz        states of its replicas, for runs that begin there; named likewise
    STORE/runs/RUN/FINGERPRINT/state-*.npz       where a block that is being trained was last (checkpoint.py)
    STORE/runs/RUN/FINGERPRINT/lock-*.json       who trains it now (locks.py)
    STORE/runs/RUN/FINGERPRINT/declined.json     why this run cannot be, where it cannot; sealed
    STORE/plans/NAME/plan-NUMBER.json            which replicas a command wanted; sealed; the highest number counts

A part counts once its JSON is there, and that is written last; so a run that is killed, or a disk that fills up, leaves
nothing that could be taken for a record. RUN holds the program hash, FINGERPRINT the code and the numeric stack: parts
under another fingerprint are stale, stay where they are, and are not read.

Nothing is believed because of where it lies: each file says what it belongs to. What is not what was written, or lies
where it does not belong, does not count and is told. What cannot be read now, or was written by another version, is an
error, and stays as it is.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from results.records import schema, sealed
from results.records.account import needed_kinds
from results.records.checkpoint import Checkpoint
from results.records.place import DEFAULT as DEFAULT
from results.records.plan import PLAN_FILE, Plan, as_json, check_plan
from steeplechase.errors import RecordError, StoreError

# What a part's account must say, and of what kind it is: what is taken from it, and which table is the part's.
_ACCOUNT = {**needed_kinds(), "table": str, "sha256": str}
_TABLE = re.compile(r"record-[0-9a-f]{16}\.parquet")
_KEPT = re.compile(r"kept-[0-9a-f]{16}\.npz")


class Store:
    """One store, by its folder. Reading makes nothing; writing makes what is missing and overwrites nothing.

    What every method may raise: StoreError, for a name that cannot be one, a file that cannot be read now, and one that
    another version wrote.
    """

    def __init__(self, root: str | Path = DEFAULT):
        self.root = Path(root).absolute()  # once: a process may change its folder

    def folder(self, run: str, fingerprint: str) -> Path:
        """Where the parts of a run lie.

        Args:
            run: its name.
            fingerprint: of the code and the numeric stack.

        Returns:
            A path below `root`, whether or not it is there.
        """
        return self.root / "runs" / sealed.named("run", run) / sealed.named("fingerprint", fingerprint)

    def make_writable(self) -> None:
        """Makes the folder of runs, if it is not there, and tries whether it can be written.

        Raises:
            StoreError: where nothing can be written.
        """
        try:
            (self.root / "runs").mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.root / "runs"):
                pass
        except OSError as error:
            raise StoreError(f"the store {self.root} cannot be written: {error.strerror}.") from None

    # Parts

    def write(
        self,
        run: str,
        fingerprint: str,
        table: pd.DataFrame,
        info: Mapping,
        states: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        """Adds one part.

        Args:
            run: its name.
            fingerprint: of the code and the numeric stack.
            table: the part's rows (schema.check).
            info: its account (the keys of account.Account); `replicas` and `measures` are needed.
            states: that belong to it, [replicas, ...] by name; None: it keeps none.

        Raises:
            RecordError: for a table that is no record.
            StoreError: where it cannot be written.
        """
        folder = self.folder(run, fingerprint)
        buffer = io.BytesIO()
        schema.check(table, info["measures"]).to_parquet(buffer, index=False)
        digest = hashlib.sha256(buffer.getvalue()).hexdigest()
        account = {"schema": schema.VERSION, **info, "table": f"record-{digest[:16]}.parquet", "sha256": digest}
        packed = _as_bytes(states) if states else b""
        account |= {"states": f"kept-{hashlib.sha256(packed).hexdigest()[:16]}.npz"} if states else {}
        name = hashlib.sha256("".join(sorted(info["replicas"])).encode()).hexdigest()[:16]
        with self._writing(f"the record of {run}"):
            folder.mkdir(parents=True, exist_ok=True)
            _publish_named_by_content(folder / account["table"], buffer.getvalue())
            if states:
                _publish_named_by_content(folder / account["states"], packed)
            path, content = folder / f"run-{name}.json", sealed.text(account)
            if not sealed.publish(path, content) and self._part(path, run, fingerprint, info.get("sources"))[1] is None:
                sealed.set_aside(path)  # where the account belongs lies something that does not count
                sealed.publish(path, content)

    def parts(
        self, run: str, fingerprint: str, sources: Mapping | None = None
    ) -> Iterator[tuple[Path, dict | None, str]]:
        """Each part of a run.

        Args:
            run: its name.
            fingerprint: of the code and the numeric stack.
            sources: as in `contents`.

        Yields:
            (path of its JSON, account, "") or, where it does not count, (path, None, why: "it ...").
        """
        for path, account, _, fault in self.contents(run, fingerprint, sources):
            yield path, account, fault

    def contents(
        self, run: str, fingerprint: str, sources: Mapping | None = None
    ) -> Iterator[tuple[Path, dict | None, bytes, str]]:
        """The same with the bytes of each part's table, which were held against its SHA-256.

        Args:
            run: its name.
            fingerprint: of the code and the numeric stack.
            sources: those that the fingerprint stands for, where they are known; a part with others does not count.

        Yields:
            (path of its JSON, account, table, "") or, where it does not count, (path, None, b"", why: "it ...").
        """
        sources = None if sources is None else json.loads(json.dumps(dict(sources)))  # as they come back
        for path in self._accounts(run, fingerprint):
            try:
                part = self._part(path, run, fingerprint, sources)
            except FileNotFoundError:  # another process has set it aside
                continue
            yield part

    def _accounts(self, run: str, fingerprint: str) -> list[Path]:
        found = sealed.listed(self.folder(run, fingerprint))
        return [path for path in found if path.name.startswith("run-") and path.suffix == ".json"]

    def _part(self, path: Path, run: str, fingerprint: str, sources: Mapping | None):
        """(path, account, the bytes of its table, "") or (path, None, b"", why it does not count)."""
        try:
            account = _account(path, run, fingerprint, sources)
            try:
                table = sealed.read(path.parent / account["table"])
            except FileNotFoundError:
                raise sealed.Damaged(f"was damaged ({account['table']} is not there)") from None
            if hashlib.sha256(table).hexdigest() != account["sha256"]:
                raise sealed.Damaged(f"was damaged ({account['table']} is not the table that was written)")
        except sealed.Damaged as fault:
            return path, None, b"", f"it {fault}"
        return path, account, table, ""

    def done(
        self, run: str, fingerprint: str, damaged: Callable[[Path, str], None], sources: Mapping | None = None
    ) -> set[str]:
        """The ids of the replicas that are recorded.

        Args:
            run: its name.
            fingerprint: of the code and the numeric stack.
            damaged: is told of each part that does not count: its path and the reason, which begins with "it".
            sources: as in `contents`.

        Returns:
            Those of all parts that count.
        """
        counted = self.accounts(run, fingerprint, damaged, sources)
        return {name for account in counted for name in account["replicas"]}

    def accounts(
        self, run: str, fingerprint: str, damaged: Callable[[Path, str], None], sources: Mapping | None = None
    ) -> list[dict]:
        """The accounts of the parts that count.

        Args:
            run: its name.
            fingerprint: of the code and the numeric stack.
            damaged: as in `done`.
            sources: as in `contents`.

        Returns:
            In the order of the names of their files.
        """
        found = []
        for path, account, fault in self.parts(run, fingerprint, sources):
            if account is None:
                damaged(path, fault)
            else:
                found.append(account)
        return found

    def states_of(
        self, run: str, fingerprint: str, damaged: Callable[[Path, str], None], sources: Mapping | None = None
    ) -> dict[str, dict[str, np.ndarray]]:
        """The states that the parts of a run keep.

        Args:
            run: its name.
            fingerprint: of the code and the numeric stack.
            damaged: is told of each part that does not count, and of each whose states are not what was written: the
                path of its JSON and the reason, which begins with "it".
            sources: as in `contents`.

        Returns:
            By the id of a replica its arrays, by name; none of a part that keeps none.
        """
        found: dict[str, dict[str, np.ndarray]] = {}
        for path, account, fault in self.parts(run, fingerprint, sources):
            if account is None:
                damaged(path, fault)
                continue
            try:
                arrays = self.states_in(account)
            except sealed.Damaged as fault_of_states:
                damaged(path, f"it {fault_of_states}")
                continue
            for at, name in enumerate(account["replicas"]):
                found[name] = {of: array[at] for of, array in arrays.items()}
        return {name: arrays for name, arrays in found.items() if arrays}

    def states_in(self, account: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """The states that one part keeps.

        Args:
            account: of the part.

        Returns:
            [replicas, ...] by name, the replicas in the order of the account; nothing where it keeps none.

        Raises:
            sealed.Damaged: where they are not what was written.
        """
        name = account.get("states")
        if not name:
            return {}
        if not _KEPT.fullmatch(name):
            raise sealed.Damaged(f"names states that are not in its folder ({name!r:.80})")
        try:
            content = sealed.read(self.folder(account["run"], account["fingerprint"]) / name)
        except FileNotFoundError:
            raise sealed.Damaged(f"was damaged ({name} is not there)") from None
        if f"kept-{hashlib.sha256(content).hexdigest()[:16]}.npz" != name:
            raise sealed.Damaged(f"was damaged ({name} is not what was written)")
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return {of.replace("|", "/"): arrays[of] for of in arrays.files}

    def stale(self, run: str, fingerprint: str) -> dict[str, dict]:
        """By each other fingerprint of this run, the account of its newest part, with the replicas of all its parts.

        What does not count there is passed over: nobody asked for it.

        Args:
            run: its name.
            fingerprint: the one that is asked for, and is left out.

        Returns:
            {fingerprint: account}.
        """
        found = {}
        for name in self.fingerprints(run):
            if name != fingerprint:
                accounts = []
                for path in self._accounts(run, name):
                    with contextlib.suppress(sealed.Damaged, OSError):
                        accounts.append(_account(path, run, name, None))
                if accounts:
                    found[name] = _newest(accounts)
        return found

    def runs(self) -> list[str]:
        """The names of all runs that have a folder."""
        return [sealed.named("run", folder.name) for folder in sealed.listed(self.root / "runs", folders=True)]

    def fingerprints(self, run: str) -> list[str]:
        """Those that a run has a folder of.

        Args:
            run: its name.

        Returns:
            In the order of the alphabet.
        """
        return [f.name for f in sealed.listed(self.root / "runs" / sealed.named("run", run), folders=True)]

    def youngest(self, run: str) -> str:
        """The fingerprint of this run whose newest part ended last; "" where nothing is recorded.

        Returns:
            As it stands in the run's accounts.

        Raises:
            RecordError: where that cannot be said, because no part of one of them counts.
        """  # noqa: DOC501 (uncounted makes a RecordError)
        ended = {}
        for name in self.fingerprints(run):
            accounts, faults = [], []
            for path in self._accounts(run, name):
                try:
                    accounts.append(_account(path, run, name, None))
                except sealed.Damaged as fault:
                    faults.append((path, f"it {fault}"))
                except FileNotFoundError:  # another process has set it aside
                    continue
            if faults and not accounts:
                raise uncounted(*faults[0])
            if accounts:
                ended[name] = _newest(accounts)["ended"]
        return max(ended, key=ended.__getitem__, default="")

    def checkpoint(
        self,
        run: str,
        fingerprint: str,
        replicas: Sequence[str],
        block: int,
        remark: Callable[[str], None],
        allowed: Callable[[], None] = lambda: None,
    ):
        """Where the state of a block of so many seats with these replicas is kept while it is trained.

        Args:
            run: its name.
            fingerprint: of the code and the numeric stack.
            replicas: their ids, in the order of their seats.
            block: how many replicas one compiled call trains.
            remark: as in Checkpoint.
            allowed: as in Checkpoint.

        Returns:
            A Checkpoint, whether or not anything is kept there.
        """
        name = hashlib.sha256("".join(replicas).encode()).hexdigest()[:16]
        whose = {"run": run, "fingerprint": fingerprint, "block": block, "replicas": list(replicas)}
        return Checkpoint(self.folder(run, fingerprint) / f"state-{name}.npz", whose, remark, allowed)

    def newest_account(self, run: str) -> dict[str, Any]:
        """The account of a run's newest part, with the replicas of all parts of its fingerprint.

        Args:
            run: its name.

        Returns:
            The account.

        Raises:
            RecordError: where nothing of the run is recorded, or nothing counts.
        """
        fingerprint = self.youngest(run)
        accounts = self.accounts(run, fingerprint, lambda *_: None) if fingerprint else []
        if not accounts:
            raise RecordError(f"nothing of {run} is recorded in {self.root}.")
        return _newest(accounts)

    # What cannot be

    def write_unsupported(self, run: str, fingerprint: str, reason: str) -> None:
        """Notes why this run cannot be.

        Args:
            run: its name.
            fingerprint: of the code and the numeric stack.
            reason: a sentence.

        Raises:
            StoreError: where it cannot be written.
        """
        path = self.folder(run, fingerprint) / "declined.json"
        said = {"schema": schema.VERSION, "run": run, "fingerprint": fingerprint, "reason": reason}
        with self._writing(f"that {run} was declined"):
            path.parent.mkdir(parents=True, exist_ok=True)
            if not sealed.publish(path, sealed.text(said)) and not self.unsupported_reason(run, fingerprint):
                sealed.set_aside(path)
                sealed.publish(path, sealed.text(said))

    def unsupported_reason(
        self, run: str, fingerprint: str, damaged: Callable[[Path, str], None] = lambda *_: None
    ) -> str:
        """Why this run cannot be, or "" where nothing is known against it.

        Args:
            run: its name.
            fingerprint: of the code and the numeric stack.
            damaged: is told of a file that does not count, as in `done`: what it said is found out again.

        Returns:
            A sentence, or "".

        Raises:
            StoreError: where the file cannot be read now, or another version wrote it.
        """  # noqa: DOC501 (Damaged is caught here)
        path = self.folder(run, fingerprint) / "declined.json"
        try:
            said = sealed.parsed(sealed.read(path), schema.VERSION, f"{path}")
            _belongs(said, run, fingerprint)
            if not isinstance(said.get("reason"), str) or not said["reason"]:
                raise sealed.Damaged("says no reason")
        except FileNotFoundError:
            return ""
        except sealed.Damaged as fault:
            damaged(path, f"it {fault}")
            return ""
        return said["reason"]

    set_aside = staticmethod(sealed.set_aside)

    # Plans

    def write_plan(self, plan: Plan) -> None:
        """Adds a plan; the last one of a name is the one that figures are drawn by. One that says what the last one
        says is not written again.

        Args:
            plan: what a command wants.

        Raises:
            StoreError: for a plan that is none (check_plan), and where it cannot be written.
        """
        check_plan(plan)
        folder = self.root / "plans" / sealed.named("plan", plan.name)
        numbers = [number for number, _ in self._plans(plan.name)]
        with contextlib.suppress(StoreError):  # whatever is wrong with the last one, this one takes its place
            if numbers and as_json(self.plan(plan.name)) == as_json(plan):
                return
        number = max(numbers, default=0)
        with self._writing(f"the plan {plan.name}"):
            folder.mkdir(parents=True, exist_ok=True)
            written = False
            while not written:  # another process may take the number
                number += 1
                said = {"schema": schema.VERSION, "number": number, **vars(plan)}
                written = sealed.publish(folder / f"plan-{number:06d}.json", sealed.text(said))

    def plans(self) -> list[str]:
        """The names of all plans."""
        return [folder.name for folder in sealed.listed(self.root / "plans", folders=True)]

    def plan(self, name: str) -> Plan:
        """The last plan of this name.

        Returns:
            The plan, its lists as tuples.

        Raises:
            StoreError: where there is none, or it is not what was written.
        """  # noqa: DOC501 (Damaged is caught here)
        found = self._plans(name)
        if not found:
            old = any(path.suffix == ".json" for path in sealed.listed(self.root / "plans" / name))
            if old:
                raise StoreError(
                    f"the plans of '{name}' in {self.root} carry no seal, as those of an older version: run the sweep "
                    "again, which writes one."
                )
            raise StoreError(
                f"there is no plan '{name}' in {self.root}; known are: {', '.join(self.plans()) or 'none'}."
            )
        number, path = found[-1]
        try:
            content = sealed.parsed(sealed.read(path), schema.VERSION, f"the plan {path}")
            if (content["number"], content["name"]) != (number, name):
                raise sealed.Damaged(f"is the plan {content['name']!r:.80}, number {content['number']!r:.20}")
            later = {"compare", "looks", "user_estimators"} - {*content}  # what plans of before do not have
            known = {entry.name: content[entry.name] for entry in fields(Plan) if entry.name not in later}
            plan = Plan(**{key: tuple(value) if isinstance(value, list) else value for key, value in known.items()})
            check_plan(plan)
        except FileNotFoundError:
            raise StoreError(f"the plan {path} was there, and is gone: try again.") from None
        except KeyError as error:
            raise StoreError(f"the plan {path} cannot be used: it lacks {error}; run its sweep again.") from None
        except sealed.Damaged as fault:
            raise StoreError(f"the plan {path} cannot be used: it {fault}; run its sweep again.") from None
        return plan

    def _plans(self, name: str) -> list[tuple[int, Path]]:
        """The plans of this name with their numbers, in order."""
        paths = sealed.listed(self.root / "plans" / sealed.named("plan", name))
        return sorted((int(match[1]), path) for path in paths if (match := PLAN_FILE.fullmatch(path.name)))

    @contextlib.contextmanager
    def _writing(self, what: str):
        """Tells what went wrong in one sentence that names the store."""
        try:
            yield
        except StoreError:
            raise
        except OSError as error:
            raise StoreError(f"{what} could not be written to the store {self.root}: {error.strerror}.") from None


def _publish_named_by_content(path: Path, content: bytes) -> None:
    """Writes a file whose name follows from its content; one that is there and has been damaged since is set aside."""
    if not sealed.publish(path, content) and sealed.read(path) != content:
        sealed.set_aside(path)
        sealed.publish(path, content)


def _as_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Arrays as one file, the same bytes for the same arrays; a slash would make folders in it."""
    buffer = io.BytesIO()
    named: dict[str, Any] = {of.replace("/", "|"): np.asarray(array) for of, array in sorted(arrays.items())}
    np.savez(buffer, **named)
    return buffer.getvalue()


def uncounted(path: Path, fault: str) -> RecordError:
    """What is said of a part that does not count, where it is wanted.

    Args:
        path: of its JSON.
        fault: why, beginning with "it".

    Returns:
        The error, to be raised.
    """
    return RecordError(
        f"the record {path} does not count: {fault}; run its sweep again to replace it, or move it away."
    )


def _account(path: Path, run: str, fingerprint: str, sources: Mapping | None) -> dict[str, Any]:
    """The account in this file. Raises sealed.Damaged for one that does not count, and StoreError."""
    account = sealed.parsed(sealed.read(path), schema.VERSION, f"the record {path}")
    for key, kind in _ACCOUNT.items():
        if not isinstance(account.get(key), kind):
            raise sealed.Damaged(f"is no account of a part (its {key} is {account.get(key)!r:.40})")
    if not all(isinstance(name, str) for name in account["replicas"]):
        raise sealed.Damaged("is no account of a part (its replicas are no ids)")
    _belongs(account, run, fingerprint)
    if sources is not None and account.get("sources", {}) != sources:
        raise sealed.Damaged("was made by other sources than its fingerprint stands for")
    if not _TABLE.fullmatch(account["table"]):
        raise sealed.Damaged(f"names a table that is not in its folder ({account['table']!r:.80})")
    return account


def _belongs(content: Mapping, run: str, fingerprint: str) -> None:
    """Raises sealed.Damaged for what was written of another run, or of other code."""
    for key, value in (("run", run), ("fingerprint", fingerprint)):
        if content.get(key) != value:
            raise sealed.Damaged(f"belongs to another {key} ({content.get(key)!r:.80}, and lies under {value!r})")


def _newest(accounts: list[dict]) -> dict:
    """The account that ended last, with the replicas of all."""
    newest = max(accounts, key=lambda account: account["ended"])
    return {**newest, "replicas": sorted({name for account in accounts for name in account["replicas"]})}
