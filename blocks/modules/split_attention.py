"""Split attention: a grouped convolution into `radix` splits, softly selected per channel.

Source: Zhang et al., ResNeSt, 2020, arXiv:2004.08955. Names and order of channels are timm's
(`SplitAttn`). Shape letters: b batch, r radix, g groups (cardinality), c output channels, h height,
w width.
"""

import torch
from torch import nn


class SplitAttention(nn.Module):
    """A grouped convolution into `radix` splits and their weighted sum: bchw -> bchw.

    The weights are a sigmoid with radix 1, and a softmax over the splits otherwise.
    """

    def __init__(self, channels: int, reduced: int, stride: int = 1, groups: int = 1, radix: int = 2) -> None:
        super().__init__()
        self.channels, self.reduced, self.stride, self.groups, self.radix = channels, reduced, stride, groups, radix
        self.conv = nn.Conv2d(channels, channels * radix, 3, stride, 1, groups=groups * radix, bias=False)
        self.bn0 = nn.BatchNorm2d(channels * radix)
        self.act0 = nn.ReLU(inplace=True)
        self.fc1 = nn.Conv2d(channels, reduced, 1, groups=groups)
        self.bn1 = nn.BatchNorm2d(reduced)
        self.act1 = nn.ReLU(inplace=True)
        self.fc2 = nn.Conv2d(reduced, channels * radix, 1, groups=groups)

    def gate(self, x_brchw: torch.Tensor) -> torch.Tensor:
        """Return the weight of every split and channel, shape (b, r, c, 1, 1)."""
        x_bc11 = x_brchw.sum(1).mean((2, 3), keepdim=True)
        x_bc11 = self.act1(self.bn1(self.fc1(x_bc11)))
        logits = self.fc2(x_bc11)
        if self.radix == 1:
            return logits.sigmoid().unsqueeze(1)
        # fc2's channels lie group by group, and split by split within a group
        logits_brgc = logits.view(logits.shape[0], self.groups, self.radix, -1).transpose(1, 2)
        return logits_brgc.softmax(1).reshape(logits.shape[0], self.radix, self.channels, 1, 1)

    def forward(self, x_bchw: torch.Tensor) -> torch.Tensor:
        x = self.act0(self.bn0(self.conv(x_bchw)))
        x_brchw = x.unflatten(1, (self.radix, self.channels))
        return (x_brchw * self.gate(x_brchw)).sum(1)
