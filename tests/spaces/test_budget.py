"""Budgets as people write them."""

from typing import Any

import numpy as np
import pytest
from automl.blocks import Cost, InputError
from automl.spaces import human, parse_budget


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("400MFLOPs", "macs<=400000000"),
        ("400mflops", "macs<=400000000"),
        ("0.4G", "macs<=400000000"),
        ("400MMACs", "macs<=400000000"),
        ("4e8", "macs<=400000000"),
        (" 400 M ", "macs<=400000000"),
        ("300M..400MFLOPs", "300000000<=macs<=400000000"),
        ("300..400MFLOPs", "300000000<=macs<=400000000"),
        ("5.3MParams", "params<=5300000"),
        ("12kActs", "activations<=12000"),
        ("400M,5.3MParams", "macs<=400000000, params<=5300000"),
    ],
)
def test_spellings(text: str, canonical: str):
    assert str(parse_budget(text)) == canonical


def test_several_budgets_hold_at_once_and_one_metric_is_intersected():
    assert str(parse_budget(["400M", "300M..500M", "5MParams"])) == "300000000<=macs<=400000000, params<=5000000"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("0", "must be positive, but got '0'"),
        ("-4M", "must be positive"),
        ("", "not a budget"),
        ("MFLOPs", "not a budget"),
        ("400X", "unknown unit"),
        ("400MFLOPS/s", "not a budget"),
        ("400MFLOPSs", "did you mean"),
        ("4M..3M", "low <= high must hold, but got '4M..3M'"),
        ("1M..2M..3M", "one amount or a range"),
        ("1MParams..2MFLOPs", "must be of one kind"),
        ("400M,500M..600M", "low <= high must hold"),
        ("nan", "not a budget"),
        ("inf", "not a budget"),
    ],
)
def test_nonsense_gets_one_clear_line(text: str, says: str):
    with pytest.raises(InputError, match=says) as caught:
        parse_budget(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("wrong", [20e6, [20_000_000], None])
def test_a_budget_that_is_no_text_is_refused_in_one_line(wrong: Any):
    with pytest.raises(InputError, match=r"a budget is given as text, but got .*; write it like 400MFLOPs"):
        parse_budget(wrong)


def test_admits_numbers_and_arrays_alike():
    budget = parse_budget("300..400,2MParams")
    cost = Cost(np.array([299, 300, 400, 401, 350]), np.array([1, 1, 1, 1, 3_000_000]), np.zeros(5))
    assert list(budget.admits(cost)) == [False, True, True, False, False]
    assert [bool(budget.admits(Cost(m, p, 0))) for m, p in zip(cost.macs, cost.params, strict=True)] == [
        False,
        True,
        True,
        False,
        False,
    ]
    assert [bool(d > 0) for d in budget.distance(cost)] == [True, False, False, True, True]


@pytest.mark.parametrize(
    ("value", "shown"),
    [(385814752, "386M"), (5288548, "5.29M"), (999, "999"), (1_663_000_000, "1.66G"), (999_999, "1M")],
)
def test_counts_for_people(value: int, shown: str):
    assert human(value) == shown
