"""Gives the three costs that every command prints as plain JSON."""

from __future__ import annotations

from typing import Any, Protocol


class HasCosts(Protocol):
    """A cost, or the row of a candidate."""

    @property
    def macs(self) -> Any:
        """Multiply-adds."""
        ...

    @property
    def params(self) -> Any:
        """Trainable parameters."""
        ...

    @property
    def activations(self) -> Any:
        """Output elements of the convolutions and linear layers."""
        ...


def main_costs(cost: HasCosts) -> dict[str, int]:
    """MACs, parameters and activations, by name."""
    return {"macs": int(cost.macs), "params": int(cost.params), "activations": int(cost.activations)}
