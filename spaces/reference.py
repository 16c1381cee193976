"""From what a user calls a network to the candidate: an object, plain data, a file, an exported
folder, a published name, a space, an id in a database.

Databases are not this package's matter: `automl.studies` and `automl.search` add here who finds
what they hold.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ..blocks import InputError
from .architectures import architectures
from .candidate import Candidate
from .names import find_architecture
from .yaml_source import read_file

if TYPE_CHECKING:
    from .space import Space

Reference: TypeAlias = "Candidate | Mapping[str, Any] | str | os.PathLike[str]"
"""What stands for a candidate."""

Finder: TypeAlias = Callable[[str, str, str], str]
"""(storage, study or "" for any, id or its beginning) -> the candidate's JSON."""

_NEEDS = {"id": "automl.studies", "best": "automl.search"}
_finders: dict[str, Finder] = {}
_ID = re.compile(r"[0-9a-f]{4,64}")
FILES = (".json", ".yaml", ".yml")
OF_SPACES = ("skeleton", "baseline", "dimensions")
"""Keys of which a space file has one and a candidate's none."""


def add_finder(kind: Literal["id", "best"], finder: Finder) -> None:
    """Let `finder` look up candidates by their "id", or the "best" of a study."""
    _finders[kind] = finder


def find_space(reference: Reference) -> Space | None:
    """The space that `reference` names, as `--space` takes it: one that comes with automl, a
    skeleton, or a space file; None for whatever else it is.

    Raises:
        InputError: an error in the file.
    """
    from .space import load_space  # which reads candidates in turn

    if not isinstance(reference, str | os.PathLike):
        return None
    text, path = os.fspath(reference), Path(reference)
    if path.is_file():
        data = read_file(path).data
        return load_space(path) if isinstance(data, Mapping) and any(key in data for key in OF_SPACES) else None
    by_name = isinstance(reference, str) and text not in architectures() and text in _spaces()
    return load_space(text) if by_name else None


def base_of(space: Space) -> tuple[Candidate, list[str]]:
    """The network of a space with everything that it leaves free as the skeleton has it by itself,
    and the names of what is free.

    Raises:
        InputError: that network cannot be built.
    """
    settings: dict[str, Any] = {}
    for parameter in space.parameters:
        if len(parameter.values) == 1 and space.active(parameter, settings):
            settings[parameter.name] = parameter.values[0]
    return space.candidate(settings), [parameter.name for parameter in space.parameters if len(parameter.values) > 1]


def find_candidate(reference: Reference, *, storage: str | None = None, spaces: bool = True) -> Candidate:
    """The candidate that `reference` stands for.

    Args:
        reference: a candidate, the dict of one, a JSON or YAML file, a folder written by `automl
            export`, the name of a published network, a space (its base: see `base_of`), or a
            candidate of a study: its id or the beginning of it, `STUDY:ID` or `STUDY:best`. A file
            or folder of that name comes first.
        storage: database of the studies; without, that of the variable AUTOML_STORAGE.
        spaces: whether a space's name or file stands for its base.

    Raises:
        InputError: there is no such candidate, or it cannot be looked up; says what to do.
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
    if path.exists() or isinstance(reference, os.PathLike) or path.suffix in FILES:
        return _read(path / "config.json" if path.is_dir() else path)
    study, colon, which = text.rpartition(":")
    if colon or _ID.fullmatch(text):
        return _look_up(study, which, storage)
    return find_architecture(text, others=_spaces() if spaces else ()).candidate()


def _spaces() -> list[str]:
    from .skeletons import skeletons
    from .space import shipped_spaces

    return [*shipped_spaces(), *skeletons()]


def _read(path: Path) -> Candidate:
    source = read_file(path)
    if not isinstance(source.data, Mapping):
        raise InputError(f"{path}: not a candidate in JSON or YAML")
    try:
        return Candidate.from_dict(
            source.data.get("candidate", source.data)
        )  # the file of an exported folder holds it beside other things
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _look_up(study: str, which: str, storage: str | None) -> Candidate:
    kind = "best" if which == "best" else "id"
    text = f"{study}:{which}" if study else which
    if kind == "best" and not study:
        raise InputError("the best is that of a study: write STUDY:best")
    if kind not in _finders:
        raise InputError(f"{text!r} is looked up in a database of studies: `import {_NEEDS[kind]}` first")
    storage = storage or os.environ.get("AUTOML_STORAGE")
    if not storage:
        raise InputError(
            f"{text!r} is looked up in a database of studies: give storage=, or set AUTOML_STORAGE (automl search's own"
            " is sqlite:///automl.db)"
        )
    return Candidate.from_dict(json.loads(_finders[kind](storage, study, which)))
