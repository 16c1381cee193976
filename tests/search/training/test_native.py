"""Our own kernels compute what PyTorch's compute, and are taken where they serve."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from automl.search.training import fast_norms, native
from automl.search.training.depthwise import _Native, fast_depthwise
from automl.search.training.fast_norms import Done, followed
from automl.search.training.native import kernels
from automl.spaces import load_space
from automl.spaces.bulk import draw, settings
from torch import nn

CPU = torch.device("cpu")
needs_a_compiler = pytest.mark.skipif(kernels(CPU) is None and torch.get_num_threads() == 1, reason="no C compiler")
pytestmark = needs_a_compiler


@pytest.fixture(autouse=True)
def maps_of_any_size(monkeypatch):
    """Small ones too go to our kernels."""
    monkeypatch.setattr(fast_norms, "SMALL", 0)


def gradients(network: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    """The output, the gradients of input and weights, and the buffers after a forward and a
    backward pass."""
    x = x.clone().requires_grad_()
    y = network(x)
    (y.float() * torch.linspace(-1, 1, y.numel()).view_as(y)).sum().backward()
    made = [y, x.grad, *(each.grad for each in network.parameters()), *network.buffers()]
    return [each.detach().float() for each in made if each is not None]


def both_ways(network: nn.Module, x: torch.Tensor) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """PyTorch's in float32, and ours."""
    ours = copy.deepcopy(network)
    expected = gradients(network, x.float())
    with fast_norms.fast_norms(followed(ours, x)), fast_depthwise(ours, CPU):
        return expected, gradients(ours, x)


def norm(channels: int, activation: nn.Module | None) -> nn.Sequential:
    torch.manual_seed(0)
    layers = nn.Sequential(nn.BatchNorm2d(channels), *([activation] if activation else []))
    nn.init.uniform_(layers[0].weight, 0.5, 1.5)
    nn.init.normal_(layers[0].bias)
    return layers


def maps(shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    random = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    return (3 * random + 5).to(dtype).to(memory_format=torch.channels_last)


class TestNorms:
    @pytest.mark.parametrize("shape", [(8, 16, 8, 8), (3, 5, 7, 7), (2, 200, 1, 1), (4, 12, 9, 5)])
    @pytest.mark.parametrize("activation", [None, nn.ReLU, nn.SiLU, nn.Hardswish])
    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
    def test_outputs_gradients_and_running_statistics_are_pytorchs(self, shape, activation, dtype):
        layers = norm(shape[1], activation and activation(inplace=True))
        expected, found = both_ways(layers, maps(shape, dtype))
        assert len(expected) == 7
        bound = 2e-4 if dtype == torch.float32 else 0.03
        for one, other in zip(expected, found, strict=True):
            torch.testing.assert_close(other, one, rtol=bound, atol=bound * max(1.0, one.abs().max().item()))

    def test_a_mean_far_from_zero_loses_no_digits(self):
        expected, found = both_ways(norm(6, None), maps((4, 6, 8, 8), torch.float32) + 1000)
        torch.testing.assert_close(found[0], expected[0], rtol=1e-3, atol=1e-3)

    def test_what_is_not_finite_stays_so(self):
        x = maps((4, 6, 8, 8), torch.float32)
        x[0, 2, 0, 0] = float("nan")
        for activation in (nn.ReLU(), nn.SiLU()):
            layers = norm(6, activation)
            with fast_norms.fast_norms(followed(layers, x)):
                y = layers(x)
            assert y[:, 2].isnan().all()
            assert y[:, 3].isfinite().all()

    def test_in_evaluation_the_activation_is_applied_too(self):
        layers, x = norm(6, nn.SiLU()).eval(), maps((4, 6, 8, 8), torch.float32)
        expected = layers(x)
        with fast_norms.fast_norms(followed(layers, x)):
            assert isinstance(layers[1], Done)
            torch.testing.assert_close(layers(x), expected)


class TestFollowed:
    def test_an_activation_goes_with_the_normalisation_that_feeds_it_alone(self):
        class Several(nn.Module):
            def __init__(self):
                super().__init__()
                self.fed, self.fed_act = nn.BatchNorm2d(4), nn.ReLU()
                self.read, self.read_act = nn.BatchNorm2d(4), nn.ReLU()
                self.summed, self.summed_act = nn.BatchNorm2d(4), nn.ReLU()
                self.twice, self.twice_act = nn.BatchNorm2d(4), nn.SiLU()
                self.mixed, self.mixed_act = nn.BatchNorm2d(4), nn.GELU()

            def forward(self, x):
                x = self.fed_act(self.fed(x))
                read = self.read(x)
                x = self.read_act(read) + read
                x = self.summed_act(self.summed(x) + x)
                for _ in range(2):
                    x = self.twice_act(self.twice(x))
                return self.mixed_act(self.mixed(x))

        network, x = Several(), torch.randn(2, 4, 3, 3)
        before = copy.deepcopy(network.state_dict()), torch.get_rng_state()
        found = followed(network, x)
        assert found == [
            (network.fed, network.fed_act), (network.read, None), (network.summed, None), (network.mixed, None)
        ]  # fmt: skip
        assert all(torch.equal(one, before[0][name]) for name, one in network.state_dict().items())
        assert torch.equal(torch.get_rng_state(), before[1])

    @pytest.mark.parametrize("space", ["efficientnet", "resnext-attention"])
    def test_a_network_of_a_space_trains_as_usual(self, space):
        network = drawn(space)
        x = maps((2, 3, 32, 32), torch.float32)
        found = followed(network, x)
        assert sum(activation is not None for _, activation in found) >= 5
        expected, ours = both_ways(network, x)
        for one, other in zip(expected[:2], ours[:2], strict=True):
            torch.testing.assert_close(other, one, rtol=0.02, atol=0.02 * one.abs().max().item())


def drawn(space: str) -> nn.Module:
    """A network of a space for images of 32 pixels."""
    torch.manual_seed(0)
    adapted = load_space(space).adapted(classes=10, image_size=32)
    rows = (settings(adapted, row) for row in draw(adapted, 50, np.random.default_rng(0)))
    chosen = next(row for row in rows if adapted.allows(row) and adapted.candidate(row).cost().macs < 20e6)
    return adapted.candidate(chosen).build().to(memory_format=torch.channels_last)


class TestDepthwise:
    @pytest.mark.parametrize(("kernel", "stride"), [(3, 2), (5, 1), (5, 2)])
    @pytest.mark.parametrize("shape", [(2, 16, 8, 8), (3, 20, 7, 5), (2, 6, 2, 2), (2, 40, 9, 9)])
    def test_gradients_in_bf16_are_those_in_float32(self, kernel, stride, shape):
        torch.manual_seed(0)
        channels = shape[1]
        layer = nn.Conv2d(channels, channels, kernel, stride, kernel // 2, groups=channels, bias=False)
        x, ours = maps(shape, torch.bfloat16), copy.deepcopy(layer)
        expected = gradients(layer, x.float())
        with fast_depthwise(ours, CPU), torch.autocast("cpu", dtype=torch.bfloat16):
            assert isinstance(ours, _Native)
            found = gradients(ours, x)
        for one, other in zip(expected, found, strict=True):
            torch.testing.assert_close(other, one, rtol=0.03, atol=0.03 * one.abs().max().item())


class TestWhereTheyServe:
    def test_they_serve_one_thread_of_the_cpu(self):
        assert kernels(CPU) is not None
        assert kernels(torch.device("meta")) is None
        torch.set_num_threads(2)  # the fixture `one_thread` restores it
        assert kernels(CPU) is None

    def test_they_can_be_switched_off(self, monkeypatch):
        monkeypatch.setenv(native.OFF, "1")
        assert kernels(CPU) is None

    @pytest.mark.parametrize("compiler", ["/no/such/compiler", "false"])
    def test_without_a_compiler_pytorchs_kernels_train(self, compiler, monkeypatch, tmp_path):
        monkeypatch.setenv("CC", compiler)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        native._loaded.cache_clear()
        try:
            layers, x = norm(6, nn.ReLU()), maps((4, 6, 8, 8), torch.float32)
            with fast_norms.fast_norms(followed(layers, x)):
                assert type(layers[0]) is nn.BatchNorm2d
        finally:
            native._loaded.cache_clear()
