"""Reads the columns of a table of paths and labels: CSV, Parquet, or JSON lines.

CSV may begin with a byte order mark, be UTF-16 (as spreadsheets write it), and separate its cells
by commas, semicolons, tabs or bars. Bytes that are not UTF-8 are kept as in names of files.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...blocks.errors import InputError, unknown
from ...blocks.regular_file import read_regular, require_regular
from .names import listed, shown

LINES, ARROW = (".jsonl", ".ndjson"), (".parquet", ".pq")
"""Endings of the names of such files, by kind; CSV is what has none of them."""
SEPARATORS = ",;\t|"
LARGEST = 2**31
"""Bytes of a table, at most."""

Columns = dict[str, list[Any]]
"""Name of a column -> its value in each row; None where a row has none."""


def read_columns(path: Path, name: str) -> Columns:
    """All columns of a table of CSV or JSON lines; of Parquet those that hold plain values, or
    lists of texts or whole numbers.

    Args:
        path: the file; the ending of its name says which kind it is.
        name: what to call it in messages.

    Raises:
        InputError: the file cannot be read, or is no such table, or has no rows.
    """
    ending = path.suffix.lower()
    try:
        if ending in ARROW:
            require_regular(path)
            columns = _of_parquet(path, name)
        else:
            text = _decoded(read_regular(path, most=LARGEST))
            columns = _of_lines(text, name) if ending in LINES else _of_csv(text, name)
    except OSError as error:
        raise InputError(f"{name} cannot be read: {error.strerror or error}") from error
    if not columns or not len(next(iter(columns.values()))):
        raise InputError(f"{name} must have at least one row, but it has none")
    return columns


def find_column(columns: Sequence[str], usual: Sequence[str], asked: str | None, option: str, name: str) -> str | None:
    """The column that `option` asks for, or else the first with one of the usual names; case,
    spaces and hyphens do not count. None if there is none.

    Raises:
        InputError: there is no column of the name asked for.
    """
    known = {same_name(column): column for column in reversed(columns)}
    if asked is None:
        return next((known[word] for word in usual if word in known), None)
    if asked not in columns and same_name(asked) not in known:
        error = unknown("column", asked, [shown(column) for column in columns])
        raise InputError(f"{name}: {option} must name one of its columns, but got an {error}")
    return asked if asked in columns else known[same_name(asked)]


def text_of(value: Any) -> str | None:
    """A cell as text without spaces around it; None if it is empty or not a number.

    >>> [text_of(value) for value in (" cat ", 3, 3.0, "", float("nan"), None)]
    ['cat', '3', '3', None, None, None]

    Raises:
        TypeError: it is no plain value.
    """
    if isinstance(value, float):
        value = None if math.isnan(value) else int(value) if value.is_integer() else value
    if isinstance(value, bytes):
        value = value.decode("utf-8", "surrogateescape")
    if value is not None and not isinstance(value, str | int | float):
        raise TypeError(f"text or a number, but got {type(value).__name__}")
    return (str(value).strip() or None) if value is not None else None


def texts(columns: Columns, column: str, name: str) -> list[str | None]:
    """The values of a column as text.

    Raises:
        InputError: one is no plain value.
    """
    try:
        return [text_of(value) for value in columns[column]]
    except TypeError as error:
        raise InputError(f"{name}: the column {shown(column)} must hold {error}") from None


def same_name(column: str) -> str:
    """The name of a column without what does not count: case, spaces around it, and hyphens or
    spaces in place of underscores."""
    return column.strip().lower().replace(" ", "_").replace("-", "_")


def _decoded(content: bytes) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace")
    return content.removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogateescape")


def _of_csv(text: str, name: str) -> Columns:
    first = next(iter(text.splitlines()), "")
    try:
        separator = max(SEPARATORS, key=lambda each: len(next(csv.reader([first], delimiter=each), [])))
    except csv.Error as error:
        raise InputError(f"{name}: line 1 is not CSV: {error}") from None
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=True)
    rows: list[list[str]] = []
    try:
        header = [cell.strip() for cell in next(reader, [])]
        twice = next((cell for cell in header if header.count(cell) > 1), None)
        if twice is not None:
            raise InputError(f"{name}: every column needs a name of its own, but two are called {shown(twice)!r}")
        for cells in reader:
            if not any(map(str.strip, cells)):
                continue
            if len(cells) != len(header):
                raise InputError(
                    f"{name}: line {reader.line_num} must have {len(header)} cells as the first line does, but has"
                    f" {len(cells)}"
                )
            rows.append(cells)
    except csv.Error as error:
        raise InputError(f"{name}: line {reader.line_num} is not CSV: {error}") from None
    return {column: [row[place] for row in rows] for place, column in enumerate(header)}


def _of_lines(text: str, name: str) -> Columns:
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            reason = "too deep" if isinstance(error, RecursionError) else str(error).partition(":")[0]
            raise InputError(f"{name}: line {number} is not JSON: {reason}") from None
        if not isinstance(row, dict):
            raise InputError(f'{name}: line {number} must be a mapping such as {{"image": …, "label": …}}')
        rows.append(row)
    keys = dict.fromkeys(key for row in rows for key in row)
    return {key: [row.get(key) for row in rows] for key in keys}


def _of_parquet(path: Path, name: str) -> Columns:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise InputError(f"{name} needs the package pyarrow, which is not installed: pip install pyarrow") from error
    try:
        with pq.ParquetFile(path) as file:
            plain = [each.name for each in file.schema_arrow if _is_plain(each.type)]
            if not plain:
                names = listed([shown(each) for each in file.schema_arrow.names], 120)
                raise InputError(f"{name} must have a column of paths and one of labels, but it has: {names}")
            return file.read(columns=plain).to_pydict()
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise InputError(f"{name} cannot be read as Parquet: {' '.join(str(error).split())[:200]}") from error


def _is_plain(kind: Any) -> bool:
    """Whether a column of a type of pyarrow holds plain values, or lists of names or numbers."""
    from pyarrow import types

    if types.is_list(kind) or types.is_large_list(kind):
        inner = kind.value_type
        return any(each(inner) for each in (types.is_string, types.is_large_string, types.is_integer))
    return not types.is_nested(kind)
