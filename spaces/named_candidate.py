"""Finds the candidate that a user names.

A reference is a candidate, its plain data, a file, an exported folder, the name of a published
network, a space, or an id in a database. This package reads no databases: `automl.studies` and
`automl.search` add the functions that do (`add_finder`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

from ..blocks import InputError
from .architecture_names import find_architecture
from .architectures import architectures
from .candidates.candidate import Candidate
from .candidates.candidate_file import FILES, read_candidate
from .skeletons import skeletons
from .space import Space, load_space, shipped_spaces
from .values.yaml_source import read_file

Reference: TypeAlias = "Candidate | Mapping[str, Any] | str | os.PathLike[str]"
"""A candidate, or something that names one (see `find_candidate`)."""

Finder: TypeAlias = Callable[[str, str, str], str]
"""Looks up a candidate: (storage, study or "" for any, id or its first digits) -> its JSON."""

_NEEDS = {"id": "automl.studies", "best": "automl.search"}
_finders: dict[str, Finder] = {}
_ID = re.compile(r"[0-9a-f]{4,64}")
OF_SPACES = ("skeleton", "baseline", "dimensions", "union")
"""Keys that tell a space file from a candidate's file: a space file has at least one of them."""


def add_finder(kind: Literal["id", "best"], finder: Finder) -> None:
    """Register the function that looks up a candidate by its "id", or the "best" of a study."""
    _finders[kind] = finder


def find_space(reference: Reference) -> Space | None:
    """Return the space that `reference` names, or None if it does not name a space.

    Spaces are those that come with automl, skeletons, and space files, as `--space` takes them.

    Raises:
        InputError: an error in the space file.
    """
    if not isinstance(reference, str | os.PathLike):
        return None
    text, path = os.fspath(reference), Path(reference)
    if os.path.isfile(path):  # False, and no error, for a name that no file can have
        data = read_file(path).data
        return load_space(path) if isinstance(data, Mapping) and any(key in data for key in OF_SPACES) else None
    several = "," in text and not os.path.exists(path)
    by_name = isinstance(reference, str) and (several or (text not in architectures() and text in _spaces()))
    return load_space(text) if by_name else None


def base_of(space: Space) -> tuple[Candidate, list[str]]:
    """Return the base network of a space, and the names of its free parameters.

    In the base network every free parameter has the skeleton's own value; the base network of a
    union is that of its first family.

    Raises:
        InputError: the base network cannot be built.
    """
    return space.base(), space.free


def find_candidate(reference: Reference, *, storage: str | None = None, spaces: bool = True) -> Candidate:
    """Return the candidate that `reference` names.

    Args:
        reference: a candidate, the dict of one, a JSON or YAML file, a folder written by `automl
            export`, the name of a published network, a space (its base network: see `base_of`), or
            a candidate of a study: its id or the first digits of it, `STUDY:ID` or `STUDY:best`. A
            file or folder of that name takes precedence.
        storage: database of the studies; None takes the environment variable AUTOML_STORAGE.
        spaces: whether the name or file of a space is accepted for its base network.

    Raises:
        InputError: there is no such candidate, or it cannot be looked up; the message says what to
            do.
    """
    if isinstance(reference, Candidate):
        return reference
    if isinstance(reference, Mapping):
        return Candidate.from_dict(reference.get("candidate", reference))
    if not isinstance(reference, str | os.PathLike):
        raise InputError(f"a candidate is given as an object, a dict, a path, a name or an id, but got {reference!r}")
    space = find_space(reference) if spaces else None
    if space is not None:
        return base_of(space)[0]
    text, path = os.fspath(reference), Path(reference)
    if os.path.exists(path) or isinstance(reference, os.PathLike) or path.suffix in FILES:
        return read_candidate(path / "config.json" if os.path.isdir(path) else path)
    study, colon, which = text.rpartition(":")
    if colon or _ID.fullmatch(text):
        return _look_up(study, which, storage)
    return find_architecture(text, others=_spaces() if spaces else ()).candidate()


def _spaces() -> list[str]:
    return [*shipped_spaces(), *skeletons()]


def _look_up(study: str, which: str, storage: str | None) -> Candidate:
    kind = "best" if which == "best" else "id"
    text = f"{study}:{which}" if study else which
    if kind == "best" and not study:
        raise InputError("best needs the name of a study: write STUDY:best")
    if kind not in _finders:
        raise InputError(f"{text!r} is looked up in a database of studies: `import {_NEEDS[kind]}` first")
    storage = storage or os.environ.get("AUTOML_STORAGE")
    if not storage:
        raise InputError(
            f"{text!r} is looked up in a database of studies: give storage=, or set AUTOML_STORAGE (automl search's own"
            " is sqlite:///automl.db)"
        )
    return Candidate.from_spec(_finders[kind](storage, study, which))
