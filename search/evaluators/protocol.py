"""What a search asks of its evaluator, whether that trains, scores, or looks up a table."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable

from ...spaces import Census
from ...studies import Study
from ...studies.choosing.chosen import Best
from ..course.events import Listener
from ..course.limits import Limits
from ..course.measured_first import Course
from ..options import SearchOptions
from ..plan import Settled
from ..proposing.proposal import Proposes


@runtime_checkable
class Evaluator(Protocol):
    """Evaluates the candidates of one search; `EvaluatorKind.prepare` makes it."""

    @property
    def plan(self) -> Settled:
        """What is searched, and how."""
        ...

    @property
    def now(self) -> Callable[[], float]:
        """The time in seconds, by which the time given runs out."""
        ...

    @property
    def simulated(self) -> float | None:
        """Simulated seconds that have passed; None if the time is real."""
        ...

    @property
    def began(self) -> float:
        """When the time given began to count, by `now`."""
        ...

    @property
    def score(self) -> str | None:
        """The zero-cost score that is computed in place of training; None if there is none."""
        ...

    @property
    def keeps_weights(self) -> bool:
        """Whether a confirmed network leaves weights behind."""
        ...

    def limits(self, options: SearchOptions) -> Limits:
        """When the search ends, and how its best networks are confirmed."""
        ...

    def described(self, found: Census) -> list[str]:
        """How candidates are evaluated, in lines for the reader.

        Raises:
            InputError: the candidates within the budget cannot be evaluated.
        """
        ...

    def proposes(self, proposer: Proposes) -> Proposes:
        """`proposer`, restricted to the candidates that can be evaluated."""
        ...

    def workers(self, listener: Listener) -> AbstractContextManager[Callable[[Course], None]]:
        """Start the workers, yield a function that runs a course on them, and stop them.

        Raises:
            InputError: there cannot be such workers; nothing has been written.
        """
        ...

    def tested(self, study: Study, chosen: Best, listener: Listener) -> Best:
        """`chosen` with its accuracy on the test data, if there are any."""
        ...
