"""Which networks are confirmed from which seeds, by arithmetic alone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from automl.search.course.confirmation import FILLED, Final, described, left_out, lengths, planned, seconds_for
from automl.studies import CandidateRow, Evaluation, Fidelity, FrontPoint, Purpose, State
from automl.studies.choosing.reference_trials import ORIGIN
from hypothesis import given
from hypothesis import strategies as st

TRIAL = Fidelity(epochs=8, size=32, fraction=0.25)


def point(name: str, seconds: float, *, reference: bool = False) -> FrontPoint:
    """A network of which one pass over all images takes so many seconds, kept as its MACs."""
    now = datetime.now(UTC)
    row = CandidateRow(id=name, spec=name, macs=round(1000 * seconds), params=1, activations=1)
    evaluation = Evaluation(
        candidate_id=name,
        fidelity=TRIAL,
        seed=0,
        purpose=Purpose.SEARCH,
        state=State.COMPLETE,
        settings={},
        curve=((8, 0.5),),
        accuracy=0.5,
        seconds=1.0,
        started=now,
        finished=now,
        origin=ORIGIN if reference else "",
    )
    return FrontPoint(candidate=row, evaluation=evaluation)


OWN, BEST_REFERENCE = (
    [point("leader", 10), point("second", 12), point("third", 8)],
    point("reference", 20, reference=True),
)
FINALISTS = [OWN[0], BEST_REFERENCE, *OWN[1:]]


def takes(one: FrontPoint, fidelity: Fidelity) -> float:
    return one.macs / 1000 * fidelity.passes


def made(points: list[FrontPoint], seconds_left: float | None, *, seeds: int = 2, workers: int = 2) -> list[Final]:
    return planned(points, [], seed=0, seeds=seeds, factor=2, seconds_left=seconds_left, workers=workers, takes=takes)


def names(finals: list[Final]) -> list[str]:
    return [f"{final.point.id} {final.seed}" for final in finals]


CERTIFICATE = ["leader 1", "reference 1", "reference 2", "leader 2"]


@pytest.mark.parametrize("seconds_left", [None, 1e6, 200.0, 110.0])
def test_the_comparison_of_the_certificate_is_the_first_to_become_sure(seconds_left: float | None):
    assert names(made(FINALISTS, seconds_left))[:4] == CERTIFICATE


def test_where_time_is_short_networks_are_dropped_before_the_seeds_of_the_certificate():
    plans = {seconds: names(made(FINALISTS, seconds, workers=1)) for seconds in (230.0, 180.0, 140.0, 70.0, 25.0, 20.0)}
    assert set(plans[230.0]) == {*CERTIFICATE, "second 1", "second 2", "third 1", "third 2"}
    assert set(plans[180.0]) == {*CERTIFICATE, "second 1", "third 1"}
    assert plans[140.0] == CERTIFICATE
    assert plans[70.0] == CERTIFICATE[:2]
    assert plans[25.0] == ["leader 1"]
    assert plans[20.0] == []


def test_without_references_all_networks_are_trained_from_fewer_seeds_first():
    assert set(names(made(OWN, 1e6))) == {f"{one.id} {seed}" for one in OWN for seed in (1, 2)}
    assert set(names(made(OWN, 41.0))) == {f"{one.id} 1" for one in OWN}
    assert names(made(OWN, 25.0)) == ["leader 1"]


@given(
    seconds=st.floats(1.0, 2_000.0),
    workers=st.integers(1, 4),
    seeds=st.integers(1, 4),
    speeds=st.lists(st.floats(0.5, 50.0), min_size=2, max_size=5),
)
def test_a_plan_ends_in_time_and_no_training_is_shorter_than_its_trial(
    seconds: float, workers: int, seeds: int, speeds: list[float]
):
    points = [point(f"n{number}", speed, reference=number == 1) for number, speed in enumerate(speeds)]
    plan = made(points, seconds, seeds=seeds, workers=workers)
    assert len({final.key for final in plan}) == len(plan)
    assert seconds_for([takes(final.point, final.fidelity) for final in plan], workers) <= FILLED * seconds
    assert len({(final.fidelity.epochs, final.fidelity.fraction) for final in plan}) <= 1
    for final in plan:
        assert TRIAL.epochs <= final.fidelity.epochs <= 2 * TRIAL.epochs
        assert final.fidelity.fraction >= TRIAL.fraction
    if not plan:  # control: there was no time for one
        assert takes(points[0], TRIAL) > FILLED * seconds


def test_longer_trainings_have_more_images_before_more_epochs():
    found = [(one.epochs, one.fraction) for one in lengths(TRIAL, 2)]
    assert found[:9] == [(epochs, 1.0) for epochs in range(16, 7, -1)]
    assert [epochs for epochs, _ in found[9:]] == [8] * 9
    assert [share for _, share in found[9:]] == pytest.approx([*(0.85**step for step in range(1, 9)), 0.25], abs=1e-3)
    assert found[-1] == (8, 0.25)
    whole = Fidelity(epochs=4, size=16)
    assert [(one.epochs, one.fraction) for one in lengths(whole, 1)] == [(4, 1.0)]


def test_what_is_left_out_comes_after_what_is_planned():
    plan = made(FINALISTS, 140.0, workers=1)
    later = left_out(FINALISTS, plan, [], seed=0, seeds=2)
    assert set(names(later)) == {"second 1", "second 2", "third 1", "third 2"}
    assert {final.fidelity for final in later} == {plan[0].fidelity}
    assert left_out(FINALISTS, made(FINALISTS, 1e6), [], seed=0, seeds=2) == []


def test_the_words_name_a_smaller_share_and_seeds_that_differ():
    assert described(made(FINALISTS, 140.0, workers=1)).endswith(
        "8 epochs of 25% of the images each, from 2 other seeds"
    )
    assert described(made(FINALISTS, 180.0, workers=1)).endswith(" each, from up to 2 other seeds")
    assert described(made(FINALISTS, None)).endswith(": 16 epochs each, from 2 other seeds")
