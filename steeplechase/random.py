"""Chance as an argument: a counter-based generator whose streams are named by words.

Threefry-2x32 with 20 rounds (Salmon, Moraes, Dror, Shaw 2011, doi:10.1145/2063384.2063405) in plain tensor operations.
TensorFlow's own stateless generators fall back to a loop over replicas inside vectorized_map, and draw other floats
under XLA than outside; this one vectorises, and its bits are the same everywhere.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np
import tensorflow as tf

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_STEP = 0x53544550  # keeps the stream of a step apart from the stream of a word


def hash_words(*names: object) -> tuple[int, int]:
    """Two 32-bit words hashed from any printable names (SHA-256)."""
    digest = hashlib.sha256("\0".join(map(str, names)).encode()).digest()
    return int.from_bytes(digest[:4], "little"), int.from_bytes(digest[4:8], "little")


def key(seed: int) -> np.ndarray:
    """The key of a replica: uint32 [2], hashed from its seed."""
    return np.array(hash_words("seed", seed), np.uint32)


class Chance:
    """One stream of chance. Deriving a stream and drawing from it change nothing: the same words, the same numbers.

    Attributes:
        key: uint32 [2], by which the stream is told from all others.
        looped: whether the rounds are a loop, which gives the same numbers. XLA writes them out again wherever a draw
            is used: of groups of draws, each used several times, it compiles for minutes, and then draws everything
            several times over. What is drawn once is quicker without.
    """

    def __init__(self, key, looped: bool = False):
        self.key, self.looped = key, looped

    def in_loops(self) -> Chance:
        """The same stream, for draws that are used several times."""
        return Chance(self.key, looped=True)

    def of(self, *names: object) -> Chance:
        """The stream named by these words."""
        low, high = hash_words(*names)
        return self._fold(tf.constant(low, tf.uint32), tf.constant(high, tf.uint32))

    def at(self, step) -> Chance:
        """The stream of this step: an int32 scalar tensor or a number."""
        return self._fold(tf.cast(step, tf.uint32), tf.constant(_STEP, tf.uint32))

    def bits(self, shape) -> tf.Tensor:
        """uint32 of this shape."""
        count = tf.range(math.prod(shape), dtype=tf.int32)
        low, _ = self._mix(self.key[0], self.key[1], tf.cast(count, tf.uint32), tf.zeros_like(count, tf.uint32))
        return tf.reshape(low, shape)

    def uniform(self, shape) -> tf.Tensor:
        """float32 in [0, 1), multiples of 2⁻²⁴."""
        return tf.cast(tf.bitwise.right_shift(self.bits(shape), tf.constant(8, tf.uint32)), tf.float32) * 2.0**-24

    def open_uniform(self, shape) -> tf.Tensor:
        """float32 in (0, 1), the odd multiples of 2⁻²⁴: symmetric about ½, and neither end is ever drawn."""
        return open_unit(self.bits(shape))

    def normal(self, shape) -> tf.Tensor:
        """float32, standard normal, by the inverse of its distribution function; symmetric, never beyond ±5.3."""
        return inverse_normal(self.open_uniform(shape))

    def permutation(self, size: int) -> tf.Tensor:
        """int32 [size]: an order of 0 … size − 1. Ties of the 31 bits drawn keep their order."""
        keys = tf.cast(tf.bitwise.right_shift(self.bits([size]), tf.constant(1, tf.uint32)), tf.int32)
        return tf.argsort(keys, stable=True)

    def _fold(self, low, high):
        low, high = self._mix(self.key[0], self.key[1], low, high)
        return Chance(tf.stack([low, high]), self.looped)

    @property
    def _mix(self):
        return threefry_loop if self.looped else threefry


def open_unit(bits: tf.Tensor) -> tf.Tensor:
    """float32 in (0, 1), from uint32: ((bits >> 9) + ½)·2⁻²³, which float32 holds exactly."""
    return (tf.cast(tf.bitwise.right_shift(bits, tf.constant(9, tf.uint32)), tf.float32) + 0.5) * 2.0**-23


def inverse_normal(u: tf.Tensor) -> tf.Tensor:
    """Where the standard normal distribution function is u, float32 strictly between 0 and 1."""
    return math.sqrt(2) * tf.math.erfinv(2 * u - 1)


def threefry(key0, key1, x0, x1):
    """Threefry-2x32-20: two words mixed under a key of two words.

    Args:
        key0: uint32 scalar, the key's first word.
        key1: uint32 scalar, its second.
        x0: uint32, any shape: what is mixed.
        x1: uint32 of the same shape, the second word of each pair.

    Returns:
        The two mixed words, uint32 of that shape.
    """
    keys = _three(key0, key1)
    x0, x1 = x0 + keys[0], x1 + keys[1]
    for group in range(5):
        for r in _ROTATIONS[group % 2]:
            x0, x1 = _round(x0, x1, tf.constant(r, tf.uint32), tf.constant(32 - r, tf.uint32))
        x0 = x0 + keys[(group + 1) % 3]
        x1 = x1 + keys[(group + 2) % 3] + tf.constant(group + 1, tf.uint32)
    return x0, x1


def threefry_loop(key0, key1, x0, x1):
    """The same numbers by a loop over the rounds, which XLA compiles once and runs once.

    Args:
        key0: as of `threefry`.
        key1: as of `threefry`.
        x0: as of `threefry`.
        x1: as of `threefry`.

    Returns:
        As `threefry`.
    """
    keys, rotations = tf.stack(_three(key0, key1)), tf.constant(_ROTATIONS, tf.int32)

    def rounds(group, x0, x1):
        turns = tf.cast(rotations[group % 2], tf.uint32)
        for r in range(4):
            x0, x1 = _round(x0, x1, turns[r], tf.constant(32, tf.uint32) - turns[r])
        x0 = x0 + keys[(group + 1) % 3]
        return group + 1, x0, x1 + keys[(group + 2) % 3] + tf.cast(group + 1, tf.uint32)

    begin = tf.constant(0), x0 + key0, x1 + key1
    _, x0, x1 = tf.while_loop(lambda group, *_: group < 5, rounds, begin, parallel_iterations=1)
    return x0, x1


def _three(key0, key1):
    """Two words of a key, and the third that follows from them."""
    last = tf.bitwise.bitwise_xor(tf.bitwise.bitwise_xor(key0, key1), tf.constant(0x1BD11BDA, tf.uint32))
    return key0, key1, last


def _round(x0, x1, left, right):
    """One round: x1 turned by `left` bits, which is `right` the other way round."""
    x0 = x0 + x1
    turned = tf.bitwise.bitwise_or(tf.bitwise.left_shift(x1, left), tf.bitwise.right_shift(x1, right))
    return x0, tf.bitwise.bitwise_xor(turned, x0)
