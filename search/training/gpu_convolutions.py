"""Replaces convolutions on a GPU whose preparation by cuDNN takes longer than a short training.

cuDNN prepares a plan for each new shape of a convolution, and a search trains networks of new
shapes all the time. PyTorch's own kernels for depthwise convolutions need no plan; a 1x1
convolution is a matrix product, which needs none either. On an NVIDIA H200 (PyTorch 2.11, cuDNN
9.19, batches of 128) EfficientNets of 5, 20 and 50 MMACs at 32 px lost 8 s in their first epoch by
cuDNN's plans, 0.1 to 1.0 s by the replacements; then they trained 56,000, 32,000 and 8,600 images/s
by cuDNN, 42,000, 22,000 and 6,600 by the replacements. cuDNN is therefore ahead after 1.4, 0.5 and
0.2 million images. Shape letters: b batch, c channels, h height, w width, i window.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .reclassed import reclassed

MANY = 500_000
"""Images trained at one size from which cuDNN's plans, whose kernels are faster, pay off."""
LARGEST = 64 * 64
"""Pixels of a map up to which PyTorch's kernel for the weight gradient of a depthwise convolution
is fast: it adds up a map for each weight by one block of threads."""


@contextmanager
def gpu_convolutions(device: torch.device, images: int, *networks: nn.Module) -> Iterator[None]:
    """Replace convolutions of `networks` within the `with` block, on a GPU only.

    It does nothing either if the training takes `MANY` of its `images` or more at this size.
    Classes are replaced as `reclassed` does.
    """
    found = (
        [(module, kind) for network in networks for module in network.modules() if (kind := _kind(module))]
        if device.type == "cuda" and images < MANY
        else []
    )
    with reclassed(found):
        yield


def _kind(module: nn.Module) -> type[nn.Conv2d] | None:
    if type(module) is not nn.Conv2d or module.padding_mode != "zeros":
        return None
    if module.groups == 1 and module.kernel_size == (1, 1) and module.padding in ((0, 0), "valid"):
        return Pointwise
    if module.groups > 1 and module.groups == module.in_channels == module.out_channels:
        return Depthwise
    return None


class Pointwise(nn.Conv2d):
    """A 1x1 convolution as a matrix product over the channels."""

    def forward(self, input: Tensor) -> Tensor:
        """bchw -> bchw in channels_last memory."""
        down, right = self.stride
        x_bhwc = input[:, :, ::down, ::right].permute(0, 2, 3, 1)
        return functional.linear(x_bhwc, self.weight.flatten(1), self.bias).permute(0, 3, 1, 2)


class Depthwise(nn.Conv2d):
    """A depthwise convolution by PyTorch's kernels, which it takes for maps in NCHW memory."""

    def forward(self, input: Tensor) -> Tensor:
        """bchw -> bchw in channels_last memory."""
        if input.shape[2] * input.shape[3] > LARGEST:
            return super().forward(input)
        if torch.is_autocast_enabled(input.device.type):
            input = input.to(torch.get_autocast_dtype(input.device.type))
        y_bchw: Tensor = _Native.apply(input, self.weight, *self.stride, *self.padding, *self.dilation)  # pyright: ignore[reportAssignmentType]
        return y_bchw if self.bias is None else y_bchw + self.bias.view(-1, 1, 1).to(y_bchw.dtype)


class _Native(torch.autograd.Function):
    """The convolution bchw -> bchw with weights c1ii; maps and gradients are channels_last outside.

    Without it the gradient would go on in NCHW memory, which is slow for what comes before.
    """

    @staticmethod
    def forward(ctx: Any, x_bchw: Tensor, weight_c1ii: Tensor, *window: int) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        x_bchw = x_bchw.contiguous()
        weight_c1ii = weight_c1ii.to(x_bchw.dtype).flatten().view(weight_c1ii.shape)  # with the strides of NCHW
        ctx.save_for_backward(x_bchw, weight_c1ii)
        ctx.window = window[:2], window[2:4], window[4:]
        y_bchw = functional.conv2d(x_bchw, weight_c1ii, None, *ctx.window, len(weight_c1ii))
        return y_bchw.contiguous(memory_format=torch.channels_last)

    @staticmethod
    def backward(ctx: Any, grad_bchw: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        x_bchw, weight_c1ii = ctx.saved_tensors
        needed = [*ctx.needs_input_grad[:2], False]
        window = [list(pair) for pair in ctx.window]
        to_input, to_weight, _ = torch.ops.aten.convolution_backward(
            grad_bchw.contiguous(), x_bchw, weight_c1ii, None, *window, False, [0, 0], len(weight_c1ii), needed
        )
        if to_input is not None:
            to_input = to_input.contiguous(memory_format=torch.channels_last)
        return to_input, to_weight, *[None] * 6
