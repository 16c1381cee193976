"""Lists the layers of gates, and of selective kernels in the place of a convolution."""

from __future__ import annotations

from torch import nn

from ...blocks.modules.attention import (
    BlockAttention,
    ChannelAttention,
    EfficientChannelAttention,
    SpatialAttention,
    SqueezeExcite,
)
from ...blocks.modules.selective import ConvNormAct, SelectiveKernel
from .axes import Axis
from .layers import Layer, conv, norm

GATES = ("se.excite", "eca", "channel.excite", "window.norm")
"""Roles of the last layers of gates: at zero the gate is sigmoid(0) = 1/2 everywhere."""
SELECTIONS = ("sk.select", "split.excite")
"""Roles of the last layers of selections among branches: at zero all branches weigh the same."""


def selective_layers(module: nn.Module | None, reads: str, writes: str, role: str) -> tuple[Layer, ...]:
    """The layers of a selective kernel in the place of a convolution; none of another module."""
    if not isinstance(module, SelectiveKernel):
        return ()
    layers: list[Layer] = []
    for branch, path in enumerate(module.paths):
        assert isinstance(path, ConvNormAct)
        start = branch * module.seen if module.split else 0
        axis = Axis.share(reads, start, start + module.seen)
        whole = Axis.whole(writes, module.channels)
        layers += [
            Layer(role=role, module=path.conv, writes=whole, reads=axis, branch=branch),
            norm(f"{role}.norm", path.bn, writes, branch),
        ]
    attention = module.attn
    selects = Axis.repeated(writes, attention.channels, attention.branches)
    return (
        *layers,
        conv("sk.reduce", attention.fc_reduce, "sk", writes),
        norm("sk.norm", attention.bn, "sk"),
        Layer(role="sk.select", module=attention.fc_select, writes=selects, reads=Axis.whole("sk", attention.reduced)),
    )


def gate_layers(gate: nn.Module, on: str) -> tuple[Layer, ...]:
    """The layers of a gate on a group of channels; none of a gate of another package."""
    match gate:
        case SqueezeExcite():
            squeeze, excite = gate.get_submodule(gate.squeeze), gate.get_submodule(gate.excite)
            assert isinstance(squeeze, nn.Conv2d)
            assert isinstance(excite, nn.Conv2d)
            return conv("se.squeeze", squeeze, "se", on), conv("se.excite", excite, on, "se")
        case EfficientChannelAttention():
            return (Layer(role="eca", module=gate.conv),)
        case ChannelAttention():
            return conv("channel.squeeze", gate.fc1, "channel", on), conv("channel.excite", gate.fc2, on, "channel")
        case SpatialAttention():
            return Layer(role="window", module=gate.conv.conv), Layer(role="window.norm", module=gate.conv.bn)
        case BlockAttention():
            return *gate_layers(gate.channel, on), *gate_layers(gate.spatial, on)
        case _:
            return ()
