"""Holds one point of a study's front."""

from __future__ import annotations

from dataclasses import dataclass

from ...blocks.documented import documented
from ...spaces.metrics import DEFAULT_AXIS
from .evaluation import CandidateRow, Evaluation


@documented
@dataclass(frozen=True, kw_only=True)
class FrontPoint:
    """A candidate on the front, with the evaluation that put it there; or the reference that the
    front's networks are compared with."""

    candidate: CandidateRow
    """The network and its cost."""
    evaluation: Evaluation
    """Its accuracy and how it came about."""
    axis: str = DEFAULT_AXIS
    """The cost metric of the front."""

    @property
    def id(self) -> str:
        """The candidate's id."""
        return self.candidate.id

    @property
    def accuracy(self) -> float:
        """Validation accuracy."""
        assert self.evaluation.accuracy is not None  # of a COMPLETE evaluation: checked at its construction
        return self.evaluation.accuracy

    @property
    def cost(self) -> float:
        """The value of the front's cost metric."""
        return self.candidate.cost(self.axis)

    @property
    def macs(self) -> int:
        """Multiply-adds for one image."""
        return self.candidate.macs

    @property
    def params(self) -> int:
        """Trainable numbers."""
        return self.candidate.params
