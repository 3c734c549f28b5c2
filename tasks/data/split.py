"""Splits: which examples train, choose and judge, by a seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from steeplechase.errors import UserError
from tasks.data.sets import Examples, file_sha256

SHUFFLED = 0  # the number by which examples are shuffled before they are parted into subsets


@dataclass(frozen=True, eq=False)
class Splits:
    """Three disjoint parts that together are all examples.

    Attributes:
        train: what is trained on.
        validation: what settings are chosen by.
        test: what is reported.
    """

    train: Examples
    validation: Examples
    test: Examples


def part_sizes(examples: Examples, *, validation: float, test: float, subsets: int = 1) -> dict[str, int]:
    """How many of the examples each part gets.

    Args:
        examples: whose own test part is kept, where they have one.
        validation: share of the examples, in (0, 1).
        test: the same; unused where there is a test part already.
        subsets: of how many subsets of equal size the parts are those of one.

    Returns:
        By name of the part, in the order in which a split cuts: `validation`, `test` where it is cut, and `train`.

    Raises:
        UserError: for a share outside (0, 1) and for one that leaves a part empty.
    """
    n = len(examples.y) // subsets
    shares = {"validation": validation} | ({"test": test} if examples.test is None else {})
    for name, share in shares.items():
        if not 0 < share < 1:
            raise UserError(f"{name}={share}: allowed is a share of the examples between 0 and 1, both excluded")
    counts = {name: round(share * n) for name, share in shares.items()}
    counts["train"] = n - sum(counts.values())
    if empty := [name for name, count in counts.items() if count < 1]:
        asked = ", ".join(f"{name}={share}" for name, share in shares.items())
        raise UserError(f"{asked}: of {n} examples none is left for {' and '.join(empty)}, each part needs one")
    return counts


def split(examples: Examples, *, seed: int, validation: float, test: float) -> Splits:
    """Train, validation and test part, by a permutation that follows from the seed alone.

    Args:
        examples: of a set, which may have a test part of its own: that is kept, and `test` then unused.
        seed: a whole number, at least 0.
        validation: share of the examples, in (0, 1).
        test: share of the examples, in (0, 1).

    Returns:
        The three parts.

    Raises:
        UserError: for a share outside (0, 1) and for one that leaves a part empty.
    """
    counts = part_sizes(examples, validation=validation, test=test)
    order = np.random.Generator(np.random.PCG64(int(file_sha256(f"split {seed}"), 16))).permutation(len(examples.y))
    ends = np.cumsum(list(counts.values()))[:-1]
    parts = {
        name: Examples(examples.x[chosen], examples.y[chosen], examples.classes)
        for name, chosen in zip(counts, np.split(order, ends), strict=True)
    }
    if examples.test is not None:
        parts["test"] = examples.test
    return Splits(**parts)


def subset_places(
    examples: Examples, subsets: int, batch: int, *, validation: float, test: float, shuffled: int = SHUFFLED
) -> np.ndarray:
    """Disjoint subsets of the examples, all of one size: the examples are shuffled once and cut.

    Args:
        examples: of a set; a test part of its own is not parted.
        subsets: how many, at least 2.
        batch: examples of a step, which each subset must have to train on.
        validation: share of a subset, in (0, 1).
        test: the same; unused where there is a test part already.
        shuffled: the number that the order follows from.

    Returns:
        int64 [subsets, size], places of examples, in no order; what is left over, fewer than there are subsets, is in
        none.

    Raises:
        UserError: for so many that a subset has an empty part, or fewer training examples than a batch, with the most
            that can be; and as `part_sizes` for shares.
    """
    n = len(examples.y)
    part_sizes(examples, validation=validation, test=test)  # what is wrong with all of them, whatever the subsets

    def fits(number: int) -> bool:
        try:
            return part_sizes(examples, validation=validation, test=test, subsets=number)["train"] >= batch
        except UserError:
            return False

    if not fits(subsets):
        most = next((number for number in range(min(subsets, n), 1, -1) if fits(number)), 0)
        can = f"{most} is the most" if most else "there are too few even for two"
        raise UserError(
            f"task.subsets is {subsets}, which makes subsets of {n // subsets} of the {n} examples, but each needs one "
            f"example to validate on, one to test on and a batch of {batch} to train on: {can}"
        )
    chance = np.random.Generator(np.random.PCG64(int(file_sha256(f"subsets {shuffled}"), 16)))
    size = n // subsets
    return chance.permutation(n)[: subsets * size].reshape(subsets, size)
