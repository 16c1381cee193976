"""What a worker is asked to do: train one candidate, once."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...studies.evaluation import Fidelity, Purpose


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
    scores: tuple[str, ...] = ()
    """Zero-cost scores that are computed in place of training, the first of them in the accuracy's;
    none trains."""
    start: int = 0
    """Epochs done before: it goes on from the state that was kept after them."""
    rungs: tuple[int, ...] = ()
    """Epochs after which the state of the training is kept, so that it can wait there."""
    state: str | None = None
    """Where, but for the epoch (`state_file`); None keeps none."""

    def state_file(self, epoch: int) -> Path:
        """Where the state after `epoch` lies."""
        return Path(f"{self.state}-epoch{epoch}.pt")

    def to_json(self) -> str:
        """The job as text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Job:
        """The inverse of `to_json`."""
        data: dict[str, Any] = json.loads(text)
        return cls(
            **{
                **data,
                "fidelity": Fidelity(**data["fidelity"]),
                "purpose": Purpose(data["purpose"]),
                "rungs": tuple(data["rungs"]),
                "scores": tuple(data["scores"]),
            }
        )
