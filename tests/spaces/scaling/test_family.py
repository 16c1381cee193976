"""Families of scaled networks: what φ makes of a baseline, and which φ a budget makes."""

import hashlib
import math
from itertools import pairwise

import pytest
from automl.blocks import InputError
from automl.spaces import architecture, find_candidate, parse_budget
from automl.spaces.scaling.baseline import find_baseline
from automl.spaces.scaling.family import FINEST, PAPER, alone, family, member, phi_for
from hypothesis import given, settings
from hypothesis import strategies as st

NAMES = [
    "efficientnet_b0",
    "resnet50",
    "seresnet50",
    "resnext50_32x4d",
    "resnest50d",
    "ecaresnet50d",
    "mobilenetv1",
    "mobilenetv2",
    "mnasnet_100",
    "plain",
]


@pytest.mark.parametrize("name", NAMES)
def test_phi_zero_is_the_baseline_itself(name: str):
    base = find_baseline(name)
    first = member(base, PAPER, 0.0)
    assert first.candidate.id == base.network.id
    assert (first.factor, first.ideal) == (1.0, 1.0)
    if name not in ("mobilenetv1", "mobilenetv2", "plain"):  # those are skeletons
        assert first.candidate.id == architecture(name).candidate().id


def test_the_family_of_b0_is_that_of_earlier_versions():
    ids = "".join(one.candidate.id for one in family(find_baseline("efficientnet_b0"), PAPER, range(8)))
    assert hashlib.sha256(ids.encode()).hexdigest()[:16] == "5ef11c4b2e0cb07a"


@pytest.mark.parametrize("name", NAMES)
def test_a_family_grows_in_everything(name: str):
    found = family(find_baseline(name), PAPER, [-1, 0, 1, 2, 3])
    for before, after in pairwise(found):
        assert after.cost.macs > before.cost.macs
        assert after.cost.params > before.cost.params
        assert after.candidate.image[1] > before.candidate.image[1]
        assert all(
            one.repeats <= two.repeats and one.width <= two.width
            for one, two in zip(before.stages, after.stages, strict=True)
        )
        assert after.factor == after.cost.macs / found[1].cost.macs


def test_a_member_is_the_skeleton_at_its_coefficients():
    """The way the paper's code scales: repeats rounded up, widths to a multiple of 8, the size to
    whole pixels."""
    found = member(find_baseline("efficientnet_b0"), PAPER, 2.0)
    by_hand = find_baseline("efficientnet_b0").candidate({"depth": 1.44, "width": 1.21, "resolution": 1.3225})
    assert found.candidate.id == by_hand.id
    assert found.candidate.image == (3, 296, 296)
    assert [stage.repeats for stage in found.stages] == [math.ceil(1.44 * repeats) for repeats in (1, 2, 2, 3, 3, 4, 1)]
    assert [stage.width for stage in found.stages] == [24, 32, 48, 96, 136, 232, 384]


def test_sizes_are_rounded_to_a_multiple():
    base = find_baseline("resnet50").rounded_to(32)
    assert [one.candidate.image[1] for one in family(base, PAPER, [0, 1, 2, 3, 7])] == [224, 256, 288, 352, 608]


def test_dropout_and_stochastic_depth_rise_to_a_half():
    found = family(find_baseline("mobilenetv2"), PAPER, [-5, -3.5, 0, 3.5, 7, 8])
    rates = [0.0, pytest.approx(0.05), 0.2, 0.35, 0.5, 0.5]
    assert [one.dropout for one in found] == rates
    assert [one.drop_path for one in found] == rates


def test_a_negative_phi_divides_by_the_coefficients():
    """By hand, as for a positive one: repeats rounded up, widths to a multiple of 8."""
    found = member(find_baseline("resnet50"), PAPER, -2.0)
    assert found.candidate.image == (3, round(224 / 1.15**2), round(224 / 1.15**2)) == (3, 169, 169)
    assert [stage.repeats for stage in found.stages] == [math.ceil(repeats / 1.44) for repeats in (3, 4, 6, 3)]
    assert [stage.width for stage in found.stages] == [4 * width for width in (56, 104, 208, 424)]
    assert found.ideal == pytest.approx(1 / (1.2 * 1.1**2 * 1.15**2) ** 2)
    for axis, value in PAPER.items():
        assert found.factors[axis] == pytest.approx(1 / value**2)


@settings(deadline=None, max_examples=40)
@given(
    name=st.sampled_from(["efficientnet_b0", "resnet50", "mobilenetv2", "resnest50d"]),
    steps=st.integers(-30_000, 40_000),
    coefficients=st.tuples(*[st.floats(1.0, 1.3)] * 3).filter(lambda values: max(values) > 1.02),
)
def test_phi_from_a_budget_inverts_scaling(name: str, steps: int, coefficients: tuple[float, ...]):
    base, at_one = find_baseline(name), dict(zip(PAPER, coefficients, strict=True))
    phi = steps / FINEST
    cost = member(base, at_one, phi).cost.macs
    solved = phi_for(base, at_one, parse_budget(f"{cost}MACs"))
    assert solved >= phi  # several φ may round to one network: the largest is given
    assert member(base, at_one, solved).cost.macs == cost
    assert member(base, at_one, solved + 1 / FINEST).cost.macs > cost


def test_the_last_phi_within_a_budget_is_not_the_one_before():
    """The control of the inversion: one network less would be within the budget too."""
    base = find_baseline("efficientnet_b0")
    phi = phi_for(base, PAPER, parse_budget("4.2GFLOPs"))
    costs = [member(base, PAPER, value).cost.macs for value in (phi - 0.05, phi, phi + 1 / FINEST)]
    assert costs[0] < costs[1] <= 4.2e9 < costs[2]


@pytest.mark.parametrize(("name", "budget"), [("efficientnet_b0", "50MFLOPs"), ("resnet18", "2MParams")])
def test_a_budget_below_the_baseline_gives_a_negative_phi(name: str, budget: str):
    base, bounds = find_baseline(name), parse_budget(budget)
    phi = phi_for(base, PAPER, bounds)
    assert phi < 0
    assert bounds.admits(member(base, PAPER, phi).cost)
    assert not bounds.admits(member(base, PAPER, phi + 1 / FINEST).cost)


def test_a_budget_of_parameters_is_met_as_well():
    base = find_baseline("resnet50")
    phi = phi_for(base, PAPER, parse_budget(["50MParams", "20GFLOPs"]))
    assert member(base, PAPER, phi).cost.params <= 50e6 < member(base, PAPER, phi + 1 / FINEST).cost.params


def test_one_axis_alone_has_the_idealised_coefficient_and_the_one_of_equal_cost():
    base = find_baseline("resnet50")
    found = {each.axis: each for each in alone(base, list(PAPER), 2.0)}
    assert {axis: each.idealised.factors for axis, each in found.items()} == {
        "depth": {"depth": 4.0},
        "width": {"width": 2.0},
        "resolution": {"resolution": 2.0},
    }
    for axis, each in found.items():
        factor = each.equal.factors[axis]
        off = abs(math.log(each.equal.factor / 4))
        for other in (factor - 0.001, factor + 0.001):
            assert abs(math.log(base.candidate({axis: other}).cost().macs / base.cost.macs / 4)) >= off - 1e-12


def test_one_axis_alone_shrinks_to_the_nearest_cost():
    base = find_baseline("mobilenetv2_100")
    for each in alone(base, list(PAPER), -1.0):
        factor, off = each.equal.factors[each.axis], abs(math.log(each.equal.factor * 2))
        assert factor < 1
        for step in (-0.05, -0.001, 0.001, 0.05):
            other = base.candidate({each.axis: factor + step}).cost().macs / base.cost.macs
            assert abs(math.log(other * 2)) >= off - 1e-12


def test_a_fourth_axis_scales_by_its_measured_exponent():
    base = find_baseline("resnext50_32x4d")
    [found] = alone(base, ["cardinality"], 1.0)
    assert found.idealised.candidate.cost().macs == pytest.approx(2 * base.cost.macs, rel=0.1)
    assert member(base, PAPER | {"cardinality": 2.0}, 1.0).factors["cardinality"] == 2.0


def test_a_candidates_file_is_scaled_like_the_network(tmp_path):
    path = tmp_path / "network.json"
    path.write_text(architecture("mobilenetv2_100").candidate().spec)
    ours, named = (member(find_baseline(each), PAPER, 1.0) for each in (path, "mobilenetv2_100"))
    assert ours.candidate.id == named.candidate.id
    assert find_candidate(path).id == member(find_baseline(path), PAPER, 0.0).candidate.id


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda base: family(base, PAPER, [2, 1]), "φ must rise, but 1 follows 2"),
        (lambda base: family(base, PAPER, []), "at least one φ"),
        (lambda base: member(base, PAPER, math.nan), "φ must be a finite number, but got nan"),
        (lambda base: member(base, {"depth": 0.9}, 1.0), "a coefficient must be at least 1, but got α=0.9"),
        (lambda base: member(base, {"depht": 1.2}, 1.0), "did you mean 'depth'"),
        (lambda base: member(base, PAPER, 60.0), "at most 64 times"),
        (lambda base: member(base, PAPER, -60.0), "at least 1/64 of it is allowed"),
        (
            lambda base: phi_for(base, PAPER, parse_budget("1kFLOPs")),
            "lies below the smallest network that mobilenetv2 can be scaled to: 377,760 macs at φ = -18.66",
        ),
        (lambda base: phi_for(base, PAPER, parse_budget("90000T")), "needs more than 64 times the depth"),
        (lambda base: phi_for(base, dict.fromkeys(PAPER, 1.0), parse_budget("1G")), "nothing grows"),
        (lambda base: phi_for(base, PAPER, parse_budget("600M..600.001MFLOPs")), "no φ is within"),
        (lambda base: alone(base, list(PAPER), 0.0), "φ must be a number other than 0"),
        (lambda base: alone(base, list(PAPER), 1.0, target=1.0), "--target must be above 1"),
        (
            lambda base: member(base.resized(8), PAPER, 1.0),
            "mobilenetv2 cannot be built for inputs of 8x8 px, below its total stride",
        ),
    ],
)
def test_what_cannot_be_is_said_in_one_line(wrong, says: str):
    with pytest.raises(InputError) as caught:
        wrong(find_baseline("mobilenetv2"))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
