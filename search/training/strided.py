"""Strided 1x1 convolutions of few channels, trained without oneDNN's fault in them.

The fault: the weight gradient of a 1x1 convolution with a stride, no padding and fewer than 16
input channels, on float32 maps in channels_last memory, writes past the end of its workspace. Glibc
then aborts ("double free or corruption") or the process dies of SIGSEGV, or foreign memory is
changed in silence.

    import torch                                                   # PyTorch 2.15.0 with oneDNN 3.13.3, Linux x86-64 with AVX-512
    torch.set_num_threads(2)
    layer = torch.nn.Conv2d(8, 16, 1, stride=2, bias=False).to(memory_format=torch.channels_last)
    for _ in range(30):
        x = torch.randn(15, 8, 16, 16, requires_grad=True).to(memory_format=torch.channels_last)
        layer(x).sum().backward()

The cause (https://github.com/uxlfoundation/oneDNN/issues/6035): each thread first gathers its
positions into a workspace of `positions x channels` floats, but puts a piece that begins at
position p at `p x 16` instead of `p x channels`. Only pieces that begin at position 0 stay inside.
Others arise where the threads do not divide the batch, and with one thread too where a map is taken
in several pieces. The kernel for AVX2 has the fault below 8 channels: with some shapes it never
returns, with others its weight gradient is wrong and nothing says so.

Measured on an AMD EPYC with AVX-512 (2 cores, 1 to 4 threads), with untouchable pages around every
allocation and gradients compared with those in float64:

- channels, at 16x16 pixels: 1 to 14 fail with 2 threads and a batch of 15, 1 to 15 with 3 threads
  and a batch of 16; 16 to 32 never do;
- batches, at 16x16 pixels: those that the threads do not divide (15 and 63 with 2 threads, 16 and
  64 with 3, 15 and 63 with 4), none with one thread;
- maps and strides: sides that the stride divides fail (14, 28, 32, 64 for 2; 33 for 3; also strides
  (1, 2) and (2, 1)), others do not (7, 9, 33 for 2);
- from 48x48 pixels on every batch fails **with one thread too**, without those pages as well; 32x32
  does not;
- not affected: groups, NCHW memory, padding, unstrided 1x1, other windows (1x3 to 7x7, strided,
  dilated, depthwise, transposed).

Here only the weight gradient goes another way: that of the unstrided convolution over the positions
that the stride leaves, which are the same sums. Output and input gradient are computed as before.
It costs a tenth of a millisecond: 0.86 ms become 0.98 with one thread, 0.56 become 0.65 with two
(forward and backward, batch 64, 8 to 16 channels, 32x32 pixels), so it is taken whatever the
threads and maps. Slicing the input for the whole convolution would take 3 times as long as that
(`slice` has a slow gradient). Shape letters: b batch, c channels, h height, w width, o output
channels.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

BLOCK = 16
"""Input channels from which the workspace is large enough."""


@contextmanager
def safe_strided(network: nn.Module, device: torch.device) -> Iterator[None]:
    """Within the block, strided 1x1 convolutions of `network` that may write past their workspace
    compute their weight gradient in another way.

    On other devices nothing changes. Subclasses of `nn.Conv2d` are covered unless they have a
    `_conv_forward` or `forward` of their own that does not end in `nn.Conv2d`'s; calls of
    `torch.nn.functional.conv2d` are not. As in `fast_depthwise`, only classes are exchanged for the
    time.
    """
    narrow = (
        [(module, type(module)) for module in network.modules() if _overruns(module)] if device.type == "cpu" else []
    )
    try:
        for module, usual in narrow:  # within: Ctrl-C may come between two of them
            module.__class__ = _safe(usual)
        yield
    finally:
        for module, usual in narrow:
            module.__class__ = usual


def _overruns(module: nn.Module) -> bool:
    if (
        not isinstance(module, nn.Conv2d)
        or module.kernel_size != (1, 1)
        or max(module.stride) == 1
        or module.padding not in ((0, 0), "valid")
    ):
        return False
    return (
        module.in_channels // module.groups < BLOCK
    )  # groups are spared by oneDNN's choice of kernel, not by a rule: they come along


@cache
def _safe(usual: type[nn.Conv2d]) -> type[nn.Conv2d]:
    """`usual` with the weight gradient of `_Strided`."""
    return type(f"Safe{usual.__name__}", (_Safe, usual), {})


class _Safe:
    """What takes the place of `nn.Conv2d._conv_forward`; without padding, no padding mode has
    anything to do."""

    stride: tuple[int, int]
    groups: int

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        batched = input if input.dim() == 4 else input[None]
        y_bohw: Tensor = _Strided.apply(batched, weight, bias, self.stride, self.groups)  # pyright: ignore[reportAssignmentType]
        return y_bohw if input.dim() == 4 else y_bohw[0]


class _Strided(torch.autograd.Function):
    """bchw -> bohw, with weights oc11."""

    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, x_bchw: Tensor, weight_oc11: Tensor, bias_o: Tensor | None, stride: tuple[int, int], groups: int
    ) -> Tensor:
        ctx.save_for_backward(x_bchw, weight_oc11)
        ctx.stride, ctx.groups = stride, groups
        return functional.conv2d(x_bchw, weight_oc11, bias_o, stride, 0, 1, groups)

    @staticmethod
    def backward(ctx: Any, grad_bohw: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        x_bchw, weight_oc11 = ctx.saved_tensors
        by_input, by_weight, by_bias, *_ = ctx.needs_input_grad
        down, right = ctx.stride
        to_input = (
            _gradients(grad_bohw, x_bchw, weight_oc11, ctx.stride, ctx.groups, (True, False))[0] if by_input else None
        )
        to_weight = (
            _gradients(grad_bohw, x_bchw[:, :, ::down, ::right], weight_oc11, (1, 1), ctx.groups, (False, True))[1]
            if by_weight
            else None
        )
        return to_input, to_weight, grad_bohw.sum((0, 2, 3)) if by_bias else None, None, None


def _gradients(
    grad: Tensor, x: Tensor, weight: Tensor, stride: tuple[int, int], groups: int, wanted: tuple[bool, bool]
) -> tuple[Tensor, ...]:
    return torch.ops.aten.convolution_backward(
        grad, x, weight, None, list(stride), [0, 0], [1, 1], False, [0, 0], groups, [*wanted, False]
    )
