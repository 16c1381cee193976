"""Pieces of a recipe for a network that begins from weights: batch normalisation that stays as it
is, and smaller learning rates for layers near the images.

Source of the rates: Howard & Ruder, ULMFiT, ACL 2018, arXiv:1801.06146, section 3.2; Bao et al.,
BEiT, ICLR 2022, arXiv:2106.08254; the groups are timm's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from timm.optim import param_groups_layer_decay, param_groups_weight_decay
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from .recipe import Recipe


def parameter_groups(network: nn.Module, recipe: Recipe) -> list[dict[str, Any]]:
    """The parameters that are trained, in groups with their weight decay and, where rates differ,
    the factor of the learning rate, by which timm's schedulers multiply it."""
    if recipe.layer_decay == 1:
        return param_groups_weight_decay(network, recipe.weight_decay)
    return param_groups_layer_decay(network, recipe.weight_decay, layer_decay=recipe.layer_decay)


def freeze(network: nn.Module, recipe: Recipe) -> None:
    """Keep the scales and shifts of batch normalisation from being trained, if the recipe says
    so."""
    for norm in _frozen(network, recipe):
        norm.requires_grad_(False)


def training_mode(network: nn.Module, recipe: Recipe) -> None:
    """Put a network into training mode; frozen normalisation uses its running statistics and leaves
    them as they are."""
    network.train()
    for norm in _frozen(network, recipe):
        norm.eval()


def _frozen(network: nn.Module, recipe: Recipe) -> Iterator[nn.Module]:
    if recipe.freeze_norm:
        yield from (module for module in network.modules() if isinstance(module, _BatchNorm))
