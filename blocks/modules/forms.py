"""The three equivalent forms of ResNeXt's unit, and the map of one form's weights to another's.

Source: Xie et al., ResNeXt, CVPR 2017, arXiv:1611.05431, Figure 3: (a) separate paths whose outputs
are summed, (b) paths concatenated after their second layer, (c) one grouped convolution
(`Bottleneck` of `residual`). Normalisation stands where all three compute the same function,
gradients and running statistics included, in training and in evaluation: after the first two layers
of each path, and, as the paper's footnote on (a) says, once after the sum, not on each path's
output before it. It acts on every channel by itself, so a path's is the slice of (c)'s that its
channels are. Shape letters: b batch, c channels, h height, w width, d channels of one path.
"""

from collections.abc import Mapping

import torch
from timm.layers import DropPath
from torch import nn

from .residual import shortcut

SLICED = ("conv1.", "bn1.", "conv2.", "bn2.")
"""What each path holds its own rows of; of `conv3` it holds columns."""


class Path(nn.Module):
    """1×1, 3×3 (it holds the stride), and in form (a) 1×1 to `channels` (0: none): bchw -> bdhw, or
    bchw."""

    def __init__(self, in_channels: int, width: int, channels: int = 0, stride: int = 1) -> None:
        super().__init__()
        self.in_channels, self.width, self.channels, self.stride = in_channels, width, channels, stride
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.act1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.act2 = nn.ReLU(inplace=True)
        self.conv3 = nn.Conv2d(width, channels, 1, bias=False) if channels else nn.Identity()

    def forward(self, x_bchw: torch.Tensor) -> torch.Tensor:
        y = self.act1(self.bn1(self.conv1(x_bchw)))
        return self.conv3(self.act2(self.bn2(self.conv2(y))))


class PathBottleneck(nn.Module):
    """`cardinality` paths of width / cardinality channels: summed (form a), or `concatenated`
    before the last 1×1 (form b); attention before the sum."""

    def __init__(
        self,
        in_channels: int,
        width: int,
        channels: int,
        stride: int = 1,
        cardinality: int = 1,
        concatenated: bool = False,
        downsample_kind: str = "conv",
        se: nn.Module | None = None,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        self.in_channels, self.width, self.channels, self.stride = in_channels, width, channels, stride
        self.cardinality, self.concatenated, self.downsample_kind = cardinality, concatenated, downsample_kind
        own = 0 if concatenated else channels
        self.paths = nn.ModuleList([Path(in_channels, width // cardinality, own, stride) for _ in range(cardinality)])
        self.conv3 = nn.Conv2d(width, channels, 1, bias=False) if concatenated else None
        self.bn3 = nn.BatchNorm2d(channels)
        self.se = nn.Identity() if se is None else se
        self.downsample = shortcut(in_channels, channels, stride, downsample_kind)
        self.act3 = nn.ReLU(inplace=True)
        self.drop_path = DropPath(drop_path)

    def forward(self, x_bchw: torch.Tensor) -> torch.Tensor:
        outputs = [path(x_bchw) for path in self.paths]
        y = sum(outputs[1:], outputs[0]) if self.conv3 is None else self.conv3(torch.cat(outputs, 1))
        y = self.drop_path(self.se(self.bn3(y)))
        return self.act3(y + (x_bchw if self.downsample is None else self.downsample(x_bchw)))

    def zero_init_last(self) -> None:
        """Start as the identity: the residual branch's last scale is zero."""
        nn.init.zeros_(self.bn3.weight)


def to_paths(
    state: Mapping[str, torch.Tensor], cardinality: int, *, concatenated: bool = False
) -> dict[str, torch.Tensor]:
    """The weights (or gradients) of a grouped unit, by name, as those of `PathBottleneck`; what all
    paths share keeps its name."""
    found: dict[str, torch.Tensor] = {}
    for name, value in state.items():
        columns = name.startswith("conv3.") and not concatenated
        if not (columns or name.startswith(SLICED)):
            found[name] = value
            continue
        pieces = (
            value.chunk(cardinality, int(columns)) if value.ndim else [value] * cardinality
        )  # the count of batches has no channels
        found |= {f"paths.{index}.{name}": piece for index, piece in enumerate(pieces)}
    return found


def to_grouped(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The weights (or gradients) of a `PathBottleneck`, by name, as those of the grouped unit: the
    inverse of `to_paths`."""
    found: dict[str, torch.Tensor] = {}
    pieces: dict[str, list[torch.Tensor]] = {}
    for name, value in state.items():
        if name.startswith("paths."):
            pieces.setdefault(name.split(".", 2)[2], []).append(value)
        else:
            found[name] = value
    for name, values in pieces.items():
        found[name] = torch.cat(values, int(name.startswith("conv3."))) if values[0].ndim else values[0]
    return found
