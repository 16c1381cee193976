"""Prints tables: as wide as the terminal, with whole words; elsewhere each row is one line."""

from __future__ import annotations

from collections.abc import Sequence

from .encoding import shown, visible

BETWEEN = 3
"""Characters that a table adds to each column: a space on either side, and what stands between
columns."""


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table: the first column on the left and never broken, the others on the right and
    broken between words where the terminal is narrow."""
    from rich import box
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    cells = [[shown(visible(cell)) for cell in row] for row in [columns, *rows]]
    whole = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
    word = [
        max(cell_len(part) for cell in column for part in cell.split() or [""]) for column in zip(*cells, strict=True)
    ]
    frame = BETWEEN * len(columns) + 1
    room = console.width - frame if console.is_terminal else sum(whole)
    widths = fitted(whole, [whole[0], *word[1:]], room)
    table = Table(box=box.SIMPLE_HEAD)
    for index, (column, width) in enumerate(zip(cells[0], widths, strict=True)):
        table.add_column(column, justify="left" if index == 0 else "right", overflow="fold", width=width)
    for row in cells[1:]:
        table.add_row(*(Text(cell) for cell in row))
    console.print(Text(shown(visible(title)), style="bold"), soft_wrap=True)
    # a terminal narrower than the words breaks the lines itself, and what is copied from it is
    # whole
    Console(highlight=False, width=sum(widths) + frame).print(table, crop=False)


def pixels(image: Sequence[int]) -> str:
    """The size of a (channels, height, width) in pixels, in a narrow column: "224", or height x
    width where they differ, as "32x96".

    >>> pixels((3, 224, 224)), pixels((3, 32, 96))
    ('224', '32x96')
    """
    _, height, width = image
    return str(height) if height == width else f"{height}x{width}"


def fitted(whole: Sequence[int], least: Sequence[int], room: int) -> list[int]:
    """Widths of columns that together take at most `room`, where their words leave that much: first
    the widest are narrowed, none below its `least`.

    >>> fitted([10, 40, 30], [10, 5, 12], 60)
    [10, 25, 25]
    >>> fitted([10, 40, 30], [10, 5, 12], 20)
    [10, 5, 12]
    """
    widths = list(whole)
    while sum(widths) > room:
        wide = [index for index, width in enumerate(widths) if width > least[index]]
        if not wide:
            break
        widths[max(wide, key=lambda index: widths[index])] -= 1
    return widths
