"""Arrays and texts in files: IDX, NPY, NPZ and UTF-8, plain or gzipped, from bytes that no header can inflate.

A file's bytes are never trusted: what a header asks for is held against LIMIT, and against what the file takes itself,
before memory is asked for; what is packed is unpacked in pieces; pickles are refused. Imports only NumPy and the
standard library.
"""

from __future__ import annotations

import codecs
import gzip
import io
import math
import os
import unicodedata
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from steeplechase.errors import UserError

LIMIT = 4 * 2**30  # bytes of a file, and of what is unpacked from it
MEMBERS = 1000  # arrays in an NPZ
RATIO = 1000  # what no data is packed by; DEFLATE's best, of zeros, is 1030
_SMALL = 64 * 2**20  # bytes that may be packed by any ratio
_HEADER = 2**16  # bytes of an NPY's header
_PIECE = 2**20  # bytes that are unpacked at a time
_OLD_PICKLES = (b"(lp0", b"(dp0")  # of a list, of a dict: signs of a text all of them
_IDX = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4"}
_Header = tuple[tuple[int, ...], np.dtype, bool, int]  # shape, type, whether column by column, bytes of the header
_BEGIN = 520  # bytes by which a file is recognised
_ADVICE = "np.savez('data.npz', x=x, y=y) makes a file that is read"
_HDF5 = b"\x89HDF\r\n\x1a\n"


class _Stream(Protocol):
    """What is read of a file in memory, packed or not."""

    def read(self, size: int = ..., /) -> bytes: ...

    def __enter__(self) -> _Stream: ...

    def __exit__(self, *error) -> object: ...


@dataclass(frozen=True, eq=False)
class Array:
    """An array that is still in its file, as its header describes it.

    Attributes:
        where: its name for messages.
        shape: as the header has it.
        dtype: of its values in the file, byte order included.
        column_major: whether the values lie column by column.
        start: bytes of the header.
        open: gives the file's bytes from their beginning, unpacked.
    """

    where: str
    shape: tuple[int, ...]
    dtype: np.dtype
    column_major: bool
    start: int
    open: Callable[[], _Stream]

    @property
    def size(self) -> int:
        """Bytes of the values, as the shape and the type have it."""
        return math.prod(self.shape) * self.dtype.itemsize

    def fits(self, count: int) -> None:
        """Refuses another number of bytes behind the header than the values need.

        Args:
            count: of bytes that follow the header.

        Raises:
            UserError: for too few, and for any that follow the array.
        """
        needed = f"{list(self.shape)} {self.dtype} need {self.size}"
        if count < self.size:
            raise UserError(f"{self.where}: is truncated, {max(count, 0)} bytes follow the header and {needed}")
        if extra := count - self.size:
            told = f"{extra} bytes" if extra < _PIECE else f"at least {extra} bytes"
            raise UserError(f"{self.where}: has trailing bytes: {told} follow the array, allowed are none")

    def read(self) -> np.ndarray:
        """The values.

        Returns:
            [n, ...] with all dimensions after the first in one, in the file's type.

        Raises:
            UserError: for a file that is not whole or that has more than the array.
        """
        with sound(self.where), self.open() as stream:
            _pieces(stream, self.start)
            content = _pieces(stream, self.size)
            rest = len(stream.read(_PIECE))  # 0; at the end of a packed file its checksum is looked at, too
            self.fits(len(content) + rest)
        flat = np.frombuffer(content, self.dtype)
        if self.column_major and len(self.shape) > 1:  # IDX allows more dimensions than NumPy has, and is never so
            return flat.reshape(self.shape[::-1]).T.reshape(self.shape[0], -1)
        return flat.reshape([self.shape[0], -1] if self.size and len(self.shape) > 1 else -1)


def arrays(path: str, raw: bytes) -> Mapping[str, Callable[[], Array]]:
    """What a file's bytes hold, by key: each a function that reads the header and returns the Array.

    Args:
        path: the name for messages; nothing is read from there.
        raw: the file's bytes: IDX, NPY or NPZ, plain or gzipped.

    Returns:
        Functions by key. The only array of a file, and an NPZ's only one if unnamed, has the key ''.

    Raises:
        UserError: here or when a header is read, for all that is no whole IDX, NPY or NPZ file, or asks for too much.
    """
    if raw.startswith(b"\x1f\x8b"):
        with sound(path), gzip.open(io.BytesIO(raw)) as stream:
            inner = stream.read(2)
            if inner == b"PK":  # an archive is read from its end
                content = _unpacked(path, stream, inner, len(raw))
        if inner != b"PK":
            return {"": lambda: _array(path, lambda: gzip.open(io.BytesIO(raw)), len(raw))}
        raw = content
    if not raw.startswith(b"PK"):
        return {"": lambda: _array(path, lambda: io.BytesIO(raw), len(raw), len(raw))}
    return _archived(path, raw)


def text(path: str, raw: bytes) -> str:
    """The text in a file's bytes, unpacked if it is gzipped.

    Args:
        path: the name for messages; nothing is read from there.
        raw: the file's bytes, of UTF-8.

    Returns:
        The text.

    Raises:
        UserError: for bytes that are damaged, that unpack to too much, or that are no UTF-8.
    """
    try:
        return unpacked(path, raw).decode("utf-8-sig")  # a byte order mark is no part of the first name
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: cannot be read as a text ({as_clause(error)}), allowed is UTF-8") from error


def unpacked(path: str, raw: bytes) -> bytes:
    """A file's bytes as they are where nothing packs them.

    Args:
        path: the name for messages; nothing is read from there.
        raw: the file's bytes, gzipped or not.

    Returns:
        All of them.

    Raises:
        UserError: for bytes that are damaged, or that unpack to too much.
    """
    if raw.startswith(b"\x1f\x8b"):
        with sound(path), gzip.open(io.BytesIO(raw)) as stream:
            return _unpacked(path, stream, b"", len(raw))
    return raw


def is_text(raw: bytes) -> bool:
    """Whether a file's bytes begin as a text does, plain or gzipped; damaged ones do not."""
    return _begins_text(_begin(raw))


def is_hdf5(raw: bytes) -> bool:
    """Whether a file's bytes begin as HDF5 does, plain or gzipped; damaged ones do not."""
    return _begin(raw).startswith(_HDF5)


def _begin(raw: bytes) -> bytes:
    """That by which a file is recognised, unpacked if it is gzipped."""
    begin = raw[:_BEGIN]
    if begin.startswith(b"\x1f\x8b"):
        with suppress(Exception), gzip.open(io.BytesIO(raw)) as stream:  # whoever reads a damaged file says what it is
            begin = stream.read(_BEGIN)
    return begin


def read(path: str) -> bytes:
    """A file's bytes.

    Args:
        path: of a file with at most LIMIT bytes.

    Returns:
        All of them.

    Raises:
        UserError: for a larger file, and for one that cannot be read.
    """
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > LIMIT:
                raise UserError(f"{path}: has {size} bytes, allowed are {_limit()}")
            return file.read(size)
    except (OSError, MemoryError) as error:
        raise UserError(f"{path}: cannot be read ({as_clause(error)})") from error


def as_clause(error: BaseException) -> str:
    """What an error says, as a part of a sentence."""
    return " ".join(str(error).replace(". ", ", ").split()).rstrip(".") or type(error).__name__


def _archived(path: str, raw: bytes) -> dict[str, Callable[[], Array]]:
    if (count := raw.count(b"PK\1\2")) > MEMBERS:  # before each becomes an object in memory
        raise UserError(f"{path}: holds {count} files, allowed are {MEMBERS} arrays")
    with sound(path, "NPZ files"):
        archive = zipfile.ZipFile(io.BytesIO(raw))
        members = archive.infolist()
    for member in members:
        bounded(f"{path}[{member.filename}]", member.file_size, member.compress_size)
    if (total := sum(member.file_size for member in members)) > LIMIT:
        raise UserError(f"{path}: unpacks to {total} bytes, allowed are {_limit()}")
    if any(member.filename.endswith("data.pkl") for member in members):
        raise UserError(f"{path}: is what torch.save writes, allowed are IDX, NPY and NPZ files: {_ADVICE}")

    def opener(member):
        key = member.filename.removesuffix(".npy")
        where = path if lone else f"{path}[{key}]"
        return lambda: _array(where, lambda: archive.open(member), member.compress_size, member.file_size)

    lone = {member.filename for member in members} == {"arr_0.npy"}
    return {"" if lone else member.filename.removesuffix(".npy"): opener(member) for member in members}


def _array(where: str, opened: Callable[[], _Stream], stored: int, size: int | None = None) -> Array:
    """What the header of an IDX or NPY file says. stored: the bytes it takes in its file; size: its own, if known."""
    with sound(where), opened() as stream:
        magic = stream.read(8)
        if magic.startswith(b"\0\0"):
            found = _idx_header(where, magic, stream)
        elif magic.startswith(b"\x93NUMPY"):
            found = _npy_header(where, magic, stream)
        else:
            raise UserError(_no_array(where, magic + stream.read(_BEGIN - len(magic))))
    array = Array(where, *found, opened)
    if size is not None:
        array.fits(size - array.start)
    bounded(where, array.size, stored)
    return array


def _idx_header(where: str, magic: bytes, stream: _Stream) -> _Header:
    """IDX: two zero bytes, type, number of dimensions; each dimension as a big-endian uint32; the values."""
    start = 4 + 4 * magic[3] if len(magic) > 3 else 4
    head = magic + stream.read(max(0, start - len(magic)))
    if len(head) < start:
        raise UserError(f"{where}: is truncated after {len(head)} bytes, the IDX header alone needs {start}")
    if head[2] not in _IDX:
        allowed = ", ".join(f"0x{code:02x}" for code in _IDX)
        raise UserError(f"{where}: has the IDX type 0x{head[2]:02x}, allowed are {allowed}")
    shape = tuple(int.from_bytes(head[i : i + 4], "big") for i in range(4, start, 4))
    return shape, np.dtype(_IDX[head[2]]), False, start


def _npy_header(where: str, magic: bytes, stream: _Stream) -> _Header:
    readers = np.lib.format.read_array_header_1_0, np.lib.format.read_array_header_2_0
    versions: dict[tuple[int, ...], Callable] = {(1, 0): readers[0], (2, 0): readers[1]}
    version = tuple(magic[6:])
    if len(version) == 2 and version not in versions:  # 3.0 is for names of fields that are no Latin-1
        raise UserError(f"{where}: cannot be read, allowed are NPY files of version 1.0 and 2.0")
    counted = _Counted(stream)
    shape, column_major, dtype = versions[version](counted)
    if dtype.hasobject:
        raise UserError(f"{where}: cannot be read: its objects are a pickle, which may run code; allowed are numbers")
    if any(isinstance(length, bool) or length < 0 for length in shape):
        raise UserError(f"{where}: cannot be read: it has the shape {shape}")
    return shape, dtype, column_major, len(magic) + counted.count


class _Counted:
    """A stream that counts what is read, and refuses to read more than a header may have."""

    def __init__(self, stream: _Stream):
        self._stream, self.count = stream, 0

    def read(self, size: int = _HEADER, /) -> bytes:
        if size > _HEADER:
            raise ValueError(f"its header claims {size} bytes")
        content = self._stream.read(size)
        self.count += len(content)
        return content


def _no_array(where: str, begin: bytes) -> str:
    """What a file is that is no array, and what to do."""
    allowed = "allowed are IDX, NPY and NPZ files"
    told = f"{where}: begins with the bytes '{begin[:4].hex(' ')}'"
    if begin[:1] == b"\x80" and begin[1:2] in (b"\2", b"\3", b"\4", b"\5") or begin[:4] in _OLD_PICKLES:
        return f"{told}, a pickle, which may run code and is never read, {allowed}: {_ADVICE}"
    if begin.startswith(_HDF5):
        return f"{told}, an HDF5 file, which only the task spiking_digits reads, as events, {allowed}: {_ADVICE}"
    if begin.startswith(b"PAR1"):
        return f"{told}, a Parquet file, {allowed}: {_ADVICE}"
    if _begins_text(begin):
        return f"{told}, a text like a CSV, {allowed}: np.loadtxt or pandas.read_csv reads it, and {_ADVICE}"
    return f"{told}, {allowed}"


def _begins_text(begin: bytes) -> bool:
    if begin[:4] in _OLD_PICKLES:
        return False
    try:
        words = codecs.getincrementaldecoder("utf-8-sig")().decode(begin)  # which may end within a sign
    except UnicodeDecodeError:
        return False
    return bool(words) and all(sign in "\t\r\n" or unicodedata.category(sign) != "Cc" for sign in words)


def bounded(where: str, size: int, stored: int) -> None:
    """Refuses what would take more memory than is allowed, or than any data would.

    Args:
        where: its name for messages.
        size: bytes that are asked for.
        stored: bytes that it takes in its file.

    Raises:
        UserError: with both.
    """
    if size > LIMIT:
        raise UserError(f"{where}: unpacks to {size} bytes, allowed are {_limit()}")
    if size > max(_SMALL, RATIO * stored):
        raise UserError(f"{where}: {stored} bytes that unpack to {size}, allowed are {RATIO} times as many")


def _unpacked(path: str, stream: _Stream, content: bytes, stored: int) -> bytes:
    """All that is left in a stream, after what was read of it."""
    pieces, size = [content], len(content)
    while piece := stream.read(_PIECE):
        pieces.append(piece)
        size += len(piece)
        bounded(path, size, stored)
    return b"".join(pieces)


def _pieces(stream: _Stream, size: int) -> bytearray:
    """As many bytes as there are of these."""
    content = bytearray()
    while len(content) < size and (piece := stream.read(min(_PIECE, size - len(content)))):
        content += piece
    return content


def _limit() -> str:
    return f"{LIMIT} (tasks.data.formats.LIMIT)"


@contextmanager
def sound(where: str, kind: str = "files") -> Iterator[None]:
    """Tells what a damaged file raises: nearly anything, from EOFError and BadZipFile to MemoryError.

    Args:
        where: its name for messages.
        kind: what is allowed.

    Yields:
        Nothing: what is done meanwhile is reading the file.

    Raises:
        UserError: in place of whatever is raised meanwhile.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{where}: cannot be read, allowed are whole, undamaged {kind} ({as_clause(error)})") from error
