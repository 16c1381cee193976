"""Notes what a search believes of its networks when searching ends."""

from __future__ import annotations

import math

from ...studies import Evaluation, Purpose, State, Study
from ...studies.choosing.belief import Belief, note_belief, noted_belief
from ...studies.records.measure import SCORE, measure_of
from ...studies.statistics.intervals import mean_of
from ...studies.statistics.posterior import Normal
from ..proposing.proposal import Proposes


def note_believed(study: Study, proposer: Proposes) -> None:
    """Note what is believed of the networks that `study` has trained to the end, unless that is
    noted already. Nothing is noted of zero-cost scores, which have no noise."""
    complete = study.evaluations(Purpose.SEARCH, State.COMPLETE)
    if not complete or measure_of(study.spec.settings) == SCORE or noted_belief(study) is not None:
        return
    found = proposer.believed()
    if found is not None:
        note_belief(study, Belief(expected=_with_others(found, complete), scatter=found.scatter))


def _with_others(found: Belief, complete: list[Evaluation]) -> dict[str, Normal]:
    """The belief of the proposer, and the mean of all networks for each that it does not know, such
    as a reference."""
    accuracies = {each.candidate_id: each.accuracy or 0.0 for each in complete}
    mean = mean_of(accuracies.values()) or 0.0
    spread = math.fsum((value - mean) ** 2 for value in accuracies.values()) / len(accuracies)
    unknown = Normal(mean, math.sqrt(max(spread - found.scatter**2, found.scatter**2)))
    return {key: found.expected.get(key, unknown) for key in accuracies}
