"""Mobile units with timm's names: inverted residual (MBConv) and depthwise-separable convolution.

`mixed` replaces the depthwise convolution, its normalisation and its activation. Shape letters: b
batch, c channels, h height, w width.
"""

import torch
from timm.layers import DropPath
from torch import nn

from .activation import activation_layer


class InvertedResidual(nn.Module):
    """A 1×1 expansion, a depthwise convolution with the stride, attention, a linear projection."""

    def __init__(
        self,
        in_channels: int,
        channels: int,
        expanded: int,
        kernel: int = 3,
        stride: int = 1,
        activation: str = "silu",
        se: nn.Module | None = None,
        drop_path: float = 0.0,
        mixed: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.in_channels, self.channels, self.expanded, self.kernel, self.stride = (
            in_channels,
            channels,
            expanded,
            kernel,
            stride,
        )
        self.activation = activation
        self.conv_pw = nn.Conv2d(in_channels, expanded, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(expanded)
        self.act1 = activation_layer(activation)
        self.mixed = mixed
        if mixed is None:
            self.conv_dw = nn.Conv2d(expanded, expanded, kernel, stride, kernel // 2, groups=expanded, bias=False)
            self.bn2 = nn.BatchNorm2d(expanded)
            self.act2 = activation_layer(activation)
        self.se = nn.Identity() if se is None else se
        self.conv_pwl = nn.Conv2d(expanded, channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels)
        self.drop_path = DropPath(drop_path)

    def forward(self, x_bchw: torch.Tensor) -> torch.Tensor:
        y = self.act1(self.bn1(self.conv_pw(x_bchw)))
        y = self.act2(self.bn2(self.conv_dw(y))) if self.mixed is None else self.mixed(y)
        y = self.se(y)
        y = self.bn3(self.conv_pwl(y))
        return x_bchw + self.drop_path(y) if self.stride == 1 and self.in_channels == self.channels else y


class SeparableConv(nn.Module):
    """A depthwise convolution with the stride, attention, a 1×1 projection.

    With `projection` "linear" there is a residual connection if shapes agree; with "activated"
    there is an activation and no residual connection.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        kernel: int = 3,
        stride: int = 1,
        activation: str = "silu",
        se: nn.Module | None = None,
        drop_path: float = 0.0,
        projection: str = "linear",
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
        self.projection = projection
        self.mixed = mixed
        if mixed is None:
            self.conv_dw = nn.Conv2d(
                in_channels, in_channels, kernel, stride, kernel // 2, groups=in_channels, bias=False
            )
            self.bn1 = nn.BatchNorm2d(in_channels)
            self.act1 = activation_layer(activation)
        self.se = nn.Identity() if se is None else se
        self.conv_pw = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.act2 = activation_layer(activation) if projection == "activated" else nn.Identity()
        self.drop_path = DropPath(drop_path)

    def forward(self, x_bchw: torch.Tensor) -> torch.Tensor:
        y = self.act1(self.bn1(self.conv_dw(x_bchw))) if self.mixed is None else self.mixed(x_bchw)
        y = self.se(y)
        y = self.act2(self.bn2(self.conv_pw(y)))
        residual = self.projection == "linear" and self.stride == 1 and self.in_channels == self.channels
        return x_bchw + self.drop_path(y) if residual else y
