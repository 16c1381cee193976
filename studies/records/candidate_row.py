"""Holds a candidate as a study stores it: its id, its network as text, and the values of all cost
metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from ...blocks.documented import documented
from ...blocks.errors import InputError, unknown
from ...spaces.metrics import metrics as known_metrics
from .field_checks import assign, finite, integer, require_text
from .late import Late

if TYPE_CHECKING:
    from ...blocks import Cost
    from ...spaces import Candidate

COUNTS = ("macs", "params", "activations")
"""The metrics that every stored candidate has a column for."""


@documented
@dataclass(frozen=True, kw_only=True)
class CandidateRow(Late):
    """A candidate as it is stored: its id, its text and its cost, which any table shows without
    building the network."""

    id: str
    """SHA-256 of the canonical JSON of the network."""
    spec: str
    """Canonical JSON text from which the candidate is read back."""
    macs: int
    """Multiply-adds for one image at the deployment size."""
    params: int
    """Trainable numbers."""
    activations: int
    """Output elements of the layers that count."""
    metrics: Mapping[str, float] = field(default_factory=dict, hash=False)
    """Values of the further cost metrics, by name; rows of older studies have none."""

    def __post_init__(self) -> None:
        require_text("id of a candidate", self.id)
        if len(self.id) > 128:
            raise InputError(f"the id of a candidate must be of 128 characters at most, but got {len(self.id)}")
        require_text("spec of a candidate", self.spec)
        for name in COUNTS:
            assign(self, name, integer(name, getattr(self, name), low=0))
        assign(self, "metrics", checked_metrics(self.metrics))

    @classmethod
    def of(cls, candidate: Candidate, cost: Cost | None = None) -> CandidateRow:
        """The row of a candidate with the values of all registered metrics; `cost` is
        `candidate.cost()`, if it is known already."""
        cost = candidate.cost() if cost is None else cost
        further = {name: metric.value(cost) for name, metric in known_metrics.parts().items() if name not in COUNTS}
        return cls(
            id=candidate.id,
            spec=candidate.spec,
            macs=int(cost.macs),
            params=int(cost.params),
            activations=int(cost.activations),
            metrics=further,
        )

    def cost(self, axis: str) -> float:
        """The value of the cost metric `axis`; computed from the network if it is not stored and
        the metric is exact.

        Raises:
            InputError: there is no such metric, or it is predicted and not stored.
        """
        if axis in COUNTS:
            return getattr(self, axis)
        if axis in self.metrics:
            return self.metrics[axis]
        metric = known_metrics.get(axis)
        if metric.predicted:
            raise InputError(
                f"the study keeps no {axis!r} of candidate {self.id[:12]}, and a predicted metric is not computed again"
            )
        return _computed(axis, self.spec)

    def agrees(self, other: CandidateRow) -> bool:
        """Whether both are the same network with the same values of all exact metrics that both
        have. Predicted values may differ."""
        if any(getattr(self, name) != getattr(other, name) for name in ("id", "spec", *COUNTS)):
            return False
        exact = {name for name, metric in known_metrics.known.items() if not metric.predicted}
        return all(self.metrics[name] == other.metrics[name] for name in exact & {*self.metrics} & {*other.metrics})


def fitting(known: Mapping[str, CandidateRow], id_or_prefix: str) -> CandidateRow:
    """The candidate among `known` whose id is, or begins with, `id_or_prefix`.

    Raises:
        InputError: there is none, or more than one.
    """
    if id_or_prefix in known:
        return known[id_or_prefix]
    found = [key for key in known if id_or_prefix and key.startswith(id_or_prefix)]
    if not found:
        raise unknown("candidate", id_or_prefix, [key[:12] for key in known])
    if len(found) > 1:
        shown = ", ".join(key[: len(id_or_prefix) + 6] for key in found[:4]) + (", …" if len(found) > 4 else "")
        raise InputError(f"candidate {id_or_prefix!r} must fit one id, but fits {len(found)}: {shown}")
    return known[found[0]]


def checked_metrics(metrics: Mapping[str, float]) -> dict[str, float]:
    """Values of metrics by name. Raises InputError if one is no number, or negative."""
    return {str(name): _value(name, value) for name, value in metrics.items()}


def _value(name: str, value: float) -> float:
    """A value of a metric as an int or a float, as plain JSON keeps it."""
    number = finite(f"the metric {name}", value)
    if number < 0:
        raise InputError(f"the metric {name} must not be negative, but got {value!r}")
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


@lru_cache(maxsize=10_000)
def _computed(axis: str, spec: str) -> float:
    from ...spaces.candidates.candidate import Candidate

    return _value(axis, known_metrics.get(axis).of(Candidate.from_spec(spec)))
