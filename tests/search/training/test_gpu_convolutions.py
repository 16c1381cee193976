"""The convolutions of a GPU compute what torch's do, gradients included; here on the CPU."""

from __future__ import annotations

import copy

import pytest
import torch
from automl.search.training import gpu_convolutions as module
from automl.search.training.gpu_convolutions import MANY, Depthwise, Pointwise, gpu_convolutions
from torch import nn

CUDA = torch.device("cuda")


def results(layer: nn.Module, x_bchw: torch.Tensor) -> list[torch.Tensor]:
    """The output and all gradients."""
    x_bchw = x_bchw.clone(memory_format=torch.preserve_format).requires_grad_()
    y_bchw = layer(x_bchw)
    (y_bchw * torch.arange(y_bchw.numel()).view(y_bchw.shape).cos()).sum().backward()
    assert x_bchw.grad is not None
    return [y_bchw.detach(), x_bchw.grad, *[weight.grad for weight in layer.parameters()]]


def both(layer: nn.Conv2d, size: int = 9) -> tuple[nn.Conv2d, nn.Conv2d, torch.Tensor]:
    """The layer, its replacement, and an input in channels_last memory."""
    layer = layer.to(memory_format=torch.channels_last)
    replaced = copy.deepcopy(layer)
    kind = module._kind(replaced)
    assert kind is not None
    replaced.__class__ = kind
    x_bchw = torch.randn(3, layer.in_channels, size, size).to(memory_format=torch.channels_last)
    return layer, replaced, x_bchw


LAYERS = {
    "pointwise": (Pointwise, lambda: nn.Conv2d(6, 10, 1, bias=False)),
    "pointwise with bias": (Pointwise, lambda: nn.Conv2d(6, 10, 1)),
    "pointwise, strided": (Pointwise, lambda: nn.Conv2d(6, 10, 1, 2, bias=False)),
    "depthwise": (Depthwise, lambda: nn.Conv2d(8, 8, 3, 1, 1, groups=8, bias=False)),
    "depthwise, 5x5, strided": (Depthwise, lambda: nn.Conv2d(8, 8, 5, 2, 2, groups=8, bias=False)),
    "depthwise with bias, dilated": (Depthwise, lambda: nn.Conv2d(8, 8, 3, 1, 2, dilation=2, groups=8)),
}


class TestResults:
    @pytest.mark.parametrize("name", LAYERS)
    def test_output_and_gradients_are_those_of_the_convolution(self, name):
        kind, make = LAYERS[name]
        torch.manual_seed(0)
        layer, replaced, x_bchw = both(make())
        assert type(replaced) is kind
        for expected, got in zip(results(layer, x_bchw), results(replaced, x_bchw), strict=True):
            torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize("name", LAYERS)
    def test_maps_and_gradients_stay_in_channels_last_memory(self, name):
        torch.manual_seed(0)
        _, replaced, x_bchw = both(LAYERS[name][1]())
        y_bchw, gradient, *_ = results(replaced, x_bchw)
        assert y_bchw.is_contiguous(memory_format=torch.channels_last)
        assert gradient.is_contiguous(memory_format=torch.channels_last)

    @pytest.mark.parametrize("name", LAYERS)
    def test_under_autocast_they_compute_in_bf16_and_weights_get_float32_gradients(self, name):
        torch.manual_seed(0)
        layer, replaced, x_bchw = both(LAYERS[name][1]())
        with torch.autocast("cpu", dtype=torch.bfloat16):
            got = results(replaced, x_bchw)
        assert got[0].dtype == torch.bfloat16
        assert {gradient.dtype for gradient in got[1:]} == {torch.float32}
        for expected, found in zip(results(layer, x_bchw), got, strict=True):
            assert (found.float() - expected).norm() < 0.02 * expected.norm()

    def test_another_padding_would_be_seen(self):
        """The control."""
        layer, replaced, x_bchw = both(LAYERS["depthwise"][1]())
        replaced.padding = (0, 0)
        assert results(layer, x_bchw)[0].shape != results(replaced, x_bchw)[0].shape

    def test_large_maps_are_left_to_cudnn(self, monkeypatch):
        layer, replaced, x_bchw = both(LAYERS["depthwise"][1]())
        monkeypatch.setattr(module, "LARGEST", 80)
        monkeypatch.setattr(module._Native, "apply", lambda *given: pytest.fail("PyTorch's kernel"))
        torch.testing.assert_close(replaced(x_bchw), layer(x_bchw))


class TestWithin:
    def network(self) -> nn.Sequential:
        return nn.Sequential(
            nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3, groups=8), nn.Conv2d(8, 4, 1), nn.Conv2d(4, 4, 1, groups=2)
        )

    def test_only_depthwise_and_pointwise_convolutions_are_replaced_and_restored(self):
        network, other = self.network(), self.network()
        with gpu_convolutions(CUDA, 1000, network, network, other):
            assert [type(layer) for layer in network] == [nn.Conv2d, Depthwise, Pointwise, nn.Conv2d]
            assert [type(layer) for layer in other] == [nn.Conv2d, Depthwise, Pointwise, nn.Conv2d]
        assert {type(layer) for layer in [*network, *other]} == {nn.Conv2d}

    @pytest.mark.parametrize(("device", "images"), [(torch.device("cpu"), 1000), (CUDA, MANY)])
    def test_on_the_cpu_and_in_long_trainings_nothing_is_replaced(self, device, images):
        network = self.network()
        with gpu_convolutions(device, images, network):
            assert {type(layer) for layer in network} == {nn.Conv2d}

    def test_subclasses_are_left_alone(self):
        class Own(nn.Conv2d):
            pass

        network = nn.Sequential(Own(8, 4, 1))
        with gpu_convolutions(CUDA, 1000, network):
            assert type(network[0]) is Own
