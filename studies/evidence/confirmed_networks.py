"""The spread of final trainings from seed to seed, and whether the winner is better than the rest.

The variance is pooled over all networks (`statistics.intervals`), since three seeds say little
about the spread of a single network.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..records.evaluation import Evaluation, State
from ..statistics.intervals import LEVEL, Estimate, Noise, mean_of, standard_deviation
from ..writing.json_values import JSON


@dataclass(frozen=True, kw_only=True)
class Confirmed:
    """A network with its final trainings at one fidelity."""

    id: str
    """Id of the candidate."""
    fidelity: str
    """Fidelity of the trainings, in words."""
    accuracies: Mapping[int, float]
    """Validation accuracy of the training from each seed; at least one."""

    @property
    def n(self) -> int:
        """Number of seeds."""
        return len(self.accuracies)

    @property
    def mean(self) -> float:
        """Mean accuracy over the seeds."""
        return mean_of(self.accuracies.values()) or 0.0

    @property
    def std(self) -> float | None:
        """Sample standard deviation over the seeds (divisor n - 1); None for one seed."""
        return standard_deviation(self.accuracies.values())

    def to_dict(self) -> dict[str, JSON]:
        """The network's accuracies as plain JSON."""
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
    """The confirmed networks in their order, and how reliable this order is."""

    noise: Noise
    """Standard deviation of one final training, pooled over all networks and fidelities."""
    networks: tuple[Confirmed, ...] = ()
    """The networks at the fidelity with the most trainings: those with the most seeds first, then
    by mean accuracy."""
    lead: Estimate | None = None
    """Mean of the first network minus that of the second; None without a second network."""
    tied: tuple[str, ...] = ()
    """Ids of the networks not significantly different from the first: their simultaneous 95 %
    intervals (Bonferroni) contain 0."""

    @property
    def told(self) -> bool | None:
        """Whether the first network differs significantly from the second.

        None if the standard deviation is unknown or there is no second network.
        """
        return None if self.lead is None or self.lead.interval is None else not self.lead.interval.holds_zero

    def to_dict(self) -> dict[str, JSON]:
        """The networks and their order as plain JSON."""
        return {
            "sd": self.noise.sd,
            "df": self.noise.df,
            "networks": [one.to_dict() for one in self.networks],
            "lead": self.lead.to_dict() if self.lead else None,
            "told_from_second": self.told,
            "tied": list(self.tied),
        }


def seed_noise(evaluations: Iterable[Evaluation]) -> Seeds:
    """Compare the networks that have completed final trainings among `evaluations`."""
    groups: dict[tuple[str, str], dict[int, float]] = {}
    # Networks are compared at the same passes over the data and epochs; each has its own size.
    amounts: dict[tuple[str, str], tuple[float, int]] = {}
    for each in evaluations:
        if each.confirms and each.state is State.COMPLETE and each.accuracy is not None:
            key = each.candidate_id, str(each.fidelity)
            groups.setdefault(key, {})[each.seed] = each.accuracy
            amounts[key] = each.fidelity.passes, each.fidelity.epochs
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
