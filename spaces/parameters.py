"""Parameters: what a sampler chooses. A dimension is one parameter, or one for each stage
(`expansion.1`, …) or each layer (`kernel.2.1`, …)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..blocks import InputError

Value: TypeAlias = str | int | float | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One choice among finitely many values."""

    name: str
    """The dimension, with `.stage` where there is one for each stage, `.stage.layer` where there is
    one for each layer (counted from 1)."""
    dimension: str
    """What it was called in the space: a dimension of the skeleton, or the name of a bundle."""
    stage: int | None = None
    """Which stage, from 0; None for the whole network."""
    layer: int | None = None
    """Which layer of the stage, from 0; None for all. It matters only while the stage has that many
    layers."""
    values: tuple[Value, ...]
    """All values, in order; for a bundle their names."""
    bundles: tuple[Mapping[str, Value], ...] = ()
    """What each value of a bundle sets: dimension → value. Empty for a plain dimension."""
    step: float | None = None
    """The step of a range; None for a list of choices."""
    when: tuple[tuple[str, tuple[Value, ...]], ...] = ()
    """Active only if each named parameter has one of the values."""

    @property
    def sets(self) -> tuple[str, ...]:
        """The dimensions of the skeleton that it sets."""
        return (
            tuple(dict.fromkeys(name for bundle in self.bundles for name in bundle))
            if self.bundles
            else (self.dimension,)
        )

    def settings(self, value: Value) -> Mapping[str, Value]:
        """Dimension → value, when this parameter has `value`."""
        return self.bundles[self.values.index(value)] if self.bundles else {self.dimension: value}

    def of(self, dimension: str, missing: Any) -> list[Any]:
        """What each value sets `dimension` to, in order; `missing` where a bundle leaves it alone."""
        return [bundle.get(dimension, missing) for bundle in self.bundles] if self.bundles else list(self.values)

    def snap(self, value: float) -> Value:
        """The value of a range nearest to `value`: samplers return multiples of the step with noise
        in the last digits."""
        return min(self.values, key=lambda own: abs(float(own) - value))


def range_values(low: float, high: float, step: float) -> tuple[Value, ...]:
    """low, low + step, … up to high, without the noise of repeated addition; ints stay ints.

    Raises:
        InputError: low above high, or a step that is not positive.
    """
    if not all(
        isinstance(number, int | float) and not isinstance(number, bool) and math.isfinite(number)
        for number in (low, high, step)
    ):
        raise InputError(
            f"a range's low, high and step must be numbers, but got (low={low!r}, high={high!r}, step={step!r})"
        )
    if low > high:
        raise InputError(f"low <= high must hold, but got (low={low}, high={high})")
    if step <= 0:
        raise InputError(f"step > 0 must hold, but got (step={step})")
    count = math.floor((high - low) / step + 1e-9) + 1
    if count > 1_000_000:
        raise InputError(
            f"a range must have at most 1,000,000 values, but got {count:,} (low={low}, high={high}, step={step})"
        )
    if all(isinstance(number, int) for number in (low, high, step)):
        return tuple(low + index * step for index in range(count))
    return tuple(round(low + index * step, 10) for index in range(count))


def in_words(settings: Mapping[str, Any]) -> str:
    """Settings for a reader: those of one dimension in a row, stages parted by `/`, layers by `,`.

    >>> in_words({"width": 1.0, "kernel.1.1": 3, "kernel.1.2": 5, "kernel.2.1": 3, "repeats.1": 2, "repeats.2": 1})
    'width=1.0 kernel=3,5/3 repeats=2/1'
    """
    rows: dict[str, dict[str, list[str]]] = {}
    for name, value in settings.items():
        dimension, _, place = name.partition(".")
        rows.setdefault(dimension, {}).setdefault(place.partition(".")[0], []).append(str(value))
    return " ".join(
        f"{dimension}={'/'.join(','.join(values) for values in stages.values())}" for dimension, stages in rows.items()
    )
