"""What a skeleton is, and what all skeletons share."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ...blocks import Attention, InputError, block_class, names
from ...blocks.errors import unknown
from ...blocks.rounding import at_least, nearest
from ...blocks.shape import Number
from ..candidate import Candidate

Image = tuple[int, int, int]
"""Channels, height and width."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What a dimension's value must be."""

    text: str
    """For the error."""
    holds: Callable[[Any], bool]
    """Whether a value obeys; it may be of any type."""
    choices: tuple[str, ...] = ()
    """The names allowed, if it is a name."""

    def check(self, dimension: str, value: Any) -> None:
        """InputError with the rule, the value and the nearest name."""
        if self.choices and isinstance(value, str) and value not in self.choices:
            raise unknown(dimension, value, self.choices)
        if not self.holds(value):
            raise InputError(f"{dimension} must be {self.text}, but got {value!r}")


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def one_of(*choices: str) -> Rule:
    """A name among `choices`."""
    return Rule(text=" or ".join(choices), holds=lambda value: value in choices, choices=choices)


POSITIVE = Rule(text="a number above 0", holds=lambda value: isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf)
COUNT = Rule(text="a whole number of at least 1", holds=lambda value: _is_whole(value) and value >= 1)
NATURAL = Rule(text="a whole number of at least 0", holds=lambda value: _is_whole(value) and value >= 0)
COUNT_OR_AUTO = Rule(text="a whole number of at least 1, or auto", holds=lambda value: value == "auto" or COUNT.holds(value))
ODD_OR_AUTO = Rule(text="an odd whole number, or auto", holds=lambda value: value == "auto" or (COUNT.holds(value) and value % 2 == 1))


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

    rules: ClassVar[Mapping[str, Rule]]
    """What a value of each dimension must be."""

    def check(self, dimension: str, value: Any) -> None:
        """Refuse a value that no network of this skeleton can have.

        Raises:
            InputError: the rule and the value, or the nearest known name.
        """
        if dimension == "attention":
            if value != "none":
                block_class(str(value), Attention)
        elif dimension in self.rules:
            self.rules[dimension].check(dimension, value)
        elif value != "auto":
            for cls in (block_class(name, Attention) for name in names(Attention)):
                if dimension in cls.dimensions:
                    cls(**{cls.dimensions[dimension]: value})  # pyright: ignore[reportAbstractUsage]

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
    return cls(**(se if name == "se" else {}), **fields)  # pyright: ignore[reportAbstractUsage]


def of_stage(value: Any, index: int) -> Any:
    """The value of one stage, from one value for all or a tuple."""
    return value[index] if isinstance(value, tuple) else value
