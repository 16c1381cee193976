"""A job: one evaluation that a worker is asked for."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import Any

from ...studies.quality import ACCURACY
from ...studies.records.evaluation import Fidelity, Purpose


@dataclass(frozen=True, kw_only=True)
class Job:
    """One evaluation, as plain data that travels to a worker."""

    candidate: str
    """Canonical JSON of the network."""
    params: int
    """Parameters by the cost formulas; a worker that builds another number refuses."""
    fidelity: Fidelity
    """Epochs, size in pixels and share of the images."""
    seed: int
    """Seed of initialisation, shuffling and augmentation."""
    purpose: Purpose
    """A trial of the search, or the training of a chosen network."""
    store: str | None = None
    """Folder or URL of the store of the files below; None keeps none."""
    checkpoint: str | None = None
    """Name of the file for the trained weights; None keeps none."""
    scores: tuple[str, ...] = ()
    """Zero-cost scores that are computed in place of training; the first is reported as the
    accuracy. Empty trains."""
    start: int = 0
    """Epoch after which a paused training resumes; 0 begins a new one."""
    rungs: tuple[int, ...] = ()
    """Epochs after which the state of the training is kept, so that it can be paused there."""
    state: str | None = None
    """Name of the states, without the epoch (see `state_file`); None keeps none."""
    kept: str | None = None
    """Name of the weights of a trial, without the epoch (see `kept_file`); None keeps none."""
    above: float = -math.inf
    """Validation accuracy above which the weights of a trial are kept before its end too."""
    metric: str = ACCURACY
    """The quality measure that is reported as the accuracy, larger being better."""
    timed: float = 0.0
    """Seconds in which updates of the network are timed in place of training; 0 trains."""

    def state_file(self, epoch: int) -> str:
        """Name of the state after `epoch`."""
        return after(self.state, epoch)

    def kept_file(self, epoch: int) -> str:
        """Name of the weights of a trial after `epoch`."""
        return after(self.kept, epoch)

    def to_json(self) -> str:
        """The job as JSON text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Job:
        """The job that `to_json` wrote."""
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


def after(name: str | None, epoch: int) -> str:
    """The name of a file that is kept after `epoch`."""
    return f"{name}-epoch{epoch}.pt"
