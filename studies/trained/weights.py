"""Reads trained weights back as a network that predicts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...blocks.errors import InputError, first_line
from ...spaces import Candidate

if TYPE_CHECKING:
    from torch import Tensor, nn


def load_trained(path: Path) -> tuple[nn.Module, dict[str, Any]]:
    """The network whose weights a training wrote to `path`, in eval mode on the CPU, and what was
    written beside the weights: size, epochs, seed, mean, std, preprocessing.

    Raises:
        InputError: the file is missing or unreadable, or its weights do not fit its network.
    """
    from .checkpoint import load

    kept = load(path)
    try:
        candidate = Candidate.from_spec(kept["candidate"])
        needs, holds = int(candidate.cost().params), sum(map(_numbers, kept["weights"].values()))
        if needs > holds:  # before memory is taken for a network that only the file's text makes large
            raise ValueError(f"its network has {needs:,} parameters, but the file holds {holds:,} numbers")
        network = candidate.build()
        network.load_state_dict(kept["weights"])
    except InputError:
        raise
    except Exception as error:  # the file may hold anything in place of what is read here
        reason = first_line(error)
        raise InputError(f"{path} holds no trained network: {reason}") from None
    return network.eval(), kept


def _numbers(tensor: Tensor) -> int:
    """The numbers that a tensor has in memory; its shape may claim more."""
    return min(tensor.numel(), tensor.untyped_storage().nbytes() // tensor.element_size())
