"""Activations by timm's names."""

from timm.layers import create_act_layer
from torch import nn


def activation_layer(name: str) -> nn.Module:
    """The activation called `name` ("silu", "relu", "hard_swish", ...), in place."""
    try:
        layer = create_act_layer(name, inplace=True)
    except KeyError:
        layer = None
    if layer is None:
        raise ValueError(f"an activation must be one of timm's, but got {name!r}")
    return layer
