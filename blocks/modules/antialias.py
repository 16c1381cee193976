"""Pools that take over the stride of a convolution, so that it does not alias.

Source: Zhang, Making Convolutional Networks Shift-Invariant Again, ICML 2019, arXiv:1904.11486
("blur"); timm's `resnetaa` networks ("avg").
"""

from torch import Tensor, nn
from torch.nn import functional as F


class BlurPool(nn.Module):
    """The 3×3 binomial filter of stride 2: the mean of 2×2 pixels, twice.

    Borders are reflected, as in timm's `BlurPool2d`, which computes the same as a convolution. On a
    map of one pixel a side, where nothing can be reflected, they are repeated: images of the first
    epochs of a training are smaller than those that a network is made for.
    """

    def forward(self, x: Tensor) -> Tensor:
        borders = "reflect" if min(x.shape[-2:]) > 1 else "replicate"
        return F.avg_pool2d(F.avg_pool2d(F.pad(x, (1, 1, 1, 1), borders), 2, 1), 2)


def antialias_layer(kind: str) -> nn.Module:
    """Make the pool of stride 2 of this kind: "avg" or "blur".

    "avg" is the mean of 2×2 pixels, "blur" is `BlurPool`. Height and width are halved and rounded
    up.
    """
    if kind == "avg":
        return nn.AvgPool2d(2, 2, ceil_mode=True, count_include_pad=False)
    return BlurPool()
