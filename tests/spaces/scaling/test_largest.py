"""Finding the last step that holds, beside a plain loop, and the number with the fewest digits."""

from unittest.mock import patch

import pytest
from automl.spaces.scaling.largest import Steps
from hypothesis import given, settings
from hypothesis import strategies as st


def steps(least: int = -20, most: int = 20, scale: int = 1000, zero: int = 0) -> Steps:
    def build(step: int):
        raise AssertionError("no network is needed")

    return Steps(
        name="x", symbol="φ", build=build, least=least, most=most, scale=scale, zero=zero, beyond="more than it has"
    )


@settings(deadline=None, max_examples=200, derandomize=True)
@given(least=st.integers(-70, 0), most=st.integers(0, 70), limit=st.integers(-80, 80), start=st.floats(0, 1))
def test_the_last_step_is_that_of_a_plain_loop(least: int, most: int, limit: int, start: float):
    asked: list[int] = []

    def holds(step: int) -> bool:
        asked.append(step)
        return step <= limit

    found = steps(least, most).last(holds, start=round(least + start * (most - least)))
    assert found == max((step for step in range(least, most + 1) if step <= limit), default=None)
    assert all(least <= step <= most for step in asked)


def test_few_steps_are_asked():
    asked: list[int] = []
    steps(-10_000, 10_000).last(lambda step: asked.append(step) or step <= 777, start=0)
    assert len(asked) < 25


@pytest.mark.parametrize(
    ("low", "high", "zero", "scale", "number"),
    [
        (-734, -721, 1000, 1000, 0.27),
        (-15, 3, 1000, 1000, 1.0),
        (-15_213, -15_190, 0, 10_000, -1.52),
        (-4, 4, 0, 10_000, 0.0),
        (12_345, 12_345, 0, 10_000, 1.2345),
        (31_000, 52_000, 0, 10_000, 5.0),
    ],
)
def test_the_number_with_the_fewest_digits_is_given(low: int, high: int, zero: int, scale: int, number: float):
    with patch.object(Steps, "alike", lambda self, step: low):
        assert steps(zero=zero, scale=scale).roundest(high) == number
