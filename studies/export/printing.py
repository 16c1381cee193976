"""Prints an expression as Python text, on one line where it fits, else with one item a line."""

from __future__ import annotations

import math
from typing import Any

from torch import nn

from .expression import Call, Name

WIDTH = 118


def pretty(value: Any, *, indent: int = 0, used: int = 0) -> str:
    """Python text for `value`; `used` characters of its first line are taken, the following lines
    stand `indent` spaces in."""
    flat = inline(value)
    opening, items, closing = _parts(value)
    if not items or (not _has_own_lines(value) and indent + used + len(flat) + 1 <= WIDTH):
        return flat
    inner = indent + 4
    lines = [" " * inner + prefix + pretty(item, indent=inner, used=len(prefix)) + "," for prefix, item in items]
    return "\n".join([opening, *lines, " " * indent + closing])


def inline(value: Any) -> str:
    """Python text for `value` on one line."""
    if isinstance(value, Name):
        return value.text
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if isinstance(value, Call | dict | list | tuple):
        opening, items, closing = _parts(value)
        ending = "," if isinstance(value, tuple) and len(items) == 1 else ""
        return opening + ", ".join(prefix + inline(item) for prefix, item in items) + ending + closing
    return repr(value)


def filled(values: tuple[Any, ...]) -> str:
    """A tuple as Python text, as many items on a line as fit."""
    flat = inline(values)
    if len(flat) <= 100:
        return flat
    lines = [""]
    for value in map(inline, values):
        if lines[-1] and len(lines[-1]) + len(value) + 3 > 100:
            lines.append("")
        lines[-1] += f"{', ' if lines[-1] else ''}{value}"
    return "(\n" + "".join(f"    {line},\n" for line in lines) + ")"


def quoted(text: str) -> str:
    """A string literal, in double quotes where that needs no further escape, in ASCII where the
    text does not print."""
    literal = repr(text) if text.isprintable() else ascii(text)
    return f'"{literal[1:-1]}"' if literal.startswith("'") and '"' not in literal else literal


def _parts(value: Any) -> tuple[str, list[tuple[str, Any]], str]:
    """What stands before, in and after the brackets; the items each with what stands before it."""
    if isinstance(value, Call):
        return (
            f"{value.function.text}(",
            [*(("", item) for item in value.args), *((f"{name}=", item) for name, item in value.kwargs)],
            ")",
        )
    if isinstance(value, dict):
        return "{", [(f"{inline(key)}: ", item) for key, item in value.items()], "}"
    if isinstance(value, list | tuple):
        return (
            "[" if isinstance(value, list) else "(",
            [("", item) for item in value],
            "]" if isinstance(value, list) else ")",
        )
    return "", [], ""


def _has_own_lines(value: Any) -> bool:
    """Whether the items stand on lines of their own even where one line would do: stages, and the
    parts of a network."""
    if isinstance(value, Call):
        return value.function.value is nn.Sequential or any(
            map(_has_own_lines, [*value.args, *(item for _, item in value.kwargs)])
        )
    return isinstance(value, dict) and any(isinstance(item, Call) for item in value.values())
