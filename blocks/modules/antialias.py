"""Pools that take over the stride of a convolution, so that it does not alias.

Source: Zhang, Making Convolutional Networks Shift-Invariant Again, ICML 2019, arXiv:1904.11486
("blur"); timm's `resnetaa` networks ("avg").
"""

from torch import nn


def antialias_layer(kind: str) -> nn.Module:
    """Make the pool of stride 2 of this kind: "avg" or "blur".

    "avg" is the mean of 2×2 pixels. "blur" is the 3×3 binomial filter with reflected borders, which
    is the mean of 2×2 pixels twice; timm's `BlurPool2d` computes the same as a convolution. Height
    and width are halved and rounded up.
    """
    if kind == "avg":
        return nn.AvgPool2d(2, 2, ceil_mode=True, count_include_pad=False)
    return nn.Sequential(nn.ReflectionPad2d(1), nn.AvgPool2d(2, 1), nn.AvgPool2d(2))
