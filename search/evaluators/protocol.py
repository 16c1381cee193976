"""What a search needs of those who evaluate its candidates, whether they train, look up a table, or
score."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from ...spaces import Census
from ...studies import Study
from ...studies.chosen import Best
from ..course.engine import Engine
from ..course.events import Listener
from ..course.limits import Limits
from ..options import SearchOptions
from ..plan import Settled
from ..proposing.proposal import Proposes


class Evaluator(Protocol):
    """One way of evaluating candidates, for one search; `automl.search.run` makes it from the
    option's text, and knows no more of it than this."""

    @property
    def plan(self) -> Settled:
        """What is searched and for how long."""
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
        """By which candidates are evaluated in place of training; None trains them, or looks them
        up."""
        ...

    @property
    def keeps_weights(self) -> bool:
        """Whether a confirmed network leaves weights behind."""
        ...

    def limits(self, options: SearchOptions) -> Limits:
        """When the search ends, and how it is confirmed."""
        ...

    def described(self, found: Census) -> list[str]:
        """How candidates are evaluated, in lines for the reader. Raises: InputError if these
        candidates cannot be."""
        ...

    def proposes(self, proposer: Proposes) -> Proposes:
        """`proposer`, held to the candidates that can be evaluated."""
        ...

    def workers(self, listener: Listener) -> AbstractContextManager[Callable[[Engine], None]]:
        """Workers, started and in the end stopped; what it gives runs an engine on them. Raises:
        InputError if there cannot be such workers."""
        ...

    def tested(self, study: Study, chosen: Best, listener: Listener) -> Best:
        """The network chosen, with its accuracy on the test data where there are any."""
        ...
