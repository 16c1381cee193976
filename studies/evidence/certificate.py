"""The certificate of a search: how much its network gains over the best reference network.

The two are compared by their final trainings, which have the same recipe, images, epochs and seeds.
The margin is the mean difference of their validation accuracies, paired by seed, with Student's t
interval of the differences.

The best of several networks is overestimated on the seeds that chose it. With two seeds or more,
each seed therefore compares the network that the other seeds choose, as a grid does
(`studies.scaling.leave_one_out`); the margin is never larger than that of the network chosen by all
seeds. As the folds are not independent, the standard error has the correction of Nadeau & Bengio,
Machine Learning 52 (2003): s √(1/n + 1/(n - 1)) in place of s √(1/n).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from ...blocks.documented import documented
from ..evaluation import Evaluation, Purpose
from ..json_values import JSON
from ..paused import Paused
from ..reference_trials import noted_references
from ..statistics.intervals import LEVEL, Interval, Noise, mean_of, standard_deviation
from ..statistics.seed_choice import best_without

if TYPE_CHECKING:
    from ..study import Study

Verdict = Literal["better", "tied", "worse"]
Selection = Literal["none", "left out", "same seed"]
"""How the network was chosen that is compared: there was only one; without the seed on which it is
compared; by the very training that is compared."""


@documented
@dataclass(frozen=True, kw_only=True)
class TriedReference:
    """A reference network that a search has tried."""

    id: str
    """Id of the candidate."""
    words: str
    """Its name in words, "resnet18 at width 0.27"."""
    macs: int
    """Multiply-adds for one image, at the deployment size."""
    accuracy: float | None
    """Validation accuracy of its trial, the last one if it was stopped early; None if it failed."""
    state: str
    """COMPLETE, PRUNED, FAIL, or WAITING at a rung."""
    origin: Mapping[str, JSON] = field(hash=False)
    """How the published network was scaled: `name`, `reference`, `rule`, `phi`, `coefficients`,
    `strides`."""

    def to_dict(self) -> dict[str, JSON]:
        """The reference as plain JSON."""
        return {
            "name": self.origin["name"],
            "id": self.id,
            "macs": self.macs,
            "accuracy": self.accuracy,
            "state": self.state,
            "origin": dict(self.origin),
        }


@dataclass(frozen=True, kw_only=True)
class Margin:
    """The accuracy of the best of some networks minus that of the reference."""

    value: float
    """The mean difference, as a fraction."""
    n: int
    """Number of seeds."""
    interval: Interval | None
    """Student's 95 % interval; None with one seed."""
    selection: Selection
    """How the network was chosen that is compared."""

    @property
    def verdict(self) -> Verdict:
        """Whether the network is better than the reference; "tied" if the interval contains 0 or is
        unknown."""
        if self.interval is None or self.interval.holds_zero:
            return "tied"
        return "better" if self.interval.low > 0 else "worse"


@documented
@dataclass(frozen=True, kw_only=True)
class Certificate:
    """The network of a search beside the best reference network."""

    tried: tuple[TriedReference, ...] = ()
    """The references that the search has tried, in their order."""
    best: TriedReference | None = None
    """The best of them, which is compared; None if none was trained to the end."""
    chosen: bool = False
    """Whether it is the network that the study has chosen."""
    margin: Margin | None = None
    """Accuracy of the best network that the search found, which is the one chosen unless that is
    the reference, minus that of the reference; None if there are not both."""
    confirmed: bool = False
    """Whether final trainings are compared; if not, it is the one training of each in the search.
    """

    def to_dict(self) -> dict[str, JSON]:
        """The certificate as plain JSON with stable keys; unknown values are null."""
        margin = self.margin
        return {
            "tried": [one.to_dict() for one in self.tried],
            "best": None if self.best is None else self.best.to_dict(),
            "chosen": self.chosen,
            "confirmed": self.confirmed,
            "margin": None if margin is None else margin.value,
            "margin_interval": None if margin is None or margin.interval is None else list(margin.interval),
            "n": None if margin is None else margin.n,
            "selection": None if margin is None else margin.selection,
            "verdict": None if margin is None else margin.verdict,
        }


def certificate(study: Study) -> Certificate:
    """Compare the network of `study` with the best of the references that it has tried."""
    from ..chosen import LEADERS, best, comparable_finals, finalists, trainings

    tried = tried_references(study)
    if not tried:
        return Certificate()
    found, names = finalists(study, LEADERS), {one.id: one for one in tried}
    rival = next((point for point in found if point.id in names), None)
    if rival is None:
        return Certificate(tried=tried)
    own = [point for point in found if point is not rival]
    finals = comparable_finals(trainings(study), found)
    margin = margin_over(
        _by_seed(finals.get(rival.id, [])), {point.id: _by_seed(finals.get(point.id, [])) for point in own}
    )
    confirmed = margin is not None
    if own and margin is None:  # the most accurate of all networks of the search is the first
        margin = Margin(value=own[0].accuracy - rival.accuracy, n=1, interval=None, selection="same seed")
    chosen = best(study)
    return Certificate(
        tried=tried,
        best=names[rival.id],
        chosen=chosen is not None and chosen.candidate.id == rival.id,
        margin=margin,
        confirmed=confirmed,
    )


def tried_references(study: Study) -> tuple[TriedReference, ...]:
    """The references of a study that have been trained, or are paused at a rung, in the order in
    which they are noted."""
    noted = noted_references(study)
    if not noted:
        return ()
    candidates = study.candidates()
    ended: list[Evaluation | Paused] = [*study.paused(), *study.evaluations(Purpose.SEARCH)]
    trials = {each.candidate.id if isinstance(each, Paused) else each.candidate_id: each for each in ended}
    found = []
    for key, origin in noted.items():
        trial = trials.get(key)
        if trial is None:
            continue
        paused = isinstance(trial, Paused)
        found.append(
            TriedReference(
                id=key,
                words=str(origin["words"]),
                macs=(trial.candidate if paused else candidates[key]).macs,
                accuracy=trial.curve[-1][1] if paused else trial.accuracy,
                state="WAITING" if paused else str(trial.state),
                origin={name: value for name, value in origin.items() if name not in ("id", "words")},
            )
        )
    return tuple(found)


def margin_over(reference: Mapping[int, float], networks: Mapping[str, Mapping[int, float]]) -> Margin | None:
    """The margin of the best of `networks` over `reference`.

    Networks with fewer seeds in common with the reference than others are left out.

    Args:
        reference: accuracy of the reference for each seed.
        networks: accuracy of each network for each seed, by id.

    Returns:
        The margin, None if no network has a seed in common with the reference.
    """
    apart = {
        key: {seed: value - reference[seed] for seed, value in accuracies.items() if seed in reference}
        for key, accuracies in networks.items()
    }
    n = max(map(len, apart.values()), default=0)
    rivals = [differences for differences in apart.values() if len(differences) == n]
    if not n:
        return None
    if n == 1:
        value = max(value for differences in rivals for value in differences.values())
        return Margin(value=value, n=1, interval=None, selection="none" if len(rivals) == 1 else "same seed")
    if len(rivals) == 1:
        differences, scale = list(rivals[0].values()), math.sqrt(1 / n)
    else:
        differences = [_left_out(rivals, seed) for seed in sorted({seed for one in rivals for seed in one})]
        n = len(differences)
        scale = math.sqrt(1 / n + 1 / (n - 1))
    value = mean_of(differences) or 0.0
    spread = Noise(sd=standard_deviation(differences), df=n - 1)
    return Margin(
        value=value,
        n=n,
        interval=spread.around(value, scale, LEVEL),
        selection="none" if len(rivals) == 1 else "left out",
    )


def _left_out(rivals: list[dict[int, float]], seed: int) -> float:
    """The difference on `seed` of the network with the best mean difference on the other seeds."""
    best = best_without(seed, rivals)
    assert best is not None  # each of them has two seeds or more
    return rivals[best][seed]


def _by_seed(finals: list[Evaluation]) -> dict[int, float]:
    return {final.seed: final.accuracy for final in finals if final.accuracy is not None}
