"""Writes evaluations, candidates and paused trainings of a study, in a session that the caller
commits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from ...blocks.errors import InputError
from ..records.evaluation import CandidateRow, DuplicateEvaluation, Evaluation, Purpose, State
from ..records.optuna_trial import frozen
from ..records.paused import Paused
from . import optuna_tables
from .recovery import Result
from .rows import candidate_record, evaluation_record, keep_metrics
from .tables import CandidateRecord, ClaimRecord, EvaluationRecord, PausedRecord

if TYPE_CHECKING:
    from optuna.storages import RDBStorage


def check(evaluation: Evaluation, candidate: CandidateRow, values: tuple[float, float] | None, axis: str) -> None:
    """Check that the arguments of a record fit together; `axis` is the study's cost metric.

    Raises:
        InputError: they contradict each other.
    """
    if evaluation.candidate_id != candidate.id:
        raise InputError(
            f"an evaluation is recorded with its own candidate, but got {evaluation.candidate_id!r} with"
            f" {candidate.id!r}"
        )
    wanted = (
        (evaluation.accuracy, candidate.cost(axis))
        if (evaluation.purpose, evaluation.state) == (Purpose.SEARCH, State.COMPLETE)
        else None
    )
    given = None if values is None else tuple(values)
    if given != wanted:  # else Optuna's front would not be ours
        raise InputError(
            f"the values of this {evaluation.state} {evaluation.purpose} evaluation must be {wanted}, but got {given}"
        )


def add(
    session: Session,
    study: int,
    name: str,
    optuna_study: int,
    trials: Callable[[], RDBStorage],
    result: Result,
    *,
    again: bool,
) -> int | None:
    """Write an evaluation that ended, its candidate, and for a search Optuna's trial.

    Args:
        session: its transaction.
        study: id of the study.
        name: its name.
        optuna_study: id of the study that Optuna has.
        trials: gives Optuna's storage.
        result: what is written.
        again: whether it was written before, and it is not known whether that was kept.

    Returns:
        The number of the trial; None for other evaluations than those of the search.

    Raises:
        DuplicateEvaluation: the study has this evaluation already.
        InputError: as `store`, or Optuna refuses the trial.
    """
    evaluation = result.evaluation
    row = session.scalar(_evaluation(study, *evaluation.key))
    if row is not None:
        if again and (row.state, row.worker, row.seconds) == (evaluation.state, evaluation.worker, evaluation.seconds):
            return row.trial
        raise _duplicate(name, evaluation)
    number = None
    if evaluation.purpose is Purpose.SEARCH:
        trial = frozen(evaluation, result.params, result.distributions, result.values)
        number = optuna_tables.add(trials(), session, optuna_study, trial)
    store(session, study, evaluation, result.candidate, number)
    return number


def add_paused(session: Session, study: int, name: str, paused: Paused) -> None:
    """Write a paused training.

    Raises:
        DuplicateEvaluation: it has ended already.
    """
    if ended(session, study, *paused.key):
        raise _duplicate(name, paused)
    store_paused(session, study, paused)


def ended(session: Session, study: int, candidate: str, fidelity: str, seed: int) -> bool:
    """Whether the study has an evaluation of this (candidate, fidelity, seed)."""
    return session.scalar(_evaluation(study, candidate, fidelity, seed)) is not None


def has(session: Session, study: int, evaluation: Evaluation) -> bool:
    """Whether the study has this evaluation already."""
    return ended(session, study, evaluation.candidate_id, evaluation.fidelity.key, evaluation.seed)


def store(session: Session, study: int, evaluation: Evaluation, candidate: CandidateRow, number: int | None) -> None:
    """Add an evaluation, as Optuna's trial `number`, and its candidate; its paused training and the
    claim of its driver are removed.

    Raises:
        InputError: the candidate's id is stored with another network.
    """
    row = session.get(CandidateRecord, (study, candidate.id))
    if row is None:
        session.add(candidate_record(study, candidate))
    else:
        keep_metrics(row, candidate)
    session.add(evaluation_record(study, evaluation, number))
    for kind in (PausedRecord, ClaimRecord):
        row = session.get(kind, (study, evaluation.candidate_id, evaluation.fidelity.key, evaluation.seed))
        if row is not None:
            session.delete(row)


def store_paused(session: Session, study: int, paused: Paused) -> None:
    """Add a paused training, in place of what was kept when it was paused at an earlier rung."""
    candidate, fidelity, seed = paused.key
    session.merge(
        PausedRecord(study_id=study, candidate_id=candidate, fidelity=fidelity, seed=seed, data=paused.to_dict())
    )


def store_test(session: Session, study: int, evaluation: Evaluation, accuracy: float, *, again: bool = False) -> None:
    """Add the accuracy on the test data to an evaluation; `again` as in `add`.

    Raises:
        InputError: there is no such evaluation, or it has been tested.
    """
    row = session.scalar(_evaluation(study, evaluation.candidate_id, evaluation.fidelity.key, evaluation.seed))
    if again and row is not None and row.test_accuracy == accuracy:
        return
    if row is None or row.test_accuracy is not None:
        state = "is not in the study" if row is None else f"has been tested already ({row.test_accuracy})"
        raise InputError(f"an evaluation is tested once, but that of candidate {evaluation.candidate_id[:12]} {state}")
    row.test_accuracy = replace(evaluation, test_accuracy=accuracy).test_accuracy  # checked: finite


def _duplicate(name: str, one: Evaluation | Paused) -> DuplicateEvaluation:
    what = f"candidate {one.key[0][:12]}, {one.fidelity}, seed {one.seed}"
    return DuplicateEvaluation(f"study {name!r} has this evaluation already ({what}): nothing was written")


def _evaluation(study: int, candidate: str, fidelity: str, seed: int) -> Select[EvaluationRecord]:
    return select(EvaluationRecord).where(
        EvaluationRecord.study_id == study,
        EvaluationRecord.candidate_id == candidate,
        EvaluationRecord.fidelity == fidelity,
        EvaluationRecord.seed == seed,
    )
