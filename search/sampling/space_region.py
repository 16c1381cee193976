"""The region of a search space of ours: costs, constraints and conditions are known, and settings
that build one network are one and the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...blocks import InvalidBlock
from ...spaces import Budget, Space
from ...spaces.bulk import deactivate, examine, joined
from .columns import Column, Table
from .region import Examined

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

    from ...spaces.parameters import Parameter


class SpaceRegion:
    """The networks of a space within a budget."""

    priced = True
    quick = True

    def __init__(self, space: Space, budget: Budget) -> None:
        self._space, self._budget = space, budget
        self.distributions = {parameter.name: distribution(parameter) for parameter in space.parameters}
        """As Optuna knows the parameters."""

    def learn(self, columns: Sequence[Column], table: Table) -> bool:
        """Nothing is left to learn."""
        return False

    def explains(self, columns: Sequence[Column], table: Table) -> bool:
        """Likewise."""
        return True

    def settled(self, columns: Sequence[Column], table: Table) -> Table:
        """By the space's conditions."""
        hidden = deactivate(self._space, self._indices(columns, table)) < 0
        result = table.copy()
        for place, parameter in enumerate(self._space.parameters):
            result[hidden[:, place], self._place(columns)[parameter.name]] = np.nan
        return result

    def examine(self, columns: Sequence[Column], table: Table) -> Examined:
        """By the cost formulas, without building anything."""
        cost, valid, names = examine(self._space, self._indices(columns, table))
        admitted = valid & np.broadcast_to(np.asarray(self._budget.admits(cost)), len(table))
        return Examined(macs=np.asarray(cost.macs, float), admitted=admitted, keys=joined(names))

    def partly(self, params: Mapping[str, Any]) -> bool | None:
        """A space knows complete settings only."""
        try:
            return bool(self._budget.admits(self._space.candidate(dict(params)).cost())) and self._space.allows(
                dict(params)
            )
        except (InvalidBlock, KeyError):
            return None

    def _indices(self, columns: Sequence[Column], table: Table) -> NDArray[np.int32]:
        """Rows of value indices in the space's order; -1 for NaN."""
        place = self._place(columns)
        rows = np.full((len(table), len(self._space.parameters)), -1, np.int32)
        for index, parameter in enumerate(self._space.parameters):
            column = columns[place[parameter.name]]
            numbers = table[:, place[parameter.name]]
            here = ~np.isnan(numbers)
            values = column.values
            assert values is not None  # of no parameter of ours
            rows[here, index] = (
                numbers[here] if column.categorical else np.rint((numbers[here] - values[0]) / (values[1] - values[0]))
            )
        return rows

    def _place(self, columns: Sequence[Column]) -> dict[str, int]:
        return {column.name: index for index, column in enumerate(columns)}


def distribution(parameter: Parameter) -> BaseDistribution:
    """A parameter as Optuna knows it."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if parameter.step is None or len(parameter.values) == 1:
        return CategoricalDistribution(list(parameter.values))  # type: ignore[arg-type]
    low, high = parameter.values[0], parameter.values[-1]
    if isinstance(low, int) and isinstance(high, int):
        return IntDistribution(low, high, step=int(parameter.step))
    return FloatDistribution(float(low), float(high), step=parameter.step)
