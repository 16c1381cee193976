"""Keeps what was computed from all images of the cache beside them, so that it is computed once."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from numpy.typing import NDArray

from ...studies.writing.atomic_file import write_text
from .mapped import Mapped


def noted(images: NDArray[Any], name: str, make: Callable[[], Any]) -> Any:
    """What `make` gives, which is plain JSON; for mapped images it is kept under a name.

    Floats are kept to the last bit. The name must tell apart what else it was computed from.
    """
    if not isinstance(images, Mapped) or images.file is None:
        return make()
    note = images.file.with_name(f"{name}.json")
    with suppress(OSError, ValueError):
        return json.loads(note.read_text(encoding="ascii"))
    found = make()
    with suppress(OSError):  # a cache that may only be read, or a full disk
        write_text(note, json.dumps(found))
    return found
