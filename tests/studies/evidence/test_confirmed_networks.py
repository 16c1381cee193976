"""The spread of final trainings, by hand."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from automl.studies import Evaluation, Fidelity, Study
from automl.studies.evidence import seed_noise
from scipy.stats import t

Record = Callable[..., Evaluation]
REACHED = {0: (0.90, 0.92, 0.94), 1: (0.80, 0.81, 0.85), 2: (0.89, 0.90, 0.93)}


@pytest.fixture
def confirmed(study: Study, record: Record) -> Study:
    for number, values in REACHED.items():
        for seed, value in enumerate(values, 1):
            record(study, number, value, final=seed)
    return study


def test_the_pooled_spread_equals_a_hand_computation(confirmed: Study) -> None:
    found = seed_noise(confirmed.evaluations())
    squares = sum(sum((value - sum(values) / 3) ** 2 for value in values) for values in REACHED.values())
    assert found.noise.df == 6
    assert found.noise.sd == pytest.approx(math.sqrt(squares / 6))


def test_the_order_is_by_the_mean_and_the_lead_by_the_pooled_t_interval(confirmed: Study) -> None:
    found = seed_noise(confirmed.evaluations())
    assert [int(one.id, 16) for one in found.networks] == [0, 2, 1]
    assert found.lead is not None
    assert found.lead.interval is not None
    half = t.ppf(0.975, 6) * (found.noise.sd or 0) * math.sqrt(2 / 3)
    assert found.lead.value == pytest.approx(0.92 - 2.72 / 3)
    assert found.lead.interval.high == pytest.approx(found.lead.value + half)
    assert found.told is False
    assert [int(one, 16) for one in found.tied] == [2]


def test_control_a_winner_far_ahead_is_told(study: Study, record: Record) -> None:
    for number, base in ((0, 0.9), (1, 0.7)):
        for seed in (1, 2, 3):
            record(study, number, base + seed / 1000, final=seed)
    found = seed_noise(study.evaluations())
    assert found.told is True
    assert found.tied == ()


def test_a_network_with_fewer_seeds_does_not_lead_by_luck(confirmed: Study, record: Record) -> None:
    record(confirmed, 7, 0.99, final=1)
    assert [int(one.id, 16) for one in seed_noise(confirmed.evaluations()).networks] == [0, 2, 1, 7]


def test_trainings_of_another_length_are_not_compared_but_count_for_the_spread(
    confirmed: Study, record: Record
) -> None:
    before = seed_noise(confirmed.evaluations())
    for seed in (4, 5):
        record(confirmed, 1, 0.99, final=seed, fidelity=Fidelity(epochs=100, size=16))
    after = seed_noise(confirmed.evaluations())
    assert [one.id for one in after.networks] == [one.id for one in before.networks]
    assert after.noise.df == before.noise.df + 1


def test_one_seed_has_no_spread_and_nobody_is_told(study: Study, record: Record) -> None:
    for number in (0, 1):
        record(study, number, 0.9 - number / 10, final=1)
    found = seed_noise(study.evaluations())
    assert (found.noise.sd, found.told, found.tied) == (None, None, ())
    assert [one.std for one in found.networks] == [None, None]


def test_a_failed_or_missing_final_is_no_network(study: Study, record: Record) -> None:
    record(study, 0, None, final=1)
    assert seed_noise(study.evaluations()).networks == ()
