"""Gives modules of a network other classes for a while."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from torch import nn


@contextmanager
def reclassed(kinds: Sequence[tuple[nn.Module, type[nn.Module]]]) -> Iterator[None]:
    """Give each module the class beside it within the `with` block.

    Only the class is replaced, and restored at the end: parameters, names and hooks stay, and
    modules can be copied within the block.
    """
    usual = [(module, type(module)) for module, _ in kinds]
    try:
        for module, kind in kinds:  # inside `try`, as Ctrl-C may interrupt the loop
            module.__class__ = kind
        yield
    finally:
        for module, kind in usual:
            module.__class__ = kind
