"""A training that waits at a rung: all that is needed to go on with it, also in another process
after a kill."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..writing.json_values import JSON, plain, plain_dict
from .evaluation import CandidateRow, Evaluation, Fidelity, Purpose, State

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial


@dataclass(frozen=True, kw_only=True)
class Paused:
    """One (candidate, fidelity, seed) that has been trained up to a rung."""

    candidate: CandidateRow
    """The network and its cost."""
    fidelity: Fidelity
    """Fidelity of the full training."""
    seed: int
    """Seed of the training."""
    settings: Mapping[str, JSON]
    """Dimension -> value as sampled."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """Parameters that Optuna's trial stores."""
    distributions: Mapping[str, BaseDistribution] = field(default_factory=dict)
    """Optuna's distribution of each parameter."""
    curve: tuple[tuple[int, float], ...]
    """(epoch, validation accuracy) so far; the last epoch is the rung's."""
    seconds: float
    """Wall time in workers so far."""
    origin: str = ""
    """What proposed it: a sampler, a file, the references."""
    scores: Mapping[str, float] = field(default_factory=dict)
    """Zero-cost scores, where they were computed."""
    worker: str = ""
    """Name of the worker that trained it last."""
    device: str = "cpu"
    """What it ran on."""
    checkpoint: str | None = None
    """Name of the file that holds the state of its training; None where going on needs none."""
    started: datetime
    """Aware; when its training began."""
    finished: datetime
    """Aware; when it came to the rung."""

    @property
    def key(self) -> tuple[str, str, int]:
        """What makes it unique in a study: candidate, fidelity, seed."""
        return self.candidate.id, self.fidelity.key, self.seed

    def pruned(self, reason: str) -> Evaluation:
        """Its evaluation, if it ends here."""
        return Evaluation(
            candidate_id=self.candidate.id,
            fidelity=self.fidelity,
            seed=self.seed,
            purpose=Purpose.SEARCH,
            state=State.PRUNED,
            settings=self.settings,
            curve=self.curve,
            accuracy=self.curve[-1][1],
            seconds=self.seconds,
            worker=self.worker,
            device=self.device,
            reason=reason,
            origin=self.origin,
            scores=self.scores,
            started=self.started,
            finished=self.finished,
        )

    def trial(self) -> FrozenTrial:
        """What a sampler learns from until the training resumes: a pruned trial with its curve."""
        from .optuna_trial import frozen

        return frozen(self.pruned("waits at a rung"), self.params, self.distributions, None)

    def to_dict(self) -> dict[str, JSON]:
        """Plain JSON; `from_dict` reads it back."""
        from optuna.distributions import distribution_to_json

        return plain_dict(
            {
                "candidate": asdict(self.candidate),
                "fidelity": self.fidelity.to_dict(),
                "seed": self.seed,
                "settings": dict(self.settings),
                "params": plain(dict(self.params), "params"),
                "distributions": {name: distribution_to_json(one) for name, one in self.distributions.items()},
                "curve": [list(point) for point in self.curve],
                "seconds": self.seconds,
                "origin": self.origin,
                "scores": dict(self.scores),
                "worker": self.worker,
                "device": self.device,
                "checkpoint": self.checkpoint,
                "started": self.started.isoformat(),
                "finished": self.finished.isoformat(),
            },
            "paused",
        )

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Paused:
        """What `to_dict` wrote."""
        from optuna.distributions import json_to_distribution

        return cls(
            **{
                name: data[name]
                for name in (
                    "seed",
                    "settings",
                    "params",
                    "seconds",
                    "origin",
                    "scores",
                    "worker",
                    "device",
                    "checkpoint",
                )
            },
            candidate=CandidateRow(**data["candidate"]),
            fidelity=Fidelity.from_dict(data["fidelity"]),
            distributions={name: json_to_distribution(text) for name, text in data["distributions"].items()},
            curve=tuple((epoch, accuracy) for epoch, accuracy in data["curve"]),
            started=datetime.fromisoformat(data["started"]),
            finished=datetime.fromisoformat(data["finished"]),
        )
