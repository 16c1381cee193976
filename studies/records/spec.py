"""What makes two searches the same study, and how two that are not differ."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from ...blocks.documented import documented
from ...blocks.errors import InputError
from ...spaces.metrics import DEFAULT_AXIS
from ..writing.json_values import JSON, plain_dict
from .measure import metric_of

_ABSENT = object()
_SHOWN = 12  # differences in one message
_WIDTH = 40  # characters of one value

DESCRIPTIVE = ("name", "native", "preprocessing", "reading")
"""Entries about the data that are stored but do not identify a study: data of equal contents are
the same data, wherever they lie."""


@documented
@dataclass(frozen=True, kw_only=True)
class StudySpec:
    """What makes two searches the same study: results of one are results of the other."""

    name: str
    """Under which it is found in the database."""
    space: dict[str, Any]
    """The networks allowed, as plain JSON."""
    budget: str
    """The bounds on cost as canonical text, e.g. `macs<=400000000`; empty for none."""
    data: dict[str, Any]
    """Name, fingerprint, classes, channels, split …; those in `DESCRIPTIVE` may change."""
    settings: dict[str, Any]
    """Image size, proxy size, fidelity, recipe, seed …, `cost`, the cost metric of the front where
    it is not MACs, and `metric`, the quality measure where it is not accuracy."""

    def __post_init__(self) -> None:
        if (
            not isinstance(self.name, str)
            or not self.name.strip()
            or not self.name.isprintable()
            or len(self.name) > 200
        ):
            raise InputError(f"the name of a study must be 1 to 200 printable characters, but got {_short(self.name)}")
        if not isinstance(self.budget, str):
            raise InputError(f"budget must be text such as 'macs<=400000000', but got {self.budget!r}")
        for name in ("space", "data", "settings"):
            object.__setattr__(
                self, name, plain_dict(getattr(self, name), name)
            )  # tuples become lists, as they will be when read back

    @property
    def cost(self) -> str:
        """The cost metric that is the axis of the front; `settings` need not name MACs."""
        return str(self.settings.get("cost", DEFAULT_AXIS))

    @property
    def metric(self) -> str:
        """The quality measure that the search maximises; `settings` need not name accuracy."""
        return metric_of(self.settings)


def smallest_map(settings: Mapping[str, Any]) -> int:
    """Pixels a side that the last map keeps in trainings below the deployment size, by fitted
    strides; 0 if networks keep their own, as in studies of earlier versions."""
    return int(settings.get("proxy_map", 0))


def strides_fitted(settings: Mapping[str, Any]) -> str:
    """How strides are fitted in trainings, to follow their size in a sentence; empty if they are
    the candidates' own, as in studies of earlier versions."""
    smallest = smallest_map(settings)
    return f", strides fitted to a last map of {smallest} px or more" if smallest else ""


def differences(stored: StudySpec, given: StudySpec) -> list[tuple[str, object, object]]:
    """(dotted place, value stored, value given) for each difference, in the order of the fields;
    equal specs give []."""
    names = [field.name for field in fields(StudySpec)]
    return [
        found
        for name in names
        for found in _compare(name, *(_essential(name, getattr(one, name)) for one in (stored, given)))
    ]


def _essential(name: str, value: Any) -> Any:
    """A field without what may change; data without a fingerprint are known by their name alone."""
    if name == "settings":  # a default that is named is the same search
        return {**value, "cost": value.get("cost", DEFAULT_AXIS), "metric": metric_of(value)}
    if name != "data" or not value.get("fingerprint"):
        return value
    return {key: item for key, item in value.items() if key not in DESCRIPTIVE}


def refuse_if_different(stored: StudySpec, given: StudySpec, shown: str) -> None:
    """Raises: InputError in one line with each difference, if the study in the database `shown` is
    not the one given."""
    found = differences(stored, given)
    if not found:
        return
    place, old, new = found[0]
    old, new = _pair(old, new)
    parts = [f"{place}: {old} in the database, {new} now"]
    parts += ["{}: {} / {}".format(place, *_pair(old, new)) for place, old, new in found[1:_SHOWN]]
    if len(found) > _SHOWN:
        parts.append(f"and {len(found) - _SHOWN} more")
    raise InputError(
        f"study {given.name!r} in {shown} is another search ({'; '.join(parts)}): give this one another name by --study"
    )


def _compare(place: str, stored: object, given: object) -> Iterator[tuple[str, object, object]]:
    if isinstance(stored, Mapping) and isinstance(given, Mapping):
        for key in dict.fromkeys([*stored, *given]):
            yield from _compare(f"{place}.{key}", stored.get(key, _ABSENT), given.get(key, _ABSENT))
    elif isinstance(stored, list) and isinstance(given, list) and len(stored) == len(given):
        for index, (old, new) in enumerate(zip(stored, given, strict=True)):
            yield from _compare(f"{place}.{index}", old, new)
    elif stored != given or isinstance(stored, bool) is not isinstance(given, bool):  # to Python True is 1
        yield place, stored, given


def _pair(old: object, new: object) -> tuple[str, str]:
    """Both values, cut to the neighbourhood of their first difference."""
    texts = _text(old), _text(new)
    if max(map(len, texts)) <= _WIDTH:
        return texts
    same = next((index for index, (a, b) in enumerate(zip(*texts, strict=False)) if a != b), min(map(len, texts)))
    start = 0 if same < _WIDTH - 10 else same - 10
    return _cut(texts[0], start), _cut(texts[1], start)


def _cut(text: str, start: int = 0) -> str:
    return ("…" if start else "") + text[start : start + _WIDTH] + ("…" if start + _WIDTH < len(text) else "")


def _text(value: JSON | object) -> str:
    if value is _ABSENT:
        return "(absent)"
    if isinstance(value, str):
        return value if value and value.isprintable() else repr(value)
    return json.dumps(value, ensure_ascii=False)


def _short(value: object) -> str:
    return _cut(repr(value))
