"""From what a user calls a network to the candidate: an object, plain data, a file, an exported folder, a published name, or an id in a study's database.

Databases are not this package's matter: `automl.studies` and `automl.search` add here who finds what they hold.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

from ..blocks import InputError
from .candidate import Candidate
from .names import find_architecture
from .source import read_file

Reference: TypeAlias = "Candidate | Mapping[str, Any] | str | os.PathLike[str]"
"""What stands for a candidate."""

Finder: TypeAlias = Callable[[str, str, str], str]
"""(storage, study or "" for any, id or its beginning) -> the candidate's JSON."""

_NEEDS = {"id": "automl.studies", "best": "automl.search"}
_finders: dict[str, Finder] = {}
_ID = re.compile(r"[0-9a-f]{4,64}")
FILES = (".json", ".yaml", ".yml")


def add_finder(kind: Literal["id", "best"], finder: Finder) -> None:
    """Let `finder` look up candidates by their "id", or the "best" of a study."""
    _finders[kind] = finder


def find_candidate(reference: Reference, *, storage: str | None = None) -> Candidate:
    """The candidate that `reference` stands for.

    Args:
        reference: a candidate, the dict of one, a JSON or YAML file, a folder written by `automl export`, the name of a published network, or a candidate of a
            study: its id or the beginning of it, `STUDY:ID` or `STUDY:best`. A file or folder of that name comes first.
        storage: database of the studies; without, that of the variable AUTOML_STORAGE.

    Raises:
        InputError: there is no such candidate, or it cannot be looked up; says what to do.
    """
    if isinstance(reference, Candidate):
        return reference
    if isinstance(reference, Mapping):
        return Candidate.from_dict(reference.get("candidate", reference))
    if not isinstance(reference, str | os.PathLike):
        raise InputError(f"a candidate is given as an object, a dict, a path, a name or an id, but got {reference!r}")
    text, path = os.fspath(reference), Path(reference)
    if path.exists() or isinstance(reference, os.PathLike) or path.suffix in FILES:
        return _read(path / "config.json" if path.is_dir() else path)
    study, colon, which = text.rpartition(":")
    if colon or _ID.fullmatch(text):
        return _look_up(study, which, storage)
    return find_architecture(text).candidate()


def _read(path: Path) -> Candidate:
    source = read_file(path)
    if not isinstance(source.data, Mapping):
        raise InputError(f"{path}: not a candidate in JSON or YAML")
    try:
        return Candidate.from_dict(source.data.get("candidate", source.data))  # the file of an exported folder holds it beside other things
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
        raise InputError(f"{text!r} is looked up in a database of studies: give storage=, or set AUTOML_STORAGE (automl search's own is sqlite:///automl.db)")
    return Candidate.from_dict(json.loads(_finders[kind](storage, study, which)))
