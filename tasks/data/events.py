"""Recorded events, in the layout of the Spiking Heidelberg Digits: read from HDF5, checked and counted.

Such a file has `spikes/times`, for each example an array of seconds of any length, `spikes/units`, arrays of as many
channels, and `labels`. Source: Cramer, Stradmann, Schemmel and Zenke 2020, arXiv:1910.07407.

What a file asks for is held against its bytes before it is read, as in formats, and one example is read at a time. What
lies in other files (links, external storage, virtual datasets) is refused: no checksum would cover it. What the library
of HDF5 does with a malformed file is not bounded: most are refused, some crash it. Imports NumPy, and h5py only where
there is such a file.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from steeplechase.errors import UserError
from tasks.data import formats, labelling

TAKEN_BY = ("spiking_digits",)  # the tasks that count events by their arguments duration, window, inputs and units
TIMES, UNITS, LABELS = "spikes/times", "spikes/units", "labels"
_ALLOWED = f"allowed is an HDF5 file with {TIMES}, {UNITS} and {LABELS}"
MOST_COUNTS = formats.LIMIT // 4  # float32, of one file
_CHUNKS = 2**26  # bytes of a dataset that stay unpacked: each example is read by itself


@dataclass(frozen=True)
class Counting:
    """How events become the numbers of an example: one at t seconds of unit u counts at step ⌊t/window·steps⌋ for input
    ⌊u/units·inputs⌋. Several at one place are added up.

    Attributes:
        steps: of time.
        window: seconds that they take together; later events are not seen.
        inputs: to which the units are pooled.
        units: channels that events come from, numbered from 0.
        test_data: the path of the events that are reported; None: a share of the others is.
    """

    steps: int
    window: float = 1.4
    inputs: int = 70
    units: int = 700
    test_data: str | None = None

    @property
    def size(self) -> int:
        """How many numbers an example has."""
        return self.steps * self.inputs

    def refuse_images(self, data: str) -> None:
        """Refuses what images have no use for.

        Args:
            data: the name of the set, or the path of the file, that has no events.

        Raises:
            UserError: with the first argument that is not left as it is.
        """
        for field in fields(self)[1:]:
            value, unused = getattr(self, field.name), "null" if field.default is None else field.default
            if value != field.default:
                raise UserError(
                    f"task.{field.name} is {value}, but {data} holds no recorded events, which alone have it: leave it "
                    f"at {unused}, or name an HDF5 file of events by task.data"
                )


def counting(task: Mapping[str, Any]) -> Counting | None:
    """How a task counts events.

    Args:
        task: its name and its arguments.

    Returns:
        What its arguments say; None of a task that takes no events.
    """
    if task["name"] not in TAKEN_BY:
        return None
    return Counting(task["duration"], task["window"], task["inputs"], task["units"], task.get("test_data"))


@dataclass(frozen=True, eq=False)
class Recording:
    """Events that are still in their file, as its headers describe them.

    Attributes:
        where: the file's name for messages.
        content: its bytes, unpacked.
        labels: int64 [n], none negative.
    """

    where: str
    content: bytes
    labels: np.ndarray

    def fits(self, counting: Counting) -> None:
        """Refuses more counts than are held.

        Args:
            counting: how events are counted.

        Raises:
            UserError: with how many there would be.
        """
        if (count := len(self.labels) * counting.size) > MOST_COUNTS:
            raise UserError(
                f"{self.where}: {len(self.labels)} examples of {counting.steps} steps and {counting.inputs} inputs are "
                f"{count} counts, allowed are {MOST_COUNTS}: set task.duration or task.inputs to a smaller number"
            )

    def read(self, counting: Counting) -> tuple[np.ndarray, tuple[str, ...]]:
        """The events, counted.

        Args:
            counting: how.

        Returns:
            (float32 [n, steps·inputs], a remark where events come too late to be seen).

        Raises:
            UserError: for a file that is damaged, for times and units that are none, and where no event is seen.
        """
        counts = np.zeros([len(self.labels), counting.size], np.float32)
        total = seen = 0
        for example, (times, units) in enumerate(self._events()):
            places = _places(f"{self.where}: example {example} (counted from 0)", times, units, counting)
            counts[example] = np.bincount(places, minlength=counting.size)
            total += len(times)
            seen += len(places)
        if not seen:
            raise UserError(
                f"{self.where}: none of {total} events comes within the first {counting.window:g} s, allowed are times "
                "in seconds, of which task.window are seen"
            )
        share = f"{100 * (total - seen) / total:.3g} %"
        late = f"{self.where}: {share} of the {total} events come after {counting.window:g} s and are not seen"
        return counts, () if seen == total else (f"{late} (task.window).",)

    def _events(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """(seconds, units) of each example."""
        taken = 0
        with _opened(self.where, self.content) as (times, units, _):
            for example in range(len(self.labels)):
                found = times[example], units[example]
                taken += sum(array.nbytes for array in found)
                formats.bounded(self.where, taken, len(self.content))  # examples may share what is stored once
                yield found


def recording(path: str, raw: bytes) -> Recording:
    """What a file's bytes hold, as far as its headers and its labels tell.

    Args:
        path: the name for messages; nothing is read from there.
        raw: the file's bytes: HDF5, plain or gzipped.

    Returns:
        The recording.

    Raises:
        UserError: for all that is no whole file of that layout, that asks for too much, or that leads to other files.
    """
    if not formats.is_hdf5(raw):
        raise UserError(f"{path}: is none, {_ALLOWED}")
    content = formats.unpacked(path, raw)
    with _opened(path, content) as (times, units, labels):
        for array, kinds, allowed in ((times, "f", "floats, in seconds"), (units, "iu", "integers")):
            within = _within(array)
            if within is None or within.kind not in kinds:
                kind = array.dtype if within is None else f"arrays of {within}"
                raise UserError(f"{_name(path, array)}: holds {kind}, allowed are arrays of any length of {allowed}")
        labelling.check_header(_name(path, labels), labels.shape, labels.dtype)
        for array in (times, units):
            if array.shape != labels.shape[:1]:
                raise UserError(
                    f"{_name(path, array)}: has the shape {array.shape}, allowed is one array for each of the "
                    f"{labels.shape[0]} labels"
                )
        return Recording(path, content, labelling.numbers(_name(path, labels), labels[()]))


@contextmanager
def _opened(where: str, content: bytes) -> Iterator[list[Any]]:
    """The datasets of times, units and labels, which lie in the file and ask for no more than it may hold."""
    import h5py

    with formats.sound(where, "HDF5 files"), h5py.File(io.BytesIO(content), "r", rdcc_nbytes=_CHUNKS) as file:
        datasets = [_dataset(where, file, key) for key in (TIMES, UNITS, LABELS)]
        for dataset in datasets:
            asked = max(math.prod(dataset.shape), math.prod(dataset.chunks or ()))
            formats.bounded(_name(where, dataset), asked * dataset.id.get_type().get_size(), len(content))
        yield datasets


def _dataset(where: str, file: Any, key: str) -> Any:
    """The dataset of this key."""
    import h5py

    place, names = file, key.split("/")
    for name in names:
        links = place.id.links
        if not links.exists(name.encode()):
            raise UserError(f"{where}: has no {key}, {_ALLOWED}")
        if links.get_info(name.encode()).type != h5py.h5l.TYPE_HARD:
            raise UserError(f"{where}[{key}]: is a link, which may lead elsewhere, {_ALLOWED} in itself")
        place = place[name]
        if not isinstance(place, h5py.Dataset if name == names[-1] else h5py.Group):
            raise UserError(f"{where}[{key}]: is no dataset, {_ALLOWED}")
    if place.is_virtual or place.external or place.shape is None:
        raise UserError(f"{where}[{key}]: is empty, or lies in another file, {_ALLOWED} in itself")
    return place


def _name(where: str, dataset: Any) -> str:
    return f"{where}[{dataset.name.strip('/')}]"


def _within(dataset: Any) -> np.dtype | None:
    """The type of the values in a dataset's arrays of any length; None of one that has no such arrays of numbers."""
    import h5py

    within = h5py.check_vlen_dtype(dataset.dtype)
    return within if isinstance(within, np.dtype) else None


def _places(where: str, times: np.ndarray, units: np.ndarray, counting: Counting) -> np.ndarray:
    """Where an example's events count, int64, of those that are seen."""
    if len(times) != len(units):
        raise UserError(f"{where} has {len(times)} times and {len(units)} units, allowed is one unit for each time")
    times = times.astype(np.float64)  # a comparison in their type would round the window
    if bad := np.flatnonzero(~(np.isfinite(times) & (times >= 0))).tolist():
        raise UserError(f"{where} has the time {times[bad[0]]}, allowed are finite seconds from 0 on")
    if back := np.flatnonzero(times[1:] < times[:-1]).tolist():
        at = back[0]
        raise UserError(
            f"{where} has its times out of order, {times[at + 1]} after {times[at]}, allowed are times that never fall"
        )
    if bad := np.flatnonzero((units < 0) | (units >= counting.units)).tolist():
        raise UserError(
            f"{where} has the unit {units[bad[0]]}, allowed are 0 to {counting.units - 1}: task.units says how many "
            "there are"
        )
    seen = times < counting.window
    step = (times[seen] * counting.steps / counting.window).astype(np.int64)  # in this order borders are exact
    step = np.minimum(step, counting.steps - 1)  # where a time just below the window was rounded
    return step * counting.inputs + units[seen].astype(np.int64) * counting.inputs // counting.units
