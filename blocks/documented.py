"""Adds the docstrings of dataclass fields to `help()`.

Python discards the string below a field, so it is read from the source when `help()` asks for it.
"""

from __future__ import annotations

import ast
import inspect
from itertools import pairwise
from textwrap import dedent
from typing import TypeVar

_Class = TypeVar("_Class", bound=type)


def documented(cls: _Class) -> _Class:
    """Class decorator, above `@dataclass`: `help(cls)` lists the fields with their docstrings."""
    cls.__doc__ = _Documented(cls, cls.__doc__ or "")  # pyright: ignore[reportAttributeAccessIssue]  (a descriptor is taken as well)
    return cls


class _Documented:
    """The docstring of a class, made when it is first read.

    Reading the source file at every import would make imports slower.
    """

    def __init__(self, cls: type, head: str) -> None:
        self._cls, self._head = cls, head
        self._text: str | None = None

    def __get__(self, instance: object, owner: type | None = None) -> str:
        if owner is not self._cls and owner is not None:  # a class that inherits from it has a docstring of its own
            return self._head
        if self._text is None:
            fields = "\n".join(f"    {name}: {text}" for name, text in field_texts(self._cls).items())
            self._text = f"{self._head.rstrip()}\n\nAttributes:\n{fields}\n" if fields else self._head
        return self._text


def field_texts(cls: type) -> dict[str, str]:
    """Name of each field of a dataclass -> the docstring below it.

    The fields of the class itself come first, then those of its bases; a field whose source cannot
    be read is left out.
    """
    found: dict[str, str] = {}
    for base in cls.__mro__:
        for name, text in _own_texts(base).items():
            found.setdefault(name, text)
    return found


def _own_texts(cls: type) -> dict[str, str]:
    try:
        [tree] = ast.parse(dedent(inspect.getsource(cls))).body
    except (OSError, TypeError, SyntaxError, ValueError):
        return {}
    found: dict[str, str] = {}
    body = tree.body if isinstance(tree, ast.ClassDef) else []
    for statement, below in pairwise(body):
        if (
            isinstance(statement, ast.AnnAssign)
            and isinstance(statement.target, ast.Name)
            and isinstance(below, ast.Expr)
        ):
            text = below.value.value if isinstance(below.value, ast.Constant) else None
            if isinstance(text, str):
                found[statement.target.id] = " ".join(text.split())
    return found
