"""What takes the accuracy's place, and mean ranks."""

import doctest
import math

import numpy as np
import pytest
from automl.blocks import InputError
from automl.search.scores import DEFAULT, combine, rank_average, score_names, zero_cost_value

SCORES = {name: float(place) for place, name in enumerate(score_names())}


def test_the_value_is_the_score_of_that_name_and_the_default_is_one():
    assert all(zero_cost_value(SCORES, name) == SCORES[name] for name in SCORES)
    assert zero_cost_value(SCORES) == SCORES[DEFAULT]


@pytest.mark.parametrize(
    ("scores", "name", "message"),
    [
        (SCORES, "naswott", "did you mean 'naswot'"),
        ({"zen": 1.0}, "naswot", "the score naswot must have been computed, but got zen"),
        ({"zen": math.nan}, "zen", "zen is nan"),
    ],
)
def test_a_value_that_is_not_there_is_refused(scores, name, message):
    with pytest.raises(InputError, match=message):
        zero_cost_value(scores, name)


def test_mean_ranks_do_not_depend_on_what_keeps_the_order():
    rng = np.random.default_rng(0)
    rows = [{"zen": float(a), "naswot": float(b)} for a, b in rng.normal(size=(20, 2))]
    bent = [{"zen": math.exp(row["zen"]), "naswot": 3 * row["naswot"] - 7} for row in rows]
    found = rank_average(rows, ["zen", "naswot"])
    assert found.tolist() == rank_average(bent, ["zen", "naswot"]).tolist()
    assert found.tolist() != rank_average([{**row, "zen": -row["zen"]} for row in rows], ["zen", "naswot"]).tolist()
    assert found.min() >= 0
    assert found.max() <= 1


def test_equal_networks_share_a_rank_and_few_have_one():
    assert rank_average([{"zen": 2.0}, {"zen": 2.0}], ["zen"]).tolist() == [0.5, 0.5]
    assert rank_average([{"zen": 2.0}], ["zen"]).tolist() == [0.0]
    assert rank_average([], ["zen"]).tolist() == []
    with pytest.raises(InputError, match="at least one score"):
        rank_average([{"zen": 2.0}], [])


def test_the_examples_hold():
    assert doctest.testmod(combine).failed == 0
