"""What a skeleton is, and what all skeletons share.

A skeleton turns settings (dimension → value) into a candidate, place by place: stem, the layers of
every stage, head. What it says of one place is asked with scalars for one candidate and with arrays
for many at once, so that there is one description of a network and one formula for its cost.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar, Self

from ...blocks import Attention, InputError, Part, Projection, Unit, block_class, names
from ...blocks.errors import unknown
from ...blocks.rounding import at_least, ceil, make_divisible, nearest
from ...blocks.shape import Number
from ..candidate import Candidate, Layout, assemble
from .rules import COUNT, FLAG, POSITIVE, STRIDE, Rule

Image = tuple[int, int, int]
"""Channels, height and width."""
Local = Mapping[str, Any]
"""Dimension → value at one place: the stem, the head, or one layer of a stage (with its `channels`
and `stride`)."""


@dataclass(frozen=True, kw_only=True)
class Skeleton(ABC):
    """Turns settings into candidates."""

    name: str
    """As in a space file."""
    layout: Layout
    """Whose module names its networks bear; of a family it is one."""
    stages: tuple[Mapping[str, Any], ...]
    """For every stage its `channels`, the `stride` of its first layer, and the baseline's values of
    dimensions that differ from stage to stage; a tuple holds one value a layer, the last of which
    stands for all further ones."""
    baseline: Mapping[str, Any] = field(default_factory=dict)
    """Values for the whole network that differ from the family's."""

    family: ClassVar[Mapping[str, Any]]
    """Every dimension with its value unless the skeleton says otherwise."""
    rules: ClassVar[Mapping[str, Rule]]
    """What a value of each dimension must be; `attention` and the options of attention blocks are
    checked by themselves."""
    per_stage: ClassVar[frozenset[str]]
    """Dimensions that may differ from stage to stage, the options of attention blocks besides."""
    per_layer: ClassVar[frozenset[str]]
    """Dimensions that may differ from layer to layer, the options of attention blocks besides."""
    numeric: ClassVar[frozenset[str]]
    """Dimensions whose value may be an array: the formulas take them without looking at them."""
    outside: ClassVar[frozenset[str]]
    """Dimensions that the stem, the head and the image look at."""
    widens: ClassVar[frozenset[str]] = frozenset({"width"})
    """Dimensions on which a stage's output channels depend."""
    spares_first: ClassVar[frozenset[str]] = frozenset()
    """Dimensions of which one value for the whole network leaves the first stage as it is."""

    @abstractmethod
    def stem(self, local: Local) -> Part:
        """What stands before the stages."""

    @abstractmethod
    def unit(self, local: Local) -> Unit:
        """One layer of a stage."""

    @abstractmethod
    def head(self, local: Local) -> Part:
        """What stands after the stages."""

    def out_channels(self, local: Local) -> Number:
        """Output channels of a stage: the baseline's times the width coefficient, a multiple of the
        divisor (8) and never below 90 %."""
        return make_divisible(local["channels"] * local["width"], local["divisor"])

    def repeats(self, local: Local) -> Number:
        """Layers of a stage: the baseline's times the depth coefficient, rounded up."""
        return at_least(ceil(local["repeats"] * local["depth"]), 1)

    def image(self, local: Local, image: Image) -> tuple[int, Number, Number]:
        """`image` with both sides multiplied by the resolution coefficient γ and rounded to a
        multiple of `size_multiple`, one at least."""
        multiple = local["size_multiple"]
        height, width = (at_least(nearest(side * local["resolution"] / multiple), 1) * multiple for side in image[1:])
        return image[0], height, width

    def layer(self, local: Local, index: int) -> Unit | None:
        """The unit of a stage's layer `index`; None where it is skipped. A skipped first layer is a
        projection: it has a map to change."""
        if not local["skip"]:
            return self.unit(local)
        return (
            Projection(channels=self.out_channels(local), stride=local["stride"], activation=None)
            if index == 0
            else None
        )

    def candidate(self, settings: Mapping[str, Any], image: Image, classes: int) -> Candidate:
        """The candidate of `settings`: dimension → value, a tuple of one value a stage, or of
        tuples of one value a layer; the rest is the baseline's.

        Raises:
            InvalidBlock: no network can be built from them.
        """
        whole = self.local(settings)
        stages: list[list[tuple[Unit, Number]]] = []
        for stage in range(len(self.stages)):
            repeats = self.repeats(self.local(settings, stage, 0))
            distinct = repeats if self._varies(settings, stage) else min(repeats, 2)
            layers = [(self.layer(self.local(settings, stage, index), index), 1) for index in range(distinct)]
            if distinct < repeats:
                layers[-1] = (layers[-1][0], repeats - distinct + 1)
            stages.append([(unit, count) for unit, count in layers if unit is not None])
        return assemble(self.layout, self.image(whole, image), classes, self.stem(whole), stages, self.head(whole))

    def to_dict(self) -> dict[str, Any]:
        """What a space file says of it, without its stages."""
        return {"skeleton": self.name}

    def varies(self, stage: int) -> bool:
        """Whether the baseline's layers of a stage differ in more than the first one's stride."""
        return any(isinstance(value, tuple) for value in self.stages[stage].values())

    def _varies(self, settings: Mapping[str, Any], stage: int) -> bool:
        return self.varies(stage) or any(
            isinstance(value, tuple) and stage < len(value) and isinstance(value[stage], tuple)
            for value in settings.values()
        )

    def local(self, settings: Mapping[str, Any], stage: int | None = None, layer: int | None = None) -> dict[str, Any]:
        """What `settings` come to at one place."""
        local = dict(self.at(stage, layer))
        for dimension, value in settings.items():
            if isinstance(value, tuple):
                value = value[stage] if stage is not None and stage < len(value) else None
                if isinstance(value, tuple):
                    value = value[layer] if layer is not None and layer < len(value) else None
            elif stage == 0 and dimension in self.spares_first:
                continue
            if value is not None and not (isinstance(value, str) and value == "auto" and dimension in local):
                local[dimension] = value
        return local

    def at(self, stage: int | None, layer: int | None = None) -> Mapping[str, Any]:
        """The baseline at one place."""
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
        """Whether the formulas take an array of `values` for a dimension."""
        return dimension in self.numeric and all(
            isinstance(value, int | float) and not isinstance(value, bool) for value in values
        )

    def check(self, dimension: str, value: Any) -> None:
        """Refuse a value that no network of this skeleton can have.

        Raises:
            InputError: the rule and the value, or the nearest known name.
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
        """Names of all dimensions, those of the registered attention blocks included."""
        return list(dict.fromkeys([*self.family, *options()]))

    def may_differ(self, dimension: str, each: str) -> bool:
        """Whether a dimension may be one for each "stage" or "layer"."""
        return dimension in (self.per_stage if each == "stage" else self.per_layer) or dimension in options()

    def with_stages(self, rows: tuple[Mapping[str, Any], ...]) -> Self:
        """The same skeleton with its stages spelled out; a list holds one value a layer, the last
        of which stands for all further ones.

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


SHARED: Mapping[str, Any] = {
    "depth": 1.0,
    "width": 1.0,
    "resolution": 1.0,
    "repeats": 1,
    "skip": False,
    "attention": "none",
    "size_multiple": 1,
    "divisor": 8,
}
"""Dimensions of every skeleton: α, β, γ, layers of a stage, leaving a layer out, the attention of
its layers, what image sides and widths are multiples of."""
SHARED_RULES: Mapping[str, Rule] = {
    "depth": POSITIVE,
    "width": POSITIVE,
    "resolution": POSITIVE,
    "repeats": COUNT,
    "skip": FLAG,
    "size_multiple": COUNT,
    "divisor": COUNT,
}
SHARED_OUTSIDE = frozenset({"width", "resolution", "size_multiple", "divisor"})
"""Those of them that the stem, the head and the image look at."""


def options() -> list[str]:
    """Dimensions that registered attention blocks bring."""
    return [dimension for name in names(Attention) for dimension in block_class(name, Attention).dimensions]


def attention(local: Local, **se: Any) -> Attention | None:
    """The attention block that `local` names, with the options it gives; `se` are the skeleton's
    own fields for SE."""
    name = local["attention"]
    if name == "none":
        return None
    cls = block_class(name, Attention)
    fields = {
        field: local[dimension] for dimension, field in cls.dimensions.items() if not _automatic(local.get(dimension))
    }
    if name != "se" and "activation" in local and "activation" in {field.name for field in dataclasses.fields(cls)}:  # type: ignore[arg-type]
        fields["activation"] = local["activation"]  # what stands in a convolution's place has the network's activation
    return cls(**{**(se if name == "se" else {}), **fields})  # pyright: ignore[reportAbstractUsage]


def _automatic(value: Any) -> bool:
    return value is None or (isinstance(value, str) and value == "auto")
