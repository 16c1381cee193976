"""Activations by timm's names."""

from timm.layers import create_act_layer
from torch import nn


def activation_layer(name: str) -> nn.Module:
    """The activation called `name` ("silu", "relu", "hard_swish", ...), in place."""
    layer = create_act_layer(name, inplace=True)
    if layer is None:
        raise ValueError(f"an activation must be one of timm's, but got {name!r}")
    return layer
