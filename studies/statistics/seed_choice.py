"""Chooses a network without one seed, on which it is then compared."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from .intervals import mean_of


def highest_mean(networks: Mapping[str, Mapping[int, float]]) -> str | None:
    """The network with the highest mean over its seeds; of equal ones the first. None if there is
    none, or one has no seed."""
    means = {key: mean_of(values.values()) for key, values in networks.items()}
    if not means or None in means.values():
        return None
    return max(means, key=lambda key: round(means[key] or 0.0, 12))  # rounded: equal networks keep their order


def best_without(seed: int, networks: Sequence[Mapping[int, float]]) -> int | None:
    """The index of the network with the highest mean on its other seeds, among those that have
    `seed`; of equal ones the first. None if no network can be chosen.

    A single network needs no choice, and therefore no other seed.

    Args:
        seed: the seed that is left out.
        networks: for each network, the value of each seed.
    """
    present = [index for index, values in enumerate(networks) if seed in values]
    if len(networks) == 1:
        return present[0] if present else None
    means: dict[int, float] = {}
    for index in present:
        mean = mean_of([value for other, value in networks[index].items() if other != seed])
        means[index] = -math.inf if mean is None else round(mean, 12)  # rounded: equal networks keep their order
    best = max(means, key=means.__getitem__, default=None)
    return None if best is None or math.isinf(means[best]) else best
