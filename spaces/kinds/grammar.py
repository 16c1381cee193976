"""Reads the dimensions of a space file into parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...blocks import InputError
from ...blocks.errors import unknown
from ..skeletons import Skeleton, skeleton, skeletons
from ..values.parameters import Parameter, Value, range_values
from ..values.yaml_source import Source

KEYS = ("low", "high", "step", "choices", "each", "only", "when")
"""Keys that the mapping of a dimension may have."""
MOST_LAYERS = 1000
"""Largest number of layers of one stage."""


def parameters(source: Source, base: Skeleton, dimensions: Mapping[str, Any]) -> tuple[Parameter, ...]:
    """Read `dimensions` into parameters; each follows those that its conditions depend on.

    Raises:
        InputError: an error in the file; the message gives file, line, key and the nearest known
            name.
    """
    network_and_stage: list[Parameter] = []
    of_layers: list[tuple[str, Mapping[str, Any]]] = []
    for dimension, written in dimensions.items():
        spec = (
            written
            if isinstance(written, Mapping)
            else {"choices": written if isinstance(written, list | tuple) else [written]}
        )
        if spec.get("each") == "layer":
            of_layers.append((str(dimension), spec))
        else:
            network_and_stage += _of_dimension(source, base, str(dimension), spec, ())
    for stage in range(len(base.stages)):
        if (most := _most_layers(base, stage, network_and_stage)) > MOST_LAYERS:
            raise source.error(
                ("dimensions",),
                f"a stage must have at most {MOST_LAYERS:,} layers, but stage {stage + 1} may have {most:,}",
            )
    found = list(network_and_stage)
    for dimension, spec in of_layers:
        found += _of_dimension(source, base, dimension, spec, network_and_stage)
    _once(source, found)
    return _ordered([_resolved(source, parameter, found) for parameter in found], source)


def read_start(source: Source, known: Sequence[Parameter]) -> tuple[dict[str, Value], ...]:
    """Read `start`: a list of mappings from parameters to values, for some of the parameters.

    Raises:
        InputError: it is none, or names an unknown parameter or value, or one without an effect.
    """
    entries = source.data.get("start") or []
    if not isinstance(entries, list | tuple) or not all(isinstance(entry, Mapping) for entry in entries):
        raise source.error(("start",), f"start must be a list of mappings such as {{depth: 1.0}}, but got {entries!r}")
    by_name = {parameter.name: parameter for parameter in known}
    for index, entry in enumerate(entries):
        for name, value in entry.items():
            if name not in by_name:
                raise source.error(("start", index, name), unknown("parameter", str(name), list(by_name)))
            if value not in by_name[name].values:
                raise source.error(
                    ("start", index, name), unknown(f"value of {name!r}", str(value), map(str, by_name[name].values))
                )
            for other, values in by_name[name].when:
                if other in entry and entry[other] not in values:
                    raise source.error(
                        ("start", index, name),
                        f"{name!r} has an effect only where {other!r} is {' or '.join(map(str, values))}, but it is"
                        f" {entry[other]}",
                    )
    return tuple(dict(entry) for entry in entries)


def _of_dimension(
    source: Source, base: Skeleton, dimension: str, spec: Mapping[str, Any], known: Sequence[Parameter]
) -> list[Parameter]:
    """Read one dimension; the parameters `known` determine how many layers a stage may have."""
    path = ("dimensions", dimension)
    for key in spec:
        if key not in KEYS:
            raise source.error((*path, key), unknown(f"key of the dimension {dimension!r}:", str(key), KEYS))
    bundles = _bundles(source, base, dimension, spec.get("choices"))
    sets = {name for bundle in bundles for name in bundle} if bundles else {dimension}
    for name in sets:
        if name not in base.dimensions():
            raise source.error(path, _unknown(base, name))
    try:
        values, step = (tuple(spec["choices"]), None) if bundles else _values(spec)
        for value in () if bundles else values:
            base.check(dimension, value)
    except InputError as error:
        raise source.error(path, f"{dimension}: {error}") from None
    each = spec.get("each", "network")
    if each not in ("network", "stage", "layer"):
        raise source.error((*path, "each"), unknown("value of `each`:", str(each), ["network", "stage", "layer"]))
    for name in sets if each != "network" else ():
        if not base.may_differ(name, each):
            able = sorted(base.per_stage if each == "stage" else base.per_layer)
            whole = "one for the whole network" if not base.may_differ(name, "stage") else "one for a whole stage"
            raise source.error((*path, "each"), f"{name!r} is {whole}; for each {each} there are {', '.join(able)}")
    when = _when(source, path, spec.get("when", {}))
    places: list[tuple[int | None, int | None]] = [(None, None)]
    if each != "network":
        chosen = _only(source, path, spec.get("only"), len(base.stages))
        places = [
            (s, layer) for s in chosen for layer in (range(_most_layers(base, s, known)) if each == "layer" else [None])
        ]
    elif "only" in spec:
        raise source.error((*path, "only"), "`only` names stages, so it goes with each: stage or each: layer")
    return [
        Parameter(
            name=".".join([dimension, *(str(index + 1) for index in place if index is not None)]),
            dimension=dimension,
            stage=place[0],
            layer=place[1],
            values=values,
            bundles=bundles,
            step=step,
            when=when,
        )
        for place in places
    ]


def _unknown(base: Skeleton, name: str) -> InputError:
    """Make the error for a dimension that the skeleton lacks; it names skeletons that have it."""
    others = [other for other in skeletons() if name in skeleton(other).dimensions()]
    if others:
        return InputError(f"the {base.name} skeleton has no {name!r}; it is a dimension of {', '.join(others)}")
    return unknown(f"dimension of the {base.name} skeleton:", name, base.dimensions())


def _bundles(source: Source, base: Skeleton, dimension: str, choices: Any) -> tuple[Mapping[str, Value], ...]:
    """Read the choices of a bundle: one mapping, dimension → value, for each choice."""
    if not isinstance(choices, Mapping):
        return ()
    path = ("dimensions", dimension, "choices")
    if dimension in base.dimensions():
        raise source.error(path, f"a bundle of dimensions needs a name of its own, but {dimension!r} is a dimension")
    for name, settings in choices.items():
        if not isinstance(name, str) or not isinstance(settings, Mapping) or not settings:
            raise source.error(
                (*path, name),
                f"a choice of a bundle is a name and what it sets, as in small: {{kernel: 3}}, but got {name!r}:"
                f" {settings!r}",
            )
        for key, value in settings.items():
            if key not in base.dimensions():
                raise source.error((*path, name, key), _unknown(base, str(key)))
            try:
                base.check(key, value)
            except InputError as error:
                raise source.error((*path, name, key), f"{key}: {error}") from None
    if not choices:
        raise source.error(path, "choices must name at least one")
    return tuple(dict(settings) for settings in choices.values())


def _values(spec: Mapping[str, Any]) -> tuple[tuple[Value, ...], float | None]:
    if "choices" in spec:
        if {"low", "high", "step"} & set(spec):
            raise InputError("a dimension has either choices or low, high and step, but got both")
        choices = spec["choices"]
        if (
            not isinstance(choices, list | tuple)
            or not choices
            or not all(isinstance(value, str | int | float) for value in choices)
        ):
            raise InputError(f"choices must be a list of at least one text or number, but got {choices!r}")
        if len({(isinstance(value, bool), value) for value in choices}) != len(choices):
            raise InputError(f"choices must differ from each other, but got {choices!r}")
        return tuple(choices), None
    missing = [key for key in ("low", "high", "step") if key not in spec]
    if missing:
        raise InputError(f"a range needs low, high and step, but {', '.join(missing)} is missing")
    return range_values(spec["low"], spec["high"], spec["step"]), spec["step"]


def _only(source: Source, path: tuple[str, str], only: Any, stages: int) -> list[int]:
    if only is None:
        return list(range(stages))
    chosen = only if isinstance(only, list | tuple) else [only]
    if (
        not chosen
        or not all(type(stage) is int and 1 <= stage <= stages for stage in chosen)
        or len(set(chosen)) != len(chosen)
    ):
        raise source.error((*path, "only"), f"`only` names stages from 1 to {stages}, each once, but got {only!r}")
    return sorted(stage - 1 for stage in chosen)


def _most_layers(base: Skeleton, stage: int, known: Iterable[Parameter]) -> int:
    """Return the largest number of layers that a stage can have."""
    local = base.at(stage, 0)
    most = {name: local[name] for name in ("repeats", "depth")}
    for parameter in known:
        for name in most:
            if name in parameter.sets and parameter.stage in (None, stage):
                most[name] = max([*parameter.of(name, local[name]), *([local[name]] if parameter.when else [])])
    return int(base.repeats({**local, **most}))


def _when(source: Source, path: tuple[str, str], spec: Any) -> tuple[tuple[str, tuple[Value, ...]], ...]:
    if not isinstance(spec, Mapping):
        raise source.error((*path, "when"), f"when must be a mapping of dimension to values, but got {spec!r}")
    return tuple(
        (str(name), tuple(values) if isinstance(values, list | tuple) else (values,)) for name, values in spec.items()
    )


def _resolved(source: Source, parameter: Parameter, found: Sequence[Parameter]) -> Parameter:
    """Replace the dimension in each condition by a parameter of that dimension.

    It is the parameter of the same layer or stage if there is one.
    """
    from dataclasses import replace

    known = {other.name: other for other in found}
    conditions = []
    for name, values in parameter.when:
        path = ("dimensions", parameter.dimension, "when", name)
        place = [
            str(index + 1) for index in (parameter.stage, parameter.layer) if index is not None and "." not in name
        ]
        tries = [".".join([name, *place[:length]]) for length in range(len(place), -1, -1)]
        own = next((known[text] for text in tries if text in known), None)
        if own is None:
            raise source.error(path, unknown("dimension in `when`:", name, known))
        for value in values:
            if value not in own.values:
                raise source.error(path, unknown(f"value of {own.name!r}:", str(value), map(str, own.values)))
        conditions.append((own.name, values))
    return replace(parameter, when=tuple(conditions))


def _once(source: Source, found: Sequence[Parameter]) -> None:
    """Check that no dimension is set twice at one place.

    Raises:
        InputError: two dimensions of the file set it.
    """
    seen: dict[tuple[str, int | None], str] = {}
    for parameter in found:
        for name in parameter.sets:
            for (other, stage), dimension in seen.items():
                if (
                    other == name
                    and dimension != parameter.dimension
                    and (None in (stage, parameter.stage) or stage == parameter.stage)
                ):
                    raise source.error(
                        ("dimensions", parameter.dimension),
                        f"{name!r} is set by {dimension!r} and by {parameter.dimension!r}",
                    )
            seen[name, parameter.stage] = parameter.dimension


def _ordered(parameters: Iterable[Parameter], source: Source) -> tuple[Parameter, ...]:
    """Sort parameters so that each follows those on which its activity depends.

    These are the parameters in its conditions, and for a layer, those that determine the number of
    layers.
    """
    waiting = sorted(parameters, key=lambda parameter: parameter.layer is not None)
    depths = [parameter for parameter in waiting if parameter.sets_depth]

    def needs(parameter: Parameter) -> set[str]:
        own = {name for name, _ in parameter.when}
        return (
            own
            if parameter.layer is None
            else own | {depth.name for depth in depths if depth.stage in (None, parameter.stage)}
        )

    ordered: list[Parameter] = []
    while waiting:
        names = {parameter.name for parameter in waiting}
        ready = [parameter for parameter in waiting if not needs(parameter) & names]
        if not ready:
            raise source.error(
                ("dimensions", waiting[0].dimension, "when"), f"the condition of {waiting[0].name!r} depends on itself"
            )
        ordered += ready
        waiting = [parameter for parameter in waiting if parameter not in ready]
    return tuple(ordered)
