"""Keeps what a search believes of its networks before any of them is trained again.

A search notes its belief when searching ends, by the model of its sampler: what the *other* trials
say of each network. The network's own trial and its final trainings are combined with it whenever
it is read, so what is believed always covers them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..records.evaluation import Purpose, State
from ..statistics.posterior import Normal, posterior

if TYPE_CHECKING:
    from ..study import Study

NOTE = "belief"
"""The note of a study that holds its belief; studies of earlier versions have none."""
PLACES = 6
"""Decimal places that are kept of a belief."""


@dataclass(frozen=True, kw_only=True)
class Belief:
    """What the trials of a search say of its networks."""

    expected: Mapping[str, Normal]
    """Candidate id -> its accuracy at the fidelity of a trial, as expected by all trials but its
    own."""
    scatter: float
    """Standard deviation of a trial around what is expected of it."""


@dataclass(frozen=True, kw_only=True)
class Noted:
    """The belief that a study keeps, with the trials from which each network's posterior follows.

    It covers every network that the study has trained to the end.
    """

    belief: Belief
    """The belief as it was noted."""
    trials: Mapping[str, float]
    """Candidate id -> accuracy of its own trial."""
    networks: Mapping[str, Normal]
    """Candidate id -> posterior of its accuracy, given all trials, its own included."""


def note_belief(study: Study, belief: Belief) -> None:
    """Keep `belief` with the study, in place of an earlier one."""
    networks = {key: [round(one.mean, PLACES), round(one.sd, PLACES)] for key, one in belief.expected.items()}
    study.note(NOTE, {"scatter": round(belief.scatter, PLACES), "networks": networks})


def noted_belief(study: Study) -> Noted | None:
    """The belief that a study has noted; None if it has none, or if trials have been completed
    since."""
    return study.once("belief", lambda: _noted_belief(study))


def _noted_belief(study: Study) -> Noted | None:
    noted = study.notes().get(NOTE)
    if not isinstance(noted, dict) or not isinstance(kept := noted.get("networks"), dict):
        return None
    scatter = noted.get("scatter")
    if not isinstance(scatter, int | float) or not math.isfinite(scatter):
        return None
    expected = {key: Normal(float(one[0]), float(one[1])) for key, one in kept.items() if isinstance(one, list)}  # type: ignore[arg-type]
    complete = study.evaluations(Purpose.SEARCH, State.COMPLETE)
    trials = {each.candidate_id: each.accuracy or 0.0 for each in complete}
    if not trials.keys() <= expected.keys():
        return None
    belief = Belief(expected=expected, scatter=float(scatter))
    networks = posterior(expected, trials, {}, scatter=belief.scatter, shifted=False)
    return Noted(belief=belief, trials=trials, networks=networks)
