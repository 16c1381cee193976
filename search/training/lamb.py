"""LAMB as in timm, but with its step counter on the device, so that a CUDA graph can hold a step.

Source: You et al., Large Batch Optimization for Deep Learning, ICLR 2020, arXiv:1904.00962. timm's
own class reads the counter on the host to correct the bias of its averages; a graph would repeat
the correction of the step in which it was captured.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from timm.optim.lamb import Lamb, lamb
from torch import Tensor


class DeviceLamb(Lamb):
    """timm's LAMB with everything that changes from step to step in tensors on the device."""

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Update all parameters that have a gradient; return the closure's loss, if given."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        norm = self._get_clip_grad_norm()
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            if weights:
                self._move(group, weights, norm)
        return loss

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load a state, of which timm puts the counter on the CPU."""
        super().load_state_dict(state_dict)
        for group in self.param_groups:
            if "step" in group:
                group["step"] = group["step"].to(group["params"][0].device)

    def _move(self, group: dict[str, Any], weights: list[Tensor], norm: Tensor | None) -> None:
        for weight in weights:
            if not self.state[weight]:
                self.state[weight].update(exp_avg=torch.zeros_like(weight), exp_avg_sq=torch.zeros_like(weight))
        step = group.setdefault("step", torch.zeros((), device=weights[0].device)).add_(1)
        first, second = group["betas"]
        lamb(
            weights,
            [weight.grad for weight in weights if weight.grad is not None],
            [self.state[weight]["exp_avg"] for weight in weights],
            [self.state[weight]["exp_avg_sq"] for weight in weights],
            clip_grad_norm=norm,
            foreach=True,
            lr=group["lr"],
            beta1=first,
            beta2=second,
            beta3=1 - first,
            bias_correction1=1 - first**step,
            bias_correction2=1 - second**step,
            eps=group["eps"],
            weight_decay=group["weight_decay"],
            decoupled_decay=group["decoupled_decay"],
            max_lr=None,
            trust_clip=group["trust_clip"],
            always_adapt=group["always_adapt"],
            caution=group["caution"],
        )
