"""Draws are uniform over distinct candidates, not over the settings that spell them."""

from itertools import islice

import numpy as np
import pytest
from automl.spaces import Budget, Space, parse_budget
from automl.spaces.draws.bulk import enumerate_rows, examine, joined, settings
from automl.spaces.draws.distinct import drawing_of, enumerated, feasible
from automl.spaces.draws.drawing import SkeletonDrawing
from scipy.stats import chisquare

ROUNDED = {  # widths and depths that round to the same, an automatic kernel that equals a given one, a condition
    "skeleton": "resnet",
    "image": [3, 64, 64],
    "classes": 10,
    "dimensions": {
        "depth": {"low": 0.3, "high": 0.5, "step": 0.1},
        "width": {"low": 0.25, "high": 0.4, "step": 0.05},
        "attention": ["none", "eca"],
        "eca_kernel": {"choices": ["auto", 3], "when": {"attention": "eca"}},
        "expansion": {"choices": [1, 2], "each": "stage", "only": [1, 2]},
    },
    "constraints": ["expansion.1 <= expansion.2 or width < 0.35"],
}
SKIPPED = {  # left-out layers that may stand in several places, layers that exist only in deep stages
    "skeleton": "mobilenetv2",
    "image": [3, 32, 32],
    "classes": 10,
    "stages": [{"channels": 16, "stride": 2}, {"channels": 24, "stride": 2}],
    "dimensions": {
        "repeats": {"choices": [1, 3], "each": "stage"},
        "kernel": {"choices": [3, 5], "each": "layer", "when": {"skip": False}},
        "skip": {"choices": [False, True], "each": "layer"},
        "resolution": [1.0, 1.01, 1.5],
    },
}


DRAWS = {"rounded": 3000, "skipped": 8000}
"""Settings drawn at a time: enough for five of each network and more."""


def spaces() -> list[Space]:
    return [Space.from_dict(ROUNDED, "rounded"), Space.from_dict(SKIPPED, "skipped")]


def names_of(space: Space) -> dict[int, str]:
    """The candidate of every fingerprint, by spelling each network out."""
    found: dict[int, str] = {}
    for rows in enumerate_rows(space):
        _, valid, keys = examine(space, rows)
        for row, name in zip(rows[valid], joined(keys[valid]), strict=True):
            identity = space.candidate(settings(space, row)).id
            assert found.setdefault(int(name), identity) == identity
    return found


@pytest.mark.parametrize(
    "space",
    [
        pytest.param(space, id=space.name, marks=() if space.name == "skipped" else pytest.mark.exhaustive)
        for space in spaces()
    ],
)
class TestDistinct:
    def test_fingerprints_are_equal_where_candidates_are_and_nowhere_else(self, space: Space):
        found = names_of(space)
        assert len(set(found.values())) == len(found) < sum(len(rows) for rows in enumerate_rows(space)) * 0.6

    def test_walking_through_finds_each_once(self, space: Space):
        rows, cost = enumerated(space, Budget())
        assert sorted(space.candidate(settings(space, row)).id for row in rows) == sorted(names_of(space).values())
        assert [space.candidate(settings(space, row)).cost().macs for row in rows[:5]] == cost.macs[:5].tolist()

    def test_draws_from_a_space_not_walked_through_are_uniform_over_candidates(self, space: Space):
        names, counts = np.unique(self.drawn(space), return_counts=True)
        assert set(names.tolist()) == set(names_of(space))
        assert counts.mean() >= 5
        assert chisquare(counts).pvalue > 0.001

    def test_draws_that_are_uniform_over_settings_would_be_noticed(self, space: Space, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(SkeletonDrawing, "multiplicity", lambda self, rows, keys: np.ones(len(rows)))
        _, counts = np.unique(self.drawn(space), return_counts=True)
        assert chisquare(counts).pvalue < 1e-6

    def test_a_large_space_is_drawn_from_without_repeating_until_nothing_is_left(
        self, space: Space, monkeypatch: pytest.MonkeyPatch
    ):
        budget = parse_budget(str(int(np.median(enumerated(space, Budget())[1].macs))))
        every = {space.candidate(settings(space, row)).id for row in enumerated(space, budget)[0]}
        monkeypatch.setattr("automl.spaces.draws.distinct.ENUMERATE", 1)
        monkeypatch.setattr("automl.spaces.draws.distinct.DRAWS", 4000)
        monkeypatch.setattr("automl.spaces.draws.distinct.MAX_EMPTY_DRAWS", 4)
        found = [
            space.candidate(settings(space, row))
            for rows in feasible(space, budget, np.random.default_rng(0))
            for row in rows
        ]
        assert len({candidate.id for candidate in found}) == len(found)
        assert {candidate.id for candidate in found} == every

    def test_aiming_at_the_upper_end_keeps_to_it(self, space: Space):
        high = int(np.quantile(enumerated(space, Budget())[1].macs, 0.8))
        rows = np.concatenate(list(feasible(space, parse_budget(str(high)), np.random.default_rng(0), aim=0.9)))
        costs = [space.candidate(settings(space, row)).cost().macs for row in rows]
        assert all(0.9 * high <= macs <= high for macs in costs)
        every = enumerated(space, Budget())[1].macs
        assert len(costs) == ((every >= 0.9 * high) & (every <= high)).sum() > 0

    def drawn(self, space: Space) -> np.ndarray:
        drawing, rng = drawing_of(space), np.random.default_rng(1)
        batches = (drawing.candidates(Budget(), DRAWS[space.name], rng) for _ in range(4))
        return np.concatenate([names for batch in batches for _, names in batch])


def test_a_space_far_too_large_to_walk_through_gives_distinct_candidates_at_once():
    from automl.spaces import load_space

    space, budget = load_space("ofa-mobilenetv3"), parse_budget("250M")
    rows = np.concatenate(list(islice(feasible(space, budget, np.random.default_rng(0), aim=0.95), 24)))
    assert len({space.candidate(settings(space, row)).id for row in rows}) == len(rows) > 50
    assert all(0.95 * 250e6 <= space.candidate(settings(space, row)).cost().macs <= 250e6 for row in rows[:20])
