"""Names the networks of a study that are confirmed by final trainings, and of which one is chosen.

They are those with the highest posterior mean by the belief that the search has noted (`belief`).
The budget is kept by every network of a study, so its metrics play no further part; of networks
believed equal the cheaper comes first. In a study without a belief they are the most accurate
networks of its front: so it is in studies of earlier versions, in those of zero-cost scores, and
until searching ends.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence

from ..records.evaluation import Purpose, State
from ..records.front_point import FrontPoint
from ..statistics.posterior import Normal
from ..study import Study
from .belief import PLACES, Noted, noted_belief
from .reference_trials import noted_references, own_front_and_references

LEADERS = 3
"""Number of networks among which one is chosen, where no more are confirmed."""
DOUBT = 0.05
"""A network may still be the best if it exceeds the one believed best with at least this
probability."""


def finalists(study: Study, count: int) -> list[FrontPoint]:
    """The networks that are confirmed: `count` that the search found and the best reference, and
    before them a training that the time of the search has cut although it was better than they are.

    If no training is complete, it is the best of all that were stopped.
    """
    found = _finished(study, count)
    leader = _unfinished(study) if count else None
    return found if leader is None else [leader, *found]


def next_contender(study: Study, known: Collection[str], first: Normal) -> FrontPoint | None:
    """The network believed best of those that are not `known`, if it may exceed `first`; None if it
    may not, or the study has noted no belief."""
    belief = noted_belief(study)
    left = [] if belief is None else [point for point in complete_points(study) if point.id not in known]
    if belief is None or not left:
        return None
    best = _ranked(left, belief)[0]
    return best if belief.networks[best.id].above(first) >= DOUBT else None


def leaders(front: Iterable[FrontPoint], count: int) -> list[FrontPoint]:
    """The `count` most accurate networks of the front, the most accurate first."""
    return sorted(front, key=lambda point: (-point.accuracy, point.cost))[:count]


def complete_points(study: Study) -> list[FrontPoint]:
    """All networks that a trial of the search has trained to the end, with the results of these
    trials."""
    return list(study.once("complete points", lambda: _complete_points(study)))


def _complete_points(study: Study) -> list[FrontPoint]:
    candidates, axis = study.candidates(), study.spec.cost
    complete = study.evaluations(Purpose.SEARCH, State.COMPLETE)
    return [FrontPoint(candidate=candidates[each.candidate_id], evaluation=each, axis=axis) for each in complete]


def _finished(study: Study, count: int) -> list[FrontPoint]:
    """The networks of `finalists` that were trained to the end.

    In a study that has tried references, the best reference is compared with the networks that the
    search found. It is the first or the second, so that the two are compared even if the time
    suffices for no others.
    """
    if not count:
        return []
    noted, belief = noted_references(study), noted_belief(study)
    if belief is not None:
        ranked = _ranked(complete_points(study), belief)
        found = spread([point for point in ranked if point.id not in noted], count, belief)
        first = {point.id for point in (*found[:1], *[point for point in ranked if point.id in noted][:1])}
        return [point for point in ranked if point.id in first] + found[1:]
    if not noted:
        return leaders(study.front(), count)
    own, references = own_front_and_references(study)
    found = leaders(own, count)
    return leaders([*found[:1], *leaders(references, 1)], 2) + found[1:]


def spread(ranked: Sequence[FrontPoint], count: int, belief: Noted) -> list[FrontPoint]:
    """The first `count` of `ranked`, not only near copies of the first.

    If all of them differ from the first in one setting at most, the last is replaced by the best
    network that does not and that may be the best: otherwise the confirmation would test one
    belief of the model, and not whether it is right.
    """
    found = list(ranked[:count])
    if len(found) < max(count, 2) or not all(_near(found[0], each) for each in found[1:]):
        return found
    first = belief.networks[found[0].id]
    for other in ranked[count:]:
        if not _near(found[0], other):
            if belief.networks[other.id].above(first) >= DOUBT:
                found[-1] = other
            break
    return found


def _ranked(points: Iterable[FrontPoint], belief: Noted) -> list[FrontPoint]:
    """The networks believed best first; of equal ones, up to rounding errors, the cheaper first."""
    return sorted(points, key=lambda point: (-round(belief.networks[point.id].mean, PLACES - 1), point.cost))


def _near(one: FrontPoint, other: FrontPoint) -> bool:
    """Whether two networks differ in one setting at most."""
    ours, theirs = one.evaluation.settings, other.evaluation.settings
    return sum(ours.get(name) != theirs.get(name) for name in {*ours, *theirs}) <= 1


def _unfinished(study: Study) -> FrontPoint | None:
    """The most accurate trial that the clock has cut, if none that is complete was as accurate;
    without any complete one, the most accurate that was stopped."""
    complete = study.evaluations(Purpose.SEARCH, State.COMPLETE)
    known = {each.candidate_id for each in complete}
    best_complete = max((each.accuracy for each in complete if each.accuracy is not None), default=None)
    able = [
        each
        for each in study.evaluations(Purpose.SEARCH, State.PRUNED)
        if each.accuracy is not None
        and each.candidate_id not in known
        and (best_complete is None or (each.cut and each.accuracy > best_complete))
    ]
    if not able:
        return None
    chosen = max(able, key=lambda each: -math.inf if each.accuracy is None else each.accuracy)
    candidate = study.candidates()[chosen.candidate_id]
    return FrontPoint(candidate=candidate, evaluation=chosen, axis=study.spec.cost)
