"""Tells whether a text can be written as UTF-8.

Python keeps a byte of a file name that is not UTF-8 as a surrogate, which no JSON, no database and
no terminal takes.
"""

from __future__ import annotations


def is_text(name: str) -> bool:
    """Whether UTF-8 can write the name.

    >>> is_text("café"), is_text("caf\\udce9")
    (True, False)
    """
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
