"""Amounts as people write and read them: prefixes of units, and numbers of three digits."""

from __future__ import annotations

from types import MappingProxyType

PREFIXES = MappingProxyType({"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "B": 10**9, "T": 10**12})
"""Decimal prefix -> factor; B stands for billions, as in papers."""


def prefixed(*units: str) -> dict[str, float]:
    """Each unit with each decimal prefix -> its scale.

    >>> prefixed("Acts")["MActs"]
    1000000.0
    """
    return {prefix + unit: float(scale) for unit in units for prefix, scale in PREFIXES.items()}


def human(value: float, unit: str = "") -> str:
    """A count with three digits and a decimal prefix: 385814752 → "386M"."""
    for scale, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= scale * 0.9995:
            scaled = value / scale
            return f"{scaled:.0f}{prefix}{unit}" if scaled >= 99.95 else f"{scaled:.3g}{prefix}{unit}"
    return f"{value:.0f}{unit}"
