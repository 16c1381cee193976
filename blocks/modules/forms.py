"""The three equivalent forms of ResNeXt's unit, and the conversion of their weights.

Source: Xie et al., ResNeXt, CVPR 2017, arXiv:1611.05431, Figure 3: (a) separate paths whose outputs
are summed, (b) paths concatenated after their second layer, (c) one grouped convolution
(`Bottleneck` of `residual`). All three compute the same function, including gradients and running
statistics, in training and in evaluation. For this, normalisation follows the first two layers of
each path, and is applied once after the sum, as the paper's footnote on (a) says, not to the output
of each path. Normalisation acts on each channel separately, so that of a path is a slice of (c)'s.
Shape letters: b batch, c channels, h height, w width, d channels of one path.
"""

from collections.abc import Mapping

import torch
from timm.layers import DropPath
from torch import nn

from .residual import shortcut

SLICED = ("conv1.", "bn1.", "conv2.", "bn2.")
"""Layers whose weights are split among the paths by rows; those of `conv3` are split by columns."""


class Path(nn.Module):
    """One path: a 1×1 convolution, a 3×3 one with the stride, and in form (a) a last 1×1 one.

    `channels` are the outputs of the last convolution; 0 leaves it out: bchw -> bchw, or bdhw.
    """

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
    """A bottleneck of `cardinality` separate paths, each with width / cardinality channels.

    The paths are summed (form a), or concatenated before the last 1×1 convolution (form b). The
    attention `se` stands before the sum with the shortcut.
    """

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
    """Convert the weights (or gradients) of a grouped unit to those of a `PathBottleneck`.

    Weights that all paths share keep their names.
    """
    found: dict[str, torch.Tensor] = {}
    for name, value in state.items():
        columns = name.startswith("conv3.") and not concatenated
        if not (columns or name.startswith(SLICED)):
            found[name] = value
            continue
        # `num_batches_tracked` is a scalar, which every path takes over
        pieces = value.chunk(cardinality, int(columns)) if value.ndim else [value] * cardinality
        found |= {f"paths.{index}.{name}": piece for index, piece in enumerate(pieces)}
    return found


def to_grouped(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Convert the weights (or gradients) of a `PathBottleneck` to those of the grouped unit.

    It is the inverse of `to_paths`.
    """
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
