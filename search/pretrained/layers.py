"""Describes the layers of a unit: their roles and the channels that they read and write.

Layers of two units correspond if they have the same role. A group of channels is shared by all
layers that read or write it: "in" and "out" are the maps that a unit reads and writes, the others
lie within the unit. Both sides of a grouped convolution are one group of channels, so that a filter
and its inputs stay in one group of the convolution.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import nn

from .axes import Axis


@dataclass(frozen=True, eq=False, kw_only=True)
class Layer:
    """A convolution, a linear layer or a normalisation of a unit."""

    role: str
    """What it does in the unit."""
    module: nn.Module
    """The layer."""
    writes: Axis | None = None
    """The channels of its outputs; None if it has no channels of the unit's."""
    reads: Axis | None = None
    """The channels of its inputs; None also for normalisation."""
    branch: int = 0
    """Which of several parallel layers of the role it is."""


@dataclass(frozen=True, eq=False, kw_only=True)
class UnitLayers:
    """What is known of a unit of a network."""

    kind: str
    """Units of one kind correspond."""
    module: nn.Module
    """The unit."""
    layers: tuple[Layer, ...] = ()
    """Its layers; empty for a unit of another package."""
    groups: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Name → sizes of the pieces into which the channels fall: the groups of a convolution, or the
    branches of a concatenation; channels are matched piece by piece."""
    last: str = ""
    """Role of the normalisation at the end of the residual branch; empty without one."""
    gated: str = ""
    """Role of the normalisation whose scale must make up for a gate that comes or goes; empty if a
    normalisation that follows makes up for it."""
    keeps: bool = False
    """Whether the input is added to the output as it is, so that both are the same channels."""
    chain: bool = False
    """Whether it is a chain of convolutions without a residual, whose identity is known."""

    def layer(self, role: str, branch: int = 0) -> Layer | None:
        """The layer of a role in a branch, or in the first one where that branch has none; None if
        no branch has one."""
        own = [layer for layer in self.layers if layer.role == role]
        return next((layer for layer in own if layer.branch == branch), own[0] if own else None)

    def count(self, name: str) -> int:
        """Channels of a group."""
        return sum(self.groups[name])


def conv(role: str, module: nn.Conv2d, writes: str, reads: str, branch: int = 0) -> Layer:
    """A convolution that reads and writes all channels of two groups."""
    return Layer(
        role=role,
        module=module,
        writes=Axis.whole(writes, module.out_channels),
        reads=Axis.whole(reads, module.in_channels),
        branch=branch,
    )


def norm(role: str, module: nn.Module, writes: str | Axis, branch: int = 0) -> Layer:
    """A normalisation of the channels of a group."""
    assert isinstance(module, nn.BatchNorm2d)
    axis = Axis.whole(writes, module.num_features) if isinstance(writes, str) else writes
    return Layer(role=role, module=module, writes=axis, branch=branch)


def unit_layers(
    kind: str,
    module: nn.Module,
    layers: tuple[Layer, ...],
    groups: Mapping[str, tuple[int, ...]],
    *,
    last: str = "",
    gated: str = "",
    keeps: bool = False,
    chain: bool = False,
) -> UnitLayers:
    """A unit; the groups that are not given are of one piece."""
    axes = [axis for layer in layers for axis in (layer.writes, layer.reads) if axis is not None]
    sizes = {axis.name: (int(axis.channel_n.max()) + 1,) for axis in axes}
    return UnitLayers(
        kind=kind,
        module=module,
        layers=layers,
        groups={**sizes, **groups},
        last=last,
        gated=gated,
        keeps=keeps,
        chain=chain,
    )
