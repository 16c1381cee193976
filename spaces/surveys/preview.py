"""Looks at a space before any training: counts settings, describes costs, draws candidates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...blocks.cost import Cost
from ...blocks.documented import documented
from ...blocks.errors import InputError
from ..budget import Budget, parse_budget
from ..candidates.candidate import Candidate
from ..candidates.main_costs import main_costs
from ..draws.bulk import settings
from ..draws.distinct import feasible
from ..space import Space, load_space
from ..values.parameters import Value
from ..values.plain_values import is_number, is_whole
from .census_lines import costed_in_words, describe
from .starts import starts
from .survey import Census, Costed, census, exclusions, feasible_values, require_feasible

DRAWN = 5
"""Number of candidates that are drawn if none is given."""


@documented
@dataclass(frozen=True, kw_only=True)
class SpaceCheck:
    """The number of settings of a space that build a network."""

    space: str
    """Name of the space."""
    exact: bool
    """Whether all settings were examined; otherwise counts are those of a sample."""
    settings: int
    """Number of settings, before constraints."""
    distinct: int | None
    """Number of different networks; None unless all settings were examined."""
    examined: int
    """Number of settings examined."""
    valid: int
    """Number of examined settings that build a network and meet the constraints."""
    excluded: int
    """Number of examined settings that do not."""
    reasons: dict[str, int]
    """Reason -> number of settings that it excludes, among at most 500 excluded ones."""

    def to_dict(self) -> dict[str, Any]:
        """The counts as plain JSON, as `automl space check --json` prints them."""
        return asdict(self)


@documented
@dataclass(frozen=True, kw_only=True)
class CostBin:
    """One bar of a histogram of MACs."""

    low: float
    """Lower edge in MACs."""
    high: float
    """Upper edge in MACs."""
    count: int
    """Number of settings between the edges."""


@documented
@dataclass(frozen=True, kw_only=True)
class SpaceDescription:
    """The size of a space, its costs, and what is left of it within a budget."""

    space: Space
    """The space, at the image size asked for."""
    budget: Budget
    """The bounds on cost; none by default."""
    census: Census
    """Sizes and costs; the network that is cheapest, and the one that is costliest."""
    feasible_values: dict[str, list[Value]]
    """Parameter -> its values that some network within the budget has."""

    @property
    def deciles(self) -> list[int]:
        """The 0th, 10th, …, 100th percentile of the MACs of the valid settings."""
        return [int(value) for value in np.quantile(self.census.macs, np.linspace(0, 1, 11))]

    @property
    def histogram(self) -> list[CostBin]:
        """MACs of the valid settings in 12 bins of equal width on a logarithmic scale."""
        return _histogram(self.census.macs)

    @property
    def lines(self) -> list[str]:
        """Size, share within the budget, strides and cost range as lines of text."""
        begins = [f"search begins with: {costed_in_words(one)}" for one in self.start]
        return [*describe(self.space, self.budget, self.census), *begins]

    @property
    def start(self) -> list[Costed]:
        """The networks with which a search begins: of each entry of `start` in the space file the
        costliest within the budget; none without a budget."""
        found = starts(self.space, self.budget)
        return [Costed(settings=dict(one), cost=self.space.candidate(one).cost()) for one in found]

    def to_dict(self) -> dict[str, Any]:
        """The description as plain JSON, as `automl space describe --json` prints it."""
        found = self.census
        return {
            "space": self.space.name,
            "settings": found.size,
            "distinct": found.distinct,
            "exact": found.exact,
            "examined": found.examined,
            "valid": found.valid,
            "budget": str(self.budget),
            "feasible": found.feasible,
            "share": found.share,
            "cheapest": _costed(found.cheapest),
            "costliest": _costed(found.costliest),
            "macs_deciles": self.deciles,
            "macs_histogram": [
                {"from": int(one.low), "to": int(one.high), "count": one.count} for one in self.histogram
            ],
            "dimensions": {one.name: list(one.values) for one in self.space.parameters},
            "feasible_values": self.feasible_values,
            "start": [_costed(one) for one in self.start],
        }


@documented
@dataclass(frozen=True, kw_only=True)
class DrawnCandidate:
    """A candidate drawn from a space."""

    candidate: Candidate
    """The network."""
    settings: dict[str, Value]
    """Parameter -> value, of the space."""

    @property
    def cost(self) -> Cost:
        """Cost of the network for one image."""
        return self.candidate.cost()

    def to_dict(self) -> dict[str, Any]:
        """The candidate as plain JSON, as `automl space sample --json` prints it."""
        own = {"settings": self.settings, "candidate": self.candidate.to_dict()}
        return {"id": self.candidate.id, **main_costs(self.cost), **own}


def check_space(space: Space | str | Path) -> SpaceCheck:
    """Read a space and count the settings that build a network.

    Args:
        space: a space, the name of one, or a YAML file.

    Raises:
        InputError: there is no such space, its file has an error, or it holds no network.
    """
    loaded, _, found = _examined(space, (), None)
    return SpaceCheck(
        space=loaded.name,
        exact=found.exact,
        settings=found.size,
        distinct=found.distinct,
        examined=found.examined,
        valid=found.valid,
        excluded=found.examined - found.valid,
        reasons=exclusions(loaded, found.excluded),
    )


def describe_space(
    space: Space | str | Path, *, budget: Budget | str | Sequence[str] = (), image_size: int | None = None
) -> SpaceDescription:
    """Describe a space's size, its cost range and the share within a budget.

    Args:
        space: a space, the name of one, or a YAML file.
        budget: bounds on cost such as "400MFLOPs"; none by default.
        image_size: input size in pixels at which cost is counted; the space's if None.

    Raises:
        InputError: there is no such space, it holds no network, or the budget cannot be read.
    """
    loaded, bounds, found = _examined(space, budget, image_size)
    remaining = feasible_values(loaded, bounds, found)
    return SpaceDescription(space=loaded, budget=bounds, census=found, feasible_values=remaining)


def sample_space(
    space: Space | str | Path,
    *,
    budget: Budget | str | Sequence[str] = (),
    count: int = DRAWN,
    seed: int = 0,
    aim: float = 0.0,
    image_size: int | None = None,
) -> tuple[DrawnCandidate, ...]:
    """Draw candidates within a budget, each network equally likely and none twice.

    Args:
        space: a space, the name of one, or a YAML file.
        budget: bounds on cost such as "400MFLOPs"; none by default.
        count: number of candidates; fewer are returned if no more are found.
        seed: seed of the draw.
        aim: share of the budget's upper bound, in 0 to 1, that each network costs at least.
        image_size: input size in pixels at which cost is counted; the space's if None.

    Raises:
        InputError: there is no such space, an argument is out of its range, or no network is within
            the budget.
    """
    whole = is_whole(count) and is_whole(seed) and is_number(aim)
    if not whole or count < 1 or seed < 0 or not 0 <= aim <= 1:
        rule = "whole numbers `count >= 1` and `seed >= 0`, and `0 <= aim <= 1` must hold"
        raise InputError(f"{rule}, but got (count={count!r}, seed={seed!r}, aim={aim!r})")
    loaded, bounds, found = _examined(space, budget, image_size)
    require_feasible(found, loaded, bounds)
    drawing = feasible(loaded, bounds, np.random.default_rng(seed), aim=aim)
    drawn = [settings(loaded, row) for row in islice((row for rows in drawing for row in rows), count)]
    if not drawn:
        raise InputError(
            f"no network was found that costs at least {aim} of the budget {bounds}; a smaller --aim admits more"
        )
    return tuple(DrawnCandidate(candidate=loaded.candidate(one), settings=one) for one in drawn)


def _examined(
    space: Space | str | Path, budget: Budget | str | Sequence[str], image_size: int | None
) -> tuple[Space, Budget, Census]:
    loaded = (space if isinstance(space, Space) else load_space(space)).adapted(image_size=image_size)
    bounds = budget if isinstance(budget, Budget) else parse_budget(budget) if budget else Budget()
    return loaded, bounds, census(loaded, bounds)


def _costed(one: Costed) -> dict[str, Any]:
    return {**main_costs(one.cost), "settings": one.settings}


def _histogram(macs: NDArray[np.int64], bins: int = 12) -> list[CostBin]:
    """Bins of equal width on a logarithmic scale; one bin if all values are equal."""
    values = np.maximum(macs, 1)
    low, high = int(values.min()), int(values.max())
    if low == high:
        return [CostBin(low=low, high=high, count=len(values))]
    counts, edges = np.histogram(np.log(values), bins=bins, range=(np.log(low), np.log(high)))
    edges = np.exp(edges)
    return [
        CostBin(low=float(a), high=float(b), count=int(n)) for a, b, n in zip(edges, edges[1:], counts, strict=False)
    ]
