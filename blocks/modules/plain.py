"""A convolution with normalisation and activation, and the VGG-like unit; with timm's names.

Shape letters: b batch, c channels, k output channels, h height, w width.
"""

import torch
from torch import nn

from .activation import activation_layer


class ConvBnAct(nn.Module):
    """A convolution, normalisation, and an activation unless it is None: bchw -> bkhw."""

    def __init__(
        self, in_channels: int, channels: int, kernel: int = 1, stride: int = 1, activation: str | None = None
    ) -> None:
        super().__init__()
        self.in_channels, self.channels, self.kernel, self.stride, self.activation = (
            in_channels,
            channels,
            kernel,
            stride,
            activation,
        )
        self.conv = nn.Conv2d(in_channels, channels, kernel, stride, kernel // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.act1 = nn.Identity() if activation is None else activation_layer(activation)

    def forward(self, x_bchw: torch.Tensor) -> torch.Tensor:
        return self.act1(self.bn1(self.conv(x_bchw)))


class PlainConv(nn.Module):
    """A max pool with the stride, convolution, normalisation, activation, attention: bchw -> bkhw.

    `mixed` replaces the convolution, its normalisation and its activation.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        kernel: int = 3,
        stride: int = 1,
        activation: str = "relu",
        se: nn.Module | None = None,
        mixed: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.in_channels, self.channels, self.kernel, self.stride, self.activation = (
            in_channels,
            channels,
            kernel,
            stride,
            activation,
        )
        self.pool = nn.Identity() if stride == 1 else nn.MaxPool2d(2, stride, ceil_mode=True)
        self.mixed = mixed
        if mixed is None:
            self.conv = nn.Conv2d(in_channels, channels, kernel, 1, kernel // 2, bias=False)
            self.bn1 = nn.BatchNorm2d(channels)
            self.act1 = activation_layer(activation)
        self.se = nn.Identity() if se is None else se

    def forward(self, x_bchw: torch.Tensor) -> torch.Tensor:
        y = self.pool(x_bchw)
        y = self.act1(self.bn1(self.conv(y))) if self.mixed is None else self.mixed(y)
        return self.se(y)
