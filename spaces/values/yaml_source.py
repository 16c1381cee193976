"""Reads YAML with line numbers, so that an error can give file and line.

Size, depth and numbers are bounded: a few lines of YAML can stand for billions of values by
repeating one another.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ...blocks import InputError
from ...blocks.regular_file import read_regular

MOST_BYTES = 2_000_000
"""Largest size of a file."""
MOST_VALUES = 50_000
"""Largest number of keys and values; what an alias repeats is counted each time."""
DEEPEST = 100
"""Largest number of lists and mappings inside one another."""
LONGEST_NUMBER = 40
"""Largest number of characters of a number."""
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Characters that no name needs, and that a terminal obeys."""


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


class _Bounded(yaml.SafeLoader):
    """Stops at the bounds while it parses: what is beyond them is not even read."""

    def __init__(self, text: str, name: str) -> None:
        super().__init__(text)
        self._file = name
        self._values = self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        where = f"{self._file}:{self.peek_event().start_mark.line + 1}"
        self._values += 1
        self._depth += 1
        _check_bounds(where, self._values, self._depth - 1)
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


def _check_bounds(where: str, values: int, depth: int) -> None:
    if values > MOST_VALUES:
        raise InputError(f"{where}: a file must have at most {MOST_VALUES:,} values, each repetition counted")
    if depth > DEEPEST:
        raise InputError(f"{where}: lists and mappings must be at most {DEEPEST} deep")


def read_yaml(text: str, name: str) -> Source:
    """Parse YAML of plain scalars, lists and mappings.

    Raises:
        InputError: `text` is not YAML, gives a key twice, or is too large; the message gives name
            and line.
    """
    try:
        loader = _Bounded(text, name)
        node = loader.get_single_node()
        lines = _lines(node, name)
        data = None if node is None else loader.construct_document(node)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{name}:{mark.line + 1}" if mark else name
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be parsed"
        raise InputError(f"{where}: not YAML: {problem}") from None
    except InputError:
        raise
    except Exception as error:  # a value that its tag does not fit, such as `!!bool perhaps`
        raise InputError(f"{name}: not YAML: {error or type(error).__name__}") from None
    return Source(data, name, lines)


def read_file(path: Path, what: str = "space file") -> Source:
    """Parse a YAML file; `what` names its kind in errors.

    Raises:
        InputError: the file cannot be read, is not UTF-8 or not YAML, or gives a key twice.
    """
    try:
        text = read_regular(path, most=MOST_BYTES).decode("utf-8")
    except OSError as error:
        raise InputError(f"cannot read the {what} {str(path)!r}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not YAML: not UTF-8 text") from None
    return read_yaml(text.replace("\r\n", "\n").replace("\r", "\n"), str(path))


def _lines(root: yaml.Node | None, name: str) -> dict[tuple[str | int, ...], int]:
    """The line of every key and item, by its path; raises InputError for what is out of bounds."""
    lines: dict[tuple[str | int, ...], int] = {}
    waiting: list[tuple[yaml.Node, tuple[str | int, ...]]] = [] if root is None else [(root, ())]
    values = 0
    while waiting:
        node, path = waiting.pop()
        values += 1
        where = f"{name}:{node.start_mark.line + 1}"
        _check_bounds(where, values, len(path))
        inner: list[tuple[yaml.Node, tuple[str | int, ...]]] = []
        if isinstance(node, yaml.MappingNode):
            inner = list(_of_mapping(node, path, lines, name))
        elif isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                lines[*path, index] = item.start_mark.line + 1
                inner.append((item, (*path, index)))
        else:
            _check_scalar(node, where)
        waiting += reversed(inner)
    return lines


def _of_mapping(
    node: yaml.MappingNode, path: tuple[str | int, ...], lines: dict[tuple[str | int, ...], int], name: str
) -> Iterator[tuple[yaml.Node, tuple[str | int, ...]]]:
    """Note the lines of the keys; yield each value with its path."""
    seen: set[str] = set()
    for key, value in node.value:
        where = f"{name}:{key.start_mark.line + 1}"
        if not isinstance(key, yaml.ScalarNode):
            raise InputError(f"{where}: not YAML: a key must be a text or a number")
        _check_scalar(key, where)
        if key.value in seen:
            raise InputError(f"{where}: the key {key.value!r} is given twice")
        seen.add(key.value)
        lines[*path, key.value] = key.start_mark.line + 1
        yield value, (*path, key.value)


def _check_scalar(node: yaml.Node, where: str) -> None:
    text = node.value
    if node.tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float") and len(text) > LONGEST_NUMBER:
        raise InputError(f"{where}: a number must have at most {LONGEST_NUMBER} characters, but got {text!r}")
    if CONTROL.search(text):
        raise InputError(f"{where}: a text must hold no control characters, but got {text!r}")
