"""Changes the shape of one weight: channels are chosen or repeated, windows cropped or padded.

An input channel that is repeated shares its weights among the copies, so that their sum is what it
was (Net2WiderNet, arXiv:1511.05641, equation 4). All copies of a filter but the first get a little
noise, since equal ones with equal successors would stay equal (ibid., section 2.3). Shape letters:
m outputs, i inputs of a group of the convolution, p inputs of all groups.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

NOISE = 0.01
"""Standard deviation of the noise of a repeated filter, over the root mean square of the filter."""


def about_centre(weight: Tensor, window: tuple[int, ...]) -> Tensor:
    """`weight` with its last dimensions cropped, or padded with zeros, about their centre to
    `window`."""
    padding: list[int] = []
    for have, want in zip(reversed(weight.shape[-len(window) :]), reversed(window), strict=True):
        before = (want - have) // 2  # negative values crop
        padding += [before, want - have - before]
    return F.pad(weight, padding) if any(padding) else weight


def filters(
    source: Tensor,
    source_groups: int,
    current: Tensor,
    groups: int,
    outputs_m: Tensor,
    inputs_p: Tensor,
    *,
    noise: float,
    random: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """The weight of a convolution or a linear layer, made of that of another network.

    Args:
        source, source_groups: the other weight, and the groups of its convolution.
        current, groups: the weight that is replaced, and its groups.
        outputs_m, inputs_p: for each output and each input the one of the source; -1 for none.
        noise: as `NOISE`.
        random: draws the noise.

    Returns:
        The weight, and which of its filters are the source's, as m booleans; the others are those
        of `current`. A connection that the source's groups do not have is zero.
    """
    if current.ndim > 2:
        source = about_centre(source, tuple(current.shape[2:]))
    own, held = current.shape[1], source.shape[1]
    inputs_gi = inputs_p.view(groups, own)
    copies_gi = (inputs_gi[:, :, None] == inputs_gi[:, None, :]).sum(-1)
    group_m = torch.arange(len(outputs_m)) // (len(outputs_m) // groups)
    source_group_m = outputs_m // (source.shape[0] // source_groups)
    local_mi = inputs_gi[group_m] - (source_group_m * held)[:, None]
    known_mi = (local_mi >= 0) & (local_mi < held) & (inputs_gi[group_m] >= 0) & (outputs_m >= 0)[:, None]
    taken = source[outputs_m.clamp(min=0)[:, None], local_mi.clamp(0, held - 1)]
    rest = (1,) * (current.ndim - 2)
    found = taken * (known_mi / copies_gi[group_m]).view(*known_mi.shape, *rest).to(taken.dtype)
    for place in repeats(outputs_m) if noise else ():
        scale = noise * found[place].square().mean().sqrt()
        found[place] += scale * torch.randn(found[place].shape, generator=random) * known_mi[place].view(-1, *rest)
    carried_m = known_mi.any(1)
    return torch.where(carried_m.view(-1, *(1,) * (current.ndim - 1)), found, current), carried_m


def repeats(places_m: Tensor) -> list[int]:
    """The places whose value stands at an earlier place too."""
    seen: set[int] = set()
    found: list[int] = []
    for place, value in enumerate(places_m.tolist()):
        if value in seen:
            found.append(place)
        seen.add(value)
    return found
