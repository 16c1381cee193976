"""Lists the layers of a whole network, with the maps that its units read and write.

A map that a residual unit adds its output to is the same map before and after the unit: all units
that write it must agree on its channels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from torch import nn

from ...blocks.modules.network import Network
from .layers import Layer, UnitLayers, conv, norm, unit_layers
from .units import layers_of

CONVOLUTIONS = ("conv_stem", "conv1")
"""Names of the first convolution in the stems of automl."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Placed:
    """A unit in its network."""

    unit: UnitLayers
    """Its layers."""
    reads: int
    """Number of the map that it reads."""
    writes: int
    """Number of the map that it writes."""


@dataclass(frozen=True, eq=False, kw_only=True)
class NetworkLayers:
    """The layers of a network. Map 0 is the image."""

    network: Network
    """The network."""
    stem: Placed
    """The modules before the stages."""
    stages: list[list[Placed]]
    """The units of each stage."""
    head: Placed
    """The modules after the stages; it writes the features."""
    pieces: dict[int, tuple[int, ...]] = field(default_factory=dict)
    """Number of a map → sizes of the pieces into which its channels fall."""

    @property
    def placed(self) -> Iterator[Placed]:
        """Stem, units and head in order."""
        yield self.stem
        for stage in self.stages:
            yield from stage
        yield self.head

    def writers(self, number: int) -> list[Layer]:
        """The layers that write a map."""
        return [layer for each in self.placed if each.writes == number for layer in each.unit.layers]

    @classmethod
    def of(cls, network: Network) -> NetworkLayers:
        """The layers of a network."""
        pieces: dict[int, tuple[int, ...]] = {0: (network.in_chans,)}

        def placed(unit: UnitLayers, reads: int) -> Placed:
            writes = reads if unit.keeps else len(pieces)
            pieces.setdefault(writes, unit.groups.get("out", ()))
            return Placed(unit=unit, reads=reads, writes=writes)

        last = stem = placed(_stem(network), 0)
        stages: list[list[Placed]] = []
        for members in _stages(network):
            stages.append([])
            for member in members:
                last = placed(layers_of(member), last.writes)
                stages[-1].append(last)
        head = placed(_head(network), last.writes)
        return cls(network=network, stem=stem, stages=stages, head=head, pieces=pieces)


def _stages(network: Network) -> list[list[nn.Module]]:
    if network.stages == ("blocks",):
        return [list(stage.children()) for stage in network.get_submodule("blocks").children()]
    return [list(network.get_submodule(name).children()) for name in network.stages]


def _stem(network: Network) -> UnitLayers:
    """The stem: one convolution, or three. Stems of other packages have a kind of their own."""
    name = next((name for name in CONVOLUTIONS if name in network.trunk_names), None)
    first = None if name is None else network.get_submodule(name)
    if isinstance(first, nn.Conv2d):
        after = network.get_submodule("bn1")
        return unit_layers("stem", network, (conv("conv", first, "out", "in"), norm("norm", after, "out")), {})
    if isinstance(first, nn.Sequential) and len(first) == 7:
        one, one_norm, _, two, two_norm, _, three = first
        assert isinstance(one, nn.Conv2d)
        assert isinstance(two, nn.Conv2d)
        assert isinstance(three, nn.Conv2d)
        layers = (
            conv("one", one, "one", "in"),
            norm("one.norm", one_norm, "one"),
            conv("two", two, "two", "one"),
            norm("two.norm", two_norm, "two"),
            conv("conv", three, "out", "two"),
            norm("norm", network.get_submodule("bn1"), "out"),
        )
        return unit_layers("deep stem", network, layers, {})
    return UnitLayers(kind="unknown stem", module=network)


def _head(network: Network) -> UnitLayers:
    """The convolution after the stages, before the pool or after it; without one the features are
    the last map."""
    if "conv_head" not in (*network.trunk_names, *network.neck_names):
        return UnitLayers(kind="no head", module=network, keeps=True)
    head = network.get_submodule("conv_head")
    assert isinstance(head, nn.Conv2d)
    layers = (conv("conv", head, "out", "in"),)
    if "bn2" in network.trunk_names:
        layers = (*layers, norm("norm", network.get_submodule("bn2"), "out"))
    return unit_layers("head", network, layers, {})
