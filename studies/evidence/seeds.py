"""What one training differs from the next, and whether the winner is more than lucky: from final
trainings with several seeds.

Means and intervals as for a grid (`scaling.intervals`): the variance is pooled over all networks,
as three seeds say next to nothing of one network's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..evaluation import Evaluation, Purpose, State
from ..json_values import JSON
from ..statistics.intervals import Estimate, Noise
from .baseline import LEVEL
from .rows import images


@dataclass(frozen=True, kw_only=True)
class Confirmed:
    """A network with its final trainings of one fidelity."""

    id: str
    """Of the candidate."""
    fidelity: str
    """How much training."""
    accuracies: Mapping[int, float]
    """Seed to validation accuracy."""

    @property
    def n(self) -> int:
        """Seeds."""
        return len(self.accuracies)

    @property
    def mean(self) -> float:
        """Over the seeds."""
        return float(np.mean(list(self.accuracies.values())))

    @property
    def std(self) -> float | None:
        """Over the seeds, with n - 1 below; None for one."""
        return float(np.std(list(self.accuracies.values()), ddof=1)) if self.n > 1 else None

    def to_dict(self) -> dict[str, JSON]:
        """As plain JSON."""
        return {
            "id": self.id,
            "fidelity": self.fidelity,
            "n": self.n,
            "mean": self.mean,
            "std": self.std,
            "accuracies": {str(seed): value for seed, value in sorted(self.accuracies.items())},
        }


@dataclass(frozen=True, kw_only=True)
class Seeds:
    """The networks confirmed, the best mean first, and what can be said of their order."""

    noise: Noise
    """Standard deviation of one final training, pooled over all networks and fidelities."""
    networks: tuple[Confirmed, ...] = ()
    """Those of the fidelity that most were trained at, those with most seeds first, by their mean.
    """
    lead: Estimate | None = None
    """The first's mean less the second's; None without a second."""
    tied: tuple[str, ...] = ()
    """Networks that cannot be told from the first: the intervals of all differences hold 0 with 95
    % at once (Bonferroni)."""

    @property
    def told(self) -> bool | None:
        """Whether the first can be told from the second; None where the spread is unknown or there
        is no second."""
        return None if self.lead is None or self.lead.interval is None else not self.lead.interval.holds_zero

    def to_dict(self) -> dict[str, JSON]:
        """As plain JSON."""
        return {
            "sd": self.noise.sd,
            "df": self.noise.df,
            "networks": [one.to_dict() for one in self.networks],
            "lead": self.lead.to_dict() if self.lead else None,
            "told_from_second": self.told,
            "tied": list(self.tied),
        }


def seed_noise(evaluations: Iterable[Evaluation]) -> Seeds:
    """Of the final trainings among these."""
    groups: dict[tuple[str, str], dict[int, float]] = {}
    amounts: dict[
        tuple[str, str], tuple[float, int]
    ] = {}  # images seen, epochs: what candidates are compared at, each at its own size
    for each in evaluations:
        if each.purpose is Purpose.FINAL and each.state is State.COMPLETE and each.accuracy is not None:
            key = each.candidate_id, str(each.fidelity)
            groups.setdefault(key, {})[each.seed] = each.accuracy
            amounts[key] = images(each.fidelity), each.fidelity.epochs
    if not groups:
        return Seeds(noise=Noise(sd=None, df=0))
    every = {
        key: Confirmed(id=f"{key[0]} {key[1]}", fidelity=key[1], accuracies=found) for key, found in groups.items()
    }
    noise = Noise.pooled(list(every.values()))
    trained: dict[tuple[float, int], int] = {}
    for key, found in groups.items():
        trained[amounts[key]] = trained.get(amounts[key], 0) + len(found)
    amount = max(trained, key=lambda one: (trained[one], one))
    best: dict[str, Confirmed] = {}
    for (candidate, fidelity), found in groups.items():
        if amounts[candidate, fidelity] == amount and (candidate not in best or len(found) > best[candidate].n):
            best[candidate] = Confirmed(id=candidate, fidelity=fidelity, accuracies=found)
    order = sorted(best.values(), key=lambda one: (-one.n, -round(one.mean, 12)))
    return Seeds(
        noise=noise,
        networks=tuple(order),
        lead=noise.difference(order[0], order[1], LEVEL) if len(order) > 1 else None,
        tied=_tied(order, noise),
    )


def _tied(order: Sequence[Confirmed], noise: Noise) -> tuple[str, ...]:
    others = order[1:]
    differences = (
        (other.id, noise.difference(order[0], other, 1 - (1 - LEVEL) / len(others)).interval) for other in others
    )
    return tuple(name for name, interval in differences if interval is not None and interval.holds_zero)
