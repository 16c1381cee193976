"""Shows how far a training has come and how long it will take: a bar on a terminal, lines of text
elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

STEPS = 10_000
"""Steps of the whole bar."""


@contextmanager
def training_bar(*, to_stderr: bool) -> Iterator[tuple[Callable[[str], None], Callable[[float], None] | None]]:
    """Yield a function that prints a line above the bar, and one that is told the share done; None
    in its place where standard error is no terminal and there is no bar."""
    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield lambda text: typer.echo(text, err=to_stderr), None
        return
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("training"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    together = to_stderr or sys.stdout.isatty()  # the lines go to the terminal on which the bar is
    bar = Progress(*columns, console=console, transient=True, redirect_stdout=together, refresh_per_second=4)
    task = bar.add_task("training", total=STEPS, start=False)

    def say(text: str) -> None:
        if together and bar.live.is_started:
            console.print(text, markup=False, soft_wrap=True)
        else:
            typer.echo(text, err=to_stderr)

    def tell(share: float) -> None:
        if bar.live.is_started:
            bar.update(task, completed=STEPS * share)
        else:  # the time left begins here: what was done before a stop says nothing of the speed
            bar.reset(task, completed=round(STEPS * share))
            bar.start()

    try:
        yield say, tell
    finally:
        bar.stop()
