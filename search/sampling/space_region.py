"""The region of a space of automl: costs, constraints and conditional parameters are known exactly.

Settings that build the same network are the same thing to evaluate.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution

from ...blocks import InvalidBlock
from ...spaces import Budget, Space
from ...spaces.draws.bulk import deactivate, examine, joined
from ...spaces.kinds.union import FAMILY, Union
from ...spaces.metrics import DEFAULT_AXIS, metrics
from .columns import Column, Table
from .distributions import distribution
from .families import Families
from .region import Examined


class SpaceRegion:
    """The networks of a space within a budget."""

    priced = certain = True
    error: Exception | None = None

    def __init__(self, space: Space, budget: Budget, *, cost: str = DEFAULT_AXIS) -> None:
        """Describe it.

        Args:
            space: the space.
            budget: bounds on the cost of a network, by any metrics.
            cost: the metric that a sampler's model takes as the cost.

        Raises:
            InputError: unknown metric; the nearest is given.
        """
        self._space, self._budget, self._metric = space, budget, metrics.get(cost)
        asked = [self._metric, *(bound.of for bound in budget.bounds)]
        self.vectorised: bool = not any(metric.walks for metric in asked)
        """Whether no metric has to look at each network by itself."""
        self.families: Families | None = None
        """Families of a union, all under the same budget; None for other spaces."""
        if isinstance(space, Union):
            regions = {member.name: SpaceRegion(member, budget, cost=cost) for member in space.members}
            self.families = Families(name=FAMILY, regions=regions)
        self.distributions: dict[str, BaseDistribution] = {
            parameter.name: distribution(parameter) for parameter in space.parameters
        }
        """Optuna's distribution of every parameter."""

    def learn(self, columns: Sequence[Column], table: Table, order: Sequence[str] = ()) -> bool:
        """False: the space's conditions are known from the start."""
        return False

    def explains(self, columns: Sequence[Column], table: Table) -> bool:
        """True: the space's conditions are known from the start."""
        return True

    def settled(self, columns: Sequence[Column], table: Table) -> Table:
        """The rows with NaN for inactive parameters, by the space's conditions."""
        hidden = deactivate(self._space, self._indices(columns, table)) < 0
        result = table.copy()
        for place, parameter in enumerate(self._space.parameters):
            result[hidden[:, place], self._place(columns)[parameter.name]] = np.nan
        return result

    def examine(self, columns: Sequence[Column], table: Table) -> Examined:
        """Costs by the blocks' formulas, without building a network."""
        cost, valid, names = examine(self._space, self._indices(columns, table))
        admitted = valid & np.broadcast_to(np.asarray(self._budget.admits(cost)), len(table))
        costs = np.broadcast_to(np.asarray(self._metric.value(cost), float), len(table))
        return Examined(costs=costs, admitted=admitted, keys=joined(names))

    def partly(self, params: Mapping[str, Any]) -> bool | None:
        """Whether the budget and the constraints admit `params`; None if they are incomplete."""
        try:
            return bool(self._budget.admits(self._space.candidate(dict(params)).cost())) and self._space.allows(
                dict(params)
            )
        except (InvalidBlock, KeyError):
            return None

    def used(self, params: Mapping[str, Any]) -> float | None:
        """0 if the budget and the constraints admit `params`, otherwise infinity; None if they are
        incomplete."""
        admitted = self.partly(params)
        return None if admitted is None else 0.0 if admitted else math.inf

    def _indices(self, columns: Sequence[Column], table: Table) -> NDArray[np.int32]:
        """Rows of value indices in the order of the space's parameters; -1 for NaN."""
        place = self._place(columns)
        rows = np.full((len(table), len(self._space.parameters)), -1, np.int32)
        for index, parameter in enumerate(self._space.parameters):
            column = columns[place[parameter.name]]
            numbers = table[:, place[parameter.name]]
            here = ~np.isnan(numbers)
            values = column.values
            assert values is not None  # a space has no continuous parameters
            rows[here, index] = (
                numbers[here] if column.categorical else np.rint((numbers[here] - values[0]) / (values[1] - values[0]))
            )
        return rows

    def _place(self, columns: Sequence[Column]) -> dict[str, int]:
        return {column.name: index for index, column in enumerate(columns)}
