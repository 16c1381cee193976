"""log_params and log_macs: the logarithm of a candidate's cost, at the size at which it is counted.

These scores need no network, and are the baseline that other scores must beat.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ...blocks.errors import InputError
from ...spaces.metrics import value

if TYPE_CHECKING:
    from .subject import Subject


def log_params(subject: Subject) -> float:
    """Logarithm of the number of parameters. Raises: InputError, for a network without a cost."""
    return _log(subject, "params")


def log_macs(subject: Subject) -> float:
    """Logarithm of the multiply-adds. Raises: InputError, for a network without a cost."""
    return _log(subject, "macs")


def _log(subject: Subject, metric: str) -> float:
    if subject.cost is None:
        raise InputError(f"log_{metric} is a score of candidates, but got a network alone")
    return math.log(int(value(metric, subject.cost)))
