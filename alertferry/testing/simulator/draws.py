"""Random numbers that depend only on what they are for.

Every draw is a hash of a key (which object, which exposure) and of the name of the quantity, never of what was
drawn before. An alert therefore looks the same whether it is written as an alert or as part of the history
of a later one, in whichever file, chunk or run. The hash is the finaliser of SplitMix64 (Steele, Lea and Flood 2014).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def scramble(state: Array) -> Array:
    """Return well mixed 64-bit numbers, one for each of ``state`` (unsigned, 64 bits)."""
    mixed = state ^ (state >> np.uint64(30))
    mixed *= _FIRST
    mixed ^= mixed >> np.uint64(27)
    mixed *= _SECOND
    mixed ^= mixed >> np.uint64(31)
    return np.asarray(mixed)


def fold(*parts: int | str | Array) -> Array:
    """Return keys made of whole numbers, arrays of them or words; arrays must broadcast."""
    key: Array = np.zeros(1, dtype=np.uint64)
    for part in parts:
        number = crc32(part.encode()) if isinstance(part, str) else part
        with np.errstate(over="ignore"):
            key = scramble((key + _STEP) ^ np.asarray(number).astype(np.uint64))
    return key


def _draw(key: Array, what: str) -> Array:
    salt = np.array(crc32(what.encode()), dtype=np.uint64)
    with np.errstate(over="ignore"):
        return scramble(key + salt * _STEP)


def uniform(key: Array, what: str, low: float = 0.0, high: float = 1.0) -> Array:
    """Return numbers spread evenly over [low, high)."""
    return low + (high - low) * ((_draw(key, what) >> np.uint64(11)) * 2.0**-53)


def normal(key: Array, what: str, sigma: float | Array = 1.0) -> Array:
    """Return numbers around 0 with standard deviation ``sigma``, never beyond 3.5 of it.

    The sum of four 16-bit pieces of one hash (Irwin-Hall): cheap, and close enough to a Gaussian for noise.
    """
    pieces = _draw(key, what).view(np.uint16).reshape(-1, 4)
    total = pieces[:, 0].astype(np.float64)
    for column in range(1, 4):
        total += pieces[:, column]
    return np.asarray((total * 2.0**-16 - 2.0) * (3.0**0.5) * sigma)


def exponential(key: Array, what: str, scale: float = 1.0) -> Array:
    """Return positive numbers that fall off exponentially, with mean ``scale``."""
    return -scale * np.log1p(-uniform(key, what))


def whole(key: Array, what: str, count: int | Array) -> Array:
    """Return whole numbers in [0, count)."""
    return (_draw(key, what) % np.asarray(count).astype(np.uint64)).astype(np.int64)


def chance(key: Array, what: str, probability: float | Array) -> Array:
    """Return True with the given probability."""
    return np.asarray(uniform(key, what) < probability)


def weighted(key: Array, what: str, shares: Sequence[float]) -> Array:
    """Return indices into ``shares``, each as often as its share of the sum."""
    edges = np.cumsum(np.asarray(shares, dtype=np.float64))
    return np.asarray(np.searchsorted(edges, uniform(key, what) * edges[-1], side="right"))
