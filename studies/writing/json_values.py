"""Converts values to standard JSON, which other programs and languages can read from the database.

Numbers are finite (JSON has no `NaN`), keys are strings, tuples become lists. Text that is compared
is canonical: sorted keys, no spaces.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import TypeAlias

from ...blocks.errors import InputError

JSON: TypeAlias = "bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None"

_PLAIN = frozenset((bool, int, str))
"""Types whose values are plain JSON as they are; not those that inherit from them, and not numbers
that may not be finite."""


def plain(value: object, where: str) -> JSON:
    """A copy of `value` in dicts, lists, strings, booleans, None and finite numbers.

    Raises:
        InputError: a part of `value` cannot be written as JSON; the message names it by `where` and
            its dotted path.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Integral):  # NumPy's integers too, which json refuses
        return int(value)
    if isinstance(value, Real):
        number = float(value)
        if not math.isfinite(number):
            raise InputError(f"{where} must be a finite number, but got {number}")
        return number
    if isinstance(value, Mapping):
        return plain_dict(value, where)
    if isinstance(value, (list, tuple)):
        return [plain(item, f"{where}.{index}") for index, item in enumerate(value)]
    raise InputError(f"{where} must be plain JSON, but got {type(value).__name__}")


def plain_dict(value: object, where: str) -> dict[str, JSON]:
    """A copy of the mapping `value` as a JSON object; see `plain`."""
    if not isinstance(value, Mapping):
        raise InputError(f"{where} must be a mapping, but got {type(value).__name__}")
    result: dict[str, JSON] = {}
    for key, item in value.items():
        if not isinstance(key, str):  # json would write 3 and "3" to the same key
            raise InputError(f"the keys of {where} must be strings, but got {key!r}")
        # of 100,000 trials this is asked for millions of values, which need no name then
        result[str(key)] = item if type(item) in _PLAIN else plain(item, f"{where}.{key}")
    return result


def canonical(value: JSON) -> str:
    """The canonical JSON text of `value`: equal values give equal text in every process."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
