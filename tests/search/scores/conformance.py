"""What every zero-cost score must keep: a class of tests that the tests of a score inherit.

class TestMine(ScoreConformance):
    score = Score(name="mine", source="...", function=mine)
"""

import math

import pytest
import torch
from automl.search.scores import Score
from automl.search.scores.compute import _scores
from automl.search.scores.subject import Subject
from automl.spaces import Candidate, Space
from torch import Tensor, nn

SIDE = 32
BLOCKS = {
    "residual": {"skeleton": "resnet", "dimensions": {"depth": 0.25, "width": 0.25}},
    "inverted": {"skeleton": "mobilenetv2", "dimensions": {"depth": 0.25, "width": 0.25}},
    "attention": {"skeleton": "resnet", "dimensions": {"depth": 0.25, "width": 0.25, "attention": ["se"]}},
}
"""One small network of each kind."""


def candidate(kind: str) -> Candidate:
    space = Space.from_dict({"name": kind, "image": [3, SIDE, SIDE], "classes": 4, **BLOCKS[kind]})
    return space.candidate({parameter.name: parameter.values[0] for parameter in space.parameters})


def batch(count: int = 6, seed: int = 0) -> tuple[Tensor, Tensor]:
    draws = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, SIDE, SIDE, generator=draws), torch.arange(count) % 4


class ScoreConformance:
    """Inherit it, and name the score."""

    score: Score

    def network(self, kind: str) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return candidate(kind).build()

    def value(self, kind: str, network: nn.Module, *, seed: int = 0) -> float:
        images, labels = batch()
        return _scores(network, images, labels, [self.score], seed, candidate(kind).cost())[self.score.name]

    @pytest.mark.parametrize("kind", BLOCKS)
    def test_is_finite_for_every_kind_of_network(self, kind: str):
        assert math.isfinite(self.value(kind, self.network(kind)))

    @pytest.mark.parametrize("kind", BLOCKS)
    def test_is_reproducible_from_its_seed(self, kind: str):
        first = self.value(kind, self.network(kind), seed=3)
        torch.rand(5)
        assert self.value(kind, self.network(kind), seed=3) == first

    def test_draws_nothing_from_the_global_generator(self):
        network, before = self.network("residual"), torch.get_rng_state()
        self.value("residual", network)
        assert torch.equal(torch.get_rng_state(), before)

    @pytest.mark.parametrize("kind", BLOCKS)
    def test_leaves_the_network_unchanged(self, kind: str):
        network = self.network(kind).train()
        before = {name: value.clone() for name, value in network.state_dict().items()}
        self.value(kind, network)
        after = network.state_dict()
        assert list(after) == list(before)
        assert all(torch.equal(value, before[name]) for name, value in after.items())
        assert all(parameter.grad is None and parameter.requires_grad for parameter in network.parameters())
        assert all(module.training for module in network.modules())

    def test_leaves_the_images_unchanged(self):
        images, labels = batch()
        before = images.clone()
        _scores(self.network("residual"), images, labels, [self.score], 0, candidate("residual").cost())
        assert torch.equal(images, before)
        assert not images.requires_grad

    def test_needs_what_it_declares_and_no_more(self):
        """The pass is made without patterns and graph unless the score declares them."""
        if self.score.network:
            assert math.isfinite(self.value("inverted", self.network("inverted")))
        else:
            images, labels = batch()
            subject = Subject(
                network=nn.Identity(), images=images, labels=labels, seed=0, cost=candidate("residual").cost()
            )
            assert math.isfinite(self.score.of(subject))

    def test_says_where_it_is_from(self):
        assert self.score.source
        assert callable(self.score.computed_by())
