"""Continues studies of earlier versions, which were named and described in fewer words."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from ..blocks import AutomlError
from ..studies import Study, StudySpec
from ..studies.records.spec import differences
from .data import kept_share


def continued(
    storage: str, spec: StudySpec, names: Sequence[str], free: Collection[str] = (), *, shipped: bool = False
) -> StudySpec:
    """Return the description under which the database holds this search; `spec` if it holds none.

    Earlier versions trained at a smaller size with a network's own strides, and the spaces that
    came with them had other dimensions. A study that differs from `spec` in nothing else is
    continued as it began.

    Args:
        storage: database URL; it need not exist.
        spec: the search as this version describes it.
        names: the names under which it may be stored, the first of them its present name.
        free: settings of the fidelity that the command leaves open: those of the study stay.
        shipped: whether the space comes with automl and was asked for by its name: then the space
            that the study keeps under that name is meant, as its version knew it.
    """
    for name in names:
        if (study := _opened(storage, name)) is not None:
            stored = study.spec
            kept = {key: value for key, value in stored.settings.items() if key in _bound(free)}
            settings = {**{key: value for key, value in spec.settings.items() if key not in _bound(free)}, **kept}
            for given in (replace(spec, name=name, settings=settings), replace(spec, name=name)):
                for form in _forms(given, stored.space if shipped else {}):
                    if not differences(stored, form):
                        return form
    return spec


def share_of_earlier(storage: str, names: Sequence[str]) -> float | None:
    """The share of the images that validates in the study that has one of these names; None if
    there is none, so that a new study has the usual share.

    Args:
        storage: database URL; it need not exist.
        names: the names under which the study may be stored, the first of them its present name.
    """
    for name in names:
        if (study := _opened(storage, name)) is not None:
            return kept_share(study.spec.data.get("split", {}))
    return None


def _opened(storage: str, name: str) -> Study | None:
    """The study of this name; None if there is none, or no database. Raises: AutomlError if the
    database cannot be read, since a new study would then take the place of an old one."""
    try:
        return Study.open(storage, name)
    except AutomlError as error:
        if isinstance(error.__cause__, SQLAlchemyError):
            raise
        return None


def _bound(free: Collection[str]) -> set[str]:
    """The settings that follow from those that are open."""
    return {*free, *(["proxy_map"] if "proxy_size" in free else [])}


def _forms(spec: StudySpec, former: dict[str, Any]) -> Iterator[StudySpec]:
    """The search as this version describes it, then as earlier versions did; `former` is the space
    of an earlier one."""
    same = all(former.get(key) == spec.space.get(key) for key in ("name", "image", "classes"))
    for space in (spec.space, *([former] if same else [])):
        yield replace(spec, space=space)
        yield replace(spec, space=space, settings=_without(spec.settings, "proxy_map"))


def _without(data: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name != key}
