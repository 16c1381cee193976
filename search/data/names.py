"""Names for people: of files, folders and classes, which may hold bytes that are no text.

Python keeps such a byte of a file name as a surrogate, which no JSON, no database and no terminal
takes.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...blocks.errors import InputError

LINE = 160
"""Characters to a line of what is said about a data set."""


def escaped(name: str) -> str:
    """The name as valid text: a byte that is not UTF-8 as `\\xe9`.

    >>> escaped("caf\\udce9")
    'caf\\\\xe9'
    """
    return name if is_text(name) else "".join(map(_escaped_letter, name))


def shown(name: str) -> str:
    """The name in one line: `escaped`, and line breaks and the like as in Python."""
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


def is_text(name: str) -> bool:
    """Whether the name is valid text, which UTF-8 can write."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def check_is_text(path: str, what: str) -> None:
    """InputError unless the path, which a study is to remember, is valid text."""
    if not is_text(path):
        raise InputError(
            f"{what} must be a path in UTF-8, but got {shown(path)!r}; rename it, or give a link to it that has such a"
            " name (ln -s)"
        )


def listed(names: Sequence[str], room: int, *, most: int = 12) -> str:
    """The first names that fit into `room` characters, at most `most`, and how many more there are.

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
