"""The networks of each rule of scaling at multiples of a baseline's cost."""

import math

import pytest
from automl.blocks import InputError
from automl.spaces.scaling.at_multiples import RuleNetwork, at_multiples
from automl.spaces.scaling.baseline import Baseline
from automl.spaces.scaling.family import PAPER

AXES = ("depth", "width", "resolution")
SMALL = {
    "skeleton": "resnet",
    "image": [3, 32, 32],
    "classes": 10,
    "stages": [
        {"channels": 8, "repeats": 4, "stride": 1},
        {"channels": 14, "repeats": 5, "stride": 2},
        {"channels": 22, "repeats": 5, "stride": 1},
    ],
    "dimensions": dict.fromkeys(AXES, 1.0) | {"unit": "basic", "stem": "deep", "stem_width": 6, "divisor": 1},
}


@pytest.fixture(scope="module")
def small() -> Baseline:
    return Baseline.of_data(SMALL, "small")


def test_every_rule_has_the_cost_of_every_multiple(small: Baseline):
    found = at_multiples(small, PAPER, [0.5, 1, 2, 4])
    assert [(one.multiple, one.rule) for one in found] == [
        (multiple, rule) for multiple in (0.5, 2, 4) for rule in ("compound", *AXES)
    ]
    for one in found:
        assert one.factor == pytest.approx(one.candidate.cost().macs / small.cost.macs)
        assert one.reached(0.05)
        assert not one.reached(abs(one.factor / one.multiple - 1) * 0.99 - 1e-12)  # the control: it is a bound


def test_an_axis_alone_scales_nothing_else_and_the_compound_rule_every_axis(small: Baseline):
    for one in at_multiples(small, PAPER, [0.5, 2]):
        scaled = {axis for axis, factor in one.factors.items() if factor != 1}
        assert scaled == (set(AXES) if one.rule == "compound" else {one.rule})
        assert all((one.factors[axis] > 1) == (one.multiple > 1) for axis in scaled)
        if one.phi is not None:
            assert (one.phi > 0) == (one.multiple > 1)  # negative below the baseline
            assert one.factors == pytest.approx({axis: value**one.phi for axis, value in PAPER.items()})


def test_the_compound_network_is_the_nearest_of_all(small: Baseline):
    def off(factor: float, multiple: float) -> float:
        return abs(math.log(factor / multiple))

    for multiple in (0.6, 3.0):
        one = at_multiples(small, PAPER, [multiple])[0]
        phis = [index / 500 for index in range(-1500, 1501)]
        walked = {
            small.candidate({axis: value**phi for axis, value in PAPER.items()}).cost().macs / small.cost.macs
            for phi in phis
        }
        assert off(one.factor, multiple) <= min(off(factor, multiple) for factor in walked) + 1e-12


def test_an_axis_that_cannot_reach_a_cost_says_how_near_it_comes(small: Baseline):
    alone = {one.rule: one for one in at_multiples(small, PAPER, [0.2])}
    assert not alone["depth"].reached(0.05)  # one unit in each stage is the least
    assert alone["depth"].factor > 0.3
    assert alone["width"].reached(0.05)


@pytest.mark.parametrize(
    ("coefficients", "multiples", "says"),
    [
        (PAPER, [2, 2], "multiples must rise, but 2 follows 2"),
        (PAPER, [0.0, 2], "a multiple must lie between 1/64 and 64, but got 0"),
        (PAPER, [math.nan], "a multiple must lie between"),
        (PAPER, [1], "needs a multiple other than 1"),
        (PAPER, [], "needs a multiple other than 1"),
        ({"depth": 1.2}, [2], "at least two axes"),
        ({"depth": 1.2, "width": 1.0}, [2], "at least two axes"),
        ({"depth": 1.2, "width": 0.9}, [2], "at least"),
        ({"depth": 1.2, "height": 1.2}, [2], "unknown axis of small: 'height'"),
    ],
)
def test_what_cannot_be_is_refused(small: Baseline, coefficients: dict, multiples: list, says: str):
    with pytest.raises(InputError, match=says):
        at_multiples(small, coefficients, multiples)


def test_a_network_is_plain_json(small: Baseline):
    one: RuleNetwork = at_multiples(small, PAPER, [2])[0]
    assert {"multiple", "rule", "phi", "factors", "id", "image", "macs", "params", "factor"} <= set(one.to_dict())
