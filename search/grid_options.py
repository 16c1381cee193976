"""The options of `automl grid`, checked; the command line is derived from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from ..blocks.documented import documented
from ..spaces import Space
from ..spaces.scaling.baseline import AXES
from ..spaces.scaling.triples import Rule
from .option_checks import are_numbers, as_sequences, at_least, at_most
from .options import RunOptions, SearchOptions

PARTS = ("baseline", "phi", "target", "step", "tolerance", "rule", "axes", "size_multiple", "points", "stop")
"""The options that make a grid this grid; more seeds continue it."""


@documented
@dataclass(frozen=True, kw_only=True)
class GridOptions(RunOptions):
    """The options of `automl grid`, by the names that the command has for them."""

    baseline: str | Path | Space
    """A published network (efficientnet_b0, resnet50, …), a YAML or JSON file, STUDY:best."""
    phi: float = 1.0
    """Compound coefficient: networks are scaled by α^φ, β^φ, γ^φ; if it is negative, they are
    smaller than the baseline."""
    target: float = 2.0
    """Multiple of the baseline's MACs at φ = 1, as 2x."""
    step: float = 0.05
    """Step between neighbouring coefficients."""
    tolerance: float = 0.05
    """Relative deviation of cost (true rule) or product (paper's rule) from the target: 5% or
    0.05."""
    rule: Rule = "true"
    """Triples admitted: true, by what the network costs; paper, by α·β²·γ²."""
    axes: Sequence[str] = AXES
    """What is scaled, with commas; cardinality and others where the network has them."""
    size_multiple: int = 1
    """Round input sizes to a multiple of it."""
    points: int | None = None
    """Train at most this many networks of the grid, spread over it. Default: all."""
    seeds: int = 3
    """Trainings of each network."""
    stop: bool = True
    """Stop clear losers early; never the controls."""

    def __post_init__(self) -> None:
        as_sequences(self, "axes")
        are_numbers(self, phi="--phi", target="--target", step="--step", tolerance="--tolerance")
        at_least(self, seeds=1, points=1, size_multiple=1)
        at_most(self, seeds=10_000, size_multiple=100_000)
        super().__post_init__()

    def for_search(self, study: str) -> SearchOptions:
        """The options of a search on the same data, with the same recipe and workers."""
        shared = {field.name: getattr(self, field.name) for field in fields(RunOptions)}
        return SearchOptions(**{**shared, "study": self.study or study}, finals=0)
