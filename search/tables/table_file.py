"""Reads the rows of a table file, JSON or CSV, with their places in the file."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...blocks import InputError
from ...blocks.errors import unknown
from ...blocks.regular_file import read_regular

SUFFIXES = (".json", ".csv")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row as written in the file."""

    place: str
    """File with line or key, with which error messages begin."""
    key: str | None
    """Name of the row: the key of a JSON mapping, or the column `key` of a CSV file."""
    values: Mapping[str, Any]
    """Name → value; all values from a CSV file are strings."""

    def error(self, message: object) -> InputError:
        """An error whose message begins with the place of this row."""
        return InputError(f"{self.place}: {message}")


def read_rows(path: Path) -> tuple[list[Row], str]:
    """All rows of a table and the SHA-256 of its file.

    Raises:
        InputError: the file cannot be read, is neither JSON nor CSV, or holds no rows.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"a table is a {' or '.join(SUFFIXES)} file, but got {str(path)!r}")
    try:
        content = read_regular(path)
    except OSError as error:
        raise InputError(f"cannot read the table {str(path)!r}: {error.strerror}{_near(path)}") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path.name}: a table must be UTF-8 text") from None
    rows = list(_of_json(text, path.name) if path.suffix.lower() == ".json" else _of_csv(text, path.name))
    if not rows:
        raise InputError(f"{path.name}: a table must have at least one row, but it has none")
    return rows, hashlib.sha256(content).hexdigest()


def _near(path: Path) -> str:
    """A hint at the file in the same folder with the most similar name; empty if there is none."""
    try:
        there = [name for name in os.listdir(path.parent) if Path(name).suffix.lower() in SUFFIXES]
    except (OSError, ValueError):
        return ""
    return str(unknown("file", path.name, there)).removeprefix(f"unknown file {path.name!r}") if there else ""


def _of_json(text: str, name: str) -> Iterator[Row]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise InputError(f"{name}: the key {twice!r} is given twice")
        return found

    try:
        data = json.loads(text, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        raise InputError(f"{name}:{error.lineno}: not JSON: {error.msg}") from None
    except RecursionError:
        raise InputError(f"{name}: not JSON that can be read: too deep") from None
    except InputError:
        raise
    except ValueError as error:  # a number of thousands of digits
        raise InputError(f"{name}: not JSON that can be read: {error}") from None
    if not isinstance(data, dict | list):
        raise InputError(
            f"{name}: a table is a mapping from key to row, or a list of rows, but got {type(data).__name__}"
        )
    entries = data.items() if isinstance(data, dict) else ((None, row) for row in data)
    for index, (key, entry) in enumerate(entries):
        several = entry if isinstance(entry, list) and key is not None else [entry]
        called = f"row {index + 1}" if key is None else f"entry {key!r}"
        for number, values in enumerate(several):
            place = f"{name}: {called}" + (f", row {number + 1}" if len(several) > 1 else "")
            if not isinstance(values, dict):
                raise InputError(f"{place}: a row is a mapping such as {{'accuracy': 0.9}}, but got {values!r}")
            yield Row(place=place, key=key, values=values)


def _of_csv(text: str, name: str) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [cell.strip() for cell in next(reader, [])]
        for cell in header:
            if not cell or header.count(cell) > 1:
                raise InputError(f"{name}:1: every column needs a name of its own, but got {cell!r}")
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                raise InputError(
                    f"{name}:{reader.line_num}: a row must have {len(header)} cells as the header does, but got"
                    f" {len(cells)}"
                )
            filled = {column: cell.strip() for column, cell in zip(header, cells, strict=True) if cell.strip()}
            yield Row(place=f"{name}:{reader.line_num}", key=filled.pop("key", None), values=filled)
    except csv.Error as error:
        raise InputError(f"{name}:{reader.line_num}: not CSV: {error}") from None
