"""What every cost metric must keep to: derive a test class from it, and set `metric`."""

from __future__ import annotations

import json
import math
from typing import ClassVar

import numpy as np
import pytest
from automl.blocks import Cost
from automl.spaces import Budget, Candidate, load_space, parse_budget
from automl.spaces.budget import Bound
from automl.spaces.draws.bulk import costs, draw, selected, settings
from automl.spaces.metrics import Metric, metrics


class MetricConformance:
    """Tests of one metric; it must be registered."""

    metric: ClassVar[Metric]
    space: ClassVar[str] = "resnext-attention"
    """The space whose networks are looked at."""

    @pytest.fixture
    def drawn(self) -> tuple[list[Candidate], Cost]:
        """Candidates of the space, and their costs as arrays."""
        space = load_space(self.space).adapted(image_size=32)
        rows = draw(space, 60, np.random.default_rng(0))
        cost, valid = costs(space, rows)
        return [space.candidate(settings(space, row)) for row in rows[valid][:20]], selected(
            cost, np.flatnonzero(valid)[:20]
        )

    def test_it_is_registered_and_describes_itself(self):
        assert metrics.get(self.metric.name) is self.metric
        assert self.metric.words
        assert "\n" not in self.metric.words
        assert self.metric.head

    def test_values_are_positive_and_finite(self, drawn: tuple[list[Candidate], Cost]):
        assert all(0 < self.metric.of(one) < math.inf for one in drawn[0])

    def test_arrays_have_the_values_of_the_candidates(self, drawn: tuple[list[Candidate], Cost]):
        candidates, cost = drawn
        each = [self.metric.of(one) for one in candidates]
        assert np.asarray(self.metric.value(cost)).tolist() == each
        assert np.asarray(self.metric.of_many(candidates)).tolist() == each
        assert [self.metric.value(one.cost()) for one in candidates] == each

    def test_a_candidate_read_back_has_the_same_value(self, drawn: tuple[list[Candidate], Cost]):
        for one in drawn[0]:
            assert self.metric.of(Candidate.from_dict(json.loads(one.spec))) == self.metric.of(one)

    def test_values_of_a_whole_metric_are_integers(self, drawn: tuple[list[Candidate], Cost]):
        if self.metric.whole:
            assert all(float(self.metric.of(one)).is_integer() for one in drawn[0])

    def test_a_budget_splits_candidates_by_its_value(self, drawn: tuple[list[Candidate], Cost]):
        candidates, cost = drawn
        each = np.array([self.metric.of(one) for one in candidates])
        high = float(np.median(each))
        budget = Budget((Bound(self.metric.name, 0, round(high) if self.metric.whole else high),))
        inside = each <= budget.bounds[0].high
        assert np.asarray(budget.admits(cost)).tolist() == inside.tolist()
        assert [bool(budget.admits(one.cost())) for one in candidates] == inside.tolist()
        assert (np.asarray(budget.distance(cost)) == 0).tolist() == inside.tolist()

    def test_each_unit_spells_a_budget_and_its_canonical_text_reads_back(self):
        assert self.metric.units
        for unit, scale in self.metric.units.items():
            budget = parse_budget(f"4{unit}..400{unit}")
            assert [bound.metric for bound in budget.bounds] == [self.metric.name]
            if 4 * scale >= 1:
                low, high = budget.bounds[0].low, budget.bounds[0].high
                assert (low, high) == (pytest.approx(4 * scale), pytest.approx(400 * scale))
            assert parse_budget(str(budget)) == budget

    def test_its_text_is_a_budget_of_about_that_value(self, drawn: tuple[list[Candidate], Cost]):
        for one in drawn[0]:
            value = self.metric.of(one)
            [bound] = parse_budget(self.metric.text(value)).bounds
            assert bound.metric == self.metric.name
            assert bound.high == pytest.approx(value, rel=0.06)
