"""Peak activation memory of inference: one image, float32; the weights are not counted."""

from __future__ import annotations

from types import MappingProxyType

from .metric import CostMetric

BINARY = (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10))
UNITS = MappingProxyType(
    {"MB": 1e6, "kB": 1e3, "GB": 1e9, "TB": 1e12}
    | {name: float(size) for name, size in BINARY}
    | {"TiB": float(2**40), "bytes": 1.0, "byte": 1.0}
)
"""Without a plain "B": `4B` is four billion multiply-adds."""


class PeakMemory(CostMetric):
    """Bytes of the activations alive at once, at most (`Cost.memory`)."""

    def __init__(self) -> None:
        super().__init__(
            "peak_memory",
            lambda cost: cost.memory(),
            unit="bytes",
            words="peak activation memory of inference in bytes, one image in float32, without the weights",
            heading="peak memory",
            units=UNITS,
        )

    def short(self, value: float) -> str:
        """A value with its unit: "2.3 MiB"."""
        for name, size in BINARY:
            if value >= size:
                return f"{value / size:,.1f} {name}"
        return f"{value:.0f} bytes"

    def text(self, value: float) -> str:
        """A value with its unit: "2.3 MiB"."""
        return self.short(value)
