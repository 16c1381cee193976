"""Rank correlations between rungs and the end."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from automl.studies.evidence import Row, rank_correlations

from .conftest import EPOCHS

Make = Callable[..., Row]


def curve(early: float, end: float) -> tuple[tuple[int, float], ...]:
    return ((1, 0.1), (3, early), (EPOCHS, end))


def test_a_rung_is_where_a_training_was_stopped(row: Make) -> None:
    rows = [row(number, 0.5 + number / 100, curve=curve(0.3 + number / 100, 0.5 + number / 100)) for number in range(8)]
    [found] = rank_correlations(
        [*rows, row(8, None, curve=((1, 0.1), (3, 0.2))), row(9, None, curve=((1, 0.1), (3, 0.1)))]
    )
    assert (found.epoch, found.n, found.stopped) == (3, 8, 2)
    assert [found.spearman, found.kendall] == pytest.approx([1, 1])
    assert found.spearman_interval is not None
    assert 0.5 < found.spearman_interval.low < 1  # eight in perfect order are not certainty


def test_they_equal_a_hand_computation(row: Make) -> None:
    early, end = [0.1, 0.2, 0.3, 0.4, 0.5], [0.51, 0.53, 0.52, 0.54, 0.55]
    rows = [
        row(number, late, curve=curve(first, late)) for number, (first, late) in enumerate(zip(early, end, strict=True))
    ]
    [found] = rank_correlations([*rows, row(9, None, curve=((3, 0.0),))])
    assert found.spearman == pytest.approx(1 - 6 * 2 / (5 * 24))  # two neighbours change places
    assert found.kendall == pytest.approx((9 - 1) / 10)


def test_the_interval_covers_the_truth(row: Make) -> None:
    covered = 0
    for seed in range(100):
        pairs = np.random.default_rng(seed).multivariate_normal([0, 0], [[1, 0.7], [0.7, 1]], size=30)
        rows = [
            row(number, float(late), curve=curve(float(first), float(late)))
            for number, (first, late) in enumerate(pairs)
        ]
        [found] = rank_correlations([*rows, row(99, None, curve=((3, 0.0),))])
        assert found.spearman_interval is not None
        covered += found.spearman_interval.low <= 6 / np.pi * np.arcsin(0.35) <= found.spearman_interval.high
    assert covered >= 88


def test_without_a_stop_halves_of_the_whole_are_shown(row: Make) -> None:
    rows = [
        row(number, number / 10, curve=tuple((epoch, epoch * number / 100) for epoch in range(1, EPOCHS + 1)))
        for number in range(6)
    ]
    assert [one.epoch for one in rank_correlations(rows)] == [1, 2, 4]


@pytest.mark.parametrize("count", [1, 4])
def test_few_trainings_give_no_correlation(row: Make, count: int) -> None:
    rows = [row(number, number / 10, curve=curve(number / 10, number / 10)) for number in range(count)]
    [found] = rank_correlations([*rows, row(9, None, curve=((3, 0.0),))])
    assert (found.n, found.spearman, found.spearman_interval, found.kendall) == (count, None, None, None)


def test_equal_accuracies_give_no_correlation(row: Make) -> None:
    [found] = rank_correlations(
        [*(row(number, 0.5, curve=curve(0.3, 0.5)) for number in range(6)), row(9, None, curve=((3, 0.0),))]
    )
    assert found.spearman is None


def test_without_curves_there_are_none(row: Make) -> None:
    assert rank_correlations([]) == ()
    assert rank_correlations([row(0, 0.5), row(1)]) == ()
