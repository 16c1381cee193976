"""Lists the layers of the units that blocks build."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import accumulate, pairwise

from torch import nn

from ...blocks.modules.inception import InceptionUnit
from ...blocks.modules.mobile import InvertedResidual, SeparableConv
from ...blocks.modules.plain import ConvBnAct, PlainConv
from ...blocks.modules.residual import BasicBlock, Bottleneck
from ...blocks.modules.selective import SelectiveBasic, SelectiveBottleneck
from ...blocks.modules.split_attention import SplitAttention
from .attention_layers import gate_layers, selective_layers
from .axes import Axis
from .layers import Layer, UnitLayers, conv, norm, unit_layers


def layers_of(unit: nn.Module) -> UnitLayers:
    """The layers of a unit that a block has built; of another module its kind alone."""
    match unit:
        case BasicBlock() | SelectiveBasic():
            return _basic(unit)
        case Bottleneck() | SelectiveBottleneck():
            return _bottleneck(unit)
        case InvertedResidual():
            return _inverted(unit)
        case SeparableConv():
            return _separable(unit)
        case PlainConv():
            found = () if unit.mixed is not None else _spatial(unit.conv, unit.bn1, "in", "out")
            layers = (*found, *selective_layers(unit.mixed, "in", "out", "spatial"), *gate_layers(unit.se, "out"))
            chain = unit.mixed is None and unit.activation == "relu" and unit.stride == 1
            sizes = {"in": (unit.in_channels,), "out": (unit.channels,)}
            return unit_layers("plain", unit, layers, sizes, chain=chain)
        case ConvBnAct():
            layers = _spatial(unit.conv, unit.bn1, "in", "out")
            return unit_layers("projection", unit, layers, {"in": (unit.in_channels,), "out": (unit.channels,)})
        case InceptionUnit():
            return _inception(unit)
        case _:
            return UnitLayers(kind=f"{type(unit).__module__}.{type(unit).__qualname__}", module=unit)


def _basic(unit: BasicBlock | SelectiveBasic) -> UnitLayers:
    if isinstance(unit, SelectiveBasic):
        first = selective_layers(unit.conv1, "in", "mid", "first")
        second, after, gate = unit.conv2.conv, unit.conv2.bn, ()
    else:
        first = (conv("first", unit.conv1, "mid", "in"), norm("first.norm", unit.bn1, "mid"))
        second, after, gate = unit.conv2, unit.bn2, gate_layers(unit.se, "out")
    layers = (*first, conv("last", second, "out", "mid"), norm("last.norm", after, "out"), *gate)
    return _residual("basic", unit, layers, {})


def _bottleneck(unit: Bottleneck | SelectiveBottleneck) -> UnitLayers:
    if isinstance(unit, SelectiveBottleneck):
        first, third = (unit.conv1.conv, unit.conv1.bn), (unit.conv3.conv, unit.conv3.bn)
        middle, gate = selective_layers(unit.conv2, "mid", "mid", "spatial"), ()
        pieces = next((one.groups for one in unit.conv2.modules() if isinstance(one, nn.Conv2d)), 1)
    else:
        first, third, gate = (unit.conv1, unit.bn1), (unit.conv3, unit.bn3), gate_layers(unit.se, "out")
        middle = tuple(_middle(unit))
        pieces = unit.cardinality * max(unit.radix, 1)
    layers = (
        conv("first", first[0], "mid", "in"),
        norm("first.norm", first[1], "mid"),
        *middle,
        conv("last", third[0], "out", "mid"),
        norm("last.norm", third[1], "out"),
        *gate,
    )
    return _residual("bottleneck", unit, layers, {"mid": (unit.width // pieces,) * pieces})


def _middle(unit: Bottleneck) -> Iterator[Layer]:
    """The middle convolution of a bottleneck, plain or split."""
    split = unit.conv2
    if not isinstance(split, SplitAttention):
        assert isinstance(split, nn.Conv2d)
        yield from (conv("spatial", split, "mid", "mid"), norm("spatial.norm", unit.bn2, "mid"))
        return
    axis = Axis.repeated("mid", split.channels, split.radix)
    whole = Axis.whole("mid", split.channels)
    yield Layer(role="spatial", module=split.conv, writes=axis, reads=whole)
    yield norm("spatial.norm", split.bn0, axis)
    yield conv("split.squeeze", split.fc1, "split", "mid")
    yield norm("split.norm", split.bn1, "split")
    logits = Axis.repeated("mid", split.channels, split.radix, groups=split.groups)
    yield Layer(role="split.excite", module=split.fc2, writes=logits, reads=Axis.whole("split", split.reduced))


def _residual(
    kind: str,
    unit: BasicBlock | Bottleneck | SelectiveBasic | SelectiveBottleneck,
    layers: tuple[Layer, ...],
    groups: Mapping[str, tuple[int, ...]],
) -> UnitLayers:
    """A residual unit with its shortcut."""
    if unit.downsample is not None:
        *_, projection, after = unit.downsample.children()
        assert isinstance(projection, nn.Conv2d)
        layers = (*layers, conv("shortcut", projection, "out", "in"), norm("shortcut.norm", after, "out"))
    keeps = unit.downsample is None
    return unit_layers(kind, unit, layers, groups, last="last.norm", gated="last.norm", keeps=keeps)


def _inverted(unit: InvertedResidual) -> UnitLayers:
    spatial = () if unit.mixed is not None else _spatial(unit.conv_dw, unit.bn2, "mid", "mid")
    layers = (
        conv("expand", unit.conv_pw, "mid", "in"),
        norm("expand.norm", unit.bn1, "mid"),
        *spatial,
        *selective_layers(unit.mixed, "mid", "mid", "spatial"),
        *gate_layers(unit.se, "mid"),
        conv("project", unit.conv_pwl, "out", "mid"),
        norm("project.norm", unit.bn3, "out"),
    )
    keeps = unit.stride == 1 and unit.in_channels == unit.channels
    return unit_layers("inverted", unit, layers, {}, last="project.norm", keeps=keeps)


def _separable(unit: SeparableConv) -> UnitLayers:
    spatial = () if unit.mixed is not None else _spatial(unit.conv_dw, unit.bn1, "in", "in")
    layers = (
        *spatial,
        *selective_layers(unit.mixed, "in", "in", "spatial"),
        *gate_layers(unit.se, "in"),
        conv("project", unit.conv_pw, "out", "in"),
        norm("project.norm", unit.bn2, "out"),
    )
    linear = unit.projection == "linear"
    keeps = linear and unit.stride == 1 and unit.in_channels == unit.channels
    chain = not linear and unit.mixed is None and unit.activation == "relu" and unit.stride == 1
    return unit_layers("separable", unit, layers, {}, last="project.norm" if linear else "", keeps=keeps, chain=chain)


def _inception(unit: InceptionUnit) -> UnitLayers:
    one, three, double, pool = unit.widths
    ends = {"one": one if unit.branch1x1 is not None else 0, "three": three, "double": double, "pool": pool}
    pieces = tuple(size for size in ends.values() if size)
    shares = dict(zip(ends, pairwise(accumulate(ends.values(), initial=0)), strict=True))
    steps: list[tuple[str, nn.Module | None, str, str]] = [
        ("one", unit.branch1x1, "in", "out"),
        ("three.reduce", unit.branch3x3_1, "in", "three"),
        ("double.reduce", unit.branch3x3dbl_1, "in", "double"),
        ("double.first", unit.branch3x3dbl_2, "double", "inner"),
        ("double", unit.branch3x3dbl_3, "inner", "out"),
        ("pool", unit.branch_pool, "in", "out"),
    ]
    if unit.mixed is None:
        steps.append(("three", unit.branch3x3_2, "three", "out"))
    layers: list[Layer] = []
    for role, module, reads, writes in steps:
        if isinstance(module, ConvBnAct):
            start, stop = shares[role] if writes == "out" else (0, module.channels)
            axis, whole = Axis.share(writes, start, stop), Axis.whole(reads, module.in_channels)
            layers += [
                Layer(role=role, module=module.conv, writes=axis, reads=whole),
                norm(f"{role}.norm", module.bn1, axis),
            ]
    return unit_layers(
        "inception", unit, (*layers, *gate_layers(unit.se, "out")), {"in": (unit.in_channels,), "out": pieces}
    )


def _spatial(module: nn.Conv2d, after: nn.Module, reads: str, writes: str) -> tuple[Layer, ...]:
    return conv("spatial", module, writes, reads), norm("spatial.norm", after, writes)
