"""A network's name as somebody writes it → the published network: timm's tags left off, and timm's
other names told from mistakes.

timm is asked only when a name is not ours: importing it takes seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from ..blocks import InputError
from ..blocks.errors import unknown
from .architectures import Architecture, architecture, architectures


def find_architecture(name: str, *, others: Sequence[str] = ()) -> Architecture:
    """The published network called `name`, timm's tag of trained weights ("resnet50.a1_in1k") left
    off: it changes no cost.

    `others` are names of what else could be meant, for the error alone.

    Raises:
        InputError: nobody knows the name, or timm does and no skeleton has that network; the
            nearest that is known is named.
    """
    plain = name.partition(".")[0]
    ours = architectures()
    if plain in ours:
        return architecture(plain)
    theirs = _of_timm()
    if plain in theirs:
        near = ", ".join(get_close_matches(plain, ours, n=3, cutoff=0.5))
        raise InputError(
            f"timm has {plain!r}, but no candidate of the skeletons equals it{f'; near: {near}' if near else ''}"
        )
    known = [*ours, *others]
    if not get_close_matches(plain, known, n=1, cutoff=0.5) and (
        near := get_close_matches(plain, theirs, n=1, cutoff=0.5)
    ):
        raise InputError(
            f"unknown architecture {name!r}; the nearest is timm's {near[0]!r}, which no candidate of the skeletons"
            " equals"
        )
    raise unknown("architecture", name, known)


def _of_timm() -> list[str]:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own matters
        import timm
    return timm.list_models()
