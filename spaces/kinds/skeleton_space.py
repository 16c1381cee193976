"""The usual kind of space: a skeleton, or one candidate, and the dimensions that may be chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self, cast

from ...blocks import InputError
from ...blocks.errors import unknown
from ..candidates.candidate import Candidate
from ..skeletons import Skeleton, skeleton, skeletons
from ..skeletons.from_candidate import skeleton_of
from ..skeletons.skeleton import Image
from ..space import Settings, Space, read_classes, read_image
from ..values.constraints import Constraint, parse_constraint
from ..values.counting import count_settings
from ..values.parameters import Parameter
from ..values.yaml_source import Source
from .grammar import parameters, read_start
from .shorthand import STANDS_ON, expanded


@dataclass(frozen=True, kw_only=True)
class SkeletonSpace(Space, key="skeleton"):
    """A skeleton and the dimensions among whose values a search chooses."""

    skeleton: Skeleton
    """The skeleton that turns settings into candidates."""
    dimensions: Mapping[str, Any]
    """The dimensions as written: name → fixed value, list of choices, or mapping."""
    constraints: tuple[Constraint, ...]
    """Conditions that the parameters must meet together."""
    stages: tuple[Mapping[str, Any], ...] | None = None
    """The stages as written, which replace those of the skeleton; None keeps the skeleton's."""
    start: tuple[Settings, ...] = field(default=(), compare=False)
    """Values of some parameters with which a search begins (`starts`); they are no part of the set
    of networks, and `to_dict` leaves them out."""

    @classmethod
    def read(cls, source: Source) -> Self:
        """Make a space of this kind; raises as `from_source`."""
        data = source.data
        if not isinstance(data, Mapping):
            raise source.error((), f"a space is a mapping with the keys {', '.join(_keys)}, but got {data!r}")
        for key in data:
            if key not in _keys:
                raise source.error((key,), unknown("key", str(key), [*_keys, "union"]))
        source = expanded(source)
        data = source.data
        base = _base(source)
        if "stages" in data:
            base = _with_stages(source, base, data["stages"])
        dimensions = data.get("dimensions") or {}
        found = parameters(source, base, dimensions)
        constraints = []
        texts = data.get("constraints") or []
        if not isinstance(texts, list | tuple):
            raise source.error(("constraints",), f"constraints must be a list of texts, but got {texts!r}")
        for index, text in enumerate(texts):
            try:
                constraints.append(parse_constraint(text, [parameter.name for parameter in found]))
            except InputError as error:
                raise source.error(("constraints", index), error) from None
        image = read_image(source, (3, 224, 224))
        return cls(
            name=str(data.get("name", Path(source.name).stem)),
            skeleton=base,
            image=image,
            classes=read_classes(source, 1000),
            dimensions=dict(dimensions),
            parameters=tuple(_with_distinct_strides(parameter, base, image) for parameter in found),
            constraints=tuple(constraints),
            stages=tuple(dict(row) for row in data["stages"]) if "stages" in data else None,
            start=read_start(source, found),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the space as plain data; `from_dict` reads it back."""
        return {
            "name": self.name,
            **self.skeleton.to_dict(),
            "image": list(self.image),
            "classes": self.classes,
            **({} if self.stages is None else {"stages": [dict(row) for row in self.stages]}),
            "dimensions": {
                key: dict(value) if isinstance(value, Mapping) else value for key, value in self.dimensions.items()
            },
            "constraints": [constraint.text for constraint in self.constraints],
        }

    def adapted(
        self, *, classes: int | None = None, channels: int | None = None, image_size: int | None = None
    ) -> Self:
        """Return the same space for other inputs and outputs, as `Space.adapted`."""
        own_channels, height, width = self.image
        image = (channels or own_channels, image_size or height, image_size or width)
        return self.with_image(image, classes or self.classes)

    def with_image(self, image: Image, classes: int) -> Self:
        """Return the same space for another image (channels, height, width) and other classes."""
        if image[1:] == self.image[1:]:
            return replace(self, image=image, classes=classes)
        # which strides differ depends on the size of the image
        data = {**self.to_dict(), "image": list(image), "classes": classes}
        return replace(type(self).read(Source(data, self.name)), start=self.start)

    @cached_property
    def size(self) -> int:
        """Number of settings before constraints; several settings may build the same candidate."""
        return count_settings(self)

    @cached_property
    def truths(self) -> dict[tuple[Any, ...], bool]:
        """Cache of evaluated constraints: (text, value indices) → whether the constraint holds.

        `bulk_costing` fills it, because many rows evaluate a constraint with the same values.
        """
        return {}

    @cached_property
    def depths(self) -> tuple[Parameter, ...]:
        """Parameters that determine how many layers a stage has."""
        return tuple(parameter for parameter in self.parameters if parameter.sets_depth)

    def active(self, parameter: Parameter, settings: Mapping[str, Any]) -> bool:
        """Whether a parameter has an effect, given the settings of the parameters before it."""
        if not all(settings.get(name) in values for name, values in parameter.when):
            return False
        return parameter.layer is None or parameter.layer < self.layers(settings, parameter.stage or 0)

    def layers(self, settings: Mapping[str, Any], stage: int) -> int:
        """Number of layers of a stage (counted from 0) under `settings`."""
        local = dict(self.skeleton.at(stage, 0))
        for parameter in self.depths:
            if parameter.stage in (None, stage) and parameter.name in settings:
                local |= parameter.settings(settings[parameter.name])
        return int(self.skeleton.repeats(local))

    def candidate(self, settings: Settings) -> Candidate:
        """Return the candidate of `settings`, whether or not the constraints hold.

        Raises:
            InvalidBlock: no network can be built from the settings.
        """
        return self.skeleton.candidate(self.grouped(settings), self.image, self.classes)

    def base(self) -> Candidate:
        """Return the network in which every free parameter has the skeleton's own value."""
        settings: dict[str, Any] = {}
        for parameter in self.parameters:
            if len(parameter.values) == 1 and self.active(parameter, settings):
                settings[parameter.name] = parameter.values[0]
        return self.candidate(settings)

    def violated(self, settings: Settings) -> str | None:
        """Return the first constraint that does not hold for `settings`; None if all hold."""
        return next((one.text for one in self.constraints if not bool(one.holds(settings))), None)

    def grouped(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Group settings by the dimension of the skeleton that they set.

        Returns:
            Dimension → one value for the network; or a tuple with one value for each stage; or a
            tuple with, for each stage, a tuple of one value for each layer. None stands for the
            skeleton's own value.
        """
        grouped: dict[str, Any] = {}
        for parameter in self.parameters:
            if parameter.name not in settings:
                continue
            for dimension, value in parameter.settings(settings[parameter.name]).items():
                if parameter.stage is None:
                    grouped[dimension] = value
                    continue
                of_stages = grouped.setdefault(dimension, [None] * len(self.skeleton.stages))
                if parameter.layer is None:
                    of_stages[parameter.stage] = value
                else:
                    of_layers = of_stages[parameter.stage] = of_stages[parameter.stage] or []
                    of_layers += [None] * (parameter.layer + 1 - len(of_layers))
                    of_layers[parameter.layer] = value
        return {key: _tuples(value) for key, value in grouped.items()}


def _with_distinct_strides(parameter: Parameter, base: Skeleton, image: Image) -> Parameter:
    """Keep of the values of `strides` one for each way in which the network then halves its maps.

    At 224 px fitted strides are the published ones: a choice between them would be one between
    equal networks, of which a sampler learns nothing.
    """
    if parameter.dimension != "strides" or parameter.bundles:
        return parameter
    seen: list[Skeleton] = []
    values = []
    for value in parameter.values:
        strided = base.strided(cast("str | int", value), image)
        if strided not in seen:
            seen.append(strided)
            values.append(value)
    return replace(parameter, values=tuple(values))


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


_keys = ("name", *STANDS_ON, "image", "classes", "stages", "scaling", "dimensions", "constraints", "start")


def _base(source: Source) -> Skeleton:
    if "candidate" in source.data:
        return skeleton_of(Candidate.from_dict(source.data["candidate"]))  # `expanded` has checked it
    if "skeleton" not in source.data:
        raise source.error(
            (), f"a space needs a skeleton (known: {', '.join(skeletons())}), or a candidate or a baseline in its place"
        )
    try:
        return skeleton(str(source.data["skeleton"]))
    except InputError as error:
        raise source.error(("skeleton",), error) from None


def _with_stages(source: Source, base: Skeleton, rows: Any) -> Skeleton:
    if not isinstance(rows, list | tuple) or not all(isinstance(row, Mapping) for row in rows):
        raise source.error(
            ("stages",),
            f"stages must be a list of mappings such as {{channels: 64, stride: 2, repeats: 3}}, but got {rows!r}",
        )
    for index, row in enumerate(rows):
        try:
            base.with_stages((row,))
        except InputError as error:
            raise source.error(("stages", index), str(error).replace("stage 1", f"stage {index + 1}", 1)) from None
    try:
        return base.with_stages(tuple(rows))
    except InputError as error:
        raise source.error(("stages",), error) from None
