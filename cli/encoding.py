"""Writes text to terminals: what their encoding lacks is transliterated, and control characters in
names are escaped, so that no name of a file or a study can steer the terminal.

Characters that the encoding lacks are transliterated to ASCII: "α·β² ≈ 2" becomes
"alpha*beta^2 ~ 2", "Müller" becomes "Muller". Characters without a transliteration are escaped as
in Python, "\\u6f22", and so are bytes of file names that are not valid text.
"""

from __future__ import annotations

import codecs
import contextlib
import io
import re
import sys
import unicodedata
from collections.abc import Iterator
from typing import Any, TextIO

ERRORS = "automl"
"""Name of the error handler, as in `text.encode("cp1252", errors=ERRORS)`."""
ASCII = "automl_ascii"
"""Name of an alias of ASCII: typer regards the name "ascii" as a mistake and writes UTF-8."""
STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Characters that a terminal obeys in place of showing them: all controls but tab and line feed,
and those that change the direction of writing."""
SIGNS = {
    "×": "x",
    "±": "+/-",
    "–": "-",
    "—": "-",
    "−": "-",
    "→": "->",
    "←": "<-",
    "≤": "<=",
    "≥": ">=",
    "≈": "~",
    "≠": "!=",
    "·": "*",
    "∞": "inf",
    "√": "sqrt",
    "‘": "'",
    "’": "'",
    "“": '"',
    "”": '"',
    "•": "*",
    "ß": "ss",
    "æ": "ae",
    "Æ": "AE",
    "œ": "oe",
    "Œ": "OE",
    "ø": "o",
    "Ø": "O",
    "ł": "l",
    "Ł": "L",
    "đ": "d",
    "Đ": "D",
    "ı": "i",
    "µ": "u",
}


def in_ascii(character: str) -> str:
    """The ASCII form of a character: its transliteration if there is one, else an escape.

    >>> [in_ascii(character) for character in "αé²×─…漢"]
    ['alpha', 'e', '^2', 'x', '-', '...', '\\\\u6f22']
    """
    if character.isascii():
        return character
    if character in SIGNS:
        return SIGNS[character]
    if "\udc80" <= character <= "\udcff":  # a byte of a file name that is not UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    name, plain = unicodedata.name(character, ""), unicodedata.normalize("NFKD", character)
    if name.startswith("GREEK "):
        return _greek(name) or _escaped(character)
    if name.startswith("BOX DRAWINGS "):
        return {"HORIZONTAL": "-", "VERTICAL": "|"}.get(name.split()[-1], "+") if " AND " not in name else "+"
    if "\u2588" <= character <= "\u258f":  # bars of a histogram, from a full block to an eighth of one
        return "#" if character <= "\u258c" else "|"
    if unicodedata.combining(character):
        return ""
    letters = "".join(one for one in plain if not unicodedata.combining(one))
    if not letters.isascii() or not letters:
        return _escaped(character)
    return f"^{letters}" if unicodedata.decomposition(character).startswith("<super>") else letters


def _greek(name: str) -> str:
    """The letter in a Unicode name: "alpha" for "GREEK SMALL LETTER ALPHA WITH TONOS", else ""."""
    _, _, letter = name.partition(" LETTER ")
    word = letter.split(" WITH ")[0].replace("FINAL ", "").lower()
    word = "lambda" if word == "lamda" else word
    return word.capitalize() if " CAPITAL " in name else word if " " not in word else ""


def _escaped(character: str) -> str:
    return character.encode("ascii", "backslashreplace").decode("ascii")


def _replace(error: UnicodeError) -> tuple[str, int]:
    """The error handler of codecs: replaces what cannot be encoded by its ASCII form."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(in_ascii, error.object[error.start : error.end])), error.end


def _find(name: str) -> codecs.CodecInfo | None:
    if name != ASCII:
        return None
    plain = codecs.lookup("ascii")
    return codecs.CodecInfo(
        name=ASCII,
        encode=plain.encode,
        decode=plain.decode,
        incrementalencoder=plain.incrementalencoder,
        incrementaldecoder=plain.incrementaldecoder,
        streamreader=plain.streamreader,
        streamwriter=plain.streamwriter,
    )


codecs.register_error(ERRORS, _replace)
codecs.register(_find)


def install() -> None:
    """Make standard output and standard error accept every text."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            is_ascii = codecs.lookup(stream.encoding).name == "ascii"
            stream.reconfigure(encoding=ASCII if is_ascii else None, errors=ERRORS)


def shown(text: str) -> str:
    """`text` as standard output will show it, whose length is needed to lay out columns."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, ERRORS).decode(encoding)


def visible(text: str) -> str:
    """`text` with the characters that a terminal would obey as escapes.

    >>> visible("a\\x1b[31mb")
    'a\\\\x1b[31mb'
    """
    return STEERING.sub(lambda match: _escaped_control(match[0]), text)


def _escaped_control(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


class Visible:
    """A text stream that writes what a terminal would obey as escapes; rich, which draws by such
    characters, writes to the stream itself."""

    def __init__(self, stream: TextIO) -> None:
        self.rich_proxied_file = stream  # the name under which rich looks for it

    def write(self, text: str) -> int:
        """Write `text`; raises TypeError for bytes, by which typer tells text from binary."""
        self.rich_proxied_file.write(visible(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.rich_proxied_file, name)


@contextlib.contextmanager
def shielded() -> Iterator[None]:
    """Within it, standard output shows control characters in place of passing them on."""
    stream = sys.stdout
    with contextlib.redirect_stdout(Visible(stream)):  # pyright: ignore[reportArgumentType]
        yield
