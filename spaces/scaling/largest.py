"""Finds the largest of a row of growing networks that a budget admits.

The networks are numbered by steps, of which step 0 is the baseline. The cost never falls from one
step to the next, because every axis is rounded by a rule that never does; a network that is too
small to be built counts as costing less than any other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ...blocks import Cost, InputError, InvalidBlock
from ..budget import Budget
from ..candidates.candidate import Candidate


@dataclass(frozen=True, kw_only=True)
class Steps:
    """A row of growing networks, each built once."""

    name: str
    """What is scaled, for messages."""
    symbol: str
    """Name of the number that rises with the steps: "φ"."""
    scale: int
    """Steps between two whole numbers of it, a power of ten."""
    zero: int = 0
    """That number at step 0, times `scale`."""
    build: Callable[[int], Candidate]
    """Returns the network of a step; raises InvalidBlock if it is too small to be built."""
    least: int
    """The first step."""
    most: int
    """The last step."""
    beyond: str
    """What larger networks would have, for messages: "more than 64 times the depth"."""
    _built: dict[int, tuple[Candidate, Cost] | None] = field(default_factory=dict, repr=False)

    def at(self, step: int) -> tuple[Candidate, Cost] | None:
        """Return the network of a step and its cost; None if it cannot be built."""
        if step not in self._built:
            try:
                candidate = self.build(step)
                self._built[step] = candidate, candidate.cost()
            except InvalidBlock:
                self._built[step] = None
        return self._built[step]

    def within(self, budget: Budget) -> int:
        """Return the last step whose network is within `budget`.

        The search begins at step 0 and doubles its distance from it.

        Raises:
            InputError: the smallest network exceeds the budget, the largest does not reach it, or
                the largest below its upper bounds is below a lower bound.
        """

        def admitted(step: int) -> bool:
            found = self.at(step)
            return found is None or all(bound.of.value(found[1]) <= bound.high for bound in budget.bounds)

        last = self.last(admitted, start=0)
        found = None if last is None else self.at(last)
        if last is None or found is None:
            smallest = self.least if last is None else last + 1
            raise InputError(
                f"the budget {budget} lies below the smallest network that {self.name} can be scaled to:"
                f" {self._reached(smallest, budget)} at {self.words(smallest)}"
            )
        if last == self.most:
            raise InputError(f"the budget {budget} needs {self.beyond} of {self.name}")
        if not budget.admits(found[1]):
            raise InputError(
                f"no {self.symbol} is within {budget}: at {self.words(last)} the cost is {budget.reached(found[1])},"
                " a step further it is above"
            )
        return last

    def value(self, step: int) -> float:
        """Return the number of a step."""
        return (self.zero + step) / self.scale

    def roundest(self, step: int) -> float:
        """Return the number with the fewest decimals that builds the same network as `step`, up to
        the number of `step`; the largest of several."""
        low, high, unit = self.zero + self.alike(step), self.zero + step, self.scale
        while high // unit * unit < low:
            unit //= 10
        return high // unit * unit / self.scale

    def words(self, step: int) -> str:
        """Write the number of a step: "φ = 1.5"."""
        return f"{self.symbol} = {self.value(step):g}"

    def _reached(self, step: int, budget: Budget) -> str:
        found = self.at(step)
        return "none" if found is None else budget.reached(found[1])

    def alike(self, step: int) -> int:
        """Return the first step that builds the same network as `step`."""
        found = self.at(step)
        first = self.last(lambda other: self.at(other) != found, start=step, most=step)
        return self.least if first is None else first + 1

    def last(self, holds: Callable[[int], bool], *, start: int, most: int | None = None) -> int | None:
        """Return the last step, up to `most`, for which `holds` is true; None if there is none.

        `holds` must be true for every step before the last one, and false for every step after it.
        """
        most, distance = self.most if most is None else most, 1
        if holds(start):
            low, high = start, min(start + 1, most)
            while high < most and holds(high):
                distance *= 2
                low, high = high, min(start + distance, most)
            if holds(high):
                return high
        else:
            low, high = max(start - 1, self.least), start
            while low > self.least and not holds(low):
                distance *= 2
                low, high = max(start - distance, self.least), low
            if not holds(low):
                return None
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if holds(middle) else (low, middle)
        return low
