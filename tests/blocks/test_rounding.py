"""Rounding of widths and depths: the authors' rule, the same for ints and arrays."""

import numpy as np
from automl.blocks.rounding import ceil, floor, make_divisible, nearest
from hypothesis import given
from hypothesis import strategies as st
from timm.layers import make_divisible as timm_divisible


@given(st.floats(0.1, 5000), st.sampled_from([1, 4, 8, 16]))
def test_equals_timm(value: float, divisor: int):
    assert make_divisible(value, divisor) == timm_divisible(value, divisor)


@given(st.floats(8, 5000))
def test_a_width_is_a_multiple_of_8_and_never_below_90_percent(value: float):
    assert make_divisible(value) % 8 == 0
    assert make_divisible(value) >= 0.9 * value


@given(st.lists(st.floats(0.1, 4000), min_size=1, max_size=20))
def test_arrays_round_as_single_values_do(values: list[float]):
    for rule in (make_divisible, ceil, floor, nearest):
        assert list(rule(np.array(values))) == [rule(value) for value in values]


def test_noise_of_decimal_steps_adds_no_layer():
    assert ceil(1.1 * 10) == 11  # 11.000000000000002
    assert ceil(1.1 * 3) == 4
    assert floor(0.1 * 3 * 10) == 3
