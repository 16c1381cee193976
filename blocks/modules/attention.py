"""Attention modules: maps of bchw -> bchw, gated.

Shape letters: b batch, c channels, h height, w width, r reduced channels; 1 an axis of length one.
"""

import torch
import torch.nn.functional as F
from torch import nn

from .activation import activation_layer


class SqueezeExcite(nn.Module):
    """Gates every channel by two linear layers on the pooled map."""

    def __init__(
        self, channels: int, reduced: int, activation: str = "relu", layout: str = "resnet", gate: str = "sigmoid"
    ) -> None:
        super().__init__()
        self.channels, self.reduced, self.activation, self.layout, self.gate = (
            channels,
            reduced,
            activation,
            layout,
            gate,
        )
        self.squeeze, self.excite = ("fc1", "fc2") if layout == "resnet" else ("conv_reduce", "conv_expand")
        self.add_module(self.squeeze, nn.Conv2d(channels, reduced, 1))
        self.act = activation_layer(activation)
        self.add_module(self.excite, nn.Conv2d(reduced, channels, 1))

    def forward(self, x_bchw: torch.Tensor) -> torch.Tensor:
        logits_bc11 = x_bchw.mean((2, 3), keepdim=True)
        # the children are squeeze, activation and excite; TorchScript has no getattr by variable
        for module in self.children():
            logits_bc11 = module(logits_bc11)
        return x_bchw * (F.hardsigmoid(logits_bc11) if self.gate == "hard_sigmoid" else logits_bc11.sigmoid())


class EfficientChannelAttention(nn.Module):
    """Gates every channel by a convolution over its neighbours on the channel axis."""

    def __init__(self, kernel_size: int, padding: str = "zeros") -> None:
        super().__init__()
        self.kernel_size, self.padding = kernel_size, padding
        self.conv = nn.Conv1d(1, 1, kernel_size, bias=False)

    def forward(self, x_bchw: torch.Tensor) -> torch.Tensor:
        x_b1c = x_bchw.mean((2, 3)).unsqueeze(1)
        side = self.kernel_size // 2
        x_b1c = (
            F.pad(x_b1c, (side, side), mode="circular") if self.padding == "circular" else F.pad(x_b1c, (side, side))
        )
        gate_bc = self.conv(x_b1c).sigmoid().squeeze(1)
        return x_bchw * gate_bc[:, :, None, None]


class ChannelAttention(nn.Module):
    """CBAM's channel part: one MLP over the average- and the max-pooled map."""

    def __init__(self, channels: int, reduced: int) -> None:
        super().__init__()
        self.channels, self.reduced = channels, reduced
        self.fc1 = nn.Conv2d(channels, reduced, 1, bias=False)
        self.act = nn.ReLU(inplace=True)
        self.fc2 = nn.Conv2d(reduced, channels, 1, bias=False)

    def forward(self, x_bchw: torch.Tensor) -> torch.Tensor:
        average_bc11 = self.fc2(self.act(self.fc1(x_bchw.mean((2, 3), keepdim=True))))
        largest_bc11 = self.fc2(self.act(self.fc1(x_bchw.amax((2, 3), keepdim=True))))
        return x_bchw * (average_bc11 + largest_bc11).sigmoid()


class ConvNorm(nn.Module):
    """A convolution of 2 → 1 channels and its normalisation, under timm's names."""

    def __init__(self, kernel_size: int) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.conv = nn.Conv2d(2, 1, kernel_size, padding=kernel_size // 2, bias=False)
        self.bn = nn.BatchNorm2d(1)

    def forward(self, x_b2hw: torch.Tensor) -> torch.Tensor:
        return self.bn(self.conv(x_b2hw))


class SpatialAttention(nn.Module):
    """CBAM's spatial part: gates every position by a window over the channels' mean and maximum."""

    def __init__(self, kernel_size: int = 7) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.conv = ConvNorm(kernel_size)

    def forward(self, x_bchw: torch.Tensor) -> torch.Tensor:
        x_b2hw = torch.cat([x_bchw.mean(1, keepdim=True), x_bchw.amax(1, keepdim=True)], 1)
        return x_bchw * self.conv(x_b2hw).sigmoid()


class BlockAttention(nn.Module):
    """A channel part, then a spatial part: CBAM, or ECABAM when the channel part is ECA."""

    def __init__(self, channel: nn.Module, spatial: nn.Module) -> None:
        super().__init__()
        self.channel, self.spatial = channel, spatial

    def forward(self, x_bchw: torch.Tensor) -> torch.Tensor:
        return self.spatial(self.channel(x_bchw))
