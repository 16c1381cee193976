"""The best of n, exactly, beside drawing it a hundred thousand times."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from automl.blocks.errors import InputError
from automl.studies.statistics.order_statistics import best_quantile, chance_of_better, expected_best, weights
from hypothesis import given, settings
from hypothesis import strategies as st

VALUES = [0.3, 0.7, 0.1, 0.9, 0.55, 0.7, 0.2]


@pytest.mark.parametrize("n", range(1, len(VALUES) + 1))
def test_the_mean_is_that_of_all_subsets(n: int) -> None:
    best = [max(subset) for subset in itertools.combinations(VALUES, n)]
    assert expected_best(VALUES, n) == pytest.approx(np.mean(best), abs=1e-12)


@pytest.mark.parametrize("n", range(1, len(VALUES) + 1))
@pytest.mark.parametrize("level", [0.025, 0.3, 0.5, 0.975])
def test_a_quantile_is_that_of_all_subsets(n: int, level: float) -> None:
    best = sorted(max(subset) for subset in itertools.combinations(VALUES, n))
    assert best_quantile(VALUES, n, level) == best[max(0, math.ceil(level * len(best) - 1e-9) - 1)]


def test_large_samples_agree_with_simulated_draws() -> None:
    generator = np.random.default_rng(0)
    values = generator.normal(size=200)
    drawn = [generator.permutation(values)[:30].max() for _ in range(20_000)]
    assert expected_best(values.tolist(), 30) == pytest.approx(
        np.mean(drawn), abs=4 * np.std(drawn) / math.sqrt(len(drawn))
    )


def test_control_drawing_with_replacement_is_too_low() -> None:
    ordered, n = np.sort(VALUES), 5
    share = np.arange(len(ordered) + 1) / len(ordered)
    with_replacement = float((ordered * np.diff(share**n)).sum())
    assert with_replacement < expected_best(VALUES, n) - 0.01


def test_what_did_not_finish_is_a_draw_and_never_the_best() -> None:
    values = [0.5, -math.inf, 0.8, -math.inf]
    best = [max(subset) for subset in itertools.combinations(values, 2)]
    assert expected_best(values, 2) == pytest.approx(np.mean([value for value in best if value > -math.inf]))
    assert expected_best([-math.inf, -math.inf], 1) == -math.inf


@given(st.integers(1, 60), st.data())
@settings(deadline=None, max_examples=60)
def test_weights_are_a_distribution(size: int, data: st.DataObject) -> None:
    found = weights(size, data.draw(st.integers(1, size)))
    assert found.sum() == pytest.approx(1)
    assert (found >= 0).all()


@pytest.mark.parametrize("n", [0, 4])
def test_more_than_there_are_is_refused(n: int) -> None:
    with pytest.raises(InputError, match=rf"1 <= n <= 3 must hold for the best of n among 3 values, but got {n}"):
        weights(3, n)


@pytest.mark.parametrize(("guided", "random"), [(5, 3), (8, 2), (4, 4)])
def test_the_chance_is_that_of_all_orders(guided: int, random: int) -> None:
    total = guided + random
    places = list(itertools.combinations(range(total), random))  # where the random ones stand, the highest is total - 1
    for better in range(guided + 1):
        often = sum(total - 1 - max(place) >= better for place in places) / len(places)
        assert chance_of_better(better, guided, random) == pytest.approx(often)
    assert chance_of_better(guided + 1, guided, random) == 0
