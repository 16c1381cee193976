"""naswot: how well an untrained network tells the images of a batch apart by which of its units are
on.

Source: Mellor et al., Neural Architecture Search without Training, ICML 2021, arXiv:2006.04647v3,
section 3: s = log |K_H|, where K_H counts for two images the units that agree, N_A − d_H(c_i, c_j).
(Its first version had another score: `jacob_cov`.) Batch normalisation takes the statistics of the
batch, as in its code.

Deviations: a unit's bit is whether its input is positive, for ReLU as for SiLU, hard swish and the
like, which let positive values pass and hold negative ones back; sigmoids and softmaxes of gates
are no units, activations before them are. The scale of every normalisation is 1, its shift 0. With
fewer images than the paper's 128 the score is smaller: compare those of one number of images.
"""

from __future__ import annotations

import math

import torch

from .subject import Subject


def score(subject: Subject) -> float:
    """log |K_H|; −∞ where two images have one pattern, NaN for a network without activations."""
    agreeing = subject.shared.agreeing
    if not agreeing.any():
        return math.nan
    sign, logarithm = torch.linalg.slogdet(agreeing)
    return float(logarithm) if sign > 0 else -math.inf
