"""What a dimension's value must be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...blocks import InputError
from ...blocks.errors import unknown


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


POSITIVE = Rule(
    text="a number above 0 and at most 10,000",
    holds=lambda value: isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1e4,
)
COUNT = Rule(
    text="a whole number of at least 1 and at most 1,000,000",
    holds=lambda value: _is_whole(value) and 1 <= value <= 1_000_000,
)
NATURAL = Rule(text="a whole number of at least 0", holds=lambda value: _is_whole(value) and value >= 0)
STRIDE = Rule(text="1 or 2", holds=lambda value: _is_whole(value) and value in (1, 2))
FLAG = Rule(text="true or false", holds=lambda value: isinstance(value, bool))
COUNT_OR_AUTO = Rule(
    text="a whole number of at least 1, or auto", holds=lambda value: value == "auto" or COUNT.holds(value)
)
ODD_OR_AUTO = Rule(
    text="an odd whole number, or auto", holds=lambda value: value == "auto" or (COUNT.holds(value) and value % 2 == 1)
)
