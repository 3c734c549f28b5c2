"""Files that are whole or noticed: JSON under a seal, written at once with the user's umask, read without waiting.

The seal is a SHA-256 of what the JSON says, and the same in every version of the store: so what a newer program wrote
is told from what was damaged. It is no signature; it notices accidents, and hands that did not know of it.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from steeplechase.errors import StoreError

LARGEST = {".json": 2**28, "": 2**31}  # bytes: what is larger was not written by this project
_NAME = re.compile(r"\w[\w.+-]{0,199}")
_HALVES = re.compile(rb"\\u[dD][89a-fA-F]")  # as JSON has what lies beyond 16 bits, in two halves


class Damaged(ValueError):
    """A file that is not what was written, told in a clause that follows "it"."""


# Names


def named(kind: str, name: Any) -> str:
    """The name, which may be part of a path.

    Args:
        kind: of what it is the name, in words.
        name: anything.

    Returns:
        The same name.

    Raises:
        StoreError: for one that the store would not have given.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name) or ".." in name:
        shown = repr(name) if len(repr(name)) <= 80 else f"{repr(name)[:77]} ..."
        raise StoreError(f"{shown} cannot be the name of a {kind}: take letters, digits and . _ + -, at most 200.")
    return name


# JSON


def seal(content: Mapping) -> str:
    """SHA-256 of what these keys and values say, without `seal` itself."""
    own = {key: value for key, value in content.items() if key != "seal"}
    return hashlib.sha256(json.dumps(own, sort_keys=True).encode()).hexdigest()


def text(content: Mapping, indent: int | None = 1) -> bytes:
    """The content as JSON with its seal.

    Args:
        content: what JSON can say.
        indent: spaces for each level; None writes one line.

    Returns:
        ASCII, its keys sorted.
    """
    plain = json.loads(json.dumps(content))  # as it will be read: of tuples it makes lists, of numbers as keys words
    return json.dumps(plain | {"seal": seal(plain)}, indent=indent, sort_keys=True).encode()


def parsed(content: bytes, version: int, of: str) -> dict[str, Any]:
    """What `text` was given.

    Args:
        content: of a file.
        version: the only one that is understood, under the key `schema`.
        of: what is read, in words.

    Returns:
        The keys and values, with `seal` among them.

    Raises:
        Damaged: for what is no JSON or has another seal.
        StoreError: for a whole one of another version.
    """
    try:
        found = json.loads(content)
    except RecursionError:
        raise Damaged("was damaged (nested too deeply)") from None
    except ValueError as error:
        raise Damaged(f"was damaged ({error})") from None
    if _HALVES.search(content) and _has_halves(found):
        raise Damaged("was damaged (it says what is no text: half of a surrogate pair)")
    if not isinstance(found, dict) or "seal" not in found:
        raise Damaged("was damaged, or is not of this store (it carries no seal)")
    if found["seal"] != seal(found):
        raise Damaged("was damaged (it is not what was written)")
    if found.get("schema") != version:
        raise StoreError(
            f"{of} has version {found.get('schema')!r}, and this program reads version {version}: it is left as it is; "
            "use the program that wrote it, or another store."
        )
    return found


def _has_halves(content: Any) -> bool:
    """Whether a word in it cannot be written as UTF-8, and so in no table, page or terminal."""
    try:
        json.dumps(content, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


# Files


def read(path: Path) -> bytes:
    """The file's content. It never waits for a writer.

    Returns:
        All of its bytes.

    Raises:
        FileNotFoundError: where there is none.
        StoreError: where it cannot be read now, is larger than LARGEST allows, or is no file: a folder, a pipe, a
            device.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(2, "there is no such file", str(path)) from None
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}.") from None
    try:
        about, largest = os.fstat(handle), LARGEST.get(path.suffix, LARGEST[""])
        if not stat.S_ISREG(about.st_mode):
            raise StoreError(f"{path} is no file, where the store has one: move it away.")
        if about.st_size > largest:
            raise StoreError(f"{path} has {about.st_size:,} bytes, and the store writes none above {largest:,}.")
        with os.fdopen(handle, "rb", closefd=False) as file:
            return file.read()
    except StoreError:
        raise
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}.") from None
    finally:
        os.close(handle)


def listed(folder: Path, folders: bool = False) -> list[Path]:
    """What lies in a folder, sorted, without hidden names: its folders, or all else. None there is none.

    Args:
        folder: where to look.
        folders: whether its folders are asked for, or all else.

    Returns:
        Their paths; none where there is no such folder.

    Raises:
        StoreError: where it cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            found = [entry.name for entry in entries if not entry.name.startswith(".") and _is_folder(entry) is folders]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise StoreError(f"{folder} cannot be read: {error.strerror}.") from None
    return [folder / name for name in sorted(found)]


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def publish(path: Path, content: bytes) -> bool:
    """Writes a file that is either whole or not there; whether it was written: one that is there stays as it is.

    Args:
        path: where; its folder is there already.
        content: all of the file.

    Returns:
        Whether it was written.
    """
    with _written(path, content, sync=True) as temporary:
        try:
            os.link(temporary, path)
        except FileExistsError:
            return False
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return True


def replace(path: Path, content: bytes, sync: bool = False) -> None:
    """Writes a file that is whole at any moment, in place of one that is there.

    Args:
        path: where; its folder is there already.
        content: all of the file.
        sync: whether it is whole even when power fails, which takes the disk a while.

    Raises:
        OSError: where it cannot be written, also where something else than a file is there.
    """
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise OSError(errno.EEXIST, "something that is no file lies there", str(path))
    with _written(path, content, sync) as temporary:
        os.replace(temporary, path)


def set_aside(path: Path) -> Path:
    """Renames a damaged file, so that it no longer counts. Nothing is deleted or overwritten.

    Another process may have done so in the meantime; then nothing is left to do.

    Returns:
        The new path.

    Raises:
        StoreError: where it cannot be renamed.
    """
    for number in range(1_000_000):
        aside = path.with_name(f"damaged-{number}-{path.name}")
        try:
            os.link(path, aside, follow_symlinks=False)
            os.unlink(path)
        except FileExistsError:
            continue
        except FileNotFoundError:
            return aside
        except OSError as error:
            raise StoreError(f"{path} was damaged, and cannot be set aside: {error.strerror}.") from None
        return aside
    raise StoreError(f"{path.parent} holds a million damaged parts.")


@contextlib.contextmanager
def _written(path: Path, content: bytes, sync: bool):
    """A temporary file beside the path with this content, under the user's umask; it is gone afterwards."""
    if len(content) > LARGEST.get(path.suffix, LARGEST[""]):
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
    temporary = path.with_name(f".writing-{secrets.token_hex(8)}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            if sync:
                os.fsync(file.fileno())
        yield temporary
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
