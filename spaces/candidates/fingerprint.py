"""Hashes the descriptions of blocks to 64 bits, for one block or for arrays of them at once.

Equal descriptions have equal fingerprints, which tells which of many settings build the same
network without writing out each network. The id of a candidate is its SHA-256 (`Candidate.id`).
"""

from __future__ import annotations

import dataclasses
import hashlib
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...blocks import Block

Key = NDArray[np.uint64]
"""One 64-bit number for each row, or an array of shape () for all rows."""

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
"""The increment of SplitMix64."""
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_BASE = np.uint64(0x100000001B3 | 1)


def scrambled(key: Key) -> Key:
    """A bijection of 64-bit numbers in which every output bit depends on every input bit: the
    finaliser of SplitMix64 (Steele et al., OOPSLA 2014)."""
    with np.errstate(over="ignore"):
        key = (key ^ (key >> np.uint64(30))) * _FIRST
        key = (key ^ (key >> np.uint64(27))) * _SECOND
        return key ^ (key >> np.uint64(31))


def mixed(seed: Any, value: Any) -> Key:
    """The hash of `value` under the hash `seed` of what precedes it."""
    with np.errstate(over="ignore"):
        return scrambled((np.asarray(seed, np.uint64) ^ np.asarray(value, np.uint64)) + GOLDEN)


def fingerprint(block: Block) -> Key:
    """The fingerprint of a block whose shape-dependent choices have been resolved."""
    key: Key = np.asarray(_of_text(type(block).name))
    for name in _fields(type(block)):
        value = getattr(block, name)
        if isinstance(value, Block):
            key = mixed(key, fingerprint(value))
        elif isinstance(value, str | bool | tuple) or value is None:
            key = mixed(key, _of_text(repr(value)))
        else:
            key = mixed(key, np.asarray(value, np.float64).view(np.uint64))
    return key


def repeated(key: Key, unit: Key, count: Any) -> Key:
    """The fingerprint of the sequence `key` after appending `unit` `count` times: 0 leaves it, and
    appending twice equals appending once and once again."""
    most = int(np.max(count, initial=0))
    powers, sums = np.ones(most + 1, np.uint64), np.zeros(most + 1, np.uint64)
    with np.errstate(over="ignore"):
        for index in range(most):
            powers[index + 1] = powers[index] * _BASE
            sums[index + 1] = sums[index] * _BASE + np.uint64(1)
        return key * powers[count] + unit * sums[count]


@lru_cache(maxsize=4096)
def _of_text(text: str) -> np.uint64:
    return np.frombuffer(hashlib.sha256(text.encode()).digest()[:8], np.uint64)[0]


@lru_cache(maxsize=256)
def _fields(cls: type[Block]) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(cls))  # type: ignore[arg-type]
