"""Continues studies of earlier versions, which were named and described in fewer words."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any

from ..blocks import AutomlError
from ..studies import Study, StudySpec
from ..studies.spec import differences


def continued(storage: str, spec: StudySpec, names: Sequence[str], free: Collection[str] = ()) -> StudySpec:
    """Return the description under which the database holds this search; `spec` if it holds none.

    Earlier versions trained at a smaller size with a network's own strides, and their shipped
    spaces had published strides. A study that differs from `spec` in nothing else is continued as
    it began.

    Args:
        storage: database URL; it need not exist.
        spec: the search as this version describes it.
        names: the names under which it may be stored, the first of them its present name.
        free: settings of the fidelity that the command leaves open: those of the study stay.
    """
    for name in names:
        with contextlib.suppress(AutomlError):  # no such study, or no database: then there is nothing to continue
            stored = Study.open(storage, name).spec
            kept = {key: value for key, value in stored.settings.items() if key in _bound(free)}
            settings = {**{key: value for key, value in spec.settings.items() if key not in _bound(free)}, **kept}
            for given in (replace(spec, name=name, settings=settings), replace(spec, name=name)):
                for form in _forms(given):
                    if not differences(stored, form):
                        return form
    return spec


def _bound(free: Collection[str]) -> set[str]:
    """The settings that follow from those that are open."""
    return {*free, *(["proxy_map"] if "proxy_size" in free else [])}


def _forms(spec: StudySpec) -> Iterator[StudySpec]:
    """The search as this version describes it, then as earlier versions did."""
    yield spec
    published = {**spec.space, "dimensions": _without(spec.space.get("dimensions", {}), "strides")}
    for space in (spec.space, published):
        yield replace(spec, space=space, settings=_without(spec.settings, "proxy_map"))


def _without(data: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name != key}
