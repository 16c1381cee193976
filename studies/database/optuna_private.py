"""All uses of Optuna's private names, so that a new version of Optuna breaks this file only.

Optuna's own samplers use the same names. Public methods exist for some, but they copy every trial
at every proposal, which takes longer than the proposal itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial


def identity(study: Study) -> tuple[object, int]:
    """Storage and id of a study: the same for all objects that stand for the same study."""
    return study._storage, study._study_id


def trials_of(study: Study) -> list[FrozenTrial]:
    """All trials of a study, without copying them; read once for each trial that is asked for."""
    return study._get_trials(deepcopy=False, use_cache=True)


def stop_loop(study: Study) -> None:
    """Stop `study.optimize`; has no effect if trials are asked for one by one."""
    if study._thread_local.in_optimize_loop:
        study.stop()


def enqueued_params(trial: FrozenTrial) -> dict[str, Any]:
    """The parameters with which a trial was enqueued; empty if it was not."""
    return dict(trial.system_attrs.get("fixed_params") or {})
