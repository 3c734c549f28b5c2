"""What examples in a CSV promise: what pandas reads there, and one clear sentence for every bad table."""

import csv
import gzip
import hashlib
import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from steeplechase.errors import UserError
from tasks.data import sets
from tasks.data.sets import checksum, load
from tests.helpers.errors import refusal

quick = settings(deadline=None, max_examples=40, database=None)
numbers = st.floats(width=32, allow_nan=False, allow_infinity=False)
words = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=5).filter(
    lambda word: word == word.strip() and not is_number(word)
)
PLAIN = "kind,length,width\n1,5.1,-3.5\n0,4.9,3e2\n2,4.7,.5\n1,0,1\n"


def is_number(word):
    try:
        float(word)
    except ValueError:
        return False
    return True


def write(folder, text, name="flowers"):
    """The path of a file with this text or these bytes, with no extension at all."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


# --- what is read ---


@pytest.mark.parametrize("column, features", [("kind", ["length", "width"]), ("last", ["kind", "length", "width"])])
@pytest.mark.parametrize("zipped", [False, True])
def test_numbers_are_taken_as_they_stand_and_the_label_from_its_column(tmp_path, column, features, zipped):
    text = PLAIN if column == "kind" else "kind,length,last,width\n1,5.1,0,-3.5\n0,4.9,1,3e2\n2,4.7,1,.5\n1,0,2,1\n"
    found = load(write(tmp_path, gzip.compress(text.encode()) if zipped else text), column)
    frame = pd.read_csv(io.StringIO(text))
    np.testing.assert_array_equal(found.x, frame[features].to_numpy(np.float32), strict=True)
    np.testing.assert_array_equal(found.y, frame[column].to_numpy(np.int32), strict=True)
    assert found.classes == 3 and found.test is None and found.remarks == ()


@quick
@given(x=hnp.arrays(np.float32, st.tuples(st.integers(2, 8), st.integers(1, 5)), elements=numbers), draw=st.data())
def test_any_numbers_and_any_words_come_back(tmp_path_factory, x, draw):
    """The words may have commas, quotes and any letters: whoever writes a CSV quotes them."""
    labels = draw.draw(st.lists(words, min_size=len(x), max_size=len(x)).filter(lambda found: len({*found}) > 1))
    at, stream = draw.draw(st.integers(0, x.shape[1])), io.StringIO()
    writer = csv.writer(stream)
    for i, row in enumerate([[f"x{j}" for j in range(x.shape[1])], *x.astype(float).tolist()]):
        writer.writerow([*row[:at], labels[i - 1] if i else "what it is", *row[at:]])
    found = load(write(tmp_path_factory.mktemp("csv"), stream.getvalue()), "what it is")
    np.testing.assert_array_equal(found.x, x)
    assert [sorted({*labels})[y] for y in found.y] == labels and found.classes == len({*labels})


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + PLAIN,
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace(",", ", "),
        PLAIN + "\n\n",
        PLAIN.rstrip("\n"),
        PLAIN.replace("5.1", '"5.1"').replace("kind", '"kind"'),
        PLAIN.replace("\n1,", "\n+1,"),
    ],
    ids=["byte order mark", "line ends", "spaces", "blank lines", "no last line end", "quotes", "plus"],
)
def test_what_programs_write_differently_is_the_same(tmp_path, text):
    found, plain = load(write(tmp_path, text), "kind"), load(write(tmp_path, PLAIN, "plain"), "kind")
    np.testing.assert_array_equal(found.x, plain.x)
    np.testing.assert_array_equal(found.y, plain.y)


def test_a_column_is_meant_whatever_files_there_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path, plain = write(tmp_path, PLAIN), load(write(tmp_path, PLAIN), "kind")
    write(tmp_path, b"\0\0\x08\1\0\0\0\4\0\1\2\3", "kind")
    assert load(path, "kind").y.tolist() == plain.y.tolist()
    (tmp_path / "kind").unlink()
    (tmp_path / "kind").mkdir()
    assert load("flowers", "kind").y.tolist() == plain.y.tolist()


@pytest.mark.parametrize("text, remarked", [("255,3", True), ("1,1", False), ("256,3", False), ("25.5,3", False)])
def test_pixels_that_are_not_scaled_are_remarked_on(tmp_path, text, remarked):
    found = load(write(tmp_path, f"y,a,b\n0,0,0\n1,0,1\n0,{text}\n"), "y")
    assert ["as the bytes of images are" in remark for remark in found.remarks] == [True] * remarked
    assert found.x.max() == float(text.split(",")[0])


def test_classes_without_an_example_are_remarked_on(tmp_path):
    found = load(write(tmp_path, PLAIN.replace("\n2", "\n3")), "kind")
    assert ["flowers[kind]" in remark and "no example to train on (2)" in remark for remark in found.remarks] == [True]


# --- what is refused ---

# The text, and what the sentence has to say beside the file's name.
FIRST_LINES = {
    "no such column": (
        PLAIN.replace("kind", "sort"),
        "has no column 'kind' for the labels, its columns are sort, ",
    ),
    "another case": (PLAIN.replace("kind", "Kind"), "did you mean 'Kind'?"),
    "many columns": (",".join(f"p{i}" for i in range(99)) + "\n", "p7 … (99 in all)"),
    "two columns of that name": ("kind,a,kind\n0,1,0\n", "has 2 columns 'kind'"),
    "an index": (",kind,a\n0,0,1\n1,1,2\n", "column 1 has no name"),
    "only labels": ("kind\n0\n1\n", "no comma"),
    "semicolons": (PLAIN.replace(",", ";"), "no comma"),
    "tabs": (PLAIN.replace(",", "\t"), "no comma"),
    "no names": (PLAIN.split("\n", 1)[1], "begins with a line of numbers (1, 5.1, -3.5)"),
    "prose": ("These are the flowers.\n", "no comma"),
    "no line": ("\n\n", "no comma"),
    "an open quote": ('kind,"length\n1,2\n', "cannot be read as CSV"),
    "a letter of another encoding": (b"kind,length\n" + b"1,2\n" * 200 + "ä,1".encode("latin-1"), "allowed is UTF-8"),
    "truncated gzip": (gzip.compress(np.random.default_rng(0).bytes(9000).hex().encode())[:-300], "cannot be read"),
}
ROWS = {
    "no rows": ("kind,length\n", "has no row below its names"),
    "a short row": (PLAIN + "1,2\n", "line 6 has 2 cells, allowed are the 3"),
    "a long row": (PLAIN + "1,2,3,4\n", "line 6 has 4 cells, allowed are the 3"),
    "a comma too many": (PLAIN.replace("\n0,4.9,3e2", "\n0,4.9,3e2,"), "line 3 has 4 cells"),
    "a word among numbers": (PLAIN.replace("4.9", "long"), "line 3 has 'long' in the column 'length'"),
    "a decimal comma": (PLAIN.replace("4.9", '"4,9"'), "line 3 has '4,9' in the column 'length'"),
    "an empty cell": (PLAIN.replace("4.9", ""), "line 3 has nothing in the column 'length'"),
    "NaN": (PLAIN.replace(".5\n1", "NaN\n1"), "line 4 has 'NaN' in the column 'width', allowed are finite numbers"),
    "infinity": (PLAIN.replace("4.9", "-inf"), "line 3 has '-inf' in the column 'length'"),
    "too large for float32": (PLAIN.replace("3e2", "3e39"), "line 3 has '3e39' in the column 'width'"),
    "no label": (PLAIN.replace("\n0,", "\n,"), "line 3 has no label"),
    "floats as labels": (
        PLAIN.replace("\n1,", "\n1.0,"),
        "line 2 has the label 1.0, allowed are whole numbers",
    ),
    "NaN as a label": (PLAIN.replace("\n2,", "\nnan,"), "line 4 has the label nan"),
    "words and numbers": (PLAIN.replace("\n2,", "\ntwo,"), "line 4 has 'two' and line 2 has 1"),
    "negative labels": (PLAIN.replace("\n0,", "\n-1,"), "the labels go from -1 to 2, allowed are 0 to"),
    "too large": (PLAIN.replace("\n2,", "\n99999999999999999999,"), "from 0 to 99999999999999999999, allowed are 0 to"),
    "more classes than examples": (PLAIN.replace("\n2,", "\n7,"), "would make 8 classes of 4 examples"),
    "one class": (
        PLAIN.replace("\n0,", "\n1,").replace("\n2,", "\n1,"),
        "4 examples to train on are of the class 1",
    ),
    "one word": ("kind,a\nrose,1\nrose,2\n", "all 2 examples to train on are of the class 0"),
    "a cell without end": (PLAIN + f"1,2,{'3' * 200000}\n", "line 6 cannot be read as CSV"),
}


@pytest.mark.parametrize("case", [*FIRST_LINES, *ROWS])
def test_a_bad_table_is_refused_in_one_sentence(tmp_path, case):
    text, said = {**FIRST_LINES, **ROWS}[case]
    message = refusal(write(tmp_path, text), "kind")
    assert "flowers" in message and said in message


@pytest.mark.parametrize("case", [*FIRST_LINES, *ROWS])
def test_a_plan_refuses_what_the_first_line_tells(tmp_path, case):
    path = write(tmp_path, {**FIRST_LINES, **ROWS}[case][0])
    if case in ROWS:
        assert len(checksum(path, "kind")) == 64
    else:
        assert refusal(path, "kind", call=checksum) == refusal(path, "kind")


@pytest.mark.parametrize("call", [load, checksum])
def test_a_table_whose_labels_nobody_named_says_what_can_be_named(tmp_path, call):
    message = refusal(write(tmp_path, PLAIN), call=call)
    assert "flowers: is a table, labels=COLUMN has to name the column of the labels: kind, length, width" in message


@quick
@given(text=st.text(max_size=60), start=st.sampled_from(["", "kind,a\n", "kind,a\n0,1\n1,"]))
def test_random_texts_never_raise_anything_else(tmp_path_factory, text, start):
    path = write(tmp_path_factory.mktemp("csv"), (start + text).encode("utf-8", "surrogatepass"))
    try:
        found = load(path, "kind")
    except UserError as error:
        assert "flowers" in str(error) or str(error).startswith("labels=kind: there is no such file")  # no text at all
    else:
        assert np.isfinite(found.x).all() and len({*found.y.tolist()}) > 1


# --- checksums ---


def test_the_bytes_that_are_loaded_are_the_bytes_that_are_hashed(tmp_path, monkeypatch):
    """The file is opened once, and whatever takes its place afterwards is not seen."""
    path = write(tmp_path, PLAIN)
    planned, opened, plain = checksum(path, "kind"), [], load(path, "kind")

    def replaced(raw=b"", *, sha256=hashlib.sha256, **more):
        write(tmp_path, PLAIN.replace("5.1", "6.2"))
        return sha256(raw, **more)

    def counted(file, *others, own=open, **more):
        opened.extend([file] * (file == path))
        return own(file, *others, **more)

    monkeypatch.setattr("builtins.open", counted)
    monkeypatch.setattr(hashlib, "sha256", replaced)
    found = load(path, "kind")
    monkeypatch.undo()
    assert opened == [path] and found.checksum == planned == hashlib.sha256(PLAIN.encode()).hexdigest()
    assert checksum(path, "kind") != planned
    np.testing.assert_array_equal(found.x, plain.x)


def test_what_is_a_table_is_told_by_its_content(tmp_path):
    assert sets.is_table(write(tmp_path, PLAIN)) and sets.is_table(write(tmp_path, gzip.compress(PLAIN.encode())))
    assert not any(map(sets.is_table, ["digits", "mnist", write(tmp_path, b"\0\0\x08\1")]))
