"""Parameters: the choices that a sampler makes.

A dimension is one parameter, or one for each stage (`expansion.1`, …) or for each layer
(`kernel.2.1`, …).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from ...blocks import InputError
from .plain_values import is_number

Value: TypeAlias = str | int | float | bool
"""A value that a dimension can take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One choice among finitely many values."""

    name: str
    """Name of the parameter: the dimension, followed by `.stage` or `.stage.layer` (counted from 1)
    if there is one parameter for each stage or layer."""
    dimension: str
    """The dimension of the skeleton, or the name of the bundle, as the space file has it."""
    stage: int | None = None
    """The stage, counted from 0; None for the whole network."""
    layer: int | None = None
    """The layer of the stage, counted from 0; None for all layers. The parameter is inactive if the
    stage has fewer layers."""
    values: tuple[Value, ...]
    """All values, in order; for a bundle, the names of its choices."""
    bundles: tuple[Mapping[str, Value], ...] = ()
    """For a bundle, the settings of each value: dimension → value. Empty for a plain dimension."""
    step: float | None = None
    """The step of a range; None for a list of choices."""
    when: tuple[tuple[str, tuple[Value, ...]], ...] = ()
    """Conditions (parameter, values): the parameter is active only if each of the named parameters
    has one of its values."""

    @property
    def sets(self) -> tuple[str, ...]:
        """The dimensions of the skeleton that this parameter sets."""
        if not self.bundles:
            return (self.dimension,)
        return tuple(dict.fromkeys(name for bundle in self.bundles for name in bundle))

    @property
    def sets_depth(self) -> bool:
        """Whether this parameter determines how many layers a stage has."""
        return not {"repeats", "depth"}.isdisjoint(self.sets)

    def settings(self, value: Value) -> Mapping[str, Value]:
        """Return what `value` sets: dimension → value."""
        return self.bundles[self.values.index(value)] if self.bundles else {self.dimension: value}

    def of(self, dimension: str, missing: Any) -> list[Any]:
        """List what each value sets `dimension` to; `missing` where a bundle does not set it."""
        return [bundle.get(dimension, missing) for bundle in self.bundles] if self.bundles else list(self.values)

    def snap(self, value: float) -> Value:
        """Return the value of a range nearest to `value`.

        Samplers return multiples of the step with rounding errors in the last digits.
        """
        return min(self.values, key=lambda own: abs(float(own) - value))


def range_values(low: float, high: float, step: float) -> tuple[Value, ...]:
    """Return low, low + step, … up to high; ints stay ints, floats are rounded to 10 digits.

    Raises:
        InputError: an argument is no finite number, `low` is above `high`, `step` is not positive,
            or there are more than 1,000,000 values.
    """
    if not all(is_number(number) and math.isfinite(number) for number in (low, high, step)):
        raise InputError(
            f"a range's low, high and step must be numbers, but got (low={low!r}, high={high!r}, step={step!r})"
        )
    if low > high:
        raise InputError(f"low <= high must hold, but got (low={low}, high={high})")
    if step <= 0:
        raise InputError(f"step > 0 must hold, but got (step={step})")
    count = math.floor(min((high - low) / step, 1e18) + 1e-9) + 1  # the quotient may be infinite
    if count > 1_000_000:
        raise InputError(
            f"a range must have at most 1,000,000 values, but got {count:,} (low={low}, high={high}, step={step})"
        )
    if all(isinstance(number, int) for number in (low, high, step)):
        return tuple(low + index * step for index in range(count))
    return tuple(round(low + index * step, 10) for index in range(count))


def in_words(settings: Mapping[str, Any]) -> str:
    """Write settings as text: each dimension once, its stages separated by `/`, layers by `,`.

    >>> in_words({"width": 1.0, "kernel.1.1": 3, "kernel.1.2": 5, "kernel.2.1": 3})
    'width=1.0 kernel=3,5/3'
    >>> in_words({"family": "resnet", "resnet.width": 1.0})
    'family=resnet width=1.0'
    """
    rows: dict[str, dict[str, list[str]]] = {}
    family = f"{settings.get('family')}."
    for name, value in settings.items():
        dimension, _, place = name.removeprefix(family).partition(".")
        rows.setdefault(dimension, {}).setdefault(place.partition(".")[0], []).append(str(value))
    return " ".join(
        f"{dimension}={'/'.join(','.join(values) for values in stages.values())}" for dimension, stages in rows.items()
    )
