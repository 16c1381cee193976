"""The optimiser Muon: orthogonalised momentum for matrices, AdamW for all other weights.

Sources: Jordan et al., Muon, 2024, kellerjordan.github.io/posts/muon (Nesterov momentum, then five
Newton-Schulz steps, which bring all singular values near 1); Liu et al., Muon is Scalable for LLM
Training, arXiv:2502.16982 (updates scaled by 0.2 √max(rows, columns), so that one learning rate and
weight decay suit both parts). Rows are output channels, columns all other dimensions. AdamW updates
depthwise weights, biases and normalisation, which do not mix channels, and matrices with fewer than
`MIN_SIDE` rows or columns, such as classifiers of few classes and thin squeezes.

timm's Muon processes one matrix after the other in bf16: 28 ms a step for a network of 6 MMACs with
SE on one CPU thread. Here matrices of the same shape are processed together, in bf16 on a GPU and,
where the CPU multiplies it, for large matrices on a CPU, else in float32. On a CPU the steps of a
wide matrix are taken on its small product with its transpose (`by_gram`), a third of the
multiplications for a 3x3 convolution. On a GPU `lr` may be a tensor, so that a CUDA graph can hold
a step; matrices of similar shapes are then padded to a common one, since the number of kernels
decides the time. Shape letters: m matrices of one shape, r rows, c columns, r <= c.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.optim.adamw import adamw

MIN_SIDE = 8
"""Minimum number of rows and of columns of a matrix that is orthogonalised."""
STEPS = (
    (4.0848, -6.8946, 2.9270),
    (3.9505, -6.3029, 2.6377),
    (3.7418, -5.5913, 2.3037),
    (2.8769, -3.1427, 1.2046),
    (2.8366, -3.0525, 1.2012),
)
"""Coefficients of each Newton-Schulz step, from modded-nanogpt (K. Jordan and contributors);
singular values end closer to 1 than with equal coefficients in all steps."""
WIDE = 2.5
"""Columns for each row from which `by_gram` is faster: it takes 2 r²c + 17 r³ multiplications,
steps on the matrix itself 10 r²c + 5 r³."""
LARGE = 32
"""Rows from which it is: for smaller matrices the number of operations decides."""
LARGE_BF16 = 96
"""Rows from which steps in bf16 are faster on a CPU that multiplies it: 0.8 of the time in float32
at 96 rows, 0.45 at 192 (AVX-512)."""
WIDE_BF16 = 6.0
"""Columns for each row from which `by_gram` in float32 is faster than steps in bf16."""


class Muon(torch.optim.Optimizer):
    """Muon with AdamW; parameter groups may set `lr` and the decoupled `weight_decay`."""

    def __init__(
        self,
        params: Iterable[Any],
        *,
        lr: float,
        weight_decay: float = 0.0,
        momentum: float = 0.9,
        betas: tuple[float, float] = (0.9, 0.95),
        eps: float = 1e-8,
    ) -> None:
        # "fused" makes torch move the step counters of a loaded state to the parameters' device.
        super().__init__(
            params,
            {"lr": lr, "weight_decay": weight_decay, "momentum": momentum, "betas": betas, "eps": eps, "fused": True},
        )

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Update all parameters that have a gradient; return the closure's loss, if given."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            given = [parameter for parameter in group["params"] if parameter.grad is not None]
            self._orthogonal(group, [parameter for parameter in given if mixes(parameter)])
            self._adaptive(group, [parameter for parameter in given if not mixes(parameter)])
        return loss

    def _orthogonal(self, group: dict[str, Any], weights: list[Tensor]) -> None:
        if not weights:
            return
        for weight in weights:
            if not self.state[weight]:
                self.state[weight]["momentum_buffer"] = torch.zeros_like(weight)
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        averages = [self.state[weight]["momentum_buffer"] for weight in weights]
        torch._foreach_lerp_(averages, gradients, 1 - group["momentum"])
        ahead = torch._foreach_lerp(gradients, averages, group["momentum"])
        if group["weight_decay"]:
            torch._foreach_mul_(weights, 1 - group["lr"] * group["weight_decay"])
        rate: float | Tensor = group["lr"]
        if isinstance(rate, Tensor):
            move_padded(weights, ahead, rate)
        else:
            move(weights, ahead, rate)

    def _adaptive(self, group: dict[str, Any], weights: list[Tensor]) -> None:
        if not weights:
            return
        for weight in weights:
            if not self.state[weight]:
                step = torch.zeros((), dtype=torch.float32, device=weight.device)
                self.state[weight].update(
                    step=step, exp_avg=torch.zeros_like(weight), exp_avg_sq=torch.zeros_like(weight)
                )
        states = [self.state[weight] for weight in weights]
        first, second = group["betas"]
        adamw(
            weights,
            [weight.grad for weight in weights if weight.grad is not None],
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [],
            [state["step"] for state in states],
            fused=True,
            amsgrad=False,
            beta1=first,
            beta2=second,
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            maximize=False,
        )


def mixes(weight: Tensor) -> bool:
    """Whether a weight is orthogonalised: not vectors, depthwise weights or thin matrices."""
    return weight.ndim >= 2 and weight.shape[1] > 1 and min(weight.shape[0], weight[0].numel()) >= MIN_SIDE


def move(weights: list[Tensor], ahead: Sequence[Tensor], rate: float) -> None:
    """Take a step against the orthogonalised `ahead`, matrices of the same shape together.

    Columns are in the order in which channels_last weights lie in memory: the order of columns has
    no influence on the step, and copying them into another takes longer than the step of a small
    network.
    """
    shapes: dict[torch.Size, list[int]] = {}
    for place, weight in enumerate(weights):
        shapes.setdefault(weight.shape, []).append(place)
    for shape, places in shapes.items():
        in_memory = [0, *range(2, len(shape)), 1]
        lying = [ahead[place].permute(in_memory) for place in places]
        matrices_mrc = orthogonalised(torch.stack([each.reshape(shape[0], -1) for each in lying]))
        scaled = rate * 0.2 * max(matrices_mrc.shape[1:]) ** 0.5
        for place, matrix in zip(places, matrices_mrc, strict=True):
            weights[place].permute(in_memory).sub_(matrix.view(lying[0].shape), alpha=scaled)


def move_padded(weights: list[Tensor], ahead: Sequence[Tensor], rate: float | Tensor) -> None:
    """As `move`, with matrices of similar shapes together, padded with zeros to powers of two.

    Zero rows and columns stay zero and do not change the other singular values.
    """
    matrices = [each.reshape(each.shape[0], -1) for each in ahead]
    matrices = [each.mT if each.shape[0] > each.shape[1] else each for each in matrices]
    shapes: dict[tuple[int, int], list[int]] = {}
    for place, (rows, columns) in enumerate(each.shape for each in matrices):
        shapes.setdefault((_padded(rows), _padded(columns)), []).append(place)
    for shape, places in shapes.items():
        padded_mrc = matrices[0].new_zeros((len(places), *shape))
        for place, padded in zip(places, padded_mrc, strict=True):
            rows, columns = matrices[place].shape
            padded[:rows, :columns].copy_(matrices[place])
        steps_mrc = orthogonalised(padded_mrc) * rate
        for place, step in zip(places, steps_mrc, strict=True):
            weight, (rows, columns) = weights[place], matrices[place].shape
            corner = step[:rows, :columns]
            corner = corner.mT if weight.shape[0] > weight[0].numel() else corner
            weight.sub_(corner.reshape(weight.shape), alpha=0.2 * columns**0.5)


def _padded(side: int) -> int:
    return 1 << max(4, (side - 1).bit_length())


def orthogonalised(matrices_mrc: Tensor) -> Tensor:
    """The matrices with singular values near 1 and unchanged singular vectors: mrc -> mrc.

    Zero matrices stay zero.
    """
    tall = matrices_mrc.shape[1] > matrices_mrc.shape[2]
    x_mrc = matrices_mrc.mT if tall else matrices_mrc
    rows, wide = x_mrc.shape[1], x_mrc.shape[2] / x_mrc.shape[1]
    short = x_mrc.is_cuda or (rows >= LARGE_BF16 and wide < WIDE_BF16 and multiplies_bf16())
    x_mrc = x_mrc / x_mrc.norm(dim=(1, 2), keepdim=True).clamp_min(1e-7)
    x_mrc = x_mrc.to(torch.bfloat16 if short else torch.float32)
    if not short and rows >= LARGE and wide >= WIDE:
        x_mrc = by_gram(x_mrc)
    else:
        for a, b, c in STEPS:
            gram_mrr = x_mrc @ x_mrc.mT
            x_mrc = torch.baddbmm(x_mrc, torch.baddbmm(gram_mrr, gram_mrr, gram_mrr, beta=b, alpha=c), x_mrc, beta=a)
    return (x_mrc.mT if tall else x_mrc).to(matrices_mrc.dtype)


@cache
def multiplies_bf16() -> bool:
    """Whether the CPU has instructions that multiply bf16 matrices (AVX-512 BF16 or AMX)."""
    able = torch.cpu.get_capabilities()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


def by_gram(x_mrc: Tensor) -> Tensor:
    """The Newton-Schulz steps from matrices of norm 1, taken on G = X Xᵀ: mrc -> mrc.

    Each step multiplies X from the left by P = a I + b G + c G², and so G by P²; the product of all
    P is applied to X once. It needs float32: G has the squares of the singular values.
    """
    gram_mrr = x_mrc @ x_mrc.mT
    product_mrr: Tensor | None = None
    for number, (a, b, c) in enumerate(STEPS, start=1):
        step_mrr = torch.baddbmm(gram_mrr, gram_mrr, gram_mrr, beta=b, alpha=c)
        step_mrr.diagonal(dim1=1, dim2=2).add_(a)
        product_mrr = step_mrr if product_mrr is None else step_mrr @ product_mrr
        if number < len(STEPS):
            gram_mrr = step_mrr @ gram_mrr @ step_mrr
    assert product_mrr is not None
    return product_mrr @ x_mrc
