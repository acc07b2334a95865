"""Random numbers by counter: a pure function of (seed, stream, row, step), so that no row's numbers depend on which rows are beside it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

Words = NDArray[np.uint64]
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_KEPT_BITS = 53
_ALL_BITS = 2**64
SHARED = -1
"""The row id of numbers that all rows share."""


def uniforms(seed: int, stream: str, ids: ArrayLike, step: int, count: int) -> NDArray[np.float64]:
    """Uniform numbers in [0, 1) for each row.

    Args:
        seed: of the run.
        stream: what the numbers are for; other uses get other numbers.
        ids: (n,) whole numbers that name the rows, not their places.
        step: counts on within a stream.
        count: how many numbers each row gets.

    Returns:
        (n, count); 53 random bits each. SplitMix64 (Steele, Lea, Flood 2014) over keys that were mixed in turn.
    """
    words = _words(seed, stream, ids, step, count)
    return (words >> np.uint64(64 - _KEPT_BITS)).astype(np.float64) * 2.0**-_KEPT_BITS


def normals(seed: int, stream: str, ids: ArrayLike, step: int, count: int) -> NDArray[np.float64]:
    """Standard normal numbers for each row, (n, count); arguments as for `uniforms` (Box and Muller 1958)."""
    half = (count + 1) // 2
    drawn = uniforms(seed, stream, ids, step, 2 * half)
    radius = np.sqrt(-2.0 * np.log1p(-drawn[:, :half]))  # 1 - u is never 0
    angle = 2.0 * np.pi * drawn[:, half:]
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], axis=1)[:, :count]


def _words(seed: int, stream: str, ids: ArrayLike, step: int, count: int) -> Words:
    key = _mixed_once(_key(seed, stream) ^ step % _ALL_BITS)
    rows = _mixed(np.uint64(key) ^ np.asarray(ids, dtype=np.int64).view(np.uint64))
    return _mixed(rows[:, None] + np.arange(count, dtype=np.uint64) * _GOLDEN)


@cache
def _key(seed: int, stream: str) -> int:
    key = _mixed_once(seed % _ALL_BITS)
    for letters in range(0, len(stream), 8):
        key = _mixed_once(key ^ int.from_bytes(stream.encode()[letters : letters + 8], "little"))
    return key


def _mixed(words: Words) -> Words:
    """SplitMix64's output function, which spreads every bit over all others; the array is not changed."""
    mixed = words + _GOLDEN
    mixed ^= mixed >> np.uint64(30)
    mixed *= _FIRST
    mixed ^= mixed >> np.uint64(27)
    mixed *= _SECOND
    mixed ^= mixed >> np.uint64(31)
    return mixed


def _mixed_once(word: int) -> int:
    """The same of one word, without an array's overhead."""
    word = (word + int(_GOLDEN)) % _ALL_BITS
    word = (word ^ word >> 30) * int(_FIRST) % _ALL_BITS
    word = (word ^ word >> 27) * int(_SECOND) % _ALL_BITS
    return word ^ word >> 31
