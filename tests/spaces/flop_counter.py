"""PyTorch's counter of operations, without what makes it slow on the meta device."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import torch
from automl.blocks.modules.network import Network
from automl.spaces import Candidate
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry


class FlopCounter(TorchDispatchMode):
    """Counts with the formulas of PyTorch's `FlopCounterMode`.

    That one takes every operation without a formula apart, in Python: most of its time is
    normalisation. Here such an operation runs as it is, and a normalisation on the meta device,
    whose kernel is such Python too, is no more than its output's shape.
    """

    def __init__(self) -> None:
        super().__init__()
        self._total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if "batch_norm" in func.__name__ and args[0].is_meta and not torch.is_grad_enabled():
            return torch.empty_like(args[0]), args[0].new_empty(0), args[0].new_empty(0)
        out = func(*args, **kwargs)
        if (formula := flop_registry.get(func._overloadpacket)) is not None:
            self._total += formula(*args, **kwargs, out_val=out)
        return out

    def get_total_flops(self) -> int:
        """Twice the multiply-adds."""
        return self._total


def counted(candidate: Candidate) -> float:
    """Multiply-adds of the module that `candidate` builds."""
    with torch.device("meta"), patch.object(Network, "init_weights", lambda self: None):
        network = candidate.build().eval()
    with torch.no_grad(), FlopCounter() as counter:
        network(torch.empty(1, *candidate.image, device="meta"))
    return counter.get_total_flops() / 2
