"""Optuna's side of the database: its tables, written inside a transaction of ours.

Optuna commits at the end of each of its methods. `joined` gives the calling thread a session that
shares our connection and lies in a savepoint: what Optuna then takes for a commit releases the
savepoint, and our own transaction decides. Its retries (five, when a commit fails) stay inside as
well. Used of Optuna are public methods; what is private to it is in `optuna_private`.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import column, inspect, select, table
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from ...blocks.errors import AutomlError, InputError
from . import optuna_private
from .connection import Database
from .schema import alone, at_once

if TYPE_CHECKING:
    from optuna.storages import RDBStorage
    from optuna.trial import FrozenTrial


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

    with database.opening(), alone(database):
        try:
            return at_once(made)
        except RuntimeError as error:
            raise InputError(f"cannot use Optuna's tables in {database.shown}: {error}") from error


@contextmanager
def joined(storage: RDBStorage, session: Session) -> Iterator[RDBStorage]:
    """Inside, what this thread does with `storage` is part of the transaction of `session`."""
    with optuna_private.session_of_thread(storage, session), quietly():
        yield storage


def study_id(session: Session, name: str) -> int | None:
    """Optuna's id of the study of this name; None if it has none. Needs no Optuna."""
    if not inspect(session.connection()).has_table("studies"):
        return None
    studies = table("studies", column("study_id"), column("study_name"))
    return session.scalar(select(studies.c.study_id).where(studies.c.study_name == name))


def create(storage: RDBStorage, session: Session, name: str, cost: str) -> int:
    """A new study of Optuna's that maximises accuracy and minimises the metric `cost`; its id.
    Raises: Taken."""
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
        study.set_metric_names(["accuracy", cost])
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


def finished(
    storage: RDBStorage, session: Session, study: int, among: Collection[int] | None = None
) -> list[FrozenTrial]:
    """All finished trials, or those of the numbers `among`, by number, without the intermediate
    values that earlier versions wrote: see `optuna_trial.frozen`."""
    with joined(storage, session):
        if among is None:
            every = storage.get_all_trials(study)
        else:
            every = [
                storage.get_trial(storage.get_trial_id_from_study_id_trial_number(study, number))
                for number in sorted(among)
            ]
        found = [trial for trial in every if trial.state.is_finished()]
    for trial in found:
        trial.intermediate_values = {}
    return found


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
