"""Carries the weights of a source network over to another network, layer by layer.

Shape letters: n channels.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from timm.models import adapt_input_conv
from torch import Tensor, nn

from ...blocks.modules.network import Network
from ..training.randomness import generator
from .alignment import Pair, pairs
from .axes import Axis
from .channels import chosen, importance
from .layers import Layer
from .network_layers import NetworkLayers, Placed
from .new_parts import identity, neutral, zero
from .resizing import NOISE, filters

STATISTICS = ("weight", "bias", "running_mean", "running_var")
"""What a normalisation has of each channel."""


@dataclass(kw_only=True)
class Carried:
    """What a network has of a source network."""

    params: int
    """Parameters of the network."""
    carried: int = 0
    """Parameters whose values come from the source."""
    undone: list[nn.BatchNorm2d] = field(default_factory=list)
    """Normalisations of new identities, which are to give back what they read (`new_parts`)."""

    @property
    def fraction(self) -> float:
        """Share of the parameters that come from the source, from 0 to 1."""
        return self.carried / self.params


@torch.no_grad()
def carry(network: Network, source: Network, *, seed: int, noise: float = NOISE, equal: bool = True) -> Carried:
    """Give `network`, which is changed in place, the weights of `source` as far as it has
    counterparts; all other weights stay.

    The classifier is carried if both have the same number of classes. Where no unit has a
    counterpart, because the two are of different families, the stem alone is carried.

    Args:
        network: a network with its initial weights, on the CPU.
        source: the trained network, on the CPU; it may lack a classifier (`num_classes` 0). If its
            images have another number of channels, its first convolution is adapted in place.
        seed: the noise of repeated filters follows from it.
        noise: as in `resizing`; 0 for none.
        equal: whether the weights of a network of equal shapes are loaded as they are.
    """
    result = Carried(params=sum(value.numel() for value in network.parameters()))
    _adapt_images(source, network.in_chans)
    if equal and _load_equal(network, source, result):
        return result
    _Carrying(NetworkLayers.of(network), NetworkLayers.of(source), result, seed, noise).run()
    return result


def _load_equal(network: Network, source: Network, result: Carried) -> bool:
    """Load weights that fit as they are; the classifier stays if it has other classes."""
    name = f"{network.classifier_name}."
    theirs, own = source.state_dict(), network.state_dict()
    fitting = {key: value for key, value in theirs.items() if key in own and own[key].shape == value.shape}
    if any(key not in fitting for key in {*own, *theirs} if not key.startswith((name, f"{source.classifier_name}."))):
        return False
    network.load_state_dict(fitting, strict=False)
    result.carried = sum(value.numel() for key, value in network.named_parameters() if key in fitting)
    return True


def _adapt_images(source: Network, channels: int) -> None:
    """Make the first convolution of the source read images of another number of channels, as timm
    does: from three colours by their sum, else by repeating the mean."""
    first = source.get_submodule(str(source.pretrained_cfg["first_conv"]))
    if isinstance(first, nn.Conv2d) and first.in_channels != channels:
        weight = first.weight.detach()
        if first.in_channels == 3:
            adapted = adapt_input_conv(channels, weight)
        else:
            adapted = weight.sum(1, keepdim=True).repeat(1, channels, 1, 1) / channels
        first.weight, first.in_channels = nn.Parameter(adapted), channels
        source.in_chans = channels


class _Carrying:
    def __init__(self, own: NetworkLayers, source: NetworkLayers, result: Carried, seed: int, noise: float) -> None:
        self._own, self._source, self._result = own, source, result
        self._random, self._noise = generator(seed, "pretrained"), noise
        self._maps: dict[tuple[int, int], Tensor | None] = {}

    def run(self) -> None:
        own, source = self._own, self._source
        found = pairs(own, source)
        if own.stem.unit.kind == source.stem.unit.kind:
            self._unit(own.stem, source.stem)
        if all(pair.source is None for pair in found):
            return  # another family: without its stages a head would read what it does not know
        for pair in found:
            self._pair(pair)
        last = any(pair.source is not None and pair.own.writes == own.head.reads for pair in found)
        if last and own.head.unit.kind == source.head.unit.kind:
            self._unit(own.head, source.head)
            self._classifier()

    def _pair(self, pair: Pair) -> None:
        own, source = pair.own, pair.source
        if source is not None and pair.extra and own.unit.chain:
            self._identity(own, source)
            return
        if source is not None:
            self._unit(own, source)
        if (source is None or pair.extra) and own.unit.keeps and own.unit.last:
            zero(own.unit.layer(own.unit.last))

    def _unit(self, own: Placed, source: Placed) -> None:
        unit, theirs = own.unit, source.unit
        maps = self._outer(own.reads, source.reads, own.writes, source.writes)
        for name in unit.groups:
            if name not in ("in", "out") and name in theirs.groups:
                matter_n = importance(theirs.layers, name, theirs.count(name))
                maps[name] = chosen(matter_n, theirs.groups[name], unit.groups[name])
        for layer in unit.layers:
            counterpart = theirs.layer(layer.role, layer.branch)
            if counterpart is not None:
                self._layer(layer, counterpart, maps)
        neutral(unit, theirs)
        shortcut = unit.layer("shortcut")
        if shortcut is not None and theirs.keeps and {"in", "out"} <= maps.keys():
            identity(shortcut, maps)
            self._undone(unit.layer("shortcut.norm"))

    def _identity(self, own: Placed, source: Placed) -> None:
        """Make a unit without a residual pass on the map that the unit before it has written."""
        maps = self._outer(own.reads, source.writes, own.writes, source.writes)
        if not {"in", "out"} <= maps.keys():
            return
        for layer in own.unit.layers:
            if layer.role.endswith(".norm"):
                self._undone(layer)
            elif layer.role in ("spatial", "project"):
                identity(layer, maps)
        neutral(own.unit, type(own.unit)(kind=own.unit.kind, module=own.unit.module))

    def _undone(self, layer: Layer | None) -> None:
        if layer is not None and isinstance(layer.module, nn.BatchNorm2d):
            self._result.undone.append(layer.module)

    def _outer(self, reads: int, source_reads: int, writes: int, source_writes: int) -> dict[str, Tensor]:
        """The channels of the maps that a unit reads and writes, as far as they are known."""
        maps = {"in": self._map(reads, source_reads), "out": self._map(writes, source_writes)}
        return {name: found for name, found in maps.items() if found is not None}

    def _map(self, own: int, source: int) -> Tensor | None:
        """For each channel of a map the channel of the source's, the same in each call. None if one
        of them is written by a unit of another package."""
        if (own, source) not in self._maps:
            have, want = self._source.pieces[source], self._own.pieces[own]
            if source == 0 or not (have and want):
                found = torch.arange(sum(want)) if have == want and have else None
            else:
                found = chosen(importance(self._source.writers(source), "out", sum(have)), have, want)
            self._maps[own, source] = found
        return self._maps[own, source]

    def _layer(self, own: Layer, source: Layer, maps: dict[str, Tensor]) -> None:
        if isinstance(own.module, nn.BatchNorm2d):
            self._norm(own, source, maps)
            return
        weight, theirs = own.module.weight, source.module.weight
        assert isinstance(weight, Tensor)
        assert isinstance(theirs, Tensor)
        groups = int(getattr(own.module, "groups", 1)), int(getattr(source.module, "groups", 1))
        outputs_n = _places(own.writes, source.writes, maps, len(weight))
        inputs_n = _places(own.reads, source.reads, maps, weight.shape[1] * groups[0])
        if outputs_n is None or inputs_n is None:
            return
        found, carried_n = filters(
            theirs, groups[1], weight, groups[0], outputs_n, inputs_n, noise=self._noise, random=self._random
        )
        weight.copy_(found)
        self._result.carried += int(carried_n.sum()) * weight[0].numel()
        bias, other = getattr(own.module, "bias", None), getattr(source.module, "bias", None)
        if bias is not None and other is not None:
            bias[carried_n] = other[outputs_n[carried_n]]
            self._result.carried += int(carried_n.sum())

    def _norm(self, own: Layer, source: Layer, maps: dict[str, Tensor]) -> None:
        places_n = _places(own.writes, source.writes, maps, len(own.module.state_dict()["weight"]))
        if places_n is None:
            return
        known_n = places_n >= 0
        for name in STATISTICS:
            getattr(own.module, name)[known_n] = getattr(source.module, name)[places_n[known_n]]
        self._result.carried += 2 * int(known_n.sum())

    def _classifier(self) -> None:
        own, source = self._own.network.get_classifier(), self._source.network.get_classifier()
        features_n = self._map(self._own.head.writes, self._source.head.writes)
        if (
            isinstance(own, nn.Linear)
            and isinstance(source, nn.Linear)
            and own.out_features == source.out_features
            and features_n is not None
        ):
            mine, theirs = (
                Layer(role="classifier", module=linear, reads=Axis.whole("out", linear.in_features))
                for linear in (own, source)
            )
            self._layer(mine, theirs, {"out": features_n})


def _places(own: Axis | None, source: Axis | None, maps: dict[str, Tensor], count: int) -> Tensor | None:
    """The places of an axis in the source's; all in order where neither has channels of the unit's.
    None if they are channels of different groups, or of a group that is not known."""
    if own is None or source is None:
        return torch.arange(count) if own is source else None
    if own.name != source.name or own.name not in maps:
        return None
    return own.places(source, maps[own.name])
