"""Parses and formats durations, numbers and shell commands of the command line."""

from __future__ import annotations

import math
import os
import re
import shlex
from collections.abc import Sequence

from .encoding import ERRORS
from .options import DEFAULT_STORAGE

_units = {
    "": 1.0,
    "s": 1.0,
    "sec": 1.0,
    "second": 1.0,
    "seconds": 1.0,
    "m": 60.0,
    "min": 60.0,
    "minute": 60.0,
    "minutes": 60.0,
    "h": 3600.0,
    "hour": 3600.0,
    "hours": 3600.0,
    "d": 86400.0,
}
MOST_LISTED = 100
"""Maximum length of a range like 0..7."""
_part = re.compile(r"(\d+\.?\d*|\.\d+)\s*([a-z]*)\s*")


def names_in(text: str) -> tuple[str, ...]:
    """The names in a text that separates them by commas; "none" gives none."""
    return tuple(name.strip() for name in text.split(",") if name.strip() not in ("", "none"))


def columns_in(text: str) -> tuple[str, ...]:
    """The columns in a text that separates them by commas; one may be called "none".

    Raises:
        InputError: there is none.
    """
    found = tuple(name.strip() for name in text.split(",") if name.strip())
    if not found:
        from ..blocks.errors import InputError

        raise InputError(f"--targets must name columns of numbers, separated by commas, but got {text!r}")
    return found


def parse_references(text: str) -> int:
    """The number of references: 4 from "4", 0 from "none".

    Raises:
        InputError: neither a whole number nor "none".
    """
    from ..blocks.errors import InputError

    if text.strip().lower() == "none":
        return 0
    if not re.fullmatch(r"\d{1,9}", text.strip()):
        raise InputError(f"--references must be a whole number or none, but got {text!r}")
    return int(text)


def parse_duration(text: str) -> float:
    """Seconds from "90s", "10min", "1h30m" or a bare number of seconds.

    Raises:
        InputError: not a duration, or not positive.
    """
    from ..blocks.errors import InputError

    rest, total = text.strip().lower(), 0.0
    while rest:
        match = _part.match(rest)
        if match is None or match[2] not in _units:
            raise InputError(f"not a positive duration: {text!r}; write it like 90s, 10min or 1h30m")
        total += float(match[1]) * _units[match[2]]
        rest = rest[match.end() :]
    if total <= 0:
        raise InputError(f"--time must be positive, but got {text!r}; write it like 90s, 10min or 1h30m")
    return total


def command(*words: str, storage: str = DEFAULT_STORAGE) -> str:
    """An automl command that the user can type: quoted, with its storage if not the default.

    Passwords are masked. It begins with `uv run` if this process runs under uv.
    """
    from ..studies import masked

    where = (
        []
        if storage == DEFAULT_STORAGE or os.environ.get("AUTOML_STORAGE") == storage
        else ["--storage", masked(storage)]
    )
    return in_shell("automl", *words, *where)


def in_shell(*words: str) -> str:
    """A command that the user can type: quoted, behind `uv run` if this process runs under uv."""
    return ("uv run " if "UV" in os.environ else "") + quoted(words)


def quoted(words: Sequence[str]) -> str:
    """Words quoted for a shell; bytes of file names that are not UTF-8 are escaped.

    Every database and terminal can therefore hold the text.

    >>> quoted(["cost", "a b.json", "caf\\udce9.json"])
    "cost 'a b.json' $'caf\\\\xe9.json'"
    """
    return " ".join(
        (
            shlex.quote(word)
            if word.isascii() or not re.search("[\\ud800-\\udfff]", word)
            else f"$'{_bytes_in_words(word)}'"
        )
        for word in words
    )


def _bytes_in_words(word: str) -> str:
    text = word.replace("\\", "\\\\").replace("'", "\\'")
    return text.encode("utf-8", ERRORS).decode("utf-8")


def duration(seconds: float) -> str:
    """Seconds as text: "8 s", "3 min 20 s", "2 h 5 min"."""
    from ..search.course.events import duration  # already imported wherever a search has run

    return duration(seconds)


def count(number: int, noun: str) -> str:
    """A number with its noun: "1 epoch", "9 epochs", "1,200 epochs"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def parse_multiple(name: str, text: str) -> float:
    """2.0 from "2x", "2×" or "2". Raises: InputError naming the option."""
    return _number(name, text, text.strip().lower().removesuffix("x").removesuffix("×"), "a multiple like 2x")


def parse_part(name: str, text: str) -> float:
    """0.05 from "5%" or "0.05". Raises: InputError naming the option."""
    value = text.strip()
    return _number(name, text, value.removesuffix("%"), "a part like 5% or 0.05") / (100 if value.endswith("%") else 1)


def parse_list(name: str, text: str) -> list[float]:
    """[0, 1, 2, 3] from "0..3" (in whole steps), [0.5, 2] from "0.5,2". Raises: InputError naming
    the option."""
    from ..blocks.errors import InputError

    like, found = "numbers like 0..7, 2 or 0,0.5,1", []
    for part in text.split(","):
        first, dots, last = part.strip().partition("..")
        low = _number(name, text, first, like)
        high = _number(name, text, last, like) if dots else low
        if high < low:
            raise InputError(f"{name} must rise, but got {part.strip()}")
        if high - low > MOST_LISTED:
            raise InputError(f"{name} must have at most {MOST_LISTED} numbers, but got {text!r}")
        found += [low + index for index in range(int(high - low + 1e-9) + 1)]
    return found


def _number(name: str, text: str, number: str, like: str) -> float:
    from ..blocks.errors import InputError

    try:
        value = float(number)
    except ValueError:
        raise InputError(f"{name} must be {like}, but got {text!r}") from None
    if not math.isfinite(value):
        raise InputError(f"{name} must be {like}, but got {text!r}")
    return value
