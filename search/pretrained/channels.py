"""Chooses which channels of a source network the channels of another one come from.

Where a group has fewer channels, those with the largest filters are kept, in their order (L1 norm:
Li et al., arXiv:1608.08710, section 3.1; Once-for-All sorts channels so, arXiv:1908.09791, section
3.3 "elastic width"). Where it has more, channels are repeated (Net2WiderNet, arXiv:1511.05641,
equation 3), the most important ones first in place of random ones. Shape letters: n channels of the
source, m of the other network.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import gcd

import torch
from torch import Tensor

from .attention_layers import GATES, SELECTIONS
from .layers import Layer


def chosen(importance_n: Tensor, source: Sequence[int], wanted: Sequence[int]) -> Tensor:
    """For each wanted channel the channel of the source that it comes from: m.

    Args:
        importance_n: how much each channel of the source matters.
        source, wanted: sizes of the pieces into which the channels fall; each piece is chosen from
            its counterpart. Where one network has more pieces, neighbouring ones count as one.
    """
    found: list[Tensor] = []
    start = 0
    for have, want in _pairs(source, wanted):
        order = importance_n[start : start + have].argsort(descending=True, stable=True)
        if want <= have:
            piece = order[:want].sort().values
        else:
            piece = torch.cat([torch.arange(have), order[torch.arange(want - have) % have]])
        found.append(start + piece)
        start += have
    return torch.cat(found)


def importance(layers: Iterable[Layer], name: str, count: int) -> Tensor:
    """The importance of the `count` channels of a group: the L1 norms of all filters that write a
    channel, added up; gates only scale it."""
    total_n = torch.zeros(count, dtype=torch.float64)
    for layer in layers:
        weight = getattr(layer.module, "weight", None)
        makes = layer.reads is not None and layer.role not in (*GATES, *SELECTIONS)
        if makes and layer.writes is not None and layer.writes.name == name and weight is not None:
            norms = weight.detach().to(torch.float64).abs().flatten(1).sum(1)
            total_n.index_add_(0, layer.writes.channel_n, norms)
    return total_n


def _pairs(source: Sequence[int], wanted: Sequence[int]) -> list[tuple[int, int]]:
    pieces = gcd(len(source), len(wanted))
    return list(zip(_joined(source, pieces), _joined(wanted, pieces), strict=True))


def _joined(sizes: Sequence[int], pieces: int) -> list[int]:
    """The sizes with neighbouring pieces joined, so that there are `pieces` of them."""
    together = len(sizes) // pieces
    return [sum(sizes[start : start + together]) for start in range(0, len(sizes), together)]
