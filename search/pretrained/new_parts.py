"""Gives parts that the source network lacks a start at which they change nothing.

A new gate is 1/2 everywhere, and the normalisation before it is doubled; a new selection weighs all
branches alike; a new residual unit adds zero (Goyal et al., arXiv:1706.02677, section 5.1; here in
place of the identity convolutions of Net2DeeperNet). A new projection or a new unit without a
residual is the identity (Net2DeeperNet, arXiv:1511.05641, section 2.3), and its normalisation is
undone by the statistics of the images. Shape letters: m outputs, i inputs of a group.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from .attention_layers import GATES, SELECTIONS
from .layers import Layer, UnitLayers


def neutral(unit: UnitLayers, source: UnitLayers) -> None:
    """Set the gates and selections of `unit` that `source` lacks to their neutral point, and make
    up for gates that come or go."""
    have, had = _gates(unit), _gates(source)
    for layer in unit.layers:
        if layer.role in (*GATES, *SELECTIONS) and source.layer(layer.role) is None:
            zero(layer)
    before = unit.layer(unit.gated) if unit.gated else None
    if before is not None and have != had:
        for value in (before.module.weight, before.module.bias):
            assert isinstance(value, Tensor)
            value.mul_(2.0 ** (have - had))


def zero(layer: Layer | None) -> None:
    """Set weight and bias of a layer to zero; a layer that is None is passed over."""
    for value in () if layer is None else layer.module.parameters():
        value.zero_()


def identity(layer: Layer, maps: Mapping[str, Tensor]) -> None:
    """Make a convolution of stride 1 pass on its inputs: each output is the input that comes from
    the same channel of the source, or the mean of its copies.

    Args:
        layer: a convolution with an odd window.
        maps: group → for each channel the one of the source.
    """
    conv = layer.module
    assert isinstance(conv, nn.Conv2d)
    assert layer.writes is not None
    assert layer.reads is not None
    outputs_m = maps[layer.writes.name][layer.writes.channel_n]
    inputs_gi = maps[layer.reads.name][layer.reads.channel_n].view(conv.groups, -1)
    inputs_mi = inputs_gi.repeat_interleave(len(outputs_m) // conv.groups, 0)
    same_mi = inputs_mi == outputs_m[:, None]
    conv.weight.zero_()
    centre = conv.kernel_size[0] // 2
    conv.weight[:, :, centre, centre] = same_mi / same_mi.sum(1, keepdim=True).clamp(min=1)


def undo(network: nn.Module, norms: Iterable[nn.BatchNorm2d], x_bchw: Tensor) -> None:
    """Set scale and shift of normalisations so that they give back what they read, by the
    statistics of the images `x_bchw`; running statistics change."""

    def restore(norm: nn.BatchNorm2d, read: tuple[Tensor]) -> None:
        variance_c, mean_c = torch.var_mean(read[0].float(), (0, 2, 3), correction=0)
        norm.weight.copy_((variance_c + norm.eps).sqrt())
        norm.bias.copy_(mean_c)

    hooks = [norm.register_forward_pre_hook(restore) for norm in norms]
    if hooks:
        training = network.training
        network.train()(x_bchw)  # in order, so that each sees what those before it give back
        network.train(training)
    for hook in hooks:
        hook.remove()


def _gates(unit: UnitLayers) -> int:
    """The number of gates of a unit."""
    return sum(unit.layer(role) is not None for role in GATES)
