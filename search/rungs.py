"""Early stopping with two objectives: clear losers end at rungs of rising fidelity.

At each rung a candidate is compared with all that reached the rung before it, in accuracy and cost at once: it goes on if it lies in the better part
by non-dominated sorting, so that a small network is not stopped because larger ones are more accurate. This is asynchronous successive halving (Li et
al., MLSys 2020, arXiv:1810.05934) with the ranking of MO-ASHA (Schmucker et al., 2021, arXiv:2106.12639); nobody waits for a rung to fill.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..studies.front import ranks


class Rungs:
    """Decides after each epoch whether a candidate goes on."""

    def __init__(self, epochs: int, *, reduction: int = 3, first: int = 3, keep: float = 0.5, least: int = 4, by_cost: bool = True) -> None:
        """Rungs at `epochs` divided by `reduction` once, twice, …, none before epoch `first`; the better part `keep` goes on, once `least` have been seen.
        Without `by_cost` the better part is that of the more accurate: for candidates that all cost the same.

        After one or two epochs accuracy says nothing yet: on digits a network that ends at 99 % stands between 9 and 65 %.
        """
        self.epochs, self._keep, self._least, self._by_cost = epochs, keep, least, by_cost
        levels: set[int] = set()
        level = epochs
        while level > first:
            level = max(level // reduction, first)
            levels.add(level)
        self.levels = tuple(sorted(levels))
        """Epochs after which candidates are compared, rising."""
        self._seen: dict[int, list[tuple[float, float]]] = {level: [] for level in self.levels}

    def reached(self, epoch: int, accuracy: float, macs: float) -> bool:
        """Note what a candidate has after `epoch`, and say whether it goes on."""
        if epoch not in self._seen:
            return True
        seen = self._seen[epoch]
        seen.append((accuracy, macs))
        if len(seen) < self._least:
            return True
        rank = ranks([accuracy for accuracy, _ in seen], [macs * self._by_cost for _, macs in seen])
        better = sum(other < rank[-1] for other in rank)
        return better < self._keep * len(seen)

    def replay(self, curve: Iterable[tuple[int, float]], macs: float) -> None:
        """Note the curve of an evaluation of an earlier run."""
        for epoch, accuracy in curve:
            if epoch in self._seen:
                self._seen[epoch].append((accuracy, macs))
