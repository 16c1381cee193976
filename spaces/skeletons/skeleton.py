"""The base class of skeletons, and the dimensions that all skeletons share.

A skeleton turns settings (dimension → value) into a candidate, place by place: stem, the layers of
every stage, head. Its methods take scalars for one candidate and arrays for many at once, so that
each network has one description and its cost one formula.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar, Self

from ...blocks import Attention, InputError, Part, Projection, Unit, block_class, names
from ...blocks.errors import unknown
from ...blocks.rounding import at_least, ceil, make_divisible, nearest
from ...blocks.shape import Number
from ..candidates.candidate import Candidate, Layout, assemble
from ..candidates.fitted_strides import SMALLEST_MAP, fitted_strides
from ..values.plain_values import is_auto, is_number
from .attention_choice import options
from .value_rules import COUNT, STRIDE, Rule

Image = tuple[int, int, int]
"""Channels, height and width in pixels."""
Local = Mapping[str, Any]
"""Dimension → value at one place: the stem, the head, or one layer of a stage, which also has
`channels` and `stride`."""


@dataclass(frozen=True, kw_only=True)
class Skeleton(ABC):
    """A family of networks with a baseline; it turns settings into candidates."""

    name: str
    """Name of the skeleton in a space file."""
    layout: Layout
    """The module names of its networks; one for each subclass."""
    stages: tuple[Mapping[str, Any], ...]
    """One row for each stage: its `channels`, the `stride` of its first layer, and the baseline's
    values of dimensions that differ between stages. A tuple holds one value for each layer; its
    last value stands for all further layers."""
    baseline: Mapping[str, Any] = field(default_factory=dict)
    """Values for the whole network that replace those of `family`."""

    family: ClassVar[Mapping[str, Any]]
    """Every dimension with its default value."""
    rules: ClassVar[Mapping[str, Rule]]
    """Dimension → rule for its values; `attention` and the options of attention blocks are checked
    by their classes instead."""
    per_stage: ClassVar[frozenset[str]]
    """Dimensions that may differ between stages, in addition to the options of attention blocks."""
    per_layer: ClassVar[frozenset[str]]
    """Dimensions that may differ between layers, in addition to the options of attention blocks."""
    numeric: ClassVar[frozenset[str]]
    """Dimensions whose value may be an array, because the formulas only calculate with it."""
    outside: ClassVar[frozenset[str]]
    """Dimensions on which the stem, the head or the image size depends."""
    widens: ClassVar[frozenset[str]] = frozenset({"width"})
    """Dimensions on which the output channels of a stage depend."""
    spares_first: ClassVar[frozenset[str]] = frozenset()
    """Dimensions whose value for the whole network does not apply to the first stage."""

    @abstractmethod
    def stem(self, local: Local) -> Part:
        """Return the part before the stages."""

    @abstractmethod
    def unit(self, local: Local) -> Unit:
        """Return the unit of one layer of a stage."""

    @abstractmethod
    def head(self, local: Local) -> Part:
        """Return the part after the stages."""

    def out_channels(self, local: Local) -> Number:
        """Return the output channels of a stage: `channels` times the width coefficient β.

        They are rounded to a multiple of `divisor` (8) and never below 90 % of the exact value.
        """
        return make_divisible(local["channels"] * local["width"], local["divisor"])

    def repeats(self, local: Local) -> Number:
        """Return the layers of a stage: `repeats` times the depth coefficient α, rounded up."""
        return at_least(ceil(local["repeats"] * local["depth"]), 1)

    def image(self, local: Local, image: Image) -> tuple[int, Number, Number]:
        """Return `image` with height and width multiplied by the resolution coefficient γ.

        Both are rounded to a multiple of `size_multiple`, at least one times it.
        """
        multiple = local["size_multiple"]
        height, width = (at_least(nearest(side * local["resolution"] / multiple), 1) * multiple for side in image[1:])
        return image[0], height, width

    def layer(self, local: Local, index: int) -> Unit | None:
        """Return the unit of layer `index` of a stage; None if the layer is skipped.

        A skipped first layer becomes a projection, because it changes the shape of the map.
        """
        if not local["skip"]:
            return self.unit(local)
        return (
            Projection(channels=self.out_channels(local), stride=local["stride"], activation=None)
            if index == 0
            else None
        )

    def candidate(self, settings: Mapping[str, Any], image: Image, classes: int) -> Candidate:
        """Return the candidate of `settings`.

        Args:
            settings: dimension → one value for the network, a tuple with one value for each stage,
                or a tuple with a tuple of one value for each layer of each stage. None, and what is
                absent, takes the baseline's value.
            image: channels, height and width of an input, before the resolution coefficient. Fitted
                strides are fitted to this size, so that a space has the same ones at every γ.
            classes: outputs of the classifier.

        Raises:
            InvalidBlock: no network can be built from the settings.
        """
        base = self.strided(settings.get("strides") or self.at(None)["strides"], image)
        whole = base.local(settings)
        stages: list[list[tuple[Unit, Number]]] = []
        for stage in range(len(base.stages)):
            repeats = base.repeats(base.local(settings, stage, 0))
            distinct = repeats if base._varies(settings, stage) else min(repeats, 2)
            layers = [(base.layer(base.local(settings, stage, index), index), 1) for index in range(distinct)]
            if distinct < repeats:
                layers[-1] = (layers[-1][0], repeats - distinct + 1)
            stages.append([(unit, count) for unit, count in layers if unit is not None])
        return assemble(base.layout, base.image(whole, image), classes, base.stem(whole), stages, base.head(whole))

    def strided(self, strides: str | int, image: Image) -> Self:
        """Return the skeleton with the strides that the value `strides` of that dimension asks for.

        "published" is the skeleton itself; "fitted" is the skeleton with its own strides fitted to
        `image` (see `fitted_strides`), and a number is the same with a last map of at least that
        many pixels a side. Strides that the settings give explicitly stay as given.
        """
        if strides == "published":
            return self
        key = min(image[1:]), SMALLEST_MAP if strides == "fitted" else int(strides)
        if key not in self._fitted:
            self._fitted[key] = self.fitted(*key)
        return self._fitted[key]

    def fitted(self, side: int, smallest: int = SMALLEST_MAP) -> Self:
        """Return the skeleton with its strides fitted to images of `side` pixels a side: the last
        map keeps `smallest` pixels a side."""
        own = self.at(None)
        strides = [own["stem_stride"], 2 if own["stem_pool"] else 1, *(row["stride"] for row in self.stages)]
        found = fitted_strides(strides, side, smallest=smallest)
        if found == strides:
            return self
        stem, pool, *left = found
        return replace(
            self,
            baseline={**self.baseline, "stem_stride": stem, "stem_pool": pool == 2},
            stages=tuple({**row, "stride": stride} for row, stride in zip(self.stages, left, strict=True)),
        )

    @cached_property
    def _fitted(self) -> dict[tuple[int, int], Self]:
        return {}

    def to_dict(self) -> dict[str, Any]:
        """Return the entries of a space file that name this skeleton; stages are left out."""
        return {"skeleton": self.name}

    def varies(self, stage: int) -> bool:
        """Whether layers of a stage of the baseline differ in more than the stride of the first."""
        return any(isinstance(value, tuple) for value in self.stages[stage].values())

    def _varies(self, settings: Mapping[str, Any], stage: int) -> bool:
        return self.varies(stage) or any(
            isinstance(value, tuple) and stage < len(value) and isinstance(value[stage], tuple)
            for value in settings.values()
        )

    def local(self, settings: Mapping[str, Any], stage: int | None = None, layer: int | None = None) -> dict[str, Any]:
        """Return the value of every dimension at one place, from `settings` and the baseline."""
        local = dict(self.at(stage, layer))
        for dimension, value in settings.items():
            if isinstance(value, tuple):
                value = value[stage] if stage is not None and stage < len(value) else None
                if isinstance(value, tuple):
                    value = value[layer] if layer is not None and layer < len(value) else None
            elif stage == 0 and dimension in self.spares_first:
                continue
            if dimension == "stride" and layer:  # only a stage's first layer has its stride
                continue
            if value is not None and not (is_auto(value) and dimension in local):
                local[dimension] = value
        return local

    def at(self, stage: int | None, layer: int | None = None) -> Mapping[str, Any]:
        """Return the baseline's value of every dimension at one place.

        Args:
            stage: the stage, from 0; None for the stem, the head and the image.
            layer: the layer of the stage, from 0; None is the same as 0.
        """
        place = (stage, layer if stage is not None and layer and self.varies(stage) else min(layer or 0, 1))
        if place not in self._places:
            row = {} if stage is None else self.stages[stage]
            own = {
                key: value[min(layer or 0, len(value) - 1)] if isinstance(value, tuple) else value
                for key, value in row.items()
            }
            self._places[place] = {**self.family, **self.baseline, **own, **({"stride": 1} if layer else {})}
        return self._places[place]

    @cached_property
    def _places(self) -> dict[tuple[int | None, int], dict[str, Any]]:
        return {}

    def takes_arrays(self, dimension: str, values: Iterable[Any]) -> bool:
        """Whether the formulas accept an array of `values` for a dimension."""
        return dimension in self.numeric and all(is_number(value) for value in values)

    def check(self, dimension: str, value: Any) -> None:
        """Check the value of a dimension.

        Raises:
            InputError: no network of this skeleton can have the value; the message gives the rule
                and the value, or the nearest known name.
        """
        if not isinstance(value, str | int | float | bool):
            raise InputError(f"{dimension} must be a text, a number, true or false, but got {value!r}")
        if dimension == "attention":
            if value != "none":
                block_class(str(value), Attention)
        elif dimension in self.rules:
            self.rules[dimension].check(dimension, value)
        elif value != "auto":
            for cls in (block_class(name, Attention) for name in names(Attention)):
                if dimension in cls.dimensions:
                    try:
                        cls(**{cls.dimensions[dimension]: value})  # pyright: ignore[reportAbstractUsage]
                    except (TypeError, ArithmeticError):
                        raise InputError(
                            f"{dimension} must be a value that the attention block {cls.name!r} takes, but got"
                            f" {value!r}"
                        ) from None

    def dimensions(self) -> list[str]:
        """List all dimensions, including the options of registered attention blocks."""
        return list(dict.fromkeys([*self.family, *options()]))

    def may_differ(self, dimension: str, each: str) -> bool:
        """Whether a dimension may differ between stages (`each` "stage") or layers ("layer")."""
        return dimension in (self.per_stage if each == "stage" else self.per_layer) or dimension in options()

    def with_stages(self, rows: tuple[Mapping[str, Any], ...]) -> Self:
        """Return the same skeleton with other stages.

        `rows` are as in `stages`, with lists in place of tuples allowed.

        Raises:
            InputError: an unknown key, or a value that no stage can have.
        """
        brought = set(options())
        for index, row in enumerate(rows, start=1):
            for key, value in row.items():
                if key not in {"channels", "stride"} | self.per_stage | brought:
                    raise unknown(f"key of stage {index}:", str(key), ["channels", "stride", *sorted(self.per_stage)])
                layers = (
                    value if isinstance(value, list | tuple) and (key in self.per_layer or key in brought) else [value]
                )
                if key in self.family and "auto" in layers and self.family[key] != "auto":
                    raise InputError(f"{key} of a stage spelled out must be a value, but got 'auto'")
                if not layers:
                    raise InputError(f"{key} needs at least one value, but got {value!r}")
                for each in layers:
                    (
                        {"channels": COUNT, "stride": STRIDE}[key].check(key, each)
                        if key in ("channels", "stride")
                        else self.check(key, each)
                    )
            if "channels" not in row:
                raise InputError(f"stage {index} needs channels, but got {dict(row)!r}")
        if not rows:
            raise InputError("a network needs at least one stage, but got none")
        own: dict[str, Any] = {"stride": 1}
        return replace(
            self,
            stages=tuple(
                {**own, **{key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}}
                for row in rows
            ),
        )
