"""What every reference network must keep to: derive a test class from it, and set `reference`."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import ClassVar
from unittest.mock import patch

import pytest
import torch
from automl.spaces import Candidate, parse_budget
from automl.spaces.references import Reference, reference_networks, references
from automl.spaces.scaling.family import PAPER, member
from automl.spaces.scaling.width import widened


class ReferenceConformance:
    """Tests of one reference network; it must be registered."""

    reference: ClassVar[Reference]

    @pytest.fixture
    def own(self) -> Candidate:
        """The network as published."""
        return self.reference.network.candidate()

    def test_it_is_registered_and_names_its_source(self):
        assert reference_networks.get(self.reference.name) is self.reference
        assert self.reference.source
        assert "\n" not in self.reference.source

    def test_it_is_its_own_baseline(self, own: Candidate):
        base = self.reference.baseline()
        assert base.network.id == widened(base, 1.0).id == member(base, PAPER, 0.0).candidate.id == own.id

    def test_its_cost_never_falls_with_its_width(self):
        base = self.reference.baseline(image_size=64, classes=10)
        costs = [widened(base, percent / 100).cost() for percent in range(20, 200, 20)]
        for less, more in pairwise(costs):
            assert less.macs <= more.macs
            assert less.params <= more.params
            assert less.activations <= more.activations

    def test_inputs_and_outputs_are_those_asked_for(self):
        found = self.reference.baseline(image_size=64, classes=7, channels=1).network
        assert (found.image, found.classes) == ((1, 64, 64), 7)

    def test_the_module_has_the_parameters_of_the_formula(self, own: Candidate):
        with torch.device("meta"):
            network = own.build()
        assert sum(parameter.numel() for parameter in network.parameters()) == own.cost().params

    def test_it_is_scaled_to_a_budget_and_read_back(self, own: Candidate):
        budget = f"{own.cost().macs // 2}"
        with patch.object(reference_networks, "known", {self.reference.name: self.reference}):
            found = references(budget)
        assert {origin.rule for one in found for origin in one.origins} == {"width", "compound"}
        for one in found:
            assert parse_budget(budget).admits(one.cost)
            assert Candidate.from_dict(json.loads(one.candidate.spec)).id == one.candidate.id
