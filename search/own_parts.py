"""Sends attention blocks and quality measures of the user's own to workers, which could not import
their modules; zero-cost scores have functions of their own (`scores.sending`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..blocks.block import Block, blocks
from ..studies.quality import Measure, measures
from .by_value import by_value, require_picklable, users_modules


def packed_blocks() -> bytes:
    """The user's own block classes, pickled with what their modules define; empty if there are
    none.

    Raises:
        InputError: one cannot be pickled.
    """
    return _packed(blocks.foreign(), "the block {} must be a class")


def unpacked_blocks(data: bytes) -> dict[str, type[Block]]:
    """The block classes that another process has packed."""
    return _unpacked(data)


def packed_measures(name: str | None = None) -> bytes:
    """The user's own quality measures, or the one called `name`, pickled with what their modules
    define; empty if there are none.

    Raises:
        InputError: one cannot be pickled.
    """
    measures.load()
    own = measures.foreign()
    return _packed({key: own[key] for key in own if name in (None, key)}, "the measure {} must be an object")


def unpacked_measures(data: bytes) -> None:
    """Register the quality measures that another process has packed."""
    found: dict[str, Measure] = _unpacked(data)
    measures.adopt(found)


def _packed(own: Mapping[str, object], what: str) -> bytes:
    """Parts by name as bytes; `what` says in an error what a part of this kind must be."""
    if not own:
        return b""  # without importing Ray
    import ray.cloudpickle as pickle

    with by_value(users_modules()):
        for name, part in own.items():
            require_picklable(part, what.format(repr(name)))
        return pickle.dumps(dict(own))


def _unpacked(data: bytes) -> dict[str, Any]:
    if not data:
        return {}
    import ray.cloudpickle as pickle

    return pickle.loads(data)
