"""Depthwise convolutions in strips are depthwise convolutions."""

from __future__ import annotations

import copy

import pytest
import torch
from automl.search.training.depthwise import _Strips, fast_depthwise, weight_gradient
from torch import nn

CPU = torch.device("cpu")


def depthwise(kernel: int, stride: int, channels: int = 6) -> nn.Conv2d:
    return nn.Conv2d(channels, channels, kernel, stride, kernel // 2, groups=channels, bias=False)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6, 7, 9, 16])
@pytest.mark.parametrize(("kernel", "stride"), [(5, 1), (5, 2), (7, 1)])
def test_output_and_gradients_are_those_of_the_usual_way(kernel, stride, size):
    torch.manual_seed(size)
    usual = depthwise(kernel, stride).to(memory_format=torch.channels_last)
    ours = copy.deepcopy(usual)
    found = []
    for module, device in ((usual, torch.device("meta")), (ours, CPU)):
        x = (
            torch.randn(5, 6, size, size, generator=torch.Generator().manual_seed(1))
            .to(memory_format=torch.channels_last)
            .requires_grad_()
        )
        with fast_depthwise(module, device):
            assert isinstance(module, _Strips) == (device == CPU)
            y = module(x)
            (y * torch.linspace(-1, 1, y.numel()).view_as(y)).sum().backward()
        found.append((y, x.grad, module.weight.grad))
    for expected, got in zip(*found, strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)


def test_the_strips_are_compared_with_more_than_themselves():
    """The control: the gradient of images moved by one column is another one."""
    x, grad, weight = torch.randn(4, 6, 8, 8), torch.randn(4, 6, 8, 8), torch.zeros(6, 1, 5, 5)
    assert not torch.allclose(
        weight_gradient(x, grad, weight, 1), weight_gradient(x.roll(1, 3), grad, weight, 1), atol=1e-2
    )


def test_only_what_gains_is_touched_and_only_within():
    kept = [
        nn.Conv2d(6, 6, 5, padding=2),
        depthwise(3, 1),
        depthwise(7, 2),
        nn.Conv2d(6, 12, 5, padding=2, groups=6, bias=False),
        nn.Conv2d(6, 6, 5, padding=2, groups=6),
        nn.Conv2d(6, 6, 5, padding=4, dilation=2, groups=6, bias=False),
        nn.Conv2d(6, 6, 5, padding=0, groups=6, bias=False),
        nn.Conv2d(6, 6, 5, padding=2, groups=6, bias=False, padding_mode="circular"),
    ]
    network = nn.Sequential(*kept, depthwise(5, 2))
    with fast_depthwise(network, CPU):
        assert [type(module) for module in network] == [nn.Conv2d] * len(kept) + [_Strips]
    assert {type(module) for module in network} == {nn.Conv2d}


def test_a_failure_within_leaves_the_network_as_it_was():
    network = nn.Sequential(depthwise(5, 1))
    with pytest.raises(RuntimeError, match="shape"), fast_depthwise(network, CPU):
        torch.ones(2, 3) @ torch.ones(2, 3)
    assert type(network[0]) is nn.Conv2d
