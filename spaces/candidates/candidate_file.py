"""Reads a candidate from a JSON or YAML file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ...blocks import InputError
from ..values.yaml_source import read_file
from .candidate import Candidate

FILES = (".json", ".yaml", ".yml")
"""Endings of the files that hold a candidate."""


def read_candidate(path: Path) -> Candidate:
    """Read the candidate that a file holds, at the top level or under the key "candidate".

    The latter is how the config.json of an exported folder holds it, beside other keys.

    Raises:
        InputError: the file cannot be read, or holds no candidate.
    """
    source = read_file(path)
    if not isinstance(source.data, Mapping):
        raise InputError(f"{path}: not a candidate in JSON or YAML")
    try:
        return Candidate.from_dict(source.data.get("candidate", source.data))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
