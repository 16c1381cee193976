"""Makes Optuna's trial of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...blocks.errors import InputError
from .evaluation import Evaluation

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial


def frozen(
    evaluation: Evaluation,
    params: Mapping[str, Any],
    distributions: Mapping[str, BaseDistribution],
    values: tuple[float, float] | None,
) -> FrozenTrial:
    """An evaluation as Optuna's trial: the curve and what it stands for as user attributes.

    The curve is no intermediate values: samplers of several objectives fail on a pruned trial that
    has some.

    Raises: InputError if `params` and `distributions` do not fit together.
    """
    from optuna.trial import TrialState, create_trial

    attributes = {
        "candidate": evaluation.candidate_id,
        "curve": [list(point) for point in evaluation.curve],
        "settings": evaluation.settings,
        "fidelity": evaluation.fidelity.to_dict(),
        "seed": evaluation.seed,
        "seconds": evaluation.seconds,
    }
    if evaluation.reason:
        attributes["reason"] = evaluation.reason
    if evaluation.fault:
        attributes["fault"] = evaluation.fault
    try:
        trial = create_trial(
            state=TrialState[evaluation.state],
            values=None if values is None else [float(value) for value in values],
            params=dict(params),
            distributions=dict(distributions),
            user_attrs=attributes,
        )
    except ValueError as error:
        raise InputError(f"Optuna refuses the trial: {error}") from error
    trial.datetime_start = evaluation.started.astimezone().replace(tzinfo=None)  # Optuna's times are naive and local
    trial.datetime_complete = evaluation.finished.astimezone().replace(tzinfo=None)
    return trial
