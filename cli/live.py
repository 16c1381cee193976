"""The live view of a search: a table that is redrawn on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from .text import duration

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

    from ..search.events import Counts, Listener, Running
    from ..studies import Evaluation

REPORT_EVERY = 10.0
"""Seconds between two lines about running candidates, without a terminal."""


@contextlib.contextmanager
def view(*, to_stderr: bool = False) -> Iterator[Listener]:
    """The listener for this terminal, or for none."""
    from rich.console import Console

    console = Console(stderr=to_stderr, highlight=False)
    if not console.is_terminal:
        yield Lines(to_stderr=to_stderr)
        return
    from rich.live import Live

    with Live(console=console, refresh_per_second=4, transient=True) as live:
        yield Redrawn(console, live)


def counts_text(counts: Counts) -> str:
    """How many of what, in a line."""
    ended = counts.done + counts.pruned + counts.failed
    of = f"/{counts.target}" if counts.target else ""
    waiting = f"{counts.waiting} wait, " if counts.waiting else ""
    return f"{ended}{of} trials: {counts.done} done, {waiting}{counts.pruned} pruned, {counts.failed} failed; {counts.refused} refused by the gate"


def ended_text(evaluation: Evaluation, macs: int) -> str:
    """One evaluation that is over."""
    from ..spaces import human
    from ..studies import Purpose

    accuracy = "-" if evaluation.accuracy is None else f"{evaluation.accuracy:.4f}"
    epochs = evaluation.curve[-1][0] if evaluation.curve else 0
    kind = "confirmed" if evaluation.purpose is Purpose.FINAL and evaluation.state == "COMPLETE" else str(evaluation.state).lower()
    reason = f" ({evaluation.reason})" if evaluation.reason else ""
    trained = f"{epochs}/{evaluation.fidelity.epochs} epochs  {duration(evaluation.seconds)}"
    return f"{kind:9} {evaluation.candidate_id[:12]}  accuracy {accuracy}  {human(macs)}FLOPs  {trained}{reason}"


class Lines:
    """A line for everything that ends, and now and then one for what runs."""

    def __init__(self, *, to_stderr: bool = False) -> None:
        from rich.console import Console

        self._console = Console(stderr=to_stderr, highlight=False, soft_wrap=True)
        self._last = 0.0

    def said(self, text: str) -> None:
        self._console.print(text, markup=False)

    def phase(self, text: str) -> None:
        self.said(f"{text} …")

    def reported(self, running: Running, counts: Counts) -> None:
        if time.monotonic() - self._last < REPORT_EVERY:
            return
        self._last = time.monotonic()
        epoch, accuracy = running.curve[-1]
        self.said(f"running   {running.id[:12]}  accuracy {accuracy:.4f}  {epoch}/{running.job.fidelity.epochs} epochs; {counts_text(counts)}")

    def ended(self, evaluation: Evaluation, macs: int, counts: Counts, best: tuple[float, int] | None) -> None:
        self.said(ended_text(evaluation, macs))

    def tick(self, running: list[Running], counts: Counts, seconds_left: float | None) -> None: ...


class Redrawn:
    """What runs, how many of what, the best so far and the time left, redrawn in place; ends scroll above."""

    def __init__(self, console: Console, live: Live) -> None:
        self._console, self._live = console, live
        self._phase = "preparing"
        self._best: tuple[float, int] | None = None
        self._drawn = 0.0

    def said(self, text: str) -> None:
        self._console.print(text, markup=False)

    def phase(self, text: str) -> None:
        self._phase = text
        self._draw([], None, None)

    def reported(self, running: Running, counts: Counts) -> None: ...

    def ended(self, evaluation: Evaluation, macs: int, counts: Counts, best: tuple[float, int] | None) -> None:
        self._best = best
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

        from ..spaces import human

        head = self._phase + (f" · {duration(seconds_left)} left" if seconds_left is not None else "")
        lines: list[RenderableType] = [Text(head, style="bold")]
        if counts is not None:
            lines.append(Text(counts_text(counts)))
        if self._best is not None:
            lines.append(Text(f"best within the budget: accuracy {self._best[0]:.4f} at {human(self._best[1])}FLOPs"))
        if running:
            table = Table(box=box.SIMPLE_HEAD)
            for column in ("running", "FLOPs", "epoch", "accuracy"):
                table.add_column(column, justify="left" if column == "running" else "right")
            for one in running:
                epoch, accuracy = one.curve[-1] if one.curve else (0, None)
                table.add_row(one.id[:12], human(one.macs), f"{epoch}/{one.job.fidelity.epochs}", "-" if accuracy is None else f"{accuracy:.4f}")
            lines.append(table)
        return Group(*lines)
