"""Speeds up the training of depthwise convolutions with large windows on the CPU.

oneDNN has a kernel for the weight gradient of depthwise convolutions up to 3 columns wide. Wider
ones go through the kernel for ordinary groups, which pads each group to 16 channels: on one AVX-512
thread, 5x5 windows over 72 channels of 16x16 pixels take 9.4 ms a batch of 64 for the weight
gradient, 0.9 ms for the forward pass. Here the window is cut into strips of at most 3 columns, each
a depthwise convolution of its own: 3.1 ms, the same sums in another order. Shape letters: b batch,
c channels, h height, w width, i j window.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .reclassed import reclassed

STRIP = 3
"""Maximum number of window columns that oneDNN's depthwise kernel supports."""


@contextmanager
def fast_depthwise(network: nn.Module, device: torch.device) -> Iterator[None]:
    """Compute weight gradients of depthwise convolutions in strips within the `with` block.

    It applies to the convolutions of `network` that gain from it, and on the CPU alone, as
    `reclassed` does.
    """
    wide = (
        [module for module in network.modules() if _gains(module)]
        if device.type == "cpu" and torch.backends.mkldnn.is_available()
        else []
    )
    with reclassed([(module, _Strips) for module in wide]):
        yield


def _gains(module: nn.Module) -> bool:
    """Whether strips are faster, by measurement: windows of 5, and of 7 with stride 1."""
    if (
        type(module) is not nn.Conv2d
        or module.groups == 1
        or not module.groups == module.in_channels == module.out_channels
    ):
        return False
    window, stride = module.kernel_size, module.stride
    same = (
        module.padding == (window[0] // 2, window[0] // 2)
        and module.dilation == (1, 1)
        and module.padding_mode == "zeros"
        and module.bias is None
    )
    return same and (window, stride) in (((5, 5), (1, 1)), ((5, 5), (2, 2)), ((7, 7), (1, 1)))


class _Strips(nn.Conv2d):
    """A depthwise convolution whose weight gradient is computed in strips."""

    def forward(self, input: Tensor) -> Tensor:
        return _Depthwise.apply(input, self.weight, self.stride[0])  # pyright: ignore[reportReturnType]


class _Depthwise(torch.autograd.Function):
    """The depthwise convolution bchw -> bchw with weights c1ij and a gradient in strips."""

    @staticmethod
    def forward(ctx: Any, x_bchw: Tensor, weight_c1ij: Tensor, stride: int) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx.save_for_backward(x_bchw, weight_c1ij)
        ctx.stride = stride
        return functional.conv2d(x_bchw, weight_c1ij, None, stride, weight_c1ij.shape[-1] // 2, 1, weight_c1ij.shape[0])

    @staticmethod
    def backward(ctx: Any, grad_bchw: Tensor) -> tuple[Tensor | None, Tensor | None, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        x_bchw, weight_c1ij = ctx.saved_tensors
        by_input, by_weight, _ = ctx.needs_input_grad
        half = weight_c1ij.shape[-1] // 2
        to_input = (
            _gradients(grad_bchw, x_bchw, weight_c1ij, ctx.stride, (half, half), (True, False))[0] if by_input else None
        )
        return to_input, weight_gradient(x_bchw, grad_bchw, weight_c1ij, ctx.stride) if by_weight else None, None


def weight_gradient(x_bchw: Tensor, grad_bchw: Tensor, weight_c1ij: Tensor, stride: int) -> Tensor:
    """The gradient of the weights (c, 1, i, i) from that of the output, computed in strips."""
    window = weight_c1ij.shape[-1]
    half = window // 2
    # oneDNN's kernel cannot pad rows of maps that are not larger than the window: pad them here.
    rows = 0 if x_bchw.shape[2] > window else half
    padded = functional.pad(x_bchw, (half, half, rows, rows))
    reach = (grad_bchw.shape[3] - 1) * stride
    gradient = torch.empty_like(weight_c1ij)
    for first in range(0, window, STRIP):
        strip = weight_c1ij[..., first : first + STRIP].contiguous()
        seen = padded[..., first : first + reach + strip.shape[-1]]
        gradient[..., first : first + STRIP] = _gradients(
            grad_bchw, seen, strip, stride, (half - rows, 0), (False, True)
        )[1]
    return gradient


def _gradients(
    grad: Tensor, x: Tensor, weight: Tensor, stride: int, padding: tuple[int, int], wanted: tuple[bool, bool]
) -> tuple[Tensor, ...]:
    return torch.ops.aten.convolution_backward(
        grad, x, weight, None, [stride, stride], list(padding), [1, 1], False, [0, 0], weight.shape[0], [*wanted, False]
    )
