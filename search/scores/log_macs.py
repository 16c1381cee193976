"""log_macs: the logarithm of what the candidate costs, at the size its cost is counted at. It needs
no network: what other scores must beat."""

from __future__ import annotations

import math

from ...blocks.errors import InputError
from .subject import Subject


def score(subject: Subject) -> float:
    """log macs.

    Raises:
        InputError: no candidate is known, only a network.
    """
    if subject.cost is None:
        raise InputError("log_macs is a score of candidates, but got a network alone")
    return math.log(int(subject.cost.macs))
