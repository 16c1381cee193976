"""Shows the progress of a search: a table that is redrawn on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from .encoding import visible

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

    from ..search.course.events import Counts, Listener, Printing, Running
    from ..studies import Evaluation


@contextlib.contextmanager
def view(*, to_stderr: bool = False) -> Iterator[Listener]:
    """A listener that redraws a table on a terminal and prints plain lines elsewhere."""
    from rich.console import Console

    from ..search.data.progress import in_words, watched

    console = Console(stderr=to_stderr, highlight=False)
    if not console.is_terminal:
        plain = lines(to_stderr=to_stderr)
        with watched(lambda *went: plain.phase(in_words(*went)), every=10):
            yield plain
        return
    from rich.live import Live

    with Live(console=console, refresh_per_second=4, transient=True) as live:
        redrawn = Redrawn(console, live)
        with watched(redrawn.went, every=0.2):
            yield redrawn


def lines(*, to_stderr: bool = False) -> Printing:
    """A listener that prints plain lines without wrapping."""
    from ..search.course.events import Printing

    stream = sys.stderr if to_stderr else sys.stdout
    return Printing(lambda text: print(visible(text), file=stream, flush=True))


class Redrawn:
    """Redraws running trainings, counts, the best network and the time left in place.

    Finished evaluations are printed above the table.
    """

    def __init__(self, console: Console, live: Live) -> None:
        self._console, self._live = console, live
        self._phase = "preparing"
        self._best: tuple[float, int] | None = None
        self._measure = "accuracy"
        self._drawn = 0.0

    def said(self, text: str) -> None:
        self._console.print(visible(text), markup=False)

    def phase(self, text: str) -> None:
        self._phase = text
        self._draw([], None, None)

    def went(self, what: str, done: int, total: int | None) -> None:
        """Draw how much is done of what comes before the search, such as decoding images."""
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.text import Text

        from ..search.data.progress import in_words

        text = Text(f"{self._phase}; {in_words(what, done, total)}", style="bold")
        self._live.update(Group(text, ProgressBar(total=total, completed=done, width=60)))

    def reported(self, running: Running, counts: Counts) -> None: ...

    def ended(self, evaluation: Evaluation, macs: int, counts: Counts, best: tuple[float, int] | None) -> None:
        from ..search.course.events import ended_text
        from ..studies.records.measure import measured

        self._best = best
        if evaluation.purpose == "search":
            self._measure = measured(evaluation)
        self.said(ended_text(evaluation, macs))

    def tick(self, running: list[Running], counts: Counts, seconds_left: float | None) -> None:
        if time.monotonic() - self._drawn > 0.2:
            self._draw(running, counts, seconds_left)

    def _draw(self, running: list[Running], counts: Counts | None, seconds_left: float | None) -> None:
        self._drawn = time.monotonic()
        self._live.update(self._picture(running, counts, seconds_left))

    def _picture(self, running: list[Running], counts: Counts | None, seconds_left: float | None) -> RenderableType:
        from rich import box
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        from ..search.course.events import counts_text, duration, value_text
        from ..spaces import human
        from ..studies.records.measure import words

        head = self._phase + (f", {duration(seconds_left)} left" if seconds_left is not None else "")
        lines: list[RenderableType] = [Text(head, style="bold")]
        if counts is not None:
            lines.append(Text(counts_text(counts)))
        if self._best is not None:
            lines.append(
                Text(
                    f"best within the budget: {value_text(self._measure, self._best[0])} at {human(self._best[1])}FLOPs"
                )
            )
        if running:
            table = Table(box=box.SIMPLE_HEAD)
            measure = words(running[0].measure)
            for column in ("running", "FLOPs", "epoch", "to go", measure):
                table.add_column(column, justify="left" if column == "running" else "right")
            for one in running:
                accuracy = one.curve[-1][1] if one.curve else None
                done = f"{one.progress:.1f}" if one.expected else f"{one.epoch}"
                table.add_row(
                    one.id[:12],
                    human(one.macs),
                    f"{done}/{one.job.fidelity.epochs}",
                    "-" if one.left is None else duration(one.left),
                    value_text(one.measure, accuracy).rpartition(" ")[2],
                )
            lines.append(table)
        return Group(*lines)
