"""The Inception-like unit; the branches have the names of timm's Inception-v3.

Shape letters: b batch, c channels, k output channels, h height, w width.
"""

import torch
from torch import nn

from .plain import ConvBnAct


class InceptionUnit(nn.Module):
    """Four branches, concatenated, then attention: bchw -> bkhw.

    The branches are 1×1 (only with stride 1), 3×3, double 3×3 and pool; the last three have the
    stride. `widths` are their output channels, `reduced` the channels before the 3×3 convolutions.
    `mixed` replaces the convolution of the 3×3 branch, its normalisation and its activation.
    """

    def __init__(
        self,
        in_channels: int,
        widths: tuple[int, int, int, int],
        reduced: int,
        stride: int = 1,
        activation: str = "relu",
        se: nn.Module | None = None,
        mixed: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.in_channels, self.widths, self.reduced, self.stride, self.activation = (
            in_channels,
            widths,
            reduced,
            stride,
            activation,
        )
        one, three, double, pool = widths
        self.branch1x1 = ConvBnAct(in_channels, one, 1, 1, activation) if stride == 1 else None
        self.branch3x3_1 = ConvBnAct(in_channels, reduced, 1, 1, activation)
        self.mixed = mixed
        if mixed is None:
            self.branch3x3_2 = ConvBnAct(reduced, three, 3, stride, activation)
        self.branch3x3dbl_1 = ConvBnAct(in_channels, reduced, 1, 1, activation)
        self.branch3x3dbl_2 = ConvBnAct(reduced, double, 3, 1, activation)
        self.branch3x3dbl_3 = ConvBnAct(double, double, 3, stride, activation)
        self.pool = nn.AvgPool2d(3, 1, 1, count_include_pad=False) if stride == 1 else nn.MaxPool2d(3, stride, 1)
        self.branch_pool = ConvBnAct(in_channels, pool, 1, 1, activation)
        self.se = nn.Identity() if se is None else se

    def forward(self, x_bchw: torch.Tensor) -> torch.Tensor:
        return self.se(torch.cat(self.branches(x_bchw), 1))

    def branches(self, x_bchw: torch.Tensor) -> list[torch.Tensor]:
        """Return the maps to be concatenated, in order."""
        maps: list[torch.Tensor] = []
        if self.branch1x1 is not None:
            maps.append(self.branch1x1(x_bchw))
        maps.append(
            self.branch3x3_2(self.branch3x3_1(x_bchw)) if self.mixed is None else self.mixed(self.branch3x3_1(x_bchw))
        )
        maps.append(self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x_bchw))))
        maps.append(self.branch_pool(self.pool(x_bchw)))
        return maps
