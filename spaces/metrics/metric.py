"""What a cost metric is: a number of every network, smaller is better, that budgets can bound.

A metric is exact if it follows from the network alone (multiply-adds, say), and predicted if a
model or a measurement estimates it (a latency, say). An exact value can be computed again from the
network at any time; a predicted one is kept with the study as it was.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ...blocks import Cost, InputError
from ...blocks.shape import Number
from .amounts import human

if TYPE_CHECKING:
    from ..candidates.candidate import Candidate


@runtime_checkable
class Candidates(Protocol):
    """The candidates whose costs are the arrays of one `Cost`: its `subject`."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Candidate | None]:
        """The candidates in order; None where the settings build no network."""
        ...


class Metric(ABC):
    """A cost metric; derive from it, and register an instance with `register`."""

    name: str
    """The name in options, budgets' canonical text, JSON and the database, e.g. "latency"."""
    unit: str = ""
    """The unit of values, as printed behind a number, e.g. "ms"."""
    words: str = ""
    """What it is, in one line."""
    heading: str = ""
    """The head of its column in tables; `name` if empty."""
    units: Mapping[str, float] = {}
    """Unit in a budget, in any case of letters -> how much of `unit` one of it is, e.g.
    {"ms": 1, "s": 1000}. One metric has each unit. A device may follow: "ms@pixel6"."""
    predicted: bool = False
    """Whether it is an estimate; otherwise the network alone decides it."""
    whole: bool = True
    """Whether all values are integers."""

    @abstractmethod
    def of(self, candidate: Candidate) -> float:
        """The value of one candidate, in `unit`: positive and finite, the same at every call."""

    def of_many(self, candidates: Sequence[Candidate]) -> NDArray[np.float64]:
        """The values of many candidates, of shape (candidates,); override it where arrays are
        faster than one candidate after another."""
        return np.array([self.of(candidate) for candidate in candidates], float)

    def value(self, cost: Cost) -> Number:
        """The value of what `cost` is the cost of: a number, or for arrays an array, NaN where no
        network can be built.

        Raises:
            InputError: the cost is one of a part, or made by hand: it names no candidate.
        """
        subject = cost.subject
        if subject is None:
            raise InputError(f"the metric {self.name!r} needs the network, but got a cost without one")
        if not isinstance(subject, Candidates):
            return self.of(subject)  # type: ignore[arg-type]
        every = list(subject)
        built = np.array([candidate is not None for candidate in every], bool)
        values = np.full(len(every), np.nan)
        if built.any():
            values[built] = self.of_many([candidate for candidate in every if candidate is not None])
        return values

    @property
    def walks(self) -> bool:
        """Whether `value` of arrays looks at each network, which takes about a millisecond each."""
        return type(self).value is Metric.value

    @property
    def head(self) -> str:
        """The head of its column in tables."""
        return self.heading or self.name

    def short(self, value: float) -> str:
        """A value below `head` in a table: "386M"."""
        return human(value) if self.whole or value >= 1000 else f"{value:.3g}"

    def text(self, value: float) -> str:
        """A value with its unit, as a budget may be written: "8.25 ms"."""
        return f"{self.short(value)} {self.unit}".rstrip()

    def exactly(self, value: float) -> str:
        """A value with all its digits and its unit: "3,458 layers"."""
        digits = f"{round(value):,}" if self.whole else f"{value:,.6g}"
        return f"{digits} {self.unit or self.name}"


class CostMetric(Metric):
    """A metric that is a formula of the blocks' costs; takes numbers and arrays alike."""

    def __init__(
        self,
        name: str,
        formula: Callable[[Cost], Number],
        *,
        unit: str,
        words: str,
        heading: str,
        units: Mapping[str, float],
    ) -> None:
        self.name: str = name
        self.unit: str = unit
        self.words: str = words
        self.heading: str = heading
        self.units: Mapping[str, float] = units
        self._formula = formula

    def of(self, candidate: Candidate) -> int:
        """The value of one candidate."""
        return int(self._formula(candidate.cost()))

    def value(self, cost: Cost) -> Number:
        """The value of a cost, or of one that holds arrays; it needs no candidate."""
        return self._formula(cost)

    def text(self, value: float) -> str:
        """A value with its unit: "386MFLOPs"."""
        return self.short(value) + self.unit
