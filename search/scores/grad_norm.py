"""grad_norm: the size of the first step.

Source: Abdelfattah et al., Zero-Cost Proxies for Lightweight NAS, ICLR 2021, arXiv:2101.08134,
section 3.2: the sum of the Euclidean norms of the gradients after one minibatch, by layer; as in
its code over the weights of convolutions and linear layers, batch normalisation with the statistics
of the batch, cross-entropy.

Deviations: the scale of every normalisation is 1, its shift 0: residual branches that start at zero
have no gradient otherwise. ECA's convolution over the channel axis counts like any other.
"""

from __future__ import annotations

import torch
from torch.nn.functional import cross_entropy

from .subject import Subject


def score(subject: Subject) -> float:
    """Σ over layers of ‖∂L/∂W‖₂."""
    shared = subject.shared
    loss = cross_entropy(shared.logits, subject.labels)
    gradients = torch.autograd.grad(loss, shared.weights, retain_graph=True, allow_unused=True)
    return sum(float(gradient.norm()) for gradient in gradients if gradient is not None)
