"""Rows of each class for each part, by arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from automl.search.data.stratify import apportion
from hypothesis import given, settings
from hypothesis import strategies as st


@st.composite
def shares(draw: st.DrawFn) -> list[float]:
    weights = draw(st.lists(st.integers(1, 20), min_size=2, max_size=4))
    return [weight / sum(weights) for weight in weights]


@settings(deadline=None, max_examples=200)
@given(counts=st.lists(st.integers(4, 200), min_size=1, max_size=40), shares=shares())
def test_every_row_is_dealt_and_every_part_gets_one(counts: list[int], shares: list[float]):
    table = apportion(counts, shares)
    np.testing.assert_array_equal(table.sum(axis=1), counts)
    assert table.min() >= 1


@settings(deadline=None, max_examples=200)
@given(counts=st.lists(st.integers(100, 300), min_size=1, max_size=60), shares=shares())
def test_neither_a_class_nor_the_whole_strays_from_its_share(counts: list[int], shares: list[float]):
    table = apportion(counts, shares)
    assert np.abs(table - np.outer(counts, shares)).max() <= 1 + 1e-6
    assert np.abs(table.sum(axis=0) - sum(counts) * np.array(shares)).max() <= len(shares)


def test_rounding_each_class_for_itself_would_stray():
    """The control: what the carrying over is for."""
    counts, share = np.full(100, 10), 0.15
    assert np.round(counts * share).sum() == 200
    assert apportion(counts, [0.7, share, share])[:, 1].sum() == 150


def test_numbers_that_come_out_even_are_kept():
    np.testing.assert_array_equal(apportion([20, 40, 60], [0.7, 0.15, 0.15]), [[14, 3, 3], [28, 6, 6], [42, 9, 9]])


@pytest.mark.parametrize(("count", "rows"), [(3, [1, 1, 1]), (4, [2, 1, 1]), (5, [3, 1, 1])])
def test_small_classes_give_one_row_to_each_part_first(count: int, rows: list[int]):
    assert apportion([count], [0.7, 0.15, 0.15]).tolist() == [rows]
