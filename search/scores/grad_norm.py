"""grad_norm: the sum over layers of the norm of the gradient of the loss.

Source: Abdelfattah et al., Zero-Cost Proxies for Lightweight NAS, ICLR 2021, arXiv:2101.08134,
section 3.2: Euclidean norms of the gradients after one minibatch. As in its code, the sum is over
the weights of convolutions and linear layers, batch normalisation uses the statistics of the batch,
and the loss is cross-entropy.

Deviations: all normalisations have scale 1 and shift 0, since residual branches whose scale starts
at zero have no gradient otherwise. ECA's convolution over the channel axis counts like any other.
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
