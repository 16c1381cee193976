"""Optuna's side of the database: its tables, written inside a transaction of ours.

Optuna commits at the end of each of its methods. `joined` gives the calling thread a session that
shares our connection and lies in a savepoint: what Optuna then takes for a commit releases the
savepoint, and our own transaction decides. Its retries (five, when a commit fails) stay inside as
well. Used of Optuna are public methods, and the attribute `scoped_session` of its `RDBStorage`;
`trials.number` is read from its table.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import column, inspect, select, table
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from ...blocks.errors import AutomlError, InputError
from ..evaluation import Evaluation
from .connection import Database
from .schema import at_once

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.storages import RDBStorage
    from optuna.trial import FrozenTrial

METRICS = ["accuracy", "macs"]


class Taken(AutomlError):
    """Another process has just created a study of this name."""


def connect(database: Database) -> RDBStorage:
    """Optuna's storage in `database`; creates its tables if need be. Raises: InputError, also when
    they are of another version of Optuna."""
    from optuna.storages import RDBStorage

    url = (
        database.url.render_as_string(hide_password=False).replace("{", "{{").replace("}", "}}")
    )  # Optuna formats its URL

    def made() -> RDBStorage:
        with quietly():
            return RDBStorage(url, engine_kwargs=dict(database.arguments))

    with database.opening():
        try:
            return at_once(made)
        except RuntimeError as error:
            raise InputError(f"cannot use Optuna's tables in {database.shown}: {error}") from error


@contextmanager
def joined(storage: RDBStorage, session: Session) -> Iterator[RDBStorage]:
    """Inside, what this thread does with `storage` is part of the transaction of `session`."""
    storage.scoped_session.remove()
    storage.scoped_session(bind=session.connection(), join_transaction_mode="create_savepoint")
    try:
        with quietly():
            yield storage
    finally:
        storage.scoped_session.remove()


def study_id(session: Session, name: str) -> int | None:
    """Optuna's id of the study of this name; None if it has none. Needs no Optuna."""
    if not inspect(session.connection()).has_table("studies"):
        return None
    studies = table("studies", column("study_id"), column("study_name"))
    return session.scalar(select(studies.c.study_id).where(studies.c.study_name == name))


def create(storage: RDBStorage, session: Session, name: str) -> int:
    """A new study of Optuna's that maximises accuracy and minimises MACs; its id. Raises: Taken."""
    import optuna

    with joined(storage, session):
        try:
            study = optuna.create_study(
                storage=storage,
                study_name=name,
                directions=["maximize", "minimize"],
                sampler=optuna.samplers.RandomSampler(),
            )
        except optuna.exceptions.DuplicatedStudyError as error:
            raise Taken(f"Optuna has a study {name!r} already") from error
        study.set_metric_names(METRICS)
        return storage.get_study_id_from_name(name)


def add(storage: RDBStorage, session: Session, study: int, trial: FrozenTrial) -> int:
    """Adds a finished trial; its number. Raises: InputError if a parameter's distribution is
    another than in earlier trials."""
    with joined(storage, session):
        try:
            trial_id = storage.create_new_trial(study, template_trial=trial)
        except ValueError as error:
            raise InputError(f"Optuna refuses the trial: {error}") from error
    trials = table("trials", column("trial_id"), column("number"))
    return session.scalars(select(trials.c.number).where(trials.c.trial_id == trial_id)).one()


def delete(storage: RDBStorage, session: Session, study: int) -> None:
    """Removes the study and its trials."""
    with joined(storage, session):
        storage.delete_study(study)


def finished(storage: RDBStorage, session: Session, study: int) -> list[FrozenTrial]:
    """All finished trials, by number, without the intermediate values that earlier versions wrote:
    see `frozen`."""
    with joined(storage, session):
        found = [trial for trial in storage.get_all_trials(study) if trial.state.is_finished()]
    for trial in found:
        trial.intermediate_values = {}
    return found


def frozen(
    evaluation: Evaluation,
    params: Mapping[str, Any],
    distributions: Mapping[str, BaseDistribution],
    values: tuple[float, int] | None,
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


@contextmanager
def quietly() -> Iterator[None]:
    """Optuna without its log lines and ExperimentalWarnings, for our calls alone; its failed
    commits as the database's own errors."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    except optuna.exceptions.StorageInternalError as error:
        if isinstance(error.__cause__, SQLAlchemyError):
            raise error.__cause__ from None
        raise
    finally:
        optuna.logging.set_verbosity(before)
