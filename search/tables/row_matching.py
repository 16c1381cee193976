"""Determines which network of a space a table row describes.

A row names it by its settings, its columns, a key of digits, or the candidate's id.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...blocks.errors import unknown
from ...spaces import Space
from ...spaces.draws.bulk import Rows, deactivate
from ...spaces.values.parameters import Parameter, Value
from .row_values import KNOWN
from .table_file import Row

_ID = re.compile(r"[0-9a-f]{64}")
_PARTED = re.compile(r"\d+([-_,.: ]\d+)*")


def named_id(row: Row) -> str | None:
    """The candidate's id, if the row names its network by id alone; otherwise None."""
    if "settings" in row.values:
        return None
    given = row.values.get("id")
    if given is None:
        return row.key if row.key is not None and _ID.fullmatch(row.key) else None
    if not isinstance(given, str) or not _ID.fullmatch(given):
        raise row.error(f"an id is the candidate's SHA-256, 64 hexadecimal digits, but got {given!r}")
    return given


def indices(space: Space, rows: list[Row]) -> Rows:
    """The value indices of every row: (rows, parameters), -1 for inactive parameters.

    Raises:
        InputError: a row does not name a setting of the space.
    """
    found = np.full((len(rows), len(space.parameters)), -1, np.int32)
    free = [index for index, parameter in enumerate(space.parameters) if len(parameter.values) > 1]
    for parameter, column in zip(space.parameters, found.T, strict=True):
        if len(parameter.values) == 1:
            column[:] = 0
    for number, row in enumerate(rows):
        if "settings" in row.values:
            given = row.values["settings"]
            if not isinstance(given, dict):
                raise row.error(f"settings must be a mapping from parameter to value, but got {given!r}")
            for name in given:
                if name not in space.by_name:
                    raise row.error(unknown("parameter", str(name), space.by_name))
            _set(space, row, given, found[number])
        elif row.key is None or any(space.parameters[index].name in row.values for index in free):
            _set(space, row, row.values, found[number])
        else:
            found[number, free] = _digits(space, row, row.key, free)
    return deactivate(space, found)


def _set(space: Space, row: Row, given: Any, found: NDArray[np.int32]) -> None:
    chosen: dict[str, Value] = {}
    for index, parameter in enumerate(space.parameters):
        if parameter.name in given:
            found[index] = _index(row, parameter, given[parameter.name])
        elif found[index] < 0:
            if not space.active(parameter, chosen):
                continue
            other = [name for name in given if name not in space.by_name and name not in KNOWN]
            near = f"; of {', '.join(map(repr, other[:6]))} none is a parameter" if other else ""
            raise row.error(f"every parameter that is free needs a value, but {parameter.name!r} has none{near}")
        chosen[parameter.name] = parameter.values[found[index]]


def _index(row: Row, parameter: Parameter, given: Any) -> int:
    """The index of the given value; numbers may be written as text, as in CSV."""
    for index, value in enumerate(parameter.values):
        if value == given and isinstance(value, bool) is isinstance(given, bool):
            return index
    text = str(given).strip().lower()
    number = _float(text)
    for index, value in enumerate(parameter.values):
        if text == str(value).lower():
            return index
        if (
            number is not None
            and isinstance(value, int | float)
            and not isinstance(value, bool)
            and abs(number - value) <= 1e-9 * max(1.0, abs(value))
        ):
            return index
    raise row.error(unknown(f"value of {parameter.name}", str(given), map(str, parameter.values)))


def _float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _digits(space: Space, row: Row, key: str, free: list[int]) -> list[int]:
    """The indices in a key: one digit for each free parameter, or numbers with separators."""
    if not _PARTED.fullmatch(key):
        raise row.error(
            f"a row names its network by `settings`, by `id`, or by a key of {len(free)} digits, one for each free"
            f" parameter in the space's order, but got {key!r}"
        )
    parts = list(key) if key.isdigit() and len(free) != 1 else re.split(r"\D", key)
    if len(parts) != len(free):
        names = ", ".join(space.parameters[index].name for index in free[:12]) + (", …" if len(free) > 12 else "")
        raise row.error(f"a key needs {len(free)} digits, one for each of {names}, but {key!r} has {len(parts)}")
    chosen = [int(part[:10]) if len(part) > 9 else int(part) for part in parts]  # no parameter has so many values
    for index, number in zip(free, chosen, strict=True):
        parameter = space.parameters[index]
        if number >= len(parameter.values):
            raise row.error(
                f"the digit of {parameter.name} must be at most {len(parameter.values) - 1}, but got {number} in"
                f" {key!r}"
            )
    return chosen
