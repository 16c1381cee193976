"""What a skeleton is, and what all skeletons share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from ...blocks import Attention, block_class, names
from ...blocks.rounding import at_least, nearest
from ...blocks.shape import Number
from ..candidate import Candidate

Image = tuple[int, int, int]
"""Channels, height and width."""


class Skeleton(ABC):
    """Turns settings into candidates. `defaults` holds every dimension it understands with the value that gives its baseline."""

    name: ClassVar[str]
    stages: ClassVar[int]
    """How many stages a dimension "each: stage" has values for."""
    defaults: ClassVar[Mapping[str, Any]]
    per_stage: ClassVar[frozenset[str]]
    """Dimensions that may differ from stage to stage."""
    numeric: ClassVar[frozenset[str]]
    """Dimensions whose value may be an array: the formulas take them without looking at them."""

    @abstractmethod
    def candidate(self, settings: Mapping[str, Any], image: Image, classes: int) -> Candidate:
        """The candidate of `settings` (dimension → value, or a tuple of one value a stage); missing ones take their default.

        Raises:
            InvalidBlock: no network can be built from them.
        """

    def dimensions(self) -> list[str]:
        """Names of all dimensions, those of the registered attention blocks included."""
        options = [dimension for name in names(Attention) for dimension in block_class(name, Attention).dimensions]
        return list(dict.fromkeys([*self.defaults, *options]))


def scaled_image(image: Image, resolution: Any) -> tuple[int, Number, Number]:
    """`image` with both sides multiplied by the resolution coefficient γ and rounded."""
    return image[0], at_least(nearest(image[1] * resolution), 1), at_least(nearest(image[2] * resolution), 1)


def attention(settings: Mapping[str, Any], **se: Any) -> Attention | None:
    """The attention block that `settings` name, with the options they give; `se` are the skeleton's own fields for SE."""
    name = settings.get("attention", "none")
    if name == "none":
        return None
    cls = block_class(name, Attention)
    fields = {field: settings[dimension] for dimension, field in cls.dimensions.items() if settings.get(dimension) not in (None, "auto")}
    return cls(**(se if name == "se" else {}), **fields)


def of_stage(value: Any, index: int) -> Any:
    """The value of one stage, from one value for all or a tuple."""
    return value[index] if isinstance(value, tuple) else value
