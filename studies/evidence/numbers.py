"""Formats the values of a study: shares in percent and their differences in percentage points,
losses and scores as they are."""

from __future__ import annotations

from ..records.measure import ACCURACY, SCORE, in_percent, mean_in_words, shown, significant, words
from ..statistics.intervals import Interval
from .confirmed_networks import Confirmed


class Numbers:
    """Formats values of a measure, of which larger is better inside and which are shown as they
    are; the ends of an interval of a loss are therefore exchanged."""

    def __init__(self, measure: str = ACCURACY) -> None:
        self.measure: str = measure
        self.words: str = words(measure)
        self._percent, self._turned = in_percent(measure), shown(measure, 1.0) < 0
        self.unit: str = "points" if self._percent else "" if measure == SCORE else self.words

    def value(self, value: float | None) -> str:
        """A value as text: "91.23 %", or a score or loss; "-" if unknown."""
        if value is None:
            return "-"
        return f"{100 * self._shown(value):.2f} %" if self._percent else significant(self._shown(value))

    def difference(self, value: float, *, sign: bool = True, digits: int = 2) -> str:
        """A difference as text, in percentage points for shares, without the unit."""
        turned = self._shown(value) if sign else abs(value)
        rounded = round(100 * turned, digits) + 0.0 if self._percent else turned + 0.0  # no "-0.00"
        text = f"{rounded:.{digits}f}" if self._percent else significant(rounded)
        return f"+{text}" if sign and rounded >= 0 else text

    def between(self, interval: Interval) -> str:
        """An interval of values as text: "90.10 % to 91.50 %"."""
        return " to ".join(self.value(end) for end in self._ends(interval))

    def apart(self, interval: Interval, *, digits: int = 2) -> str:
        """An interval of differences as text, without the unit: "-0.10 to +0.50"."""
        return " to ".join(self.difference(end, digits=digits) for end in self._ends(interval))

    def mean(self, one: Confirmed) -> str:
        """A mean with its standard deviation over seeds: "81.20 ± 0.35 % (n = 3)"."""
        return mean_in_words(one.mean, one.std, one.n, self.measure)

    def _shown(self, value: float) -> float:
        return shown(self.measure, value)

    def _ends(self, interval: Interval) -> tuple[float, float]:
        return (interval.high, interval.low) if self._turned else (interval.low, interval.high)
