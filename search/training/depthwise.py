"""Speeds up the training of depthwise convolutions on the CPU.

oneDNN has a kernel for the weight gradient of depthwise convolutions up to 3 columns wide. Wider
ones go through the kernel for ordinary groups, which pads each group to 16 channels: on one AVX-512
thread, 5x5 windows over 72 channels of 16x16 pixels take 9.4 ms a batch of 64 for the weight
gradient, 0.9 ms for the forward pass. Here the window is cut into strips of at most 3 columns, each
a depthwise convolution of its own: 3.1 ms, the same sums in another order. On one thread our own
kernel (see `native`) takes 2.7 ms, and in bf16, for which oneDNN has neither a kernel for wide
windows nor one for the input gradient of strided convolutions (345 ms where float32 takes 6), 2.1
ms. Shape letters: b batch, c channels, h height, w width, i j window.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import Structure, byref, c_long
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .native import kernels, pointer
from .reclassed import reclassed

STRIP = 3
"""Maximum number of window columns that oneDNN's depthwise kernel supports."""

THIN = 8
"""Channels of a group from which oneDNN's kernels for bf16 are faster. Weight gradient of 64
channels of 16x16 pixels in 8, 16 and 32 groups: 2.6, 4.8 and 16 ms in bf16, 4.6, 4.2 and 5.7 ms in
float32."""


@contextmanager
def fast_depthwise(network: nn.Module, device: torch.device) -> Iterator[None]:
    """Compute gradients of depthwise convolutions in faster ways within the `with` block.

    It applies to the convolutions of `network` that gain from it, and on the CPU alone, as
    `reclassed` does.
    """
    found: list[tuple[nn.Module, type[nn.Module]]] = []
    if device.type == "cpu" and torch.backends.mkldnn.is_available():
        own = kernels(device) is not None
        for module in network.modules():
            if own and _native_gains(module):
                found.append((module, _Native))
            elif _gains(module):
                found.append((module, _Strips))
            elif own and _thin(module):
                found.append((module, _InFloat32))
    with reclassed(found):
        yield


def _gains(module: nn.Module) -> bool:
    """Whether strips are faster, by measurement: windows of 5, and of 7 with stride 1."""
    return _form(module) in ((5, 1), (5, 2), (7, 1))


def _native_gains(module: nn.Module) -> bool:
    """Whether our own kernel is faster: wide windows, and in bf16 all with a stride."""
    return _form(module) in ((3, 2), (5, 1), (5, 2))


def _thin(module: nn.Module) -> bool:
    """Whether a convolution has groups so thin that it is slower in bf16 than in float32."""
    if type(module) is not nn.Conv2d or module.groups == 1 or _form(module) == (3, 1):
        return False
    return min(module.in_channels, module.out_channels) // module.groups < THIN


def _form(module: nn.Module) -> tuple[int, int] | None:
    """Window and stride of a depthwise convolution with half of its window as padding."""
    if (
        type(module) is not nn.Conv2d
        or module.groups == 1
        or not module.groups == module.in_channels == module.out_channels
    ):
        return None
    window, stride = module.kernel_size, module.stride
    same = (
        module.padding == (window[0] // 2, window[0] // 2)
        and module.dilation == (1, 1)
        and module.padding_mode == "zeros"
        and module.bias is None
    )
    return (window[0], stride[0]) if same and len({*window}) == len({*stride}) == 1 else None


class _InFloat32(nn.Conv2d):
    """A convolution that autocast does not change."""

    def forward(self, input: Tensor) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            return super().forward(input.float())


class _Sizes(Structure):
    """The sizes of both maps, as the kernel takes them."""

    _fields_ = [(name, c_long) for name in ("batch", "channels", "height", "width", "out_height", "out_width")]


class _Native(nn.Conv2d):
    """A depthwise convolution, some of whose gradients are computed by our own kernel."""

    def forward(self, input: Tensor) -> Tensor:
        if torch.is_autocast_enabled("cpu"):
            input = input.to(torch.get_autocast_dtype("cpu"))
        return _ByKernel.apply(input, self.weight, self.stride[0])  # pyright: ignore[reportReturnType]


class _ByKernel(torch.autograd.Function):
    """The depthwise convolution bchw -> bchw with weights c1ij; maps are float32 or bf16."""

    @staticmethod
    def forward(ctx: Any, x_bchw: Tensor, weight_c1ij: Tensor, stride: int) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        x_bchw = x_bchw.contiguous(memory_format=torch.channels_last)
        ctx.save_for_backward(x_bchw, weight_c1ij)
        ctx.stride = stride
        half = weight_c1ij.shape[-1] // 2
        return functional.conv2d(x_bchw, weight_c1ij.to(x_bchw.dtype), None, stride, half, 1, len(weight_c1ij))

    @staticmethod
    def backward(ctx: Any, grad_bchw: Tensor) -> tuple[Tensor | None, Tensor | None, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        x_bchw, weight_c1ij = ctx.saved_tensors
        grad_bchw = grad_bchw.to(x_bchw.dtype).contiguous(memory_format=torch.channels_last)
        by_input, by_weight, _ = ctx.needs_input_grad
        window, in_bf16 = weight_c1ij.shape[-1], x_bchw.dtype == torch.bfloat16
        own = (by_input and in_bf16 and ctx.stride > 1, by_weight and window > STRIP)
        to_input, to_weight = _by_kernel(x_bchw, grad_bchw, weight_c1ij, ctx.stride, own)
        usual = (by_input and not own[0], by_weight and not own[1])
        if any(usual):
            half = window // 2
            weight = weight_c1ij.to(x_bchw.dtype)
            first, second, _ = _gradients(grad_bchw, x_bchw, weight, ctx.stride, (half, half), usual)
            to_input = first if usual[0] else to_input
            to_weight = second.to(weight_c1ij.dtype) if usual[1] else to_weight
        return to_input, to_weight, None


def _by_kernel(
    x_bchw: Tensor, grad_bchw: Tensor, weight_c1ij: Tensor, stride: int, wanted: tuple[bool, bool]
) -> tuple[Tensor | None, Tensor | None]:
    """The gradients of the input and of the weights, those that are wanted."""
    library = kernels(x_bchw.device)
    if library is None or not any(wanted):
        return None, None
    to_input = torch.empty_like(x_bchw) if wanted[0] else None
    weight = weight_c1ij.flatten()
    to_weight = torch.empty_like(weight) if wanted[1] else None
    sizes = _Sizes(*x_bchw.shape, *grad_bchw.shape[2:])
    library.depthwise_backward(
        *(weight_c1ij.shape[-1], stride, int(x_bchw.dtype == torch.bfloat16), pointer(x_bchw), pointer(weight)),
        *(pointer(grad_bchw), pointer(to_input), pointer(to_weight), byref(sizes)),
    )
    return to_input, None if to_weight is None else to_weight.view_as(weight_c1ij)


class _Strips(nn.Conv2d):
    """A depthwise convolution whose weight gradient is computed in strips."""

    def forward(self, input: Tensor) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            return _Depthwise.apply(input.float(), self.weight, self.stride[0])  # pyright: ignore[reportReturnType]


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
