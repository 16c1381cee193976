"""Residual units of the ResNet family, with timm's names.

`forward` reuses one variable for its maps, so that each map is freed as early as possible. Shape
letters: b batch, c channels, h height, w width.
"""

import torch
from timm.layers import DropPath
from torch import nn

from .activation import activation_layer
from .antialias import antialias_layer
from .split_attention import SplitAttention


def shortcut(in_channels: int, channels: int, stride: int, downsample: str) -> nn.Module | None:
    """Make the projection of a shortcut, or return None if the unit keeps the shape of its map.

    `downsample` "avg" puts an average pool with the stride before it (ResNet-D).
    """
    if stride == 1 and in_channels == channels:
        return None
    norm = nn.BatchNorm2d(channels)
    if downsample == "conv":
        return nn.Sequential(nn.Conv2d(in_channels, channels, 1, stride, bias=False), norm)
    pool = nn.Identity() if stride == 1 else nn.AvgPool2d(2, stride, ceil_mode=True, count_include_pad=False)
    return nn.Sequential(pool, nn.Conv2d(in_channels, channels, 1, bias=False), norm)


class BasicBlock(nn.Module):
    """Two 3×3 convolutions; attention before the sum.

    `antialias` ("none", "avg", "blur") moves the stride to a pool after the first activation.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        stride: int = 1,
        downsample_kind: str = "conv",
        se: nn.Module | None = None,
        drop_path: float = 0.0,
        activation: str = "relu",
        antialias: str = "none",
    ) -> None:
        super().__init__()
        self.in_channels, self.channels, self.stride, self.downsample_kind = (
            in_channels,
            channels,
            stride,
            downsample_kind,
        )
        self.activation, self.antialias = activation, antialias
        aliases = antialias == "none" or stride == 1
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride if aliases else 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.act1 = activation_layer(activation)
        self.aa = None if aliases else antialias_layer(antialias)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.se = nn.Identity() if se is None else se
        self.downsample = shortcut(in_channels, channels, stride, downsample_kind)
        self.act2 = activation_layer(activation)
        self.drop_path = DropPath(drop_path)

    def forward(self, x_bchw: torch.Tensor) -> torch.Tensor:
        y = self.act1(self.bn1(self.conv1(x_bchw)))
        if self.aa is not None:
            y = self.aa(y)
        y = self.bn2(self.conv2(y))
        y = self.drop_path(self.se(y))
        return self.act2(y + (x_bchw if self.downsample is None else self.downsample(x_bchw)))

    def zero_init_last(self) -> None:
        """Start as the identity: the residual branch's last scale is zero."""
        nn.init.zeros_(self.bn2.weight)


class Bottleneck(nn.Module):
    """A 1×1, a 3×3 and a 1×1 convolution; attention before the sum.

    The 3×3 convolution has the stride and `cardinality` groups; with `radix` above 0 it is split
    attention. `pool` ("none", "first", "last") moves the stride to a 3×3 average pool before or
    after the middle convolution (ResNeSt), `antialias` ("none", "avg", "blur") to a pool after its
    activation.
    """

    def __init__(
        self,
        in_channels: int,
        width: int,
        channels: int,
        stride: int = 1,
        cardinality: int = 1,
        radix: int = 0,
        reduced: int = 0,
        pool: str = "none",
        downsample_kind: str = "conv",
        se: nn.Module | None = None,
        drop_path: float = 0.0,
        activation: str = "relu",
        antialias: str = "none",
    ) -> None:
        super().__init__()
        self.activation, self.antialias = activation, antialias
        self.in_channels, self.width, self.channels, self.stride = in_channels, width, channels, stride
        self.cardinality, self.radix, self.reduced, self.pool, self.downsample_kind = (
            cardinality,
            radix,
            reduced,
            pool,
            downsample_kind,
        )
        pooled = pool != "none" and stride > 1
        antialiased = antialias != "none" and stride > 1
        inner = 1 if pooled or antialiased else stride
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.act1 = activation_layer(activation)
        self.avd_first = nn.AvgPool2d(3, stride, 1) if pooled and pool == "first" else None
        if radix >= 1:
            self.conv2 = SplitAttention(width, reduced, inner, cardinality, radix)
            self.bn2, self.act2 = nn.Identity(), nn.Identity()
        else:
            self.conv2 = nn.Conv2d(width, width, 3, inner, 1, groups=cardinality, bias=False)
            self.bn2, self.act2 = nn.BatchNorm2d(width), activation_layer(activation)
        self.aa = antialias_layer(antialias) if antialiased else None
        self.avd_last = nn.AvgPool2d(3, stride, 1) if pooled and pool == "last" else None
        self.conv3 = nn.Conv2d(width, channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels)
        self.se = nn.Identity() if se is None else se
        self.downsample = shortcut(in_channels, channels, stride, downsample_kind)
        self.act3 = activation_layer(activation)
        self.drop_path = DropPath(drop_path)

    def forward(self, x_bchw: torch.Tensor) -> torch.Tensor:
        y = self.act1(self.bn1(self.conv1(x_bchw)))
        if self.avd_first is not None:
            y = self.avd_first(y)
        y = self.act2(self.bn2(self.conv2(y)))
        if self.aa is not None:
            y = self.aa(y)
        if self.avd_last is not None:
            y = self.avd_last(y)
        y = self.bn3(self.conv3(y))
        y = self.drop_path(self.se(y))
        return self.act3(y + (x_bchw if self.downsample is None else self.downsample(x_bchw)))

    def zero_init_last(self) -> None:
        """Start as the identity: the residual branch's last scale is zero."""
        nn.init.zeros_(self.bn3.weight)
