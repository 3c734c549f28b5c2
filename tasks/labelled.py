"""Labelled examples as networks train on them: a split for each draw, batches, and the judging of what is held out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from steeplechase.errors import UserError
from steeplechase.random import Chance
from tasks.base import Draw
from tasks.data.events import Counting
from tasks.data.sets import Examples, load_any
from tasks.data.split import SHUFFLED, part_sizes, split, subset_places

PIECE = 1024


@dataclass(frozen=True, eq=False)
class Labelled:
    """Examples of which each draw trains on a part of its own, or all on the same one.

    Attributes:
        whole: all examples, with their test part where they bring one.
        parts: by name those that are everybody's: all that are drawn from, under "train", and what is fixed.
        arrays: the same as tensors, features and labels.
        counts: by name how many examples a draw's parts have.
        places: of subsets those of each, int32 [subsets, size]; None: draws split all examples.
        split_seed: of the split that is everybody's; None: each draw has its own.
        batch: examples of a step.
        dtype: of the features.
        piece: examples judged at once: bounds the memory, not the numbers.
    """

    whole: Examples
    parts: Mapping[str, Examples]
    arrays: Mapping[str, tuple[tf.Tensor, tf.Tensor]]
    counts: Mapping[str, int]
    places: np.ndarray | None
    split_seed: int | None
    batch: int
    dtype: str
    piece: int = PIECE

    @property
    def features(self) -> int:
        """How many numbers an example has."""
        return self.whole.x.shape[1]

    @property
    def classes(self) -> int:
        """How many labels there are."""
        return self.whole.classes

    def problem(self, chance: Chance, draw: tf.Tensor) -> dict[str, tf.Tensor]:
        """A draw's split, as Task.problem has it.

        Args:
            chance: of the draw.
            draw: its number, an int32 scalar.

        Returns:
            int32 places in the examples, by the name of the part.
        """
        if self.places is None:
            order = chance.of("split").permutation(len(self.whole.y))
        else:
            order = tf.gather(tf.constant(self.places, tf.int32), draw)
        return dict(zip(self.counts, tf.split(order, list(self.counts.values())), strict=True))

    def part(self, name: str, problem: Mapping[str, tf.Tensor], at: int, end: int) -> tuple[tf.Tensor, tf.Tensor]:
        """A part's examples from one place to another.

        Args:
            name: `train`, `validation` or `test`.
            problem: the replica's own.
            at: the first place.
            end: the place after the last one; there may be fewer.

        Returns:
            (features [n, features], int32 labels [n]): those of the replica's split, or everybody's.
        """
        if name in problem:
            x, y = (tf.gather(array, problem[name][at:end]) for array in self.arrays["train"])
        else:
            x, y = (array[at:end] for array in self.arrays[name])
        return x, y

    def count(self, name: str) -> int:
        """How many examples a part has."""
        return self.counts.get(name) or len(self.parts[name].y)

    def pieces(self, name: str, problem: Mapping[str, tf.Tensor]) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
        """All examples of a part, as many at once as are judged at once.

        Args:
            name: `train`, `validation` or `test`.
            problem: the replica's own.

        Yields:
            As `part`.
        """
        count = self.count(name)
        for at in range(0, count, self.piece):
            yield self.part(name, problem, at, min(count, at + self.piece))

    def judge(self, problem: Mapping[str, tf.Tensor], outputs: Callable, losses: Callable) -> dict[str, tf.Tensor]:
        """Loss and accuracy on what is held out.

        Args:
            problem: the replica's own.
            outputs: of features [n, features] the network's [n, classes].
            losses: of outputs and labels the losses [n].

        Returns:
            validation_loss, validation_accuracy, test_loss and test_accuracy.
        """
        measures: dict[str, tf.Tensor] = {}
        for name in ("validation", "test"):
            count, total, right = self.count(name), tf.zeros([], self.dtype), tf.zeros([], self.dtype)
            for x, y in self.pieces(name, problem):
                seen = outputs(x)
                total += tf.reduce_sum(losses(seen, y))
                right += tf.reduce_sum(tf.cast(tf.argmax(seen, -1, tf.int32) == y, self.dtype))
                finite = tf.reduce_all(tf.math.is_finite(seen))
                right = tf.where(finite, right, tf.constant(np.nan, self.dtype))  # argmax answers even where all is NaN
            measures |= {f"{name}_loss": total / count, f"{name}_accuracy": right / count}
        return measures

    @property
    def fields(self) -> dict[str, Any]:
        """What a Task says of its examples, and by which of them it is chosen and reported."""
        # A test part that comes with the data is in every draw: they say nothing of other test examples.
        overlap = None
        if "test" in self.counts:
            overlap = self.counts["test"] / self.counts["train"] if self.places is None else 0.0
        of_split, of_subset = Draw("split", self.split_seed, overlap), Draw("subset", None, overlap, SHUFFLED)
        return {
            "examples": (self.parts["train"].x, self.parts["train"].y),
            "batch": self.batch,
            "checksum": self.whole.checksum,
            "remarks": self.whole.remarks,
            "problem": self.problem if self.split_seed is None else None,
            "training": self.counts["train"],
            "draw": of_split if self.places is None else of_subset,
            "selects": "validation_accuracy",
            "reports": "test_accuracy",
        }


def labelled(
    data: str,
    labels: str | None,
    *,
    batch: int,
    validation: float,
    test: float,
    split_seed: int | None,
    subsets: int | None,
    dtype: str,
    piece: int = PIECE,
    counting: Counting | None = None,
) -> Labelled:
    """The examples of a named set or of files, and how they are split.

    Args:
        data: a named set, or the path of a file (tasks.data.sets.load_any).
        labels: the path of the labels, or the name of their column; None: the data have them.
        batch: examples of a step.
        validation: share of the examples that settings are chosen by.
        test: share of the examples that is reported; a set with test files of its own keeps them.
        split_seed: of the split that all draws share; None: each has its own.
        subsets: into how many disjoint subsets they are parted, one a draw; None: they are not.
        dtype: of the features.
        piece: examples judged at once: bounds the memory, not the numbers.
        counting: how recorded events are counted; None: none are taken.

    Returns:
        The examples.

    Raises:
        UserError: for data that cannot be read, or are too few for this.
    """
    examples = load_any(data, labels, counting)
    places = None if subsets is None else subset_places(examples, subsets, batch, validation=validation, test=test)
    counts = part_sizes(examples, validation=validation, test=test, subsets=subsets or 1)
    if batch > counts["train"]:
        raise UserError(f"task.batch is {batch}, but {data} leaves only {counts['train']} training examples.")
    if split_seed is None:
        parts = {"train": examples} | ({"test": examples.test} if examples.test is not None else {})
    else:
        parts = vars(split(examples, seed=split_seed, validation=validation, test=test))
    arrays = {name: (tf.constant(part.x, dtype), tf.constant(part.y)) for name, part in parts.items()}
    return Labelled(examples, parts, arrays, counts, places, split_seed, batch, dtype, piece)
