"""naswot: how well an untrained network separates images by the pattern of its active units.

Source: Mellor et al., Neural Architecture Search without Training, ICML 2021, arXiv:2006.04647v3,
section 3: s = log |K_H|, where the entry of K_H for two images is the number of units that agree,
N_A − d_H(c_i, c_j). (The first version of the paper proposes another score, `jacob_cov`.) As in its
code, batch normalisation uses the statistics of the batch.

Deviations: a unit is active if the input of its activation is positive, for ReLU as well as for
SiLU, hard swish and similar ones. The sigmoids and softmaxes of gates are not units; activations
before them are. All normalisations have scale 1 and shift 0. The paper uses 128 images; the score
grows with their number, so only scores of equally many images can be compared.
"""

from __future__ import annotations

import math

import torch

from .subject import Subject


def score(subject: Subject) -> float:
    """log |K_H|; −∞ if two images have the same pattern, NaN for a network without activations."""
    agreeing = subject.shared.agreeing
    if not agreeing.any():
        return math.nan
    sign, logarithm = torch.linalg.slogdet(agreeing)
    return float(logarithm) if sign > 0 else -math.inf
