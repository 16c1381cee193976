"""Puts the units of numbers into the weights of a network that was trained on standardised ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from ...spaces.candidates.candidate import Candidate


def in_units(
    weights: Mapping[str, Tensor], candidate: Candidate, mean: Sequence[float], std: Sequence[float]
) -> dict[str, Tensor]:
    """The weights of a network whose outputs are those of `weights` times `std` plus `mean`.

    Its last layer is linear, so that it gives numbers in their units by itself, in every format.
    """
    import torch

    with torch.device("meta"):  # its name is asked for, not its weights
        last = str(candidate.build().get_classifier(name_only=True))
    scale, shift = (torch.tensor(each, dtype=torch.float64) for each in (std, mean))
    weight, bias = (weights[f"{last}.{name}"] for name in ("weight", "bias"))
    changed = {
        f"{last}.weight": (weight.double() * scale[:, None]).to(weight.dtype),
        f"{last}.bias": (bias.double() * scale + shift).to(bias.dtype),
    }
    return {**weights, **changed}
