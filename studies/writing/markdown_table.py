"""Tables, sentences and names in Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence

MARKS = re.compile(
    r"[\\`*\[\]<]"  # code, emphasis, links and images, HTML
    r"|(?<![^\W_])_|_(?![^\W_])"  # emphasis; within a word it is a letter
    r"|&(?=#|\w+;)"  # characters by number or name
)
"""What Markdown or HTML would take for more than text."""
ENTITIES = {"<": "&lt;", "&": "&amp;"}
"""Names of the characters of HTML, which every reader of Markdown knows; a backslash escapes all
other marks."""


def table(head: Sequence[str], rows: Sequence[Sequence[str]], left: int = 2) -> str:
    """A table in Markdown: the first `left` columns are aligned left, all others right."""
    rule = ["---" if number < left else "--:" for number in range(len(head))]
    lines = [head, rule, *rows]
    return "\n".join("| " + " | ".join(cell(text) for text in line) + " |" for line in lines)


def cell(text: str) -> str:
    """`text` on one line, with its pipe characters escaped."""
    return " ".join(text.split()).replace("|", "\\|")


def plain(text: str) -> str:
    """`text` from users or their files, such that a page shows it as it is.

    >>> plain("<b>a_b</b> [c]")
    '&lt;b>a_b&lt;/b> \\\\[c\\\\]'
    """
    return MARKS.sub(lambda found: ENTITIES.get(found[0], f"\\{found[0]}"), " ".join(text.split()))


def code(text: str) -> str:
    """`text` as code, whatever backticks it holds.

    >>> code("a b"), code("a`b")
    ('`a b`', '`` a`b ``')
    """
    text = " ".join(text.split())
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence, space = "`" * (longest + 1), " " if longest else ""
    return f"{fence}{space}{text}{space}{fence}"


def capital(text: str) -> str:
    """`text` with a capital letter, as the head of a column or a caption has it."""
    return text[:1].upper() + text[1:]


def sentence(text: str) -> str:
    """`text` with a capital letter and a full stop."""
    return capital(text) + ("" if text.endswith(".") else ".")
