"""The kept state of a block that is being trained: a line of sealed JSON that says whose it is, and the arrays."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from results.records import sealed
from results.records.sealed import Damaged
from steeplechase.errors import StoreError

VERSION = 1


def replicas(path: Path) -> set[str]:
    """The ids of the replicas of a block whose state is kept.

    Args:
        path: of the file.

    Returns:
        Their ids; none where the file is damaged.

    Raises:
        StoreError: where it cannot be read now, or another version wrote it.
    """
    try:
        return {*sealed.parsed(sealed.read(path).partition(b"\n")[0], VERSION, f"the kept state {path}")["replicas"]}
    except (Damaged, FileNotFoundError):
        return set()


@dataclass
class Checkpoint:
    """Where the state of one block is kept, and whose it must be to be resumed.

    Attributes:
        path: of the file.
        whose: plain data that names the block: its run, its fingerprint, the ids of its replicas and its size.
        remark: is told of a state that is not this block's, or not what was written: it is set aside, and the block is
            trained anew.
        allowed: is called before anything is written or removed, and raises where this process may not any more.
        resumed: whether a state was found.
    """

    path: Path
    whose: Mapping[str, Any]
    remark: Callable[[str], None]
    allowed: Callable[[], None] = lambda: None
    resumed: bool = False

    def load(self) -> dict[str, np.ndarray] | None:
        """The arrays by name, or None.

        Returns:
            As `save` was given them; None where nothing was kept, and where what was kept is set aside.

        Raises:
            StoreError: for a state that cannot be read now.
        """
        try:
            content = sealed.read(self.path)
        except FileNotFoundError:
            return None
        try:
            arrays = self._arrays(content)
        except Damaged as fault:
            aside = sealed.set_aside(self.path)
            self.remark(f"{self.path.name} is not resumed: it {fault}; it is set aside as {aside.name}")
            return None
        self.resumed = True
        return arrays

    def save(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Keeps these in place of what was kept before.

        Args:
            arrays: by name, of any shapes; none holds Python objects.

        Raises:
            StoreError: where they cannot be written, and as `allowed`.
        """
        self.allowed()
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)
        payload = buffer.getvalue()
        said = {"schema": VERSION, **self.whose, "sha256": hashlib.sha256(payload).hexdigest()}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            sealed.replace(self.path, sealed.text(said, indent=None) + b"\n" + payload)
        except OSError as error:
            raise StoreError(f"a state could not be kept in {self.path.parent}: {error.strerror}.") from None

    def discard(self) -> None:
        """Removes what was kept, if anything was.

        Raises:
            StoreError: where it cannot be removed, and as `allowed`.
        """
        self.allowed()
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"{self.path} cannot be removed: {error.strerror}.") from None

    def _arrays(self, content: bytes) -> dict[str, np.ndarray]:
        line, _, payload = content.partition(b"\n")
        said = sealed.parsed(line, VERSION, f"the kept state {self.path}")
        for key, value in self.whose.items():
            if said.get(key) != value:
                short = f"{said.get(key)!r:.60} instead of {value!r:.60}" if isinstance(value, (str, int)) else "others"
                raise Damaged(f"is the state of another block (its {key}: {short})")
        if hashlib.sha256(payload).hexdigest() != said.get("sha256"):
            raise Damaged("was damaged (its arrays are not those that were written)")
        try:
            with np.load(io.BytesIO(payload), allow_pickle=False) as kept:
                return {name: kept[name] for name in kept.files}
        except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError, OSError) as error:
            raise Damaged(f"holds no arrays ({type(error).__name__}: {error})") from None
