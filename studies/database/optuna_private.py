"""All uses of Optuna's private names, so that a new version of Optuna breaks this file only.

Optuna's own samplers use the same names. Public methods exist for some, but they copy every trial
at every proposal, which takes longer than the proposal itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import Table, func, insert, select
from sqlalchemy.orm import Session

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.storages import RDBStorage
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


@contextmanager
def session_of_thread(storage: RDBStorage, session: Session) -> Iterator[None]:
    """Inside, Optuna's methods of `storage` use the connection of `session` in this thread, and
    what they commit releases a savepoint."""
    storage.scoped_session.remove()
    storage.scoped_session(bind=session.connection(), join_transaction_mode="create_savepoint")
    try:
        yield
    finally:
        storage.scoped_session.remove()


def lock(session: Session, study: int) -> None:
    """Lock the row of a study until the transaction ends, as Optuna does to number its trials."""
    from optuna.storages._rdb.models import StudyModel

    session.execute(select(StudyModel.study_id).where(StudyModel.study_id == study).with_for_update())


def count_trials(session: Session, study: int) -> int:
    """How many trials Optuna has of a study: the number of the next one."""
    from optuna.storages._rdb.models import TrialModel

    return session.scalar(select(func.count()).select_from(TrialModel).where(TrialModel.study_id == study)) or 0


def stored_distribution(session: Session, study: int, name: str) -> str | None:
    """The distribution of a parameter in a study's trials, as JSON; None if no trial has it."""
    from optuna.storages._rdb.models import TrialModel, TrialParamModel

    asked = (
        select(TrialParamModel.distribution_json)
        .join(TrialModel)
        .where(TrialModel.study_id == study, TrialParamModel.param_name == name)
    )
    return session.scalars(asked.limit(1)).first()


def insert_trials(
    session: Session,
    study: int,
    trials: Sequence[tuple[int, FrozenTrial]],
    text_of: Callable[[str, BaseDistribution], str],
) -> None:
    """Insert finished trials with their numbers, in a few statements for all; `text_of` gives the
    JSON of a parameter's distribution."""
    from optuna.storages._rdb.models import TrialModel, TrialParamModel, TrialUserAttributeModel, TrialValueModel

    rows: list[TrialModel] = []
    for number, trial in trials:
        row = TrialModel(study_id=study, number=number, state=trial.state)
        row.datetime_start, row.datetime_complete = trial.datetime_start, trial.datetime_complete
        rows.append(row)
    session.add_all(rows)
    session.flush()  # which gives them their ids
    values, params, attributes = [], [], []
    for row, (_, trial) in zip(rows, trials, strict=True):
        for objective, value in enumerate(trial.values or ()):
            stored, kind = TrialValueModel.value_to_stored_repr(value)
            values.append({"trial_id": row.trial_id, "objective": objective, "value": stored, "value_type": kind})
        for name, value in trial.params.items():
            text = text_of(name, trial.distributions[name])
            internal = trial.distributions[name].to_internal_repr(value)
            params.append(
                {"trial_id": row.trial_id, "param_name": name, "param_value": internal, "distribution_json": text}
            )
        attributes += [
            {"trial_id": row.trial_id, "key": key, "value_json": json.dumps(value)}
            for key, value in trial.user_attrs.items()
        ]
    for model, written in ((TrialValueModel, values), (TrialParamModel, params), (TrialUserAttributeModel, attributes)):
        table = model.__table__
        assert isinstance(table, Table)  # of a declared model
        if written:
            session.execute(insert(table), written)
