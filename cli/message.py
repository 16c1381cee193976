"""Puts messages of errors into one line of limited length."""

from __future__ import annotations

import re

from .encoding import visible

LONGEST = 400
"""Largest number of characters of a message."""
VALUE = 200
"""Largest number of characters of a quoted value in a message."""
_READ = 100_000
"""Characters of a message that are looked at."""
_quoted = re.compile(rf"'[^']{{{VALUE + 1},}}'|\"[^\"]{{{VALUE + 1},}}\"")


def one_line(text: str, *, whole: bool = False) -> str:
    """`text` in one line, its control characters escaped.

    Unless it is to be `whole`, it has at most `LONGEST` characters: quoted values are cut to
    `VALUE`, then the middle of the text is left out.
    """
    if whole:
        return visible(" ".join(text.splitlines()))
    if len(text) > _READ:
        text = f"{text[: _READ // 2]} … {text[-_READ // 2 :]}"
    text = _quoted.sub(lambda match: f"{match[0][: VALUE - 1]}…{match[0][-1]}", text)
    text = visible(" ".join(text.splitlines())).replace("\t", " ")
    if len(text) <= LONGEST:
        return text
    end = LONGEST // 4
    return f"{text[: LONGEST - end - 3]} … {text[-end:]}"
