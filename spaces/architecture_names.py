"""Finds the published network that a user names.

timm's names are recognised, with or without a tag, so that the error can tell a network that automl
lacks from a misspelled name. timm is imported only if a name is unknown: that takes seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from ..blocks import InputError
from ..blocks.errors import unknown
from .architectures import Architecture, architecture, architectures


def find_architecture(name: str, *, others: Sequence[str] = ()) -> Architecture:
    """Return the published network called `name`.

    Args:
        name: the name; timm's tag of trained weights ("resnet50.a1_in1k") is ignored, because it
            does not change the cost.
        others: further names that the error may suggest.

    Raises:
        InputError: the name is unknown, or timm has the network and no skeleton does; the message
            gives the nearest known name.
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
        warnings.simplefilter("ignore")  # timm warns about its own modules
        import timm
    return timm.list_models()
