"""Prepares the trials of studies in the database for a sampler.

A sampler's own study lives in memory and has its trials as the sampler needs them: with the
learning curve in the attribute `CURVE`, and with the cost as a second value only if the search
looks for a front.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...studies import Fault, Purpose
from ...studies.choosing.reference_trials import ORIGIN
from ..sampling import CURVE, NO_EVIDENCE
from .sampler_kind import Objective

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from ...studies import Study


def sampled_trials(study: Study) -> list[FrozenTrial]:
    """Optuna's trials of a study without those of references, which have no parameters."""
    references = {each.trial for each in study.evaluations(Purpose.SEARCH) if each.origin == ORIGIN}
    return [trial for trial in study.optuna_trials() if trial.number not in references]


def so_far(study: Study) -> dict[str, Any]:
    """The arguments `history` and `known` of `Proposer` for continuing `study`; paused trainings
    are included."""
    paused = study.paused()
    return {
        "history": [*sampled_trials(study), *(one.trial() for one in paused if one.origin != ORIGIN)],
        "known": [
            *(evaluation.candidate_id for evaluation in study.evaluations()),
            *(one.candidate.id for one in paused),
        ],
    }


def for_sampler(trial: FrozenTrial, objective: Objective) -> FrozenTrial:
    """A copy of a trial from the database, in the form described above."""
    from optuna.trial import create_trial

    values = trial.values if trial.values is None or objective == "front" else trial.values[:1]
    attributes = dict(trial.user_attrs)
    if attributes.get("curve"):
        attributes[CURVE] = attributes["curve"]
    fault = attributes.get("fault")
    if fault is not None and not Fault(fault).blames_network(reported=bool(attributes.get("curve"))):
        attributes[NO_EVIDENCE] = True
    return create_trial(
        state=trial.state,
        values=values,
        params=trial.params,
        distributions=trial.distributions,
        user_attrs=attributes,
        system_attrs=trial.system_attrs,
    )
