"""Reads YAML with line numbers, so that an error can give file and line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ..blocks import InputError


@dataclass(frozen=True)
class Source:
    """Plain data, and the line at which each part of it was written."""

    data: Any
    """Mappings, lists and scalars."""
    name: str = "space"
    """Name of the file, or the name that errors give instead."""
    lines: dict[tuple[str | int, ...], int] = field(default_factory=dict)
    """Path (keys and list indices) → line of the key or item, counted from 1."""

    def error(self, path: tuple[str | int, ...], message: object) -> InputError:
        """Make an error at `path`: file, line (that of the nearest enclosing key), message."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.lines:
                return InputError(f"{self.name}:{self.lines[path[:length]]}: {message}")
        return InputError(f"{self.name}: {message}")


def read_yaml(text: str, name: str) -> Source:
    """Parse YAML of plain scalars, lists and mappings.

    Raises:
        InputError: `text` is not YAML, or gives a key twice; the message gives name and line.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{name}:{mark.line + 1}" if mark else name
        raise InputError(f"{where}: not YAML: {getattr(error, 'problem', None) or 'it cannot be parsed'}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{name}: not YAML: {error}") from None
    lines: dict[tuple[str | int, ...], int] = {}
    for path, line in _walk(node, (), name):
        lines[path] = line
    return Source(data, name, lines)


def read_file(path: Path) -> Source:
    """Parse a YAML file.

    Raises:
        InputError: the file cannot be read, is not UTF-8 or not YAML, or gives a key twice.
    """
    try:
        return read_yaml(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise InputError(f"cannot read the space file {str(path)!r}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not YAML: not UTF-8 text") from None


def _walk(
    node: yaml.Node | None, path: tuple[str | int, ...], name: str
) -> Iterator[tuple[tuple[str | int, ...], int]]:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                raise InputError(f"{name}:{key.start_mark.line + 1}: the key {key.value!r} is given twice")
            seen.add(key.value)
            yield (*path, key.value), key.start_mark.line + 1
            yield from _walk(value, (*path, key.value), name)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield (*path, index), item.start_mark.line + 1
            yield from _walk(item, (*path, index), name)
