"""Reads trained weights back as a network that predicts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..blocks.errors import InputError
from ..spaces import Candidate

if TYPE_CHECKING:
    from torch import nn


def load_trained(path: Path) -> tuple[nn.Module, dict[str, Any]]:
    """The network whose weights a training wrote to `path`, in eval mode on the CPU, and what was
    written beside the weights: size, epochs, seed, mean, std, preprocessing.

    Raises:
        InputError: the file is missing or unreadable, or its weights do not fit its network.
    """
    from .checkpoint import load

    kept = load(path)
    try:
        network = Candidate.from_spec(kept["candidate"]).build()
        network.load_state_dict(kept["weights"])
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        if isinstance(error, InputError):
            raise
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path} holds no trained network: {reason}") from None
    return network.eval(), kept
