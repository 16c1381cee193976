"""Works around a memory error of oneDNN in strided 1x1 convolutions with few input channels.

The error: the weight gradient of a 1x1 convolution with a stride, no padding and fewer than 16
input channels, on float32 maps in channels_last memory, writes past the end of its workspace. Glibc
then aborts ("double free or corruption"), the process dies of SIGSEGV, or other memory is silently
overwritten. With PyTorch 2.15.0 and oneDNN 3.13.3 on Linux x86-64 with AVX-512:

    import torch
    torch.set_num_threads(2)
    layer = torch.nn.Conv2d(8, 16, 1, stride=2, bias=False).to(memory_format=torch.channels_last)
    for _ in range(30):
        x = torch.randn(15, 8, 16, 16, requires_grad=True).to(memory_format=torch.channels_last)
        layer(x).sum().backward()

The cause (https://github.com/uxlfoundation/oneDNN/issues/6035): each thread first gathers its
positions into a workspace of `positions x channels` floats, but writes a piece that begins at
position p to offset `p x 16` instead of `p x channels`. Only pieces that begin at position 0 stay
inside. Other pieces occur if the number of threads does not divide the batch, and, with one thread
too, if a map is processed in several pieces. The AVX2 kernel has the error below 8 channels: for
some shapes it never returns, for others the weight gradient is silently wrong.

Measured on an AMD EPYC with AVX-512 (2 cores, 1 to 4 threads), with guard pages around every
allocation and gradients compared with those in float64:

- channels, at 16x16 pixels: 1 to 14 fail with 2 threads and a batch of 15, 1 to 15 with 3 threads
  and a batch of 16; 16 to 32 never do;
- batches, at 16x16 pixels: those fail that the number of threads does not divide (15 and 63 with 2
  threads, 16 and 64 with 3, 15 and 63 with 4), none with one thread;
- maps and strides: sides divisible by the stride fail (14, 28, 32, 64 for 2; 33 for 3; also strides
  (1, 2) and (2, 1)), others do not (7, 9, 33 for 2);
- from 48x48 pixels on every batch fails **with one thread too**, also without guard pages; 32x32
  does not;
- not affected: groups, NCHW memory, padding, unstrided 1x1, other windows (1x3 to 7x7, strided,
  dilated, depthwise, transposed).

The workaround replaces only the weight gradient, by that of an unstrided convolution over the
positions that the stride selects, which is the same sum. Output and input gradient are computed as
before. It costs a tenth of a millisecond: 0.86 ms become 0.98 ms with one thread, 0.56 ms become
0.65 ms with two (forward and backward, batch 64, 8 to 16 channels, 32x32 pixels), so it is applied
for all numbers of threads and all maps. Slicing the input of the whole convolution would take 3
times as long, since the gradient of `slice` is slow. Shape letters: b batch, c channels, h height,
w width, o output channels.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .reclassed import reclassed

BLOCK = 16
"""Number of input channels from which the workspace is large enough."""


@contextmanager
def safe_strided(network: nn.Module, device: torch.device) -> Iterator[None]:
    """Apply the workaround to the affected convolutions of `network` within the `with` block.

    Devices other than the CPU are left alone. Subclasses of `nn.Conv2d` are covered unless they
    define a `_conv_forward` or `forward` that does not end in that of `nn.Conv2d`; calls of
    `torch.nn.functional.conv2d` are not covered. Classes are replaced as `reclassed` does.
    """
    narrow = [module for module in network.modules() if _overruns(module)] if device.type == "cpu" else []
    with reclassed([(module, _safe(type(module))) for module in narrow]):  # pyright: ignore[reportArgumentType]
        yield


def _overruns(module: nn.Module) -> bool:
    if (
        not isinstance(module, nn.Conv2d)
        or module.kernel_size != (1, 1)
        or max(module.stride) == 1
        or module.padding not in ((0, 0), "valid")
    ):
        return False
    # Grouped convolutions are unaffected only by oneDNN's present choice of kernel, so they are
    # included.
    return module.in_channels // module.groups < BLOCK


@cache
def _safe(usual: type[nn.Conv2d]) -> type[nn.Conv2d]:
    """A subclass of `usual` with the weight gradient of `_Strided`."""
    return type(f"Safe{usual.__name__}", (_Safe, usual), {})


class _Safe:
    """Replaces `nn.Conv2d._conv_forward`; padding modes have no effect without padding."""

    stride: tuple[int, int]
    groups: int

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        batched = input if input.dim() == 4 else input[None]
        y_bohw: Tensor = _Strided.apply(batched, weight, bias, self.stride, self.groups)  # pyright: ignore[reportAssignmentType]
        return y_bohw if input.dim() == 4 else y_bohw[0]


class _Strided(torch.autograd.Function):
    """The convolution bchw -> bohw with weights oc11 and the replaced weight gradient."""

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
