"""Examples in a CSV file: a line of names, then a row an example, with the label in a column that is named."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator

import numpy as np

from steeplechase.errors import UserError, did_you_mean
from tasks.data import formats

_WHOLE = re.compile(r"[+-]?[0-9]+")
_SHOWN = 8  # names of columns in a sentence


def label_column(path: str, raw: bytes, labels: str | None) -> str:
    """Refuses a table in which the labels' column cannot be told, by its first line alone.

    Args:
        path: the name for messages; nothing is read from there.
        raw: the file's bytes: a CSV in UTF-8, plain or gzipped.
        labels: the name of the column, as it was asked for.

    Returns:
        That name.

    Raises:
        UserError: for what is no such file, for a first line that is none of names, and for no column of that name or
            several.
    """
    return _names(path, next(_rows(path, raw), (0, []))[1], labels)[1]


def read(path: str, raw: bytes, labels: str | None) -> tuple[np.ndarray, list[int]]:
    """The numbers and the labels of a table.

    Args:
        path: the name for messages; nothing is read from there.
        raw: the file's bytes: a CSV in UTF-8, plain or gzipped.
        labels: the name of the column with the labels.

    Returns:
        (x, y): float32 [n, features], the other columns in their order, as their numbers stand there; and n whole
        numbers, of any size: those of the labels' column, or the places of its words in sorted order.

    Raises:
        UserError: as `label_column`; and for rows of another length, cells that are no finite numbers, and labels that
            are neither whole numbers nor words.
    """
    rows = _rows(path, raw)
    names, column = _names(path, next(rows, (0, []))[1], labels)
    at = names.index(column)
    others = [name for name in names if name != column]
    features, words = [], []
    for line, row in rows:
        if len(row) != len(names):
            raise UserError(
                f"{path}: line {line} has {len(row)} cells, allowed are the {len(names)} that the first line names"
            )
        words.append((line, row.pop(at).strip()))
        features.append(_numbers(path, line, row, others))
    if not features:
        raise UserError(f"{path}: has no row below its names, allowed is a row for each example")
    return np.stack(features), _classes(f"{path}[{column}]", words)


def _rows(path: str, raw: bytes) -> Iterator[tuple[int, list[str]]]:
    """(number of the line on which it ends, cells) of each row that is not blank."""
    reader = csv.reader(io.StringIO(formats.text(path, raw), newline=""), strict=True)
    try:
        for row in reader:
            if row:
                yield reader.line_num, row
    except csv.Error as error:
        raise UserError(f"{path}: line {reader.line_num} cannot be read as CSV ({formats.as_clause(error)})") from error


def _names(path: str, first: list[str], labels: str | None) -> tuple[list[str], str]:
    """The names in the first line, and that of the labels."""
    names = [name.strip() for name in first]
    if len(names) < 2:
        raise UserError(
            f"{path}: is a text whose first line has no comma, allowed is a CSV whose first line names the columns, "
            "with commas between them"
        )
    shown = ", ".join(names[:_SHOWN]) + (f" … ({len(names)} in all)" if len(names) > _SHOWN else "")
    if all(_number(name) is not None for name in names):
        raise UserError(f"{path}: begins with a line of numbers ({shown}), allowed are the names of the columns")
    if labels is None:
        raise UserError(f"{path}: is a table, labels=COLUMN has to name the column of the labels: {shown}")
    if labels not in names:
        near = did_you_mean(labels, names).rstrip(".")
        raise UserError(f"{path}: has no column '{labels}' for the labels, its columns are {shown}{near}")
    if (count := names.count(labels)) > 1:
        raise UserError(f"{path}: has {count} columns '{labels}', allowed is one for the labels")
    if "" in names:  # what pandas writes unasked is no feature
        raise UserError(
            f"{path}: its column {names.index('') + 1} has no name, allowed are names for all (pandas writes the index "
            "so, and leaves it out with to_csv(PATH, index=False))"
        )
    return names, labels


def _numbers(path: str, line: int, cells: list[str], names: list[str]) -> np.ndarray:
    """float32 [features], all finite."""
    try:
        values = np.array(cells, dtype=np.float64)
    except ValueError:
        values = np.array([math.nan if (value := _number(cell)) is None else value for cell in cells])
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite
        narrow = values.astype(np.float32)
    if not np.isfinite(narrow).all():
        bad = int(np.flatnonzero(~np.isfinite(narrow))[0])
        raise UserError(
            f"{path}: line {line} has {_quoted(cells[bad])} in the column '{names[bad]}', allowed are finite numbers"
        )
    return narrow


def _classes(where: str, words: list[tuple[int, str]]) -> list[int]:
    """Whole numbers as they are, words by their places in sorted order. words: with their lines."""
    for line, word in words:
        if not word:
            raise UserError(f"{where}: line {line} has no label, allowed is one for each example")
    numbers = [entry for entry in words if _number(entry[1]) is not None]
    if not numbers:
        places = {word: place for place, word in enumerate(sorted({word for _, word in words}))}
        return [places[word] for _, word in words]
    if len(numbers) < len(words):
        numeric = {line for line, _ in numbers}
        line, word = next((line, word) for line, word in words if line not in numeric)
        raise UserError(
            f"{where}: line {line} has '{word}' and line {numbers[0][0]} has {numbers[0][1]}, allowed are whole "
            "numbers alone, or words alone"
        )
    for line, word in words:
        if not _WHOLE.fullmatch(word):
            raise UserError(f"{where}: line {line} has the label {word}, allowed are whole numbers, or words")
    return [int(word) for _, word in words]


def _number(cell: str) -> float | None:
    """The number that a cell holds, NaN and infinities among them; None where it holds none."""
    try:
        return float(cell)
    except ValueError:
        return None


def _quoted(cell: str) -> str:
    return f"'{cell}'" if cell.strip() else "nothing"
