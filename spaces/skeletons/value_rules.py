"""Rules that the values of dimensions must obey."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...blocks import InputError
from ...blocks.errors import unknown
from ..values.plain_values import is_number, is_whole


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule for the values of a dimension."""

    text: str
    """The rule as shown in the error: "{dimension} must be {text}"."""
    holds: Callable[[Any], bool]
    """Returns whether a value, which may be of any type, obeys the rule."""
    choices: tuple[str, ...] = ()
    """The names allowed, if the value is a name."""

    def check(self, dimension: str, value: Any) -> None:
        """Check a value.

        Raises:
            InputError: the value breaks the rule; the message gives the rule, the value, and the
                nearest name where the value is a name.
        """
        if self.choices and isinstance(value, str) and value not in self.choices:
            raise unknown(dimension, value, self.choices)
        if not self.holds(value):
            raise InputError(f"{dimension} must be {self.text}, but got {value!r}")


def one_of(*choices: str) -> Rule:
    """Make the rule that the value is one of `choices`."""
    return Rule(text=" or ".join(choices), holds=lambda value: value in choices, choices=choices)


POSITIVE = Rule(text="a number above 0 and at most 10,000", holds=lambda value: is_number(value) and 0 < value <= 1e4)
COUNT = Rule(
    text="a whole number of at least 1 and at most 1,000,000",
    holds=lambda value: is_whole(value) and 1 <= value <= 1_000_000,
)
NATURAL = Rule(text="a whole number of at least 0", holds=lambda value: is_whole(value) and value >= 0)
STRIDE = Rule(text="1 or 2", holds=lambda value: is_whole(value) and value in (1, 2))
FLAG = Rule(text="true or false", holds=lambda value: isinstance(value, bool))
COUNT_OR_AUTO = Rule(
    text="a whole number of at least 1, or auto", holds=lambda value: value == "auto" or COUNT.holds(value)
)
STRIDES = Rule(
    text="published, fitted, or the pixels a side that the last map keeps (a whole number)",
    holds=lambda value: value in ("published", "fitted") or COUNT.holds(value),
    choices=("published", "fitted"),
)
ODD_OR_AUTO = Rule(
    text="an odd whole number, or auto", holds=lambda value: value == "auto" or (COUNT.holds(value) and value % 2 == 1)
)
