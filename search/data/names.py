"""Shows names of files, folders and classes to people, also those with bytes that are not UTF-8.

Python keeps such a byte of a file name as a surrogate, which no JSON, no database and no terminal
takes.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...blocks.errors import InputError
from ...studies.writing.utf8 import is_text

LINE = 160
"""Characters in a line about a data set, at most."""


def number_of(text: str) -> float:
    """The number that a text is. Python's own reading of `1_000`, often a name, is left out.

    Raises:
        ValueError: it is no number.
    """
    if "_" in text:
        raise ValueError(f"{text!r} is a name")
    return float(text)


def escaped(name: str) -> str:
    """The name as text that UTF-8 can write: a byte that is not UTF-8 becomes `\\xe9`.

    >>> escaped("caf\\udce9")
    'caf\\\\xe9'
    """
    return name if is_text(name) else "".join(map(_escaped_letter, name))


def shown(name: str) -> str:
    """The name in one line: `escaped`, with line breaks and other control characters as Python
    escapes them."""
    return "".join(
        letter if letter.isprintable() or letter in "\u200c\u200d" else letter.encode("unicode_escape").decode()
        for letter in escaped(name)
    )


def _escaped_letter(letter: str) -> str:
    code = ord(letter)
    return (
        f"\\x{code - 0xDC00:02x}"
        if 0xDC80 <= code <= 0xDCFF
        else f"\\u{code:04x}"
        if 0xD800 <= code <= 0xDFFF
        else letter
    )


def check_is_text(path: str, what: str) -> None:
    """Raise InputError unless UTF-8 can write the path, since a study keeps it."""
    if not is_text(path):
        raise InputError(
            f"{what} must be a path in UTF-8, but got {shown(path)!r}; rename it, or give a link to it that has such a"
            " name (ln -s)"
        )


def listed(names: Sequence[str], room: int, *, most: int = 12) -> str:
    """The first names that fit into `room` characters, at most `most`, and the number of others.

    >>> listed(["a", "b", "c"], 40, most=2)
    'a, b, … and 1 more'
    """
    kept: list[str] = []
    for name in names[:most]:
        short = name if len(name) <= 60 else f"{name[:28]}…{name[-28:]}"
        if kept and len(", ".join([*kept, short])) + 20 > room:
            break
        kept.append(short)
    rest = len(names) - len(kept)
    return ", ".join([*kept, f"… and {rest:,} more"] if rest else kept)
