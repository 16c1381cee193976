"""What must not change a score, and how one changes where it does."""

import copy
import math

import pytest
import torch
from automl.search.scores import network_scores
from automl.spaces import load_space
from automl.spaces.draws.bulk import draw, settings

from .conftest import Chain, Residual, made


def one(name: str, network, batch, **options) -> float:
    return network_scores(network, *batch, names=[name], **options)[name]


class TestSynflow:
    def test_signs_images_labels_and_seed_do_not_matter(self, network, batch):
        flipped = copy.deepcopy(network)
        with torch.no_grad():
            for parameter in flipped.parameters():
                parameter.mul_(torch.where(torch.arange(parameter.numel()).view(parameter.shape) % 3 > 0, 1, -1))
        other = (torch.zeros(4, 3, 8, 8) - 1, torch.zeros(4, dtype=torch.int64))
        assert one("synflow", flipped, other, seed=9) == one("synflow", network, batch)

    def test_what_one_layer_gains_another_may_lose(self, batch):
        network, shifted = made(Chain), made(Chain)
        with torch.no_grad():
            shifted.conv1.weight.mul_(7)
            shifted.conv3.weight.div_(7)
        assert one("synflow", shifted, batch) == pytest.approx(one("synflow", network, batch), abs=1e-5)
        with torch.no_grad():
            shifted.conv1.weight.mul_(2)
        assert one("synflow", shifted, batch) == pytest.approx(one("synflow", network, batch) + math.log(2), abs=1e-5)

    def test_every_layer_of_a_chain_holds_the_same_flow(self, batch):
        """Tanaka et al., theorem 1: the score of a chain is its number of layers times the
        output."""
        network = made(Chain).double()
        with torch.no_grad():
            x = torch.ones(1, 3, 8, 8, dtype=torch.float64)
            for layer in (network.conv1, network.conv2, network.conv3):
                layer.weight.abs_()
                x = layer(x)
            flow = float(x.mean((2, 3)) @ network.fc.weight.abs().sum(0))
        assert one("synflow", made(Chain), batch) == pytest.approx(math.log(4 * flow), abs=1e-5)

    def test_networks_whose_flow_leaves_float64_have_a_score(self, batch):
        deep = made(Residual)
        with torch.no_grad():
            for parameter in (
                deep.conv1.weight,
                deep.conv2.weight,
                deep.conv3.weight,
                deep.short.weight,
                deep.fc.weight,
            ):
                parameter.mul_(1e30)
        plain, scaled = one("synflow", made(Residual), batch), one("synflow", deep, batch)
        # the longer way gained 30 digits four times, the shortcut three times: the longer one alone
        # is left
        alone = made(Chain)
        alone.load_state_dict(
            {name: value for name, value in made(Residual).state_dict().items() if name in alone.state_dict()}
        )
        assert scaled == pytest.approx(one("synflow", alone, batch) + 4 * math.log(1e30), abs=1e-4)
        assert scaled > plain


class TestNaswot:
    def test_the_order_of_the_images_does_not_matter(self, network, batch):
        images, labels = batch
        order = torch.tensor([3, 1, 5, 0, 2, 4])
        assert one("naswot", network, (images[order], labels[order])) == pytest.approx(
            one("naswot", network, batch), abs=1e-9
        )

    def test_labels_do_not_matter_and_images_do(self, network, batch):
        assert one("naswot", network, (batch[0], batch[1] * 0)) == one("naswot", network, batch)
        assert one("naswot", network, (batch[0].flip(1), batch[1])) != one("naswot", network, batch)


class TestGradNorm:
    def test_the_order_of_the_images_does_not_matter(self, network, batch):
        order = torch.tensor([3, 1, 5, 0, 2, 4])
        assert one("grad_norm", network, (batch[0][order], batch[1][order])) == pytest.approx(
            one("grad_norm", network, batch), rel=1e-4
        )

    def test_a_normalised_layer_has_half_the_gradient_at_twice_the_weight(self, batch):
        network = made(Chain)
        doubled = made(Chain)
        with torch.no_grad():
            doubled.conv2.weight.mul_(2)
        from automl.search.scores.subject import Subject

        norms = []
        for each in (network, doubled):
            shared = Subject(network=each.eval(), images=batch[0], labels=batch[1], seed=0, cost=None).shared
            loss = torch.nn.functional.cross_entropy(shared.logits, batch[1])
            norms.append([float(gradient.norm()) for gradient in torch.autograd.grad(loss, shared.weights)])
        first, second = norms
        assert second == pytest.approx([first[0], first[1] / 2, first[2], first[3]], rel=1e-2)
        assert one("grad_norm", network, batch) - one("grad_norm", doubled, batch) == pytest.approx(
            first[1] / 2, rel=0.05
        )


class TestZen:
    def test_weights_images_and_labels_do_not_matter_and_the_seed_does(self, network, batch):
        other = (batch[0].flip(0) * 3, batch[1] * 0)
        assert one("zen", made(type(network)), other, seed=2) == one("zen", network, batch, seed=2)
        assert one("zen", network, batch, seed=1) != one("zen", network, batch, seed=2)


def test_a_branch_that_starts_at_zero_is_seen_like_any_other(batch):
    space = load_space("resnext-attention")
    candidate = space.candidate(settings(space, draw(space, 1, np_rng())[0]))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = candidate.build()
    images, labels = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0)), torch.arange(4)
    zeros = [
        module.weight
        for module in network.modules()
        if isinstance(module, torch.nn.BatchNorm2d) and not module.weight.any()
    ]
    assert zeros
    at_zero = network_scores(network, images, labels)
    with torch.no_grad():
        for weight in zeros:
            weight.fill_(1)
    assert network_scores(network, images, labels) == at_zero


def np_rng():
    import numpy as np

    return np.random.default_rng(3)
