"""What a quality measure is: a number of a trained network, which a search maximises or, if
smaller is better, minimises.

Everywhere inside, in the database too, larger is better: a measure of which smaller is better is
kept with its sign changed, and shown as it is. Shape letters: n images, k outputs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from ..tasks.task import CLASSIFICATION

if TYPE_CHECKING:
    from torch import Tensor


class Measure(ABC):
    """A quality measure; derive from it, and register an instance with `register`."""

    name: str
    """The name in options, JSON and the database, e.g. "balanced-accuracy"."""
    words: str
    """The name in sentences, tables and figures, e.g. "balanced accuracy"."""
    task: str = CLASSIFICATION
    """What the network is trained to give: "classification", "multi-label" or "regression"."""
    smaller_is_better: bool = False
    """Whether smaller values are better, as of a loss."""
    lowest: float = 0.0
    highest: float = 1.0
    """Bounds of the values; infinite where there is none."""
    classes: int | None = None
    """The number of classes that the data must have; None takes any."""

    @abstractmethod
    def of(self, logits_nk: Tensor, labels_n: Tensor) -> float:
        """The value of predictions on the CPU: finite logits, float32 (n, k), and labels (n,); of
        other tasks flags of the labels or numbers, (n, k)."""

    def turned(self, value: float) -> float:
        """`value` with its sign changed if smaller is better: turns a shown value into the one that
        is maximised, and the reverse."""
        return -value if self.smaller_is_better else value

    @property
    def share(self) -> bool:
        """Whether values lie between 0 and 1 and are shown in percent."""
        return (self.lowest, self.highest) == (0.0, 1.0)

    @property
    def bounds(self) -> tuple[float, float]:
        """The worst and the best value, larger being better."""
        worst, best = sorted(map(self.turned, (self.lowest, self.highest)))
        return worst, best
