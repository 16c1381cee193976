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
from typing import Any, Self

from ...blocks import Cost, InputError, InvalidBlock
from ...blocks.errors import unknown
from ..architectures import Architecture
from ..candidates.candidate import Candidate
from ..kinds.skeleton_space import SkeletonSpace
from ..named_candidate import OF_SPACES, find_candidate
from ..neighbourhood import centre, centres, written
from ..skeletons.resnet import equal_cost_width
from ..space import Space, load_space, shipped_spaces
from ..values.plain_values import is_number
from ..values.yaml_source import Source, read_file
from .scaled_space import ScaledSpace

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
    at_one: SkeletonSpace
    """The space that contains this network alone: all coefficients are 1."""

    @classmethod
    def of_data(cls, data: Mapping[str, Any], name: str) -> Self:
        """Make a baseline from the plain data of a space that contains it alone.

        Raises:
            InputError: an error in the data; `name` takes the place of the file in the message.
        """
        return cls(name=name, at_one=SkeletonSpace.read(Source(data, name)))

    @classmethod
    def of_architecture(cls, network: Architecture, name: str, **dimensions: Any) -> Self:
        """Make a baseline of a network that is given as settings of a skeleton.

        `dimensions` replace dimensions of the whole network.

        Raises:
            InputError: the skeleton has no such settings.
        """
        data = written(network, name)
        own = {**data["dimensions"], **dimensions}
        return cls.of_data({**data, "dimensions": own | {axis: float(own.get(axis, 1.0)) for axis in AXES}}, name)

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
        """Value of the dimension `axis` at `factor` times the baseline's; ints stay ints, at least
        1."""
        own = self.own[axis]
        return max(1, round(own * factor)) if isinstance(own, int) else round(own * factor, 9)

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
        return ScaledSpace(factors=kept, space=SkeletonSpace.read(Source(data, self.name)))

    @property
    def _automatic_width(self) -> bool:
        return (
            self.at_one.to_dict()["dimensions"].get("base_width", self.at_one.skeleton.at(None).get("base_width"))
            == "auto"
        )

    def candidate(self, factors: Factors) -> Candidate:
        """Return the baseline scaled by `factors`.

        Raises:
            InputError: the baseline lacks an axis, or cannot have a value of it.
            InvalidBlock: no network can be built at that size; the message gives the coefficients.
        """
        if not factors:
            return self.network
        self.require_axes(list(factors))
        changed: dict[str, Any] = {axis: self.value(axis, factor) for axis, factor in factors.items()}
        if "cardinality" in factors and self._automatic_width:
            changed["base_width"] = equal_cost_width(int(self.own["cardinality"]))
        try:
            return self.with_settings(changed)
        except InvalidBlock as error:
            raise InvalidBlock(f"{self.name} cannot be scaled by {in_letters(factors)}: {error}") from None

    def with_settings(self, changed: Mapping[str, Any]) -> Candidate:
        """Return the baseline with other values of some dimensions, for the whole network.

        Raises:
            InputError: a dimension cannot have its value.
            InvalidBlock: no network can be built from the values.
        """
        skeleton = self.at_one.skeleton
        for dimension, value in changed.items():
            skeleton.check(dimension, value)
        return skeleton.candidate({**self._settings, **changed}, self.at_one.image, self.at_one.classes)

    @cached_property
    def _settings(self) -> dict[str, Any]:
        """The dimensions that the baseline sets, as its skeleton takes them."""
        return self.at_one.grouped({parameter.name: parameter.values[0] for parameter in self.at_one.parameters})

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
        return Baseline.of_data(data, self.name)


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
    if os.path.isfile(path):
        source = read_file(path)
        if isinstance(source.data, Mapping) and any(key in source.data for key in OF_SPACES):
            return _fixed(Space.from_source(source), text)
    elif not os.path.exists(path) and text in centres():
        return Baseline.of_architecture(centre(text), text)
    elif not os.path.exists(path) and (text in shipped_spaces() or "," in text):
        return _fixed(load_space(text), text)
    return _of_candidate(find_candidate(reference, storage=storage, spaces=False), text)


def _of_candidate(candidate: Candidate, name: str) -> Baseline:
    return Baseline.of_data({"name": Path(name).stem, "candidate": candidate.to_dict()}, name)


def _fixed(space: Space, name: str) -> Baseline:
    if space.free:
        free = ", ".join(space.free[:6]) + (", …" if len(space.free) > 6 else "")
        raise InputError(f"a baseline is one network, but {name} leaves free: {free}")
    if not isinstance(space, SkeletonSpace):
        raise InputError(f"a baseline is one network of one skeleton, but {name} is a union of spaces")
    return Baseline(name=name, at_one=space)
