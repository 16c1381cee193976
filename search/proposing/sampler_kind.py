"""Describes one kind of sampler: its name, how it is made, and what it is capable of.

A sampler is made by a factory: an Optuna `BaseSampler` subclass, or a function that returns one.
The factory is called with the fields of `Asked` that it has parameters for, by keyword, so
`def mine(seed): ...` is a factory, and so is `optuna.samplers.TPESampler`.

What a made sampler can do beyond Optuna's interface is told by its attributes, which are all
optional: a method `hint` (`TakesHints`), a method `quality` (`KnowsQuality`), a method `recommend`
that ranks the trials of a study as `sampling.recommendation` does, and an attribute `exhausted`
that is True once nothing is left to propose. Trials of a sampler without `recommend` are ranked by
their values alone.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast, runtime_checkable

from ...blocks.errors import InputError
from .proposal import Hints

if TYPE_CHECKING:
    from optuna import Study as OptunaStudy
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

    from ..sampling.space_region import SpaceRegion

Objective = Literal["best", "front"]
"""The most accurate network within the budget, or the whole front of accuracy and cost."""
OBJECTIVES: tuple[Objective, ...] = ("best", "front")
PATIENCE = 50
"""Default of `SamplerKind.patience`."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a sampler is made for."""

    seed: int
    """Seed of its random numbers, below 2**32."""
    trials: int
    """Approximate number of trials in the study."""
    objective: Objective = "best"
    """What the search looks for."""
    region: SpaceRegion | None = None
    """The networks that may be proposed, with their costs; None for a plain Optuna study."""
    earlier: Sequence[Sequence[FrozenTrial]] = ()
    """Trials of earlier studies of the same space, to learn from."""
    hints: Mapping[str, Hints] | None = None
    """Name of a hint -> its values of some candidates."""

    @property
    def space(self) -> Mapping[str, BaseDistribution] | None:
        """Distribution of every parameter by name; None for a plain Optuna study."""
        return None if self.region is None else self.region.distributions


PASSED = (*(field.name for field in fields(Asked)), "space")
"""Parameters that a factory may have."""


@runtime_checkable
class TakesHints(Protocol):
    """A sampler that learns from values of candidates that are known without training."""

    def hint(self, name: str, rows: Hints) -> None:
        """Add values to the hint called `name`."""
        ...


@runtime_checkable
class KnowsQuality(Protocol):
    """A sampler that can tell how well its model predicts."""

    def quality(self, study: OptunaStudy) -> Mapping[str, Any] | None:
        """Plain data on how well the model ranks unseen trials; None if it cannot be told yet."""
        ...


@dataclass(frozen=True, kw_only=True)
class SamplerKind:
    """A sampler that can be chosen by name."""

    words: str
    """What it does, in one line, for help texts."""
    factory: Callable[..., BaseSampler] | None
    """Makes it; see the module. None: candidates are drawn at random without a sampler."""
    feasible: bool = False
    """Whether it proposes only new candidates within the budget. The first candidates of any other
    sampler are drawn at random, and its proposals outside the budget are refused."""
    steady: bool = False
    """Whether its proposals follow from its seed and from what is known, and not from how often the
    search was interrupted. Such a sampler has the same seed in every run; any other has a new one,
    so that it does not repeat its first draws."""
    patience: int = PATIENCE
    """Refused proposals in a row after which a candidate is drawn at random instead."""
    objectives: tuple[Objective, ...] = OBJECTIVES
    """What it can look for."""

    def __post_init__(self) -> None:
        if self.patience < 1:
            raise InputError(f"a sampler's patience must be at least 1, but got {self.patience}")
        if not self.objectives or not set(self.objectives) <= set(OBJECTIVES):
            raise InputError(
                f"a sampler's objectives must be among {', '.join(OBJECTIVES)}, but got {self.objectives!r}"
            )
        if self.factory is not None:
            _parameters(self.factory)

    def startup(self, trials: int) -> int:
        """Number of candidates that are drawn at random before the sampler is asked, in a study of
        about `trials` trials."""
        return 0 if self.feasible else max(4, min(10, trials // 4))

    def make(self, asked: Asked) -> BaseSampler:
        """The sampler for one search.

        Raises:
            InputError: the factory returns something else than an Optuna sampler.
        """
        from optuna.samplers import BaseSampler, RandomSampler

        if self.factory is None:
            return RandomSampler(seed=asked.seed)
        made = self.factory(**{name: getattr(asked, name) for name in _parameters(self.factory)})
        if not isinstance(made, BaseSampler):
            raise InputError(f"a sampler's factory must return an Optuna sampler, but got {type(made).__name__}")
        return made


def kind_of(name: str, part: object) -> SamplerKind:
    """`part` as a sampler kind: one already, or a factory. The attributes `feasible`, `patience`
    and `objectives` of a factory are taken over, and the first line of its docstring.

    Raises:
        InputError: `part` cannot make a sampler.
    """
    if isinstance(part, SamplerKind):
        return part
    if not callable(part):
        raise InputError(f"the sampler {name!r} must be a class or a function, but got {type(part).__name__}")
    words = (inspect.getdoc(part) or f"the sampler {name}").splitlines()[0].rstrip(".")
    return SamplerKind(
        words=words,
        factory=cast("Callable[..., BaseSampler]", part),
        feasible=getattr(part, "feasible", False),
        patience=getattr(part, "patience", PATIENCE),
        objectives=tuple(getattr(part, "objectives", OBJECTIVES)),
    )


def _parameters(factory: Callable[..., BaseSampler]) -> list[str]:
    """Names of the fields of `Asked` that a factory takes."""
    try:
        known = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):  # a class written in C
        return []
    kept = [one.name for one in known if one.name in PASSED and one.kind is not one.POSITIONAL_ONLY]
    for one in known:
        optional = one.default is not one.empty or one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
        if one.name not in kept and not optional:
            raise InputError(
                f"a sampler's factory is called with {', '.join(PASSED)}, but"
                f" {getattr(factory, '__qualname__', factory)!s} needs {one.name!r}"
            )
    return kept
