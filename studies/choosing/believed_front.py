"""The front of a study by what is believed of its networks, beside the one that was observed.

A network whose only training was lucky is on the observed front, and need not be on this one.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...blocks.documented import documented
from ..front import front
from ..records.front_point import FrontPoint
from ..records.measure import bounds
from ..statistics.intervals import Interval
from ..statistics.posterior import Normal
from ..study import Study
from ..writing.json_values import JSON
from .belief import noted_belief
from .chosen import comparison
from .finalists import complete_points
from .finals import trainings


@documented
@dataclass(frozen=True, kw_only=True)
class BelievedPoint:
    """A network that was trained to the end, and what is believed of its accuracy."""

    point: FrontPoint
    """The network with its trial."""
    belief: Normal
    """Posterior of its validation accuracy at the fidelity of a trial, by the sampler's model, its
    trial and its final trainings."""

    @property
    def interval(self) -> Interval:
        """The interval that holds the accuracy with a probability of 95 %, within 0 and 1; of
        another measure, within its bounds."""
        worst, best = bounds(self.point.evaluation.metric)
        low, high = (min(max(end, worst), best) for end in self.belief.interval)
        return Interval(low, high)

    def to_dict(self) -> dict[str, JSON]:
        """The belief as plain JSON: `accuracy` (its mean), `sd` and `interval`."""
        return {"accuracy": self.belief.mean, "sd": self.belief.sd, "interval": list(self.interval)}


def believed_points(study: Study) -> list[BelievedPoint]:
    """All networks that the search has trained to the end; none if it has noted no belief, or has
    completed further trials since."""
    with study.snapshot():
        return list(study.once("believed points", lambda: _believed(study, complete_points(study))))


def _believed(study: Study, points: list[FrontPoint]) -> list[BelievedPoint]:
    if noted_belief(study) is None:
        return []
    posterior = comparison(study, points).posterior
    return [BelievedPoint(point=point, belief=posterior[point.id]) for point in points]


def belief_about(study: Study, candidate: str) -> BelievedPoint | None:
    """What is believed of one network, by its id; None if nothing is."""
    with study.snapshot():
        # the final trainings of the others tell how much trainings differ from seed to seed
        told = {candidate, *(final.candidate_id for final in trainings(study))}
        points = [point for point in complete_points(study) if point.id in told]
        return next((one for one in _believed(study, points) if one.point.id == candidate), None)


def believed_front(study: Study) -> list[BelievedPoint]:
    """The networks that no other beats in believed accuracy and in cost, cheapest first."""
    points = believed_points(study)
    best = front([one.belief.mean for one in points], [one.point.cost for one in points])
    return sorted((points[index] for index in best), key=lambda one: (one.point.cost, -one.belief.mean))
