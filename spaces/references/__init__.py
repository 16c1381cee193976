"""Reference networks: published networks, each scaled to a budget, beside which a search is judged.

A search is worth its time only if its network beats the published one that a practitioner would
take, scaled to the same budget and trained alike.
"""

from __future__ import annotations

from .reference import Reference, Strides
from .registry import reference_networks, register
from .scaled import Origin, ScaledReference
from .within_budget import NotScaled, references, scaled_reference, scaled_references

__all__ = [
    "NotScaled",
    "Origin",
    "Reference",
    "ScaledReference",
    "Strides",
    "reference_networks",
    "references",
    "register",
    "scaled_reference",
    "scaled_references",
]
