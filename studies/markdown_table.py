"""Tables and sentences in Markdown."""

from __future__ import annotations

from collections.abc import Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]], left: int = 2) -> str:
    """A table in Markdown: the first `left` columns are aligned left, all others right."""
    rule = ["---" if number < left else "--:" for number in range(len(head))]
    lines = [head, rule, *rows]
    return "\n".join("| " + " | ".join(cell(text) for text in line) + " |" for line in lines)


def cell(text: str) -> str:
    """`text` on one line, with its pipe characters escaped."""
    return " ".join(text.split()).replace("|", "\\|")


def sentence(text: str) -> str:
    """`text` with a capital letter and a full stop."""
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")
