"""Data sets: found by name or path, checked, scaled to [-1, 1], split, and identified by a checksum.

Imports only NumPy and the standard library: a sweep is planned, checksums included, without TensorFlow.
"""

import gzip
import hashlib
import io
import math
import os
import zipfile
import zlib
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.util import find_spec

import numpy as np

KEYS = ("x", "images", "x_train"), ("y", "labels", "y_train")  # of an NPZ: the first that is there is taken
FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
# Origins, each tried when the one before it fails, and the md5 of FILES as in torchvision/datasets/mnist.py.
SETS = {
    "mnist": (
        [
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ],
        "f68b3c2dcbeaaa9fbdd348bbdeb94873 d53e105ee54ea40749a09fcbcd1e9432 "
        "9fb629c4189551a2d022fa330f9573f3 ec29112dd5afa0611ce80d1b7f02629c",
    ),
    "fashion_mnist": (
        [
            "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        ],
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d 25c81989df183df01b3e8a0aad5dffbe "
        "bef4ecab320f06d8554ea6380940ec79 bb300cfdad3c16e7a12a480ee83cd310",
    ),
    "kmnist": (
        ["http://codh.rois.ac.jp/kmnist/dataset/kmnist/"],
        "bdb82020997e1d708af4cf47b453dcf7 e144d726b3acfaa3e44228e80efcd344 "
        "5c965bf0a639b31b8f53240b1b52f4d7 7320c461ea6c1c855c0b718fb2a4b134",
    ),
}


class DataError(ValueError):
    """One sentence: the file or key, what was found there, and what is allowed."""


@dataclass(frozen=True, eq=False)
class Examples:
    """x float32 [n, features], y int32 [n] with 0 <= y < classes; test: the set's own test part, if any."""

    x: np.ndarray
    y: np.ndarray
    classes: int
    test: "Examples | None" = None


@dataclass(frozen=True, eq=False)
class Splits:
    """Three disjoint parts that together are all examples."""

    train: Examples
    validation: Examples
    test: Examples


def load(data: str, labels: str | None = None) -> Examples:
    """The examples of a named set, or of files that are recognised by their content.

    data: `digits`, `mnist`, `fashion_mnist`, `kmnist`, or the path of an IDX, NPY or NPZ file, or gzipped.
    labels: the path of the labels, unless the set is named or the NPZ has them (KEYS; x_test, y_test).
    Returns x float32 [n, features], y int32 [n]; bytes are v / 127.5 - 1, digits v / 8 - 1, floats as given.
    Raises DataError for whatever is wrong with the name, the files, the labels or the download.

    Source: digits: Alpaydin and Kaynak 1998, in scikit-learn; mnist and the format IDX: LeCun et al. 1998,
    http://yann.lecun.com/exdb/mnist/; fashion_mnist: arXiv:1708.07747; kmnist: arXiv:1812.01718.
    """
    paths = _paths(data, labels)
    if data == "digits":
        from sklearn.datasets import load_digits

        x, y = load_digits(return_X_y=True)
        return Examples((x / 8 - 1).astype(np.float32), y.astype(np.int32), classes=10)
    if data in SETS:
        paths = [_fetch(data, *named) for named in zip(FILES, SETS[data][1].split(), strict=True)]
        return _examples([(path, _parts(path)[""]) for path in paths])
    return _examples(_sources(*paths))


def checksum(data: str, labels: str | None = None) -> str:
    """sha256 (hex) of what `load` would read, without a download and without importing scikit-learn.

    Of a file its bytes, of two files their two digests, of a downloaded set its published checksums.
    Raises DataError for an unknown name, and for a file that is missing, empty or not to be read.
    """
    paths = _paths(data, labels)
    if data in SETS:
        return _sha256(SETS[data][1])
    digests = []
    for path in paths:
        with open(path, "rb") as file:
            digests.append(hashlib.file_digest(file, "sha256").hexdigest())
    return digests[0] if len(digests) == 1 else _sha256(" ".join(digests))


def package(data: str) -> str:
    """The package that a named set comes with; "" for any other."""
    return "scikit-learn" if data == "digits" else ""


def split(examples: Examples, *, seed: int, validation: float, test: float) -> Splits:
    """Train, validation and test part, by a permutation that follows from the seed alone.

    validation, test: shares of the examples, in (0, 1). A set's own test part is kept, `test` then unused.
    Raises DataError for a share outside (0, 1) and for one that leaves a part empty.
    """
    n = len(examples.y)
    shares = {"validation": validation} | ({"test": test} if examples.test is None else {})
    for name, share in shares.items():
        if not 0 < share < 1:
            raise DataError(f"{name}={share}: allowed is a share of the examples between 0 and 1, both excluded")
    counts = {name: round(share * n) for name, share in shares.items()}
    counts["train"] = n - sum(counts.values())
    if empty := [name for name, count in counts.items() if count < 1]:
        asked = ", ".join(f"{name}={share}" for name, share in shares.items())
        raise DataError(f"{asked}: of {n} examples none is left for {' and '.join(empty)}, each part needs one")
    order = np.random.Generator(np.random.PCG64(int(_sha256(f"split {seed}"), 16))).permutation(n)
    ends = np.cumsum(list(counts.values()))[:-1]
    parts = {
        name: Examples(examples.x[chosen], examples.y[chosen], examples.classes)
        for name, chosen in zip(counts, np.split(order, ends), strict=True)
    }
    return Splits(**({"test": examples.test} | parts))


def _paths(data: str, labels: str | None) -> list[str]:
    """The files to read, each there and not empty; none for a set that is still to be downloaded."""
    names = ["digits", *SETS]
    if data in names and labels is not None:
        raise DataError(f"labels={labels}: the set {data} brings its own labels, none are allowed beside it")
    if data in names:
        return [_digits_file()] if data == "digits" else []
    paths = []
    for key, value in {"data": data, "labels": labels}.items():
        if value is None:
            continue
        path = os.path.expanduser(value)
        if os.path.isfile(path) and os.path.getsize(path) and os.access(path, os.R_OK):
            paths.append(path)
            continue
        if not os.path.exists(path):
            found = "there is no such file"
        elif os.path.isdir(path):
            found = "is a directory"
        else:
            found = "is empty" if os.path.getsize(path) == 0 else "cannot be read"
        sets = names if key == "data" else []
        near = get_close_matches(value.lower(), sets, n=1)
        allowed = ", ".join([*sets, "the path of an IDX, NPY or NPZ file"])
        hint = f"; nearest: {near[0]}" if near else ""
        raise DataError(f"{key}={value}: {found}, allowed: {allowed}{hint}")
    return paths


def _digits_file() -> str:
    spec = find_spec("sklearn")  # finds a top-level package without importing it
    for root in (spec.submodule_search_locations or ()) if spec else ():
        path = os.path.join(root, "datasets", "data", "digits.csv.gz")
        if os.path.isfile(path):
            return path
    raise DataError("data=digits: digits.csv.gz is not found, it comes with the package scikit-learn")


def _fetch(name: str, file: str, md5: str) -> str:
    """The path of a downloaded file whose checksum is right, from the cache if it is there."""
    import keras

    failures = []
    for origin in SETS[name][0]:
        try:  # the sets share their file names: each gets a folder of the cache
            return keras.utils.get_file(
                file, origin + file, file_hash=md5, hash_algorithm="md5", cache_subdir=f"datasets/{name}"
            )
        except Exception as error:  # get_file raises a bare Exception when the network fails
            failures.append(f"{origin}: {_said(error)}")
    raise DataError(f"data={name}: {file} cannot be downloaded unharmed ({'; '.join(failures)})")


def _parts(path: str) -> dict[str, bytes]:
    """What an NPZ holds, by key; any other file, and an NPZ's only array if unnamed, under the key ''."""
    try:
        with open(path, "rb") as file:
            raw = file.read()
        raw = gzip.decompress(raw) if raw.startswith(b"\x1f\x8b") else raw
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read, allowed are whole, undamaged files ({_said(error)})") from error
    if not raw.startswith(b"PK"):
        return {"": raw}
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            parts = {name.removesuffix(".npy"): archive.read(name) for name in archive.namelist()}
    except Exception as error:  # damaged bytes raise nearly anything, from BadZipFile to NotImplementedError
        raise DataError(f"{path}: cannot be read, allowed are whole NPZ files ({_said(error)})") from error
    return {"": parts["arr_0"]} if set(parts) == {"arr_0"} else parts


def _sources(data: str, labels: str | None = None) -> list[tuple[str, bytes]]:
    """(Name for messages, bytes) of images and labels, and of the test part's if there is one."""
    images = _parts(data)
    answers = images if labels is None else _parts(labels)
    if answers is images and "" in images:
        raise DataError(f"{data}: holds one array only, labels=PATH has to name the file of the labels")
    chosen, tests = [], []
    files = (data, images, KEYS[0], "x_test"), (labels or data, answers, KEYS[1], "y_test")
    for path, parts, keys, test in files:
        key = next((key for key in ("", *keys) if key in parts), None)
        if key is None:
            found = ", ".join(sorted(parts)) or "none"
            raise DataError(f"{path}: has the keys {found}, allowed is one of {', '.join(keys)}")
        chosen.append((f"{path}[{key}]" if key else path, parts[key]))
        if test in parts:
            tests.append((f"{path}[{test}]", parts[test]))
    if len(tests) == 1:
        raise DataError(f"{tests[0][0]}: stands alone, x_test and y_test are allowed together only")
    return chosen + tests


def _examples(sources: list[tuple[str, bytes]]) -> Examples:
    pairs = []
    for images, labels in zip(sources[::2], sources[1::2], strict=True):
        x, y = _images(*images), _labels(*labels)
        if len(x) != len(y):
            raise DataError(f"{labels[0]}: has {len(y)} labels, allowed are the {len(x)} that {images[0]} needs")
        pairs.append((x, y))
    kinds = [f"{x.dtype} with {x.shape[1]} features" for x, _ in pairs]
    if kinds[0] != kinds[-1]:
        raise DataError(f"{sources[2][0]}: is {kinds[-1]}, allowed is what {sources[0][0]} is: {kinds[0]}")
    classes = 1 + max(int(y.max()) for _, y in pairs)
    examples = None
    for x, y in reversed(pairs):  # the test part comes first, so that the other one can hold it
        x = x.astype(np.float32) / 127.5 - 1 if x.dtype == np.uint8 else x
        examples = Examples(x, y.astype(np.int32), classes, examples)
    return examples


def _images(where: str, raw: bytes) -> np.ndarray:
    """uint8 or finite float32 [n, features]."""
    x = _array(where, raw, {0x08: ">u1"})
    if x.dtype != np.uint8 and x.dtype.kind != "f":
        raise DataError(f"{where}: the images are {x.dtype}, allowed are uint8 and floats")
    if x.ndim < 2 or not x.size:
        raise DataError(f"{where}: the images have the shape {x.shape}, allowed is [n, ...] with none of them 0")
    if x.dtype.kind == "f":
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite
            x = x.astype(np.float32)
        if bad := np.count_nonzero(~np.isfinite(x)):
            raise DataError(f"{where}: {bad} values are NaN or infinite in float32, allowed are finite ones")
    return x.reshape(len(x), -1)


def _labels(where: str, raw: bytes) -> np.ndarray:
    """Integers [n], none negative."""
    y = _array(where, raw, {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4"})
    if y.dtype.kind not in "iu":
        raise DataError(f"{where}: the labels are {y.dtype}, allowed are integers")
    if y.ndim != 1 or not y.size:
        raise DataError(f"{where}: the labels have the shape {y.shape}, allowed is [n] with n above 0")
    if y.min() < 0 or y.max() >= 2**31 - 1:
        raise DataError(f"{where}: the labels go from {y.min()} to {y.max()}, allowed are 0 to {2**31 - 2}")
    return y


def _array(where: str, raw: bytes, types: dict[int, str]) -> np.ndarray:
    """The array of an IDX or NPY file; types: the allowed IDX types."""
    if raw.startswith(b"\0\0"):
        return _idx(where, raw, types)
    if not raw.startswith(b"\x93NUMPY"):
        raise DataError(f"{where}: begins with the bytes '{raw[:4].hex(' ')}', allowed are IDX, NPY and NPZ files")
    stream = io.BytesIO(raw)
    try:
        array = np.load(stream, allow_pickle=False)
    except Exception as error:  # a damaged header raises nearly anything, from EOFError to MemoryError
        raise DataError(f"{where}: cannot be read, allowed are whole NPY arrays ({_said(error)})") from error
    if extra := len(raw) - stream.tell():
        raise DataError(f"{where}: {extra} bytes follow the array, allowed are none")
    return array


def _idx(where: str, raw: bytes, types: dict[int, str]) -> np.ndarray:
    """IDX: two zero bytes, type, number of dimensions; each dimension as a big-endian uint32; the values."""
    start = 4 + 4 * raw[3] if len(raw) > 3 else 4
    if len(raw) < start:
        raise DataError(f"{where}: is truncated after {len(raw)} bytes, the IDX header alone needs {start}")
    if raw[2] not in types:
        allowed = ", ".join(f"0x{code:02x}" for code in types)
        raise DataError(f"{where}: has the IDX type 0x{raw[2]:02x}, allowed here: {allowed}")
    shape = [int.from_bytes(raw[i : i + 4], "big") for i in range(4, start, 4)]
    dtype = np.dtype(types[raw[2]])
    found, needed = len(raw) - start, math.prod(shape) * dtype.itemsize
    if found != needed:
        state = "is truncated" if found < needed else "has trailing bytes"
        raise DataError(f"{where}: {state}, {found} bytes follow the header and {shape} {dtype} need {needed}")
    # flattened at once, because IDX allows more dimensions than NumPy has
    return np.frombuffer(raw, dtype, offset=start).reshape([shape[0], -1] if needed and len(shape) > 1 else -1)


def _sha256(words: str) -> str:
    return hashlib.sha256(words.encode()).hexdigest()


def _said(error: Exception) -> str:
    """What an error says, as a part of a sentence."""
    return " ".join(str(error).replace(". ", ", ").split()).rstrip(".") or type(error).__name__
