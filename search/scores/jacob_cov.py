"""jacob_cov: how little the gradients of a batch's images resemble each other.

Source: Mellor et al., Neural Architecture Search without Training, arXiv:2006.04647v1 (2020),
equation (3): with the eigenvalues σ_i of the correlations between the images' gradients of the
summed outputs, S = −Σ_i [log(σ_i + k) + 1/(σ_i + k)], k = 1e−5. (Its final version has another
score: `naswot`.) Batch normalisation takes the statistics of the batch, as in its code.

Deviation: the scale of every normalisation is 1, its shift 0.
"""

from __future__ import annotations

import torch

from .subject import Subject

K = 1e-5


def score(subject: Subject) -> float:
    """S; the larger the less alike the gradients are."""
    shared = subject.shared
    (gradient_bchw,) = torch.autograd.grad(shared.logits.sum(), shared.images, retain_graph=True)
    correlations = torch.corrcoef(gradient_bchw.flatten(1).double())
    if not correlations.isfinite().all():
        return float("nan")
    shifted = torch.linalg.eigvalsh(correlations).clamp_min(0) + K
    return float(-(shifted.log() + 1 / shifted).sum())
