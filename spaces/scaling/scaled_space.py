"""The networks of a baseline at many coefficients, costed at once as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...blocks import Cost
from ..candidates.candidate import Candidate
from ..draws.bulk import Rows, examine, joined, settings
from ..kinds.skeleton_space import SkeletonSpace


@dataclass(frozen=True, kw_only=True)
class ScaledSpace:
    """The space of a baseline in which some axes are free."""

    factors: Mapping[str, Sequence[float]]
    """Axis → coefficients, in the order of the parameter's values."""
    space: SkeletonSpace
    """The space; each axis is one of its parameters."""

    def row(self, chosen: Sequence[int]) -> list[int]:
        """Turn one coefficient index for each axis into a row of value indices of the space."""
        indices = dict(zip(self.factors, chosen, strict=True))
        return [indices.get(parameter.name, 0) for parameter in self.space.parameters]

    def rows(self, chosen: NDArray[np.integer[Any]]) -> Rows:
        """Turn coefficient indices of shape (rows, axes) into rows of the space."""
        names = list(self.factors)
        columns = [
            chosen[:, names.index(p.name)] if p.name in names else np.zeros(len(chosen), np.int32)
            for p in self.space.parameters
        ]
        return np.stack(columns, axis=1).astype(np.int32)

    def examine(self, chosen: NDArray[np.integer[Any]]) -> tuple[Cost, NDArray[np.bool_], NDArray[np.uint64]]:
        """Return cost, validity and fingerprint of the network of every row.

        `chosen` holds coefficient indices, shape (rows, axes). Equal networks have equal
        fingerprints.
        """
        cost, valid, keys = examine(self.space, self.rows(chosen))
        return cost, valid, joined(keys)

    def coefficients(self, chosen: Sequence[int]) -> dict[str, float]:
        """Axis → coefficient, of one row of coefficient indices."""
        return {axis: float(values[index]) for (axis, values), index in zip(self.factors.items(), chosen, strict=True)}

    def candidate(self, chosen: Sequence[int]) -> Candidate:
        """Return the network of one row of coefficient indices."""
        return self.space.candidate(settings(self.space, np.array(self.row(chosen), np.int32)))
