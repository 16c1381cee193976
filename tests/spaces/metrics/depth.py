"""A cost metric of a user: looks at the network, and has no form for arrays."""

from __future__ import annotations

from automl.spaces import Candidate
from automl.spaces.metrics import Metric


class Depth(Metric):
    """The number of blocks."""

    name = "depth"
    unit = "blocks"
    words = "blocks between the image and the classifier"
    units = {"blocks": 1, "block": 1}  # noqa: RUF012

    def of(self, candidate: Candidate) -> float:
        return sum(repeats for *_, repeats in candidate.walk())
