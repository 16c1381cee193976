"""A training that waits at a rung: kept, found again, and gone with the row of its evaluation."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest
from automl.studies import DuplicateEvaluation, Paused, State, Study
from automl.studies.database.connection import DatabaseError
from optuna.distributions import CategoricalDistribution, FloatDistribution


@pytest.fixture
def paused(candidate, evaluation) -> Paused:
    one = evaluation(3)
    return Paused(
        candidate=candidate(3),
        fidelity=one.fidelity,
        seed=one.seed,
        settings=one.settings,
        params={"depth": 1.2, "attention": "eca"},
        distributions={"depth": FloatDistribution(0.5, 2.0), "attention": CategoricalDistribution(("none", "eca"))},
        curve=((1, 0.1 + 0.2),),
        seconds=2.5,
        origin="random",
        scores={"synflow": 12.5},
        checkpoint="x.pt",
        started=one.started,
        finished=one.finished,
    )


def test_it_is_found_again_as_it_was(study: Study, url: str, paused: Paused) -> None:
    study.pause(paused)
    assert Study.open(url, "tiny").paused() == [paused]
    assert study.counts() == {"complete": 0, "pruned": 0, "fail": 0, "final": 0}
    assert study.optuna_trials() == []


def test_at_a_later_rung_it_replaces_itself(study: Study, paused: Paused) -> None:
    study.pause(paused)
    later = replace(paused, curve=(*paused.curve, (2, 0.5)), checkpoint="y.pt")
    study.pause(later)
    assert study.paused() == [later]


@pytest.mark.parametrize("state", list(State))
def test_the_row_of_its_evaluation_takes_its_place(study: Study, paused: Paused, record, state: State) -> None:
    study.pause(paused)
    record(study, 4)
    assert study.paused() == [paused]
    record(study, 3, state=state, reason="why")
    assert study.paused() == []


def test_what_was_not_recorded_leaves_it_waiting(study: Study, url: str, paused: Paused, record) -> None:
    study.pause(paused)
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    connection.execute("CREATE TRIGGER full BEFORE INSERT ON automl_evaluations BEGIN SELECT RAISE(ABORT, 'no'); END")
    connection.close()
    with pytest.raises(DatabaseError):
        record(study, 3)
    assert study.paused() == [paused]


def test_what_has_ended_cannot_wait(study: Study, paused: Paused, record) -> None:
    record(study, 3)
    with pytest.raises(DuplicateEvaluation):
        study.pause(paused)
    assert study.paused() == []


def test_it_goes_with_its_study(study: Study, url: str, paused: Paused, count) -> None:
    from automl.studies import delete

    study.pause(paused)
    delete(url, "tiny")
    assert count(url, "automl_paused") == 0


def test_origin_and_scores_of_an_evaluation_are_kept(study: Study, record) -> None:
    record(study, 3, origin="random", scores={"zen": 1})
    found = study.evaluations()[0]
    assert (found.origin, found.scores) == ("random", {"zen": 1.0})
