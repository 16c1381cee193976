"""Selective kernels, and the residual units in which they replace a 3×3 convolution; timm's names.

Source: Li et al., Selective Kernel Networks, CVPR 2019, arXiv:1903.06586; the layouts are those of
timm's `SelectiveKernel`, `SelectiveKernelBasic` and `SelectiveKernelBottleneck`. Shape letters: b
batch, m branches, c channels, h height, w width, r reduced channels; 1 an axis of length one.
"""

import torch
from timm.layers import DropPath
from torch import nn

from .activation import activation_layer
from .residual import shortcut


class ConvNormAct(nn.Module):
    """A convolution, its normalisation, and its activation unless that is "".

    Height and width are divided by `stride` and rounded up.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        kernel: int = 1,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
        activation: str = "relu",
    ) -> None:
        super().__init__()
        self.in_channels, self.channels, self.kernel, self.stride = in_channels, channels, kernel, stride
        self.dilation, self.groups, self.activation = dilation, groups, activation
        self.conv = nn.Conv2d(
            in_channels, channels, kernel, stride, dilation * (kernel // 2), dilation, groups, bias=False
        )
        self.bn = nn.BatchNorm2d(channels)
        self.act = activation_layer(activation) if activation else nn.Identity()

    def forward(self, x_bchw: torch.Tensor) -> torch.Tensor:
        return self.act(self.bn(self.conv(x_bchw)))


class SelectiveAttention(nn.Module):
    """Weights of every branch and channel, from the pooled sum of the branches: bmchw -> bmc11.

    The weights sum to one over the branches m.
    """

    def __init__(self, channels: int, reduced: int, branches: int = 2) -> None:
        super().__init__()
        self.channels, self.reduced, self.branches = channels, reduced, branches
        self.fc_reduce = nn.Conv2d(channels, reduced, 1, bias=False)
        self.bn = nn.BatchNorm2d(reduced)
        self.act = nn.ReLU(inplace=True)
        self.fc_select = nn.Conv2d(reduced, channels * branches, 1, bias=False)

    def forward(self, x_bmchw: torch.Tensor) -> torch.Tensor:
        x_br11 = self.act(self.bn(self.fc_reduce(x_bmchw.sum(1).mean((2, 3), keepdim=True))))
        return self.fc_select(x_br11).unflatten(1, (self.branches, self.channels)).softmax(1)


class SelectiveKernel(nn.Module):
    """Convolutions with windows 3, 5, …, among which each channel selects.

    With `dilated` all are 3×3 with growing dilation; with `split` each reads its own share of the
    input channels.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        reduced: int,
        branches: int = 2,
        stride: int = 1,
        groups: int = 1,
        dilated: bool = True,
        split: bool = False,
        activation: str = "relu",
    ) -> None:
        super().__init__()
        self.in_channels, self.channels, self.reduced, self.branches = in_channels, channels, reduced, branches
        self.stride, self.groups, self.dilated, self.split, self.activation = stride, groups, dilated, split, activation
        self.seen = in_channels // branches if split else in_channels
        windows = [(3, side) if dilated else (2 * side + 1, 1) for side in range(1, branches + 1)]
        self.paths = nn.ModuleList(
            [
                ConvNormAct(self.seen, channels, kernel, stride, dilation, groups, activation)
                for kernel, dilation in windows
            ]
        )
        self.attn = SelectiveAttention(channels, reduced, branches)

    def forward(self, x_bchw: torch.Tensor) -> torch.Tensor:
        x_bmchw = torch.stack(self.maps(x_bchw), 1)
        return (x_bmchw * self.attn(x_bmchw)).sum(1)

    def maps(self, x_bchw: torch.Tensor) -> list[torch.Tensor]:
        """Return the output of every convolution, bchw."""
        parts = x_bchw.split(self.seen, 1) if self.split else [x_bchw]
        found: list[torch.Tensor] = []
        for index, path in enumerate(self.paths):  # TorchScript cannot zip a ModuleList with a list
            found.append(path(parts[index] if self.split else x_bchw))
        return found


class SelectiveBasic(nn.Module):
    """A basic unit whose first convolution, `conv1` with the stride, is a selective kernel."""

    def __init__(
        self,
        in_channels: int,
        channels: int,
        conv1: nn.Module,
        stride: int = 1,
        downsample_kind: str = "conv",
        drop_path: float = 0.0,
        activation: str = "relu",
    ) -> None:
        super().__init__()
        self.activation = activation
        self.in_channels, self.channels, self.stride, self.downsample_kind = (
            in_channels,
            channels,
            stride,
            downsample_kind,
        )
        self.conv1 = conv1
        self.conv2 = ConvNormAct(channels, channels, 3, activation="")
        self.downsample = shortcut(in_channels, channels, stride, downsample_kind)
        self.act = activation_layer(activation)
        self.drop_path = DropPath(drop_path)

    def forward(self, x_bchw: torch.Tensor) -> torch.Tensor:
        y = self.drop_path(self.conv2(self.conv1(x_bchw)))
        return self.act(y + (x_bchw if self.downsample is None else self.downsample(x_bchw)))

    def zero_init_last(self) -> None:
        """Start as the identity: the residual branch's last scale is zero."""
        nn.init.zeros_(self.conv2.bn.weight)


class SelectiveBottleneck(nn.Module):
    """A bottleneck whose middle convolution, `conv2`, is a selective kernel.

    `conv2` keeps `width` channels and has the stride and the groups.
    """

    def __init__(
        self,
        in_channels: int,
        width: int,
        channels: int,
        conv2: nn.Module,
        stride: int = 1,
        downsample_kind: str = "conv",
        drop_path: float = 0.0,
        activation: str = "relu",
    ) -> None:
        super().__init__()
        self.activation = activation
        self.in_channels, self.width, self.channels, self.stride, self.downsample_kind = (
            in_channels,
            width,
            channels,
            stride,
            downsample_kind,
        )
        self.conv1 = ConvNormAct(in_channels, width, activation=activation)
        self.conv2 = conv2
        self.conv3 = ConvNormAct(width, channels, activation="")
        self.downsample = shortcut(in_channels, channels, stride, downsample_kind)
        self.act = activation_layer(activation)
        self.drop_path = DropPath(drop_path)

    def forward(self, x_bchw: torch.Tensor) -> torch.Tensor:
        y = self.drop_path(self.conv3(self.conv2(self.conv1(x_bchw))))
        return self.act(y + (x_bchw if self.downsample is None else self.downsample(x_bchw)))

    def zero_init_last(self) -> None:
        """Start as the identity: the residual branch's last scale is zero."""
        nn.init.zeros_(self.conv3.bn.weight)
