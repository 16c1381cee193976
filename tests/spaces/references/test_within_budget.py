"""References scaled to a budget: never above it, the largest there is, and the published network
itself where the budget is its cost."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Sequence
from unittest.mock import patch

import pytest
from automl.blocks import InputError
from automl.spaces import Budget, architecture, parse_budget
from automl.spaces.budget import Bound
from automl.spaces.candidates.candidate import Candidate
from automl.spaces.references import (
    Origin,
    Reference,
    ScaledReference,
    reference_networks,
    references,
    scaled_reference,
    scaled_references,
)
from automl.spaces.scaling.family import PAPER
from automl.spaces.scaling.largest import Steps
from automl.spaces.scaling.width import widened
from hypothesis import given, settings
from hypothesis import strategies as st

NAMES = list(reference_networks.parts())
FURTHER = {"width": [0.001 * 2**power for power in range(9)], "compound": [0.0001 * 2**power for power in range(13)]}
"""Rule → distances to larger width multipliers, or φ."""


def scaled(name: str, budget: Budget, **inputs: int) -> tuple[ScaledReference, ...]:
    """One reference alone, scaled to a budget."""
    with patch.object(reference_networks, "known", {name: reference_networks.known[name]}):
        return references(budget, **inputs)


def built(origin: Origin, more: float, **inputs: int) -> Candidate:
    """The network of an origin at a larger width or φ."""
    base = reference_networks.get(origin.reference).baseline(strides=origin.strides, **inputs)
    if origin.phi is None:
        return widened(base, origin.coefficients["width"] + more)
    return base.candidate({axis: value ** (origin.phi + more) for axis, value in PAPER.items()})


def faults(found: Sequence[ScaledReference], budget: Budget, **inputs: int) -> list[str]:
    """What is wrong with scaled references: above the budget, another network than is said, or
    smaller than another one within the budget."""
    wrong = []
    for one in found:
        if not budget.admits(one.cost) or one.cost != one.candidate.cost():
            wrong.append(f"{one.name} is above the budget")
        for origin in one.origins:
            if built(origin, 0.0, **inputs).id != one.candidate.id:
                wrong.append(f"{origin.name} is another network")
            for more in FURTHER[origin.rule]:
                larger = built(origin, more, **inputs)
                if larger.id != one.candidate.id and budget.admits(larger.cost()):
                    wrong.append(f"{origin.name} has a larger one within the budget, by {more:g}")
    return wrong


class TestLargest:
    @settings(deadline=None, max_examples=20, derandomize=True)
    @given(
        name=st.sampled_from(NAMES),
        share=st.floats(-6.0, 1.0).map(math.exp),
        metric=st.sampled_from(["macs", "params", "activations", "peak_memory"]),
        size=st.sampled_from([32, 48, 224]),
    )
    def test_none_exceeds_the_budget_and_the_next_larger_one_would(
        self, name: str, share: float, metric: str, size: int
    ):
        own = architecture(name).candidate(image_size=size).cost()
        bound = Bound(metric, 0, 1)
        budget = Budget((Bound(metric, 0, max(1, round(share * float(bound.of.value(own))))),))
        found = scaled(name, budget, image_size=size, classes=10)
        assert faults(found, budget, image_size=size, classes=10) == []

    @pytest.mark.parametrize(
        ("off", "says"), [(40, "above the budget"), (-40, "has a larger one within the budget, by 0.0")]
    )
    def test_control_a_step_that_is_not_the_last_is_seen(self, off: int, says: str):
        budget, inputs, within = parse_budget("20M"), {"image_size": 64, "classes": 10}, Steps.within
        with patch.object(Steps, "within", lambda self, budget: within(self, budget) + off):
            found = scaled("resnet18", budget, **inputs)
        assert any(says in fault for fault in faults(found, budget, **inputs))

    def test_control_a_number_that_builds_another_network_is_seen(self):
        budget, inputs, roundest = parse_budget("20M"), {"image_size": 64, "classes": 10}, Steps.roundest
        with patch.object(Steps, "roundest", lambda self, step: roundest(self, step) + 0.05):
            found = scaled("resnet18", budget, **inputs)
        assert any("is another network" in fault for fault in faults(found, budget, **inputs))

    def test_several_bounds_hold_together(self):
        budget = parse_budget(["100MFLOPs", "1MParams", "1MB"])
        for one in references(budget, image_size=64, classes=10):
            assert budget.admits(one.cost), one.name


def test_networks_of_one_name_are_told_apart_though_each_is_scaled_once():
    networks = (architecture(name) for name in ("resnet18", "resnet34"))
    first, second = (Reference(name="mine", network=network, source="none") for network in networks)
    assert hash(first) == hash(second)
    budget = parse_budget("30MFLOPs")
    costs = [scaled_reference(one, budget, image_size=32).cost for one in (first, second, first)]
    assert costs[0] == costs[2] != costs[1]


class TestPublished:
    @pytest.mark.parametrize("name", NAMES)
    def test_the_budget_of_its_cost_gives_the_published_network_once(self, name: str):
        own = architecture(name).candidate()
        [one] = scaled(name, parse_budget(f"{own.cost().macs}"))
        assert one.candidate.id == own.id
        assert one.name == name
        assert [(origin.rule, origin.strides) for origin in one.origins] == [
            (rule, strides) for rule in ("width", "compound") for strides in ("published", "fitted")
        ]
        assert all(set(origin.coefficients.values()) == {1.0} for origin in one.origins)

    @pytest.mark.parametrize("name", NAMES)
    def test_on_small_images_published_strides_are_not_the_fitted_ones(self, name: str):
        own = architecture(name).candidate(image_size=32)
        found = scaled(name, parse_budget(f"{own.cost().macs}"), image_size=32)
        assert found[0].candidate.id == own.id
        assert {origin.strides for origin in found[0].origins} == {"published"}
        assert not {one.candidate.id for one in found[1:]} & {own.id}

    def test_control_one_multiply_add_less_gives_another_network(self):
        own = architecture("resnet18").candidate()
        found = scaled("resnet18", parse_budget(f"{own.cost().macs - 1}"))
        assert own.id not in {one.candidate.id for one in found}


class TestList:
    def test_it_is_sorted_and_names_each_network_once(self):
        found = references("20MFLOPs", image_size=32, classes=10)
        order = [(one.reference, ("width", "compound").index(one.rule), one.strides == "fitted") for one in found]
        assert order == sorted(order)
        assert len({one.candidate.id for one in found}) == len(found) == len({one.name for one in found})

    def test_the_number_has_the_fewest_digits(self):
        [first, *_] = scaled("resnet18", parse_budget("3MFLOPs"), image_size=32, classes=10)
        assert first.name == "resnet18 width 0.27"
        assert built(first.origins[0], 0.001, image_size=32, classes=10).id == first.candidate.id

    def test_the_compound_rule_changes_the_image_and_counts_there(self):
        found = {one.name: one for one in references("3MFLOPs", image_size=32, classes=10)}
        one = found["mobilenetv2_100 compound -2.3"]
        assert one.candidate.image == (3, round(32 / 1.15**2.3), round(32 / 1.15**2.3)) == (3, 23, 23)
        assert one.cost == one.candidate.cost()

    def test_what_is_left_out_has_a_reason(self):
        found, left_out = scaled_references("3MFLOPs", image_size=32, classes=10)
        named = {(origin.reference, origin.rule, origin.strides) for one in found for origin in one.origins}
        others = {(one.reference, one.rule, one.strides): one.reason for one in left_out}
        assert len(named) + len(others) == 4 * len(NAMES)
        assert not named & set(others)
        assert "lies below the smallest network" in others["resnet18", "width", "fitted"]
        _, left_out = scaled_references("3MFLOPs", image_size=8)
        reasons = {one.reason for one in left_out if one.strides == "published"}
        assert all("cannot be built for inputs of 8x8 px, below its total stride" in reason for reason in reasons)

    @pytest.mark.parametrize(
        ("budget", "inputs", "says"),
        [
            ((), {}, "got none"),
            ("3MFLOPs", {"image_size": 0}, "image size must be at least 1, but got 0"),
            ("3MFLOPs", {"classes": 0}, "classes must be at least 1, but got 0"),
            ("3Mflips", {}, "unknown unit"),
        ],
    )
    def test_what_cannot_be_is_refused(self, budget, inputs: dict, says: str):
        with pytest.raises(InputError, match=says):
            references(budget, **inputs)

    def test_it_is_arithmetic_without_torch(self):
        code = "import automl, sys; print(len(automl.references('3MFLOPs', image_size=32)), 'torch' in sys.modules)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        count, torch = done.stdout.split()
        assert int(count) > 8
        assert torch == "False"
