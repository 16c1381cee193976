"""What a worker is asked to do: train one candidate, once."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from ..studies.evaluation import Fidelity, Purpose


@dataclass(frozen=True, kw_only=True)
class Job:
    """One evaluation, as plain data that travels to a worker."""

    candidate: str
    """Canonical JSON of the network."""
    params: int
    """Parameters by the cost formulas; a worker that builds another number refuses."""
    fidelity: Fidelity
    """How much training it gets."""
    seed: int
    """Of initialisation, shuffling and augmentation."""
    purpose: Purpose
    """A trial of the search, or the training of a chosen network."""
    checkpoint: str | None = None
    """Where the trained weights are to be written; None keeps none."""

    def to_json(self) -> str:
        """The job as text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Job:
        """The inverse of `to_json`."""
        data: dict[str, Any] = json.loads(text)
        return cls(**{**data, "fidelity": Fidelity(**data["fidelity"]), "purpose": Purpose(data["purpose"])})
