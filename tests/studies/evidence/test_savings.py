"""Hours and epochs, spent and avoided, by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from automl.studies import Evaluation, Study
from automl.studies.evidence import Row, rows, savings


def test_what_is_avoided_equals_a_hand_computation(row: Callable[..., Row]) -> None:
    given = [
        row(0, 0.5, seconds=90.0),
        row(1, 0.6, seconds=110.0),
        row(2, None, curve=((1, 0.1), (3, 0.2)), seconds=30.0),  # 10 s an epoch, 6 of 9 left
        row(3, None, curve=((1, 0.1),), seconds=7.0),  # 7 s an epoch, 8 left
        row(4, None, state="WAITING", curve=((3, 0.2),), epochs=3, seconds=6.0),  # 2 s an epoch, 6 left
        row(5, None, seconds=4.0),
    ]
    found = savings(given, [], {"refused": 20, "duplicates": 3})
    assert found.seconds_avoided == pytest.approx(60 + 56 + 12)
    assert found.epochs_avoided == 20
    assert found.evaluations == {"complete": 2, "pruned": 2, "fail": 1, "waiting": 1, "final": 0}
    assert found.spent == pytest.approx(247)
    assert found.epochs_share == pytest.approx(25 / 45)
    assert found.mean_seconds == 100
    assert found.gate_seconds == 2300


def test_control_at_the_mean_of_all_epochs_it_would_be_another_figure(row: Callable[..., Row]) -> None:
    given = [row(0, 0.5, seconds=9.0), row(1, None, curve=((3, 0.2),), seconds=300.0)]
    assert savings(given, []).seconds_avoided == pytest.approx(600)
    assert abs(6 * 309 / 12 - 600) > 400


def test_final_trainings_are_spent_and_nothing_else(study: Study, record: Callable[..., Evaluation]) -> None:
    record(study, 0, 0.5)
    record(study, 0, 0.6, final=1)
    found = savings(rows(study.evaluations()), study.evaluations())
    assert found.evaluations == {"complete": 1, "pruned": 0, "fail": 0, "waiting": 0, "final": 1}
    assert found.epochs["final"] == 9
    assert found.epochs_share == 1


def test_what_the_clock_cut_is_not_time_saved(row: Callable[..., Row]) -> None:
    stopped = row(1, None, curve=((3, 0.2),), seconds=30.0)
    assert savings([replace(stopped, cut=True)], []).epochs_avoided == 0
    assert savings([stopped], []).epochs_avoided == 6  # control


@pytest.mark.parametrize("gate", [None, "text", {}, {"refused": None}, {"refused": "3", "duplicates": 1}])
def test_a_gate_that_left_no_note_is_unknown(row: Callable[..., Row], gate: object) -> None:
    found = savings([row(0, 0.5)], [], gate)
    assert found.refused is None
    assert found.gate_seconds is None


def test_what_has_no_time_counts_for_nothing(row: Callable[..., Row]) -> None:
    found = savings([row(0, None, state="PRUNED"), row(1, None, curve=((3, 0.1),), seconds=0.0)], [])
    assert (found.seconds_avoided, found.untimed, found.epochs_avoided) == (0, 2, 15)
    assert savings([], []).epochs_share is None
