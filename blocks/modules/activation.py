"""Makes activations by their names in timm."""

from timm.layers import create_act_layer
from torch import nn


def activation_layer(name: str) -> nn.Module:
    """Make the activation called `name` ("silu", "relu", "hard_swish", …); it works in place.

    Raises:
        ValueError: timm has no activation of that name.
    """
    try:
        layer = create_act_layer(name, inplace=True)
    except KeyError:
        layer = None
    if layer is None:
        raise ValueError(f"an activation must be one of timm's, but got {name!r}")
    return layer
