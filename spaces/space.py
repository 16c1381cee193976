"""A space: a skeleton and the dimensions that may be chosen.

Read from YAML (`load_space`) or made of plain data (`Space.from_dict`); see `docs/spaces.md` for the grammar.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.resources import files
from math import prod
from pathlib import Path
from typing import Any, Self

from ..blocks import InputError
from ..blocks.errors import unknown
from .candidate import Candidate
from .constraints import Constraint, parse_constraint
from .parameters import Parameter, Value, range_values
from .skeletons import Skeleton, skeleton, skeletons
from .skeletons.skeleton import Image
from .source import Source, read_file, read_yaml

Settings = Mapping[str, Value]
"""Parameter name → value; inactive parameters are absent."""


@dataclass(frozen=True, kw_only=True)
class Space:
    """The set of networks allowed."""

    name: str
    """As shown and stored."""
    skeleton: Skeleton
    """Turns settings into candidates."""
    image: Image
    """Channels, height and width at which the budget is counted, before the resolution coefficient."""
    classes: int
    """Outputs; a data set's own number replaces it."""
    dimensions: Mapping[str, Any]
    """As written: dimension → fixed value, list of choices, or mapping."""
    parameters: tuple[Parameter, ...]
    """What a sampler chooses, conditions after what they depend on."""
    constraints: tuple[Constraint, ...]
    """What must hold between them."""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], name: str = "space") -> Self:
        """The space that plain data describes; raises as `from_source` does."""
        return cls.from_source(Source(data, name))

    @classmethod
    def from_source(cls, source: Source) -> Self:
        """The space that a parsed file describes.

        Raises:
            InputError: names file, line, key and the nearest known one.
        """
        data = source.data
        if not isinstance(data, Mapping):
            raise source.error((), f"a space is a mapping with the keys {', '.join(_keys)}, but got {data!r}")
        for key in data:
            if key not in _keys:
                raise source.error((key,), unknown("key", str(key), _keys))
        if "skeleton" not in data:
            raise source.error((), f"a space needs a skeleton (known: {', '.join(skeletons())})")
        try:
            base = skeleton(str(data["skeleton"]))
        except InputError as error:
            raise source.error(("skeleton",), error) from None
        image = data.get("image", [3, 224, 224])
        if not (isinstance(image, list | tuple) and len(image) == 3 and all(isinstance(side, int) and side >= 1 for side in image)):
            raise source.error(("image",), f"image must be [channels, height, width], whole numbers of at least 1, but got {image!r}")
        classes = data.get("classes", 1000)
        if not isinstance(classes, int) or classes < 2:
            raise source.error(("classes",), f"classes must be a whole number of at least 2, but got {classes!r}")
        dimensions = data.get("dimensions") or {}
        if not isinstance(dimensions, Mapping):
            raise source.error(("dimensions",), f"dimensions must be a mapping, but got {dimensions!r}")
        parameters = _ordered(_parameters(source, base, dimensions), source)
        constraints = []
        texts = data.get("constraints") or []
        if not isinstance(texts, list | tuple):
            raise source.error(("constraints",), f"constraints must be a list of texts, but got {texts!r}")
        for index, text in enumerate(texts):
            try:
                constraints.append(parse_constraint(text, [parameter.name for parameter in parameters]))
            except InputError as error:
                raise source.error(("constraints", index), error) from None
        return cls(
            name=str(data.get("name", Path(source.name).stem)), skeleton=base, image=tuple(image), classes=classes, dimensions=dict(dimensions),
            parameters=parameters, constraints=tuple(constraints),
        )  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """The space as plain data, the inverse of `from_dict`."""
        return {
            "name": self.name,
            "skeleton": self.skeleton.name,
            "image": list(self.image),
            "classes": self.classes,
            "dimensions": {key: dict(value) if isinstance(value, Mapping) else value for key, value in self.dimensions.items()},
            "constraints": [constraint.text for constraint in self.constraints],
        }

    def adapted(self, *, classes: int | None = None, channels: int | None = None, image_size: int | None = None) -> Space:
        """The same space for a data set's number of classes and channels, and for another input size in pixels."""
        own_channels, height, width = self.image
        image = (channels or own_channels, image_size or height, image_size or width)
        return replace(self, image=image, classes=classes or self.classes)

    @cached_property
    def by_name(self) -> dict[str, Parameter]:
        """Parameters by name."""
        return {parameter.name: parameter for parameter in self.parameters}

    @cached_property
    def size(self) -> int:
        """How many settings there are, before constraints; different settings may build the same candidate."""
        parents = {name for parameter in self.parameters for name, _ in parameter.when}

        def count(index: int, settings: dict[str, Value]) -> int:
            if index == len(self.parameters):
                return prod(len(p.values) for p in self.parameters if p.name not in parents and p.active(settings))
            parameter = self.parameters[index]
            if parameter.name not in parents or not parameter.active(settings):
                return count(index + 1, settings)
            return sum(count(index + 1, {**settings, parameter.name: value}) for value in parameter.values)

        return count(0, {})

    def candidate(self, settings: Settings) -> Candidate:
        """The candidate of `settings`; constraints are not looked at.

        Raises:
            InvalidBlock: no network can be built from them.
        """
        return self.skeleton.candidate(self.grouped(settings), self.image, self.classes)

    def allows(self, settings: Settings) -> bool:
        """Whether all constraints hold."""
        return all(bool(constraint.holds(settings)) for constraint in self.constraints)

    def grouped(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Dimension → value, the parameters of one dimension joined to a tuple of one value a stage."""
        grouped: dict[str, Any] = {}
        for parameter in self.parameters:
            if parameter.name in settings:
                value = settings[parameter.name]
                grouped[parameter.dimension] = (*grouped.get(parameter.dimension, ()), value) if parameter.stage is not None else value
        return grouped


_package = "automl.spaces"
_keys = ("name", "skeleton", "image", "classes", "dimensions", "constraints")
_dimension_keys = ("low", "high", "step", "choices", "each", "when")


def shipped_spaces() -> list[str]:
    """Names of the spaces that come with automl."""
    return sorted(path.name.removesuffix(".yaml") for path in files(_package).joinpath("library").iterdir() if path.name.endswith(".yaml"))


def load_space(name: str | Path) -> Space:
    """A shipped space by name, or a space file.

    Raises:
        InputError: no such space or file, or an error in it (file, line, key, nearest known one).
    """
    path = Path(name)
    if path.suffix in (".yaml", ".yml") or path.is_file():
        return Space.from_source(read_file(path))
    if str(name) not in shipped_spaces():
        raise unknown("space", str(name), [*shipped_spaces(), "FILE.yaml"])
    resource = files(_package).joinpath("library", f"{name}.yaml")
    return Space.from_source(read_yaml(resource.read_text(encoding="utf-8"), f"{name}.yaml"))


def _parameters(source: Source, base: Skeleton, dimensions: Mapping[str, Any]) -> list[Parameter]:
    parameters: list[Parameter] = []
    for dimension, written in dimensions.items():
        path = ("dimensions", dimension)
        if dimension not in base.dimensions():
            raise source.error(path, unknown(f"dimension of the {base.name} skeleton:", str(dimension), base.dimensions()))
        spec = written if isinstance(written, Mapping) else {"choices": written if isinstance(written, list | tuple) else [written]}
        for key in spec:
            if key not in _dimension_keys:
                raise source.error((*path, key), unknown(f"key of the dimension {dimension!r}:", str(key), _dimension_keys))
        try:
            values, step = _values(spec)
            for value in values:
                base.check(dimension, value)
        except InputError as error:
            raise source.error(path, f"{dimension}: {error}") from None
        each = spec.get("each", "network")
        if each not in ("network", "stage"):
            raise source.error((*path, "each"), unknown("value of `each`:", str(each), ["network", "stage"]))
        if each == "stage" and dimension not in base.per_stage:
            raise source.error((*path, "each"), f"{dimension!r} is one for the whole network; for each stage there are {', '.join(sorted(base.per_stage))}")
        when = _when(source, path, spec.get("when") or {})
        for stage in range(base.stages) if each == "stage" else [None]:
            name = dimension if stage is None else f"{dimension}.{stage + 1}"
            parameters.append(Parameter(name=name, dimension=dimension, stage=stage, values=values, step=step, when=when))
    return parameters


def _values(spec: Mapping[str, Any]) -> tuple[tuple[Value, ...], float | None]:
    if "choices" in spec:
        if {"low", "high", "step"} & set(spec):
            raise InputError("a dimension has either choices or low, high and step, but got both")
        choices = spec["choices"]
        if not isinstance(choices, list | tuple) or not choices or not all(isinstance(value, str | int | float) for value in choices):
            raise InputError(f"choices must be a list of at least one text or number, but got {choices!r}")
        if len({(type(value), value) for value in choices}) != len(choices):
            raise InputError(f"choices must differ from each other, but got {choices!r}")
        return tuple(choices), None
    missing = [key for key in ("low", "high", "step") if key not in spec]
    if missing:
        raise InputError(f"a range needs low, high and step, but {', '.join(missing)} is missing")
    return range_values(spec["low"], spec["high"], spec["step"]), spec["step"]


def _when(source: Source, path: tuple[str, str], spec: Any) -> tuple[tuple[str, tuple[Value, ...]], ...]:
    if not isinstance(spec, Mapping):
        raise source.error((*path, "when"), f"when must be a mapping of dimension to values, but got {spec!r}")
    return tuple((str(name), tuple(values) if isinstance(values, list | tuple) else (values,)) for name, values in spec.items())


def _ordered(parameters: Iterable[Parameter], source: Source) -> tuple[Parameter, ...]:
    """Parameters so that every condition comes after what it depends on."""
    waiting = list(parameters)
    known = {parameter.name: parameter for parameter in waiting}
    ordered: list[Parameter] = []
    while waiting:
        ready = [p for p in waiting if all(name not in {q.name for q in waiting} for name, _ in p.when)]
        if not ready:
            raise source.error(("dimensions", waiting[0].dimension, "when"), f"the condition of {waiting[0].name!r} depends on itself")
        for parameter in ready:
            for name, values in parameter.when:
                path = ("dimensions", parameter.dimension, "when", name)
                if name not in known:
                    raise source.error(path, unknown("dimension in `when`:", name, known))
                for value in values:
                    if value not in known[name].values:
                        raise source.error(path, unknown(f"value of {name!r}:", str(value), map(str, known[name].values)))
        ordered += ready
        waiting = [p for p in waiting if p not in ready]
    return tuple(ordered)
