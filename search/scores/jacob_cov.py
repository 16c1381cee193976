"""jacob_cov: how weakly the gradients with respect to different images are correlated.

Source: Mellor et al., Neural Architecture Search without Training, arXiv:2006.04647v1 (2020),
equation (3): S = −Σ_i [log(σ_i + k) + 1/(σ_i + k)], k = 1e−5, where σ_i are the eigenvalues of the
correlation matrix of the gradients of the summed outputs, one gradient an image. (The final version
of the paper proposes another score, `naswot`.) As in its code, batch normalisation uses the
statistics of the batch.

Deviation: all normalisations have scale 1 and shift 0.
"""

from __future__ import annotations

import torch

from .subject import Subject

K = 1e-5


def score(subject: Subject) -> float:
    """S; larger if the gradients are less correlated, NaN if a gradient is constant."""
    shared = subject.shared
    (gradient_bchw,) = torch.autograd.grad(shared.logits.sum(), shared.images, retain_graph=True)
    correlations = torch.corrcoef(gradient_bchw.flatten(1).double())
    if not correlations.isfinite().all():
        return float("nan")
    shifted = torch.linalg.eigvalsh(correlations).clamp_min(0) + K
    return float(-(shifted.log() + 1 / shifted).sum())
