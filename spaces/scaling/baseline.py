"""The baseline of compound scaling: one network and the axes along which it can be scaled.

Source: Tan & Le, EfficientNet, ICML 2019, arXiv:1905.11946, section 3.3: depth α^φ, width β^φ and
resolution γ^φ times the baseline's. A baseline is a space without free parameters. Its scaled
networks are settings of the same space in which the axes have values, so that widths, repeats and
sizes are rounded as in any search.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...blocks import Cost, InputError, InvalidBlock
from ...blocks.errors import unknown
from ..bulk import Rows, examine, joined, settings
from ..candidate import Candidate
from ..neighbourhood import centres, network
from ..plain_values import is_number
from ..reference import OF_SPACES, find_candidate
from ..skeletons.resnet import equal_cost_width
from ..space import Space, load_space, shipped_spaces
from ..yaml_source import read_file

AXES = ("depth", "width", "resolution")
"""The three axes of the paper, with the coefficients α, β and γ."""
GREEK = {"depth": "α", "width": "β", "resolution": "γ"}
"""Axis → the paper's letter for its coefficient."""

Factors = Mapping[str, float]
"""Axis → coefficient: the multiple of the baseline's own value; an absent axis has 1."""


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """One network, and the axes along which it can be scaled."""

    name: str
    """Name shown to the user, as given."""
    at_one: Space
    """The space that contains this network alone: all coefficients are 1."""

    @cached_property
    def own(self) -> dict[str, float]:
        """Axis → the baseline's own value.

        An axis is a dimension that has one positive number for the whole network.
        """
        whole = {
            **self.at_one.skeleton.at(None),
            **{p.dimension: p.values[0] for p in self.at_one.parameters if p.stage is None and not p.bundles},
        }
        apart = {key for row in self.at_one.skeleton.stages for key in row} | {
            p.dimension for p in self.at_one.parameters if p.stage is not None
        }
        kept = {}
        for dimension, value in whole.items():
            if (
                is_number(value)
                and value > 0
                and dimension in self.at_one.skeleton.numeric
                and (dimension in AXES or dimension not in apart)
                and dimension != "repeats"
            ):
                kept[dimension] = value
        return kept

    @cached_property
    def slopes(self) -> dict[str, float]:
        """Cache of measured cost exponents by axis; `cost_exponents.exponents` fills it."""
        return {}

    @cached_property
    def network(self) -> Candidate:
        """The candidate of the baseline itself.

        Raises:
            InputError: it cannot be built at its input size.
        """
        try:
            found = self.at_one.candidate({parameter.name: parameter.values[0] for parameter in self.at_one.parameters})
            found.cost()
        except InvalidBlock as error:
            _, height, width = self.at_one.image
            raise InputError(
                f"{self.name} cannot be built for inputs of {height}x{width} px, below its total stride: {error}"
            ) from None
        return found

    @cached_property
    def cost(self) -> Cost:
        """Cost of the baseline itself."""
        return self.network.cost()

    def require_axes(self, axes: Sequence[str]) -> None:
        """Check that every one of `axes` can be scaled.

        Raises:
            InputError: `axes` is empty, names an axis twice, or names one that the baseline lacks.
        """
        for axis in axes:
            if axis not in self.own:
                raise unknown(f"axis of {self.name}:", axis, self.own)
        if len(set(axes)) != len(axes) or not axes:
            raise InputError(f"axes must be named once each, at least one, but got {', '.join(axes) or 'none'}")

    def value(self, axis: str, factor: float) -> float | int:
        """Value of the dimension `axis` at `factor` times the baseline's; ints stay ints."""
        own = self.own[axis]
        return round(own * factor) if isinstance(own, int) else round(own * factor, 9)

    def table(self, choices: Mapping[str, Sequence[float]]) -> ScaledSpace:
        """Return the space of networks whose axes take the coefficients `choices`.

        Coefficients that lead to the same value are kept once.

        Raises:
            InputError: as `require_axes`.
        """
        self.require_axes(list(choices))
        kept = {
            axis: list({self.value(axis, factor): factor for factor in reversed(list(factors))}.values())[::-1]
            for axis, factors in choices.items()
        }
        data = self.at_one.to_dict()
        if "cardinality" in kept and self._automatic_width:
            # with "auto", more paths would be narrower paths at the same cost
            data["dimensions"]["base_width"] = equal_cost_width(int(self.own["cardinality"]))
        data["dimensions"] |= {
            axis: {"choices": [self.value(axis, factor) for factor in factors]} for axis, factors in kept.items()
        }
        return ScaledSpace(baseline=self, factors=kept, space=Space.from_dict(data, self.name))

    @property
    def _automatic_width(self) -> bool:
        return (
            self.at_one.to_dict()["dimensions"].get("base_width", self.at_one.skeleton.at(None).get("base_width"))
            == "auto"
        )

    def candidate(self, factors: Factors) -> Candidate:
        """Return the baseline scaled by `factors`.

        Raises:
            InputError: the baseline lacks an axis, or no network can be built at that size; the
                message then gives the coefficients.
        """
        if not factors:
            return self.network
        scaled = self.table({axis: [factor] for axis, factor in factors.items()})
        try:
            return scaled.space.candidate(settings(scaled.space, np.array([*scaled.row([0] * len(factors))], np.int32)))
        except InvalidBlock as error:
            raise InputError(f"{self.name} cannot be scaled by {in_letters(factors)}: {error}") from None

    def resized(self, size: int) -> Baseline:
        """Return the same baseline for inputs of `size` × `size` pixels at resolution 1."""
        return Baseline(name=self.name, at_one=self.at_one.adapted(image_size=size))

    def adapted(self, *, classes: int, channels: int) -> Baseline:
        """Return the same baseline for the classes and image channels of a data set."""
        return Baseline(name=self.name, at_one=self.at_one.adapted(classes=classes, channels=channels))

    def rounded_to(self, multiple: int) -> Baseline:
        """Return the same baseline with input sizes rounded to a multiple of `multiple` pixels.

        Raises:
            InputError: `multiple` is below 1.
        """
        if multiple < 1:
            raise InputError(f"--size-multiple must be at least 1, but got {multiple}")
        data = self.at_one.to_dict()
        data["dimensions"] = {**data["dimensions"], "size_multiple": multiple}
        return Baseline(name=self.name, at_one=Space.from_dict(data, self.name))


@dataclass(frozen=True, kw_only=True)
class ScaledSpace:
    """The space of a baseline in which some axes are free."""

    baseline: Baseline
    """The network that is scaled."""
    factors: Mapping[str, Sequence[float]]
    """Axis → coefficients, in the order of the parameter's values."""
    space: Space
    """The space; each axis is one of its parameters."""

    def row(self, chosen: Sequence[int]) -> list[int]:
        """Turn one coefficient index for each axis into a row of value indices of the space."""
        indices = dict(zip(self.factors, chosen, strict=True))
        return [indices.get(parameter.name, 0) for parameter in self.space.parameters]

    def rows(self, chosen: NDArray[np.integer[Any]]) -> Rows:
        """Turn coefficient indices of shape (rows, axes) into rows of the space."""
        names = list(self.factors)
        columns = [
            chosen[:, names.index(p.name)] if p.name in names else np.zeros(len(chosen), np.int32)
            for p in self.space.parameters
        ]
        return np.stack(columns, axis=1).astype(np.int32)

    def examine(self, chosen: NDArray[np.integer[Any]]) -> tuple[Cost, NDArray[np.bool_], NDArray[np.uint64]]:
        """Return cost, validity and fingerprint of the network of every row.

        `chosen` holds coefficient indices, shape (rows, axes). Equal networks have equal
        fingerprints.
        """
        cost, valid, keys = examine(self.space, self.rows(chosen))
        return cost, valid, joined(keys)

    def coefficients(self, chosen: Sequence[int]) -> dict[str, float]:
        """Axis → coefficient, of one row of coefficient indices."""
        return {axis: float(values[index]) for (axis, values), index in zip(self.factors.items(), chosen, strict=True)}

    def candidate(self, chosen: Sequence[int]) -> Candidate:
        """Return the network of one row of coefficient indices."""
        return self.space.candidate(settings(self.space, np.array(self.row(chosen), np.int32)))


def in_letters(factors: Factors) -> str:
    """Write coefficients as text: `α=1.2 β=1.1 γ=1.15`; other axes by their names."""
    return " ".join(f"{GREEK.get(axis, axis)}={factor:.6g}" for axis, factor in factors.items())


def find_baseline(reference: str | os.PathLike[str] | Candidate | Space, *, storage: str | None = None) -> Baseline:
    """Return the baseline that `reference` names.

    It is a published network or skeleton, a space without free parameters, a space file, a
    candidate's file, `STUDY:best` or a candidate's id.

    Raises:
        InputError: there is none, or the space has free parameters; the message says what to do.
    """
    if isinstance(reference, Space):
        return _fixed(reference, reference.name)
    if isinstance(reference, Candidate):
        return _of_candidate(reference, f"network-{reference.id[:12]}")
    text, path = os.fspath(reference), Path(reference)
    if path.is_file():
        source = read_file(path)
        if isinstance(source.data, Mapping) and any(key in source.data for key in OF_SPACES):
            return _fixed(Space.from_source(source), text)
    elif not path.exists() and text in centres():
        data = network(text)
        data["dimensions"] |= {axis: float(data["dimensions"].get(axis, 1.0)) for axis in AXES}
        return Baseline(name=text, at_one=Space.from_dict(data, text))
    elif not path.exists() and text in shipped_spaces():
        return _fixed(load_space(text), text)
    return _of_candidate(find_candidate(reference, storage=storage, spaces=False), text)


def _of_candidate(candidate: Candidate, name: str) -> Baseline:
    return Baseline(
        name=name, at_one=Space.from_dict({"name": Path(name).stem, "candidate": candidate.to_dict()}, name)
    )


def _fixed(space: Space, name: str) -> Baseline:
    if space.free:
        raise InputError(f"a baseline is one network, but {name} leaves free: {', '.join(space.free)}")
    return Baseline(name=name, at_one=space)
